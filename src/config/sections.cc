// See config/sections.h.
#include "config/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace weir::config {
namespace {

// `program` left HAProxy with 3.3; older files have it, and its own words must not land in the section before it.
constexpr std::array<Str, 22> kSections = {
    "acme",        "backend",     "cache",  "crt-store",   "defaults",    "fcgi-app",      "frontend",       "global",
    "healthcheck", "http-errors", "listen", "log-forward", "log-profile", "mailers",       "namespace_list", "peers",
    "program",     "resolvers",   "ring",   "traces",      "userlist",    "dynamic-update"};

constexpr std::array<Str, 7> kPrefixable = {
    "option", "log", "busy-polling", "set-dumpable", "strict-limits", "insecure-fork-wanted", "numa-cpu-mapping"};

}  // namespace

bool is_section(Str word) {
  return std::find(kSections.begin(), kSections.end(), word) != kSections.end();
}

bool take_prefix(Directive& directive, Diagnostics& diag) {
  Str prefix = directive.name();
  if (prefix != "no" && prefix != "default") return true;
  (prefix == "no" ? directive.negated : directive.defaulted) = true;
  Where where = directive.words[0].where;
  directive.words.erase(directive.words.begin());
  bool alone = directive.words.empty();
  if (!alone) directive.where = directive.words[0].where;
  if (!alone && std::find(kPrefixable.begin(), kPrefixable.end(), directive.name()) != kPrefixable.end()) return true;
  diag.error(where,
             alone ? fmt::format("\"{}\" is followed by nothing", prefix)
                   : fmt::format("\"{}\" cannot stand before \"{}\"", prefix, directive.name()),
             "it goes with option, log, busy-polling, set-dumpable, strict-limits, insecure-fork-wanted and "
             "numa-cpu-mapping")
      .product =
      "negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits, "
      "insecure-fork-wanted and numa-cpu-mapping.";
  return !alone;
}

bool check_no_empty_word(const std::vector<Word>& words, Diagnostics& diag) {
  auto it = std::find_if(words.begin(), words.end(), [](const Word& w) { return w.text.empty(); });
  if (it == words.end()) return true;
  Str raw = it->where.source->line(it->where.line);
  raw = raw.substr(std::min<size_t>(it->where.column - 1, raw.size()), it->where.length);
  bool variable = raw.find('$') != Str::npos;
  diag.error(it->where,
             variable ? "the variable is not set or empty, and an empty word would end the arguments"
                      : "an empty word would end the arguments",
             variable ? "give it a default with \"${NAME-value}\", or write \"${NAME[*]}\" when nothing is meant then"
                      : "")
      .product = fmt::format("argument number {} at position {} is empty and marks the end of the argument list:",
                             it - words.begin(), it->where.column);
  return false;
}

}  // namespace weir::config
