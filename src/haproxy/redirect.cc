// `redirect`, `http-request redirect` and `http-response redirect` (configuration.txt, "redirect").
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"
#include "http/h1_writer.h"

namespace weir::haproxy {
namespace {

enum class Form : uint8_t { location, prefix, scheme };

struct Redirect : Rule {
  Form form = Form::location;
  uint16_t code = 302;
  const LogFormat* format = nullptr;
  const LogFormat* cookie = nullptr;
  bool drop_query = false;
  bool keep_query = false;
  bool append_slash = false;
  bool ignore_empty = false;
};

Str path_of(const Redirect& rule, const Transaction& txn) {
  Str path = txn.request.path;
  if (path.empty()) path = "/";
  return rule.drop_query ? path.substr(0, path.find('?')) : path;
}

Str with_query(Transaction& txn, Str location) {
  Str path = txn.request.path;
  size_t at = path.find('?');
  if (at == Str::npos || at + 1 == path.size()) return location;
  size_t mark = location.find('?');
  Str separator = mark == Str::npos ? Str("?") : mark + 1 == location.size() ? Str{} : Str("&");
  return txn.arena.cat(location, separator, path.substr(at + 1));
}

Str location_of(const Redirect& rule, Transaction& txn, const expr::Ctx& ctx) {
  Str text = header_text(*rule.format, ctx);
  switch (rule.form) {
    case Form::location:
      if (rule.ignore_empty && text.empty()) return {};
      return rule.keep_query ? with_query(txn, text) : text;
    case Form::prefix:
      // The prefix "/" stands for none, so that a site can redirect to itself.
      if (text == "/") text = {};
      text = txn.arena.cat(text, path_of(rule, txn));
      break;
    case Form::scheme:
      text = txn.arena.cat(text, Str("://"), txn.request.headers.value(http::Name::host), path_of(rule, txn));
      break;
  }
  return rule.append_slash && !text.empty() && text.back() != '/' ? txn.arena.cat(text, Str("/")) : text;
}

Next run_redirect(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const Redirect*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  Str location = location_of(rule, txn, ctx);
  if (rule.ignore_empty && location.empty()) return Next::next;
  note_final(txn, c);
  Str cookie = rule.cookie ? header_text(*rule.cookie, ctx) : Str{};
  txn.termination = {'L', rule.response ? 'H' : 'R'};
  txn.discard_response();
  http::Message& m = txn.response;
  m.headers.clear();
  m.trailers.clear();
  m.version = 11;
  m.status = rule.code;
  m.reason = http::reason_phrase(rule.code);
  m.body = http::Body::length;
  m.content_length = 0;
  m.upgrade = false;
  m.headers.add("Content-Length", "0", http::Name::content_length);
  m.headers.add("Location", location, http::Name::location);
  if (rule.code == 302 || rule.code == 303 || rule.code == 307)
    m.headers.add("Cache-Control", "no-cache", http::Name::cache_control);
  if (!cookie.empty()) m.headers.add("Set-Cookie", cookie, http::Name::set_cookie);
  return txn.reply_head({});
}

struct Parser {
  Scope& scope;
  Redirect& rule;
  const Place& place;
  Words words;
  bool literal = false;  // the line of its own takes its texts as they are

