#pragma once
// Words by HAProxy's rules (configuration.txt 2.2 and 2.3): quotes, escapes, comments, environment variables. The line
// lexer reads lines with it, the brace lexer the statements of HAProxy's sections in weir.conf. One object serves one
// file; the words point into the source or into the tree's strings.
#include <string>
#include <vector>

#include "config/cursor.h"
#include "config/diag.h"
#include "config/environment.h"
#include "config/tree.h"

namespace weir::config {

// What ended the words.
enum class WordsEnd : uint8_t {
  line,       // LF or CR; the cursor stands on it
  statement,  // `;`, consumed
  open,       // `{` of a block, consumed
  close,      // `}` of a block, consumed
  text,       // the end of the source
  failed,     // an error that was reported; the cursor stands at the end of its line
};

class LineWords {
 public:
  LineWords(Tree& tree, Diagnostics& diag, const Environment& environment)
      : tree_(tree), diag_(diag), environment_(environment) {}

  // The words up to the end of the line; in an empty line there are none.
  WordsEnd line(Cursor& cursor, std::vector<Word>& words) { return run(Mode::line, cursor, words); }
  // The words of a section's opening, up to its `{`.
  WordsEnd header(Cursor& cursor, std::vector<Word>& words) { return run(Mode::header, cursor, words); }
  // The words up to a `;` outside quotes and anonymous ACLs, over line ends. A `{` ends them after *_by_lua_block only.
  WordsEnd statement(Cursor& cursor, std::vector<Word>& words) { return run(Mode::statement, cursor, words); }

  // What `.SECTION` is from here on; it is unset before the first section.
  void set_section(Str label) { section_ = label; }

 private:
  enum class Mode : uint8_t { line, header, statement };
  enum Kind : uint8_t { kPlain = 1, kSingle = 2, kDouble = 4 };

  WordsEnd run(Mode mode, Cursor& cursor, std::vector<Word>& words);
  bool ends_here(WordsEnd& end);
  bool braces_end_here(WordsEnd& end);
  bool step();
  void toggle_quote(char c);
  bool escape();
  bool hex_escape();
  bool variable();
  bool variable_value(Str name, std::optional<Str>& value);
  bool variable_tail(const Cursor& brace, std::optional<Str>& value, bool& as_words);
  void emit_value(Str value, bool as_words, const Cursor& from);
  void begin(const Cursor& at);
  void put(char c, const Cursor& from);
  void ordinary();
  void finish_word(size_t raw_end);
  void acl_not_closed();
  bool fail(Where where, std::string text, std::string remedy, Str product);

  Tree& tree_;
  Diagnostics& diag_;
  const Environment& environment_;
  std::optional<Str> section_;

  // The run that is under way.
  Mode mode_ = Mode::line;
  Cursor* in_ = nullptr;
  std::vector<Word>* words_ = nullptr;
  std::string built_;
  Where word_where_;
  size_t word_begin_ = 0;
  uint8_t kinds_ = 0;
  bool in_word_ = false;
  bool empty_quote_ = false;  // nothing came yet since the quote opened
  char quote_ = 0;  // the open quote, or 0
  Where quote_where_;
  size_t quote_begin_ = 0;
  bool in_acl_ = false;  // inside an anonymous ACL's braces
  Where acl_where_;
};

}  // namespace weir::config
