// haproxy.cfg to tree: lines, sections, conditional blocks and messages. Called by config/lexer.h's read_lines and
// read_lines_text; one LineLexer reads one file, with the environment that the files before it left.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

#include "config/condition.h"
#include "config/include.h"
#include "config/line_words.h"
#include "config/sections.h"

namespace weir::config {
namespace {

constexpr size_t kMaxConditions = 99;  // nested `.if`
constexpr Str kByteOrderMark = "\xef\xbb\xbf";

class LineLexer {
 public:
  LineLexer(Tree& tree, Diagnostics& diag, const Predicates& predicates, const ReadOptions& options,
            Environment& environment, const Source& source)
      : tree_(tree),
        diag_(diag),
        predicates_(predicates),
        options_(options),
        environment_(environment),
        cursor_(source),
        splitter_(tree, diag, environment) {}

  void read();

 private:
  enum class Branch : uint8_t {
    taken,     // its lines count
    waiting,   // they do not, but a later branch of this `.if` may be taken
    finished,  // they do not, and no later branch will be taken
  };
  struct Open {
    Branch branch;
    bool in_else;
    Where where;
  };

  bool check_bytes();
  bool line();
  void scope_line();
  bool conditional(const std::vector<Word>& words);
  void begin_if(const std::vector<Word>& words);
  void next_branch(const std::vector<Word>& words);
  void end_if(const std::vector<Word>& words);
  bool without_arguments(const std::vector<Word>& words);
  Branch evaluate(const std::vector<Word>& words);
  void message(const std::vector<Word>& words);
  void statement(std::vector<Word> words);
  void finish();
  bool masked() const { return !open_.empty() && open_.back().branch != Branch::taken; }

