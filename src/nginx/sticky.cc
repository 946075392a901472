// See nginx/sticky.h: choosing the server of a session, and remembering it. The directive is in nginx/sticky_line.cc.
#include "nginx/sticky.h"

#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "balance/lineup.h"
#include "nginx/personality.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "nginx/sticky_conf.h"
#include "proxy/shard.h"

namespace weir::nginx {

using model::Server;
using proxy::Transaction;

namespace {

bool is_own(const Transaction& txn) {
  return txn.personality == &personality();
}

// Where the request's use of the present group is kept.
StickyUse* use_of(Transaction& txn) {
  return is_own(txn) ? of(txn).sticky : static_cast<StickyUse*>(txn.pool_extra);
}

Str first_value(Transaction& txn, const std::vector<HashKey*>& keys) {
  for (const HashKey* key : keys)
    if (Str value = hash_key(txn, key); !value.empty()) return value;
  return {};
}

struct SessionKey {
  char bytes[16];
  explicit SessionKey(Str id) {
    XXH128_canonicalFromHash(reinterpret_cast<XXH128_canonical_t*>(bytes), XXH3_128bits(id.data(), id.size()));
  }
  Str text() const { return {bytes, sizeof bytes}; }
};

// The server that a session was learned for; its name is put into `buffer`.
Str learned(StickySessions& sessions, Str id, uint64_t now, char (&buffer)[kSidSize]) {
  SessionKey key(id);
  sticky::Table::Guard guard(sessions.table, key.text());
  sticky::Table::Entry* e = guard.find(now);
  if (!e) return {};
  const auto& session = *reinterpret_cast<const StickySession*>(sessions.table.data(*e));
  const size_t size = std::min<size_t>(session.size, kSidSize);
  memcpy(buffer, session.sid, size);
  return {buffer, size};
}

void learn(StickyUse& use) {
  Sticky& conf = *use.conf;
  Transaction& txn = *use.txn;
  Str id = use.created.empty() ? use.id : use.created;
  if (id.empty()) return;
  StickySessions& sessions = *conf.sessions;
  const uint64_t now = txn.shard.loop.now();
  SessionKey key(id);
  sticky::Table::Guard guard(sessions.table, key.text());
  sticky::Table::Entry* e = guard.find(now);
  if (!e && !use.created.empty()) e = guard.add(now);
  if (!e) return;
  auto& session = *reinterpret_cast<StickySession*>(sessions.table.data(*e));
  Str sid = conf.ids.of(*use.answered);
  session.size = static_cast<uint8_t>(sid.size());
  memcpy(session.sid, sid.data(), sid.size());
  guard.touch(*e, now, sessions.timeout_ms);
}

void learn_at_end(proxy::Waiter* waiter) {
  auto& use = *static_cast<StickyUse*>(waiter);
  if (use.answered) learn(use);
}

Str cookie_time(Arena& arena, int64_t seconds) {
  auto at = static_cast<time_t>(seconds);
  tm t;
  gmtime_r(&at, &t);
  // Old browsers took two digits only, for years that these can mean.
  const char* format = t.tm_year > 2037 - 1900 ? "%a, %d-%b-%Y %H:%M:%S GMT" : "%a, %d-%b-%y %H:%M:%S GMT";
  char text[40];
  return arena.dup({text, strftime(text, sizeof text, format, &t)});
}

Str value_of(Transaction& txn, const HashKey* key) {
  return key ? hash_key(txn, key) : Str{};
}

Str set_cookie(Transaction& txn, Sticky& conf, const Server& server) {
  Arena& arena = txn.arena;
  Str expires;
  if (conf.expires == Sticky::kMaxExpires) {
    expires = "; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000";
  } else if (conf.expires != Sticky::kNoExpires) {
    Str date = cookie_time(arena, static_cast<int64_t>(txn.shard.loop.wall_us() / 1000000) + conf.expires);
    expires = arena.cat("; expires=", date, "; max-age=", arena.dup(std::to_string(conf.expires)));
  }
  Str domain = value_of(txn, conf.domain);
  Str samesite = value_of(txn, conf.samesite);
  if (!samesite.empty() && !is_samesite(samesite)) samesite = "strict";
  return arena.cat(conf.cookie, "=", conf.ids.of(server), expires, domain.empty() ? Str{} : Str("; domain="), domain,
                   conf.httponly ? Str("; httponly") : Str{}, conf.secure ? Str("; secure") : Str{},
                   samesite.empty() ? Str{} : Str("; samesite="), samesite, conf.path);
}

class StickyBalancer final : public model::Balancer {
 public:
  StickyBalancer(std::unique_ptr<model::Balancer> usual, Sticky& conf)
      : Balancer(usual->wishes), usual_(std::move(usual)), conf_(conf) {}
  Str name() const override { return usual_->name(); }

