// See config/brace_lexer.h. Words are cut as ngx_conf_read_token cuts them, except that no length is too long.
#include "config/brace_lexer.h"

#include <fmt/format.h>
#include <limits.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "config/include.h"
#include "config/lua_block.h"

namespace weir::config {
namespace {

constexpr size_t kMaxDepth = 200;
constexpr Str kByteOrderMark = "\xef\xbb\xbf";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// nginx's escapes; other backslashes stay.
std::string unescape(Str raw) {
  std::string out;
  for (size_t i = 0; i < raw.size(); i++) {
    size_t at = raw[i] == '\\' && i + 1 < raw.size() ? Str("\"'\\trn").find(raw[i + 1]) : Str::npos;
    if (at == Str::npos) {
      out += raw[i];
    } else {
      out += "\"'\\\t\r\n"[at];
      i++;
    }
  }
  return out;
}

std::string place(const Where& where) {
  return fmt::format("{}:{}:{}", where.source->path, where.line, where.column);
}

std::string real_path(const std::string& path) {
  char buffer[PATH_MAX];
  return realpath(path.c_str(), buffer) ? buffer : path;
}

}  // namespace

void BraceLexer::read(std::vector<Directive>& out) {
  if (in_.text.starts_with(kByteOrderMark)) {
    shared_.diag.error(in_.where(3), "the file starts with a byte order mark", "save it as UTF-8 without one");
    in_.advance(kByteOrderMark.size());
  }
  block(out, nullptr);
}

// Directives up to the `}` of the block that `opener` names, or up to the end of the file when there is none.
void BraceLexer::block(std::vector<Directive>& out, const Word* opener) {
  if (opener) openers_.push_back(opener);
  while (step(out, opener)) {
  }
  if (opener) openers_.pop_back();
}

// Reads one directive. False at the end of the block.
bool BraceLexer::step(std::vector<Directive>& out, const Word* opener) {
  if (!opener && at_section()) {
    section(out);
    return true;
  }
  std::vector<Word> found;
  End end = words(found);
  if (found.empty() && end == End::open) {
    Word nameless;
    nameless.where = in_.where();
    nameless.where.column--;
    std::vector<Directive> dropped;
    if (enter(nameless.where)) block(dropped, &nameless);
    shared_.depth--;
    return true;
  }
  bool nothing = found.empty();
  if (!nothing) {
    Directive directive;
    directive.where = found[0].where;
    directive.words = std::move(found);
    if (end == End::open)
      open_block(out, std::move(directive));
    else if (directive.name() == "include")
      include(out, directive);
    else
      out.push_back(std::move(directive));
  }
  if (end == End::close && !opener) {
    if (!nothing) return true;  // the brace was reported with the words before it
    Cursor brace = in_;
    brace.pos--;
    shared_.diag.error(brace.where(), "unexpected \"}\"", "no block is open here").product = "unexpected \"}\"";
    return true;
  }
  if (end == End::text && opener) end_of_file({});
  return end != End::close && end != End::text;
}

void BraceLexer::open_block(std::vector<Directive>& out, Directive directive) {
  if (directive.name().ends_with("_by_lua_block")) {
    Word body;
    body.quote = Quote::lua;
    body.where = in_.where();
    if (!read_lua_block(in_, body.text, shared_.diag)) end_reported_ = true;
    directive.words.push_back(body);
    out.push_back(std::move(directive));
    return;
  }
  directive.has_block = true;
  Word name = directive.words[0];
  if (enter(name.where)) block(directive.block, &name);
  shared_.depth--;
  if (directive.name() == "include") {
    shared_.diag.error(name.where, "include takes no block", "end it with ;").product =
        "directive \"include\" is not terminated by \";\"";
    return;
  }
  out.push_back(std::move(directive));
}

// Counts one more open block; the caller counts it down. False when there are too many: the rest of the file is skipped.
bool BraceLexer::enter(const Where& where) {
  if (++shared_.depth <= kMaxDepth) return true;
  if (!shared_.too_deep)
    shared_.diag.error(where,
                       fmt::format("blocks are nested more than {} deep; the rest of the file is not read", kMaxDepth));
  shared_.too_deep = end_reported_ = true;
  in_.advance(in_.text.size() - in_.pos);
  return false;
}

// The words of one directive, and what ended them. Reports what is wrong with them and goes on.
BraceLexer::End BraceLexer::words(std::vector<Word>& words) {
  while (skip_blanks()) {
    char c = in_.peek();
    if (c == '}') {
      if (!words.empty()) unexpected(c, words);
      in_.advance();
      return End::close;
    }
    if (c == ';' || c == '{') {
      if (words.empty()) unexpected(c, words);
      in_.advance();
      if (c == '{') return End::open;
      if (!words.empty()) return End::semicolon;
    } else if (c == '"' || c == '\'') {
      quoted_word(words);
    } else {
      plain_word(words);
    }
  }
  if (!words.empty()) end_of_file(words);
  return End::text;
}

// Moves behind white space and comments. False at the end of the text.
bool BraceLexer::skip_blanks() {
  while (!in_.done()) {
    if (in_.peek() == '#')
      in_.to_line_end();
    else if (is_blank(in_.peek()))
      in_.advance();
    else
      return true;
  }
  return false;
}

void BraceLexer::quoted_word(std::vector<Word>& words) {
  Where where = in_.where();
  char quote = in_.peek();
  in_.advance();
  size_t begin = in_.pos;
  while (!in_.done() && in_.peek() != quote) in_.advance(in_.peek() == '\\' ? 2 : 1);
  push_word(words, begin, in_.pos, quote == '"' ? Quote::double_quoted : Quote::single_quoted, where);
  if (in_.done()) {
    shared_.diag.error(where, "the quoted string that starts here does not end", fmt::format("close it with {}", quote))
        .product = "unexpected end of file, expecting \";\" or \"}\"";
    end_reported_ = true;
    return;
  }
  in_.advance();
  words.back().where.length = static_cast<uint32_t>(in_.pos - begin + 1);
  // Only these may follow a closing quote directly; `}` is reported where blocks are.
  char next = in_.peek();
  if (in_.done() || is_blank(next) || memchr(";{)}", next, 4)) return;
  shared_.diag
      .error(in_.where(), fmt::format("unexpected \"{}\" after a closing quote", next),
             "put a space or ; between them, or write a quote inside the string as \\" + std::string(1, quote))
      .product = fmt::format("unexpected \"{}\"", next);
}

void BraceLexer::plain_word(std::vector<Word>& words) {
  Where where = in_.where();
  size_t begin = in_.pos;
  bool variable = false;  // a `{` may follow: `${name}`
  while (!in_.done()) {
    char c = in_.peek();
    if (c == '{' && variable) {
      in_.advance();
      continue;
    }
    if (is_blank(c) || c == ';' || c == '{') break;
    variable = c == '$';
    in_.advance(c == '\\' ? 2 : 1);
  }
  push_word(words, begin, in_.pos, Quote::none, where);
  words.back().where.length = static_cast<uint32_t>(in_.pos - begin);
}

void BraceLexer::push_word(std::vector<Word>& words, size_t begin, size_t end, Quote quote, Where where) {
  Str raw = in_.text.substr(begin, end - begin);
  Str text = raw.find('\\') == Str::npos ? raw : shared_.tree.keep(unescape(raw));
  words.push_back({text, quote, where});
}

void BraceLexer::unexpected(char c, const std::vector<Word>& before) {
  std::string remedy;
  if (!before.empty()) {
    const Where& last = before.back().where;
    remedy = fmt::format("end \"{}\" with ; on line {}", before[0].text, last.line);
  } else if (c == '{') {
    remedy = "a block needs a name before its {";
  } else {
    remedy = "remove it, or write the directive that it should end";
  }
  shared_.diag.error(in_.where(), fmt::format("unexpected \"{}\"", c), std::move(remedy)).product =
      fmt::format("unexpected \"{}\"", c);
}

// Says once that the file ended too early: in a directive, when `words` are there, else in the open blocks.
void BraceLexer::end_of_file(const std::vector<Word>& words) {
  if (end_reported_) return;
  end_reported_ = true;
  std::string remedy;
  if (!words.empty()) remedy = fmt::format("\"{}\" at {} has no ;", words[0].text, place(words[0].where));
  for (const Word* opener : openers_) {
    if (!remedy.empty()) remedy += ", ";
    remedy += fmt::format("\"{}\" opened at {} has no }}", opener->text, place(opener->where));
  }
  std::string text =
      words.empty() ? "unexpected end of file, expecting \"}\"" : "unexpected end of file, expecting \";\" or \"}\"";
  std::string product = in_.source->path == kCommandLine ? "unexpected end of parameter, expecting \";\"" : text;
  shared_.diag.error(in_.where(), text, std::move(remedy)).product = std::move(product);
}

// Replaces an include by what it includes.
void BraceLexer::include(std::vector<Directive>& out, const Directive& directive) {
  if (directive.args() != 1) {
    shared_.diag.error(directive.where, "include takes one file or pattern").product =
        "invalid number of arguments in \"include\" directive";
    return;
  }
  const Word& name = directive.arg(0);
  for (const std::string& path : find_included(name.text, shared_.conf_dir, shared_.options.offline).paths)
    include_file(out, name, path);
}

void BraceLexer::include_file(std::vector<Directive>& out, const Word& name, const std::string& path) {
  std::string real = real_path(path);
  if (std::find(shared_.reading.begin(), shared_.reading.end(), real) != shared_.reading.end()) {
    shared_.diag.error(name.where, fmt::format("{} includes itself", path), "remove one of the includes in the circle");
    return;
  }
  int error = 0;
  const Source* source = load_source(shared_.tree, path, error);
  if (!source) {
    bool excused = shared_.options.offline && (error == ENOENT || error == ENOTDIR);
    shared_.diag
        .add(excused ? Severity::note : Severity::error, name.where,
             fmt::format("cannot read {}: {}", path, strerror(error)), "")
        .product = fmt::format("open() \"{}\" failed ({}: {})", path, error, strerror(error));
    return;
  }
  shared_.reading.push_back(std::move(real));
  BraceLexer(shared_, *source).read(out);
  shared_.reading.pop_back();
}

namespace {

void read_source(Tree& tree, Diagnostics& diag, const Source& source, Dialect dialect, const ReadOptions& options) {
  std::string conf_dir = options.conf_dir.empty() ? folder_of(source.path) : options.conf_dir;
  BraceReading shared{tree, diag, options, dialect, std::move(conf_dir), Environment(options.defines), {}, 0, false};
  shared.reading.push_back(real_path(source.path));
  BraceLexer(shared, source).read(tree.root.block);
}

void prepare_root(Tree& tree) {
  if (tree.root.words.empty()) tree.root.words.emplace_back();
  tree.root.has_block = true;
}

}  // namespace

void read_brace(Tree& tree, Diagnostics& diag, const std::string& path, Dialect dialect, const ReadOptions& options) {
  prepare_root(tree);
  int error = 0;
  const Source* source = load_source(tree, path, error);
  if (source) {
    read_source(tree, diag, *source, dialect, options);
  } else {
    diag.error({}, fmt::format("cannot read {}: {}", path, strerror(error))).product =
        fmt::format("open() \"{}\" failed ({}: {})", path, error, strerror(error));
  }
}

void read_brace_text(Tree& tree, Diagnostics& diag, const std::string& path, std::string text, Dialect dialect,
                     const ReadOptions& options) {
  prepare_root(tree);
  read_source(tree, diag, *add_source(tree, path, std::move(text)), dialect, options);
}

}  // namespace weir::config
