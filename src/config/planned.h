#pragma once
// Planned words: known, and not built yet. A start refuses them; where they are allowed, the places that they stand in
// answer 501 instead of going on without them. Which place that is, the personalities know; where a word stands, the
// tree does. Used once the whole configuration was bound.
#include <string>
#include <vector>

#include "config/diag.h"
#include "config/tree.h"

namespace weir::config {

// The word that a diagnostic of severity `planned` is about.
std::string planned_word(const Diagnostic& d);

struct PlannedWord {
  std::string word;
  Where where;
  // The directives around it, from the top level to its own; empty when it stands in none.
  std::vector<const Directive*> path;
};

// All planned words that are not harmless, each once for every place that it stands in (a file may be included twice).
std::vector<PlannedWord> find_planned(const Tree& tree, const Diagnostics& diag);

}  // namespace weir::config
