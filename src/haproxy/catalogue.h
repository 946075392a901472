#pragma once
// What the runtime socket and the statistics page are told about HAProxy's proxies and servers, and where the runtime
// socket listens. Called once, before the shards start.
#include <string>
#include <vector>

#include "config/tree.h"
#include "net/socket_options.h"
#include "stats/catalogue.h"

namespace weir::haproxy {

// Adds the proxies and fills in their servers, which have their places already. Points into the model; without HAProxy
// sections it does nothing.
void fill_catalogue(const model::Model& model, stats::Catalogue& catalogue);

stats::ServerEntry entry_of(const model::Server& server);

// One socket of a `stats socket` line: an address to bind, or an inherited descriptor.
struct RuntimeAddress {
  std::string text;  // "unix@/run/x.sock", "ipv4@127.0.0.1:9999"
  net::Addr addr;
  int fd = -1;
  std::string level;
  Str severity;
  bool v6only = false;
  int mode = -1;
  int uid = -1;
  int gid = -1;
  int backlog = 0;
  Str interface;
  net::SocketOptions socket;
  bool pair = false;  // `fd` is one end of a `sockpair@`: connections come over it as descriptors
  bool gives_sockets = false;  // `expose-fd listeners`
  config::Where where;
};
// "unix@/run/x.sock", "ipv4@127.0.0.1:9999", as HAProxy shows addresses of sockets.
std::string socket_text(const net::Addr& addr);
// Empty for models without HAProxy sections. Paths in the result live in the model's arena.
std::vector<RuntimeAddress> runtime_addresses(model::Model& model);

}  // namespace weir::haproxy
