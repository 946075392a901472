// See haproxy/added_servers.h.
#include "haproxy/added_servers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <system_error>
#include <unordered_set>

#include "haproxy/catalogue.h"
#include "haproxy/checks.h"
#include "haproxy/haproxy.h"
#include "haproxy/server_line.h"
#include "haproxy/server_load.h"
#include "haproxy/server_origin.h"
#include "haproxy/server_route.h"
#include "haproxy/tcp_options.h"
#include "model/servers.h"
#include "stats/catalogue.h"

namespace weir::haproxy {
namespace {

// A command's words as those of a line.
struct Line {
  config::Source source;
  std::vector<Word> words;

  explicit Line(std::span<const std::string> from) {
    source.path = "CLI";
    std::vector<size_t> begins;
    for (const std::string& word : from) {
      if (!source.text.empty()) source.text += ' ';
      begins.push_back(source.text.size());
      source.text += word;
    }
    for (size_t i = 0; i < from.size(); i++) {
      auto length = static_cast<uint32_t>(from[i].size());
      words.push_back({Str(source.text).substr(begins[i], length),
                       config::Quote::none,
                       {&source, 1, static_cast<uint32_t>(begins[i] + 1), std::max(1u, length)}});
    }
  }
};

std::string sentence(std::string text) {
  if (!text.ends_with('.')) text += '.';
  return text + '\n';
}

// What was said, a line each, in the product's words; false: the server cannot be made.
bool tell(const config::Diagnostics& diag, std::string& out) {
  bool good = true;
  for (const config::Diagnostic& d : diag.all()) {
    if (d.severity == config::Severity::planned)
      out += fmt::format("'{}' is not built in weir.\n", Str(d.text).substr(Str("not yet: ").size()));
    else
      out += sentence(d.product.empty() ? d.text : d.product);
    good &= d.severity != config::Severity::error && d.severity != config::Severity::planned;
  }
  return good;
}

// The lowest free number, or the one that the line says. 0 after an error.
uint32_t number_for(Scope& scope, const model::Pool& pool, uint32_t wanted, const Where& where) {
  std::unordered_set<uint32_t> taken;
  for (const model::Server* s : pool.servers) {
    if (s->absent()) continue;
    taken.insert(s->number);
    if (!wanted || s->number != wanted) continue;
    scope.error(where, fmt::format("the number {} is the server '{}'s", wanted, s->name), {},
                fmt::format("'id' : custom id {} already used ('server {}')", wanted, s->name));
    return 0;
  }
  if (wanted) return wanted;
  uint32_t number = 1;
  while (taken.contains(number)) number++;
  return number;
}

// What holds for all of a backend's servers in weir is not changed by one that comes later.
void note_limits(Scope& scope, const ServerOptions& o, const model::Pool& pool, const Where& where) {
  if (o.load.slowstart && !pool.limits.warms)
    scope.diag.note(where, "slowstart concerns maxconn alone: the algorithm does not let weights change");
  if (o.pool_purge_delay > pool.keepalive_timeout)
    scope.diag.note(where, "pool-purge-delay is one for the whole backend in weir and stays as it was");
}

class AddedServers final : public control::ServerMaker {
 public:
  explicit AddedServers(model::Model& model)
      : model_(model), global_(*static_cast<Global*>(const_cast<void*>(model.haproxy))) {
    options_.face = config::Dialect::haproxy;
  }

  std::string refusal(const model::Pool& pool) const override {
    const Proxy* p = proxy_of(pool);
    if (!p) return "Backend does not support dynamic servers : it is none of HAProxy's.\n";
    std::string problem;
    if (p->s.mode == Mode::log)
      problem = "uses mode log";
    else if (!is_dynamic(*p))
      problem = "uses a non dynamic load balancing method";
    if (problem.empty()) return {};
    return fmt::format("Backend does not support dynamic servers : {} '{}' {}.\n",
                       p->kind == Kind::listen ? Str("proxy") : kind_name(p->kind), p->name, problem);
  }

  Made make(const model::Pool& pool, Str name, std::span<const std::string> words) override {
    Proxy& p = *proxy_of(pool);
    if (words.empty()) return {nullptr, "'server' expects <name> and <addr>[:<port>] as arguments.\n"};
    if (auto bad = std::find_if_not(name.begin(), name.end(), fits_name); bad != name.end())
      return {nullptr, fmt::format("character '{}' is not permitted in server name '{}'.\n", *bad, name)};
    for (const model::Server* s : pool.servers)
      if (s->name == name && !s->absent()) return {nullptr, "Already exists a server with the same name in backend.\n"};
    auto arena = std::make_unique<Arena>();
    const health::Program* program = p.check_program;
    const size_t references = global_.references.list.size();
    Made made;
    try {
      made = build(p, *arena, name, words);
    } catch (const std::system_error& e) {
      made.text = fmt::format("Out of memory: {}.\n", e.what());
    }
    if (!made.server) {
      p.check_program = program;
      global_.references.list.resize(references);
    }
    arenas_.push_back(std::move(arena));  // even of one that failed: maps may have been read for it
    return made;
  }

  void remove(const model::Server& server) override {
    states_.try_emplace(key_of(*server.pool, server.name), server.state);
    global_.certificates.forget_server(key_of(*server.pool, server.name));
    server.state->configured.known = false;  // one of that name begins anew, in whatever configuration
    model::remove_server(server);
  }

