// The server's answer on its way to the client: hidden headers, proxy_redirect, cookies, X-Accel-*, intercepted errors.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "expr/regex.h"
#include "nginx/accel_redirect.h"
#include "nginx/core.h"
#include "nginx/error_log.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {

using http::Header;
using http::Name;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

namespace {

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

constexpr Str kHidden[] = {"Date",
                           "Server",
                           "X-Pad",
                           "X-Accel-Expires",
                           "X-Accel-Redirect",
                           "X-Accel-Limit-Rate",
                           "X-Accel-Buffering",
                           "X-Accel-Charset"};

bool ignores(const ProxyConf& c, Str name) {
  for (Str n : c.ignore_headers)
    if (iequals(n, name)) return true;
  return false;
}

bool read_pattern(Scope& scope, const Directive& d, ProxyRedirect& p) {
  Str from = d.arg(0).text;
  if (from.starts_with("~")) {
    bool icase = from.starts_with("~*");
    std::string error;
    p.regex = expr::Regex::compile(scope.arena, from.substr(icase ? 2 : 1),
                                   icase ? expr::Regex::kIcase : expr::Regex::kNone, error);
    if (!p.regex) {
      scope.error(d.arg(0).where, fmt::format("invalid regular expression \"{}\": {}", from, error));
      return false;
    }
  } else {
    p.from = compile_script(scope.arena, scope.http->variables, from, d.arg(0).where, scope.diag);
  }
  p.to = compile_script(scope.arena, scope.http->variables, d.arg(1).text, d.arg(1).where, scope.diag);
  return true;
}

void bind_pairs(void* s, const Directive& d, ArenaList<ProxyRedirect>& list) {
  Scope& scope = scope_of(s);
  ProxyRedirect p;
  if (d.args() == 1) {
    if (d.arg(0).text != "off") bad_value(scope, d, 0, "off, or what to replace and with what");
    list.push(scope.arena, p);  // an entry without pattern: nothing is inherited
    return;
  }
  if (read_pattern(scope, d, p)) list.push(scope.arena, p);
}

// `value` with its prefix replaced; as a whole replaced when a regular expression matches.
bool replace(Transaction& txn, const ProxyRedirect& p, Str value, bool whole, Str& out) {
  if (p.regex) {
    if (!match(txn, *p.regex, value)) return false;
    out = p.to->eval(txn);
    return true;
  }
  if (!p.from) return false;
  Str from = p.from->eval(txn);
  if (whole ? !iequals(value, from) : !value.starts_with(from)) return false;
  out = txn.arena.cat(p.to->eval(txn), whole ? Str{} : value.substr(from.size()));
  return true;
}

bool redirect_default(Transaction& txn, const ProxyConf& c, Str value, Str& out) {
  if (c.target_script) return false;
  Str from = c.target.value;
  std::string full(from);
  if (c.uri.empty()) full += "/";
  if (!value.starts_with(full)) return false;
  Str to = c.uri.empty() ? Str{"/"} : c.location_name;
  out = txn.arena.cat(to, value.substr(full.size()));
  return true;
}

void rewrite_location(Transaction& txn, const ProxyConf& c, Header& h) {
  Str value = h.value;
  Str prefix;
  if (h.id == Name::refresh) {
    size_t at = value.find("url=");
    if (at == Str::npos) return;
    prefix = value.substr(0, at + 4);
    value = value.substr(at + 4);
  }
  Str out;
  bool done = false;
  for (const ProxyRedirect& p : c.redirects)
    if (!done && replace(txn, p, value, false, out)) done = true;
  if (!done && c.redirect_default) done = redirect_default(txn, c, value, out);
  if (!done) return;
  if (h.id == Name::location && out.starts_with("/")) out = absolute_location(txn, out);
  h.value = txn.arena.cat(prefix, out);
}

// One attribute of a Set-Cookie value through the given pairs.
Str rewrite_attribute(Transaction& txn, Str cookie, Str name, const ArenaList<ProxyRedirect>& pairs, bool domain) {
  size_t at = 0;
  while ((at = cookie.find(';', at)) != Str::npos) {
    size_t begin = at + 1;
    while (begin < cookie.size() && cookie[begin] == ' ') begin++;
    at = begin;
    Str rest = cookie.substr(begin);
    if (!istarts_with(rest, name) || rest.size() <= name.size() || rest[name.size()] != '=') continue;
    size_t value_at = begin + name.size() + 1;
    size_t end = cookie.find(';', value_at);
    Str value = cookie.substr(value_at, end == Str::npos ? Str::npos : end - value_at);
    Str compared = domain && value.starts_with(".") ? value.substr(1) : value;
    for (const ProxyRedirect& p : pairs) {
      Str out;
      if (!replace(txn, p, compared, domain && !p.regex, out)) continue;
      return txn.arena.cat(cookie.substr(0, value_at), out, end == Str::npos ? Str{} : cookie.substr(end));
    }
    return cookie;
  }
  return cookie;
}

bool drop_flag(std::string& cookie, Str flag) {
  bool dropped = false;
  size_t at = 0;
  while ((at = cookie.find(';', at)) != std::string::npos) {
    size_t begin = at + 1;
    while (begin < cookie.size() && cookie[begin] == ' ') begin++;
    size_t end = cookie.find(';', begin);
    Str attribute = trim(Str(cookie).substr(begin, end == std::string::npos ? Str::npos : end - begin));
    Str name = attribute.substr(0, attribute.find('='));
    if (iequals(name, flag)) {
      cookie.erase(at, (end == std::string::npos ? cookie.size() : end) - at);
      dropped = true;
    } else {
      at = begin;
    }
  }
  return dropped;
}

bool known_flag(Str flag) {
  static constexpr Str kFlags[] = {"secure",        "httponly", "samesite=strict", "samesite=lax",
                                   "samesite=none", "nosecure", "nohttponly",      "nosamesite"};
  return std::any_of(std::begin(kFlags), std::end(kFlags), [&](Str known) { return iequals(known, flag); });
}

Str apply_flags(Transaction& txn, const ProxyConf& c, Str cookie) {
  Str name = cookie.substr(0, cookie.find_first_of("=;"));
  for (const CookieFlags& f : c.cookie_flags) {
    bool hit = f.regex ? match(txn, *f.regex, name) : f.name && iequals(f.name->eval(txn), name);
    if (!hit) continue;
    std::string out(cookie);
    for (const Script* script : f.flags) {
      Str flag = script->eval(txn);
      if (!known_flag(flag)) continue;
      if (istarts_with(flag, "no")) {
        drop_flag(out, flag.substr(2));
        continue;
      }
      Str key = flag.substr(0, flag.find('='));
      drop_flag(out, key);
      if (iequals(flag, "secure"))
        out += "; Secure";
      else if (iequals(flag, "httponly"))
        out += "; HttpOnly";
      else if (iequals(flag, "samesite=strict"))
        out += "; SameSite=Strict";
      else if (iequals(flag, "samesite=lax"))
        out += "; SameSite=Lax";
      else if (iequals(flag, "samesite=none"))
        out += "; SameSite=None";
    }
    return txn.arena.dup(out);
  }
  return cookie;
}

void rewrite_cookie(Transaction& txn, const ProxyConf& c, Header& h) {
  Str value = h.value;
  if (!c.cookie_domains.empty()) value = rewrite_attribute(txn, value, "domain", c.cookie_domains, true);
  if (!c.cookie_paths.empty()) value = rewrite_attribute(txn, value, "path", c.cookie_paths, false);
  if (!c.cookie_flags.empty()) value = apply_flags(txn, c, value);
  h.value = value;
}

bool hidden(const ProxyConf& c, const Header& h) {
  if (h.id == Name::other) {
    for (Str n : c.hide_others)
      if (iequals(n, h.name)) return true;
    return false;
  }
  auto n = static_cast<unsigned>(h.id);
  return c.hide_mask[n / 64] >> (n % 64) & 1;
}

// Whether a header that may come only once had come before; `seen` remembers which had.
bool repeats(Name id, uint64_t& seen) {
  static constexpr Name kSingle[] = {Name::content_type,
                                     Name::date,
                                     Name::last_modified,
                                     Name::etag,
                                     Name::server,
                                     Name::location,
                                     Name::refresh,
                                     Name::expires,
                                     Name::x_accel_expires,
                                     Name::x_accel_charset,
                                     Name::x_accel_buffering,
                                     Name::x_accel_limit_rate,
                                     Name::x_accel_redirect};
  static constexpr auto kBits = [] {
    std::array<uint16_t, static_cast<size_t>(Name::count_)> bits{};
    for (unsigned i = 0; i < std::size(kSingle); i++)
      bits[static_cast<size_t>(kSingle[i])] = static_cast<uint16_t>(1u << i);
    return bits;
  }();
  uint64_t bit = kBits[static_cast<size_t>(id)];
  bool repeated = seen & bit;
  seen |= bit;
  return repeated;
}

bool intercepted(const ProxyConf& c, uint16_t status) {
  return c.intercept_errors.get(false) && status >= 300;
}

Next treat(Transaction& txn, Cursor&, const void* conf) {
  const auto& c = *static_cast<const ProxyConf*>(conf);
  if (txn.local_reply) return Next::next;
  http::Message& m = txn.response;
  if (intercepted(c, m.status) && has_error_page(txn, m.status)) {
    uint16_t status = m.status;
    of(txn).www_authenticate = status == 401 ? m.headers.value(Name::www_authenticate) : Str{};
    keep_server_headers(txn);
    txn.discard_response();
    return finish_with(txn, status);
  }
  if (const Header* to = m.headers.find(Name::x_accel_redirect); to && !ignores(c, "X-Accel-Redirect"))
    return accel_redirect(txn, to->value);
  uint64_t seen = 0;
  for (Header& h : m.headers) {
    if (h.removed) continue;
    if (repeats(h.id, seen)) {
      log_error(&txn, LogLevel::warn, 0,
                fmt::format("upstream sent duplicate header line: \"{}: {}\", ignored", h.name, h.value));
      h.removed = true;
      continue;
    }
    if (hidden(c, h)) {
      h.removed = true;
      continue;
    }
    if (h.id == Name::location || h.id == Name::refresh) rewrite_location(txn, c, h);
    if (h.id == Name::set_cookie) rewrite_cookie(txn, c, h);
  }
  return Next::next;
}

}  // namespace

