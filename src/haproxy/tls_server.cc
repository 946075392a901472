// TLS of `server` lines: trust, our certificate, the name that is asked for. See haproxy/tls.h.
#include <fmt/format.h>

#include "expr/fetch_helpers.h"
#include "haproxy/exchange.h"
#include "haproxy/tls.h"
#include "haproxy/tls_files.h"
#include "proxy/forward.h"

namespace weir::haproxy {
namespace {

// The product verifies unless it is told not to, and then needs somebody to trust.
bool verifies(Scope& scope, const TlsOptions& o, const Where& where, bool& ok) {
  if (o.verify.text == "none" || (o.verify.text.empty() && scope.global.server_verify_none)) return false;
  if (!o.ca_file.text.empty()) return true;
  ok = false;
  scope.error(
      where, "the server's certificate is to be verified and no authority is named",
      "name one with ca-file (@system-ca for the system's), or write verify none",
      "verify is enabled by default but no CA file specified. If you're running on a LAN where you're certain to "
      "trust the server's certificate, please set an explicit 'verify none' statement on the 'server' line, or use "
      "'ssl-server-verify none' in the global section to disable server-side verifications by default.");
  return false;
}

// The Host field without its port, as the expression req.hdr(host),field(1,:) says. The manual's default.
Str host_of(const proxy::Transaction& txn) {
  const http::Header* host = txn.tcp ? nullptr : txn.request.headers.find(http::Name::host);
  if (!host) return {};
  return host->value.substr(0, host->value.find(':'));
}

}  // namespace

ssl_ctx_st* make_server_tls(Scope& scope, const ServerOptions& options, const std::string& name, const Where& where) {
  const TlsOptions& o = options.tls;
  net::TlsClientOptions to;
  set_common(scope, o, to);
  bool ok = true;
  to.verify = verifies(scope, o, where, ok);
  if (!ok) return nullptr;
  if (to.verify) {
    to.authorities = authorities_file(scope, o.ca_file);
    to.host = std::string(options.verify_host);
  } else {
    expect_authorities(scope, o.ca_file);
  }
  to.common_name_counts = true;
  to.resume = o.reuse;
  const net::TlsStore::Certificate* shown = nullptr;
  for (const Certificates& c : o.certificates) {
    const std::string path = based(scope.global.crt_base, c.word.text);
    std::vector<std::string> faults;
    std::string warning;
    auto* certificate = load_certificate(scope.global, path, {}, faults, warning);
    if (!warning.empty()) scope.warning(c.word.where, warning);
    for (const std::string& fault : faults) scope.missing_file(c.word.where, fault);
    if (!certificate) continue;
    if (!certificate->identity) {
      scope.error(c.word.where, fmt::format("certificate '{}' is empty", path), "fill it with: set ssl cert");
      continue;
    }
    shown = certificate;
    to.identity = certificate->identity;
    to.identity_name = path;
  }
  net::TlsProblems problems;
  ssl_ctx_st* context = net::make_tls_client(to, problems);
  to.identity = nullptr;
  tell_tls(scope, o, where, problems);
  if (context) {
    scope.model.keep_tls(context);
    scope.global.certificates.add_server({name, context, std::move(to), shown});
  }
  return context;
}

void set_server_name(Scope& scope, model::Server& server, ServerOptions& options) {
  const Word& word = options.sni;
  if (word.text.empty()) return;
  if (word.text.starts_with("str(") && word.text.ends_with(')') &&
      word.text.find_first_of("(),", 4) == word.text.size() - 1) {
    server.sni = word.text.substr(4, word.text.size() - 5);
    return;
  }
  ParseEnv env = scope.env();
  SampleError problem;
  options.sni_from = parse_sample_text(word.text, env, word.where, problem);
  if (!options.sni_from)
    scope.error(at_byte(word, problem.at, problem.length), problem.text, problem.remedy,
                fmt::format("error detected while parsing sni expression : {}.", problem.text));
  else
    require_available(*options.sni_from, kAtConnect, word.where, scope.diag);
}

net::TlsTo tls_to_server(proxy::Transaction& txn, const proxy::Forward&) {
  const model::Server& server = *txn.server;
  ssl_ctx_st* context = server.tls_now();
  if (!context) return {};
  const auto& options = *static_cast<const ServerOptions*>(server.conf);
  Str name = server.sni;
  if (options.sni_from) {
    expr::Value value;
    if (options.sni_from->eval(context_for(txn), value) && expr::cast(value, expr::Type::string, txn.arena))
      name = value.str;
  } else if (name.empty() && options.sni_auto) {
    name = host_of(txn);
  }
  return {context, name, true, true};
}

}  // namespace weir::haproxy
