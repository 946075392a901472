// See haproxy/peers.h: the section and its words.
#include "haproxy/peers.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "haproxy/bind.h"
#include "haproxy/bind_line.h"
#include "haproxy/personality.h"
#include "haproxy/server_line.h"
#include "haproxy/stick.h"
#include "haproxy/tables.h"
#include "haproxy/tls.h"
#include "haproxy/traffic_log.h"

namespace weir::haproxy {
namespace {

using sticky::StickTable;

PeersSection& current(Scope& scope) {
  return *scope.global.peers.back();
}

// -L, `localpeer`, or the name of the host.
Str local_name(Scope& scope) {
  Str& name = scope.global.local_peer;
  if (!name.empty()) return name;
  char host[256] = {};
  if (const char* given = getenv("HAPROXY_LOCALPEER"))
    name = scope.keep(given);
  else if (gethostname(host, sizeof host - 1) == 0)
    name = scope.keep(host);
  return name;
}

void bind_section(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  const Word& name = d.words[1];
  for (const PeersSection* other : scope.global.peers)
    if (other->conf.name == name.text)
      scope.error(
          name.where, fmt::format("another peers section is called '{}'", name.text), {},
          fmt::format("peers section '{}' has the same name as another peers section declared at {}:{}.", name.text,
                      other->proxy->where.source ? other->proxy->where.source->path : "", other->proxy->where.line));
  auto* section = scope.arena.own<PeersSection>();
  section->conf.name = name.text;
  section->proxy = scope.arena.own<Proxy>();
  section->proxy->name = scope.keep(fmt::format("peers@{}", name.text));
  section->proxy->where = d.where;
  scope.global.peers.push_back(section);
  scope.proxy = section->proxy;
  bind_lines(scope, d, kPeers);
  scope.proxy = nullptr;
}

bool refuse_second_listener(Scope& scope, const PeersSection& section, const Where& where) {
  if (section.proxy->listeners.empty()) return false;
  scope.error(where, "a peers section listens at one address", {},
              "One listener per \"peers\" section is authorized but another is already configured.");
  return true;
}

void listen(Scope& scope, PeersSection& section, const Word& address, Words options, const Where& where) {
  if (refuse_second_listener(scope, section, where)) return;
  const Words lists[] = {section.default_bind, options};
  if (listen_at(scope, address, lists, where) && section.proxy->listeners.size() > 1)
    scope.error(address.where, fmt::format("'{}' is more than one address", address.text),
                "a peers section listens at one address",
                "Only one listener per \"peers\" section is authorized. Multiple listening addresses or port range are "
                "not supported.");
}

bool mixes(Scope& scope, const Where& other, const Where& where) {
  if (!other.source) return false;
  scope.error(where, "a peers section has 'peer' lines, or a 'bind' line with 'server' lines",
              "write server in place of peer", "mixing \"peer\" and \"bind\" line is forbidden");
  return true;
}

void bind_bind(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  PeersSection& section = current(scope);
  if (mixes(scope, section.peer_line, d.where)) return;
  section.bind_line = d.where;
  Words words = args_of(d, row);
  listen(scope, section, words[0], words.subspan(1), d.where);
}

void bind_default_bind(void* s, const Directive& d, const Row& row) {
  current(scope_of(s)).default_bind = args_of(d, row);
}

// What makes no sense for peers, though servers have it.
void warn_of_options(Scope& scope, const ServerOptions& o, const Directive& d) {
  if (o.init_addr.empty() && o.resolve.section.text.empty() && !o.check.on && !o.check.agent_on) return;
  scope.warning(d.where, "init-addr, resolvers, check and agent-check do nothing for peers", {},
                fmt::format("'{} {}' : init_addr, resolvers, check and agent are ignored for peers.", d.words[0].text,
                            d.words[1].text));
}

void bind_peer(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  PeersSection& section = current(scope);
  Words words = args_of(d, row);
  const bool is_peer = row.name == "peer";
  const Str name = words[0].text;
  const bool local = name == local_name(scope);
  if (is_peer) {
    if (mixes(scope, section.bind_line, d.where)) return;
    if (!section.peer_line.source) section.peer_line = d.where;
  }
  if (local && section.is_here) {
    scope.error(words[0].where, fmt::format("another line names this instance, '{}'", name), {},
                fmt::format("'{} {}' : local peer name already referenced.", row.name, name));
    return;
  }
  section.is_here |= local;
  // The address of a local `server` is that of the `bind` line.
  if (local && !is_peer) {
    ServerOptions options;
    if (read_server_options(scope, words.subspan(1), options, row.name) && options.tls.on)
      section.local_tls = make_server_tls(scope, options, fmt::format("{}/{}", section.proxy->name, name), d.where);
    return;
  }
  if (words.size() < 2) {
    section.is_here &= !local;
    scope.warning(d.where, fmt::format("the peer '{}' lacks its address and is left out", name),
                  "write: <name> <address>:<port>",
                  fmt::format("'{} {}' : ignoring invalid peer definition (missing address:port)", row.name, name));
    return;
  }
  model::Server* server = add_server_line(scope, name, words[1], words.subspan(2), d.where);
  if (!server) return;
  warn_of_options(scope, *static_cast<const ServerOptions*>(server->conf), d);
  if (!local) return;
  section.local = server;
  listen(scope, section, words[1], {}, d.where);
}

void bind_shards(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  uint64_t n = 0;
  if (read_number(scope, args_of(d, row)[0], row.name, 1, INT32_MAX, n))
    current(scope).conf.shards = static_cast<uint32_t>(n);
}

void bind_table(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  PeersSection& section = current(scope);
  Words words = args_of(d, row);
  Str name = scope.keep(fmt::format("{}/{}", section.conf.name, words[0].text));
  if (find_table(scope, name)) {
    scope.error(words[0].where, fmt::format("'{}' has a table '{}' already", section.conf.name, words[0].text), {},
                fmt::format("stick-table name '{}' conflicts with table declared in peers '{}'.", words[0].text,
                            section.conf.name));
    return;
  }
  StickTable* table = read_table_line(scope, d, words.subspan(1), name);
  if (!table) return;
  table->shared_name = name.substr(section.conf.name.size());
  section.tables.push_back(table);
}

template <bool value>
void bind_disabled(void* s, const Directive&, const Row&) {
  current(scope_of(s)).disabled = value;
}

constexpr Row row(Str name, int8_t min, int8_t max, config::BindFn bind, Str syntax, Str help) {
  return {name, kPeers, min, max, Block::none, Inherit::none, bind, syntax, help};
}

constexpr Row kRows[] = {
    {"peers", kTop, 1, 1, Block::required, Inherit::none, bind_section, "<peersect>",
     "other instances to share stick tables with"},
    row("peer", 1, -1, bind_peer, "<peername> [<address>]:port [param*]", "another instance, or this one"),
    row("server", 1, -1, bind_peer, "<peername> [<address>:<port>] [param*]",
        "another instance, or, without an address, this one"),
    row("bind", 1, -1, bind_bind, "[<address>]:port [param*]", "address on which this instance listens for peers"),
    row("default-bind", 1, -1, bind_default_bind, "[param*]", "options of this instance's peer listener"),
    row("disabled", 0, 0, bind_disabled<true>, "", "switch the section off"),
    row("enabled", 0, 0, bind_disabled<false>, "", "switch the section on again"),
    row("shards", 1, 1, bind_shards, "<shards>", "spread the keys of the tables over so many groups of peers"),
    row("table", 5, -1, bind_table,
        "<name> type <type> size <size> [expire <expire>] [nopurge] [recv-only] [write-to <wtable>] [srvkey <srvkey>] "
        "[store <data_type>]*",
        "a stick table that is shared; its name elsewhere: <peersect>/<name>"),
};

bool works(const PeersSection& section) {
  return !section.disabled && section.is_here && !section.proxy->listeners.empty();
}

void add_peers(Scope& scope, PeersSection& section) {
  sticky::PeersConf& conf = section.conf;
  conf.local = local_name(scope);
  const model::Server* local = section.local;
  ssl_ctx_st* tls = !local ? section.local_tls : local->tls_mode > 0 ? local->tls : nullptr;
  conf.peers.push_back({conf.local, section.proxy->listeners[0]->addr, true, 0, tls, local ? local->sni : Str()});
  for (const model::Server* server : section.proxy->servers) {
    auto& options = *static_cast<const ServerOptions*>(server->conf);
    if (server == section.local) continue;
    uint32_t shard = options.shard;
    if (shard > conf.shards) {
      scope.warning(
          section.proxy->where, fmt::format("the shard of peer '{}' is not there and ignored", server->name),
          "raise the number behind 'shards'",
          fmt::format("Peers section '{}': shard for peer '{}' is {} and greater than shards value {}: ignored.",
                      conf.name, server->name, shard, conf.shards));
      shard = 0;
    }
    conf.peers.push_back(
        {server->name, server->addr, false, shard, server->tls_mode > 0 ? server->tls : nullptr, server->sni});
  }
}

}  // namespace

StickTable* find_peers_table(const Scope& scope, Str name) {
  for (const PeersSection* section : scope.global.peers)
    for (StickTable* t : section->tables)
      if (t->name == name) return t;
  return nullptr;
}

void add_peers_tables(const Scope& scope, std::vector<StickTable*>& all) {
  for (const PeersSection* section : scope.global.peers)
    all.insert(all.end(), section->tables.begin(), section->tables.end());
}

void share_tables(Scope& scope) {
  for (PeersSection* section : scope.global.peers) {
    // Offline nobody knows what the machine will be called.
    if (!section->disabled && !section->is_here && !scope.options.offline)
      scope.warning(section->proxy->where,
                    fmt::format("no peer of '{}' is called '{}': the section does nothing", section->conf.name,
                                local_name(scope)),
                    "name this instance by -L or localpeer, or add a line for it",
                    fmt::format("Removing incomplete section 'peers {}' (no peer named '{}').", section->conf.name,
                                local_name(scope)));
    if (!works(*section)) continue;
    add_peers(scope, *section);
    for (StickTable* t : section->tables) section->conf.tables.push_back(t);
  }
  for (auto& [name, table] : scope.global.shared_tables) {
    auto section = std::ranges::find_if(scope.global.peers, [&](auto* s) { return s->conf.name == name.text; });
    if (section == scope.global.peers.end()) {
      scope.error(name.where, fmt::format("there is no peers section '{}'", name.text), {},
                  fmt::format("Proxy '{}': unable to find sync peers '{}'.", table->name, name.text));
      continue;
    }
    if (!works(**section)) continue;
    table->shared_name = table->name;
    (*section)->conf.tables.push_back(table);
  }
  for (PeersSection* section : scope.global.peers)
    for (const StickTable* t : section->conf.tables) const_cast<StickTable*>(t)->shared = true;
}

void make_peers(Scope& scope) {
  for (PeersSection* section : scope.global.peers) {
    if (!works(*section)) continue;
    Proxy& p = *section->proxy;
    for (LogTarget* t : p.s.logs) p.targets.push_back(t);
    if (p.s.log_global || p.targets.empty())
      for (LogTarget* t : scope.global.logs) p.targets.push_back(t);
    p.front_counters = stats::proxy_counters(fmt::format("haproxy/peers {}/front", section->conf.name));
    section->conf.log = [&global = scope.global, &p](Str line) { log_about(global, p, kLevelNotice, line); };
    auto* service = scope.arena.own<sticky::Peers>(section->conf);
    scope.model.services.push_back(service);
    for (model::Listener* l : p.listeners) {
      l->id = static_cast<uint32_t>(scope.model.listeners.size()) + 1;
      if (l->name.empty()) l->name = p.name;
      l->owner = fmt::format("peers {}", section->conf.name);
      l->tcp = true;
      l->timeouts = &p.client_timeouts;
      l->limits = &p.limits;
      l->personality = &personality();
      l->conf = &p;
      l->taker = service;
      scope.model.listeners.push_back(l);
    }
  }
}

const config::Table kPeersTable = kRows;

}  // namespace weir::haproxy
