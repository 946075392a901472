// ngx_http_ssl_module's words for listeners. A server's context is made once, whatever it listens on.
#include "nginx/ssl.h"

#include <errno.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <unordered_set>

#include "net/conn.h"
#include "net/tls_context.h"
#include "net/tls_session_cache.h"
#include "net/tls_tickets.h"
#include "net/tls_trust.h"
#include "nginx/listen.h"
#include "nginx/request.h"
#include "nginx/ssl_late.h"
#include "nginx/ssl_ocsp.h"
#include "nginx/tls_places.h"
#include "nginx/zone_names.h"
#include "ocsp/clients.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

enum class VerifyClient : uint8_t { off, on, optional, optional_no_ca };

struct SessionCache {
  net::TlsCache kind = net::TlsCache::none;
  uint64_t builtin = 0;
  net::TlsSessionCache* shared = nullptr;
};

struct SslConf {
  ArenaList<Str> certificates;
  ArenaList<config::Where> certificate_places;
  ArenaList<Str> keys;
  ArenaList<config::Where> key_places;
  ArenaList<LateName> late_certificates;  // the same, to be evaluated
  ArenaList<LateName> late_keys;
  ArenaList<TlsCommand> commands;
  ArenaList<config::Where> command_places;
  ArenaList<Str> ticket_keys;
  ArenaList<config::Where> ticket_places;
  Setting<Str> passwords;
  Setting<net::TlsFiles*> cache_of_files;
  Setting<Str> dh_params;
  Setting<Str> ciphers;
  Setting<Str> curves;
  Setting<Str> client_certificate;
  Setting<Str> trusted_certificate;
  Setting<Str> crl;
  Setting<Str> stapling_file;
  Setting<VerifyClient> verify;
  Setting<int64_t> verify_depth;
  Setting<SessionCache> cache;
  Setting<int64_t> session_timeout;
  Setting<bool> on;
  Setting<bool> prefer_server_ciphers;
  Setting<bool> session_tickets;
  Setting<bool> reject_handshake;
  Setting<bool> stapling;
  Setting<uint32_t> protocols;
  config::Where verify_where;
  TlsPlaces places;
  ssl_ctx_st* made = nullptr;
  LateCertificates* late = nullptr;  // some name has variables
  bool begins = false;  // `made` chooses for an address
};

// Once for a configuration.
struct SslMain {
  net::TlsFiles files;
  net::TlsTrustFiles trust;
  std::unordered_map<std::string, net::TlsSessionCache*> caches;
  std::unordered_map<std::string, uint64_t> sizes;
  std::unordered_map<std::string, net::TicketKeys*> ticket_files;  // by the files' names
  net::TicketKeys* tickets = nullptr;
};

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}
SslConf& conf_of(void* s) {
  return *static_cast<SslConf*>(scope_of(s).conf);
}

void bind_certificate(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  const Str text = d.arg(0).text;
  conf_of(s).certificates.push(scope.arena, has_variables(text) ? scope.arena.dup(text) : key_path(scope, text));
  conf_of(s).late_certificates.push(scope.arena, late_name(scope, text, d.arg(0).where));
  conf_of(s).certificate_places.push(scope.arena, d.arg(0).where);
}

void bind_key(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  const Str text = d.arg(0).text;
  conf_of(s).keys.push(scope.arena, has_variables(text) ? scope.arena.dup(text) : key_path(scope, text));
  conf_of(s).late_keys.push(scope.arena, late_name(scope, text, d.arg(0).where));
  conf_of(s).key_places.push(scope.arena, d.arg(0).where);
}

void bind_file_cache(void* s, const Directive& d, const Row&) {
  net::TlsFiles* made = nullptr;
  bind_certificate_cache(scope_of(s), d, made);
  if (made) conf_of(s).cache_of_files = made;
}

