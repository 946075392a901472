#pragma once
// HAProxy's conditional expressions (configuration.txt 2.4), after the line was split into words: what `.if`, `.elif`
// and `-cc` share. Nothing is kept.
#include "config/environment.h"
#include "config/lexer.h"

namespace weir::config {

struct Condition {
  ConditionResult result;
  size_t position = 0;  // of the error, in bytes from the start of the text
};

// `text`: the words joined by single spaces. The empty text is false.
Condition evaluate_joined(Str text, const Predicates& predicates, const Environment& environment);

// Words from `first` on, joined by single spaces.
std::string join_words(const std::vector<Word>& words, size_t first);

}  // namespace weir::config
