#pragma once
// `listen` and `server_name`: which server a connection and a Host belong to.
#include <string>
#include <vector>

#include "nginx/host_table.h"
#include "nginx/module.h"
#include "stats/proxy_counters.h"
#include "stats/standing.h"

namespace weir::nginx {

// The servers of one address, by name (ngx_http_find_virtual_server's order: exact, longest leading wildcard, longest
// trailing wildcard, first regular expression).
struct Names {
  ServerBlock* fallback = nullptr;  // default_server, or the first
  HostNames<ServerBlock*> names;
  std::vector<ServerBlock*> servers;  // all of the address, in the file's order
  std::vector<std::pair<const expr::Regex*, ServerBlock*>> regexes;
  bool simple = true;  // one server and no captures wanted: no look-up

  // `host` is lower case without port. Null `regex` unless a regular expression matched (for its captures).
  ServerBlock* find(Str host, const expr::Regex** regex) const;
};

// What a listener's `conf` points to. A wildcard listener also serves more specific addresses of its port.
struct Address {
  Names any;
  std::vector<std::pair<net::Addr, Names*>> specific;
  const Http* http = nullptr;
  stats::ProxyCounters* counters = nullptr;  // null: nobody looks at statistics
  stats::FrontStanding* standing = nullptr;  // null likewise
};

// What a server calls itself: its first name, ".example.com" without the dot.
Str own_name(const ServerBlock& server);

struct ListenConf;
extern const Module kListenModule;

void build_listeners(Scope& scope);

}  // namespace weir::nginx
