// See nginx/proxy_ssl.h (ngx_http_proxy_module's proxy_ssl words). Locations with the same settings share one context, and with
// it their idle connections.
#include "nginx/proxy_ssl.h"

#include <fmt/format.h>

#include <unordered_map>

#include "net/tls_context.h"
#include "nginx/request.h"
#include "nginx/ssl.h"
#include "nginx/ssl_late.h"
#include "nginx/tls_places.h"
#include "proxy/transaction.h"

namespace weir::nginx {

struct ProxySsl {
  ssl_ctx_st* context;
  const Script* name;  // null: the host of proxy_pass
  bool send_name;
  bool verify;
  const LateCertificates* late;  // null: the certificate is the context's
};

namespace {

struct ProxySslConf {
  ArenaList<TlsCommand> commands;
  ArenaList<config::Where> command_places;
  Setting<Str> ciphers;
  Setting<LateName> certificate;
  Setting<LateName> key;
  Setting<net::TlsFiles*> cache_of_files;
  Setting<Str> passwords;
  Setting<Str> trusted;
  Setting<Str> crl;
  Setting<const Script*> name;
  Setting<uint32_t> protocols;
  Setting<int64_t> verify_depth;
  Setting<bool> session_reuse;
  Setting<bool> server_name;
  Setting<bool> verify;
  TlsPlaces places;
  config::Where verify_place;
};

struct Contexts {
  std::unordered_map<std::string, ssl_ctx_st*> by_settings;
};

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

ProxySslConf& conf_of(void* s) {
  return *static_cast<ProxySslConf*>(scope_of(s).conf);
}

template <Setting<LateName> ProxySslConf::* member>
void bind_late(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto& to = conf_of(s).*member;
  to = d.arg(0).text.empty() ? LateName() : late_name(scope, d.arg(0).text, d.arg(0).where);
}

void bind_file_cache(void* s, const Directive& d, const Row&) {
  net::TlsFiles* made = nullptr;
  bind_certificate_cache(scope_of(s), d, made);
  if (made) conf_of(s).cache_of_files = made;
}

void bind_protocols(void* s, const Directive& d, const Row&) {
  auto& c = conf_of(s);
  uint32_t bits = 0;
  for (size_t i = 0; i < d.args(); i++) {
    Str name = d.arg(i).text;
    if (name == "SSLv2" || name == "SSLv3") continue;
    if (!net::tls_protocol_bit(name)) return bad_value(scope_of(s), d, i, "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3");
    bits |= net::tls_protocol_bit(name);
  }
  c.protocols = bits;
}

void bind_verify(void* s, const Directive& d, const Row& r) {
  conf_of(s).verify_place = d.arg(0).where;
  set_flag(s, d, r);
}

void bind_command(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto& c = conf_of(s);
  c.commands.push(scope.arena, tls_command(scope, d));
  c.command_places.push(scope.arena, d.arg(0).where);
}

void merge_proxy_ssl(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<ProxySslConf*>(child);
  const auto& p = *static_cast<const ProxySslConf*>(parent);
  if (c.commands.empty()) {
    c.commands = p.commands;
    c.command_places = p.command_places;
  }
  c.places.inherit(p.places);
  if (!c.verify_place.line) c.verify_place = p.verify_place;
}

Str text_of(const Setting<LateName>& name) {
  return name.set && name.value.script ? name.value.script->source : Str();
}
bool shows(const ProxySslConf& c) {
  return !text_of(c.certificate).empty();
}
bool is_late(const ProxySslConf& c) {
  return has_variables(text_of(c.certificate)) || has_variables(text_of(c.key));
}

net::TlsClientOptions options_of(const ProxySslConf& c) {
  net::TlsClientOptions o;
  o.protocols = c.protocols.get(net::kTls12 | net::kTls13);
  o.ciphers = std::string(c.ciphers.get("DEFAULT"));
  if (shows(c) && !is_late(c)) o.pairs.emplace_back(text_of(c.certificate), text_of(c.key));
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

// `otherwise`: where what uses the settings stands.
config::Where place_of(const ProxySslConf& c, const net::TlsProblem& problem, config::Where otherwise) {
  const bool listed = problem.part == net::TlsPart::command && problem.index < c.command_places.size;
  const config::Where found =
      listed ? c.command_places[static_cast<uint32_t>(problem.index)] : c.places.of(problem.part);
  return found.line ? found : otherwise;
}

ssl_ctx_st* context_for(Scope& scope, const ProxySslConf& c, config::Where where) {
  if (c.verify.get(false) && c.trusted.get({}).empty()) {
    scope
        .error(c.verify_place.line ? c.verify_place : where, "no proxy_ssl_trusted_certificate for proxy_ssl_verify",
               "name the authorities that sign the servers' certificates")
        .product = "no proxy_ssl_trusted_certificate for proxy_ssl_verify";
    return nullptr;
  }
  if (shows(c) && text_of(c.key).empty()) {
    std::string text =
        fmt::format("no \"proxy_ssl_certificate_key\" is defined for certificate \"{}\"", text_of(c.certificate));
    scope.error(place_of(c, {net::TlsPart::certificate, 0, {}}, where), text, "name it; it may be the same file")
        .product = text;
    return nullptr;
  }
  net::TlsClientOptions options = options_of(c);
  ssl_ctx_st*& context = scope.main<Contexts>(kProxySslModule).by_settings[key_of(options)];
  if (context) return context;
  share_tls_files(scope, options);
  net::TlsProblems problems;
  context = net::make_tls_client(options, problems);
  for (const net::TlsProblem& p : problems) {
    const config::Where place = place_of(c, p, where);
    if (scope.options.offline)
      scope.diag.note(place, p.text);
    else
      scope.error(place, p.text, std::string(net::remedy_of(p.part))).product = p.text;
  }
  for (const auto& [certificate, key] : options.pairs)
    warn_expired(scope, *options.files, certificate, place_of(c, {net::TlsPart::certificate, 0, {}}, where));
  if (context) scope.model.keep_tls(context);
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
    row("proxy_ssl_ciphers", 1, placed<conf_of, set_str, net::TlsPart::ciphers>, FIELD(ciphers), "ciphers",
        "cipher suites in OpenSSL's notation", "DEFAULT"),
    row("proxy_ssl_name", 1, set_value, FIELD(name), "name",
        "the name that the server's certificate must carry and that SNI sends", "$proxy_host"),
    row("proxy_ssl_server_name", 1, set_flag, FIELD(server_name), "on | off", "whether SNI tells the server its name",
        "off"),
    row("proxy_ssl_verify", 1, bind_verify, FIELD(verify), "on | off", "whether the server's certificate is verified",
        "off"),
    row("proxy_ssl_verify_depth", 1, set_num, FIELD(verify_depth), "number", "longest chain of a server's certificate",
        "1"),
    row("proxy_ssl_trusted_certificate", 1, placed<conf_of, set_path, net::TlsPart::authorities>, FIELD(trusted),
        "file", "authorities that servers' certificates are verified with"),
    row("proxy_ssl_crl", 1, placed<conf_of, set_path, net::TlsPart::revoked>, FIELD(crl), "file",
        "revoked certificates, in PEM form"),
    row("proxy_ssl_certificate", 1, placed<conf_of, bind_late<&ProxySslConf::certificate>, net::TlsPart::certificate>,
        FIELD(certificate), "file", "certificate that servers are shown; variables may choose it for each request"),
    row("proxy_ssl_certificate_key", 1, placed<conf_of, bind_late<&ProxySslConf::key>, net::TlsPart::key>, FIELD(key),
        "file", "its private key"),
    row("proxy_ssl_certificate_cache", 3, bind_file_cache, FIELD(cache_of_files),
        "off | max=N [inactive=time] [valid=time]",
        "how many certificates and keys are kept whose names have variables, and how long", "off"),
    row("proxy_ssl_password_file", 1, placed<conf_of, set_path, net::TlsPart::passwords>, FIELD(passwords), "file",
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
  LateCertificates* late = nullptr;
  if (shows(c) && is_late(c)) {
    late = scope.arena.own<LateCertificates>();
    late->pairs.push_back({c.certificate.value, c.key.value});
    late->files = c.cache_of_files.get(no_certificate_cache());
    std::string problem;
    late->passwords = net::read_passwords(std::string(c.passwords.get({})), problem);
    if (!problem.empty()) scope.error(place_of(c, {net::TlsPart::passwords, 0, {}}, where), problem).product = problem;
  }
  return scope.arena.make<ProxySsl>(
      ProxySsl{context, c.name.get(nullptr), c.server_name.get(false), c.verify.get(false), late});
}

bool find_proxy_certificate(proxy::Transaction& txn, proxy::Cursor& cursor, const ProxySsl& ssl) {
  if (!ssl.late) return true;
  Request& r = of(txn);
  if (!r.late_certificate) r.late_certificate = start_late(txn, cursor, *ssl.late);
  return late_done(*r.late_certificate);
}

Str proxy_certificate_problem(proxy::Transaction& txn) {
  Str problem;
  if (const LateIdentity* late = of(txn).late_certificate) late_identity(*late, problem);
  return problem;
}

net::TlsTo tls_to_server(proxy::Transaction& txn, const ProxySsl& ssl, Str host) {
  net::TlsTo to{ssl.context, {}, false, false};
  if (ssl.send_name || ssl.verify)
    to = {ssl.context, host_of(ssl.name ? ssl.name->eval(txn) : host), ssl.send_name, ssl.verify};
  if (!ssl.late) return to;
  LateIdentity*& late = of(txn).late_certificate;
  if (!late) late = read_late(txn, *ssl.late);
  Str problem;
  to.identity = late_identity(*late, problem);
  if (to.identity) to.identity_number = to.identity->number();
  return to;
}

const Module kProxySslModule{"proxy_ssl", sizeof(ProxySslConf), module_create<ProxySslConf>, kTable, merge_proxy_ssl};

}  // namespace weir::nginx
