// Checks of arguments by letter, times and sizes, and the names that are resolved when the configuration is complete.
#include "expr/args.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <unordered_map>

#include "expr/variables.h"
#include "model/model.h"
#include "net/addr.h"
#include "sticky/stick_table.h"

namespace weir::expr {

thread_local const Parsing* parsing = nullptr;

namespace {

std::string cannot_parse(const Arg& arg, char letter) {
  return fmt::format("failed to parse '{}' as type '{}'", arg.str, argument_type_name(letter));
}

std::string check_integer(Arg& arg) {
  Str rest = arg.str;
  arg.number = read_int(rest);
  return rest.empty() ? std::string{} : cannot_parse(arg, 'i');
}

std::string check_address(char letter, Arg& arg, Arena& arena) {
  Value v = Value::of(arg.str);
  if (!cast(v, letter == '4' ? Type::ipv4 : Type::ipv6, arena)) return cannot_parse(arg, letter);
  arg.object = arena.make<Value>(v);
  return {};
}

// "24" or "255.255.255.0"; "64" or "ffff:ffff::".
std::string check_mask(char letter, Arg& arg, Arena& arena) {
  bool v4 = letter == 'm';
  auto bits = parse_u64(arg.str);
  if (!bits) return check_address(v4 ? '4' : '6', arg, arena).empty() ? std::string{} : cannot_parse(arg, letter);
  if (*bits > (v4 ? 32u : 128u)) return cannot_parse(arg, letter);
  in6_addr mask{};
  for (uint64_t i = 0; i < *bits; i++) mask.s6_addr[i / 8] |= static_cast<uint8_t>(0x80 >> (i % 8));
  if (v4) {
    in_addr short_mask;
    memcpy(&short_mask, &mask, 4);
    arg.object = arena.make<Value>(Value::of(short_mask));
  } else {
    arg.object = arena.make<Value>(Value::of(mask));
  }
  return {};
}

// Arithmetic: a number, or else the name of a variable.
std::string check_number_or_variable(Arg& arg) {
  Str rest = arg.str;
  arg.number = read_int(rest);
  if (!arg.str.empty() && rest.empty()) return {};
  std::string error;
  arg.object = intern_variable(arg.str, error);
  return arg.object ? std::string{} : fmt::format("expects an integer or a variable name; {}", error);
}

std::string check_reference(char letter, Arg& arg, const Parsing& p) {
  if (!p.references) return fmt::format("cannot resolve '{}' here", arg.str);
  auto* r = p.arena->make<Reference>();
  r->kind = letter;
  r->keyword = p.keyword;
  r->where = p.where;
  r->name = p.arena->dup(arg.str);
  size_t slash = r->name.find('/');
  if (letter == 'S') {
    r->server = slash == Str::npos ? r->name : r->name.substr(slash + 1);
    r->name = slash == Str::npos ? Str{} : r->name.substr(0, slash);
    if (r->server.empty()) return "a server name is missing";
  }
  if (r->name.empty()) r->home = p.home;
  p.references->list.push_back(r);
  arg.object = r;
  return {};
}

}  // namespace

Str argument_type_name(char letter) {
  switch (letter) {
    case 'i': return "integer";
    case 't': return "time";
    case 'z': return "size";
    case '4': return "IPv4 address";
    case '6': return "IPv6 address";
    case 'm': return "IPv4 mask";
    case 'M': return "IPv6 mask";
    case 'r': return "regex";
    case 'b': return "backend";
    case 'f': return "frontend";
    case 'S': return "server";
    case 'u': return "user list";
    case 'T': return "stick table";
    default: return "string";
  }
}

std::string check_argument(char letter, Arg& arg, const Parsing& p) {
  if (arg.str.empty() && Str("itz46mM").find(letter) != Str::npos)
    return fmt::format("expected type '{}' here, and there is nothing", argument_type_name(letter));
  switch (letter) {
    case 'i': return check_integer(arg);
    case 't': {
      uint64_t us = 0;
      std::string error;
      if (!parse_time_us(arg.str, 1000, us, error)) return error;
      arg.number = static_cast<int64_t>(us / 1000);
      return {};
    }
    case 'z': {
      uint64_t bytes = 0;
      if (!parse_size(arg.str, bytes)) return cannot_parse(arg, letter);
      arg.number = static_cast<int64_t>(bytes);
      return {};
    }
    case '4':
    case '6': return check_address(letter, arg, *p.arena);
    case 'm':
    case 'M': return check_mask(letter, arg, *p.arena);
    case 'v': return check_number_or_variable(arg);
    case 'V': {
      std::string error;
      arg.object = intern_variable(arg.str, error);
      return error;
    }
    case 'b':
    case 'f':
    case 'S':
    case 'u':
    case 'T': return check_reference(letter, arg, p);
    default: return {};
  }
}

std::vector<std::string> resolve(const References& references, const model::Model& model,
                                 std::vector<const Reference*>& missing) {
  std::vector<std::string> problems;
  auto say = [&](const Reference& r, std::string text) {
    problems.push_back(std::move(text));
    missing.push_back(&r);
  };
  std::unordered_map<Str, const sticky::StickTable*> tables;
  for (const sticky::StickTable* t : model.stick_tables) tables[t->name] = t;
  for (Reference* r : references.list) {
    if (r->kind == 'T') {
      auto table = tables.find(r->name);
      if (table != tables.end())
        r->table = table->second;
      else
        say(*r, fmt::format("unable to find stick-table '{}' referenced in arg 1 of sample fetch keyword '{}'", r->name,
                            r->keyword));
      continue;
    }
    if (r->kind != 'b' && r->kind != 'S') continue;
    if (r->name.empty()) continue;
    r->pool = model.find_pool(r->name);
    if (!r->pool) {
      say(*r, fmt::format("unable to find backend '{}' referenced in arg 1 of sample fetch keyword '{}'", r->name,
                          r->keyword));
      continue;
    }
    if (r->kind != 'S') continue;
    for (const model::Server* s : r->pool->servers)
      if (s->name == r->server && !s->absent()) r->target = s;
    if (!r->target)
      say(*r, fmt::format("unable to find server '{}' in proxy '{}', referenced in arg 1 of sample fetch keyword '{}'",
                          r->server, r->name, r->keyword));
  }
  return problems;
}

bool parse_time_us(Str text, uint64_t unit_us, uint64_t& us, std::string& error) {
  size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) digits++;
  auto n = parse_u64(text.substr(0, digits));
  Str unit = text.substr(digits);
  uint64_t factor = 0;
  if (unit.empty())
    factor = unit_us;
  else if (unit == "us")
    factor = 1;
  else if (unit == "ms")
    factor = 1000;
  else if (unit == "s")
    factor = 1000000;
  else if (unit == "m")
    factor = 60ull * 1000000;
  else if (unit == "h")
    factor = 3600ull * 1000000;
  else if (unit == "d")
    factor = 86400ull * 1000000;
  if (!n || !factor || __builtin_mul_overflow(*n, factor, &us)) {
    error = !n       ? fmt::format("'{}' is not a time", text)
            : factor ? fmt::format("the time '{}' is too long", text)
                     : fmt::format("unexpected character '{}' in the time '{}'", unit[0], text);
    return false;
  }
  return true;
}

bool parse_size(Str text, uint64_t& bytes) {
  size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) digits++;
  auto n = parse_u64(text.substr(0, digits));
  Str unit = text.substr(digits);
  if (!n || unit.size() > 1) return false;
  int shift = 0;
  if (!unit.empty()) {
    char c = lower(unit[0]);
    shift = c == 'k' ? 10 : c == 'm' ? 20 : c == 'g' ? 30 : -1;
    if (shift < 0) return false;
  }
  return !__builtin_mul_overflow(*n, uint64_t{1} << shift, &bytes);
}

bool argument_number(const Ctx& ctx, const Arg& arg, int64_t& out) {
  if (!arg.object) {
    out = arg.number;
    return true;
  }
  Value v;
  if (!get_variable(ctx, *static_cast<const Variable*>(arg.object), v) || !cast(v, Type::integer, *ctx.arena))
    return false;
  out = v.integer;
  return true;
}

}  // namespace weir::expr
