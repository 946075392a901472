// ngx_http_ssl_module's words for listeners. A server's context is made once, whatever it listens on.
#include "nginx/ssl.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/tls_context.h"
#include "nginx/listen.h"

namespace weir::nginx {
namespace {

struct SslConf {
  ArenaList<Str> certificates;
  ArenaList<config::Where> certificate_places;
  ArenaList<Str> keys;
  Setting<Str> ciphers;
  Setting<Str> curves;
  Setting<bool> on;
  Setting<bool> prefer_server_ciphers;
  Setting<bool> session_tickets;
  Setting<bool> reject_handshake;
  Setting<uint32_t> protocols;
  ssl_ctx_st* made = nullptr;
};

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}
SslConf& conf_of(void* s) {
  return *static_cast<SslConf*>(scope_of(s).conf);
}

void bind_certificate(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  conf_of(s).certificates.push(scope.arena, scope.arena.dup(full_path(scope, d.arg(0).text, true)));
  conf_of(s).certificate_places.push(scope.arena, d.arg(0).where);
}

void bind_key(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  conf_of(s).keys.push(scope.arena, scope.arena.dup(full_path(scope, d.arg(0).text, true)));
}

void bind_protocols(void* s, const Directive& d, const Row&) {
  uint32_t bits = 0;
  for (size_t i = 0; i < d.args(); i++) {
    Str name = d.arg(i).text;
    bool gone = iequals(name, "SSLv2") || iequals(name, "SSLv3");
    uint32_t bit = 0;
    for (Str known : {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"})
      if (iequals(name, known)) bit = net::tls_protocol_bit(known);
    if (!bit && !gone) return bad_value(scope_of(s), d, i, "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3");
    if (gone) scope_of(s).diag.note(d.arg(i).where, fmt::format("{} is broken and never spoken", name), "leave it out");
    bits |= bit;
  }
  conf_of(s).protocols = bits;
}

void bind_ciphers(void* s, const Directive& d, const Row& row) {
  std::string ciphers(d.arg(0).text);
  SSL_CTX* trial = SSL_CTX_new(TLS_server_method());
  bool good = trial && SSL_CTX_set_cipher_list(trial, ciphers.c_str()) == 1;
  SSL_CTX_free(trial);
  ERR_clear_error();
  if (good) return set_str(s, d, row);
  scope_of(s)
      .error(d.arg(0).where, fmt::format("OpenSSL knows no usable cipher in \"{}\"", ciphers),
             "names separated by colons; openssl ciphers -v shows those that there are")
      .product = fmt::format("SSL_CTX_set_cipher_list(\"{}\") failed", ciphers);
}

void bind_ssl(void* s, const Directive& d, const Row& row) {
  scope_of(s).diag.warning(d.where, "the \"ssl\" directive was removed from nginx in 1.25.1",
                           "write listen … ssl; instead");
  set_flag(s, d, row);
}

void merge_ssl(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<SslConf*>(child);
  const auto& p = *static_cast<const SslConf*>(parent);
  if (c.certificates.empty()) {
    c.certificates = p.certificates;
    c.certificate_places = p.certificate_places;
  }
  if (c.keys.empty()) c.keys = p.keys;
}

ssl_ctx_st* context_of(Scope& scope, ServerBlock& server) {
  auto& c = server.level.of<SslConf>(kSslModule);
  if (c.made) return c.made;
  net::TlsServerOptions o;
  o.protocols = c.protocols.get(net::kTls12 | net::kTls13);
  o.ciphers = std::string(c.ciphers.get("HIGH:!aNULL:!MD5"));
  o.curves = std::string(c.curves.get("auto"));
  o.prefer_server_ciphers = c.prefer_server_ciphers.get(false);
  o.tickets = c.session_tickets.get(true);
  o.reject = c.reject_handshake.get(false);
  for (uint32_t i = 0; i < c.certificates.size; i++)
    o.pairs.push_back({std::string(c.certificates[i]), std::string(i < c.keys.size ? c.keys[i] : Str())});
  if (o.pairs.empty() && !o.reject) {
    auto& e =
        scope.error(server.directive->where, "no \"ssl_certificate\" is defined for the \"listen … ssl\" directive",
                    "name ssl_certificate and ssl_certificate_key");
    e.product = "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive";
    return nullptr;
  }
  if (c.keys.size < c.certificates.size) {
    std::string text =
        fmt::format("no \"ssl_certificate_key\" is defined for certificate \"{}\"", c.certificates[c.keys.size]);
    scope.error(c.certificate_places[c.keys.size], text, "name its ssl_certificate_key; it may be the same file")
        .product = text;
    return nullptr;
  }
  std::string problem;
  c.made = net::make_tls_server(o, problem);
  if (!c.made) {
    config::Where where = c.certificate_places.empty() ? server.directive->where : c.certificate_places[0];
    if (scope.options.offline)
      scope.diag.note(where, problem);
    else
      scope.error(where, problem, "check the path, its permissions and that key and certificate belong together")
          .product = problem;
    return nullptr;
  }
  scope.model.keep_tls(c.made);
  return c.made;
}

int choose_by_name(SSL* ssl, int*, void* arg) {
  const auto* address = static_cast<const Address*>(arg);
  const char* sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  std::string host;
  for (const char* p = sent ? sent : ""; *p; p++) host += lower(*p);
  const expr::Regex* regex = nullptr;
  const ServerBlock* server = host.empty() ? address->any.fallback : address->any.find(host, &regex);
  const auto& c = server->level.of<SslConf>(kSslModule);
  if (c.reject_handshake.get(false)) return SSL_TLSEXT_ERR_ALERT_FATAL;
  if (c.made && SSL_get_SSL_CTX(ssl) != c.made) net::switch_tls_context(ssl, c.made);
  return SSL_TLSEXT_ERR_OK;
}

constexpr ContextMask kHS = kHttp | kServer;

const Row kTable[] = {
    {"ssl",
     kHS,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_ssl,
     "on | off",
     "speaks TLS on all addresses of the server; an old word for listen … ssl",
     {},
     WEIR_FIELD(SslConf, on),
     "off"},
    {"ssl_certificate", kHS, 1, 1, Block::none, Inherit::array, bind_certificate, "file",
     "certificate chain in PEM form"},
    {"ssl_certificate_key", kHS, 1, 1, Block::none, Inherit::array, bind_key, "file", "private key in PEM form"},
    {"ssl_protocols",
     kHS,
     1,
     -1,
     Block::none,
     Inherit::scalar,
     bind_protocols,
     "[TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]",
     "protocol versions that are accepted",
     {},
     WEIR_FIELD(SslConf, protocols),
     "TLSv1.2 TLSv1.3"},
    {"ssl_ciphers",
     kHS,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_ciphers,
     "ciphers",
     "cipher suites in OpenSSL's notation",
     {},
     WEIR_FIELD(SslConf, ciphers),
     "HIGH:!aNULL:!MD5"},
    {"ssl_ecdh_curve",
     kHS,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_str,
     "curve",
     "curves for key exchange",
     {},
     WEIR_FIELD(SslConf, curves),
     "auto"},
    {"ssl_prefer_server_ciphers",
     kHS,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "our order of ciphers counts",
     {},
     WEIR_FIELD(SslConf, prefer_server_ciphers),
     "off"},
    {"ssl_session_tickets",
     kHS,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "resumption by tickets",
     {},
     WEIR_FIELD(SslConf, session_tickets),
     "on"},
    {"ssl_reject_handshake",
     kHS,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "refuses handshakes for this server's names",
     {},
     WEIR_FIELD(SslConf, reject_handshake),
     "off"},
};

}  // namespace

bool all_tls(const ServerBlock& server) {
  return server.level.of<SslConf>(kSslModule).on.get(false);
}

ssl_ctx_st* make_tls(Scope& scope, Address& address) {
  for (ServerBlock* s : scope.http->servers) {
    bool mine = s == address.any.fallback;
    for (const auto& [name, server] : address.any.exact) mine |= !name.empty() && server == s;
    for (const auto& [name, server] : address.any.leading) mine |= server == s;
    for (const auto& [name, server] : address.any.trailing) mine |= server == s;
    if (mine) context_of(scope, *s);
  }
  ssl_ctx_st* first = address.any.fallback->level.of<SslConf>(kSslModule).made;
  if (!first) return nullptr;
  SSL_CTX_set_tlsext_servername_callback(first, choose_by_name);
  SSL_CTX_set_tlsext_servername_arg(first, &address);
  return first;
}

const Module kSslModule{"ssl", sizeof(SslConf), module_create<SslConf>, kTable, merge_ssl};

}  // namespace weir::nginx
