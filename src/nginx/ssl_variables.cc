// $ssl_protocol, $ssl_cipher, $ssl_client_… : what the TLS session of the client's connection has agreed on
// (ngx_http_ssl_module's variables). Absent on plain connections and where the session has no such thing.
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "net/conn.h"
#include "nginx/modules.h"
#include "ocsp/clients.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using expr::Arg;
using expr::Ctx;

bool text(const Ctx& ctx, Value& out, Str s) {
  if (s.empty()) return false;
  out = Value::of(ctx.arena->dup(s));
  return true;
}
bool text(const Ctx& ctx, Value& out, const char* s) {
  return s && text(ctx, out, Str{s});
}

// Variables are functions from the session to a text; no session, no value.
using SslText = bool (*)(const Ctx& ctx, SSL* ssl, Value& out);
template <SslText F>
bool of_session(const Ctx& ctx, const Arg*, Value& out) {
  SSL* ssl = ctx.client ? ctx.client->ssl() : nullptr;
  return ssl && F(ctx, ssl, out);
}

std::string hex(const unsigned char* p, size_t n) {
  std::string out;
  for (size_t i = 0; i < n; i++) out += fmt::format("{:02x}", p[i]);
  return out;
}

bool protocol(const Ctx& ctx, SSL* ssl, Value& out) {
  return text(ctx, out, SSL_get_version(ssl));
}
bool cipher(const Ctx& ctx, SSL* ssl, Value& out) {
  return text(ctx, out, SSL_get_cipher_name(ssl));
}

bool ciphers(const Ctx& ctx, SSL* ssl, Value& out) {
  unsigned char* list = nullptr;
  auto width = static_cast<size_t>(SSL_get0_raw_cipherlist(ssl, nullptr));
  auto size = static_cast<size_t>(SSL_get0_raw_cipherlist(ssl, &list));
  if (!width || !list) return false;
  std::string all;
  for (size_t at = 0; at + width <= size; at += width) {
    const SSL_CIPHER* c = SSL_CIPHER_find(ssl, list + at);
    if (!all.empty()) all += ':';
    all += c ? std::string(SSL_CIPHER_get_name(c)) : "0x" + hex(list + at, width);
  }
  return text(ctx, out, all);
}

std::string group_name(SSL* ssl, int nid) {
  if (!(nid & TLSEXT_nid_unknown)) return OBJ_nid2sn(nid);
  const char* name = SSL_group_to_name(ssl, nid);
  return name ? name : fmt::format("0x{:04x}", nid & 0xffff);
}
bool curve(const Ctx& ctx, SSL* ssl, Value& out) {
  int nid = static_cast<int>(SSL_get_negotiated_group(ssl));
  return nid != NID_undef && text(ctx, out, group_name(ssl, nid));
}
bool curves(const Ctx& ctx, SSL* ssl, Value& out) {
  auto n = SSL_get1_groups(ssl, nullptr);
  if (n <= 0) return false;
  std::string all;
  std::vector<int> list(static_cast<size_t>(n));
  SSL_get1_groups(ssl, list.data());
  for (int nid : list) all += (all.empty() ? "" : ":") + group_name(ssl, nid);
  return text(ctx, out, all);
}

