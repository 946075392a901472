// Fetches about TLS: the session with the client and with the server, the certificates of both sides.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <fmt/format.h>

#include <string>

#include "expr/encode.h"
#include "expr/fetch_helpers.h"
#include "expr/tables.h"
#include "net/tls_context.h"

namespace weir::expr {
namespace {

template <bool server>
SSL* session(const Ctx& ctx) {
  const net::Conn* c = server ? server_conn(ctx) : client_conn(ctx);
  return c ? c->ssl() : nullptr;
}

template <bool server>
bool is_tls(const Ctx& ctx, const Arg*, Value& out) {
  return (server ? server_conn(ctx) : client_conn(ctx)) && give_bool(out, session<server>(ctx) != nullptr);
}
template <bool server>
bool cipher(const Ctx& ctx, const Arg*, Value& out) {
  SSL* s = session<server>(ctx);
  const char* name = s ? SSL_get_cipher_name(s) : nullptr;
  return name && give(out, Str(name));
}
template <bool server>
bool protocol(const Ctx& ctx, const Arg*, Value& out) {
  SSL* s = session<server>(ctx);
  return s && give(out, Str(SSL_get_version(s)));
}
template <bool server>
bool alpn(const Ctx& ctx, const Arg*, Value& out) {
  SSL* s = session<server>(ctx);
  const unsigned char* name = nullptr;
  unsigned size = 0;
  if (s) SSL_get0_alpn_selected(s, &name, &size);
  return size && give(out, Str{reinterpret_cast<const char*>(name), size});
}
template <bool server>
bool resumed(const Ctx& ctx, const Arg*, Value& out) {
  SSL* s = session<server>(ctx);
  return s && give_bool(out, SSL_session_reused(s));
}
template <bool server>
bool session_id(const Ctx& ctx, const Arg*, Value& out) {
  SSL* s = session<server>(ctx);
  const SSL_SESSION* kept = s ? SSL_get_session(s) : nullptr;
  if (!kept) return false;
  unsigned size = 0;
  const unsigned char* id = SSL_SESSION_get_id(kept, &size);
  out = Value::of_binary({reinterpret_cast<const char*>(id), size});
  return size != 0;
}
template <bool server, bool used>
bool key_size(const Ctx& ctx, const Arg*, Value& out) {
  SSL* s = session<server>(ctx);
  if (!s) return false;
  int algorithm = 0;
  int bits = SSL_get_cipher_bits(s, &algorithm);
  return give(out, int64_t{used ? bits : algorithm});
}
bool sni(const Ctx& ctx, const Arg*, Value& out) {
  SSL* s = session<false>(ctx);
  const char* name = s ? SSL_get_servername(s, TLSEXT_NAMETYPE_host_name) : nullptr;
  return name && give(out, Str(name));
}
bool server_sni(const Ctx& ctx, const Arg*, Value& out) {
  SSL* s = session<true>(ctx);
  const char* name = s ? SSL_get_servername(s, TLSEXT_NAMETYPE_host_name) : nullptr;
  return name && give(out, Str(name));
}
bool has_sni(const Ctx& ctx, const Arg*, Value& out) {
  SSL* s = session<false>(ctx);
  return s && give_bool(out, SSL_get_servername(s, TLSEXT_NAMETYPE_host_name) != nullptr);
}
bool certificate_name(const Ctx& ctx, const Arg*, Value& out) {
  SSL* ssl = session<false>(ctx);
  const Str name = ssl ? net::tls_identity_name(ssl) : Str();
  return !name.empty() && give(out, name);
}
bool handshake_error(const Ctx& ctx, const Arg*, Value& out) {
  return client_conn(ctx) && give(out, int64_t{hooks.handshake_error ? hooks.handshake_error(ctx) : 0});
}
bool handshake_error_text(const Ctx& ctx, const Arg*, Value& out) {
  if (!client_conn(ctx) || !hooks.handshake_error) return false;
  const char* text = ERR_reason_error_string(static_cast<unsigned long>(hooks.handshake_error(ctx)));
  return text && give(out, Str(text));
}

// --- certificates ---

// Whose certificate: the client's, the one we show it, the server's.
enum class Whose : uint8_t { client, ours, server };

// The certificate or null; freed by its holder.
class Certificate {
 public:
  Certificate(const Ctx& ctx, Whose whose) {
    SSL* s = whose == Whose::server ? session<true>(ctx) : session<false>(ctx);
    if (!s) return;
    if (whose == Whose::ours)
      shown_ = SSL_get_certificate(s);
    else
      taken_ = SSL_get1_peer_certificate(s);
  }
  ~Certificate() { X509_free(taken_); }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  X509* get() const { return taken_ ? taken_ : shown_; }

