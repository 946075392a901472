#pragma once
// `resolvers` sections, and what server lines say about them (configuration.txt 5.3).
#include "haproxy/scope.h"
#include "proxy/server_names.h"

namespace weir::stats {
struct Catalogue;
}

namespace weir::haproxy {

struct Resolvers {
  Str name;
  Where where;
  std::vector<Str> server_names;  // by number among the rules'
  proxy::NameRules rules;
  proxy::NameHolds holds;
  uint32_t valid_ms = 10000;
  uint32_t resolve_ms = 1000;
  proxy::Names* names = nullptr;  // once the section is complete
};

// Binds a server option about names; false: it is another one.
bool take_name_option(Scope& scope, ResolveOptions& o, Str name, Words args);
// Once all sections are there: servers with `resolvers` follow their names.
void follow_names(Scope& scope, Proxy& proxy);
// Likewise for rules that name sections.
void find_wanted_resolvers(Scope& scope);
// Says that a server's name has an address again, or none any more. For proxy::ServerName::moving.
void tell_resolution(const model::Server& server, net::DnsStatus why, const std::function<void()>& move);
void list_resolvers(const Global& global, stats::Catalogue& catalogue);

}  // namespace weir::haproxy