// What it replaces is the URL of a proxy_pass that has been read, and has no variables.
void bind_default_redirect(Scope& scope, const Directive& d, ProxyConf& c) {
  c.redirect_default = true;
  if (c.target_script)
    scope.error(d.where, "\"proxy_redirect default\" cannot be used with \"proxy_pass\" directive with variables",
                "name what is to be replaced, or write off");
  else if (!c.target.set)
    scope.error(d.where, "\"proxy_redirect default\" should be placed after the \"proxy_pass\" directive",
                "move it below proxy_pass, or leave it away: it is the default");
}

void bind_proxy_redirect(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto& c = *static_cast<ProxyConf*>(scope.conf);
  if (!c.redirects_set) c.redirect_default = false;
  c.redirects_set = true;
  if (d.args() == 1) {
    if (d.arg(0).text == "default")
      bind_default_redirect(scope, d, c);
    else if (d.arg(0).text != "off")
      bad_value(scope, d, 0, "default, off, or what to replace and with what");
    return;
  }
  ProxyRedirect p;
  if (read_pattern(scope, d, p)) c.redirects.push(scope.arena, p);
}

void bind_cookie_domain(void* s, const Directive& d, const Row&) {
  bind_pairs(s, d, static_cast<ProxyConf*>(scope_of(s).conf)->cookie_domains);
}

