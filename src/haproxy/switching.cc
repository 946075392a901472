// Choosing the backend (use_backend, default_backend) and the server (use-server) of a request.
#include "haproxy/switching.h"

#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/cookie.h"
#include "haproxy/haproxy.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"
#include "proxy/shard.h"

namespace weir::haproxy {
namespace {

// Fills a dynamic target's backend in, or leaves both empty.
void look_up(const Transaction& txn, Str name, const Proxy*& backend, const model::Pool*& pool) {
  backend = global(txn.shard.model).find_proxy(name, false);
  if (!backend) pool = txn.shard.model.find_pool(name);
  if (pool && pool->unnamed) pool = nullptr;
}

// What rules of the frontend set for its own backend side does not go along to another one.
void forget_overrides(Exchange& x) {
  x.retries = kForever;
  if (!x.overrides) return;
  Timeouts kept;
  kept.client = x.overrides->client;
  kept.tarpit = x.overrides->tarpit;
  *x.overrides = kept;
}

void become_backend(Transaction& txn, Exchange& x, const Proxy& backend) {
  x.back = &backend;
  txn.pool = backend.pool;
  txn.join(*backend.pool);
  backend.back_counters->requests.fetch_add(1, std::memory_order_relaxed);
}

Next enter(Transaction& txn, Cursor& c, const Proxy& backend) {
  Exchange& x = exchange(txn);
  bool own = &backend == x.front;
  if (!own) forget_overrides(x);
  become_backend(txn, x, backend);
  c.target_segment = own ? &backend.own : &backend.back;
  return Next::goto_;
}

Next enter_pool(Transaction& txn, const Target& target, const model::Pool* pool) {
  if (target.pool) return txn.forward(target.plan);
  auto* plan = txn.arena.make<proxy::Forward>(*target.plan);
  plan->pool = pool;
  return txn.forward(plan);
}

Next no_backend(Transaction& txn) {
  Error e{Fault::no_server, Side::proxy};
  e.text = "no backend for the request";
  txn.termination = {'S', 'C'};
  return txn.fail(e);
}

// `forced`: what force-be-switch says; -1: it was not asked yet.
[[gnu::noinline]] bool is_forced(const Proxy& front, const expr::Ctx& ctx, int& forced) {
  if (forced < 0) forced = std::ranges::any_of(front.force_switches, [&](const Condition* c) { return c->eval(ctx); });
  return forced;
}

// Whether rules of the frontend may choose it.
inline bool may_choose(const Proxy& front, const Proxy& backend, const expr::Ctx& ctx, int& forced) {
  const bool hidden = backend.publication && backend.publication->hidden.load(std::memory_order_relaxed);
  return (!hidden && !backend.s.disabled) || is_forced(front, ctx, forced);
}

}  // namespace

Next run_switching(Transaction& txn, Cursor& c, const void* conf) {
  auto& front = *static_cast<const Proxy*>(conf);
  expr::Ctx ctx = context_for(txn);
  int forced = -1;
  for (const Switch& s : front.switches) {
    if (s.condition && !s.condition->eval(ctx)) continue;
    const Proxy* backend = s.target.backend;
    const model::Pool* pool = s.target.pool;
    // A dynamic name that nobody has falls through to the default backend.
    if (s.target.format) look_up(txn, render(*s.target.format, ctx), backend, pool);
    if (backend && !may_choose(front, *backend, ctx, forced)) continue;
    if (backend) return enter(txn, c, *backend);
    if (pool) return enter_pool(txn, s.target, pool);
    if (s.target.format) break;
  }
  if (front.fallback.backend && may_choose(front, *front.fallback.backend, ctx, forced))
    return enter(txn, c, *front.fallback.backend);
  if (front.fallback.pool) return enter_pool(txn, front.fallback, front.fallback.pool);
  if (front.kind == Kind::listen && front.pool) return enter(txn, c, front);
  return no_backend(txn);
}

Next run_entry(Transaction& txn, Cursor&, const void* conf) {
  become_backend(txn, exchange(txn), *static_cast<const Proxy*>(conf));
  return Next::next;
}

Next run_use_server(Transaction& txn, Cursor&, const void* conf) {
  auto& back = *static_cast<const Proxy*>(conf);
  expr::Ctx ctx = context_for(txn);
  Exchange& x = exchange(txn);
  for (const UseServer& rule : back.use_servers) {
    if (rule.condition && !rule.condition->eval(ctx)) continue;
    const model::Server* server = rule.server;
    if (rule.format) {
      Str name = render(*rule.format, ctx);
      for (const model::Server* s : back.pool->servers)
        if (s->name == name && !s->absent()) server = s;
      if (!server) break;
    }
    // One that is down leaves the choice to the rules behind it.
    if (!persists_on(*server, back, x.persistence, txn.shard.loop.now())) continue;
    x.server = server;
    x.persistence.direct = true;
    break;
  }
  return Next::next;
}

namespace {

// A backend's name, or a format that gives it.
bool read_target(Scope& scope, const Word& word, Target& target) {
  target.name = word.text;
  target.where = word.where;
  if (word.text.find('%') == Str::npos) return true;
  ParseEnv env = scope.env();
  target.format = compile_log_format(word, FormatUse::text, kAtSwitching, env);
  if (target.format && target.format->constant) {
    target.name = target.format->parts.empty() ? Str{} : target.format->parts[0].text;
    target.format = nullptr;
    return true;
  }
  return target.format != nullptr;
}

void bind_use_backend(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  Switch rule = {};
  if (!read_target(scope, args[0], rule.target)) return;
  if (args.size() > 1) {
    ParseEnv env = scope.env();
    if (find_condition(args, 1) != 1) {
      scope.error(args[1].where, fmt::format("'{}' is not expected behind the backend", args[1].text),
                  "a condition begins with 'if' or 'unless'",
                  fmt::format("unexpected keyword '{}' after switching rule, only 'if' and 'unless' are allowed.",
                              args[1].text));
      return;
    }
    rule.condition = scope.proxy->acls.condition(args.subspan(1), kAtSwitching, env);
    if (!rule.condition) return;
  }
  scope.proxy->switches.push_back(rule);
}

void bind_default_backend(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  scope.proxy->s.default_backend = word.text;
  scope.proxy->s.default_backend_where = word.where;
}

void bind_use_server(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  UseServer rule = {};
  rule.name = args[0].text;
  rule.where = args[0].where;
  ParseEnv env = scope.env();
  if (args[0].text.find('%') != Str::npos &&
      !(rule.format = compile_log_format(args[0], FormatUse::text, kAtServerChoice, env)))
    return;
  if (find_condition(args, 1) != 1) {
    scope.error(args[1].where, "use-server needs a condition that begins with 'if' or 'unless'", {},
                "use-server requires either 'if' or 'unless' followed by a condition.");
    return;
  }
  rule.condition = scope.proxy->acls.condition(args.subspan(1), kAtServerChoice, env);
  if (rule.condition) scope.proxy->use_servers.push_back(rule);
}

void bind_force_switch(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  if (find_condition(args, 0) != 0) {
    scope.error(args[0].where, "force-be-switch needs a condition that begins with 'if' or 'unless'", {},
                "'force-be-switch' requires either 'if' or 'unless' followed by a condition.");
    return;
  }
  ParseEnv env = scope.env();
  if (const Condition* condition = scope.proxy->acls.condition(args, kAtSwitching, env))
    scope.proxy->force_switches.push_back(condition);
}

void bind_unpublished(void* s, const Directive&, const Row&) {
  scope_of(s).proxy->unpublished = true;
}

constexpr Row kRows[] = {
    {"be-unpublished", kListen | kBackend, 0, 0, Block::none, Inherit::none, bind_unpublished, "",
     "start the backend hidden from use_backend and default_backend, until it is published"},
    {"force-be-switch", kFrontend | kListen, 2, -1, Block::none, Inherit::none, bind_force_switch,
     "{ if | unless } <condition>", "condition under which a disabled or unpublished backend may still be chosen"},
    {"default_backend", kFrontends, 1, 1, Block::none, Inherit::copy, bind_default_backend, "<backend>",
     "backend for requests that no use_backend rule matched"},
    {"use_backend", kFrontend | kListen, 1, -1, Block::none, Inherit::none, bind_use_backend,
     "<backend> [{if | unless} <condition>]", "backend to use when a condition holds"},
    {"use-server", kListen | kBackend, 3, -1, Block::none, Inherit::none, bind_use_server,
     "<server> { if | unless } <condition>", "server to use when a condition holds"},
};

}  // namespace

const config::Table kSwitchingTable = kRows;

}  // namespace weir::haproxy
