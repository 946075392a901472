// See haproxy/log_backend.h. The states of its servers are those of every backend's, so the runtime socket changes them.
#include "haproxy/log_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "balance/server_map.h"
#include "balance/smooth.h"
#include "haproxy/global.h"
#include "haproxy/ring.h"
#include "haproxy/scope.h"

namespace weir::haproxy {
namespace {

// The message whose key is made on this thread.
thread_local Str t_message;

bool fetch_message(const expr::Ctx&, const expr::Arg*, expr::Value& out) {
  out = expr::Value::of(t_message);
  return true;
}

uint64_t now_ms() {
  auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

bool is_datagram(const model::Server& s) {
  return !static_cast<const ServerOptions*>(s.conf)->stream;
}

}  // namespace

LogBackend::LogBackend(const Proxy& proxy) : proxy_(proxy), turns_(proxy.pool->servers.size()) {}

bool LogBackend::key_of(Str message, uint32_t& hash) const {
  Arena arena;
  expr::Ctx ctx;
  ctx.arena = &arena;
  t_message = message;
  expr::Value key;
  if (!proxy_.s.balance.expr->eval(ctx, key)) return false;
  hash = hash_of(proxy_.s.hash, expr::to_text(key, arena));
  return true;
}

const model::Server* LogBackend::choose(const model::Lineup& lineup, Str message) {
  bool all_backups = proxy_.s.has(kOptAllBackups);
  if (proxy_.s.balance.algorithm == Algorithm::sticky) return model::longest_serving(lineup);
  model::Places places = model::places_in_charge(lineup, all_backups);
  if (places.empty()) return nullptr;
  switch (proxy_.s.balance.algorithm) {
    case Algorithm::roundrobin:
      return model::pick_smoothly(places, turns_, [](const model::Lineup::Place&) { return true; });
    case Algorithm::log_hash: {
      uint32_t hash = 0;
      if (!key_of(message, hash)) return nullptr;
      model::ServerMap map(*proxy_.pool, all_backups);
      map.follow(lineup);
      return map.empty() ? nullptr : proxy_.pool->servers[map.at(hash)];
    }
    default: break;
  }
  uint64_t sum = 0;
  for (const model::Lineup::Place& p : places) sum += static_cast<uint64_t>(p.weight);
  draws_ ^= draws_ << 13;
  draws_ ^= draws_ >> 7;
  draws_ ^= draws_ << 17;
  uint64_t at = draws_ % sum;
  for (const model::Lineup::Place& p : places) {
    if (at < static_cast<uint64_t>(p.weight)) return p.server;
    at -= static_cast<uint64_t>(p.weight);
  }
  return nullptr;
}

const LogTarget* LogBackend::pick(Str message) {
  const model::Pool& pool = *proxy_.pool;
  model::PickLock lock(pool);
  const model::Server* server = choose(model::lineup(pool, now_ms()), message);
  if (!server) return nullptr;
  server->state->total.fetch_add(1, std::memory_order_relaxed);
  return &targets_[server->slot];
}

void resolve_log_backends(Scope& scope) {
  for (Proxy* p : scope.global.proxies) {
    if (p->s.mode != Mode::log || !p->is_back() || !p->pool) continue;
    auto* backend = scope.arena.own<LogBackend>(*p);
    for (const model::Server* s : p->pool->servers) {
      LogTarget& t = backend->targets_.emplace_back();
      t.text = s->name;
      t.max_length = UINT32_MAX;
      if (is_datagram(*s)) {
        t.via = LogTarget::Via::datagram;
        t.addr = s->address();
        continue;
      }
      t.via = LogTarget::Via::ring;
      t.ring = make_ring(scope, s->name);
      t.ring->servers = p;
      t.ring->size = static_cast<const ServerOptions*>(s->conf)->log_bufsize;
      t.ring->max_length = static_cast<uint32_t>(t.ring->size);
      forward_to(scope, *t.ring, *s);
    }
    scope.global.log_sections.backends.push_back(backend);
  }
}

const expr::Expr* parse_log_key(Scope& scope, const config::Word& word) {
  constexpr Str kFront = "str(),";
  ParseEnv env = scope.env();
  SampleError error;
  Str text = scope.keep(fmt::format("{}{}", kFront, word.text));
  const expr::Expr* parsed = parse_sample_text(text, env, word.where, error);
  if (!parsed) {
    scope.error(at_byte(word, error.at > kFront.size() ? error.at - kFront.size() : 0, error.length), error.text,
                error.remedy, fmt::format("balance log-hash: {}", error.text));
    return nullptr;
  }
  auto* key = scope.arena.make<expr::Expr>(*parsed);
  key->fetch = fetch_message;
  return key;
}

}  // namespace weir::haproxy
