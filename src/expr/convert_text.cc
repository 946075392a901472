// Converters from text to text, its parts, and what is read off it. Results are parts of the input where that is
// possible.
#include <openssl/crypto.h>

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "expr/args.h"
#include "expr/regex.h"
#include "expr/tables.h"
#include "expr/variables.h"

namespace weir::expr {
namespace {

bool give(Value& v, Str s) {
  v = Value::of(s);
  return true;
}

template <class Map>
bool map_bytes(const Ctx& ctx, Value& v, Map map) {
  char* p = ctx.arena->alloc_chars(v.str.size());
  for (size_t i = 0; i < v.str.size(); i++) p[i] = map(v.str[i]);
  return give(v, {p, v.str.size()});
}
bool to_lower(const Ctx& ctx, const Arg*, Value& v) {
  return map_bytes(ctx, v, [](char c) { return lower(c); });
}
bool to_upper(const Ctx& ctx, const Arg*, Value& v) {
  return map_bytes(ctx, v, [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
}
bool length(const Ctx&, const Arg*, Value& v) {
  v = Value::of(static_cast<int64_t>(v.str.size()));
  return true;
}
bool reverse(const Ctx& ctx, const Arg*, Value& v) {
  size_t i = v.str.size();
  Str in = v.str;
  return map_bytes(ctx, v, [&](char) { return in[--i]; });
}

bool reverse_domain(const Ctx& ctx, const Arg*, Value& v) {
  Str in = v.str;
  if (in.ends_with('.')) in.remove_suffix(1);
  if (in.empty() || in.front() == '.' || in.find("..") != Str::npos) return false;
  char* p = ctx.arena->alloc_chars(in.size());
  char* out = p;
  for (Str rest = in;;) {
    size_t dot = rest.rfind('.');
    Str label = dot == Str::npos ? rest : rest.substr(dot + 1);
    out += label.copy(out, label.size());
    if (dot == Str::npos) break;
    *out++ = '.';
    rest = rest.substr(0, dot);
  }
  return give(v, {p, in.size()});
}

bool cut_crlf(const Ctx&, const Arg*, Value& v) {
  return give(v, v.str.substr(0, v.str.find_first_of("\r\n")));
}
bool trim_left(const Ctx&, const Arg* args, Value& v) {
  size_t at = v.str.find_first_not_of(args[0].str);
  return give(v, at == Str::npos ? v.str.substr(v.str.size()) : v.str.substr(at));
}
bool trim_right(const Ctx&, const Arg* args, Value& v) {
  size_t at = v.str.find_last_not_of(args[0].str);
  return give(v, v.str.substr(0, at == Str::npos ? 0 : at + 1));
}

// A variable's value as text, empty when there is none.
Str variable_text(const Ctx& ctx, const Arg& arg) {
  Value v;
  if (!arg.object || !get_variable(ctx, *static_cast<const Variable*>(arg.object), v)) return {};
  return cast(v, Type::string, *ctx.arena) ? v.str : Str{};
}
std::string take_variable(Arg& arg) {
  std::string error;
  if (!arg.str.empty() && !(arg.object = intern_variable(arg.str, error)))
    return fmt::format("failed to register variable name '{}': {}", arg.str, error);
  return {};
}

bool concat(const Ctx& ctx, const Arg* args, Value& v) {
  return give(v, ctx.arena->cat(v.str, args[0].str, variable_text(ctx, args[1]), args[2].str));
}
std::string check_concat(Arg* args, int, Arena&) {
  return take_variable(args[1]);
}
bool add_item(const Ctx& ctx, const Arg* args, Value& v) {
  Str item = variable_text(ctx, args[1]);
  bool separated = !v.str.empty() && (!item.empty() || !args[2].str.empty());
  return give(v, ctx.arena->cat(v.str, separated ? args[0].str : Str{}, item, args[2].str));
}
std::string check_add_item(Arg* args, int, Arena&) {
  if (args[1].str.empty() && args[2].str.empty()) return "one of the optional arguments has to be nonempty";
  return take_variable(args[1]);
}

bool iif(const Ctx&, const Arg* args, Value& v) {
  return give(v, v.boolean ? args[0].str : args[1].str);
}

bool compare(const Ctx& ctx, const Arg* args, Value& v) {
  Value other;
  if (!get_variable(ctx, *static_cast<const Variable*>(args[0].object), other)) return false;
  if (!cast(other, Type::string, *ctx.arena)) return false;
  v = Value::of(int64_t{v.str.compare(other.str)});
  return true;
}
bool compare_secure(const Ctx& ctx, const Arg* args, Value& v) {
  Value other;
  if (!get_variable(ctx, *static_cast<const Variable*>(args[0].object), other)) return false;
  if (!cast(other, Type::binary, *ctx.arena)) return false;
  v = Value::of_bool(v.str.size() == other.str.size() && !CRYPTO_memcmp(v.str.data(), other.str.data(), v.str.size()));
  return true;
}

// Where the port's colon stands in "host:port", "[::1]:port", or npos.
size_t port_colon(Str s) {
  size_t at = s.find_last_of(":]");
  return at != Str::npos && s[at] == ':' ? at : Str::npos;
}
bool host_only(const Ctx& ctx, const Arg* args, Value& v) {
  v.str = v.str.substr(0, port_colon(v.str));
  return to_lower(ctx, args, v);
}
bool port_only(const Ctx&, const Arg*, Value& v) {
  size_t colon = port_colon(v.str);
  Str digits = colon == Str::npos ? Str{} : v.str.substr(colon + 1);
  if (digits.starts_with('-')) digits = {};
  v = Value::of(read_int(digits));
  return true;
}

bool bytes(const Ctx& ctx, const Arg* args, Value& v) {
  int64_t from = 0;
  if (!argument_number(ctx, args[0], from) || from < 0) return false;
  int64_t size = static_cast<int64_t>(v.str.size());
  if (from >= size) {
    v.str = {};
    if (!ctx.final && ctx.may_change) *ctx.may_change = true;
    return ctx.final;
  }
  int64_t wanted = size - from;
  if (args[1].present && (!argument_number(ctx, args[1], wanted) || wanted < 0)) return false;
  if (wanted > size - from && !ctx.final) {
    if (ctx.may_change) *ctx.may_change = true;
    return false;
  }
  v = Value::of_binary(v.str.substr(static_cast<size_t>(from), static_cast<size_t>(wanted)));
  return true;
}

// Fields are what stands between separators, words what stands between runs of them. Both count from 1, from the end
// when the index is negative, and give `count` of them with what separates them (0: all to that end).
struct Pick {
  size_t begin;
  size_t end;
};

// The `index`-th piece and `count` - 1 more in `s`, from the left. Words skip empty pieces.
bool pick(Str s, Str separators, int64_t index, int64_t count, bool words, Pick& out) {
  int64_t number = 0;
  size_t at = 0;
  bool started = false;
  while (at <= s.size()) {
    size_t end = std::min(s.find_first_of(separators, at), s.size());
    if (!words || end > at) {
      number++;
      if (number == index) {
        out.begin = at;
        started = true;
      }
      if (started && count > 0 && number == index + count - 1) {
        out.end = end;
        return true;
      }
    }
    at = end + 1;
  }
  out.end = s.size();
  return started;
}

bool pick_piece(const Ctx& ctx, const Arg* args, Value& v, bool words) {
  int64_t index = args[0].number;
  int64_t count = args[2].present ? args[2].number : 1;
  Pick p{};
  if (index > 0) {
    if (!pick(v.str, args[1].str, index, count, words, p)) return false;
    return give(v, v.str.substr(p.begin, p.end - p.begin));
  }
  // From the end: the same on the reversed text.
  std::string_view in = v.str;
  char* back = ctx.arena->alloc_chars(in.size());
  std::reverse_copy(in.begin(), in.end(), back);
  if (!pick({back, in.size()}, args[1].str, -index, count, words, p)) return false;
  return give(v, in.substr(in.size() - p.end, p.end - p.begin));
}
bool field(const Ctx& ctx, const Arg* args, Value& v) {
  return pick_piece(ctx, args, v, false);
}
bool word(const Ctx& ctx, const Arg* args, Value& v) {
  return pick_piece(ctx, args, v, true);
}
std::string check_field(Arg* args, int, Arena&) {
  if (!args[0].number) return "Unexpected value 0 for index";
  if (args[1].str.empty()) return "Empty separators list";
  return {};
}

bool param(const Ctx&, const Arg* args, Value& v) {
  char delimiter = args[1].present ? static_cast<char>(args[1].number) : '&';
  Str rest = v.str;
  while (!rest.empty()) {
    Str pair = cut(rest, delimiter);
    if (!pair.starts_with(args[0].str)) continue;
    Str tail = pair.substr(args[0].str.size());
    if (tail.empty()) return give(v, {});
    if (tail.front() == '=') return give(v, tail.substr(1));
  }
  return false;
}
std::string check_param(Arg* args, int, Arena&) {
  Str text = args[1].str;
  if (!args[1].present) return {};
  if (text.size() == 1) {
    args[1].number = static_cast<uint8_t>(text[0]);
    return {};
  }
  if (text.size() == 4 && text.starts_with("0x")) {
    char* end = nullptr;
    std::string digits(text);
    args[1].number = strtol(digits.c_str(), &end, 16);
    if (!*end) return {};
  }
  return "the delimiter must be one character, or 0xHH for one by its code";
}

struct Substitution {
  const Regex* regex;
  bool global;
};
bool regsub(const Ctx& ctx, const Arg* args, Value& v) {
  auto* s = static_cast<const Substitution*>(args[0].object);
  thread_local std::string out;
  out.clear();
  size_t at = 0;
  while (Match m = s->regex->match(v.str, at)) {
    out += v.str.substr(at, m.offsets[0] - at);
    expand_backrefs(args[1].str, m, out);
    size_t end = m.offsets[1];
    if (end >= v.str.size()) {
      at = v.str.size();
      break;
    }
    if (end == m.offsets[0]) out += v.str[end++];
    at = end;
    if (!s->global) break;
  }
  if (at == 0 && out.empty() && !v.str.empty()) return true;
  out += v.str.substr(at);
  return give(v, ctx.arena->dup(out));
}
std::string check_regsub(Arg* args, int, Arena& arena) {
  uint8_t options = Regex::kNone;
  bool global = false;
  for (char c : args[2].str) {
    if (c == 'i')
      options |= Regex::kIcase;
    else if (c == 'g')
      global = true;
    else
      return fmt::format("invalid regex flag '{}', only 'i' and 'g' are supported", c);
  }
  std::string error;
  const Regex* regex = Regex::compile(arena, args[0].str, options, error);
  if (regex) args[0].object = arena.make<Substitution>(regex, global);
  return error;
}

bool has_control(const Ctx&, const Arg* args, Value& v) {
  bool found = false;
  for (char c : v.str) {
    auto byte = static_cast<uint8_t>(c);
    found |= (byte < 0x20 && args[0].number >> byte & 1) || (byte == 0x7f && args[0].number >> 32 & 1);
  }
  v = Value::of_bool(found);
  return true;
}
std::string check_has_control(Arg* args, int, Arena&) {
  Str text = args[0].str;
  if (text.empty())
    text = "0x1FFFFFDFF";
  else if (text == "any")
    text = "0x1FFFFFFFF";
  else if (text == "http")
    text = "0x2401";
  char* end = nullptr;
  std::string digits(text);
  args[0].number = strtoll(digits.c_str(), &end, 0);
  if (*end) return fmt::format("cannot parse value '{}': an integer is expected, decimal or hexadecimal with 0x", text);
  if (args[0].number & ~0x1FFFFFFFFll) return fmt::format("unsupported excess bits in argument value {}", text);
  return {};
}

// "0.8" to 800; 1000 for what is no number, as HAProxy reads it.
int read_quality(Str s) {
  if (s.empty() || !is_digit(s[0])) return 1000;
  int q = s[0] == '0' ? 0 : 1000;
  int unit = 100;
  for (size_t i = 2; q < 1000 && i < s.size() && s.size() > 1 && s[1] == '.' && is_digit(s[i]) && unit; i++, unit /= 10)
    q += (s[i] - '0') * unit;
  return std::min(q, 1000);
}

// RFC 4647 3.3.1: the range `range` of Accept-Language covers `tag`.
bool range_covers(Str range, Str tag) {
  return range == "*" || (istarts_with(tag, range) && (tag.size() == range.size() || tag[range.size()] == '-'));
}

bool language(const Ctx&, const Arg* args, Value& v) {
  Str best;
  int best_quality = 0;
  for (Str rest = v.str; !rest.empty();) {
    Str item = cut(rest, ',');
    Str range = trim(cut(item, ';'));
    int quality = 1000;
    item = trim(item);
    if (!item.empty() && lower(item[0]) == 'q') {
      cut(item, '=');
      quality = read_quality(trim(item));
    }
    if (range.empty() || quality <= best_quality) continue;
    for (Str known = args[0].str; !known.empty();) {
      Str tag = cut(known, ';');
      if (!range_covers(range, tag)) continue;
      best = tag;
      best_quality = quality;
      break;
    }
  }
  if (best.empty()) best = args[1].str;
  return !best.empty() && give(v, best);
}

constexpr Type kText = Type::string;

// clang-format off
constexpr ConvertDef kTable[] = {
    {"add_item", 2, 3, kText, kText, add_item, check_add_item, "appends a delimiter (unless empty), a variable and a text"},
    {"bytes", 1, 2, Type::binary, Type::binary, bytes, nullptr, "the bytes from an offset, at most so many", "vv"},
    {"concat", 1, 3, kText, kText, concat, check_concat, "appends a text, a variable and a text"},
    {"cut_crlf", 0, 0, kText, kText, cut_crlf, nullptr, "ends the text before the first CR or LF"},
    {"field", 2, 3, kText, kText, field, check_field, "the n-th field between separators", "isi"},
    {"has_ctl", 0, 1, Type::binary, Type::boolean, has_control, check_has_control, "whether there are control characters"},
    {"host_only", 0, 0, kText, kText, host_only, nullptr, "the host of a Host header, in lower case"},
    {"iif", 2, 2, Type::boolean, kText, iif, nullptr, "the first text when true, else the second"},
    {"language", 1, 2, kText, kText, language, nullptr, "the best of a list of languages by an Accept-Language value"},
    {"length", 0, 0, kText, Type::integer, length, nullptr, "the length in bytes"},
    {"lower", 0, 0, kText, kText, to_lower, nullptr, "in lower case"},
    {"ltrim", 1, 1, kText, kText, trim_left, nullptr, "without leading characters of a set"},
    {"param", 1, 2, kText, kText, param, check_param, "the value of a parameter in a query"},
    {"port_only", 0, 0, kText, Type::integer, port_only, nullptr, "the port of a Host header, 0 when there is none"},
    {"regsub", 2, 3, kText, kText, regsub, check_regsub, "replaces what a regular expression matches", "rss"},
    {"reverse", 0, 0, kText, kText, reverse, nullptr, "the bytes in reverse order"},
    {"reverse_dom", 0, 0, kText, kText, reverse_domain, nullptr, "the labels of a domain name in reverse order"},
    {"rtrim", 1, 1, kText, kText, trim_right, nullptr, "without trailing characters of a set"},
    {"secure_memcmp", 1, 1, Type::binary, Type::boolean, compare_secure, nullptr, "whether it equals a variable, in constant time", "V"},
    {"strcmp", 1, 1, kText, Type::integer, compare, nullptr, "compares with a variable: below, equal to or above zero", "V"},
    {"upper", 0, 0, kText, kText, to_upper, nullptr, "in upper case"},
    {"word", 2, 3, kText, kText, word, check_field, "the n-th word between runs of separators", "isi"},
};
// clang-format on

}  // namespace

ConvertTable text_converters() {
  return kTable;
}

}  // namespace weir::expr
