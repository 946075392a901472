#pragma once
// What both lexers know about HAProxy's grammar beyond words: which words open a section, and the `no` and `default`
// prefixes. Everything else about the words is the business of the tables.
#include "config/diag.h"
#include "config/tree.h"

namespace weir::config {

bool is_section(Str word);
// Whether statements in frontend and backend sections begin with the word, and nothing in nginx does.
bool is_rule_word(Str word);

// Takes a leading `no` or `default` off `directive` and sets its flag. False, with an error, when nothing follows it;
// an error and true when the word that follows takes no prefix.
bool take_prefix(Directive& directive, Diagnostics& diag);

// HAProxy refuses empty words: one would end the list of arguments unseen. False, with an error, when there is one.
// With `offline`, words that are empty because a variable is not set are left out with a note.
bool check_no_empty_word(std::vector<Word>& words, Diagnostics& diag, bool offline);

// What `"${.SECTION}"` expands to in `section`: its name, or its kind when it has none.
inline Str section_label(const Directive& section) {
  return section.args() > 0 ? section.arg(0).text : section.name();
}

}  // namespace weir::config
