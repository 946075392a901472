// TLS of `bind` lines: certificates by name, clients' certificates, sessions. See haproxy/tls.h.
#include <fmt/format.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "expr/encode.h"
#include "haproxy/crt_list.h"
#include "haproxy/tls.h"
#include "net/tls_errors.h"
#include "net/tls_session_cache.h"

namespace weir::haproxy {
namespace {

// --- settings ---

net::TlsVerify verify_mode(Scope& scope, const Word& word) {
  if (word.text == "none" || word.text.empty()) return net::TlsVerify::off;
  if (word.text == "optional") return net::TlsVerify::optional;
  if (word.text == "required") return net::TlsVerify::required;
  scope.error(
      word.where, fmt::format("'{}' is not a way to verify", word.text), "none, optional or required",
      fmt::format("'verify' : unknown verify method '{}', only 'none', 'optional', and 'required' are supported",
                  word.text));
  return net::TlsVerify::off;
}

// A number, or a name as OpenSSL's header has it.
int error_code(Str text) {
  const int named = net::verify_error_code(text);
  if (named >= 0) return named;
  const auto number = parse_u64(text);
  return number && *number > 0 && *number < 256 ? static_cast<int>(*number) : -1;
}

net::TlsTolerated tolerated(Scope& scope, const Word& word) {
  net::TlsTolerated errors;
  for (Str rest = word.text; !rest.empty();) {
    const Str one = trim(cut(rest, ','));
    const int code = error_code(one);
    if (one == "all")
      errors.all = true;
    else if (code > 0)
      errors.errors.push_back(code);
    else
      scope.error(word.where, fmt::format("'{}' is not an error of verification", one),
                  "a number, a name as X509_V_ERR_CERT_HAS_EXPIRED, or all",
                  fmt::format("'{}' is not a valid error code name", one));
  }
  return errors;
}

// Three keys of the file: the last ones, of which the one before the last seals.
net::TicketKeys* ticket_keys(Scope& scope, const Word& file) {
  constexpr size_t kKeys = 3;
  if (file.text.empty()) return nullptr;
  for (net::TicketFile* known : scope.global.certificates.ticket_files)
    if (known->path == file.text) return &known->keys;
  std::string text, problem;
  if (!read_text(std::string(file.text), text, problem)) {
    scope.missing_file(file.where, problem, "unable to load TLS ticket keys file");
    return nullptr;
  }
  auto* made = scope.arena.own<net::TicketFile>();
  made->path = std::string(file.text);
  for (Str rest = text; !rest.empty();) {
    const Str line = trim(cut(rest, '\n'));
    if (line.empty()) continue;
    Str bytes;
    net::TicketKey key;
    if (!expr::decode_base64(line, false, scope.arena, bytes) || !net::parse_ticket_key(bytes, key) ||
        (!made->keys.fixed.empty() && key.aes256 != made->keys.fixed[0].aes256)) {
      scope.error(file.where, fmt::format("line {} of '{}' is not a key", made->keys.fixed.size() + 1, file.text),
                  "48 or 80 bytes in base64, all lines alike: openssl rand -base64 -A 80",
                  "wrong sized key or base64 in TLS ticket keys file");
      return nullptr;
    }
    made->keys.fixed.push_back(key);
  }
  if (made->keys.fixed.size() < kKeys) {
    scope.error(file.where, fmt::format("'{}' has {} keys", file.text, made->keys.fixed.size()),
                fmt::format("{} are needed: old, current and next", kKeys),
                fmt::format("please supply at least {} keys in the tls-tickets-file", kKeys));
    return nullptr;
  }
  made->keys.fixed.erase(made->keys.fixed.begin(), made->keys.fixed.end() - kKeys);
  made->keys.sealing = kKeys - 2;
  scope.global.certificates.ticket_files.push_back(made);
  return &made->keys;
}

// One cache for every bind line, in memory that outlives this process.
net::TlsSessionCache* session_cache(Scope& scope, const Where& where) {
  Global& g = scope.global;
  constexpr size_t kBlock = 200;
  if (!g.tls_cache_blocks || scope.options.check_only) return nullptr;
  if (g.tls_sessions) return g.tls_sessions;
  auto* cache = scope.arena.own<net::TlsSessionCache>();
  if (!cache->open("haproxy", g.tls_cache_blocks * kBlock)) {
    scope.error(where, fmt::format("no memory for {} blocks of TLS sessions", g.tls_cache_blocks),
                "lower tune.ssl.cachesize", "Unable to allocate SSL session cache.");
    return nullptr;
  }
  return g.tls_sessions = cache;
}

net::TlsServerOptions options_of(Scope& scope, const TlsOptions& o, const Where& where) {
  net::TlsServerOptions to;
  set_common(scope, o, to);
  to.prefer_server_ciphers = !o.prefer_client_ciphers;
  to.tickets = o.tickets;
  to.dh_params = std::string(scope.global.dh_params);
  to.verify = verify_mode(scope, o.verify);
  if (to.verify != net::TlsVerify::off) {
    to.leaf_errors = tolerated(scope, o.ignore_leaf);
    to.chain_errors = tolerated(scope, o.ignore_chain);
    (o.names_authorities ? to.client_authorities : to.authorities) = authorities_file(scope, o.ca_file);
    if (!o.ca_verify_file.text.empty()) {
      if (to.authorities.empty())
        to.authorities = authorities_file(scope, o.ca_verify_file);
      else
        to.more_authorities = authorities_file(scope, o.ca_verify_file);
    }
  } else {
    expect_authorities(scope, o.ca_file);
    expect_authorities(scope, o.ca_verify_file);
  }
  to.sessions = session_cache(scope, where);
  to.cache = to.sessions ? net::TlsCache::shared : net::TlsCache::none;
  to.session_timeout_s = scope.global.tls_lifetime_s;
  to.ticket_keys = ticket_keys(scope, o.ticket_keys);
  if (!to.ticket_keys && o.tickets) to.ticket_keys = shared_keys(scope);
  if (o.no_alpn)
    to.alpn.clear();
  else if (to.alpn.empty())
    to.alpn = {"http/1.1"};
  return to;
}

// --- certificates ---

size_t error_count(const Scope& scope) {
  return scope.diag.count(config::Severity::error);
}

// What one bind line is made of, while it is.
struct Maker {
  Scope& scope;
  const TlsOptions& options;
  net::TlsListener& listener;
  const Where& where;
  const net::TlsProblems* known = nullptr;  // of the line, which its certificates do not repeat

