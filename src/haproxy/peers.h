#pragma once
// `peers` sections (configuration.txt 11.2): other instances that share stick tables with this one. What happens at run time is
// sticky/peers.h.
#include <vector>

#include "haproxy/scope.h"
#include "sticky/peers.h"

namespace weir::haproxy {

struct PeersSection {
  Proxy* proxy = nullptr;  // its listener, servers and logs
  Words default_bind;
  const model::Server* local = nullptr;  // as a server of it; null: no server line makes it
  ssl_ctx_st* local_tls = nullptr;  // towards the process that follows this one, where no server says it
  bool is_here = false;  // a line names this instance
  Where peer_line, bind_line;  // the first ones; no source: there is none
  bool disabled = false;
  std::vector<sticky::StickTable*> tables;
  sticky::PeersConf conf;
};

// The table of a peers section, by SECTION/TABLE. Null: there is none.
sticky::StickTable* find_peers_table(const Scope& scope, Str name);
void add_peers_tables(const Scope& scope, std::vector<sticky::StickTable*>& all);
// When all sections are bound: which tables peers share. They must not be open yet.
void share_tables(Scope& scope);
// Makes listeners and services of the sections; tables are open.
void make_peers(Scope& scope);

}  // namespace weir::haproxy