  const model::Server& rename(const model::Server& server, Str name) override {
    auto& arena = *arenas_.emplace_back(std::make_unique<Arena>());
    auto* renamed = arena.make<model::Server>(server);
    renamed->name = arena.dup(name);
    // Each takes the other's state: the old name may be given to another server.
    const std::string before = key_of(*server.pool, server.name), after = key_of(*server.pool, name);
    states_[before] = &state_of(*proxy_of(*server.pool), name);
    states_[after] = server.state;
    global_.certificates.rename_server(before, after);
    if (const model::Server* leader = server.checks ? server.checks->tracks : nullptr) {
      auto& followers = const_cast<health::ServerChecks*>(leader->checks)->trackers;
      for (size_t i = 0; i < followers.size(); i++)
        if (followers[i] == &server) followers.exchange(i, renamed);
    }
    model::replace_server(model_, const_cast<model::Pool&>(*server.pool), *renamed);
    return *renamed;
  }

  bool needed(const model::Server& server) const override {
    if (server.checks)
      for (const model::Server* tracker : server.checks->trackers)
        if (!tracker->absent()) return true;
    for (const expr::Reference* r : global_.references.list)
      if (r->target == &server || (r->kind == 'S' && r->server == server.name && names(*r, server))) return true;
    const Proxy* p = proxy_of(*server.pool);
    return p && std::ranges::any_of(p->use_servers,
                                    [&](const UseServer& rule) { return !rule.format && rule.name == server.name; });
  }

  std::string words() const override {
    std::string out;
    for (Str word : options_of_added()) out.append(word) += '\n';
    return out;
  }

  std::string defaults(const model::Pool* only) const override {
    return list_default_servers(global_, only ? proxy_of(*only) : nullptr);
  }

 private:
  static std::string key_of(const model::Pool& pool, Str name) { return fmt::format("{}/{}", pool.name, name); }

  // A name without a backend is the current one's, which is known for each request only.
  static bool names(const expr::Reference& r, const model::Server& server) {
    return r.pool ? r.pool == server.pool : r.name.empty();
  }

  Proxy* proxy_of(const model::Pool& pool) const {
    for (Proxy* p : global_.proxies)
      if (p->pool == &pool) return p;
    return nullptr;
  }

  // A name's state is given out once in a configuration.
  model::ServerState& state_of(const Proxy& p, Str name) {
    auto [at, fresh] = states_.try_emplace(key_of(*p.pool, name));
    if (fresh) at->second = &state_for(p, name);
    return *at->second;
  }

  Made build(Proxy& p, Arena& arena, Str name, std::span<const std::string> words) {
    auto& line = *arena.own<Line>(words);
    config::Diagnostics diag;
    Scope scope{model_, diag, options_, arena, global_};
    scope.proxy = &p;
    Made made;
    model::Server* server = make(scope, arena.dup(name), line.words);
    if (!tell(diag, made.text) || !server) return made;
    if (!model::place_server(model_, *p.pool, *server)) {
      made.text += "Cannot attach server : no id left in proxy\n";
      return made;
    }
    show(*server, arena);
    model::add_server(model_, *p.pool, *server);
    made.server = server;
    made.text += "New server registered.\n";
    return made;
  }

  model::Server* make(Scope& scope, Str name, Words words) {
    Proxy& p = *scope.proxy;
    ServerOptions o;
    o.added = true;
    const size_t references = global_.references.list.size();
    if (!line_options(scope, words.subspan(1), o, "server")) return nullptr;
    o.init_addr = "none";
    o.disabled = true;
    const Where& where = words[0].where;
    model::Server* s = make_server(scope, name, state_of(p, name), words[0], o, where);
    if (!s || !(s->number = number_for(scope, *p.pool, o.id, where))) return nullptr;
    check_protocol(scope, p, *s);
    set_route(scope, p, *s);
    set_server_socket(scope, p, *s);
    expr::References fresh;
    fresh.list.assign(global_.references.list.begin() + static_cast<std::ptrdiff_t>(references),
                      global_.references.list.end());
    resolve_references(fresh, model_, scope.diag);
    if (o.cookie.data() && !p.http())
      scope.warning(where, "the cookie does nothing: the mode is tcp", {}, "Ignoring cookie as HTTP mode is disabled.");
    note_limits(scope, o, *p.pool, where);
    s->pool = p.pool;
    make_server_checks(scope, p, *s);
    if (!scope.diag.failed()) resolve_track(scope, p, *s);
    s->checks_key |= model::Configured::kAddedChecks;
    s->state->health.check.enabled = !s->checks || !s->checks->check;
    s->state->health.agent.enabled = !s->checks || !s->checks->agent;
    return s;
  }

  // Statistics know it before anybody can ask.
  void show(const model::Server& server, Arena& arena) {
    stats::Catalogue* c = stats::catalogue();
    if (!c) return;
    auto* entry = arena.make<stats::ServerEntry>(entry_of(server));
    if (server.id < c->servers.size())
      c->servers.exchange(server.id, entry);
    else
      c->servers.push_back(entry);
  }

  model::Model& model_;
  Global& global_;
  model::LoadOptions options_;
  std::vector<std::unique_ptr<Arena>> arenas_;
  std::map<std::string, model::ServerState*, std::less<>> states_;  // of names that were not in the file, or not always
};

}  // namespace

control::ServerMaker& server_maker(model::Model& model) {
  return *model.arena.own<AddedServers>(model);
}

}  // namespace weir::haproxy
