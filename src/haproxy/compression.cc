// `compression …`: which responses are compressed. The filter itself is the core's.
#include "haproxy/compression.h"

#include <fmt/format.h>

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

bool client_takes_gzip(const http::Message& request) {
  for (const http::Header* h = request.headers.find(http::Name::accept_encoding); h;
       h = request.headers.find(http::Name::accept_encoding, h)) {
    Str rest = h->value;
    while (!rest.empty()) {
      Str item = cut(rest, ',');
      Str coding = trim(cut(item, ';'));
      Str q = trim(item);
      bool refused = q.starts_with("q=0") && q.find_first_not_of("0.", 2) == Str::npos;
      if ((iequals(coding, "gzip") || coding == "*") && !refused) return true;
    }
  }
  return false;
}

}  // namespace

void add_compression(proxy::Transaction& txn, const Exchange& x) {
  const Settings* s = x.back && x.back->s.compress_gzip     ? &x.back->s
                      : x.front && x.front->s.compress_gzip ? &x.front->s
                                                            : nullptr;
  if (!s) return;
  const http::Message& r = txn.response;
  // Only what HAProxy compresses: full answers to HTTP/1.1 clients, without a coding yet, that may be changed.
  bool status = r.status == 200 || r.status == 201 || r.status == 202 || r.status == 203;
  if (!status || txn.request.version < 11 || txn.request.method == http::Method::head) return;
  if (r.headers.has(http::Name::content_encoding) || r.body == http::Body::none) return;
  if (r.body == http::Body::length && r.content_length < std::max<uint64_t>(s->compress_min, 1)) return;
  if (r.headers.value(http::Name::cache_control).find("no-transform") != Str::npos) return;
  Str type = r.headers.value(http::Name::content_type);
  if (type.empty() ? !s->compress_types.empty() : istarts_with(type, "multipart") || !type_wanted(*s, type)) return;
  if (!client_takes_gzip(txn.request)) return;
  http::GzipOptions options;
  options.flush = true;
  txn.down.add(http::make_gzip_filter(txn, options));
}

namespace {

void bind_algorithm(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  for (const Word& word : args_of(d, row)) {
    if (word == "gzip") {
      scope.proxy->s.compress_gzip = true;
    } else if (word == "deflate" || word == "raw-deflate") {
      scope.planned(word.where, fmt::format("compression algo {}", word.text));
    } else if (word != Str("identity")) {
      scope.error(word.where, fmt::format("'{}' is not an algorithm of compression", word.text),
                  "identity, gzip, deflate or raw-deflate",
                  fmt::format("'compression' : '{}' is not a supported algorithm.", word.text));
    }
  }
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
    word("compression minsize-res", 1, bind_minimum, "<size>", "smallest response body that is compressed"),
};

}  // namespace

const config::Table kCompressionTable = kRows;

}  // namespace weir::haproxy