bool session_id(const Ctx& ctx, SSL* ssl, Value& out) {
  SSL_SESSION* session = SSL_get0_session(ssl);
  if (!session) return false;
  unsigned n = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &n);
  return text(ctx, out, hex(id, n));
}
bool session_reused(const Ctx& ctx, SSL* ssl, Value& out) {
  return text(ctx, out, SSL_session_reused(ssl) ? "r" : ".");
}
bool early_data(const Ctx& ctx, SSL* ssl, Value& out) {
  return !SSL_is_init_finished(ssl) && text(ctx, out, "1");
}
bool server_name(const Ctx& ctx, SSL* ssl, Value& out) {
  return text(ctx, out, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
}
bool alpn(const Ctx& ctx, SSL* ssl, Value& out) {
  const unsigned char* name = nullptr;
  unsigned n = 0;
  SSL_get0_alpn_selected(ssl, &name, &n);
  return text(ctx, out, Str{reinterpret_cast<const char*>(name), n});
}

// ---------------------------------------------------------------- the client's certificate

struct Bio {
  BIO* bio = BIO_new(BIO_s_mem());
  ~Bio() { BIO_free(bio); }
  Str text() const {
    char* p = nullptr;
    long n = BIO_get_mem_data(bio, &p);
    return n > 0 ? Str{p, static_cast<size_t>(n)} : Str{};
  }
};

X509* peer(SSL* ssl) {
  return SSL_get0_peer_certificate(ssl);
}

bool pem(SSL* ssl, Bio& out) {
  return peer(ssl) && PEM_write_bio_X509(out.bio, peer(ssl));
}

bool raw_cert(const Ctx& ctx, SSL* ssl, Value& out) {
  Bio b;
  return pem(ssl, b) && text(ctx, out, b.text());
}
// As a header line once carried it: further lines are continued by a tab.
bool cert(const Ctx& ctx, SSL* ssl, Value& out) {
  Bio b;
  if (!pem(ssl, b)) return false;
  Str all = b.text();
  all.remove_suffix(1);
  std::string folded;
  for (char c : all) {
    folded += c;
    if (c == '\n') folded += '\t';
  }
  return text(ctx, out, folded);
}
bool escaped_cert(const Ctx& ctx, SSL* ssl, Value& out) {
  Bio b;
  if (!pem(ssl, b)) return false;
  std::string escaped;
  for (char c : b.text()) {
    bool plain = is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
    escaped += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return text(ctx, out, escaped);
}

bool dn(const Ctx& ctx, X509_NAME* name, Value& out) {
  Bio b;
  return name && X509_NAME_print_ex(b.bio, name, 0, XN_FLAG_RFC2253) >= 0 && text(ctx, out, b.text());
}
bool legacy_dn(const Ctx& ctx, X509_NAME* name, Value& out) {
  char* line = name ? X509_NAME_oneline(name, nullptr, 0) : nullptr;
  bool found = text(ctx, out, line);
  OPENSSL_free(line);
  return found;
}
bool subject(const Ctx& ctx, SSL* ssl, Value& out) {
  return peer(ssl) && dn(ctx, X509_get_subject_name(peer(ssl)), out);
}
bool issuer(const Ctx& ctx, SSL* ssl, Value& out) {
  return peer(ssl) && dn(ctx, X509_get_issuer_name(peer(ssl)), out);
}
bool legacy_subject(const Ctx& ctx, SSL* ssl, Value& out) {
  return peer(ssl) && legacy_dn(ctx, X509_get_subject_name(peer(ssl)), out);
}
bool legacy_issuer(const Ctx& ctx, SSL* ssl, Value& out) {
  return peer(ssl) && legacy_dn(ctx, X509_get_issuer_name(peer(ssl)), out);
}

bool serial(const Ctx& ctx, SSL* ssl, Value& out) {
  Bio b;
  return peer(ssl) && i2a_ASN1_INTEGER(b.bio, X509_get_serialNumber(peer(ssl))) > 0 && text(ctx, out, b.text());
}
bool fingerprint(const Ctx& ctx, SSL* ssl, Value& out) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  return peer(ssl) && X509_digest(peer(ssl), EVP_sha1(), digest, &n) && text(ctx, out, hex(digest, n));
}
bool verify(const Ctx& ctx, SSL* ssl, Value& out) {
  if (!peer(ssl)) return text(ctx, out, "NONE");
  long result = SSL_get_verify_result(ssl);
  if (result == X509_V_OK) {
    const Str problem = ocsp::ClientStatus::problem_of(ssl);
    return text(ctx, out, problem.empty() ? std::string("SUCCESS") : fmt::format("FAILED:{}", problem));
  }
  return text(ctx, out, fmt::format("FAILED:{}", X509_verify_cert_error_string(result)));
}

bool time_text(const Ctx& ctx, const ASN1_TIME* t, Value& out) {
  Bio b;
  return ASN1_TIME_print(b.bio, t) && text(ctx, out, b.text());
}
bool v_start(const Ctx& ctx, SSL* ssl, Value& out) {
  return peer(ssl) && time_text(ctx, X509_get0_notBefore(peer(ssl)), out);
}
bool v_end(const Ctx& ctx, SSL* ssl, Value& out) {
  return peer(ssl) && time_text(ctx, X509_get0_notAfter(peer(ssl)), out);
}
// Whole days that are left.
bool v_remain(const Ctx& ctx, SSL* ssl, Value& out) {
  int days = 0, seconds = 0;
  if (!peer(ssl) || !ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(peer(ssl)))) return false;
  return text(ctx, out, fmt::format("{}", std::max(days, 0)));
}

const VariableDef kVariables[] = {
    {"ssl_protocol", of_session<protocol>},
    {"ssl_cipher", of_session<cipher>},
    {"ssl_ciphers", of_session<ciphers>},
    {"ssl_curve", of_session<curve>},
    {"ssl_curves", of_session<curves>},
    {"ssl_session_id", of_session<session_id>},
    {"ssl_session_reused", of_session<session_reused>},
    {"ssl_early_data", of_session<early_data>, false},
    {"ssl_server_name", of_session<server_name>},
    {"ssl_alpn_protocol", of_session<alpn>},
    {"ssl_client_cert", of_session<cert>},
    {"ssl_client_raw_cert", of_session<raw_cert>},
    {"ssl_client_escaped_cert", of_session<escaped_cert>},
    {"ssl_client_s_dn", of_session<subject>},
    {"ssl_client_i_dn", of_session<issuer>},
    {"ssl_client_s_dn_legacy", of_session<legacy_subject>},
    {"ssl_client_i_dn_legacy", of_session<legacy_issuer>},
    {"ssl_client_serial", of_session<serial>},
    {"ssl_client_fingerprint", of_session<fingerprint>},
    {"ssl_client_verify", of_session<verify>},
    {"ssl_client_v_start", of_session<v_start>},
    {"ssl_client_v_end", of_session<v_end>},
    {"ssl_client_v_remain", of_session<v_remain>},
};

}  // namespace

const std::span<const VariableDef> kSslConnectionVariables{kVariables};

}  // namespace weir::nginx
