#pragma once
// nginx.conf and weir.conf to tree. BraceReading is what one read_brace shares between the main file and everything it
// includes; a BraceLexer reads one of these files.
#include <string>
#include <vector>

#include "config/cursor.h"
#include "config/environment.h"
#include "config/lexer.h"
#include "config/line_words.h"

namespace weir::config {

struct BraceReading {
  Tree& tree;
  Diagnostics& diag;
  const ReadOptions& options;
  Dialect dialect;
  std::string conf_dir;               // what `include` is relative to
  Environment environment;            // for HAProxy's sections
  std::vector<std::string> reading;   // the files that are being read, outermost first, as real paths
  size_t depth = 0;                   // of blocks, over all files
  bool too_deep = false;              // reported
};

class BraceLexer {
 public:
  BraceLexer(BraceReading& shared, const Source& source)
      : shared_(shared), in_(source), splitter_(shared.tree, shared.diag, shared.environment) {}

  // Appends the file's directives to `out`.
  void read(std::vector<Directive>& out);

 private:
  enum class End : uint8_t { semicolon, open, close, text };

  // brace_lexer.cc: nginx's words and blocks.
  void block(std::vector<Directive>& out, const Word* opener);
  bool step(std::vector<Directive>& out, const Word* opener);
  void open_block(std::vector<Directive>& out, Directive directive);
  End words(std::vector<Word>& words);
  bool skip_blanks();
  void quoted_word(std::vector<Word>& words);
  void plain_word(std::vector<Word>& words);
  void push_word(std::vector<Word>& words, size_t begin, size_t end, Quote quote, Where where);
  void unexpected(char c, const std::vector<Word>& before);
  void end_of_file(const std::vector<Word>& words);
  bool enter(const Where& where);
  void include(std::vector<Directive>& out, const Directive& directive);
  void include_file(std::vector<Directive>& out, const Word& name, const std::string& path);

  // brace_section.cc: HAProxy's sections in weir.conf.
  bool at_section() const;
  void section(std::vector<Directive>& out);
  void section_block(Directive& section);
  void section_statement(Directive& section, std::vector<Word> words, bool lua);

  BraceReading& shared_;
  Cursor in_;
  LineWords splitter_;
  std::vector<const Word*> openers_;  // of the blocks of this file that are open
  bool end_reported_ = false;
};

}  // namespace weir::config