 private:
  X509* taken_ = nullptr;
  X509* shown_ = nullptr;
};

bool client_certificate(const Ctx& ctx, const Arg*, Value& out) {
  if (!session<false>(ctx)) return false;
  return give_bool(out, Certificate(ctx, Whose::client).get() != nullptr);
}
// A resumed session knows the certificate of an earlier handshake.
bool certificate_came(const Ctx& ctx, const Arg* args, Value& out) {
  SSL* s = session<false>(ctx);
  return s && SSL_session_reused(s) ? give_bool(out, false) : client_certificate(ctx, args, out);
}
bool verify_result(const Ctx& ctx, const Arg*, Value& out) {
  SSL* s = session<false>(ctx);
  return s && give(out, int64_t{SSL_get_verify_result(s)});
}
template <bool issuer>
bool verify_error(const Ctx& ctx, const Arg* args, Value& out) {
  SSL* ssl = session<false>(ctx);
  if (!ssl) return false;
  const net::TlsVerdict verdict = net::tls_verdict(ssl);
  const int error = issuer ? verdict.chain : verdict.leaf;
  return error || issuer ? give(out, int64_t{error}) : verify_result(ctx, args, out);
}
bool verify_depth(const Ctx& ctx, const Arg*, Value& out) {
  SSL* ssl = session<false>(ctx);
  return ssl && give(out, int64_t{net::tls_verdict(ssl).chain_depth});
}

// All that the other side sent, one behind the other.
template <bool server>
bool chain_der(const Ctx& ctx, const Arg*, Value& out) {
  SSL* ssl = session<server>(ctx);
  STACK_OF(X509)* chain = ssl ? SSL_get_peer_cert_chain(ssl) : nullptr;
  if (!chain) return false;
  std::string all;
  for (int i = 0; i < sk_X509_num(chain); i++) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(sk_X509_value(chain, i), &bytes);
    if (size > 0) all.append(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
  }
  out = Value::of_binary(ctx.arena->dup(all));
  return true;
}
template <bool server>
bool curve(const Ctx& ctx, const Arg*, Value& out) {
  SSL* ssl = session<server>(ctx);
  const int group = ssl ? static_cast<int>(SSL_get_negotiated_group(ssl)) : 0;
  const char* name = group ? OBJ_nid2sn(group) : nullptr;
  return name && give(out, Str(name));
}

template <Whose whose>
bool der(const Ctx& ctx, const Arg*, Value& out) {
  Certificate c(ctx, whose);
  int size = c.get() ? i2d_X509(c.get(), nullptr) : 0;
  if (size <= 0) return false;
  char* p = ctx.arena->alloc_chars(static_cast<size_t>(size));
  auto* at = reinterpret_cast<unsigned char*>(p);
  i2d_X509(c.get(), &at);
  out = Value::of_binary({p, static_cast<size_t>(size)});
  return true;
}
template <Whose whose>
bool fingerprint(const Ctx& ctx, const Arg*, Value& out) {
  Certificate c(ctx, whose);
  auto* p = reinterpret_cast<unsigned char*>(ctx.arena->alloc_chars(EVP_MAX_MD_SIZE));
  unsigned size = 0;
  if (!c.get() || !X509_digest(c.get(), EVP_sha1(), p, &size)) return false;
  out = Value::of_binary({reinterpret_cast<char*>(p), size});
  return true;
}
template <Whose whose>
bool serial(const Ctx& ctx, const Arg*, Value& out) {
  Certificate c(ctx, whose);
  const ASN1_INTEGER* n = c.get() ? X509_get0_serialNumber(c.get()) : nullptr;
  if (!n) return false;
  out = Value::of_binary(ctx.arena->dup(
      {reinterpret_cast<const char*>(ASN1_STRING_get0_data(n)), static_cast<size_t>(ASN1_STRING_length(n))}));
  return true;
}
template <Whose whose>
bool version(const Ctx& ctx, const Arg*, Value& out) {
  Certificate c(ctx, whose);
  return c.get() && give(out, int64_t{X509_get_version(c.get()) + 1});
}
template <Whose whose, const ASN1_TIME* (*when)(const X509*)>
bool validity(const Ctx& ctx, const Arg*, Value& out) {
  Certificate c(ctx, whose);
  const ASN1_TIME* t = c.get() ? when(c.get()) : nullptr;
  if (!t) return false;
  Str text{reinterpret_cast<const char*>(ASN1_STRING_get0_data(t)), static_cast<size_t>(ASN1_STRING_length(t))};
  if (ASN1_STRING_type(t) == V_ASN1_GENERALIZEDTIME && text.size() > 2) text.remove_prefix(2);
  return give(out, ctx.arena->dup(text));
}

// The short name of a part ("CN"), or the digits of its object identifier.
std::string part_name(const ASN1_OBJECT* object) {
  int nid = OBJ_obj2nid(object);
  if (const char* text = nid == NID_undef ? nullptr : OBJ_nid2sn(nid)) return text;
  char digits[128];
  OBJ_obj2txt(digits, sizeof digits, object, 1);
  return digits;
}

// A part with a NUL inside is none: programs behind would read it up to there.
bool part_value(const ASN1_STRING* data, Str& value) {
  value = {reinterpret_cast<const char*>(ASN1_STRING_get0_data(data)), static_cast<size_t>(ASN1_STRING_length(data))};
  while (value.ends_with('\0')) value.remove_suffix(1);
  return value.find('\0') == Str::npos;
}

// The n-th entry of that name, in any case of letters (from the end when negative), or all of it as /C=…/CN=….
bool name_part(const Ctx& ctx, X509_NAME* name, const Arg* args, Value& out) {
  std::string all;
  const int64_t wanted = args[1].present ? args[1].number : 1;
  const bool backwards = wanted < 0;
  int64_t left = backwards ? -wanted : wanted;
  int count = X509_NAME_entry_count(name);
  for (int i = 0; i < count; i++) {
    X509_NAME_ENTRY* e = X509_NAME_get_entry(name, backwards ? count - 1 - i : i);
    std::string key = part_name(X509_NAME_ENTRY_get_object(e));
    Str value;
    bool whole = part_value(X509_NAME_ENTRY_get_data(e), value);
    if (args[0].str.empty()) {
      if (!whole) return false;
      all += fmt::format("/{}={}", key, value);
    } else if (iequals(key, args[0].str) && --left == 0) {
      return whole && give(out, ctx.arena->dup(value));
    }
  }
  return !all.empty() && give(out, ctx.arena->dup(all));
}
// RFC 2253 writes the most specific part first, with commas.
bool rfc2253(const Ctx& ctx, X509_NAME* name, Value& out) {
  BIO* bio = BIO_new(BIO_s_mem());
  if (!bio) return false;
  char* text = nullptr;
  long size = X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0 ? BIO_get_mem_data(bio, &text) : 0;
  out = Value::of(ctx.arena->dup({text, static_cast<size_t>(size)}));
  BIO_free(bio);
  return size > 0;
}
bool written_name(const Ctx& ctx, X509_NAME* name, const Arg* args, Value& out) {
  return args[2].present ? rfc2253(ctx, name, out) : name_part(ctx, name, args, out);
}
template <Whose whose, bool issuer>
bool name(const Ctx& ctx, const Arg* args, Value& out) {
  Certificate c(ctx, whose);
  if (!c.get()) return false;
  return written_name(ctx, issuer ? X509_get_issuer_name(c.get()) : X509_get_subject_name(c.get()), args, out);
}
// The authority at the top of the verified chain.
bool root_name(const Ctx& ctx, const Arg* args, Value& out) {
  SSL* ssl = session<false>(ctx);
  STACK_OF(X509)* chain = ssl ? SSL_get0_verified_chain(ssl) : nullptr;
  const int n = chain ? sk_X509_num(chain) : 0;
  return n > 0 && written_name(ctx, X509_get_subject_name(sk_X509_value(chain, n - 1)), args, out);
}
std::string check_name(Arg* args, int, Arena&) {
  if (args[2].present && args[2].str != "rfc2253") return "only rfc2253 or a blank value are currently supported";
  return {};
}
template <Whose whose>
bool key_algorithm(const Ctx& ctx, const Arg*, Value& out) {
  Certificate c(ctx, whose);
  if (!c.get()) return false;
  ASN1_OBJECT* algorithm = nullptr;
  X509_PUBKEY_get0_param(&algorithm, nullptr, nullptr, nullptr, X509_get_X509_PUBKEY(c.get()));
  const char* text = OBJ_nid2sn(OBJ_obj2nid(algorithm));
  return text && give(out, Str(text));
}
template <Whose whose>
bool signature_algorithm(const Ctx& ctx, const Arg*, Value& out) {
  Certificate c(ctx, whose);
  const char* text = c.get() ? OBJ_nid2sn(X509_get_signature_nid(c.get())) : nullptr;
  return text && give(out, Str(text));
}

constexpr Type kInt = Type::integer;
constexpr Type kText = Type::string;
constexpr Type kBool = Type::boolean;
constexpr Type kBytes = Type::binary;
constexpr uint16_t kClient = kClientSession;
constexpr uint16_t kServer = kServerAddress;
constexpr auto kC = Whose::client;
constexpr auto kF = Whose::ours;
constexpr auto kS = Whose::server;

// clang-format off
constexpr FetchDef kTable[] = {
    {"ssl_bc", 0, 0, kBool, kServer, is_tls<true>, nullptr, "whether the server's connection is TLS"},
    {"ssl_bc_alg_keysize", 0, 0, kInt, kServer, key_size<true, false>, nullptr, "bits of the cipher's key"},
    {"ssl_bc_alpn", 0, 0, kText, kServer, alpn<true>, nullptr, "the protocol that the server chose"},
    {"ssl_bc_cipher", 0, 0, kText, kServer, cipher<true>, nullptr, "the cipher"},
    {"ssl_bc_curve", 0, 0, kText, kServer, curve<true>, nullptr, "the group of the key exchange"},
    {"ssl_bc_is_resumed", 0, 0, kBool, kServer, resumed<true>, nullptr, "whether the session was resumed"},
    {"ssl_bc_protocol", 0, 0, kText, kServer, protocol<true>, nullptr, "the TLS version"},
    {"ssl_bc_session_id", 0, 0, kBytes, kServer, session_id<true>, nullptr, "the session id"},
    {"ssl_bc_sni", 0, 0, kText, kServer, server_sni, nullptr, "the name that we asked for"},
    {"ssl_bc_use_keysize", 0, 0, kInt, kServer, key_size<true, true>, nullptr, "bits of the key that are used"},
    {"ssl_c_ca_err", 0, 0, kInt, kClient, verify_error<true>, nullptr, "the verification error of an issuer"},
    {"ssl_c_ca_err_depth", 0, 0, kInt, kClient, verify_depth, nullptr, "the depth of that issuer"},
    {"ssl_c_chain_der", 0, 0, kBytes, kClient, chain_der<false>, nullptr, "the certificates that the client sent"},
    {"ssl_c_der", 0, 0, kBytes, kClient, der<kC>, nullptr, "the client's certificate"},
    {"ssl_c_err", 0, 0, kInt, kClient, verify_error<false>, nullptr, "the verification error of the client's certificate"},
    {"ssl_c_i_dn", 0, 3, kText, kClient, name<kC, true>, check_name, "its issuer, or a part of that name", "sis"},
    {"ssl_c_key_alg", 0, 0, kText, kClient, key_algorithm<kC>, nullptr, "the algorithm of its key"},
    {"ssl_c_notafter", 0, 0, kText, kClient, validity<kC, X509_get0_notAfter>, nullptr, "the end of its validity"},
    {"ssl_c_notbefore", 0, 0, kText, kClient, validity<kC, X509_get0_notBefore>, nullptr, "the start of its validity"},
    {"ssl_c_r_dn", 0, 3, kText, kClient, root_name, check_name, "the authority at the top of its chain, or a part of that name", "sis"},
    {"ssl_c_s_dn", 0, 3, kText, kClient, name<kC, false>, check_name, "its subject, or a part of that name", "sis"},
    {"ssl_c_serial", 0, 0, kBytes, kClient, serial<kC>, nullptr, "its serial number"},
    {"ssl_c_sha1", 0, 0, kBytes, kClient, fingerprint<kC>, nullptr, "its SHA-1 fingerprint"},
    {"ssl_c_sig_alg", 0, 0, kText, kClient, signature_algorithm<kC>, nullptr, "the algorithm of its signature"},
    {"ssl_c_used", 0, 0, kBool, kClient, client_certificate, nullptr, "whether the client showed a certificate"},
    {"ssl_c_verify", 0, 0, kInt, kClient, verify_result, nullptr, "the result of its verification, 0 when good"},
    {"ssl_c_version", 0, 0, kInt, kClient, version<kC>, nullptr, "its version"},
    {"ssl_f_der", 0, 0, kBytes, kClient, der<kF>, nullptr, "the certificate that we show"},
    {"ssl_f_i_dn", 0, 3, kText, kClient, name<kF, true>, check_name, "its issuer, or a part of that name", "sis"},
    {"ssl_f_key_alg", 0, 0, kText, kClient, key_algorithm<kF>, nullptr, "the algorithm of its key"},
    {"ssl_f_notafter", 0, 0, kText, kClient, validity<kF, X509_get0_notAfter>, nullptr, "the end of its validity"},
    {"ssl_f_notbefore", 0, 0, kText, kClient, validity<kF, X509_get0_notBefore>, nullptr, "the start of its validity"},
    {"ssl_f_s_dn", 0, 3, kText, kClient, name<kF, false>, check_name, "its subject, or a part of that name", "sis"},
    {"ssl_f_serial", 0, 0, kBytes, kClient, serial<kF>, nullptr, "its serial number"},
    {"ssl_f_sha1", 0, 0, kBytes, kClient, fingerprint<kF>, nullptr, "its SHA-1 fingerprint"},
    {"ssl_f_sig_alg", 0, 0, kText, kClient, signature_algorithm<kF>, nullptr, "the algorithm of its signature"},
    {"ssl_f_version", 0, 0, kInt, kClient, version<kF>, nullptr, "its version"},
    {"ssl_fc", 0, 0, kBool, kClient, is_tls<false>, nullptr, "whether the client's connection is TLS"},
    {"ssl_fc_alg_keysize", 0, 0, kInt, kClient, key_size<false, false>, nullptr, "bits of the cipher's key"},
    {"ssl_fc_alpn", 0, 0, kText, kClient, alpn<false>, nullptr, "the protocol that was chosen"},
    {"ssl_fc_cipher", 0, 0, kText, kClient, cipher<false>, nullptr, "the cipher"},
    {"ssl_fc_crtname", 0, 0, kText, kClient, certificate_name, nullptr, "the file of the certificate that we show"},
    {"ssl_fc_curve", 0, 0, kText, kClient, curve<false>, nullptr, "the group of the key exchange"},
    {"ssl_fc_err", 0, 0, kInt, kClient, handshake_error, nullptr, "OpenSSL's code of a handshake error"},
    {"ssl_fc_err_str", 0, 0, kText, kClient, handshake_error_text, nullptr, "OpenSSL's text of a handshake error"},
    {"ssl_fc_has_crt", 0, 0, kBool, kClient, certificate_came, nullptr, "whether a certificate came in this handshake"},
    {"ssl_fc_has_sni", 0, 0, kBool, kClient, has_sni, nullptr, "whether the client asked for a name"},
    {"ssl_fc_is_resumed", 0, 0, kBool, kClient, resumed<false>, nullptr, "whether the session was resumed"},
    {"ssl_fc_protocol", 0, 0, kText, kClient, protocol<false>, nullptr, "the TLS version"},
    {"ssl_fc_session_id", 0, 0, kBytes, kClient, session_id<false>, nullptr, "the session id"},
    {"ssl_fc_sni", 0, 0, kText, kClient, sni, nullptr, "the name that the client asked for"},
    {"ssl_fc_use_keysize", 0, 0, kInt, kClient, key_size<false, true>, nullptr, "bits of the key that are used"},
    {"ssl_s_chain_der", 0, 0, kBytes, kServer, chain_der<true>, nullptr, "the certificates that the server sent"},
    {"ssl_s_der", 0, 0, kBytes, kServer, der<kS>, nullptr, "the server's certificate"},
    {"ssl_s_i_dn", 0, 3, kText, kServer, name<kS, true>, check_name, "its issuer, or a part of that name", "sis"},
    {"ssl_s_key_alg", 0, 0, kText, kServer, key_algorithm<kS>, nullptr, "the algorithm of its key"},
    {"ssl_s_notafter", 0, 0, kText, kServer, validity<kS, X509_get0_notAfter>, nullptr, "the end of its validity"},
    {"ssl_s_notbefore", 0, 0, kText, kServer, validity<kS, X509_get0_notBefore>, nullptr, "the start of its validity"},
    {"ssl_s_s_dn", 0, 3, kText, kServer, name<kS, false>, check_name, "its subject, or a part of that name", "sis"},
    {"ssl_s_serial", 0, 0, kBytes, kServer, serial<kS>, nullptr, "its serial number"},
    {"ssl_s_sha1", 0, 0, kBytes, kServer, fingerprint<kS>, nullptr, "its SHA-1 fingerprint"},
    {"ssl_s_sig_alg", 0, 0, kText, kServer, signature_algorithm<kS>, nullptr, "the algorithm of its signature"},
    {"ssl_s_version", 0, 0, kInt, kServer, version<kS>, nullptr, "its version"},
};
// clang-format on

}  // namespace

FetchTable tls_fetches() {
  return kTable;
}

}  // namespace weir::expr
