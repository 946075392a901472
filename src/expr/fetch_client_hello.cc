// Fetches of the hello with which a client began TLS here, where it was kept (tune.ssl.capture-buffer-size). Filter 1 leaves
// out values that only try whether servers cope with unknown ones (GREASE, RFC 8701).
#include <openssl/ssl.h>

#include "expr/encode.h"
#include "expr/fetch_helpers.h"
#include "expr/hash.h"
#include "expr/tables.h"
#include "net/tls_hello.h"

namespace weir::expr {
namespace {

using net::TlsHello;

const TlsHello* hello(const Ctx& ctx) {
  const net::Conn* c = client_conn(ctx);
  return c && c->ssl() ? net::kept_tls_hello(c->ssl()) : nullptr;
}

bool is_grease(unsigned char high, unsigned char low) {
  return high == low && (high & 0xf) == 0xa;
}

Str filtered(const Ctx& ctx, Str pairs, const Arg* args) {
  if (!args[0].present || args[0].number != 1) return pairs;
  char* out = ctx.arena->alloc_chars(pairs.size());
  size_t n = 0;
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (is_grease(static_cast<unsigned char>(pairs[i]), static_cast<unsigned char>(pairs[i + 1]))) continue;
    out[n++] = pairs[i];
    out[n++] = pairs[i + 1];
  }
  return {out, n};
}

template <std::string TlsHello::* list>
bool binary(const Ctx& ctx, const Arg* args, Value& out) {
  const TlsHello* h = hello(ctx);
  if (!h) return false;
  out = Value::of_binary(filtered(ctx, h->*list, args));
  return true;
}
bool point_formats(const Ctx& ctx, const Arg*, Value& out) {
  const TlsHello* h = hello(ctx);
  if (h) out = Value::of_binary(h->point_formats);
  return h != nullptr;
}
bool ciphers_in_hex(const Ctx& ctx, const Arg* args, Value& out) {
  const TlsHello* h = hello(ctx);
  return h && give(out, encode_hex(filtered(ctx, h->ciphers, args), *ctx.arena));
}
bool cipher_names(const Ctx& ctx, const Arg* args, Value& out) {
  const TlsHello* h = hello(ctx);
  if (!h) return false;
  SSL* ssl = client_conn(ctx)->ssl();
  const Str list = filtered(ctx, h->ciphers, args);
  std::string names;
  for (size_t i = 0; i + 1 < list.size(); i += 2) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(list.data() + i);
    const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl, bytes);
    if (!names.empty()) names += ',';
    if (cipher)
      names += SSL_CIPHER_get_name(cipher);
    else
      names += "UNKNOWN(" + std::string(encode_hex(list.substr(i, 2), *ctx.arena)) + ")";
  }
  return give(out, ctx.arena->dup(names));
}
bool ciphers_hash(const Ctx& ctx, const Arg*, Value& out) {
  const TlsHello* h = hello(ctx);
  return h && give(out, static_cast<int64_t>(hash_xxh64(h->ciphers, 0)));
}
bool version(const Ctx& ctx, const Arg*, Value& out) {
  const TlsHello* h = hello(ctx);
  return h && give(out, int64_t{h->version});
}

constexpr Type kBytes = Type::binary;
constexpr Type kText = Type::string;
constexpr Type kInt = Type::integer;
constexpr uint16_t kClient = kClientSession;

// clang-format off
constexpr FetchDef kTable[] = {
    {"ssl_fc_cipherlist_bin", 0, 1, kBytes, kClient, binary<&TlsHello::ciphers>, nullptr, "the client's ciphers", "i"},
    {"ssl_fc_cipherlist_hex", 0, 1, kText, kClient, ciphers_in_hex, nullptr, "the client's ciphers in hexadecimal", "i"},
    {"ssl_fc_cipherlist_str", 0, 1, kText, kClient, cipher_names, nullptr, "the names of the client's ciphers", "i"},
    {"ssl_fc_cipherlist_xxh", 0, 0, kInt, kClient, ciphers_hash, nullptr, "a hash of the client's ciphers"},
    {"ssl_fc_ecformats_bin", 0, 0, kBytes, kClient, point_formats, nullptr, "the client's point formats"},
    {"ssl_fc_eclist_bin", 0, 1, kBytes, kClient, binary<&TlsHello::groups>, nullptr, "the client's groups", "i"},
    {"ssl_fc_extlist_bin", 0, 1, kBytes, kClient, binary<&TlsHello::extensions>, nullptr, "the client's extensions", "i"},
    {"ssl_fc_protocol_hello_id", 0, 0, kInt, kClient, version, nullptr, "the version that the client's hello names"},
    {"ssl_fc_sigalgs_bin", 0, 1, kBytes, kClient, binary<&TlsHello::sigalgs>, nullptr, "the client's signature algorithms", "i"},
    {"ssl_fc_supported_versions_bin", 0, 1, kBytes, kClient, binary<&TlsHello::versions>, nullptr, "the versions that the client speaks", "i"},
};
// clang-format on

}  // namespace

FetchTable client_hello_fetches() {
  return kTable;
}

}  // namespace weir::expr