  bool parse();
  const LogFormat* text(const Word& word);
  bool option(size_t& at);
  bool cookie(const Word& word, bool clear);
};

const LogFormat* Parser::text(const Word& word) {
  if (!literal) {
    ParseEnv env = scope.env();
    return compile_log_format(word, FormatUse::header, place, env);
  }
  auto* format = scope.arena.make<LogFormat>();
  LogFormat::Part part;
  part.text = word.text;
  format->parts.push(scope.arena, part);
  format->constant = true;
  format->source = word.text;
  return format;
}

bool Parser::cookie(const Word& word, bool clear) {
  std::string text(word.text);
  text += clear ? "; path=/; Max-Age=0;" : "; path=/;";
  Word whole = word;
  whole.text = scope.keep(text);
  bool as_is = literal;
  literal = true;
  rule.cookie = this->text(whole);
  literal = as_is;
  return true;
}

bool Parser::option(size_t& at) {
  const Word& word = words[at];
  if (word == "drop-query") return rule.drop_query = true;
  if (word == "keep-query") return rule.keep_query = true;
  if (word == "append-slash") return rule.append_slash = true;
  if (word == "ignore-empty") return rule.ignore_empty = true;
  bool takes_value = word == "location" || word == "to" || word == "prefix" || word == "scheme" || word == "code" ||
                     word == "set-cookie" || word == "set-cookie-fmt" || word == "clear-cookie";
  if (!takes_value) {
    scope.error(
        word.where, fmt::format("'{}' is not expected in a redirect", word.text), {},
        fmt::format("expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', "
                    "'ignore-empty' or 'append-slash' (was '{}')",
                    word.text));
    return false;
  }
  if (at + 1 >= words.size()) {
    scope.error(word.where, fmt::format("'{}' lacks its argument", word.text), {},
                fmt::format("missing argument for '{}'", word.text));
    return false;
  }
  const Word& value = words[++at];
  if (word == "code") {
    auto n = parse_u64(value.text);
    if (n && (*n == 301 || *n == 302 || *n == 303 || *n == 307 || *n == 308)) {
      rule.code = static_cast<uint16_t>(*n);
      return true;
    }
    scope.error(
        value.where, fmt::format("'{}' is not a redirect's status", value.text), "one of 301, 302, 303, 307, 308",
        fmt::format("'code': unsupported HTTP code '{}' (must be one of 301, 302, 303, 307 or 308)", value.text));
    return false;
  }
  if (word.text.ends_with("cookie")) return cookie(value, word == "clear-cookie");
  if (word == "set-cookie-fmt") {
    ParseEnv env = scope.env();
    return (rule.cookie = compile_log_format(value, FormatUse::header, place, env)) != nullptr;
  }
  rule.form = word == "prefix" ? Form::prefix : word == "scheme" ? Form::scheme : Form::location;
  return (rule.format = text(value)) != nullptr;
}

bool Parser::parse() {
  for (size_t at = 0; at < words.size(); at++)
    if (!option(at)) return false;
  if (rule.format) return true;
  scope.error(words.empty() ? scope.section->where : words[0].where, "the redirect does not say where to",
              "write location, prefix or scheme with a value",
              "redirection type expected ('prefix', 'location', or 'scheme')");
  return false;
}

void bind_redirect(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<Redirect>(scope, d, row, args);
  if (!rule) return;
  Parser parser{scope, *rule, place_of(scope, rule->set), args, false};
  if (parser.parse()) add_rule(scope, d, *rule, run_redirect);
}

// The line of its own runs after all http-request rules of its proxy.
void bind_redirect_line(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  auto* rule = scope.arena.make<Redirect>();
  Words all = args_of(d, row);
  size_t at = find_condition(all, 0);
  ParseEnv env = scope.env();
  if (at < all.size() &&
      !(rule->condition = scope.proxy->acls.condition(all.subspan(at), place_of(scope, Ruleset::request), env)))
    return;
  Parser parser{scope, *rule, place_of(scope, Ruleset::request), all.subspan(0, at), true};
  if (parser.parse()) scope.proxy->redirects.push(scope.arena, proxy::Step{run_redirect, rule, d.where});
}

constexpr Str kSyntax =
    "{ location <fmt> | prefix <fmt> | scheme <fmt> } [ code <code> ] [ drop-query ] [ keep-query ] [ append-slash ] "
    "[ ignore-empty ] [ set-cookie <name>[=<value>] ] [ clear-cookie <name>[=] ] [ { if | unless } <condition> ]";

constexpr Row kRows[] = {
    rule_row("http-request redirect", kProxies, 2, -1, bind_redirect, kSyntax, "answer with a redirect"),
    rule_row("http-response redirect", kProxies, 2, -1, bind_redirect, kSyntax, "replace the response by a redirect"),
    rule_row("redirect", kFrontend | kListen | kBackend, 2, -1, bind_redirect_line, kSyntax,
             "redirect requests when a condition holds"),
};

}  // namespace

const config::Table kRedirectTable = kRows;

}  // namespace weir::haproxy
