#pragma once
// The directive tree that both lexers produce. A directive is a list of words and, for a block, its children:
// nginx's `server { … }` and HAProxy's sections (whose lines are the children) look the same from here on.
// The tree owns its sources and its strings; everything points into it, so it lives until freeze is done.
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/str.h"
#include "config/source.h"

namespace weir::config {

enum class Dialect : uint8_t { nginx, haproxy, weir };

enum class Quote : uint8_t {
  none,
  single_quoted,
  double_quoted,
  mixed,  // HAProxy: parts of the word were quoted differently
  lua,    // the raw body of a *_by_lua_block
};

struct Word {
  Str text;  // unquoted, unescaped, environment expanded
  Quote quote = Quote::none;
  Where where;
  bool operator==(Str s) const { return text == s; }
};

struct Directive {
  std::vector<Word> words;  // words[0] is the name; never empty
  std::vector<Directive> block;
  bool has_block = false;
  Dialect dialect = Dialect::nginx;  // whose word rules were used for it
  Where where;                       // its first word
  bool negated = false;              // HAProxy `no …`
  bool defaulted = false;            // HAProxy `default …`

  Str name() const { return words[0].text; }
  size_t args() const { return words.size() - 1; }
  const Word& arg(size_t i) const { return words[i + 1]; }
};

struct Tree {
  Directive root;  // its block holds the top level; words[0] is ""
  std::deque<std::unique_ptr<Source>> sources;  // in the order of reading, includes after their includer
  std::deque<std::string> strings;              // storage of words that differ from their source text

  Str keep(std::string s) { return strings.emplace_back(std::move(s)); }
};

}  // namespace weir::config
