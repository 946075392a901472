// Collecting and showing what is said about a configuration (config/diag.h). Text that comes from files or the command
// line is shown without control characters: it may be printed on a terminal.
#include "config/diag.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace weir::config {
namespace {

// Longest part of a source line that is shown; longer lines are cut around the word that is meant.
constexpr size_t kShown = 160;

struct Colours {
  const char* bold = "";
  const char* severity = "";
  const char* caret = "";
  const char* off = "";
};

const char* severity_word(Severity s) {
  switch (s) {
    case Severity::note: return "note";
    case Severity::planned: return "not yet";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "";
}

const char* severity_key(Severity s) {
  return s == Severity::planned ? "planned" : severity_word(s);
}

Colours colours(Severity s, bool wanted) {
  if (!wanted) return {};
  const char* severity = s == Severity::error ? "\x1b[1;31m" : s == Severity::warning ? "\x1b[1;35m" : "\x1b[1;36m";
  return {"\x1b[1m", severity, "\x1b[1;32m", "\x1b[0m"};
}

std::string printable(Str s) {
  std::string out(s);
  for (char& c : out)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) c = '?';
  return out;
}

bool continues_utf8(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// One column for each character of `s`, tabs kept, so that what follows stands under what follows `s`.
std::string blank(Str s) {
  std::string out;
  for (char c : s)
    if (!continues_utf8(c)) out += c == '\t' ? '\t' : ' ';
  return out;
}

size_t characters(Str s) {
  return s.size() - static_cast<size_t>(std::count_if(s.begin(), s.end(), continues_utf8));
}

void append_excerpt(std::string& out, const Where& where, const Colours& c) {
  Str line = where.source->line(where.line);
  size_t column = std::min<size_t>(where.column > 0 ? where.column - 1 : 0, line.size());
  size_t from = 0;
  if (line.size() > kShown) {
    from = column > kShown / 2 ? column - kShown / 2 : 0;
    while (from > 0 && continues_utf8(line[from])) from--;
    line = line.substr(from, kShown);
  }
  Str before = line.substr(0, column - from);
  Str word = line.substr(before.size(), where.length);
  std::string underline(std::max<size_t>(characters(word), 1), '~');
  underline[0] = '^';
  out += fmt::format("{:>5} | {}\n", where.line, printable(line));
  out += fmt::format("      | {}{}{}{}\n", blank(before), c.caret, underline, c.off);
}

size_t hash_of(Severity severity, const Where& where, const std::string& text) {
  size_t h = std::hash<std::string>()(text);
  h = h * 1000003 + std::hash<const void*>()(where.source);
  h = h * 1000003 + where.line;
  h = h * 1000003 + where.column;
  return h * 1000003 + static_cast<size_t>(severity);
}

// Distance in insertions, removals, replacements and swaps of neighbours; `limit` + 1 when it is above `limit`.
size_t distance(Str a, Str b, size_t limit) {
  if (a.size() > b.size() + limit || b.size() > a.size() + limit) return limit + 1;
  std::vector<size_t> before, last(b.size() + 1), now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); j++) last[j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = last;
    last = now;
  }
  return std::min(last[b.size()], limit + 1);
}

}  // namespace

Diagnostic& Diagnostics::add(Severity severity, Where where, std::string text, std::string remedy) {
  size_t hash = hash_of(severity, where, text);
  auto [from, to] = seen_.equal_range(hash);
  for (auto it = from; it != to; ++it) {
    Diagnostic& d = all_[it->second];
    if (d.severity == severity && d.where.source == where.source && d.where.line == where.line &&
        d.where.column == where.column && d.text == text && d.remedy == remedy)
      return d;
  }
  seen_.emplace(hash, all_.size());
  return all_.emplace_back(Diagnostic{severity, where, std::move(text), std::move(remedy), {}});
}

size_t Diagnostics::count(Severity severity) const {
  return static_cast<size_t>(
      std::count_if(all_.begin(), all_.end(), [&](const Diagnostic& d) { return d.severity == severity; }));
}

std::string render(const Diagnostic& d, bool colour) {
  Colours c = colours(d.severity, colour);
  std::string out;
  if (d.where.source) {
    out += fmt::format("{}{}:", c.bold, printable(d.where.source->path));
    if (d.where.line > 0) out += fmt::format("{}:{}:", d.where.line, d.where.column);
    out += fmt::format("{} ", c.off);
  }
  out += fmt::format("{}{}:{} {}\n", c.severity, severity_word(d.severity), c.off, printable(d.text));
  if (d.where.source && d.where.line > 0) append_excerpt(out, d.where, c);
  if (!d.remedy.empty()) out += fmt::format("      = {}\n", printable(d.remedy));
  return out;
}

std::string render_json(const Diagnostics& d) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const Diagnostic& one : d.all()) {
    array.push_back({{"severity", severity_key(one.severity)},
                     {"file", one.where.source ? one.where.source->path : ""},
                     {"line", one.where.line},
                     {"column", one.where.column},
                     {"text", one.text},
                     {"remedy", one.remedy}});
  }
  return array.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Str nearest(Str word, const std::vector<Str>& known) {
  size_t limit = word.size() / 3;
  Str best;
  for (Str candidate : known) {
    size_t d = distance(word, candidate, limit);
    if (d > limit) continue;
    best = candidate;
    if (d == 0) break;
    limit = d - 1;
  }
  return best;
}

}  // namespace weir::config
