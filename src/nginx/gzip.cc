// gzip: which responses are compressed (ngx_http_gzip_filter_module, ngx_http_gzip_ok).
#include <fmt/format.h>

#include "http/gzip_filter.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/forward.h"

namespace weir::nginx {
namespace {

using http::Name;
using proxy::Transaction;

enum Proxied : uint32_t {
  kOff = 1,
  kExpired = 2,
  kNoCache = 4,
  kNoStore = 8,
  kPrivate = 16,
  kNoLastModified = 32,
  kNoEtag = 64,
  kAuth = 128,
  kAny = 256,
};

struct GzipConf {
  Setting<bool> on;
  Setting<bool> vary;
  Setting<int64_t> level;
  Setting<uint64_t> min_length;
  Setting<uint32_t> proxied;
  Setting<Str> http_version;
  Setting<ArenaList<Str>> types;
  ArenaList<Str> disable;
};

GzipConf& conf_of_scope(void* s) {
  return *static_cast<GzipConf*>(static_cast<Scope*>(s)->conf);
}

void bind_types(void* s, const Directive& d, const Row&) {
  ArenaList<Str> list;
  auto& scope = *static_cast<Scope*>(s);
  for (size_t i = 0; i < d.args(); i++) list.push(scope.arena, scope.arena.dup(d.arg(i).text));
  list.push(scope.arena, "text/html");
  conf_of_scope(s).types = list;
}

void bind_proxied(void* s, const Directive& d, const Row&) {
  struct Word {
    Str name;
    uint32_t bit;
  };
  static constexpr Word kWords[] = {
      {"off", kOff},          {"expired", kExpired}, {"no-cache", kNoCache},
      {"no-store", kNoStore}, {"private", kPrivate}, {"no_last_modified", kNoLastModified},
      {"no_etag", kNoEtag},   {"auth", kAuth},       {"any", kAny}};
  uint32_t bits = 0;
  for (size_t i = 0; i < d.args(); i++) {
    uint32_t bit = 0;
    for (const Word& w : kWords)
      if (w.name == d.arg(i).text) bit = w.bit;
    if (!bit) return bad_value(*static_cast<Scope*>(s), d, i, "off, any, expired, no-cache, no-store, private, auth …");
    bits |= bit;
  }
  conf_of_scope(s).proxied = bits;
}

void bind_level(void* s, const Directive& d, const Row&) {
  auto n = parse_u64(d.arg(0).text);
  if (!n || *n < 1 || *n > 9) return bad_value(*static_cast<Scope*>(s), d, 0, "a number from 1 to 9");
  conf_of_scope(s).level = static_cast<int64_t>(*n);
}

void bind_version(void* s, const Directive& d, const Row&) {
  Str v = d.arg(0).text;
  if (v != "1.0" && v != "1.1") return bad_value(*static_cast<Scope*>(s), d, 0, "1.0 or 1.1");
  conf_of_scope(s).http_version = static_cast<Scope*>(s)->arena.dup(v);
}

// Whether the client takes gzip: a q of 0 refuses, and "*" does not ask for it.
bool accepts(Str header) {
  while (!header.empty()) {
    Str item = cut(header, ',');
    Str coding = trim(cut(item, ';'));
    if (!iequals(coding, "gzip")) continue;
    Str q = trim(item);
    return !(q.starts_with("q=0") && q.find_first_not_of("0.", 2) == Str::npos);
  }
  return false;
}

bool proxied_ok(Transaction& txn, uint32_t bits) {
  const http::Message& m = txn.response;
  if (!txn.request.headers.has(Name::via) || (bits & kAny)) return true;
  if (bits & kOff) return false;
  if ((bits & kAuth) && txn.request.headers.has(Name::authorization)) return true;
  Str cache = m.headers.value(Name::cache_control);
  if ((bits & kExpired) && m.headers.has(Name::expires)) return true;
  if ((bits & kNoCache) && cache.find("no-cache") != Str::npos) return true;
  if ((bits & kNoStore) && cache.find("no-store") != Str::npos) return true;
  if ((bits & kPrivate) && cache.find("private") != Str::npos) return true;
  if ((bits & kNoLastModified) && !m.headers.has(Name::last_modified)) return true;
  return (bits & kNoEtag) && !m.headers.has(Name::etag);
}

bool type_ok(const GzipConf& c, Str type) {
  type = trim(type.substr(0, type.find(';')));
  if (!c.types.set) return iequals(type, "text/html");
  for (Str t : c.types.value)
    if (t == "*" || iequals(t, type)) return !type.empty();
  return false;
}

// Filters before this one may have made the length of the body unknown.
bool wanted(Transaction& txn, http::Message& m, const void* conf) {
  const auto& c = *static_cast<const GzipConf*>(conf);
  bool head = txn.request.method == http::Method::head;  // answered with the headers that GET would get
  if (m.headers.has(Name::content_encoding) || (m.body == http::Body::none && !head) || txn.parent) return false;
  bool sized = m.body == http::Body::length || (head && m.headers.has(Name::content_length));
  if (sized && m.content_length < c.min_length.get(20)) return false;
  if (!type_ok(c, m.headers.value(Name::content_type))) return false;
  if (c.vary.get(false)) m.headers.add("Vary", "Accept-Encoding", Name::vary);
  if (txn.request.version < 11 && c.http_version.get("1.1") == "1.1") return false;
  return accepts(txn.request.headers.value(Name::accept_encoding)) && proxied_ok(txn, c.proxied.get(kOff));
}

proxy::Filter* make(Transaction& txn, const void* conf) {
  const auto& c = *static_cast<const GzipConf*>(conf);
  const uint16_t status = txn.response.status;
  if (status != 200 && status != 403 && status != 404) return nullptr;
  http::GzipOptions o;
  o.wanted = wanted;
  o.conf = conf;
  o.level = static_cast<int>(c.level.get(1));
  o.flush = txn.plan && !txn.plan->client.response_buffering;
  o.counts = of(txn).gzip = txn.arena.make<http::GzipCounts>();
  return http::make_gzip_filter(txn, o);
}

void compile(Scope&, Location& l, void* conf) {
  if (static_cast<GzipConf*>(conf)->on.get(false)) l.filters.push_back({make, conf, 50});
}

// With two digits behind the point, rounded.
bool fetch_ratio(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  const http::GzipCounts* n = ctx.txn ? of(*ctx.txn).gzip : nullptr;
  if (!n || n->out == 0) return false;
  const uint64_t hundredths = (n->in * 1000 / n->out + 5) / 10;
  out = Value::of(ctx.arena->dup(fmt::format("{}.{:02}", hundredths / 100, hundredths % 100)));
  return true;
}

const VariableDef kVariables[] = {
    {"gzip_ratio", fetch_ratio, false, false, nullptr, "how much longer the answer was than what the client got"}};

constexpr Str kBuffers = "zlib's own buffers are used";

const Row kTable[] = {
    {"gzip",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "compresses responses",
     {},
     WEIR_FIELD(GzipConf, on),
     "off"},
    {"gzip_vary",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "adds Vary: Accept-Encoding to what may be compressed",
     {},
     WEIR_FIELD(GzipConf, vary),
     "off"},
    {"gzip_comp_level",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_level,
     "level",
     "effort from 1 to 9",
     {},
     WEIR_FIELD(GzipConf, level),
     "1"},
    {"gzip_min_length",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_size,
     "length",
     "shorter responses are left alone",
     {},
     WEIR_FIELD(GzipConf, min_length),
     "20"},
    {"gzip_types",
     kHttpServerLocation,
     1,
     -1,
     Block::none,
     Inherit::scalar,
     bind_types,
     "mime-type ...",
     "types that are compressed besides text/html",
     {},
     WEIR_FIELD(GzipConf, types),
     "text/html"},
    {"gzip_proxied",
     kHttpServerLocation,
     1,
     -1,
     Block::none,
     Inherit::scalar,
     bind_proxied,
     "off | expired | no-cache | no-store | private | no_last_modified | no_etag | auth | any ...",
     "which responses to requests from proxies are compressed",
     {},
     WEIR_FIELD(GzipConf, proxied),
     "off"},
    {"gzip_http_version",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_version,
     "1.0 | 1.1",
     "lowest version of requests whose responses are compressed",
     {},
     WEIR_FIELD(GzipConf, http_version),
     "1.1"},
    {"gzip_buffers", kHttpServerLocation, 2, 2, Block::none, Inherit::none, nullptr, "number size", "output buffers",
     kBuffers},
    {"gzip_window", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "size", "window size", kBuffers},
    {"gzip_hash", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "size", "hash size", kBuffers},
    {"gzip_no_buffer", kHttpServerLocation, 1, 1, Block::none, Inherit::none, nullptr, "on | off", "old setting",
     kBuffers},
    {"gzip_disable", kHttpServerLocation, 1, -1, Block::none, Inherit::none, nullptr, "regex ...",
     "browsers that get no compression", "no browser in use mishandles gzip any more"},
};

}  // namespace

const std::span<const VariableDef> kGzipVariables{kVariables};

const Module kGzipModule{"gzip", sizeof(GzipConf), module_create<GzipConf>, kTable, nullptr, compile};

}  // namespace weir::nginx