  bool add(const std::string& path, const TlsOptions& o, const CrtLine& line, bool fallback, const Where& at,
           const net::TlsList* list = nullptr) {
    std::vector<std::string> faults;
    std::string warning;
    auto* certificate = load_certificate(scope.global, path, line.files, faults, warning);
    if (!warning.empty()) scope.warning(at, warning);
    for (const std::string& fault : faults) scope.missing_file(at, fault);
    if (!certificate) return scope.options.offline;
    net::TlsEntry entry;
    entry.certificate = certificate;
    entry.options = options_of(scope, o, where);
    entry.filters = line.filters;
    entry.fallback = fallback || line.fallback;
    entry.list = list;
    entry.line = line.number;
    if (line.fallback && line.filters.empty()) entry.filters = {"*"};
    if (!certificate->identity) return scope.error(at, fmt::format("certificate '{}' is empty", path)), false;
    net::TlsProblems problems;
    entry.context = entry.make(certificate->identity, problems);
    if (!entry.context) {
      std::erase_if(problems, [&](const net::TlsProblem& p) {
        return known && std::ranges::any_of(*known, [&](const net::TlsProblem& k) { return k.text == p.text; });
      });
      tell_tls(scope, o, at, problems);
      return scope.options.offline;
    }
    listener.entries.push_back(std::move(entry));
    return true;
  }

  void add_files(const Certificates& from) {
    std::string path = based(scope.global.crt_base, from.word.text);
    const std::vector<std::string> files = certificate_files(scope.global, path);
    if (files.empty()) return;  // a folder may be filled later
    const bool bundle = files[0].size() > path.size() && files[0][path.size()] == '.';
    const bool first = listener.entries.empty();
    const size_t before = listener.entries.size();
    bool good = true;
    for (const std::string& file : files)
      good = add(file, options, {}, from.kind == Certificates::fallback || (first && bundle), from.word.where) && good;
    if (!good) return;
    if (files[0] != path && !bundle) list_folder(path, before);
  }

  // A folder is a list that can be added to at run time.
  void list_folder(const std::string& path, size_t from) {
    net::TlsList* list = scope.global.certificates.find_list(path);
    const bool known = list != nullptr;
    if (!known) list = &scope.global.certificates.add_list(path);
    list->folder = true;
    for (size_t i = from; i < listener.entries.size(); i++) {
      listener.entries[i].list = list;
      if (!known) list->lines.push_back({listener.entries[i].certificate->name, {}, 0});
    }
    list->users.push_back(adder(*list));
  }

  bool add_line(const CrtLine& line, const Where& at, const net::TlsList* list) {
    // One that was made at run time is known by its bare name.
    if (scope.global.certificates.find(line.certificate))
      return add(line.certificate, line.options, line, false, at, list);
    std::string path = based(scope.global.crt_base, line.certificate);
    if (!line.files.certificate.empty() || scope.global.certificates.find(path))
      return add(path, line.options, line, false, at, list);
    bool good = true;
    for (const std::string& file : certificate_files(scope.global, path))
      good = add(file, line.options, line, false, at, list) && good;
    return good;
  }

