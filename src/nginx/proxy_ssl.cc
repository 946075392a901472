// See nginx/proxy_ssl.h (ngx_http_proxy_module's proxy_ssl words). Locations with the same settings share one context, and with
// it their idle connections.
#include "nginx/proxy_ssl.h"

#include <fmt/format.h>

#include <unordered_map>

#include "net/tls_context.h"
#include "nginx/ssl.h"
#include "proxy/transaction.h"

namespace weir::nginx {

struct ProxySsl {
  ssl_ctx_st* context;
  const Script* name;  // null: the host of proxy_pass
  bool send_name;
  bool verify;
};

namespace {

struct ProxySslConf {
  ArenaList<TlsCommand> commands;
  Setting<Str> ciphers;
  Setting<Str> certificate;
  Setting<Str> key;
  Setting<Str> passwords;
  Setting<Str> trusted;
  Setting<Str> crl;
  Setting<const Script*> name;
  Setting<uint32_t> protocols;
  Setting<int64_t> verify_depth;
  Setting<bool> session_reuse;
  Setting<bool> server_name;
  Setting<bool> verify;
};

struct Contexts {
  std::unordered_map<std::string, ssl_ctx_st*> by_settings;
};

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

void bind_file(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  if (d.arg(0).text.find('$') != Str::npos) {
    scope.error(d.arg(0).where, fmt::format("variables in \"{}\" are not there yet", d.name()), "name the file itself");
    return;
  }
  set_path(s, d, row);
}

void bind_protocols(void* s, const Directive& d, const Row&) {
  auto& c = *static_cast<ProxySslConf*>(scope_of(s).conf);
  uint32_t bits = 0;
  for (size_t i = 0; i < d.args(); i++) {
    Str name = d.arg(i).text;
    if (name == "SSLv2" || name == "SSLv3") continue;
    if (!net::tls_protocol_bit(name)) return bad_value(scope_of(s), d, i, "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3");
    bits |= net::tls_protocol_bit(name);
  }
  c.protocols = bits;
}

void bind_command(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto& c = *static_cast<ProxySslConf*>(scope.conf);
  c.commands.push(scope.arena, tls_command(scope, d));
}

void merge_proxy_ssl(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<ProxySslConf*>(child);
  const auto& p = *static_cast<const ProxySslConf*>(parent);
  if (c.commands.empty()) c.commands = p.commands;
}

net::TlsClientOptions options_of(const ProxySslConf& c) {
  net::TlsClientOptions o;
  o.protocols = c.protocols.get(net::kTls12 | net::kTls13);
  o.ciphers = std::string(c.ciphers.get("DEFAULT"));
  if (c.certificate.set && !c.certificate.value.empty()) o.pairs.emplace_back(c.certificate.value, c.key.get({}));
  o.passwords = std::string(c.passwords.get({}));
  o.verify = c.verify.get(false);
  o.verify_depth = static_cast<int>(c.verify_depth.get(1));
  if (o.verify) {
    o.authorities = std::string(c.trusted.get({}));
    o.revoked = std::string(c.crl.get({}));
  }
  o.resume = c.session_reuse.get(true);
  for (const TlsCommand& command : c.commands) o.commands.emplace_back(command.name, command.value);
  return o;
}

std::string key_of(const net::TlsClientOptions& o) {
  std::string key = fmt::format("{} {} {} {}\n", o.protocols, o.verify, o.verify_depth, o.resume);
  for (const std::string& text : {o.ciphers, o.passwords, o.authorities, o.revoked}) key += text + '\n';
  for (const auto* list : {&o.pairs, &o.commands})
    for (const auto& [name, value] : *list) key += name + '\n' + value + '\n';
  return key;
}

ssl_ctx_st* context_for(Scope& scope, const ProxySslConf& c, config::Where where) {
  if (c.verify.get(false) && c.trusted.get({}).empty()) {
    scope
        .error(where, "no proxy_ssl_trusted_certificate for proxy_ssl_verify",
               "name the authorities that sign the servers' certificates")
        .product = "no proxy_ssl_trusted_certificate for proxy_ssl_verify";
    return nullptr;
  }
  if (c.certificate.set && !c.certificate.value.empty() && c.key.get({}).empty()) {
    std::string text =
        fmt::format("no \"proxy_ssl_certificate_key\" is defined for certificate \"{}\"", c.certificate.value);
    scope.error(where, text, "name it; it may be the same file").product = text;
    return nullptr;
  }
  const net::TlsClientOptions options = options_of(c);
  ssl_ctx_st*& context = scope.main<Contexts>(kProxySslModule).by_settings[key_of(options)];
  if (context) return context;
  std::string problem;
  context = net::make_tls_client(options, problem);
  if (context)
    scope.model.keep_tls(context);
  else if (scope.options.offline)
    scope.diag.note(where, problem);
  else
    scope.error(where, problem, "check the path, its permissions and that key and certificate belong together")
        .product = problem;
  return context;
}

// Without its port.
Str host_of(Str target) {
  if (target.starts_with("unix:")) return "localhost";
  const size_t colon = target.rfind(':');
  return colon != Str::npos && target.find(']', colon) == Str::npos ? target.substr(0, colon) : target;
}

constexpr Row row(Str name, int8_t most, config::BindFn bind, uint32_t offset, void (*merge)(void*, const void*),
                  Str syntax, Str help, Str fallback = {}) {
  return {name,    kHttpServerLocation, 1, most, Block::none, Inherit::scalar, bind, syntax, help, {}, offset, merge,
          fallback};
}
#define FIELD(member) WEIR_FIELD(ProxySslConf, member)

const Row kTable[] = {
    row("proxy_ssl_protocols", -1, bind_protocols, FIELD(protocols), "[TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]",
        "protocol versions that servers are spoken to with", "TLSv1.2 TLSv1.3"),
    row("proxy_ssl_ciphers", 1, set_str, FIELD(ciphers), "ciphers", "cipher suites in OpenSSL's notation", "DEFAULT"),
    row("proxy_ssl_name", 1, set_value, FIELD(name), "name",
        "the name that the server's certificate must carry and that SNI sends", "$proxy_host"),
    row("proxy_ssl_server_name", 1, set_flag, FIELD(server_name), "on | off", "whether SNI tells the server its name",
        "off"),
    row("proxy_ssl_verify", 1, set_flag, FIELD(verify), "on | off", "whether the server's certificate is verified",
        "off"),
    row("proxy_ssl_verify_depth", 1, set_num, FIELD(verify_depth), "number", "longest chain of a server's certificate",
        "1"),
    row("proxy_ssl_trusted_certificate", 1, bind_file, FIELD(trusted), "file",
        "authorities that servers' certificates are verified with"),
    row("proxy_ssl_crl", 1, bind_file, FIELD(crl), "file", "revoked certificates, in PEM form"),
    row("proxy_ssl_certificate", 1, bind_file, FIELD(certificate), "file", "certificate that servers are shown"),
    row("proxy_ssl_certificate_key", 1, bind_file, FIELD(key), "file", "its private key"),
    row("proxy_ssl_password_file", 1, bind_file, FIELD(passwords), "file",
        "pass phrases of the key, one a line, that are tried in turn"),
    row("proxy_ssl_session_reuse", 1, set_flag, FIELD(session_reuse), "on | off",
        "whether a new connection resumes the TLS session of an earlier one", "on"),
    {"proxy_ssl_conf_command", kHttpServerLocation, 2, 2, Block::none, Inherit::array, bind_command, "name value",
     "a command of OpenSSL's own configuration (SSL_CONF_cmd)"},
};
#undef FIELD

}  // namespace

const ProxySsl* make_proxy_ssl(Scope& scope, const Location& location, config::Where where) {
  auto& c = location.of<ProxySslConf>(kProxySslModule);
  ssl_ctx_st* context = context_for(scope, c, where);
  if (!context) return nullptr;
  return scope.arena.make<ProxySsl>(
      ProxySsl{context, c.name.get(nullptr), c.server_name.get(false), c.verify.get(false)});
}

net::TlsTo tls_to_server(proxy::Transaction& txn, const ProxySsl& ssl, Str host) {
  if (!ssl.send_name && !ssl.verify) return {ssl.context, {}, false, false};
  return {ssl.context, host_of(ssl.name ? ssl.name->eval(txn) : host), ssl.send_name, ssl.verify};
}

const Module kProxySslModule{"proxy_ssl", sizeof(ProxySslConf), module_create<ProxySslConf>, kTable, merge_proxy_ssl};

}  // namespace weir::nginx
