// `http-request normalize-uri`: brings one aspect of the request's path and query to its normal form (RFC 3986 6.2). Targets
// without a path, such as "*", stay as they are.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "expr/encode.h"
#include "haproxy/bind.h"
#include "haproxy/request_line.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

using expr::hex_value;

// Writes the normal form of `in` to `out`, which is empty. False: `in` is broken and the strict form refuses that.
using Normalizer = bool (*)(Str in, bool option, std::string& out);

enum class Part : uint8_t { path, query, both };

struct Kind {
  Str name;
  Str option;  // the word that may follow
  Part part;
  Normalizer run;
};

struct Normalize : Rule {
  const Kind* kind = nullptr;
  bool option = false;
};

bool fragment_encode(Str in, bool, std::string& out) {
  for (char c : in) {
    if (c == '#')
      out += "%23";
    else
      out += c;
  }
  return true;
}

bool fragment_strip(Str in, bool, std::string& out) {
  out = in.substr(0, in.find('#'));
  return true;
}

bool merge_slashes(Str in, bool, std::string& out) {
  for (char c : in)
    if (c != '/' || out.empty() || out.back() != '/') out += c;
  return true;
}

std::vector<Str> segments_of(Str path) {
  std::vector<Str> all;
  path.remove_prefix(1);
  for (size_t slash; (slash = path.find('/')) != Str::npos; path.remove_prefix(slash + 1))
    all.push_back(path.substr(0, slash));
  all.push_back(path);
  return all;
}

void join(const std::vector<Str>& segments, std::string& out) {
  for (Str s : segments) out.append("/").append(s);
}

bool strip_dot(Str in, bool, std::string& out) {
  std::vector<Str> kept;
  std::vector<Str> all = segments_of(in);
  for (Str s : all)
    if (s != ".") kept.push_back(s);
  if (all.back() == ".") kept.push_back({});
  join(kept, out);
  return true;
}

// `full`: what climbs above the root is dropped as well.
bool strip_dotdot(Str in, bool full, std::string& out) {
  std::vector<Str> kept;
  std::vector<Str> all = segments_of(in);
  for (Str s : all) {
    if (s != "..")
      kept.push_back(s);
    else if (!kept.empty() && kept.back() != "..")
      kept.pop_back();
    else if (!full)
      kept.push_back(s);
  }
  if (all.back() == "..") kept.push_back({});
  join(kept, out);
  return true;
}

bool is_unreserved(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || Str("-._~").find(c) != Str::npos;
}

// Calls `valid` with each encoded byte; what is no encoding passes, or fails when `strict`.
template <class Valid>
bool each_encoded(Str in, bool strict, std::string& out, Valid valid) {
  for (size_t i = 0; i < in.size(); i++) {
    bool encoded = in[i] == '%' && i + 2 < in.size() && hex_value(in[i + 1]) >= 0 && hex_value(in[i + 2]) >= 0;
    if (encoded) {
      valid(in.substr(i, 3));
      i += 2;
      continue;
    }
    if (in[i] == '%' && strict) return false;
    out += in[i];
  }
  return true;
}

bool decode_unreserved(Str in, bool strict, std::string& out) {
  return each_encoded(in, strict, out, [&](Str code) {
    char c = static_cast<char>(hex_value(code[1]) << 4 | hex_value(code[2]));
    if (is_unreserved(c))
      out += c;
    else
      out.append(code);
  });
}

bool to_uppercase(Str in, bool strict, std::string& out) {
  return each_encoded(in, strict, out, [&](Str code) {
    constexpr Str kDigits = "0123456789ABCDEF";
    out += '%';
    out += kDigits[static_cast<size_t>(hex_value(code[1]))];
    out += kDigits[static_cast<size_t>(hex_value(code[2]))];
  });
}

// `in` begins with the question mark.
bool sort_query(Str in, bool, std::string& out) {
  std::vector<Str> params;
  for (Str rest = in.substr(1); !rest.empty();) params.push_back(cut(rest, '&'));
  auto name = [](Str param) { return param.substr(0, param.find('=')); };
  std::stable_sort(params.begin(), params.end(), [&](Str a, Str b) { return name(a) < name(b); });
  out = "?";
  for (Str p : params) out.append(out.size() > 1 ? "&" : "").append(p);
  return true;
}

constexpr Kind kKinds[] = {
    {"fragment-encode", {}, Part::both, fragment_encode},
    {"fragment-strip", {}, Part::both, fragment_strip},
    {"path-merge-slashes", {}, Part::path, merge_slashes},
    {"path-strip-dot", {}, Part::path, strip_dot},
    {"path-strip-dotdot", "full", Part::path, strip_dotdot},
    {"percent-decode-unreserved", "strict", Part::both, decode_unreserved},
    {"percent-to-uppercase", "strict", Part::both, to_uppercase},
    {"query-sort-by-name", {}, Part::query, sort_query},
};

Next refuse(Transaction& txn) {
  Error e{Fault::bad_message, Side::client};
  e.status = 400;
  e.text = "the target has a broken percent-encoding";
  return txn.fail(e);
}

Next run_normalize(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const Normalize*>(conf);
  if (!applies(rule, context_for(txn))) return Next::next;
  Str whole = txn.request.path;
  if (!whole.starts_with('/')) return Next::next;
  size_t mark = std::min(whole.find('?'), whole.size());
  Part part = rule.kind->part;
  Str in = part == Part::path ? whole.substr(0, mark) : part == Part::query ? whole.substr(mark) : whole;
  if (in.empty()) return Next::next;
  std::string out;
  if (!rule.kind->run(in, rule.option, out)) return refuse(txn);
  if (out == in) return Next::next;
  if (part == Part::query)
    set_query(txn, txn.arena.dup(out));
  else
    set_path(txn, txn.arena.dup(out), part == Part::both);
  return Next::next;
}

void bind_normalize(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<Normalize>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 1, row)) return;
  std::vector<Str> names;
  for (const Kind& k : kKinds) {
    names.push_back(k.name);
    if (args[0] == k.name) rule->kind = &k;
  }
  if (!rule->kind) {
    Str near = config::nearest(args[0].text, names);
    scope.error(args[0].where, fmt::format("'{}' is not a normalizer", args[0].text),
                near.empty() ? std::string() : fmt::format("did you mean '{}'?", near),
                fmt::format("unknown normalizer '{}'", args[0].text));
    return;
  }
  rule->option = args.size() > 1 && !rule->kind->option.empty() && args[1] == rule->kind->option;
  if (no_more(scope, args, rule->option ? 2 : 1, row)) add_rule(scope, d, *rule, run_normalize);
}

constexpr Row kRows[] = {
    rule_row("http-request normalize-uri", kProxies, 1, -1, bind_normalize,
             "<normalizer> [ full | strict ] [ { if | unless } <condition> ]",
             "rewrite the request target to a normal form"),
};

}  // namespace

const config::Table kNormalizeUriTable = kRows;

}  // namespace weir::haproxy
