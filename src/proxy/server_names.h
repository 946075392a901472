#pragma once
// Servers whose addresses come from names while the process runs (HAProxy's `resolvers`, nginx's `resolve`). The first shard looks
// names up again and again and gives their servers new addresses; all shards read them at their next pick. What was
// found lies in shared memory too, so that the next configuration begins with it.
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/model.h"
#include "net/cidr.h"
#include "proxy/names.h"

namespace weir::proxy {

// How long what was known last counts while this is the answer, in ms.
struct NameHolds {
  uint32_t no_such_name = 30000;
  uint32_t refused = 30000;
  uint32_t timeout = 30000;
  uint32_t other = 30000;
  uint32_t obsolete = 0;  // an address that is not among the others any more
};

// What all servers of one name share; part of the model.
struct ServerName {
  Names* names = nullptr;
  Str host;
  bool services = false;  // the name has SRV records: hosts, ports and weights
  bool by_priority = false;  // of services: those of the best priority are for servers, the others for backups
  int32_t weights = 256;  // of services: 65535 is that much
  uint16_t port = 0;  // else, of all addresses
  uint8_t prefer = AF_UNSPEC;  // whose addresses go first
  std::vector<net::Cidr> nets;  // and before them those of these networks
  bool duplicates = false;  // more servers than addresses share them
  uint32_t every_ms = 0;  // between two questions; 0: when the answer is not good any more
  uint32_t retry_ms = 1000;  // without an answer, when every_ms is 0
  NameHolds holds;
  // There are more addresses than the pool has places for. Told once for each change; null: nobody wants to know.
  void (*exceeds)(const model::Pool& pool, Str name, size_t addresses, size_t places) = nullptr;
  // A server is about to get an address where it had none, or to lose its own, for that reason; `move` does it. Called on the first
  // shard; null: nobody wants to know.
  void (*moving)(const model::Server& server, net::DnsStatus why, const std::function<void()>& move) = nullptr;
};

class ServerNames {
 public:
  explicit ServerNames(Shard& shard);
  ~ServerNames();
  ServerNames(const ServerNames&) = delete;
  ServerNames& operator=(const ServerNames&) = delete;
  // The server has that name from now on, without those that it shared one with.
  void rename(const model::Server& server, const std::string& host);

 private:
  class Watch;
  struct Less {
    bool operator()(const net::Addr& a, const net::Addr& b) const;
  };
  void move(const model::Server& server, const net::Addr* to, net::DnsStatus why = net::DnsStatus::ok);
  void set_address(const model::Server& server, const net::Addr* to);

  Shard& shard_;
  std::vector<std::unique_ptr<Watch>> watches_;
  std::set<net::Addr, Less> addresses_;  // that servers have, or had: somebody may still read them
};

}  // namespace weir::proxy
