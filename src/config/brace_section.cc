// HAProxy's sections inside weir.conf: `frontend web { … }`, whose statements follow HAProxy's word rules and end at `;`.
// Part of config/brace_lexer.h.
#include <fmt/format.h>

#include "config/brace_lexer.h"
#include "config/lua_block.h"
#include "config/sections.h"

namespace weir::config {

// Whether the next directive of a weir.conf's top level opens one of HAProxy's sections.
bool BraceLexer::at_section() const {
  if (shared_.dialect == Dialect::nginx || shared_.depth > 0) return false;
  Cursor at = in_;
  while (!at.done() && (at.peek() == '#' || is_space(at.peek()))) {
    if (at.peek() == '#')
      at.to_line_end();
    else
      at.advance();
  }
  size_t end = at.text.find_first_of(" \t\r\n{;", at.pos);
  return is_section(at.text.substr(at.pos, end - at.pos));
}

void BraceLexer::section(std::vector<Directive>& out) {
  Directive directive;
  WordsEnd end = splitter_.header(in_, directive.words);
  if (end == WordsEnd::failed || directive.words.empty()) return;
  directive.where = directive.words[0].where;
  directive.dialect = Dialect::haproxy;
  directive.has_block = end == WordsEnd::open;
  check_no_empty_word(directive.words, shared_.diag, shared_.options.offline);
  if (directive.has_block) {
    splitter_.set_section(section_label(directive));
    Word name = directive.words[0];
    openers_.push_back(&name);
    section_block(directive);
    openers_.pop_back();
    out.push_back(std::move(directive));
  } else {
    shared_.diag.error(directive.where, fmt::format("the section \"{}\" has no block", directive.name()),
                       "put { after its name");
    if (end == WordsEnd::text) end_reported_ = true;
  }
}

void BraceLexer::section_block(Directive& section) {
  for (;;) {
    std::vector<Word> found;
    WordsEnd end = splitter_.statement(in_, found);
    if (end == WordsEnd::failed) continue;
    Cursor last = in_;
    if (last.pos > 0) last.pos--;
    if (end == WordsEnd::close && !found.empty()) {
      in_.pos--;
      unexpected('}', found);
      in_.pos++;
    }
    if (end == WordsEnd::statement && found.empty())
      shared_.diag.error(last.where(), "unexpected \";\"", "remove it").product = "unexpected \";\"";
    bool at_end = end == WordsEnd::text;
    if (at_end) end_of_file(found);
    if (!found.empty()) section_statement(section, std::move(found), end == WordsEnd::open);
    if (at_end || end == WordsEnd::close) return;
  }
}

void BraceLexer::section_statement(Directive& section, std::vector<Word> words, bool lua) {
  Directive directive;
  directive.where = words[0].where;
  directive.words = std::move(words);
  directive.dialect = Dialect::haproxy;
  if (lua) {
    Word body;
    body.quote = Quote::lua;
    body.where = in_.where();
    if (!read_lua_block(in_, body.text, shared_.diag)) end_reported_ = true;
    directive.words.push_back(body);
  } else if (!check_no_empty_word(directive.words, shared_.diag, shared_.options.offline)) {
    return;
  }
  if (!take_prefix(directive, shared_.diag)) return;
  if (section.name() == "global") shared_.environment.apply(directive);
  section.block.push_back(std::move(directive));
}

}  // namespace weir::config