void bind_verify(void* s, const Directive& d, const Row&) {
  constexpr Str kNames[] = {"off", "on", "optional", "optional_no_ca"};
  auto& c = conf_of(s);
  const auto* name = std::find(std::begin(kNames), std::end(kNames), d.arg(0).text);
  if (name == std::end(kNames)) return bad_value(scope_of(s), d, 0, "on, off, optional or optional_no_ca");
  c.verify = static_cast<VerifyClient>(name - kNames);
  c.verify_where = d.where;
}

void bind_command(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  conf_of(s).commands.push(scope.arena, tls_command(scope, d));
  conf_of(s).command_places.push(scope.arena, d.arg(0).where);
}

void bind_ticket_key(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  conf_of(s).ticket_keys.push(scope.arena, scope.arena.dup(full_path(scope, d.arg(0).text, true)));
  conf_of(s).ticket_places.push(scope.arena, d.arg(0).where);
}

// shared:NAME:SIZE
net::TlsSessionCache* shared_cache(Scope& scope, const Directive& d, size_t arg) {
  Str rest = d.arg(arg).text.substr(7);
  const size_t colon = rest.find(':');
  uint64_t size = 0;
  if (colon == 0 || colon == Str::npos || !parse_size(rest.substr(colon + 1), size)) {
    bad_value(scope, d, arg, "shared:NAME:SIZE");
    return nullptr;
  }
  constexpr uint64_t kSmallest = 8 * 4096;
  if (size < kSmallest) {
    bad_value(scope, d, arg, "a size of 32k or more");
    return nullptr;
  }
  auto& main = scope.main<SslMain>(kSslModule);
  std::string name(rest.substr(0, colon));
  if (!claim_zone(scope, d.arg(arg), name, "ssl_session_cache")) return nullptr;
  uint64_t& known = main.sizes[name];
  if (known && known != size) {
    std::string text = fmt::format("the size {} of shared memory zone \"{}\" conflicts with already declared size {}",
                                   size, name, known);
    scope.error(d.arg(arg).where, text, "give it the same size everywhere").product = text;
    return nullptr;
  }
  known = size;
  net::TlsSessionCache*& cache = main.caches[name];
  if (cache) return cache;
  cache = scope.arena.own<net::TlsSessionCache>();
  if (cache->open("tls_sessions:" + name, size)) return cache;
  scope.error(d.arg(arg).where, fmt::format("cannot make a zone of {} bytes: {}", size, strerror(errno)));
  return nullptr;
}

void bind_cache(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto& c = conf_of(s);
  SessionCache cache;
  for (size_t i = 0; i < d.args(); i++) {
    Str word = d.arg(i).text;
    if (word == "off" || word == "none") {
      cache.kind = word == "off" ? net::TlsCache::off : net::TlsCache::none;
    } else if (word == "builtin" || word.starts_with("builtin:")) {
      if (!cache.shared) cache.kind = net::TlsCache::builtin;
      auto sessions = parse_u64(word.substr(std::min<size_t>(word.size(), 8)));
      if (word != "builtin" && (!sessions || !*sessions)) return bad_value(scope, d, i, "builtin[:SESSIONS]");
      cache.builtin = sessions.value_or(0);
    } else if (word.starts_with("shared:")) {
      cache.shared = shared_cache(scope, d, i);
      if (!cache.shared) return;
      cache.kind = net::TlsCache::shared;
    } else {
      return bad_value(scope, d, i, "off, none, builtin[:SESSIONS] or shared:NAME:SIZE");
    }
  }
  c.cache = cache;
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
    c.late_certificates = p.late_certificates;
    c.certificate_places = p.certificate_places;
  }
  if (c.keys.empty()) {
    c.keys = p.keys;
    c.key_places = p.key_places;
    c.late_keys = p.late_keys;
  }
  if (c.commands.empty()) {
    c.commands = p.commands;
    c.command_places = p.command_places;
  }
  if (c.ticket_keys.empty()) {
    c.ticket_keys = p.ticket_keys;
    c.ticket_places = p.ticket_places;
  }
  if (!c.verify_where.line) c.verify_where = p.verify_where;
  c.places.inherit(p.places);
}

