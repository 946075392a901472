// The words of persistence by cookie: cookie, dynamic-cookie-key, force-persist, ignore-persist, capture cookie.
#include <fmt/format.h>

#include <algorithm>

#include "haproxy/bind.h"
#include "haproxy/cookie.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

constexpr uint32_t kMostCaptured = 63;

struct Flag {
  Str word;
  bool CookieSettings::* member;
};
constexpr Flag kFlags[] = {
    {"rewrite", &CookieSettings::rewrite},   {"insert", &CookieSettings::insert},
    {"prefix", &CookieSettings::prefix},     {"indirect", &CookieSettings::indirect},
    {"nocache", &CookieSettings::nocache},   {"postonly", &CookieSettings::postonly},
    {"preserve", &CookieSettings::preserve}, {"dynamic", &CookieSettings::dynamic},
};

// What goes into the attributes of an inserted cookie.
struct Attributes {
  std::string domains, rest;
  bool http_only = false, secure = false;
};

bool take_domain(Scope& scope, const Word& word, Attributes& a) {
  if (word.text.find('.') == Str::npos)
    scope.warning(word.where, fmt::format("the domain '{}' has no dot; browsers may refuse the cookie", word.text), {},
                  fmt::format("domain '{}' contains no embedded dot, this configuration may not work properly (see "
                              "RFC6265#5.2.3).",
                              word.text));
  for (char c : word.text)
    if (!is_digit(c) && !(lower(c) >= 'a' && lower(c) <= 'z') && Str(".:_-").find(c) == Str::npos) {
      scope.error(word.where, fmt::format("'{}' cannot stand in a domain", c), {},
                  fmt::format("character '{}' is not permitted in domain name '{}'.", c, word.text));
      return false;
    }
  a.domains += fmt::format("; domain={}", word.text);
  return true;
}

bool take_attribute(Scope& scope, const Word& word, Attributes& a) {
  for (char c : word.text)
    if (c == ';' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      scope.error(word.where, fmt::format("the byte 0x{:02X} cannot stand in an attribute", static_cast<uint8_t>(c)),
                  {},
                  fmt::format("character '%x{:02X}' is not permitted in attribute value.", static_cast<uint8_t>(c)));
      return false;
    }
  a.rest += fmt::format("; {}", word.text);
  return true;
}

bool take_seconds(Scope& scope, const Word& word, Str name, uint32_t& out) {
  uint64_t us = 0;
  std::string problem;
  if (expr::parse_time_us(word.text, 1000000, us, problem) && (us == 0 || us >= 1000000) && us / 1000000 <= INT32_MAX) {
    out = static_cast<uint32_t>(us / 1000000);
    return true;
  }
  scope.error(word.where, fmt::format("'{}' is no time for {}", word.text, name), "seconds, or a number with m, h or d",
              fmt::format("unexpected character in argument to <{}>.", name));
  return false;
}

// An option with an argument. False: it is none, or after an error.
bool take_valued(Scope& scope, const Word& name, const Word& value, CookieSettings& c, Attributes& a) {
  if (name == "domain") return take_domain(scope, value, a);
  if (name == "attr") return take_attribute(scope, value, a);
  return take_seconds(scope, value, name.text, name == "maxidle" ? c.max_idle : c.max_life);
}

bool is_valued(Str name) {
  return name == "domain" || name == "attr" || name == "maxidle" || name == "maxlife";
}

bool take_option(Scope& scope, Words args, size_t& at, CookieSettings& c, Attributes& a) {
  const Word& word = args[at++];
  for (const Flag& f : kFlags)
    if (word == f.word) return c.*f.member = true;
  if (word == "httponly") return a.http_only = true;
  if (word == "secure") return a.secure = true;
  if (is_valued(word.text)) {
    if (at < args.size()) return take_valued(scope, word, args[at++], c, a);
    scope.error(word.where, fmt::format("'{}' lacks its argument", word.text), {},
                fmt::format("'{}' expects an argument.", word.text));
    return false;
  }
  scope.error(
      word.where, fmt::format("'{}' is not an option of cookie", word.text),
      "rewrite, insert, prefix, indirect, nocache, postonly, preserve, httponly, secure, domain, maxidle, "
      "maxlife, dynamic, attr",
      "'cookie' supports 'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly', 'domain', 'maxidle', "
      "'dynamic', 'maxlife' and 'attr' options.");
  return false;
}

void refuse_modes(Scope& scope, const Directive& d, Str text) {
  scope.error(d.where, std::string(text), {}, std::string(text) + ".");
}

