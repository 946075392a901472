// See haproxy/tls.h.
#include "haproxy/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <unordered_map>

#include "haproxy/bind.h"
#include "haproxy/tables.h"
#include "net/tls_context.h"

namespace weir::haproxy {
namespace {

struct CtxFree {
  void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
};
using CtxPtr = std::unique_ptr<SSL_CTX, CtxFree>;

// The certificates of one bind line. The first one answers when no name matches.
struct Certificates {
  std::vector<CtxPtr> contexts;
  std::unordered_map<std::string, SSL_CTX*> names;  // lower case; "*.example.com" too
  std::string alpn;                                 // in wire format
  bool strict = false;
};

// The oldest of OpenSSL's complaints, which the later ones follow from, in words.
std::string openssl_error(Str wanted) {
  unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code)) return strerror(ERR_GET_REASON(code));
  int library = ERR_GET_LIB(code), number = ERR_GET_REASON(code);
  if ((library == ERR_LIB_PEM && number == PEM_R_NO_START_LINE) ||
      (library == ERR_LIB_X509 && number == X509_R_NO_CERTIFICATE_OR_CRL_FOUND))
    return fmt::format("no {} in PEM form is in it", wanted);
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "unknown reason";
}

// What the program does not speak is not offered.
std::string alpn_wire(Str list) {
  std::string wire;
  const bool asked = !list.empty();
  while (!list.empty()) {
    Str one = cut(list, ',');
    if (one.empty() || one.size() > 255 || (one != "http/1.1" && one != "http/1.0")) continue;
    wire += static_cast<char>(one.size());
    wire += one;
  }
  return wire.empty() && asked ? "\x08http/1.1" : wire;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                void* arg) {
  auto& wire = static_cast<Certificates*>(arg)->alpn;
  unsigned char* chosen = nullptr;
  int r = SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(wire.data()),
                                static_cast<unsigned>(wire.size()), in, in_size);
  *out = chosen;
  return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int choose_certificate(SSL* ssl, int* alert, void* arg) {
  auto& certs = *static_cast<Certificates*>(arg);
  const char* raw = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  std::string name(raw ? raw : "");
  std::transform(name.begin(), name.end(), name.begin(), lower);
  auto it = certs.names.find(name);
  if (it == certs.names.end() && name.find('.') != std::string::npos)
    it = certs.names.find("*" + name.substr(name.find('.')));
  if (it != certs.names.end()) {
    net::switch_tls_context(ssl, it->second);
    return SSL_TLSEXT_ERR_OK;
  }
  if (!certs.strict) return SSL_TLSEXT_ERR_OK;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void add_name(Certificates& certs, SSL_CTX* ctx, std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), lower);
  if (!name.empty()) certs.names.emplace(std::move(name), ctx);
}

void add_names(Certificates& certs, SSL_CTX* ctx) {
  X509* cert = SSL_CTX_get0_certificate(ctx);
  if (!cert) return;
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(cert, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
    const GENERAL_NAME* n = sk_GENERAL_NAME_value(names, i);
    if (n->type != GEN_DNS) continue;
    add_name(certs, ctx,
             {reinterpret_cast<const char*>(ASN1_STRING_get0_data(n->d.dNSName)),
              static_cast<size_t>(ASN1_STRING_length(n->d.dNSName))});
  }
  GENERAL_NAMES_free(names);
  char common[256];
  int n = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, common, sizeof common);
  if (n > 0) add_name(certs, ctx, {common, static_cast<size_t>(n)});
}

bool apply(Scope& scope, SSL_CTX* ctx, const TlsOptions& o, const Where& where) {
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | o.off);
  if (!o.tickets) SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  if (!o.prefer_client_ciphers) SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_min_proto_version(ctx, o.min_version ? o.min_version : TLS1_2_VERSION);
  if (o.max_version) SSL_CTX_set_max_proto_version(ctx, o.max_version);
  auto check = [&](Str value, Str what, auto set) {
    if (value.empty() || set(ctx, std::string(value).c_str()) == 1) return true;
    scope.error(where, fmt::format("OpenSSL takes none of the {} '{}'", what, value), {},
                fmt::format("unable to set {} '{}'", what, value));
    ERR_clear_error();
    return false;
  };
  return check(o.ciphers, "ciphers", SSL_CTX_set_cipher_list) &
         check(o.ciphersuites, "ciphersuites", SSL_CTX_set_ciphersuites) &
         check(o.curves, "curves",
               [](SSL_CTX* c, const char* v) { return static_cast<int>(SSL_CTX_set1_curves_list(c, v)); });
}