  void add_list(const Word& word) {
    std::string problem;
    const std::string path(word.text);
    net::TlsList* list = scope.global.certificates.find_list(path);
    const bool known = list != nullptr;
    auto* source = scope.arena.own<config::Source>();  // mistakes are shown in it
    source->path = path;
    if (!read_text(path, source->text, problem)) return scope.missing_file(word.where, problem);
    if (!known) list = &scope.global.certificates.add_list(path);
    uint32_t number = 0;
    for (Str rest = source->text; !rest.empty();) {
      CrtLine line;
      line.number = ++number;
      const Str text = cut(rest, '\n');
      const Where at{source, number, 1, static_cast<uint32_t>(std::max<size_t>(1, text.size()))};
      if (!parse_crt_line(scope, text, options, at, line) || line.certificate.empty()) continue;
      if (!add_line(line, at, list)) continue;
      if (!known) list->lines.push_back({based(scope.global.crt_base, line.certificate), line.rest, number});
    }
    list->users.push_back(adder(*list));
  }

  // Adds a line at run time; the configuration's own objects are still there then, its text is not.
  net::TlsList::Add adder(net::TlsList& list) const {
    return [&model = scope.model, &global = scope.global, &arena = scope.arena, base = options, &to = listener, &list](
               const net::TlsList::Line& added, std::string& problem) {
      config::Diagnostics diag;
      const model::LoadOptions load;
      Scope at_run_time{model, diag, load, arena, global};
      Maker maker{at_run_time, base, to, {}};
      CrtLine line;
      line.number = added.number;
      if (parse_crt_line(at_run_time, added.certificate + " " + added.rest, base, {}, line) &&
          maker.add_line(line, {}, &list) && !diag.failed()) {
        to.publish();
        return true;
      }
      for (const auto& d : diag.all())
        if (problem.empty() && d.severity != config::Severity::note) problem = d.text;
      return false;
    };
  }

  // `ssl-f-use` lines of the frontend: a list of its own.
  void add_uses() {
    uint32_t number = 0;
    for (const Directive& d : scope.section->block) {
      if (d.name() != "ssl-f-use") continue;
      CrtLine line;
      line.number = ++number;
      line.options = options;
      line.options.certificates = {};
      if (!take_crt_options(scope, Words(d.words).subspan(1), line)) continue;
      line.certificate = std::exchange(line.files.certificate, {});
      if (line.certificate.empty()) {
        scope.error(d.where, "no certificate is named", "write: ssl-f-use crt FILE");
        continue;
      }
      add_line(line, d.where, nullptr);
    }
  }
};

bool has_uses(const Scope& scope) {
  return std::any_of(scope.section->block.begin(), scope.section->block.end(),
                     [](const Directive& d) { return d.name() == "ssl-f-use"; });
}

}  // namespace

ssl_ctx_st* make_listener_tls(Scope& scope, const TlsOptions& o, const Where& where) {
  const size_t errors = error_count(scope);
  if (verify_mode(scope, o.verify) != net::TlsVerify::off && o.ca_file.text.empty() && o.ca_verify_file.text.empty())
    scope.error(o.verify.where, "the clients' certificates are to be verified and no authority is named",
                "name one with ca-file (@system-ca for the system's)", "verify is enabled but no CA file specified");
  const bool uses = has_uses(scope), any = !o.certificates.empty() || uses;
  if (!any && o.elsewhere) return nullptr;
  if (!any)
    scope.error(where, "TLS without a certificate", "name one with crt",
                "No SSL certificate specified and ssl is enabled on the bind line (use 'crt')");
  // What connections have until they have said whom they want.
  net::TlsProblems problems;
  ssl_ctx_st* front = net::make_tls_server(options_of(scope, o, where), problems);
  if (front) scope.model.keep_tls(front);
  net::TlsListener& listener = scope.global.certificates.add_listener(
      o.strict_sni, scope.proxy ? std::string(scope.proxy->name) : std::string(),
      fmt::format("{}:{}", where.source ? Str(where.source->path) : Str(), where.line));
  Maker maker{scope, o, listener, where, &problems};
  for (const Certificates& c : o.certificates)
    c.kind == Certificates::list ? maker.add_list(c.word) : maker.add_files(c);
  if (uses) maker.add_uses();
  const bool told = error_count(scope) > errors;
  tell_tls(scope, o, where, problems);
  if (!front || told) return nullptr;
  if (listener.entries.empty() && !o.strict_sni && !scope.options.offline) {
    scope.error(where, "no certificate was found", "name a file with crt, or allow none with strict-sni",
                "No SSL certificate specified and ssl is enabled on the bind line (use 'crt')");
    return nullptr;
  }
  if (scope.options.offline && listener.entries.empty()) return nullptr;
  listener.publish();
  listener.names.watch(front, scope.global.tls_capture);
  return front;
}

}  // namespace weir::haproxy
