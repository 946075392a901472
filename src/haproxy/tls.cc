// See haproxy/tls.h.
#include "haproxy/tls.h"

#include <errno.h>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"
#include "haproxy/tls_files.h"
#include "net/tls_tickets.h"

namespace weir::haproxy {

void set_common(Scope& scope, const TlsOptions& o, net::TlsOptions& to) {
  struct Version {
    int number;
    uint32_t bit;
  };
  constexpr Version kVersions[] = {{TLS1_VERSION, net::kTls10},
                                   {TLS1_1_VERSION, net::kTls11},
                                   {TLS1_2_VERSION, net::kTls12},
                                   {TLS1_3_VERSION, net::kTls13}};
  const int least = o.min_version ? o.min_version : TLS1_2_VERSION;
  to.protocols = 0;
  for (const Version& v : kVersions)
    if (v.number >= least && (!o.max_version || v.number <= o.max_version) && !(o.off & v.bit)) to.protocols |= v.bit;
  to.verify_depth = -1;
  to.ciphers = std::string(o.ciphers);
  to.ciphersuites = std::string(o.ciphersuites);
  to.curves = std::string(o.curves);
  to.sigalgs = std::string(o.sigalgs);
  to.client_sigalgs = std::string(o.client_sigalgs);
  for (Str list = o.alpn; !list.empty();) {
    const Str one = cut(list, ',');
    // What the program does not speak is not offered.
    if (one == "http/1.1" || one == "http/1.0") to.alpn.emplace_back(one);
  }
  if (to.alpn.empty() && !o.alpn.empty()) to.alpn.emplace_back("http/1.1");
  to.trust = &scope.global.certificates.trust;
  if (!o.crl_file.text.empty())
    to.revoked = load_trust(scope.global, o.crl_file.text, net::TlsTrustFiles::Kind::revocations);
}

std::string authorities_file(Scope& scope, const Word& file) {
  if (file.text.empty()) return {};
  return load_trust(scope.global, file.text, net::TlsTrustFiles::Kind::authorities);
}

void expect_authorities(Scope& scope, const Word& file) {
  if (file.text.empty() || file.text.starts_with('@')) return;
  const std::string path = authorities_file(scope, file);
  if (access(path.c_str(), R_OK) != 0)
    scope.missing_file(file.where,
                       fmt::format("cannot load certificates of authorities from \"{}\": {}", path, strerror(errno)));
}

void tell_tls(Scope& scope, const TlsOptions& o, const Where& where, const net::TlsProblems& problems) {
  auto word = [&](net::TlsPart part) -> const Word* {
    switch (part) {
      // Clients are told of ca-file's unless no-ca-names says otherwise.
      case net::TlsPart::authorities:
        return o.names_authorities && !o.ca_verify_file.text.empty() ? &o.ca_verify_file : &o.ca_file;
      case net::TlsPart::client_authorities: return &o.ca_file;
      case net::TlsPart::more_authorities: return &o.ca_verify_file;
      case net::TlsPart::revoked: return &o.crl_file;
      default: return nullptr;
    }
  };
  for (const net::TlsProblem& p : problems) {
    const Word* file = word(p.part);
    const Where at = file && file->where.line ? file->where : config::quoted_place(where, p.text);
    if (scope.options.offline)
      scope.diag.note(at, p.text);
    else
      scope.error(at, p.text, std::string(net::remedy_of(p.part)), p.text);
  }
}

net::TicketKeys* shared_keys(Scope& scope) {
  net::TicketKeys*& keys = scope.global.shared_keys;
  if (!keys) {
    keys = scope.arena.own<net::TicketKeys>();
    keys->shared = net::shared_ticket_keys();
    keys->period_s = std::max<int64_t>(scope.global.tls_lifetime_s, 3600);
  }
  return keys;
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
    uint32_t off;
    int force;
  };
  constexpr Flag kFlags[] = {
      {"no-sslv3", 0, 0},
      {"no-tlsv10", net::kTls10, 0},
      {"no-tlsv11", net::kTls11, 0},
      {"no-tlsv12", net::kTls12, 0},
      {"no-tlsv13", net::kTls13, 0},
      {"force-sslv3", 0, SSL3_VERSION},
      {"force-tlsv10", 0, TLS1_VERSION},
      {"force-tlsv11", 0, TLS1_1_VERSION},
      {"force-tlsv12", 0, TLS1_2_VERSION},
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
  o.no_alpn = false;
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
  else if (name == "crt" || name == "default-crt" || name == "crt-list")
    o.certificates.push(scope.arena, {args[0], name == "crt"           ? Certificates::file
                                               : name == "default-crt" ? Certificates::fallback
                                                                       : Certificates::list});
  else if (name == "ca-file")
    o.ca_file = args[0];
  else if (name == "ca-verify-file")
    o.ca_verify_file = args[0];
  else if (name == "crl-file")
    o.crl_file = args[0];
  else if (name == "verify")
    o.verify = args[0];
  else if (name == "crt-ignore-err")
    o.ignore_leaf = args[0];
  else if (name == "ca-ignore-err")
    o.ignore_chain = args[0];
  else if (name == "tls-ticket-keys")
    o.ticket_keys = args[0];
  else if (name == "sigalgs")
    o.sigalgs = args[0].text;
  else if (name == "client-sigalgs")
    o.client_sigalgs = args[0].text;
  else if (name == "no-ca-names")
    o.names_authorities = false;
  else if (name == "ssl-reuse" || name == "no-ssl-reuse")
    o.reuse = name == "ssl-reuse";
  else if (name == "ciphers")
    o.ciphers = args[0].text;
  else if (name == "ciphersuites")
    o.ciphersuites = args[0].text;
  else if (name == "curves" || (name == "ecdhe" && o.curves.empty()))
    o.curves = args[0].text;
  else if (name == "alpn" || name == "npn")
    take_alpn(scope, o, name, args[0]);
  else if (name == "no-alpn")
    o.no_alpn = true;
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
    row("crt-list", kBindOption, 1, "<file>", "file that lists certificates with options and names"),
    row("default-crt", kBindOption, 1, "<cert>", "certificate for clients that name no known host"),
    row("ca-file", kBoth, 1, "<cafile>", "authorities that certificates are verified against"),
    row("ca-verify-file", kBindOption, 1, "<cafile>",
        "authorities that verify client certificates but are not announced"),
    row("no-ca-names", kBindOption, 0, "", "do not announce the names of authorities"),
    row("crl-file", kBoth, 1, "<crlfile>", "revoked certificates of the other side"),
    row("crt-ignore-err", kBindOption, 1, "<errors>", "errors of the client certificate that are ignored"),
    row("ca-ignore-err", kBindOption, 1, "[all|<errorID>,...]", "errors of the authority chain that are ignored"),
    row("tls-ticket-keys", kBindOption, 1, "<keyfile>", "file with the keys of session tickets"),
    row("sigalgs", kBoth, 1, "<sigalgs>", "signature algorithms"),
    row("client-sigalgs", kBoth, 1, "<sigalgs>", "signature algorithms for client certificates"),
    row("ssl-reuse", kServerOption, 0, "", "resume TLS sessions, after a default"),
    row("no-ssl-reuse", kServerOption, 0, "", "never resume TLS sessions"),
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