// Reads the keys of ssl_session_ticket_key; the first one seals.
net::TicketKeys* read_ticket_keys(Scope& scope, const SslConf& c) {
  std::string names;
  for (Str path : c.ticket_keys) names.append(path).append(1, '\n');
  net::TicketKeys*& keys = scope.main<SslMain>(kSslModule).ticket_files[names];
  if (keys) return keys;
  keys = scope.arena.own<net::TicketKeys>();
  for (uint32_t i = 0; i < c.ticket_keys.size; i++) {
    std::string path(c.ticket_keys[i]);
    std::ifstream file(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    net::TicketKey key;
    if (net::parse_ticket_key(bytes, key)) {
      keys->fixed.push_back(key);
      continue;
    }
    std::string text = !file ? fmt::format("cannot read \"{}\": {}", path, strerror(errno))
                             : fmt::format("\"{}\" must be 48 or 80 bytes", path);
    if (!file && scope.options.offline)
      scope.diag.note(c.ticket_places[i], text);
    else
      scope.error(c.ticket_places[i], text, "openssl rand 80 > FILE makes one").product = text;
  }
  return keys;
}

net::TicketKeys* ticket_keys(Scope& scope, const SslConf& c) {
  if (!c.ticket_keys.empty()) {
    net::TicketKeys* read = read_ticket_keys(scope, c);
    if (!read->fixed.empty()) return read;
  }
  net::TicketKeys*& keys = scope.main<SslMain>(kSslModule).tickets;
  if (!keys) {
    keys = scope.arena.own<net::TicketKeys>();
    keys->shared = net::shared_ticket_keys();
    keys->period_s = 0;
  }
  keys->period_s = std::max(keys->period_s, c.session_timeout.get(300));
  return keys;
}

// Tells when the clients' certificates cannot be verified as the server wants.
bool knows_authorities(Scope& scope, const SslConf& c) {
  VerifyClient verify = c.verify.get(VerifyClient::off);
  if (verify == VerifyClient::off || verify == VerifyClient::optional_no_ca) return true;
  if (!c.client_certificate.get({}).empty() || !c.trusted_certificate.get({}).empty()) return true;
  constexpr Str kText = "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client";
  scope.error(c.verify_where, std::string(kText), "name the authorities that sign your clients' certificates").product =
      kText;
  return false;
}

// Reads it unless somebody has named it before; what is wrong with it is found when it is used.
void read_trust(Scope& scope, const std::string& name, net::TlsTrustFiles::Kind kind) {
  std::string problem;
  net::TlsTrustFiles& known = scope.main<SslMain>(kSslModule).trust;
  if (name.empty() || known.find(name)) return;
  if (auto content = net::TlsTrust::parse(net::file_text(name), problem)) known.add(name, kind, std::move(content));
}

// Names of the server's certificates with variables are compiled, and those without stand beside them.
LateCertificates* late_of(Scope& scope, const SslConf& c, const ServerBlock& server) {
  auto late = [](const ArenaList<Str>& list) { return std::any_of(list.begin(), list.end(), has_variables); };
  if (!late(c.certificates) && !late(c.keys)) return nullptr;
  auto* made = scope.arena.own<LateCertificates>();
  made->server = &server;
  made->files = c.cache_of_files.get(no_certificate_cache());
  std::string problem;  // which making the context tells
  made->passwords = net::read_passwords(std::string(c.passwords.get({})), problem);
  for (uint32_t i = 0; i < c.certificates.size && i < c.keys.size; i++)
    made->pairs.push_back({c.late_certificates[i], c.late_keys[i]});
  return made;
}

net::TlsServerOptions options_of(Scope& scope, const SslConf& c) {
  net::TlsServerOptions o;
  o.protocols = c.protocols.get(net::kTls12 | net::kTls13);
  o.ciphers = std::string(c.ciphers.get("HIGH:!aNULL:!MD5"));
  o.curves = std::string(c.curves.get("auto"));
  o.prefer_server_ciphers = c.prefer_server_ciphers.get(false);
  o.passwords = std::string(c.passwords.get({}));
  o.dh_params = std::string(c.dh_params.get({}));
  o.tickets = c.session_tickets.get(true);
  o.reject = c.reject_handshake.get(false);
  o.alpn = {"http/1.1", "http/1.0", "http/0.9"};
  o.alpn_must_match = true;
  if (c.verify.get(VerifyClient::off) != VerifyClient::off) {
    o.verify = net::TlsVerify::ask;
    o.client_authorities = std::string(c.client_certificate.get({}));
    read_trust(scope, o.client_authorities, net::TlsTrustFiles::Kind::authorities);
  }
  o.verify_depth = static_cast<int>(c.verify_depth.get(1));
  o.authorities = std::string(c.trusted_certificate.get({}));
  o.revoked = std::string(c.crl.get({}));
  share_tls_files(scope, o);
  const SessionCache cache = c.cache.get({});
  o.cache = cache.kind;
  o.builtin_sessions = cache.builtin;
  o.sessions = cache.shared;
  o.session_timeout_s = c.session_timeout.get(300);
  o.ticket_keys = ticket_keys(scope, c);
  if (c.stapling.get(false)) o.stapled = std::string(c.stapling_file.get({}));
  for (const TlsCommand& command : c.commands) o.commands.emplace_back(command.name, command.value);
  for (uint32_t i = 0; i < c.certificates.size; i++) {
    if (c.late)
      o.late_names.append(c.certificates[i]).append(1, '\n');
    else if (i < c.keys.size)
      o.pairs.emplace_back(c.certificates[i], c.keys[i]);
  }
  return o;
}

void no_certificate_of(Scope& scope, const ServerBlock& server) {
  scope
      .error(server.directive->where, "no \"ssl_certificate\" is defined for the \"listen … ssl\" directive",
             "name ssl_certificate and ssl_certificate_key")
      .product = "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive";
}

// Whether the server has something to begin a handshake with, be it a refusal.
bool has_own(const SslConf& c) {
  return !c.certificates.empty() || c.reject_handshake.get(false);
}

config::Where place_of(const SslConf& c, const net::TlsProblem& problem, const ServerBlock& server) {
  auto nth = [&](const ArenaList<config::Where>& places) {
    return problem.index < places.size ? places[static_cast<uint32_t>(problem.index)] : config::Where();
  };
  const config::Where found = problem.part == net::TlsPart::certificate ? nth(c.certificate_places)
                              : problem.part == net::TlsPart::key       ? nth(c.key_places)
                              : problem.part == net::TlsPart::command   ? nth(c.command_places)
                                                                        : c.places.of(problem.part);
  return found.line ? found : server.directive->where;
}

void tell(Scope& scope, const ServerBlock& server, const net::TlsProblems& problems) {
  const auto& c = server.level.of<SslConf>(kSslModule);
  for (const net::TlsProblem& p : problems) {
    const config::Where where = place_of(c, p, server);
    if (scope.options.offline)
      scope.diag.note(where, p.text);
    else
      scope.error(where, p.text, std::string(net::remedy_of(p.part))).product = p.text;
  }
}

// A key for each certificate.
bool has_keys(Scope& scope, const SslConf& c) {
  for (uint32_t i = c.keys.size; i < c.certificates.size; i++) {
    std::string text = fmt::format("no \"ssl_certificate_key\" is defined for certificate \"{}\"", c.certificates[i]);
    scope.error(c.certificate_places[i], text, "name its ssl_certificate_key; it may be the same file").product = text;
  }
  return c.keys.size >= c.certificates.size;
}

// Null after reporting all that is wrong.
ssl_ctx_st* make_context(Scope& scope, ServerBlock& server) {
  auto& c = server.level.of<SslConf>(kSslModule);
  if (!c.late) c.late = late_of(scope, c, server);
  net::TlsServerOptions o = options_of(scope, c);
  bool good = has_keys(scope, c);
  good = knows_authorities(scope, c) && good;
  net::TlsProblems problems;
  ssl_ctx_st* made = net::make_tls_server(o, problems);
  tell(scope, server, problems);
  for (uint32_t i = 0; i < c.certificates.size; i++)
    if (!has_variables(c.certificates[i]))
      warn_expired(scope, *o.files, std::string(c.certificates[i]), c.certificate_places[i]);
  ask_about_clients(scope, server, made, c.verify.get(VerifyClient::off) != VerifyClient::optional_no_ca);
  if (!made) return nullptr;
  scope.model.keep_tls(made);
  if (!good) return nullptr;
  if (c.late) choose_late(made, *c.late);
  if (c.stapling.get(false) && c.late)
    scope.diag.warning(server.directive->where, "\"ssl_stapling\" ignored, not supported with variables");
  else if (c.stapling.get(false) && o.stapled.empty())
    staple_from_responders(scope, server, made, c.certificates.empty() ? Str() : c.certificates[0]);
  return made;
}

const Names& names_of(SSL* ssl, const Address& address) {
  if (address.specific.empty()) return address.any;
  const net::Addr local = net::local_address(SSL_get_fd(ssl));
  for (const auto& [addr, names] : address.specific)
    if (addr == local) return *names;
  return address.any;
}

// Before OpenSSL looks for a session: which one may be resumed depends on the server.
int choose_by_name(SSL* ssl, int* alert, void* arg) {
  Str sent = net::tls_hello_name(ssl);
  char host[TLSEXT_MAXLEN_host_name];
  std::transform(sent.begin(), sent.end(), host, lower);
  if (sent.ends_with('.')) sent.remove_suffix(1);
  const Names& names = names_of(ssl, *static_cast<const Address*>(arg));
  const expr::Regex* regex = nullptr;
  const ServerBlock* server = sent.empty() ? names.fallback : names.find({host, sent.size()}, &regex);
  const auto& c = server->level.of<SslConf>(kSslModule);
  if (c.reject_handshake.get(false)) {
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (c.made) net::switch_tls_context(ssl, c.made);
  return SSL_CLIENT_HELLO_SUCCESS;
}

// ngx_ssl_verify_error_optional
bool only_unknown_authority(long result) {
  return result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
         result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || result == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

proxy::Next misdirected(proxy::Transaction& txn, proxy::Cursor&, const void*) {
  return finish_with(txn, 421,
                     "client attempted to request the server name different from the one that was negotiated");
}
proxy::Next bad_certificate(proxy::Transaction& txn, proxy::Cursor&, const void*) {
  const SSL* ssl = txn.client->conn()->ssl();
  const long result = SSL_get_verify_result(ssl);
  std::string text =
      result == X509_V_OK
          ? fmt::format("client SSL certificate verify error: {}", ocsp::ClientStatus::problem_of(ssl))
          : fmt::format("client SSL certificate verify error: ({}:{})", result, X509_verify_cert_error_string(result));
  return finish_with(txn, 495, txn.arena.dup(text));
}
proxy::Next no_certificate(proxy::Transaction& txn, proxy::Cursor&, const void*) {
  return finish_with(txn, 496, "client sent no required SSL certificate");
}
constexpr proxy::Step kMisdirectedSteps[] = {{misdirected, nullptr, {}}};
constexpr proxy::Step kBadCertificateSteps[] = {{bad_certificate, nullptr, {}}};
constexpr proxy::Step kNoCertificateSteps[] = {{no_certificate, nullptr, {}}};
constexpr proxy::Segment kMisdirected{"misdirected request", kMisdirectedSteps, 1, nullptr};
constexpr proxy::Segment kBadCertificate{"client certificate", kBadCertificateSteps, 1, nullptr};
constexpr proxy::Segment kNoCertificate{"client certificate", kNoCertificateSteps, 1, nullptr};

constexpr ContextMask kHS = kHttp | kServer;

// A word whose value is a Setting of the configuration.
constexpr Row row(Str name, int8_t most, config::BindFn bind, uint32_t offset, void (*merge)(void*, const void*),
                  Str syntax, Str help, Str fallback = {}) {
  return {name, kHS, 1, most, Block::none, Inherit::scalar, bind, syntax, help, {}, offset, merge, fallback};
}
#define FIELD(member) WEIR_FIELD(SslConf, member)

const Row kTable[] = {
    row("ssl", 1, bind_ssl, FIELD(on), "on | off",
        "speaks TLS on all addresses of the server; an old word for listen … ssl", "off"),
    {"ssl_certificate", kHS, 1, 1, Block::none, Inherit::array, bind_certificate, "file",
     "certificate chain in PEM form; a file, which variables may choose for each handshake, or data: and the text"},
    {"ssl_certificate_key", kHS, 1, 1, Block::none, Inherit::array, bind_key, "file",
     "private key in PEM form; as ssl_certificate, or store: and a URI of OpenSSL's"},
    row("ssl_certificate_cache", 3, bind_file_cache, FIELD(cache_of_files), "off | max=N [inactive=time] [valid=time]",
        "how many certificates and keys are kept whose names have variables, and how long", "off"),
    row("ssl_password_file", 1, placed<conf_of, set_path, net::TlsPart::passwords>, FIELD(passwords), "file",
        "pass phrases of the keys, one a line, that are tried in turn"),
    row("ssl_protocols", -1, bind_protocols, FIELD(protocols), "[TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]",
        "protocol versions that are accepted", "TLSv1.2 TLSv1.3"),
    row("ssl_ciphers", 1, placed<conf_of, bind_ciphers, net::TlsPart::ciphers>, FIELD(ciphers), "ciphers",
        "cipher suites in OpenSSL's notation", "HIGH:!aNULL:!MD5"),
    row("ssl_dhparam", 1, placed<conf_of, set_path, net::TlsPart::dh_params>, FIELD(dh_params), "file",
        "parameters for DHE ciphers; without them there are none"),
    row("ssl_ecdh_curve", 1, placed<conf_of, set_str, net::TlsPart::curves>, FIELD(curves), "curve",
        "curves for key exchange", "auto"),
    row("ssl_prefer_server_ciphers", 1, set_flag, FIELD(prefer_server_ciphers), "on | off",
        "our order of ciphers counts", "off"),
    row("ssl_verify_client", 1, bind_verify, FIELD(verify), "on | off | optional | optional_no_ca",
        "whether clients are asked for a certificate, and must have a good one", "off"),
    row("ssl_verify_depth", 1, set_num, FIELD(verify_depth), "number", "longest chain of a client's certificate", "1"),
    row("ssl_client_certificate", 1, placed<conf_of, set_path, net::TlsPart::client_authorities>,
        FIELD(client_certificate), "file",
        "authorities that clients' certificates are verified with; clients are told their names"),
    row("ssl_trusted_certificate", 1, placed<conf_of, set_path, net::TlsPart::authorities>, FIELD(trusted_certificate),
        "file", "authorities that clients' certificates are verified with; clients are not told"),
    row("ssl_crl", 1, placed<conf_of, set_path, net::TlsPart::revoked>, FIELD(crl), "file",
        "revoked certificates, in PEM form"),
    row("ssl_session_cache", 2, bind_cache, FIELD(cache), "off | none | [builtin[:size]] [shared:name:size]",
        "where the sessions of clients without tickets are kept; a shared one serves every shard and outlives reloads",
        "none"),
    row("ssl_session_timeout", 1, set_sec, FIELD(session_timeout), "time", "how long a session can be resumed", "5m"),
    row("ssl_session_tickets", 1, set_flag, FIELD(session_tickets), "on | off", "resumption by tickets", "on"),
    {"ssl_session_ticket_key", kHS, 1, 1, Block::none, Inherit::array, bind_ticket_key, "file",
     "48 or 80 random bytes that tickets are sealed with; the first file seals, all open"},
    row("ssl_stapling", 1, set_flag, FIELD(stapling), "on | off",
        "whether an OCSP answer is sent along with the certificate: ssl_stapling_file's, or a responder's", "off"),
    row("ssl_stapling_file", 1, placed<conf_of, set_path, net::TlsPart::stapled>, FIELD(stapling_file), "file",
        "OCSP answer about the certificate, in DER form (openssl ocsp -respout)"),
    row("ssl_reject_handshake", 1, set_flag, FIELD(reject_handshake), "on | off",
        "refuses handshakes for this server's names", "off"),
    {"ssl_conf_command", kHS, 2, 2, Block::none, Inherit::array, bind_command, "name value",
     "a command of OpenSSL's own configuration (SSL_CONF_cmd)"},
};
#undef FIELD

}  // namespace

TlsCommand tls_command(Scope& scope, const Directive& d) {
  Str name = d.arg(0).text, value = d.arg(1).text;
  const bool path = net::tls_command_takes_path(std::string(name));
  return {scope.arena.dup(name), scope.arena.dup(path ? Str(full_path(scope, value, true)) : value)};
}

void share_tls_files(Scope& scope, net::TlsOptions& options) {
  auto& main = scope.main<SslMain>(kSslModule);
  options.files = &main.files;
  options.trust = &main.trust;
  read_trust(scope, options.authorities, net::TlsTrustFiles::Kind::authorities);
  read_trust(scope, options.revoked, net::TlsTrustFiles::Kind::revocations);
}

void warn_expired(Scope& scope, net::TlsFiles& files, const std::string& certificate, config::Where where) {
  const std::string day = files.expired_on(certificate);
  if (day.empty()) return;
  std::string text = fmt::format("certificate \"{}\" expired on {}", certificate, day);
  scope.diag.warning(where, text, "renew it: the other side refuses it").product = text;
}

bool all_tls(const ServerBlock& server) {
  return server.level.of<SslConf>(kSslModule).on.get(false);
}

ssl_ctx_st* make_tls(Scope& scope, Address& address) {
  std::vector<ServerBlock*> servers = address.any.servers;
  for (const auto& [addr, names] : address.specific)
    servers.insert(servers.end(), names->servers.begin(), names->servers.end());
  ServerBlock& fallback = *address.any.fallback;
  const bool rejects = fallback.level.of<SslConf>(kSslModule).certificates.empty();
  std::unordered_set<const ServerBlock*> seen;
  for (ServerBlock* s : servers) {
    if (!seen.insert(s).second) continue;
    auto& c = s->level.of<SslConf>(kSslModule);
    // Who has no certificate shows the default server's; where that one has none to show, everybody needs one.
    if (!has_own(c) && (s == &fallback || rejects)) no_certificate_of(scope, *s);
    if (has_own(c) && !c.made) c.made = make_context(scope, *s);
  }
  auto& c = fallback.level.of<SslConf>(kSslModule);
  // The choice depends on the address: a server that is the default of several begins with a context for each of them.
  ssl_ctx_st* first = c.begins ? make_context(scope, fallback) : c.made;
  c.begins = true;
  if (!first) return nullptr;
  SSL_CTX_set_client_hello_cb(first, choose_by_name, &address);
  return first;
}

const proxy::Segment* certificate_problem(const proxy::Transaction& txn, const Names& names, const Request& r) {
  const auto& c = r.server->level.of<SslConf>(kSslModule);
  const VerifyClient verify = c.verify.get(VerifyClient::off);
  if (verify == VerifyClient::off) return nullptr;
  const net::Conn* conn = txn.client->conn();
  SSL* ssl = conn ? conn->ssl() : nullptr;
  if (!ssl) return nullptr;
  const char* sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  Str named = sent ? Str(sent) : Str();
  if (named.ends_with('.')) named.remove_suffix(1);
  if (!names.simple && !named.empty() && !iequals(named, r.host)) return &kMisdirected;
  const long result = SSL_get_verify_result(ssl);
  if (result != X509_V_OK && !(verify == VerifyClient::optional_no_ca && only_unknown_authority(result)))
    return &kBadCertificate;
  if (!ocsp::ClientStatus::problem_of(ssl).empty()) return &kBadCertificate;
  if (verify == VerifyClient::on && !SSL_get0_peer_certificate(ssl)) return &kNoCertificate;
  return nullptr;
}

const Module kSslModule{"ssl", sizeof(SslConf), module_create<SslConf>, kTable, merge_ssl};

}  // namespace weir::nginx