  Tree& tree_;
  Diagnostics& diag_;
  const Predicates& predicates_;
  const ReadOptions& options_;
  Environment& environment_;
  Cursor cursor_;
  LineWords splitter_;
  std::vector<Open> open_;
  bool in_section_ = false;  // the last directive of the root is the section that lines go to
};

void LineLexer::read() {
  if (cursor_.text.starts_with(kByteOrderMark)) {
    diag_.error(cursor_.where(3), "the file starts with a byte order mark", "save it as UTF-8 without one");
    cursor_.advance(kByteOrderMark.size());
  }
  while (!cursor_.done())
    if (!line()) return;
  finish();
}

// A NUL would hide the rest of its line from HAProxy, which stops reading there.
bool LineLexer::check_bytes() {
  Str rest = cursor_.text.substr(cursor_.pos);
  size_t nul = rest.substr(0, rest.find('\n')).find('\0');
  if (nul == Str::npos) return true;
  Cursor at = cursor_;
  at.advance(nul);
  diag_.error(at.where(), "a NUL byte; nothing behind it is read", "remove it").product =
      fmt::format("Stray NUL character at position {}.", at.where().column);
  return false;
}

// Reads one line and moves behind its LF. False when the rest of the file is not to be read.
bool LineLexer::line() {
  if (!check_bytes()) return false;
  while (!cursor_.done() && is_space(cursor_.peek()) && cursor_.peek() != '\n') cursor_.advance();
  std::vector<Word> words;
  if (cursor_.peek() == '[')
    scope_line();
  else if (splitter_.line(cursor_, words) == WordsEnd::failed)
    words.clear();
  if (cursor_.peek() == '\r') {
    Cursor rest = cursor_;
    rest.to_line_end();
    if (!trim(cursor_.text.substr(cursor_.pos + 1, rest.pos - cursor_.pos - 1)).empty())
      diag_.warning(cursor_.where(), "a carriage return ends the line here; what follows it is not read",
                    "end lines with LF");
  }
  // An empty first word hides its line, as HAProxy has it.
  if (!words.empty() && !words[0].text.empty()) {
    if (open_.size() >= kMaxConditions && words[0] == ".if") {
      diag_.error(words[0].where, fmt::format("more than {} nested .if", kMaxConditions)).product =
          fmt::format("too many nested '.if', max is {}.", kMaxConditions + 1);
      return false;
    }
    if (!conditional(words) && !masked()) statement(std::move(words));
  }
  cursor_.to_line_end();
  if (!cursor_.done()) cursor_.advance();
  return true;
}

// `[name]`: a scope of SPOE files, without effect here. The cursor stays in the line.
void LineLexer::scope_line() {
  Cursor start = cursor_;
  cursor_.to_line_end();
  Str text = start.text.substr(start.pos, cursor_.pos - start.pos);
  size_t close = text.find(']');
  if (close == Str::npos || close == 1) {
    diag_.error(start.where(text.size()), "a line that starts with [ is a scope, [name]").product =
        "empty scope name is forbidden.";
    return;
  }
  auto complain = [&](size_t at, const char* where) {
    Cursor bad = start;
    bad.advance(at);
    diag_.error(bad.where(), fmt::format("a character that is not permitted {}", where)).product =
        fmt::format("character '{}' is not permitted {}.", text[at], where);
  };
  for (size_t i = 1; i < close; i++) {
    char c = text[i];
    if (!is_digit(c) && !(lower(c) >= 'a' && lower(c) <= 'z') && !memchr("_-.:", c, 4)) {
      complain(i, "in a scope name");
      return;
    }
  }
  size_t after = close + 1;
  while (after < text.size() && is_space(text[after])) after++;
  if (after < text.size() && text[after] != '#') complain(after, "after scope declaration");
  return;
}

// True when the line was one of the four that make conditional blocks.
bool LineLexer::conditional(const std::vector<Word>& words) {
  Str name = words[0].text;
  if (name == ".if") {
    begin_if(words);
  } else if (name == ".elif" || name == ".else") {
    next_branch(words);
  } else if (name == ".endif") {
    end_if(words);
  } else {
    return false;
  }
  return true;
}

void LineLexer::begin_if(const std::vector<Word>& words) {
  open_.push_back({masked() ? Branch::finished : evaluate(words), false, words[0].where});
}

void LineLexer::next_branch(const std::vector<Word>& words) {
  bool is_else = words[0] == ".else";
  if (is_else && !without_arguments(words)) return;
  if (open_.empty()) {
    diag_.error(words[0].where, fmt::format("{} without .if", words[0].text)).product =
        fmt::format("lone '{}' with no matching '.if'.", words[0].text);
    return;
  }
  Open& open = open_.back();
  if (open.in_else) {
    diag_.error(words[0].where, fmt::format("{} after .else", words[0].text)).product =
        fmt::format("'{}' after '.else' is not permitted.", words[0].text);
    return;
  }
  open.in_else = is_else;
  if (open.branch != Branch::waiting)
    open.branch = Branch::finished;
  else
    open.branch = is_else ? Branch::taken : evaluate(words);
}

void LineLexer::end_if(const std::vector<Word>& words) {
  if (!without_arguments(words)) return;
  if (!open_.empty()) {
    open_.pop_back();
    return;
  }
  diag_.error(words[0].where, ".endif without .if").product = "lone '.endif' with no matching '.if'.";
}

bool LineLexer::without_arguments(const std::vector<Word>& words) {
  if (words.size() == 1 || words[1].text.empty()) return true;
  diag_.error(words[1].where, fmt::format("{} takes no arguments", words[0].text), "put a comment behind #").product =
      fmt::format("Unexpected argument '{}' for '{}'.", words[1].text, words[0].text);
  return false;
}

LineLexer::Branch LineLexer::evaluate(const std::vector<Word>& words) {
  std::string text = join_words(words, 1);
  Condition condition = evaluate_joined(text, predicates_, environment_);
  if (!condition.result.ok) {
    diag_.error(words[words.size() > 1 ? 1 : 0].where, condition.result.error).product =
        fmt::format("{} in '{}' at position {}:", condition.result.error, words[0].text, condition.position + 1);
  }
  return condition.result.value ? Branch::taken : Branch::waiting;
}

// .alert, .warning, .notice and .diag.
void LineLexer::message(const std::vector<Word>& words) {
  Str name = words[0].text;
  constexpr std::array<Str, 4> kMessages = {".alert", ".warning", ".notice", ".diag"};
  if (std::find(kMessages.begin(), kMessages.end(), name) == kMessages.end()) {
    diag_
        .error(words[0].where, fmt::format("unknown directive {}", name),
               "there are .if, .elif, .else, .endif, .alert, .warning, .notice and .diag")
        .product = fmt::format("unknown directive '{}'.", name);
    return;
  }
  if (words.size() > 2 && !words[2].text.empty()) {
    diag_.error(words[2].where, fmt::format("{} takes one message", name), "put quotes around it").product =
        fmt::format("Unexpected argument '{}' for '{}'. Use quotes if the message should contain spaces.",
                    words[2].text, name);
    return;
  }
  std::string text(words.size() > 1 ? words[1].text : Str());
  if (name == ".diag" && !options_.diagnostic_mode) return;
  Severity severity = name == ".alert" ? Severity::error : name == ".warning" ? Severity::warning : Severity::note;
  diag_.add(severity, words[0].where, text, "").product = fmt::format("'{}'.", text);
}

void LineLexer::statement(std::vector<Word> words) {
  if (words[0].text.starts_with('.')) {
    message(words);
    return;
  }
  if (!check_no_empty_word(words, diag_, options_.offline)) return;
  Directive directive;
  directive.where = words[0].where;
  directive.words = std::move(words);
  directive.dialect = Dialect::haproxy;
  if (!take_prefix(directive, diag_)) return;
  std::vector<Directive>& top = tree_.root.block;
  if (is_section(directive.name())) {
    directive.has_block = true;
    in_section_ = true;
    splitter_.set_section(section_label(directive));
    top.push_back(std::move(directive));
  } else if (in_section_) {
    if (top.back().name() == "global") environment_.apply(directive);
    top.back().block.push_back(std::move(directive));
  } else {
    top.push_back(std::move(directive));
  }
}

void LineLexer::finish() {
  if (!cursor_.text.empty() && cursor_.text.back() != '\n') {
    Severity severity = options_.strict_last_line ? Severity::error : Severity::warning;
    diag_
        .add(severity, cursor_.where(), "the last line does not end with LF; the file may have been cut off",
             "end it with a newline")
        .product =
        fmt::format("Missing LF on last line, file might have been truncated at position {}.", cursor_.where().column);
  }
  for (const Open& open : open_)
    diag_.error(open.where, "this .if has no .endif", "end it with .endif").product = "non-terminated '.if' block.";
}

// The files that HAProxy reads for a folder: regular files, not hidden, whose first ".cfg" ends the name.
void expand_folder(const std::string& folder, std::vector<std::string>& files, Diagnostics& diag) {
  std::error_code error;
  std::vector<std::string> names;
  for (auto it = std::filesystem::directory_iterator(folder, error); !error && it != std::filesystem::end(it);
       it.increment(error)) {
    std::string name = it->path().filename().string();
    size_t at = name.find(".cfg");
    if (name.starts_with('.') || at == std::string::npos || at + 4 != name.size()) continue;
    std::error_code ignored;
    if (it->is_regular_file(ignored)) names.push_back(std::move(name));
  }
  if (error) {
    diag.error({}, fmt::format("cannot read the folder {}: {}", folder, error.message())).product =
        fmt::format("Cannot open configuration directory {} : {}", folder, error.message());
  }
  if (!error && names.empty()) diag.error({}, fmt::format("there is no *.cfg in the folder {}", folder));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) files.push_back(folder + "/" + name);
}

void prepare_root(Tree& tree) {
  if (tree.root.words.empty()) tree.root.words.emplace_back();
  tree.root.has_block = true;
}

}  // namespace

void read_lines(Tree& tree, Diagnostics& diag, const std::vector<std::string>& paths, const Predicates& predicates,
                const ReadOptions& options) {
  prepare_root(tree);
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    struct stat info = {};
    if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
      expand_folder(path, files, diag);
    else
      files.push_back(path);
  }
  Environment environment(options.defines, options.keeps_peer);
  for (const std::string& file : files) {
    int error = 0;
    const Source* source = load_source(tree, file, error);
    if (source) {
      LineLexer(tree, diag, predicates, options, environment, *source).read();
    } else {
      diag.error({}, fmt::format("cannot read {}: {}", file, strerror(error))).product =
          fmt::format("Cannot open configuration file/directory {} : {}", file, strerror(error));
    }
  }
}

void read_lines_text(Tree& tree, Diagnostics& diag, const std::string& path, std::string text,
                     const Predicates& predicates, const ReadOptions& options) {
  prepare_root(tree);
  Environment environment(options.defines, options.keeps_peer);
  const Source* source = add_source(tree, path, std::move(text));
  LineLexer(tree, diag, predicates, options, environment, *source).read();
}

}  // namespace weir::config
