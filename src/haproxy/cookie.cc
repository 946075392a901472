// See haproxy/cookie.h; http_ana.c of HAProxy has the rules that the manual leaves out.
#include "haproxy/cookie.h"

#define XXH_INLINE_ALL
#include <arpa/inet.h>
#include <xxhash.h>

#include "balance/balancer.h"
#include "haproxy/stick.h"
#include "proxy/shard.h"
#include "sticky/cookies.h"
#include "sticky/date.h"

namespace weir::haproxy {

using http::Header;
using http::Name;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;
using sticky::Cookie;
using sticky::Cookies;

namespace {

constexpr char kPrefixEnd = '~';
constexpr char kDateMark = '|';
constexpr int64_t kMostAhead = 86400;  // seconds by which another machine's clock may be wrong

uint32_t now_s(const Transaction& txn) {
  return static_cast<uint32_t>(txn.shard.loop.wall_us() / 1000000);
}

void capture(const Exchange& x, bool response, const Cookie& c) {
  const CookieCapture& wanted = x.front->cookie_capture;
  Str& slot = x.persistence.cookies->captured[response];
  if (slot.data() || !c.pair) return;
  auto end = static_cast<size_t>(c.value.data() - c.name.data()) + c.value.size();
  Str text(c.name.data(), end);
  if (text.starts_with(wanted.name)) slot = text.substr(0, wanted.length);
}

bool too_old(uint32_t from, uint32_t limit, uint32_t now) {
  if (!from || !limit) return false;
  int64_t age = int64_t{now} - from;
  return age > limit || -age > kMostAhead;
}

// The part of a cookie's value that names a server; empty where it names none any more.
Str server_part(const CookieSettings& conf, Str value, CookieUse& use, uint32_t now) {
  if (conf.prefix) return value.substr(0, value.find(kPrefixEnd));
  size_t bar = value.find(kDateMark);
  Str id = value.substr(0, bar);
  if (bar != Str::npos) {
    Str dates = value.substr(bar + 1);
    Str last = cut(dates, kDateMark);
    if (uint32_t s = sticky::read_date(last)) use.last_s = s;
    if (uint32_t s = sticky::read_date(dates)) use.first_s = s;
  }
  const bool old = too_old(use.first_s, conf.max_life, now);
  if (!old && !too_old(use.last_s, conf.max_idle, now)) return id;
  use.sent = old ? CookieSent::old : CookieSent::expired;
  use.first_s = use.last_s = 0;
  return {};
}

// Several servers may share a cookie: the first one that serves.
const model::Server* find_server(Transaction& txn, const Proxy& back, const Persistence& p, Str id) {
  char buffer[16];
  const uint64_t now = txn.shard.loop.now();
  for (const model::Server* s : back.pool->servers) {
    if (cookie_of(*s, back, buffer) != id || s->absent()) continue;
    const bool serves = model::keeps_clients(*s, now);
    p.cookies->sent = serves ? CookieSent::valid : CookieSent::down;
    if (serves || persists_on(*s, back, p, now)) return s;
  }
  return nullptr;
}

void follow(Transaction& txn, Exchange& x, Str id) {
  Persistence& p = x.persistence;
  if (!id.empty() && !p.ignored && !p.direct)
    if (const model::Server* s = find_server(txn, *x.back, p, id)) {
      x.server = s;
      p.direct = true;
    }
  if (p.cookies->sent == CookieSent::none)
    p.cookies->sent = p.ignored || p.direct ? CookieSent::unused : CookieSent::invalid;
}

// Reads one Cookie header and says what it becomes.
void read_header(Transaction& txn, Exchange& x, Header& header, bool captures, const CookieSettings* conf) {
  sticky::CookieEdit edit(txn.arena, header.value);
  Cookies cookies(header.value);
  bool dropping = false;
  for (Cookie c; cookies.next(c);) {
    // Attributes of the first cookie standard go with the cookie in front of them.
    if (c.name.starts_with('$')) {
      dropping ? edit.drop(c) : edit.keep(c);
      continue;
    }
    dropping = false;
    if (captures) capture(x, false, c);
    if (!conf || !c.pair || c.name != conf->name) {
      edit.keep(c);
      continue;
    }
    Str id = server_part(*conf, c.value, *x.persistence.cookies, now_s(txn));
    follow(txn, x, id);
    if (conf->prefix && id.size() < c.value.size()) {
      edit.shorten(c, c.value.substr(id.size() + 1));
    } else if (conf->insert && conf->indirect) {
      edit.drop(c);
      dropping = true;
    } else {
      edit.keep(c);
    }
  }
  if (!edit.changed()) return;
  header.value = edit.text();
  if (header.value.empty()) header.removed = true;
}

void read_cookies(Transaction& txn, Exchange& x) {
  x.persistence.cookies = txn.arena.make<CookieUse>();
  const bool captures = x.front && !x.front->cookie_capture.name.empty();
  const CookieSettings* conf = x.back && !x.back->s.cookie.name.empty() ? &x.back->s.cookie : nullptr;
  if (!captures && !conf) return;
  for (Header* h = nullptr; (h = txn.request.headers.find(Name::cookie, h));) read_header(txn, x, *h, captures, conf);
}

// What the server's own cookie of that name becomes.
void change_set_cookie(Transaction& txn, Exchange& x, Header& header, const Cookie& c) {
  const CookieSettings& conf = x.back->s.cookie;
  CookieUse& use = *x.persistence.cookies;
  use.set = CookieSet::found;
  if (conf.preserve) return;
  if (conf.insert || (x.persistence.direct && conf.indirect)) {
    header.removed = true;
    use.set = CookieSet::deleted;
    return;
  }
  char buffer[16];
  Str own = cookie_of(*txn.server, *x.back, buffer);
  if (own.empty() || (!conf.rewrite && !conf.prefix)) return;
  auto begin = static_cast<size_t>(c.value.data() - header.value.data());
  Str head = header.value.substr(0, begin), tail = header.value.substr(begin + (conf.rewrite ? c.value.size() : 0));
  header.value = txn.arena.cat(head, own, conf.rewrite ? Str{} : Str(&kPrefixEnd, 1), tail);
  use.set = CookieSet::replaced;
}

void read_set_cookies(Transaction& txn, Exchange& x) {
  const bool captures = x.front && !x.front->cookie_capture.name.empty();
  const bool ours = !x.back->s.cookie.name.empty() && !x.persistence.ignored;
  for (Header* h = nullptr; (h = txn.response.headers.find(Name::set_cookie, h));) {
    Cookie c;
    if (!Cookies(h->value, true).next(c) || !c.pair) continue;
    if (captures) capture(x, true, c);
    if (ours && c.name == x.back->s.cookie.name) change_set_cookie(txn, x, *h, c);
  }
}

// Whether a cache may keep the response (RFC 9111 3), and with it a cookie that was put there.
bool cacheable(const Transaction& txn) {
  using http::Method;
  constexpr uint16_t kStatuses[] = {200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501};
  const Method m = txn.request.method;
  bool asked = m == Method::get || m == Method::head || m == Method::options || m == Method::trace;
  bool may = asked && std::find(std::begin(kStatuses), std::end(kStatuses), txn.response.status) != std::end(kStatuses);
  const http::HeaderList& headers = txn.response.headers;
  if (const Header* h = headers.find("pragma"); h && iequals(h->value, "no-cache")) return false;
  bool fresh = false, at_once = false;
  for (const Header* h = nullptr; (h = headers.find("cache-control", h));)
    for (Str rest = h->value; !rest.empty();) {
      Str word = trim(cut(rest, ','));
      if (iequals(word, "public")) may = true;
      if (iequals(word, "max-age=0")) {
        at_once = true;
      } else if (istarts_with(word, "s-maxage") && !iequals(word, "s-maxage=0")) {
        fresh = true;
        at_once = false;
      } else if (istarts_with(word, "max-age")) {
        fresh = true;
      }
      for (Str never : {"private", "no-cache", "no-store", "s-maxage=0"})
        if (iequals(word, never) ||
            (istarts_with(word, never) && word[never.size()] == '=' && !iequals(word, "no-cache=\"set-cookie\"")))
          may = false;
    }
  if (at_once) return false;
  return may && (fresh || headers.find("expires") || headers.find("etag") || headers.find("last-modified"));
}

// Whether the client has to be told (again) where it belongs.
bool inserts(const Transaction& txn, const Exchange& x) {
  const CookieSettings& conf = x.back->s.cookie;
  const CookieUse& use = *x.persistence.cookies;
  if (!conf.insert || x.persistence.ignored) return false;
  if (conf.preserve && use.set == CookieSet::found) return false;
  if (conf.postonly && txn.request.method != http::Method::post) return false;
  if (!x.persistence.direct) return true;
  const bool renew = (conf.max_idle || use.last_s) && (!use.last_s || use.last_s < now_s(txn));
  return renew || (conf.max_life != 0) != (use.first_s != 0);
}

void insert(Transaction& txn, Exchange& x) {
  const CookieSettings& conf = x.back->s.cookie;
  CookieUse& use = *x.persistence.cookies;
  char buffer[16];
  Str own = cookie_of(*txn.server, *x.back, buffer);
  Str value;
  if (own.empty()) {
    value = txn.arena.cat(conf.name, "=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/", conf.attributes);
  } else {
    char dates[2 * (1 + sticky::kDateSize)];
    size_t size = 0;
    auto add = [&](uint32_t s) {
      dates[size] = kDateMark;
      sticky::write_date(s, dates + size + 1);
      size += 1 + sticky::kDateSize;
    };
    const uint32_t now = now_s(txn) + 3;
    if (conf.dated()) add(now);
    if (conf.max_life) add(use.first_s ? use.first_s : now);
    value = txn.arena.cat(conf.name, "=", own, Str(dates, size), "; path=/", conf.attributes);
  }
  const bool tell_caches = conf.nocache && cacheable(txn);
  txn.response.headers.add("Set-Cookie", value, Name::set_cookie);
  use.set = !own.empty() && x.persistence.direct ? CookieSet::updated : CookieSet::inserted;
  if (tell_caches) txn.response.headers.add("Cache-Control", "private");
}

Next run_response(Transaction& txn, Cursor&, const void*) {
  Exchange& x = exchange(txn);
  if (!x.back || !txn.server) return Next::next;
  if (watches_cookies(x.front, x.back)) {
    if (!x.persistence.cookies) x.persistence.cookies = txn.arena.make<CookieUse>();
    read_set_cookies(txn, x);
    if (inserts(txn, x)) insert(txn, x);
  }
  if (!x.back->sticks.empty()) store_sticks(txn, x);
  return Next::next;
}

constexpr proxy::Step kResponseSteps[] = {{run_response, nullptr, {}}};

}  // namespace

const proxy::Segment kResponsePersistence{"persistence", kResponseSteps, 1, nullptr};

bool watches_cookies(const Proxy* front, const Proxy* back) {
  return (front && !front->cookie_capture.name.empty()) || (back && !back->s.cookie.name.empty());
}

bool persists_on(const model::Server& server, const Proxy& back, const Persistence& p, uint64_t now_ms) {
  if (model::keeps_clients(server, now_ms)) return true;
  return (p.forced || back.s.has(kOptPersist)) && (!server.unresolved || server.local->addr.load());
}

Next run_persist_rules(Transaction& txn, Cursor&, const void* conf) {
  auto& back = *static_cast<const Proxy*>(conf);
  expr::Ctx ctx = context_for(txn);
  for (const PersistRule& rule : back.persist_rules) {
    if (!rule.condition->eval(ctx)) continue;
    Persistence& p = exchange(txn).persistence;
    (rule.forces ? p.forced : p.ignored) = true;
    break;
  }
  return Next::next;
}

Next run_request_cookies(Transaction& txn, Cursor&, const void*) {
  read_cookies(txn, exchange(txn));
  return Next::next;
}

void note_refused_cookies(Transaction& txn, Exchange& x) {
  if (!x.persistence.cookies) read_cookies(txn, x);
}

Str cookie_of(const model::Server& server, const Proxy& back, char (&buffer)[16]) {
  auto& options = *static_cast<const ServerOptions*>(server.conf);
  if (options.cookie.data()) return options.cookie;
  const net::Addr& addr = server.address();
  if (!back.publication->dynamic_cookies.load(std::memory_order_relaxed) || !addr.is_ip()) return {};
  char set[128];
  Str key = back.publication->cookie_key.get(set);
  if (key.empty()) key = back.s.cookie.key;
  if (key.empty()) return {};
  XXH64_state_t state;
  XXH64_reset(&state, 0);
  XXH64_update(&state, key.data(), key.size());
  if (addr.family == AF_INET)
    XXH64_update(&state, &addr.v4, sizeof addr.v4);
  else
    XXH64_update(&state, &addr.v6, sizeof addr.v6);
  const uint32_t port = htonl(addr.port);
  XXH64_update(&state, &port, sizeof port);
  uint64_t hash = XXH64_digest(&state);
  for (int i = 15; i >= 0; i--, hash >>= 4) buffer[i] = "0123456789abcdef"[hash & 15];
  return {buffer, sizeof buffer};
}

}  // namespace weir::haproxy