void bind_cookie(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  CookieSettings c;
  Attributes a;
  c.name = args[0].text;
  c.key = scope.proxy->s.cookie.key;
  for (size_t at = 1; at < args.size();)
    if (!take_option(scope, args, at, c, a)) return;
  if (c.rewrite && c.indirect) return refuse_modes(scope, d, "cookie 'rewrite' and 'indirect' modes are incompatible");
  if (c.rewrite + c.insert + c.prefix > 1)
    return refuse_modes(scope, d, "cookie 'rewrite', 'insert' and 'prefix' modes are incompatible");
  if (c.preserve && !c.insert && !c.indirect)
    return refuse_modes(scope, d, "cookie 'preserve' requires at least 'insert' or 'indirect'");
  c.attributes = scope.keep(
      fmt::format("{}{}{}{}", a.domains, a.http_only ? "; HttpOnly" : "", a.secure ? "; Secure" : "", a.rest));
  scope.proxy->s.cookie = c;
}

void bind_key(void* s, const Directive& d, const Row& row) {
  scope_of(s).proxy->s.cookie.key = args_of(d, row)[0].text;
}

void bind_persist_rule(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  if (find_condition(args, 0) != 0) {
    scope.error(args[0].where, fmt::format("'{}' needs a condition that begins with 'if' or 'unless'", row.name), {},
                fmt::format("'{}' requires either 'if' or 'unless' followed by a condition.", row.name));
    return;
  }
  ParseEnv env = scope.env();
  const Condition* condition = scope.proxy->acls.condition(args, kAtServerChoice, env);
  if (condition) scope.proxy->persist_rules.push_back({condition, row.name == "force-persist"});
}

void bind_capture(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  uint64_t n = 0;
  if (args[1] != Str("len")) {
    scope.error(args[1].where, "'len' with the longest length is missing here", {},
                "'capture' expects 'cookie' <cookie_name> 'len' <len>.");
    return;
  }
  if (!read_number(scope, args[2], "len", 1, INT32_MAX, n)) return;
  if (n > kMostCaptured)
    scope.warning(args[2].where, fmt::format("captured cookies are cut after {} bytes", kMostCaptured), {},
                  fmt::format("truncating capture length to {} bytes for {} '{}'.", kMostCaptured,
                              kind_name(scope.proxy->kind), scope.proxy->name));
  scope.proxy->cookie_capture = {args[0].text, static_cast<uint32_t>(std::min<uint64_t>(n, kMostCaptured))};
}

constexpr Row kRows[] = {
    {"cookie", kBackends, 1, -1, Block::none, Inherit::copy, bind_cookie,
     "<name> [ rewrite | insert | prefix ] [ indirect ] [ nocache ] [ postonly ] [ preserve ] [ httponly ] [ secure ] "
     "[ domain <domain> ]* [ maxidle <idle> ] [ maxlife <life> ] [ dynamic ] [ attr <value> ]*",
     "cookie that keeps clients on their server"},
    {"dynamic-cookie-key", kBackends, 1, 1, Block::none, Inherit::copy, bind_key, "<string>",
     "secret from which dynamic cookie values are made"},
    {"force-persist", kListen | kBackend, 2, -1, Block::none, Inherit::none, bind_persist_rule,
     "{ if | unless } <condition>", "condition under which clients stay on a server that is down"},
    {"ignore-persist", kListen | kBackend, 2, -1, Block::none, Inherit::none, bind_persist_rule,
     "{ if | unless } <condition>", "condition under which persistence is ignored"},
    {"capture cookie", kFrontend | kListen, 3, 3, Block::none, Inherit::none, bind_capture, "<name> len <length>",
     "record in logs the first cookie that begins so, of requests and of responses"},
};

}  // namespace

void check_cookies(Scope& scope, const Proxy& p) {
  if (p.http() || !p.is_back()) return;
  if (!p.s.cookie.name.empty())
    scope.warning(p.where, fmt::format("the cookie of '{}' does nothing: its mode is tcp", p.name), "write: mode http",
                  fmt::format("cookie will be ignored for {} '{}' (needs 'mode http').", kind_name(p.kind), p.name));
  for (const model::Server* s : p.servers)
    if (static_cast<const ServerOptions*>(s->conf)->cookie.data())
      scope.warning(p.where, fmt::format("the cookie of the server '{}' does nothing: the mode is tcp", s->name), {},
                    fmt::format("{} '{}' : ignoring cookie for server '{}' as HTTP mode is disabled.",
                                kind_name(p.kind), p.name, s->name));
}

const config::Table kCookieTable = kRows;

}  // namespace weir::haproxy
