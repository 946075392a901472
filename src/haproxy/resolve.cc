// See haproxy/resolve.h.
#include "haproxy/resolve.h"

#include <fmt/format.h>
#include <linux/capability.h>

#include <memory>
#include <unordered_set>

#include "balance/balancer.h"
#include "config/place.h"
#include "expr/hash.h"
#include "expr/hooks.h"
#include "haproxy/capture.h"
#include "haproxy/check.h"
#include "haproxy/checks.h"
#include "haproxy/chosen_server.h"
#include "haproxy/cookie.h"
#include "haproxy/log_backend.h"
#include "haproxy/log_forward.h"
#include "haproxy/log_profile.h"
#include "haproxy/monitor.h"
#include "haproxy/personality.h"
#include "haproxy/rdp_cookie.h"
#include "haproxy/resolvers.h"
#include "haproxy/ring.h"
#include "haproxy/server_line.h"
#include "haproxy/server_load.h"
#include "haproxy/server_route.h"
#include "haproxy/state_file.h"
#include "haproxy/stats_page.h"
#include "haproxy/stick.h"
#include "haproxy/switching.h"
#include "haproxy/tcp_options.h"
#include "haproxy/tls.h"
#include "haproxy/traffic_log.h"

namespace weir::haproxy {
namespace {

uint32_t limit(uint32_t timeout) {
  return timeout == kForever ? 0 : timeout;
}
uint32_t first_set(uint32_t a, uint32_t b, uint32_t c = kForever) {
  return a != kForever ? a : b != kForever ? b : c;
}

// Proxies without an `id` take the lowest free numbers, in the order of the file. 1 is only given when asked for.
void number_proxies(const std::vector<Proxy*>& all) {
  std::unordered_set<uint32_t> taken;
  for (const Proxy* p : all)
    if (p->id) taken.insert(p->id);
  uint32_t next = 2;
  for (Proxy* p : all) {
    if (p->id) continue;
    while (taken.contains(next)) next++;
    p->id = next++;
  }
}

// --- pools ---

// Servers without an `id` take the lowest free number from their place on.
void number_servers(const std::vector<model::Server*>& servers) {
  std::unordered_set<uint32_t> taken;
  for (model::Server* s : servers) {
    s->number = static_cast<const ServerOptions*>(s->conf)->id;
    if (s->number) taken.insert(s->number);
  }
  uint32_t next = 1;
  for (model::Server* s : servers) {
    if (!s->number) {
      while (taken.contains(next)) next++;
      s->number = next;
      taken.insert(next);
    }
    next++;
  }
}

// Algorithms that look at HTTP give way where there is none.
void settle_algorithm(Scope& scope, Proxy& p) {
  Algorithm algorithm = p.s.balance.algorithm;
  bool for_logs = algorithm == Algorithm::unset || algorithm == Algorithm::roundrobin ||
                  algorithm == Algorithm::sticky || algorithm == Algorithm::random || algorithm == Algorithm::log_hash;
  if (p.s.mode == Mode::log ? !for_logs : algorithm == Algorithm::log_hash)
    scope.error(p.where,
                fmt::format("'{}' cannot balance so in mode {}", p.name, p.s.mode == Mode::log ? "log" : "tcp or http"),
                "log messages are balanced by roundrobin, sticky, random or log-hash",
                fmt::format("backend '{}' in 'mode log' only supports 'roundrobin', 'sticky', 'random' and 'log-hash' "
                            "balance algorithms.",
                            p.name));
  if (p.s.mode == Mode::log) return;
  if (p.http() || !needs_http(p.s.balance)) return;
  scope.warning(p.where, fmt::format("'{}' cannot balance by HTTP requests: its mode is tcp", p.name),
                "write: mode http",
                fmt::format("Layer 7 hash not possible for {} '{}' (needs 'mode http'). Falling back to round robin.",
                            p.kind == Kind::listen ? Str("proxy") : kind_name(p.kind), p.name));
  p.s.balance.algorithm = Algorithm::roundrobin;
}

// Whether something else than balancing may name a request's server.
bool may_choose(const Proxy& p) {
  return !p.use_servers.empty() || !p.sticks.empty() || p.s.rdp_cookie || (p.http() && !p.s.cookie.name.empty());
}

void make_pool(Scope& scope, Proxy& p) {
  auto* pool = scope.arena.own<model::Pool>();
  pool->name = p.name;
  pool->id = static_cast<uint32_t>(scope.model.pools.size());
  pool->state = model::pool_state(fmt::format("haproxy/{}", p.name));
  pool->local = scope.arena.own<model::PoolLocal>();
  pool->reuse = p.s.reuse;
  pool->tcp = p.s.mode == Mode::tcp;
  pool->conf = &p;
  pool->personality = &personality();
  pool->keepalive_requests = 0;
  pool->keepalive_time = 0;
  pool->keepalive_timeout = 5000;
  pool->keepalive = INT32_MAX;
  number_servers(p.servers);
  for (model::Server* s : p.servers) {
    auto& options = *static_cast<const ServerOptions*>(s->conf);
    s->id = static_cast<uint32_t>(scope.model.servers.size());
    s->slot = static_cast<uint16_t>(pool->servers.size());
    s->pool = pool;
    pool->servers.push_back(s);
    pool->keepalive_timeout = std::max(pool->keepalive_timeout, options.pool_purge_delay);
    check_protocol(scope, p, *s);
    set_route(scope, p, *s);
    set_server_socket(scope, p, *s);
    if (options.max_reuse) pool->keepalive_requests = options.max_reuse + 1;
    scope.model.servers.push_back(s);
  }
  settle_algorithm(scope, p);
  auto balancer = make_balancer(p, *pool, scope.options.face == config::Dialect::weir);
  if (may_choose(p)) balancer = make_chosen_server(std::move(balancer));
  pool->balancer = balancer.release();  // the model's from here on
  set_pool_limits(scope, p, *pool);
  p.pool = pool;
  scope.model.add_pool(pool);
}

// --- segments ---

template <Ruleset set>
proxy::Next call_rules(proxy::Transaction&, proxy::Cursor& c, const void* conf) {
  c.target_segment = &static_cast<const Proxy*>(conf)->segment(set);
  return proxy::Next::call;
}

proxy::Next call_redirects(proxy::Transaction&, proxy::Cursor& c, const void* conf) {
  c.target_segment = &static_cast<const Proxy*>(conf)->redirect_segment;
  return proxy::Next::call;
}

proxy::Next run_collect(proxy::Transaction& txn, proxy::Cursor& c, const void* conf) {
  const Settings& s = static_cast<const Proxy*>(conf)->s;
  uint32_t ms = first_set(s.timeouts.http_request, s.timeouts.client);
  return collect_request_body(txn, c, 0, limit(ms));
}

// `balance url_param … check_post`: the parameter may stand in the body.
proxy::Next run_collect_post(proxy::Transaction& txn, proxy::Cursor& c, const void* conf) {
  return txn.request.method == http::Method::post ? run_collect(txn, c, conf) : proxy::Next::next;
}

proxy::Next run_capture(proxy::Transaction& txn, proxy::Cursor&, const void*) {
  capture_headers(txn, false);
  return proxy::Next::next;
}

proxy::Segment segment(Scope& scope, Str what, const Proxy& p, const ArenaList<proxy::Step>& steps) {
  return {scope.keep(fmt::format("{} {}", what, p.name)), steps.data, steps.size, &p};
}

proxy::Segment tail_of(const proxy::Segment& s, uint32_t from) {
  return {s.name, s.steps + from, s.size - from, s.owner};
}

struct StepList {
  Scope& scope;
  const Proxy& proxy;
  ArenaList<proxy::Step> steps;
  void add(proxy::StepFn run, bool wanted = true) {
    if (wanted) steps.push(scope.arena, {run, &proxy, proxy.where});
  }
};

// `received`: the request came in through this proxy's own addresses.
void add_request_rules(StepList& list, const Proxy& p, bool received) {
  auto has = [&](Ruleset r) { return p.segment(r).size != 0; };
  list.add(call_rules<Ruleset::content>, has(Ruleset::content));
  if (!p.http()) return;
  list.add(run_monitor, received && !p.s.monitor_uri.empty());
  list.add(run_collect, p.s.has(kOptBufferRequest));
  list.add(call_rules<Ruleset::request>, has(Ruleset::request));
  list.add(enter_stats, p.s.stats && p.s.stats->access.size);
  list.add(run_stats, p.s.stats);
  list.add(call_redirects, p.redirect_segment.size != 0);
}

// Whether some frontend does: any of them may lead to a backend.
bool captures_cookies(const Global& global) {
  return std::any_of(global.proxies.begin(), global.proxies.end(),
                     [](const Proxy* p) { return !p->cookie_capture.name.empty(); });
}

void make_segments(Scope& scope, Proxy& p, bool captures) {
  constexpr Str kNames[] = {"tcp-request connection", "tcp-request session", "tcp-request content",
                            "tcp-response content",   "http-request",        "http-response",
                            "http-after-response"};
  for (size_t i = 0; i < kRulesets; i++) p.segments[i] = segment(scope, kNames[i], p, p.rules[i]);
  p.persists = p.http() && (watches_cookies(&p, &p) || !p.sticks.empty());
  p.redirect_segment = segment(scope, "redirect", p, p.redirects);
  if (p.is_front()) {
    StepList list{scope, p, {}};
    list.add(run_capture, p.http() && !p.request_captures.empty());
    add_request_rules(list, p, true);
    list.add(run_switching);
    p.front = segment(scope, "frontend", p, list.steps);
  }
  if (p.is_back()) {
    if (!p.http() && p.segment(Ruleset::response_content).size)
      scope.planned(p.where, "tcp-response content rules in tcp mode");
    StepList list{scope, p, {}};
    list.add(run_entry);
    add_request_rules(list, p, false);
    uint32_t rules_end = list.steps.size;
    list.add(run_persist_rules, !p.persist_rules.empty());
    list.add(run_use_server, !p.use_servers.empty());
    list.add(run_request_cookies, p.http() && (!p.s.cookie.name.empty() || captures));
    list.add(run_rdp_cookie, p.s.rdp_cookie != nullptr);
    list.add(run_stick_rules, !p.sticks.empty());
    list.add(run_collect_post, p.http() && p.s.balance.algorithm == Algorithm::url_param && p.s.balance.check_post);
    list.add(run_forward);
    p.entry = segment(scope, "backend", p, list.steps);
    p.back = tail_of(p.entry, 1);
    p.own = tail_of(p.entry, rules_end);
    p.pool->entry = &p.entry;
  }
}

// --- plans, limits and timeouts ---

void make_plan(const Global& g, Proxy& p) {
  const Timeouts& t = p.s.timeouts;
  proxy::Forward& f = p.plan;
  f.pool = p.pool;
  f.connect_timeout = limit(t.connect);
  f.read_timeout = f.send_timeout = limit(t.server);
  f.queues = true;
  f.queue_timeout = limit(first_set(t.queue, t.connect));
  f.tunnel_timeout = limit(t.tunnel);
  f.client_inactivity = true;
  f.fin_timeout = limit(t.server_fin);
  f.tries = p.s.retries + 1;
  f.stay = true;
  f.redispatch = p.s.redispatch;
  f.close_upstream = p.s.has(kOptServerClose) || p.s.has(kOptHttpClose);
  f.client.max_temp_file = 0;
  f.turnaround = true;
  if (p.s.retry_on & ~kRetryConnFailure) f.keep_body = g.tune_bufsize;
  f.drop_request_trailers = p.s.has(kOptDropRequestTrailers);
  f.client.abort_until_sent = true;
  f.client.ignore_client_abort = !(p.s.has(kOptAbortOnClose) || (p.http() && !p.s.has(kOptNoAbortOnClose)));
  f.conf = &p;
  if (std::any_of(p.servers.begin(), p.servers.end(), [](const model::Server* s) { return s->tls != nullptr; }))
    f.tls = tls_to_server;
}

void make_client_side(const Global& g, Proxy& p) {
  const Timeouts& t = p.s.timeouts;
  model::ClientTimeouts& c = p.client_timeouts;
  uint32_t request = first_set(t.http_request, t.client);
  uint32_t idle = first_set(t.http_keep_alive, t.http_request, t.client);
  c.head = limit(request);
  // Without a limit the connection is kept; zero would mean that it is not.
  c.keepalive = idle == kForever ? INT32_MAX : idle;
  c.body = c.send = limit(t.client);
  c.tunnel = limit(t.tunnel);
  c.fin = limit(t.client_fin);
  c.linger = 1000;
  c.head_from_accept = true;
  http::H1Limits& l = p.limits;
  l.max_line = l.max_header = l.max_head = g.tune_bufsize;
  l.max_headers = static_cast<uint16_t>(g.tune_max_headers);
  l.ignore_invalid_headers = false;
  l.underscores_in_headers = true;
  l.strict_names = true;
  l.accept_unsafe_request = p.s.has(kOptUnsafeRequest);
  l.accept_unsafe_response = p.s.has(kOptUnsafeResponse);
}

void make_listeners(Scope& scope, Proxy& p) {
  if (p.s.disabled) return;
  if (p.s.maxconn) p.front_limits->max_conns = p.s.maxconn;
  p.front_limits->max_rate = p.s.max_rate;
  for (model::Listener* l : p.listeners) {
    l->id = static_cast<uint32_t>(scope.model.listeners.size()) + 1;
    if (l->name.empty()) l->name = p.name;
    l->owner = fmt::format("{} {}", p.kind == Kind::listen ? Str("proxy") : kind_name(p.kind), p.name);
    l->tcp = !p.http();
    l->limits = &p.limits;
    l->timeouts = &p.client_timeouts;
    l->keepalive_requests = 0;
    l->answer_expect = false;
    l->personality = &personality(p.s.has(kOptIgnoreProbes));
    l->conf = &p;
    if (p.segment(Ruleset::connection).size) l->connection_rules = &p.segment(Ruleset::connection);
    if (p.segment(Ruleset::session).size) l->session_rules = &p.segment(Ruleset::session);
    if (l->connection_rules || l->session_rules)
      for (const auto& source : scope.model.tree->sources) l->rules = expr::hash_xxh3(source->text, l->rules);
    l->connections = &p.front_counters->connections;
    l->front_limits = p.front_limits;
    set_listener_socket(scope, p, *l);
    scope.model.listeners.push_back(l);
  }
}

// --- logs ---

Str style_format(LogStyle style) {
  switch (style) {
    case LogStyle::none: return {};
    case LogStyle::tcp: return kTcpLogFormat;
    case LogStyle::tcp_clf: return kTcpClfLogFormat;
    case LogStyle::http: return kHttpLogFormat;
    case LogStyle::http_clf: return kClfLogFormat;
    case LogStyle::https: return kHttpsLogFormat;
  }
  return {};
}

const LogFormat* format_of(Scope& scope, const Word& word, FormatUse use, const Place& place) {
  if (word.text.empty()) return nullptr;
  ParseEnv env = scope.env();
  return compile_log_format(word, use, place, env);
}

void make_logs(Scope& scope, Proxy& p) {
  for (LogTarget* t : p.s.logs) p.targets.push_back(t);
  if (p.s.log_global)
    for (LogTarget* t : scope.global.logs) p.targets.push_back(t);
  // A backend's own is that of its checks.
  p.unique_id = format_of(scope, p.s.unique_id_format, FormatUse::id, p.is_front() ? kAtFrontendRequest : kAnyPlace);
  if (!p.is_front()) return;
  p.log_format = format_of(scope, p.s.log_format, FormatUse::log, kAtLog);
  p.log_format_sd = format_of(scope, p.s.log_format_sd, FormatUse::log, kAtLog);
  p.error_log_format = format_of(scope, p.s.error_log_format, FormatUse::log, kAtLog);
  LogStyle style = p.s.log_style;
  if (style != LogStyle::none && !p.http() && style != LogStyle::tcp && style != LogStyle::tcp_clf) {
    scope.warning(
        p.where, fmt::format("'{}' logs HTTP and its mode is tcp; tcplog is used", p.name), {},
        fmt::format(
            "'option httplog' not usable with frontend '{}' (needs 'mode http'). Falling back to 'option tcplog'.",
            p.name));
    style = LogStyle::tcp;
  }
  ParseEnv env = scope.env();
  if (!p.log_format && style != LogStyle::none)
    p.log_format = compile_log_format(style_format(style), FormatUse::log, kAtLog, env, p.where);
  plan_logs(p);
}

// --- names ---

void report_backend(Scope& scope, const Proxy& p, const Target& t, Str keyword) {
  std::vector<Str> names;
  for (const Proxy* other : scope.global.proxies)
    if (other->is_back()) names.push_back(other->name);
  for (const model::Pool* pool : scope.model.pools)
    if (!pool->unnamed) names.push_back(pool->name);
  Str near = config::nearest(t.name, names);
  scope.error(t.where, fmt::format("there is no backend '{}'", t.name),
              near.empty() ? std::string() : fmt::format("did you mean '{}'?", near),
              fmt::format("Proxy '{}': unable to find required {}: '{}'.", p.name, keyword, t.name));
}

// How requests of the frontend go to a pool of the other vocabulary; null: one that requests name.
const proxy::Forward* plan_for(Scope& scope, const Proxy& p, const model::Pool* pool) {
  auto* plan = scope.arena.make<proxy::Forward>(p.plan);
  plan->pool = pool;
  plan->stay = false;
  plan->tries = 0;
  plan->conf = nullptr;
  plan->tls = nullptr;
  const Timeouts& timeouts = p.s.timeouts;
  plan->connect_timeout = limit(timeouts.connect);
  plan->read_timeout = plan->send_timeout = limit(timeouts.server);
  return plan;
}

void find_target(Scope& scope, const Proxy& p, Target& t, Str keyword) {
  if (t.format) {
    t.plan = plan_for(scope, p, nullptr);
    return;
  }
  t.backend = scope.global.find_proxy(t.name, false);
  if (t.backend) {
    if (t.backend->s.mode == Mode::log) {
      scope.error(t.where, fmt::format("'{}' takes log messages, no requests", t.name), {},
                  fmt::format("{} '{}' tries to use incompatible log proxy '{}' in a '{}' rule.", kind_name(p.kind),
                              p.name, t.name, keyword));
    } else if (t.backend->s.mode != p.s.mode) {
      bool upgrade = p.s.mode == Mode::tcp && t.backend->s.mode == Mode::http;
      if (upgrade)
        scope.planned(t.where, "a tcp frontend with an http backend");
      else
        scope.error(t.where, fmt::format("'{}' is an http proxy and its backend '{}' a tcp one", p.name, t.name), {},
                    fmt::format("{} 'http' '{}' tries to use incompatible tcp proxy '{}' in a '{}' rule.",
                                kind_name(p.kind), p.name, t.name, keyword));
    }
    return;
  }
  t.pool = scope.model.find_pool(t.name);
  if (!t.pool) return report_backend(scope, p, t, keyword);
  if (t.pool->unnamed) {
    scope.error(t.where, fmt::format("'{}' is an address that proxy_pass names, and no upstream", t.name),
                fmt::format("write upstream NAME {{ server {}; }} and name that", t.name));
    return;
  }
  t.plan = plan_for(scope, p, t.pool);
}

void resolve_names(Scope& scope, Proxy& p) {
  if (p.is_front()) {
    for (Switch& s : p.switches) find_target(scope, p, s.target, "use_backend");
    if (!p.s.default_backend.empty()) {
      p.fallback.name = p.s.default_backend;
      p.fallback.where = p.s.default_backend_where;
      find_target(scope, p, p.fallback, "default_backend");
    }
  }
  for (UseServer& u : p.use_servers) {
    if (u.format) continue;
    for (const model::Server* s : p.servers)
      if (s->name == u.name) u.server = s;
    if (!u.server)
      scope.error(u.where, fmt::format("'{}' has no server '{}'", p.name, u.name), {},
                  fmt::format("{} '{}' : unable to find server '{}' referenced in a 'use-server' rule.",
                              kind_name(p.kind), p.name, u.name));
  }
}

// A fetch that names no backend is about the proxy where it stands; in defaults about whichever there is then.
void go_home(Scope& scope, expr::Reference& r) {
  const Proxy* home = scope.global.find_proxy(r.home, false);
  if (!home) home = scope.global.find_proxy(r.home, true);
  if (!home || home->s.disabled) return;
  if (home->is_back()) {
    r.name = r.home;
  } else if (r.kind == 'S') {
    scope.error(
        r.where,
        fmt::format("unable to find server '{}' in proxy '{}', referenced in arg 1 of sample fetch keyword '{}'",
                    r.server, r.home, r.keyword),
        "name the backend too: BACKEND/SERVER");
  } else {
    scope.error(r.where,
                fmt::format("proxy '{}', referenced in arg 1 of sample fetch keyword '{}', has not backend capability",
                            r.home, r.keyword),
                fmt::format("name the backend: {}(BACKEND)", r.keyword));
  }
}

// Names of user lists and frontends in expressions.
void check_references(Scope& scope) {
  std::vector<Str> lists;
  for (const UserList* l : scope.global.user_lists) lists.push_back(l->name);
  auto fronts = [&] {
    std::vector<Str> names;
    for (const Proxy* p : scope.global.proxies)
      if (p->is_front()) names.push_back(p->name);
    return names;
  };
  for (expr::Reference* r : scope.global.references.list) {
    if ((r->kind == 'b' || r->kind == 'S') && r->name.empty() && !r->home.empty()) go_home(scope, *r);
    if (r->kind != 'u' && (r->kind != 'f' || r->name.empty())) continue;
    const bool list = r->kind == 'u';
    if (list ? std::ranges::find(lists, r->name) != lists.end() : scope.global.find_proxy(r->name, true) != nullptr)
      continue;
    Str near = config::nearest(r->name, list ? lists : fronts());
    scope.error(r->where,
                fmt::format("unable to find {} '{}' referenced in arg 1 of sample fetch keyword '{}'",
                            list ? "userlist" : "frontend", r->name, r->keyword),
                near.empty() ? std::string() : fmt::format("did you mean '{}'?", near));
  }
}

void resolve_pages(Scope& scope) {
  for (Page* page : scope.global.named_pages) {
    const HttpErrors* section = scope.global.find_errors(page->section);
    if (!section) {
      scope.error(page->where, fmt::format("there is no http-errors section '{}'", page->section), {},
                  fmt::format("unable to find http-errors section '{}'", page->section));
      continue;
    }
    const Page* found = nullptr;
    for (const Page* p : section->pages)
      if (p->status == page->status) found = p;
    if (!found && page->wanted)
      scope.warning(page->where, fmt::format("the section has no page for the status {}", page->status), {},
                    fmt::format("status '{}' not declared in http-errors section '{}'", page->status, section->name));
    if (page->listed && !found) {
      page->status = 0;
      continue;
    }
    if (!found) found = standard_page(page->status);
    page->kind = Page::Kind::standard;
    if (found) *page = *found;
  }
}

}  // namespace

void make_pools(Scope& scope) {
  number_proxies(scope.global.proxies);
  for (Proxy* p : scope.global.proxies) {
    p->front_counters = stats::proxy_counters(fmt::format("haproxy/{}/front", p->name));
    p->back_counters = stats::proxy_counters(fmt::format("haproxy/{}/back", p->name));
    p->front_limits = scope.arena.own<model::FrontLimits>();
    if (p->is_front()) p->standing = stats::front_standing(fmt::format("haproxy/{}", p->name));
    if (p->is_back()) p->publication = stats::publication(fmt::format("haproxy/{}", p->name));
    if (p->is_back()) make_pool(scope, *p);
    if (p->is_back()) make_checks(scope, *p);
  }
  for (Proxy* p : scope.global.proxies) resolve_tracks(scope, *p);
}

namespace {

// Where the configuration first names `name`, as a word or as part of one.
Where mention(const Directive& block, Str name) {
  for (const Directive& d : block.block) {
    for (const Word& w : d.words) {
      if (w.text.find(name) == Str::npos) continue;
      size_t at = config::text_at(w.where).substr(0, w.where.length).find(name);
      return at == Str::npos ? w.where : config::inside(w.where, at, name.size());
    }
    if (Where inner = mention(d, name); inner.source) return inner;
  }
  return {};
}

// What only root may do needs a capability where the worker is somebody else.
void check_network_rights(Scope& scope) {
  const model::Process& process = scope.model.process;
  const Where& where = scope.global.needs_network_rights;
  const bool root = process.user.empty() || process.user == "root" || process.user == "0";
  constexpr uint32_t kRights = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW;
  if (where.source && !root && !(process.capabilities & kRights))
    scope.warning(where, fmt::format("the user '{}' may not do this: connections will fail", process.user),
                  "write in the global section: setcap cap_net_raw");
}

}  // namespace

void resolve(Scope& scope) {
  resolve_pages(scope);
  resolve_log_profiles(scope);
  resolve_log_backends(scope);
  resolve_rings(scope);
  resolve_log_forwards(scope);
  find_wanted_resolvers(scope);
  const bool captures = captures_cookies(scope.global);
  for (Proxy* p : scope.global.proxies) {
    scope.proxy = p;
    finish_stats(scope, *p);
    follow_names(scope, *p);
    make_segments(scope, *p, captures);
    make_plan(scope.global, *p);
    make_client_side(scope.global, *p);
    make_logs(scope, *p);
  }
  for (Proxy* p : scope.global.proxies) {
    resolve_names(scope, *p);
    make_listeners(scope, *p);
    check_proxy(scope, *p);
    check_cookies(scope, *p);
    check_state_file(scope, *p);
  }
  scope.proxy = nullptr;
  check_network_rights(scope);
  check_references(scope);
  resolve_sticks(scope);
  resolve_references(scope.global.references, scope.model, scope.diag);
  scope.global.patterns.assign_ids();
  for (const std::string& name : scope.global.patterns.absent)
    scope.diag.note(mention(scope.model.tree->root, name),
                    fmt::format("the pattern file '{}' is not here; it counts as empty", name));
}

}  // namespace weir::haproxy
