// Looking up directive tables (config/table.h) by binary search. Indexes are made once at start and then only read.
#include "config/table.h"

#include <algorithm>
#include <span>
#include <string>

namespace weir::config {
namespace {

struct ByName {
  bool operator()(const Row* a, const Row* b) const { return a->name < b->name; }
  bool operator()(const Row* a, Str b) const { return a->name < b; }
  bool operator()(Str a, const Row* b) const { return a < b->name; }
};

using Rows = std::span<const Row* const>;

Rows rows_named(const std::vector<const Row*>& rows, Str name) {
  auto [from, to] = std::equal_range(rows.begin(), rows.end(), name, ByName());
  return {from, to};
}

// The directive's first `n` words as one name.
std::string joined(const Directive& directive, size_t n) {
  std::string name(directive.words[0].text);
  for (size_t i = 1; i < n; i++) name.append(" ").append(directive.words[i].text);
  return name;
}

// Rows for the first `n` words. An argument in parentheses is no part of a name of several words:
// `http-request set-var(txn.a)` is the row "http-request set-var".
Rows rows_of_words(const std::vector<const Row*>& rows, const Directive& directive, size_t n) {
  if (n == 1) return rows_named(rows, directive.words[0].text);
  std::string name = joined(directive, n);
  Rows found = rows_named(rows, name);
  if (!found.empty()) return found;
  size_t last = name.size() - directive.words[n - 1].text.size();
  size_t paren = name.find('(', last);
  if (paren == std::string::npos || paren == last) return {};
  return rows_named(rows, Str(name).substr(0, paren));
}

}  // namespace

void Index::add(Table table) {
  for (const Row& row : table) {
    rows_.push_back(&row);
    max_words_ = std::max(max_words_, 1 + static_cast<size_t>(std::count(row.name.begin(), row.name.end(), ' ')));
  }
  std::stable_sort(rows_.begin(), rows_.end(), ByName());
}

std::vector<const Row*> Index::find(const Directive& directive, size_t& used) const {
  for (size_t n = std::min(max_words_, directive.words.size()); n > 0; n--) {
    Rows found = rows_of_words(rows_, directive, n);
    if (found.empty()) continue;
    used = n;
    return {found.begin(), found.end()};
  }
  used = 0;
  return {};
}

const Row* Index::find(const Directive& directive, ContextMask context, size_t& used) const {
  for (size_t n = std::min(max_words_, directive.words.size()); n > 0; n--) {
    for (const Row* row : rows_of_words(rows_, directive, n)) {
      if ((row->contexts & context) == 0) continue;
      used = n;
      return row;
    }
  }
  used = 0;
  return nullptr;
}

const Row* Index::find_name(Str name, ContextMask context) const {
  for (const Row* row : rows_named(rows_, name))
    if (row->contexts & context) return row;
  return nullptr;
}

std::vector<Str> Index::names(ContextMask context) const {
  std::vector<Str> names;
  for (const Row* row : rows_)
    if ((row->contexts & context) && (names.empty() || names.back() != row->name)) names.push_back(row->name);
  return names;
}

}  // namespace weir::config
