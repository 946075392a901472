#pragma once
// Everything that is said about a configuration: errors, warnings and notes, each with its place, what was expected and
// a remedy. One pass collects them all; how they are shown (weir's caret form, JSON, the products' own first line) is
// decided by the caller.
#include <string>
#include <unordered_map>
#include <vector>

#include "config/source.h"

namespace weir::config {

enum class Severity : uint8_t {
  note,  // accepted; worth knowing (a missing certificate under --offline, a word without effect in weir and why)
  planned,  // the word is known and not built yet: check accepts it with one line, a start refuses it
  warning,  // accepted, and probably not what was meant
  error,  // refused
};

struct Diagnostic {
  Severity severity;
  Where where;
  std::string text;  // one sentence without a final full stop, in lower case
  std::string remedy;  // what to write instead, or empty
  std::string product;  // the product's own wording where programs parse it, else empty; without the place
  bool harmless = false;  // planned: as Row::harmless
};

class Diagnostics {
 public:
  Diagnostic& error(Where where, std::string text, std::string remedy = {}) {
    return add(Severity::error, where, std::move(text), std::move(remedy));
  }
  Diagnostic& warning(Where where, std::string text, std::string remedy = {}) {
    return add(Severity::warning, where, std::move(text), std::move(remedy));
  }
  Diagnostic& note(Where where, std::string text, std::string remedy = {}) {
    return add(Severity::note, where, std::move(text), std::move(remedy));
  }
  // What was said before about the same place (a file that is included twice) is not added again. The reference is
  // good until the next call.
  Diagnostic& add(Severity severity, Where where, std::string text, std::string remedy);

  const std::vector<Diagnostic>& all() const { return all_; }
  size_t count(Severity severity) const;
  bool failed() const { return count(Severity::error) != 0; }

 private:
  std::vector<Diagnostic> all_;
  std::unordered_multimap<size_t, size_t> seen_;  // hash of place and text to the index in all_
};

// `file:line:column: error: text`, the line, a caret under the word, and the remedy. With `colour`, ANSI colours.
std::string render(const Diagnostic& d, bool colour);
// One JSON array with severity, file, line, column, text and remedy of each.
std::string render_json(const Diagnostics& d);

// The word of `known` nearest to `word` (Damerau-Levenshtein distance, at most a third of its length), or empty.
Str nearest(Str word, const std::vector<Str>& known);

}  // namespace weir::config
