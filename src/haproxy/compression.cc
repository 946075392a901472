// `compression …`: which responses are compressed. The filter itself is the core's.
#include "haproxy/compression.h"

#include <fmt/format.h>

#include <algorithm>

#include "haproxy/bind.h"
#include "haproxy/tables.h"
#include "http/gzip_filter.h"

namespace weir::haproxy {

namespace {

bool type_wanted(const Settings& s, Str type) {
  if (s.compress_types.empty()) return true;
  for (Str t : s.compress_types)
    if (istarts_with(type, t)) return true;
  return false;
}

// Thousandths of an Accept-Encoding item's weight; `params` is what follows the coding.
int weight(Str params) {
  while (!params.empty()) {
    Str param = trim(cut(params, ';'));
    Str name = trim(cut(param, '='));
    if (!iequals(name, "q")) continue;
    param = trim(param);
    int q = param.starts_with('1') ? 1000 : 0;
    if (q || param.size() < 2 || param[1] != '.') return q;
    for (size_t i = 2, unit = 100; i < param.size() && unit && is_digit(param[i]); i++, unit /= 10)
      q += (param[i] - '0') * static_cast<int>(unit);
    return q;
  }
  return 1000;
}

Str name_of(Coding coding) {
  return coding == Coding::gzip ? "gzip" : coding == Coding::deflate ? "deflate" : "identity";
}

// Browsers that call themselves Mozilla/4 and are neither Internet Explorer 6 with its second service pack nor a later one
// cannot be trusted with compressed responses.
bool is_unsafe_browser(Str agent) {
  if (!agent.starts_with("Mozilla/4")) return false;
  size_t explorer = agent.find("MSIE ");
  if (explorer == Str::npos || explorer + 5 >= agent.size()) return true;
  char version = agent[explorer + 5];
  return version < '6' || (version == '6' && agent.find("SV1") == Str::npos);
}

// The configured coding that the client likes best.
Coding agreed(const ArenaList<Coding>& codings, const http::Message& request) {
  using http::Name;
  Coding best = Coding::none;
  int best_weight = 0;
  const http::HeaderList& headers = request.headers;
  for (const http::Header* h = headers.find(Name::accept_encoding); h; h = headers.find(Name::accept_encoding, h)) {
    for (Str rest = h->value; !rest.empty();) {
      Str item = cut(rest, ',');
      Str name = trim(cut(item, ';'));
      int q = weight(item);
      if (q <= best_weight) continue;
      for (Coding c : codings) {
        if (name != "*" && !iequals(name, name_of(c))) continue;
        best = c;
        best_weight = q;
        break;
      }
    }
  }
  if (best != Coding::none) return best;
  return std::find(codings.begin(), codings.end(), Coding::identity) != codings.end() ? Coding::identity : Coding::none;
}

const Settings* settings_of(const Exchange& x) {
  for (const Proxy* p : {x.back, x.front})
    if (p && p->s.compress_codings.size) return &p->s;
  return nullptr;
}

bool is_valid_etag(Str tag) {
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  return tag.size() >= 2 && tag.front() == '"' && tag.back() == '"';
}

// One ETag at most, and one that is well-formed: others could not be made weak.
bool etag_allows(const http::HeaderList& headers) {
  const http::Header* tag = headers.find(http::Name::etag);
  return !tag || (is_valid_etag(tag->value) && !headers.find(http::Name::etag, tag));
}

bool response_allows(const Settings& s, const http::Message& r) {
  if (r.status < 200 || r.status > 203 || r.version < 11) return false;
  if (r.headers.has(http::Name::content_encoding) || r.body == http::Body::none) return false;
  if (r.body == http::Body::length && r.content_length < std::max<uint64_t>(s.compress_min, 1)) return false;
  if (r.headers.value(http::Name::cache_control).find("no-transform") != Str::npos) return false;
  if (!etag_allows(r.headers)) return false;
  Str type = r.headers.value(http::Name::content_type);
  return type.empty() ? s.compress_types.empty() : !istarts_with(type, "multipart") && type_wanted(s, type);
}

// Caches have to know that other clients get something else.
void add_vary(proxy::Transaction& txn) {
  using http::Name;
  http::HeaderList& headers = txn.response.headers;
  http::Header* last = nullptr;
  for (http::Header* h = headers.find(Name::vary); h; h = headers.find(Name::vary, h)) {
    last = h;
    for (Str rest = h->value; !rest.empty();)
      if (iequals(trim(cut(rest, ',')), "Accept-Encoding")) return;
  }
  if (!last)
    headers.add("Vary", "Accept-Encoding", Name::vary);
  else
    last->value = last->value.empty() ? Str("Accept-Encoding") : txn.arena.cat(last->value, Str(",Accept-Encoding"));
}

}  // namespace

void choose_coding(proxy::Transaction& txn, Exchange& x) {
  const Settings* s = settings_of(x);
  http::Message& request = txn.request;
  x.coding = Coding::none;
  if (!s || is_unsafe_browser(request.headers.value(http::Name::user_agent))) return;
  x.coding = agreed(s->compress_codings, request);
  bool offload = (x.back && x.back->s.compress_offload) || (x.front && x.front->s.compress_offload);
  if (offload && x.coding != Coding::none) request.headers.remove(http::Name::accept_encoding);
}

void add_compression(proxy::Transaction& txn, Exchange& x) {
  const Settings* s = settings_of(x);
  if (!s) return;
  if (x.coding == Coding::undecided) choose_coding(txn, x);
  if (x.coding == Coding::none || txn.request.version < 11 || txn.request.method == http::Method::head) return;
  http::Message& r = txn.response;
  if (!response_allows(*s, r)) return;
  proxy::Shard& shard = txn.shard;
  if (x.coding != Coding::identity && shard.crew.limits.compression.wait_ms(shard.loop.now())) return;
  add_vary(txn);
  if (x.coding == Coding::identity) {
    r.headers.remove(http::Name::content_length);
    r.body = http::Body::chunked;
    r.content_length = 0;
    return;
  }
  http::GzipOptions options;
  options.flush = true;
  options.zlib_format = x.coding == Coding::deflate;
  txn.down.add(http::make_gzip_filter(txn, options));
}

namespace {

void bind_algorithm(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  ArenaList<Coding>& codings = scope.proxy->s.compress_codings;
  for (const Word& word : args_of(d, row)) {
    if (word == "gzip") {
      codings.push(scope.arena, Coding::gzip);
    } else if (word == "deflate") {
      codings.push(scope.arena, Coding::deflate);
    } else if (word == "identity") {
      codings.push(scope.arena, Coding::identity);
    } else if (word == "raw-deflate") {
      scope.planned(word.where, "compression algo raw-deflate");
    } else {
      scope.error(word.where, fmt::format("'{}' is not an algorithm of compression", word.text),
                  "identity, gzip, deflate or raw-deflate",
                  fmt::format("'compression' : '{}' is not a supported algorithm.", word.text));
    }
  }
}

void bind_offload(void* s, const Directive&, const Row&) {
  scope_of(s).proxy->s.compress_offload = true;
}

void bind_types(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  ArenaList<Str>& types = scope.proxy->s.compress_types;
  for (const Word& word : args_of(d, row)) types.push(scope.arena, word.text);
}

void bind_minimum(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_size(scope_of(s), args_of(d, row)[0], row.name, n))
    scope_of(s).proxy->s.compress_min = static_cast<uint32_t>(n);
}

constexpr Row word(Str name, int8_t max, config::BindFn bind, Str syntax, Str help) {
  return {name, kProxies, 1, max, Block::none, Inherit::copy, bind, syntax, help};
}

constexpr Row kRows[] = {
    word("compression algo", -1, bind_algorithm, "<algorithm> ...", "algorithms for compressing responses"),
    word("compression algo-res", -1, bind_algorithm, "<algorithm> ...", "algorithms for compressing responses"),
    word("compression type", -1, bind_types, "<mime type> ...", "media types that are compressed"),
    word("compression type-res", -1, bind_types, "<mime type> ...", "media types of responses that are compressed"),
    {"compression offload", kFrontends | kBackend, 0, 0, Block::none, Inherit::copy, bind_offload, "",
     "servers are not asked for compressed responses"},
    word("compression minsize-res", 1, bind_minimum, "<size>", "smallest response body that is compressed"),
};

}  // namespace

const config::Table kCompressionTable = kRows;

}  // namespace weir::haproxy
