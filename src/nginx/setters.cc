// The generic directive setters of nginx/module.h and the units of nginx's values (nginx.org "Configuration file
// measurement units"): 8k, 1m, 1g for sizes; ms, s, m, h, d, w, M, y for times.
#include <errno.h>
#include <fmt/format.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "nginx/module.h"

namespace weir::nginx {
namespace {

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

template <class T>
Setting<T>& target(void* s, const Row& row) {
  return *reinterpret_cast<Setting<T>*>(static_cast<char*>(scope_of(s).conf) + row.offset);
}

// More than 24 days: nginx waits longer, and nobody has seen it.
constexpr uint64_t kLongestMs = INT32_MAX;

struct Unit {
  Str name;
  uint64_t ms;
};
constexpr Unit kUnits[] = {{"y", 31536000000}, {"M", 2592000000}, {"w", 604800000}, {"d", 86400000},
                           {"h", 3600000},     {"m", 60000},      {"s", 1000},      {"ms", 1}};

// Sums numbers with units in descending order; a number without unit counts `plain` ms and must be the last.
bool parse_time(Str text, uint64_t plain, uint64_t& out) {
  out = 0;
  size_t at = 0;
  int last_unit = -1;
  if (text.empty()) return false;
  while (at < text.size()) {
    size_t begin = at;
    while (at < text.size() && is_digit(text[at])) at++;
    auto n = parse_u64(text.substr(begin, at - begin));
    if (!n) return false;
    size_t unit_begin = at;
    while (at < text.size() && !is_digit(text[at]) && text[at] != ' ') at++;
    Str name = text.substr(unit_begin, at - unit_begin);
    while (at < text.size() && text[at] == ' ') at++;
    uint64_t scale = plain;
    if (name.empty()) {
      if (at < text.size()) return false;
    } else {
      int unit = -1;
      for (int i = 0; i < 8; i++)
        if (kUnits[i].name == name) unit = i;
      if (unit < 0 || unit <= last_unit) return false;
      last_unit = unit;
      scale = kUnits[unit].ms;
    }
    uint64_t part = 0;
    if (__builtin_mul_overflow(*n, scale, &part) || __builtin_add_overflow(out, part, &out)) return false;
  }
  return true;
}

}  // namespace

bool parse_ms(Str text, uint64_t& out) {
  return parse_time(text, 1000, out);
}

bool parse_sec(Str text, int64_t& out) {
  uint64_t ms = 0;
  if (text.size() > 2 && text.substr(text.size() - 2) == "ms") return false;
  if (!parse_time(text, 1000, ms)) return false;
  out = static_cast<int64_t>(ms / 1000);
  return true;
}

bool parse_size(Str text, uint64_t& out) {
  if (text.empty()) return false;
  uint64_t scale = 1;
  char unit = lower(text.back());
  if (unit == 'k') scale = 1024;
  if (unit == 'm') scale = 1024 * 1024;
  if (unit == 'g') scale = 1024 * 1024 * 1024;
  if (scale > 1) text.remove_suffix(1);
  auto n = parse_u64(text);
  return n && !__builtin_mul_overflow(*n, scale, &out);
}

void bad_value(Scope& scope, const Directive& d, size_t arg, Str expected) {
  const config::Word& w = d.arg(arg);
  auto& e = scope.error(w.where, fmt::format("invalid value \"{}\" in \"{}\" directive", w.text, d.name()),
                        fmt::format("expected {}", expected));
  e.product = fmt::format("\"{}\" directive invalid value", d.name());
}

std::string full_path(const Scope& scope, Str name, bool conf) {
  if (!name.empty() && name.front() == '/') return std::string(name);
  std::string base = scope.options.prefix;
  if (conf && !scope.model.tree->sources.empty()) {
    const std::string& main = scope.model.tree->sources.front()->path;
    size_t slash = main.rfind('/');
    base = slash == std::string::npos ? "" : main.substr(0, slash + 1);
  }
  if (!base.empty() && base.back() != '/') base += '/';
  return base + std::string(name);
}

Str make_folder(Scope& scope, const Directive& d) {
  std::string path = full_path(scope, d.arg(0).text);
  Str name = scope.arena.dup(path);
  scope.http->folders.emplace_back(d.arg(0).where, name);
  return name;
}

void make_folders(Scope& scope) {
  if (scope.options.offline || scope.options.opens_nothing) return;
  // nginx's workers are nobody's where no user is named.
  std::string user = scope.model.process.user;
  if (user.empty() && scope.options.face == config::Dialect::nginx) user = "nobody";
  const passwd* owner = geteuid() == 0 && !user.empty() ? getpwnam(user.c_str()) : nullptr;
  for (const auto& [where, path] : scope.http->folders) {
    const char* failed = nullptr;
    if (mkdir(path.data(), 0700) != 0 && errno != EEXIST)
      failed = "mkdir";
    else if (owner && chown(path.data(), owner->pw_uid, static_cast<gid_t>(-1)) != 0)
      failed = "chown";
    if (failed) scope.error(where, fmt::format("{}() \"{}\" failed ({}: {})", failed, path, errno, strerror(errno)));
  }
}

void set_flag(void* s, const Directive& d, const Row& row) {
  auto& t = target<bool>(s, row);
  if (iequals(d.arg(0).text, "on"))
    t = true;
  else if (iequals(d.arg(0).text, "off"))
    t = false;
  else
    scope_of(s).error(
        d.arg(0).where,
        fmt::format("invalid value \"{}\" in \"{}\" directive, it must be \"on\" or \"off\"", d.arg(0).text, d.name()),
        "write on or off");
}

void set_ms(void* s, const Directive& d, const Row& row) {
  auto& t = target<uint32_t>(s, row);
  uint64_t ms = 0;
  if (!parse_ms(d.arg(0).text, ms)) return bad_value(scope_of(s), d, 0, "a time such as 60s or 500ms");
  if (ms > kLongestMs)
    scope_of(s).diag.note(d.arg(0).where, fmt::format("{} is taken as 24 days, the longest time", d.arg(0).text),
                          "a number without unit counts seconds");
  t = static_cast<uint32_t>(std::min(ms, kLongestMs));
}

void set_sec(void* s, const Directive& d, const Row& row) {
  auto& t = target<int64_t>(s, row);
  int64_t sec = 0;
  if (!parse_sec(d.arg(0).text, sec)) return bad_value(scope_of(s), d, 0, "a time such as 60s or 1h");
  t = sec;
}

void set_size(void* s, const Directive& d, const Row& row) {
  auto& t = target<uint64_t>(s, row);
  uint64_t n = 0;
  if (!parse_size(d.arg(0).text, n)) return bad_value(scope_of(s), d, 0, "a size such as 8k or 1m");
  t = n;
}

void set_num(void* s, const Directive& d, const Row& row) {
  auto& t = target<int64_t>(s, row);
  auto n = parse_u64(d.arg(0).text);
  if (!n || *n > INT64_MAX) return bad_value(scope_of(s), d, 0, "a number");
  t = static_cast<int64_t>(*n);
}

void set_str(void* s, const Directive& d, const Row& row) {
  target<Str>(s, row) = scope_of(s).arena.dup(d.arg(0).text);
}

void set_path(void* s, const Directive& d, const Row& row) {
  Str path = d.arg(0).text;
  target<Str>(s, row) = path.empty() ? Str() : scope_of(s).arena.dup(full_path(scope_of(s), path, true));
}

void set_value(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  target<const Script*>(s, row) =
      compile_script(scope.arena, scope.http->variables, d.arg(0).text, d.arg(0).where, scope.diag);
}

}  // namespace weir::nginx
