// See config/sections.h.
#include "config/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/place.h"

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

bool is_rule_word(Str word) {
  constexpr Str kWords[] = {"acl",         "balance",      "bind",          "default_backend", "http-after-response",
                            "http-check",  "http-request", "http-response", "option",          "stick-table",
                            "tcp-request", "tcp-response", "timeout",       "use_backend",     "use-server"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
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

bool check_no_empty_word(std::vector<Word>& words, Diagnostics& diag, bool offline) {
  for (size_t i = 0; i < words.size(); i++) {
    if (!words[i].text.empty()) continue;
    Where where = words[i].where;
    bool variable = text_at(where).substr(0, where.length).find('$') != Str::npos;
    if (variable && offline) {
      diag.note(where, "the variable is not set here; the word is left out",
                "where it is not set, HAProxy refuses the line");
      words.erase(words.begin() + static_cast<ptrdiff_t>(i--));
      continue;
    }
    diag.error(where,
               variable ? "the variable is not set or empty, and an empty word would end the arguments"
                        : "an empty word would end the arguments",
               variable ? "give it a default with \"${NAME-value}\", or write \"${NAME[*]}\" when nothing is meant then"
                        : "")
        .product = fmt::format("argument number {} at position {} is empty and marks the end of the argument list:", i,
                               where.column);
    return false;
  }
  return !words.empty();
}

}  // namespace weir::config
