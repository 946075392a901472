#pragma once
// What the lexer tests share: reading a text, a one-line picture of a tree, and folders that go away again.
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "config/lexer.h"

namespace weir::config {

// `a|b{c|d;};` for `a b { c d; }`. Quoted words stand in their quotes, Lua bodies in [ ], mixed ones in < >; negated
// directives have a `!` before them and `default` ones a `~`.
inline std::string shape(const Directive& d) {
  static constexpr const char* kQuotes[][2] = {{"", ""}, {"'", "'"}, {"\"", "\""}, {"<", ">"}, {"[", "]"}};
  std::string out = d.negated ? "!" : d.defaulted ? "~" : "";
  for (size_t i = 0; i < d.words.size(); i++) {
    const auto& q = kQuotes[static_cast<size_t>(d.words[i].quote)];
    out += (i ? "|" : "") + std::string(q[0]) + std::string(d.words[i].text) + q[1];
  }
  if (d.has_block) {
    out += "{";
    for (const Directive& child : d.block) out += shape(child);
    out += "}";
  }
  return out + ";";
}

struct Lexed {
  Tree tree;
  Diagnostics diag;

  std::string shape() const {
    std::string out;
    for (const Directive& d : tree.root.block) out += config::shape(d);
    return out;
  }
  const Diagnostic& first() const {
    static const Diagnostic none{};
    return diag.all().empty() ? none : diag.all().front();
  }
  size_t errors() const { return diag.count(Severity::error); }
};

inline void brace(Lexed& out, std::string text, Dialect dialect = Dialect::nginx, const ReadOptions& options = {}) {
  read_brace_text(out.tree, out.diag, "t.conf", std::move(text), dialect, options);
}

inline void lines(Lexed& out, std::string text, const Predicates& predicates = {}, const ReadOptions& options = {}) {
  read_lines_text(out.tree, out.diag, "t.cfg", std::move(text), predicates, options);
}

// A folder of its own for one test.
struct Folder {
  Folder() {
    char name[] = "/tmp/weir-unit-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name, const std::string& text) const {
    std::filesystem::path full = path + "/" + name;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full, std::ios::binary) << text;
    return full.string();
  }
  std::string path;
};

}  // namespace weir::config
