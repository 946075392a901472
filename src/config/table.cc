// Looking up directive tables (config/table.h). Indexes are made once at start and then only read.
#include "config/table.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <span>
#include <string>

namespace weir::config {
namespace {

// The directive's first `n` words as one name.
std::string joined(const Directive& directive, size_t n) {
  std::string name(directive.words[0].text);
  for (size_t i = 1; i < n; i++) name.append(" ").append(directive.words[i].text);
  return name;
}

}  // namespace

void Index::add(Table table) {
  for (const Row& row : table) {
    rows_.push_back(&row);
    max_words_ = std::max(max_words_, 1 + static_cast<size_t>(std::count(row.name.begin(), row.name.end(), ' ')));
  }
}

void Index::seal() {
  std::ranges::stable_sort(rows_, {}, &Row::name);
  slots_.resize(std::bit_ceil(2 * rows_.size()));
  for (size_t i = 0; i < rows_.size(); i++)
    if (i == 0 || rows_[i]->name != rows_[i - 1]->name) slots_[slot_of(rows_[i]->name)] = static_cast<uint32_t>(i) + 1;
}

// Where the name's number is, or belongs.
size_t Index::slot_of(Str name) const {
  size_t at = std::hash<Str>()(name) & (slots_.size() - 1);
  while (slots_[at] != 0 && rows_[slots_[at] - 1]->name != name) at = (at + 1) & (slots_.size() - 1);
  return at;
}

Index::Rows Index::named(Str name) const {
  const size_t first = slots_[slot_of(name)];
  if (first == 0) return {};
  size_t end = first;
  while (end < rows_.size() && rows_[end]->name == name) end++;
  return Rows(rows_).subspan(first - 1, end - (first - 1));
}

// Rows for the first `n` words. An argument in parentheses is no part of a name of several words:
// `http-request set-var(txn.a)` is the row "http-request set-var".
Index::Rows Index::of_words(const Directive& directive, size_t n) const {
  if (n == 1) return named(directive.words[0].text);
  std::string name = joined(directive, n);
  Rows found = named(name);
  if (!found.empty()) return found;
  size_t last = name.size() - directive.words[n - 1].text.size();
  size_t paren = name.find('(', last);
  if (paren == std::string::npos || paren == last) return {};
  return named(Str(name).substr(0, paren));
}

std::vector<const Row*> Index::find(const Directive& directive, size_t& used) const {
  for (size_t n = std::min(max_words_, directive.words.size()); n > 0; n--) {
    Rows found = of_words(directive, n);
    if (found.empty()) continue;
    used = n;
    return {found.begin(), found.end()};
  }
  used = 0;
  return {};
}

const Row* Index::find(const Directive& directive, ContextMask context, size_t& used) const {
  for (size_t n = std::min(max_words_, directive.words.size()); n > 0; n--) {
    for (const Row* row : of_words(directive, n)) {
      if ((row->contexts & context) == 0) continue;
      used = n;
      return row;
    }
  }
  used = 0;
  return nullptr;
}

const Row* Index::find_name(Str name, ContextMask context) const {
  for (const Row* row : named(name))
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