  const Server* pick(const model::Pool& pool, Transaction& txn, const model::Tried& tried) override {
    StickyUse& use = enter(txn);
    use.answered = nullptr;
    const Server* s = choose(pool, txn, tried, use);
    if (s && !conf_.cookie.empty()) use.cookie = set_cookie(txn, conf_, *s);
    return s;
  }
  bool awaits(const Server& s, const Transaction& txn) const override { return usual_->awaits(s, txn); }
  void taken(const model::Pool& pool, const Server& s) override { usual_->taken(pool, s); }
  void answered(const Server& s, uint64_t header_ms, uint64_t now_ms) override {
    usual_->answered(s, header_ms, now_ms);
  }
  void ended(const Server& s, const model::TryEnd& end) override { usual_->ended(s, end); }
  void prepare(const model::Pool& pool, uint64_t now_ms) override { usual_->prepare(pool, now_ms); }

 private:
  StickyUse& enter(Transaction& txn) {
    StickyUse* use = use_of(txn);
    if (use && use->conf == &conf_) return *use;
    use = txn.arena.make<StickyUse>();
    use->conf = &conf_;
    use->txn = &txn;
    use->id = conf_.lua ? run_lua_key(txn, *conf_.lua) : first_value(txn, conf_.lookup);
    if (conf_.sessions && !conf_.learns_early) {
      use->cancel = learn_at_end;
      txn.own(use);
    }
    if (is_own(txn))
      of(txn).sticky = use;
    else
      txn.pool_extra = use;
    return *use;
  }

  // As nginx: the session's server among the ordinary ones, one that the usual way leads to, and where that is a backup, the
  // session's among those.
  const Server* choose(const model::Pool& pool, Transaction& txn, const model::Tried& tried, const StickyUse& use) {
    const uint64_t now = txn.shard.loop.now();
    txn.named = false;
    char buffer[kSidSize];
    Str sid = use.id;
    if (!sid.empty() && conf_.sessions) sid = learned(*conf_.sessions, sid, now, buffer);
    if (sid.empty()) return usual_->pick(pool, txn, tried);
    if (const Server* s = find(pool, sid, false, tried, now)) {
      usual_->taken(pool, *s);
      txn.named = true;
      return s;
    }
    const Server* s = usual_->pick(pool, txn, tried);
    if (s && !s->backup) return s;
    const Server* backup = find(pool, sid, true, tried, now);
    if (!backup || backup == s) return s;
    if (s && wishes.ends) usual_->ended(*s, {.now_ms = now});
    usual_->taken(pool, *backup);
    txn.named = true;
    return backup;
  }

  const Server* find(const model::Pool& pool, Str sid, bool backup, const model::Tried& tried, uint64_t now) const {
    for (const Server* s : pool.servers)
      if (s->backup == backup && !s->absent() && conf_.ids.of(*s) == sid)
        return model::takes(*s, tried) && model::keeps_clients(*s, now) ? s : nullptr;
    return nullptr;
  }

  std::unique_ptr<model::Balancer> usual_;
  Sticky& conf_;
};

struct ServerConf {
  Str route;
};

proxy::Next add_cookie(Transaction& txn, proxy::Cursor&, const void*) {
  const StickyUse* use = of(txn).sticky;
  if (use && !use->cookie.empty()) txn.response.headers.add("Set-Cookie", use->cookie, http::Name::set_cookie);
  return proxy::Next::next;
}

}  // namespace

void note_sticky_answer(Transaction& txn) {
  StickyUse* use = use_of(txn);
  if (!use || use->conf->pool != txn.pool) return;
  use->answered = txn.server;
  if (use->conf->sessions) use->created = use->conf->lua ? use->id : first_value(txn, use->conf->create);
  if (use->conf->learns_early && !wants_next_upstream(txn, Error{})) learn(*use);
  if (!is_own(txn) && !use->cookie.empty()) txn.response.headers.add("Set-Cookie", use->cookie, http::Name::set_cookie);
}

Str route_of(const Server& server) {
  auto* conf = static_cast<const ServerConf*>(server.conf);
  return conf ? conf->route : Str{};
}

void set_route(Scope& scope, Server& server, Str route) {
  server.conf = scope.arena.make<ServerConf>(ServerConf{route});
}

bool is_samesite(Str value) {
  return iequals(value, "strict") || iequals(value, "lax") || iequals(value, "none");
}

void make_sticky(Scope& scope, Sticky& conf) {
  model::Pool& pool = *conf.pool;
  for (const Server* s : pool.servers) {
    Str route = route_of(*s);
    conf.ids.add(!route.empty() || s->follows ? route : StickyIds::of_text(scope.arena, s->name));
  }
  std::unique_ptr<model::Balancer> usual(pool.balancer);
  pool.balancer = new StickyBalancer(std::move(usual), conf);
}

void add_sticky_step(Location& location) {
  location.response_steps.push_back({add_cookie, nullptr, {}});
}

}  // namespace weir::nginx
