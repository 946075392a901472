// See config/planned.h. Where a diagnostic stands is found by its place in the source: the tree is walked once.
#include "config/planned.h"

#include <algorithm>
#include <unordered_map>

#include "config/place.h"

namespace weir::config {
namespace {

// Whether `at` is a place of the word, which may go over several lines.
bool stands_in(const Where& at, const Where& word) {
  uint32_t length = std::max<uint32_t>(word.length, 1);
  if (at.line == word.line) return at.column >= word.column && at.column < word.column + length;
  if (at.line < word.line || at.line > word.line + length) return false;
  Where end = inside(word, length, 0);
  return at.line < end.line || (at.line == end.line && at.column < end.column);
}

struct Wanted {
  const Diagnostic* diag;
  bool found = false;
};

class Search {
 public:
  explicit Search(const Diagnostics& diag) {
    for (const Diagnostic& d : diag.all())
      if (d.severity == Severity::planned && !d.harmless) wanted_[d.where.source].push_back({&d});
  }

  std::vector<PlannedWord> run(const Tree& tree) {
    if (wanted_.empty()) return {};
    for (const Directive& d : tree.root.block) visit(d);
    path_.clear();
    for (auto& [source, all] : wanted_)
      for (const Wanted& w : all)
        if (!w.found) add(*w.diag);
    return std::move(out_);
  }

 private:
  void add(const Diagnostic& d) { out_.push_back({planned_word(d), d.where, path_}); }

  void visit(const Directive& d) {
    path_.push_back(&d);
    for (const Word& w : d.words) visit(w);
    for (const Directive& child : d.block) visit(child);
    path_.pop_back();
  }

  void visit(const Word& word) {
    auto it = wanted_.find(word.where.source);
    if (it == wanted_.end()) return;
    for (Wanted& w : it->second) {
      if (!stands_in(w.diag->where, word.where)) continue;
      w.found = true;
      add(*w.diag);
    }
  }

  std::unordered_map<const Source*, std::vector<Wanted>> wanted_;
  std::vector<const Directive*> path_;
  std::vector<PlannedWord> out_;
};

}  // namespace

std::string planned_word(const Diagnostic& d) {
  constexpr Str kMark = "not yet: ";
  return d.text.starts_with(kMark) ? d.text.substr(kMark.size()) : d.text;
}

std::vector<PlannedWord> find_planned(const Tree& tree, const Diagnostics& diag) {
  return Search(diag).run(tree);
}

}  // namespace weir::config