std::string based(Str base, Str name) {
  return name.starts_with('/') || base.empty() ? std::string(name) : fmt::format("{}/{}", base, name);
}

// A PEM file with the certificate, its chain and its key; the key may stand beside it in FILE.key.
bool load_pem(SSL_CTX* ctx, const std::string& path, std::string& problem) {
  if (SSL_CTX_use_certificate_chain_file(ctx, path.c_str()) != 1) {
    problem = fmt::format("unable to load certificate from file '{}': {}", path, openssl_error("certificate"));
    return false;
  }
  const std::string beside = path + ".key";
  for (const std::string& file : {path, beside}) {
    ERR_clear_error();
    if (SSL_CTX_use_PrivateKey_file(ctx, file.c_str(), SSL_FILETYPE_PEM) == 1) return true;
    if (ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH) continue;
    problem = fmt::format("the private key in '{}' is not that of the certificate in '{}'", file, path);
    ERR_clear_error();
    return false;
  }
  problem = fmt::format("no private key in '{}' and none in '{}'", path, beside);
  ERR_clear_error();
  return false;
}

std::vector<std::string> certificate_files(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  for (auto& entry : std::filesystem::directory_iterator(path, error)) {
    std::string name = entry.path().filename().string();
    bool side =
        name.ends_with(".key") || name.ends_with(".issuer") || name.ends_with(".ocsp") || name.ends_with(".sctl");
    if (!name.starts_with('.') && !side && entry.is_regular_file(error)) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

int verify_mode(Scope& scope, const Word& word) {
  if (word.text == "none" || word.text.empty()) return SSL_VERIFY_NONE;
  if (word.text == "optional") return SSL_VERIFY_PEER;
  if (word.text == "required") return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  scope.error(
      word.where, fmt::format("'{}' is not a way to verify", word.text), "none, optional or required",
      fmt::format("'verify' : unknown verify method '{}', only 'none', 'optional', and 'required' are supported",
                  word.text));
  return SSL_VERIFY_NONE;
}

bool load_authorities(Scope& scope, SSL_CTX* ctx, const Word& file) {
  if (file.text.empty()) return true;
  if (file.text == "@system-ca") return SSL_CTX_set_default_verify_paths(ctx) == 1;
  std::string path = based(scope.global.ca_base, file.text);
  if (SSL_CTX_load_verify_file(ctx, path.c_str()) == 1) return true;
  scope.missing(file.where, fmt::format("cannot load authorities from '{}': {}", path, openssl_error("certificate")));
  return scope.options.offline;
}

}  // namespace

ssl_ctx_st* make_listener_tls(Scope& scope, const TlsOptions& o, const Where& where) {
  const int verify = verify_mode(scope, o.verify);
  if (verify != SSL_VERIFY_NONE && o.ca_file.text.empty()) {
    scope.error(o.verify.where, "the clients' certificates are to be verified and no authority is named",
                "name one with ca-file (@system-ca for the system's)", "verify is enabled but no CA file specified");
    return nullptr;
  }
  if (o.certificates.empty() && o.elsewhere) return nullptr;
  if (o.certificates.empty()) {
    scope.error(where, "TLS without a certificate", "name one with crt",
                "No SSL certificate specified and ssl is enabled on the bind line (use 'crt')");
    return nullptr;
  }
  auto* certs = scope.arena.own<Certificates>();
  certs->alpn = alpn_wire(o.alpn.empty() ? Str("http/1.1") : o.alpn);
  certs->strict = o.strict_sni;
  for (const Word& word : o.certificates) {
    for (const std::string& path : certificate_files(based(scope.global.crt_base, word.text))) {
      CtxPtr ctx(SSL_CTX_new(TLS_server_method()));
      std::string problem;
      if (!load_pem(ctx.get(), path, problem)) {
        scope.missing(word.where, problem);
        continue;
      }
      if (!apply(scope, ctx.get(), o, where)) return nullptr;
      SSL_CTX_set_verify(ctx.get(), verify, nullptr);
      if (!load_authorities(scope, ctx.get(), o.ca_file)) return nullptr;
      SSL_CTX_set_session_id_context(ctx.get(), reinterpret_cast<const unsigned char*>("weir"), 4);
      SSL_CTX_set_tlsext_servername_callback(ctx.get(), choose_certificate);
      SSL_CTX_set_tlsext_servername_arg(ctx.get(), certs);
      SSL_CTX_set_alpn_select_cb(ctx.get(), choose_alpn, certs);
      add_names(*certs, ctx.get());
      certs->contexts.push_back(std::move(ctx));
    }
  }
  return certs->contexts.empty() ? nullptr : certs->contexts[0].get();
}

ssl_ctx_st* make_server_tls(Scope& scope, const ServerOptions& options, const Where& where) {
  const TlsOptions& o = options.tls;
  auto* holder = scope.arena.own<CtxPtr>(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* ctx = holder->get();
  if (!apply(scope, ctx, o, where)) return nullptr;
  bool none = o.verify.text == "none" || (o.verify.text.empty() && scope.global.server_verify_none);
  // The product verifies unless it is told not to, and then needs somebody to trust.
  if (!none && o.ca_file.text.empty() && o.verify.text != "none") {
    scope.error(
        where, "the server's certificate is to be verified and no authority is named",
        "name one with ca-file (@system-ca for the system's), or write verify none",
        "verify is enabled by default but no CA file specified. If you're running on a LAN where you're certain to "
        "trust the server's certificate, please set an explicit 'verify none' statement on the 'server' line, or use "
        "'ssl-server-verify none' in the global section to disable server-side verifications by default.");
    return nullptr;
  }
  SSL_CTX_set_verify(ctx, none ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (!none && !load_authorities(scope, ctx, o.ca_file)) return nullptr;
  // The name that a connection sends is checked in place of this one. The common name counts beside the alternative ones.
  X509_VERIFY_PARAM* param = SSL_CTX_get0_param(ctx);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT);
  if (!none && !options.verify_host.empty())
    X509_VERIFY_PARAM_set1_host(param, options.verify_host.data(), options.verify_host.size());
  for (const Word& word : o.certificates) {
    std::string problem;
    if (!load_pem(ctx, based(scope.global.crt_base, word.text), problem)) scope.missing(word.where, problem);
  }
  std::string wire = alpn_wire(o.alpn);
  if (!wire.empty())
    SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
  return ctx;
}

int tls_version(Str name) {
  if (name == "SSLv3") return SSL3_VERSION;
  if (name == "TLSv1.0") return TLS1_VERSION;
  if (name == "TLSv1.1") return TLS1_1_VERSION;
  if (name == "TLSv1.2") return TLS1_2_VERSION;
  if (name == "TLSv1.3") return TLS1_3_VERSION;
  return 0;
}

bool set_tls_word(TlsOptions& o, Str word) {
  struct Flag {
    Str name;
    uint64_t off;
    int force;
  };
  constexpr Flag kFlags[] = {
      {"no-sslv3", SSL_OP_NO_SSLv3, 0},    {"no-tlsv10", SSL_OP_NO_TLSv1, 0},   {"no-tlsv11", SSL_OP_NO_TLSv1_1, 0},
      {"no-tlsv12", SSL_OP_NO_TLSv1_2, 0}, {"no-tlsv13", SSL_OP_NO_TLSv1_3, 0}, {"force-sslv3", 0, SSL3_VERSION},
      {"force-tlsv10", 0, TLS1_VERSION},   {"force-tlsv11", 0, TLS1_1_VERSION}, {"force-tlsv12", 0, TLS1_2_VERSION},
      {"force-tlsv13", 0, TLS1_3_VERSION},
  };
  for (const Flag& f : kFlags) {
    if (f.name != word) continue;
    o.off |= f.off;
    if (f.force) o.min_version = o.max_version = f.force;
    return true;
  }
  if (word == "no-tls-tickets")
    o.tickets = false;
  else if (word == "tls-tickets")
    o.tickets = true;
  else if (word == "prefer-client-ciphers")
    o.prefer_client_ciphers = true;
  else if (word == "strict-sni")
    o.strict_sni = true;
  else if (word == "no-strict-sni")
    o.strict_sni = false;
  else
    return false;
  return true;
}

namespace {
// The peer still has HTTP/1.1 to choose, so the file is good.
void take_alpn(Scope& scope, TlsOptions& o, Str name, const Word& list) {
  o.alpn = list.text;
  for (Str rest = list.text; !rest.empty();)
    if (cut(rest, ',') == "h2")
      scope.warning(list.where,
                    fmt::format("'{}' without h2: weir does not speak HTTP/2 yet, and offers HTTP/1.1", name));
}
}  // namespace

bool take_tls_option(Scope& scope, TlsOptions& o, Str name, Words args) {
  if (set_tls_word(o, name)) return true;
  if (name == "ssl" || name == "no-ssl")
    o.refused = !(o.on = name == "ssl");
  else if (name == "crt")
    o.certificates.push(scope.arena, args[0]);
  else if (name == "ca-file")
    o.ca_file = args[0];
  else if (name == "verify")
    o.verify = args[0];
  else if (name == "ciphers")
    o.ciphers = args[0].text;
  else if (name == "ciphersuites")
    o.ciphersuites = args[0].text;
  else if (name == "curves" || name == "ecdhe")
    o.curves = args[0].text;
  else if (name == "alpn" || name == "npn")
    take_alpn(scope, o, name, args[0]);
  else if (name == "no-alpn")
    o.alpn = "http/1.1";
  else if (name == "ssl-min-ver" || name == "ssl-max-ver") {
    int version = tls_version(args[0].text);
    if (!version)
      scope.error(args[0].where, fmt::format("'{}' is not a TLS version", args[0].text),
                  "SSLv3, TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3");
    (name == "ssl-min-ver" ? o.min_version : o.max_version) = version;
  } else {
    return false;
  }
  return true;
}

namespace {

// Only says what the options are: the lines that take them look them up here.
void on_line(void*, const Directive&, const Row&) {}

constexpr Row row(Str name, ContextMask contexts, int8_t args, Str syntax, Str help) {
  return {name, contexts, args, args, Block::none, Inherit::none, on_line, syntax, help};
}
constexpr ContextMask kBoth = kBindOption | kServerOption;
constexpr Str kVersions = "[ SSLv3 | TLSv1.0 | TLSv1.1 | TLSv1.2 | TLSv1.3 ]";

constexpr Row kRows[] = {
    row("ssl", kBoth, 0, "", "speak TLS"),
    row("no-ssl", kServerOption, 0, "", "no TLS, after a default"),
    row("crt", kBoth, 1, "<cert>", "certificate with its key; on a bind line a folder of them too"),
    row("ca-file", kBoth, 1, "<cafile>", "authorities that certificates are verified against"),
    row("verify", kBoth, 1, "[none|optional|required]", "whether the other side's certificate is verified"),
    row("ciphers", kBoth, 1, "<ciphers>", "TLS 1.2 and older ciphers"),
    row("ciphersuites", kBoth, 1, "<ciphersuites>", "TLS 1.3 cipher suites"),
    row("curves", kBoth, 1, "<curves>", "key exchange curves"),
    row("ecdhe", kBindOption, 1, "<named curve>", "deprecated form of curves with one curve"),
    row("alpn", kBoth, 1, "<protocols>", "protocols offered by ALPN"),
    row("no-alpn", kBindOption, 0, "", "do not offer ALPN"),
    row("npn", kBoth, 1, "<protocols>", "protocols offered by NPN, taken as ALPN"),
    row("ssl-min-ver", kBoth, 1, kVersions, "oldest TLS version"),
    row("ssl-max-ver", kBoth, 1, kVersions, "newest TLS version"),
    row("force-sslv3", kBoth, 0, "", "SSLv3 only"),
    row("force-tlsv10", kBoth, 0, "", "TLS 1.0 only"),
    row("force-tlsv11", kBoth, 0, "", "TLS 1.1 only"),
    row("force-tlsv12", kBoth, 0, "", "TLS 1.2 only"),
    row("force-tlsv13", kBoth, 0, "", "TLS 1.3 only"),
    row("no-sslv3", kBoth, 0, "", "no SSLv3"),
    row("no-tlsv10", kBoth, 0, "", "no TLS 1.0"),
    row("no-tlsv11", kBoth, 0, "", "no TLS 1.1"),
    row("no-tlsv12", kBoth, 0, "", "no TLS 1.2"),
    row("no-tlsv13", kBoth, 0, "", "no TLS 1.3"),
    row("no-tls-tickets", kBoth, 0, "", "no session tickets"),
    row("tls-tickets", kBoth, 0, "", "session tickets, after a default switched them off"),
    row("prefer-client-ciphers", kBindOption, 0, "", "follow the client's order of ciphers"),
    row("strict-sni", kBindOption, 0, "", "refuse names that no certificate matches"),
    row("no-strict-sni", kBindOption, 0, "", "answer unknown names with the first certificate"),
};

}  // namespace

const config::Table kTlsOptionTable = kRows;

}  // namespace weir::haproxy
