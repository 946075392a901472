// See nginx/log_format.h.
#include "nginx/log_format.h"

#include <fmt/format.h>

#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

constexpr Str kCombined =
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" "
    "\"$http_user_agent\"";
constexpr char kHex[] = "0123456789ABCDEF";

bool is_name(char c) {
  return is_digit(c) || c == '_' || (lower(c) >= 'a' && lower(c) <= 'z');
}

// Adds the parts of one word. False: it was not understood, and reported.
bool add_word(Scope& scope, LogFormat& format, Str text, config::Where where) {
  while (!text.empty()) {
    if (text[0] != '$') {
      Str literal = text.substr(0, text.find('$'));
      format.parts.push(scope.arena, {scope.arena.dup(literal), nullptr});
      text.remove_prefix(literal.size());
      continue;
    }
    Str rest = text.substr(1);
    bool braces = rest.starts_with("{");
    if (braces) rest.remove_prefix(1);
    size_t n = 0;
    while (n < rest.size() && is_name(rest[n])) n++;
    Str name = rest.substr(0, n);
    rest.remove_prefix(n);
    if (braces && !rest.starts_with("}")) {
      scope.error(where, fmt::format("the closing bracket in \"{}\" variable is missing", name), "close it with }");
      return false;
    }
    if (name.empty()) {
      scope.error(where, fmt::format("invalid parameter \"{}\"", text), "a $ must be followed by a variable's name");
      return false;
    }
    format.parts.push(scope.arena, {{}, scope.http->variables.use(scope.arena, name, where)});
    text = braces ? rest.substr(1) : rest;
  }
  return true;
}

void escape_plain(Str value, std::string& out) {
  for (char c : value) {
    auto b = static_cast<unsigned char>(c);
    if (b >= 0x20 && b < 0x7f && c != '"' && c != '\\') {
      out += c;
      continue;
    }
    out += {'\\', 'x', kHex[b >> 4], kHex[b & 15]};
  }
}

void escape_json(Str value, std::string& out) {
  for (char c : value) {
    auto b = static_cast<unsigned char>(c);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (b >= 0x20)
          out += c;
        else
          out += {'\\', 'u', '0', '0', kHex[b >> 4], kHex[b & 15]};
    }
  }
}

}  // namespace

void escape_for_log(Str value, LogEscape how, std::string& out) {
  switch (how) {
    case LogEscape::plain: return escape_plain(value, out);
    case LogEscape::json: return escape_json(value, out);
    case LogEscape::none: out += value; return;
  }
}

void LogFormat::render(proxy::Transaction& txn, std::string& out) const {
  for (const Part& p : parts) {
    if (!p.variable) {
      out += p.text;
      continue;
    }
    Value v;
    if (get(txn, *p.variable, v))
      escape_for_log(v.is_text() ? v.str : expr::to_text(v, txn.arena), escape, out);
    else if (escape == LogEscape::plain)
      out += '-';
  }
}

const LogFormat* compile_log_format(Scope& scope, const Directive& d, size_t first, Str name) {
  auto* format = scope.arena.make<LogFormat>();
  format->name = scope.arena.dup(name);
  if (first < d.args() && d.arg(first).text.starts_with("escape=")) {
    Str how = d.arg(first).text.substr(7);
    if (how == "json") {
      format->escape = LogEscape::json;
    } else if (how == "none") {
      format->escape = LogEscape::none;
    } else if (how != "default") {
      scope.error(d.arg(first).where, fmt::format("unknown log format escaping \"{}\"", how), "default, json or none");
      return nullptr;
    }
    first++;
  }
  for (size_t i = first; i < d.args(); i++)
    if (!add_word(scope, *format, d.arg(i).text, d.arg(i).where)) return nullptr;
  return format;
}

const LogFormat* combined_log_format(Scope& scope) {
  auto* format = scope.arena.make<LogFormat>();
  format->name = "combined";
  add_word(scope, *format, kCombined, {});
  return format;
}

}  // namespace weir::nginx