void bind_cookie_path(void* s, const Directive& d, const Row&) {
  bind_pairs(s, d, static_cast<ProxyConf*>(scope_of(s).conf)->cookie_paths);
}

void bind_cookie_flags(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  CookieFlags f;
  Str name = d.arg(0).text;
  if (name.starts_with("~")) {
    std::string error;
    f.regex = expr::Regex::compile(scope.arena, name.substr(1), expr::Regex::kIcase, error);
    if (!f.regex) {
      scope.error(d.arg(0).where, fmt::format("invalid regular expression \"{}\": {}", name, error));
      return;
    }
  } else if (!(name == "off" && d.args() == 1)) {
    f.name = compile_script(scope.arena, scope.http->variables, name, d.arg(0).where, scope.diag);
  }
  for (size_t i = 1; i < d.args(); i++) {
    const Script* flag = compile_script(scope.arena, scope.http->variables, d.arg(i).text, d.arg(i).where, scope.diag);
    if (flag->constant() && !known_flag(d.arg(i).text))
      return bad_value(scope, d, i, "secure, httponly, samesite=strict|lax|none, nosecure, nohttponly or nosamesite");
    f.flags.push(scope.arena, flag);
  }
  static_cast<ProxyConf*>(scope.conf)->cookie_flags.push(scope.arena, f);
}

void compile_response(Scope& scope, Location& l, ProxyConf& c) {
  auto hide = [&](Str name) {
    for (Str p : c.pass_header)
      if (iequals(p, name)) return;
    Name id = http::name_id(name);
    if (id == Name::other)
      c.hide_others.push(scope.arena, name);
    else
      c.hide_mask[static_cast<unsigned>(id) / 64] |= 1ull << (static_cast<unsigned>(id) % 64);
  };
  for (Str name : kHidden) hide(name);
  for (Str name : c.hide_headers) hide(name);
  l.response_steps.insert(l.response_steps.begin(), proxy::Step{treat, &c, c.target_where});
}

}  // namespace weir::nginx
