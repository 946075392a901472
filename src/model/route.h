#pragma once
// How connections get to a server where that is not the plain way: over a proxy, from an address of ours, to where the client
// went. Part of the model; servers without any of it have none.
#include <cstdint>

#include "net/addr.h"
#include "net/source.h"

namespace weir::proxy {
class Transaction;
}

namespace weir::model {

struct Server;

struct Route {
  net::Addr socks4;  // the proxy; AF_UNSPEC: none
  bool client_address = false;  // the server has no address of its own: it is where the client went
  bool client_port = false;  // it is on the port that the client went to, and so many behind it
  int32_t port_offset = 0;
  const net::Source* source = nullptr;  // null: the system's choice
  // The local end for one exchange, in its arena; null: there is none, and no connection is made. Null itself: `source`.
  const net::Source* (*source_of)(proxy::Transaction& txn, const Server& server) = nullptr;
  // A name by which idle connections are told apart, in place of those of TLS; 0: the exchange has none. Null: no exchange has.
  uint64_t (*name_of)(proxy::Transaction& txn, const Server& server) = nullptr;
  int32_t low_idle = 0;  // with fewer idle connections to it, over all shards, none changes its shard
  int32_t most_idle = -1;  // idle connections of all shards; -1: no limit of its own
  // Answers in the server's place. False: the exchange is to go to the server. Null: all do.
  bool (*answers)(proxy::Transaction& txn, const Server& server) = nullptr;

  bool moves() const { return client_address || client_port; }
};

}  // namespace weir::model
