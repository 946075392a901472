#pragma once
// Directive tables. Every word that weir knows has one row: what it is called, where it may stand, what it takes, how it
// is inherited, what binds it, and one line of help. Checks, suggestions, man pages and completion are made from rows.
// Tables are static data next to the feature's code; a personality collects its features' tables once at start.
#include <cstdint>
#include <span>
#include <vector>

#include "base/str.h"
#include "config/diag.h"
#include "config/tree.h"

namespace weir::config {

// Contexts are bits; each personality names its own (nginx::Ctx, haproxy::Ctx).
using ContextMask = uint64_t;

enum class Inherit : uint8_t {
  none,  // only where it stands
  scalar,  // the inner value wins (nginx settings)
  array,  // inherited only where the level has none of its own (nginx proxy_set_header, add_header)
  copy,  // copied when the section opens (HAProxy defaults)
  rules,  // a named defaults section's rules run before the section's own (HAProxy)
};

struct Row;
// Binds one directive. `scope` is the personality's own cursor (nginx::Scope, haproxy::Scope). Reports problems through it.
using BindFn = void (*)(void* scope, const Directive& directive, const Row& row);

enum class Block : uint8_t { none, required, optional };

// Help text says what the directive does, in one line, in our own words.
struct Row {
  Str name;  // HAProxy words of several parts are one name: "timeout connect", "http-request set-header"
  ContextMask contexts = 0;
  int8_t min_args = 0;
  int8_t max_args = -1;  // -1: any number
  Block block = Block::none;
  Inherit inherit = Inherit::none;
  BindFn bind = nullptr;  // nullptr: planned
  Str syntax;  // the arguments as the manual writes them, without the name
  Str help;  // one line
  Str no_effect = {};  // not empty: accepted without effect in weir, and this says why
  uint32_t offset = 0;  // for generic setters: where the Setting lives in the feature's configuration struct
  void (*merge)(void* child, const void* parent) = nullptr;  // for generic setters with Inherit::scalar
  Str fallback = {};  // the default value, as the manual writes it
  bool harmless = false;  // planned: nobody is served otherwise for want of it, so its place answers all the same
};

constexpr Row as_harmless(Row row) {
  row.harmless = true;
  return row;
}

// Accepted; `why` ends the sentence "has no effect in weir: …".
constexpr Row without_effect(Row row, Str why) {
  row.no_effect = why;
  return row;
}

using Table = std::span<const Row>;

// All rows of one personality, looked up by name. Longest match first: for "timeout connect 5s" the row "timeout connect".
class Index {
 public:
  void add(Table table);
  // All tables have been added: from here on rows are found.
  void seal();
  // Rows for this directive's first words whatever the context; empty when the word is unknown. `used` gets how many
  // words the name took.
  std::vector<const Row*> find(const Directive& directive, size_t& used) const;
  // The row among those that may stand in `context`, or null.
  const Row* find(const Directive& directive, ContextMask context, size_t& used) const;
  const Row* find_name(Str name, ContextMask context) const;
  // Names that may stand in `context`, for suggestions and completion.
  std::vector<Str> names(ContextMask context) const;
  const std::vector<const Row*>& rows() const { return rows_; }

 private:
  using Rows = std::span<const Row* const>;
  size_t slot_of(Str name) const;
  Rows named(Str name) const;
  Rows of_words(const Directive& directive, size_t n) const;

  std::vector<const Row*> rows_;  // sorted by name
  std::vector<uint32_t> slots_ = {0};  // by the hash of a name: 1 + the place of the first row that has it, or 0
  size_t max_words_ = 1;  // of the longest name
};

}  // namespace weir::config
