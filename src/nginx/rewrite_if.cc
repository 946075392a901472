// if (condition) { … } in a server or a location. The block's rewrite directives go into the program of the level around
// it; in a location the block is a Location of its own as well, entered behind the program when it was the last whose
// condition held (ngx_http_script_if_code).
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nginx/define.h"
#include "nginx/error_log.h"
#include "nginx/modules.h"
#include "nginx/rewrite.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using config::Word;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

enum class Test : uint8_t { truth, equal, regex, file };

struct IfOp : RewriteOp {
  Test test = Test::truth;
  bool negative = false;
  char file_test = 0;  // f, d, e, x
  const Variable* variable = nullptr;
  const Script* value = nullptr;  // compared with, or the file's name
  const expr::Regex* regex = nullptr;
  const Location* location = nullptr;  // of the block; null inside a server
  uint32_t behind = 1;  // distance to the first step behind the block
};

bool test_file(Transaction& txn, const IfOp& op) {
  Str name = op.value->eval(txn);
  struct stat st;
  if (::stat(std::string(name).c_str(), &st) != 0) {
    if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
      log_error(&txn, LogLevel::crit, errno, fmt::format("stat() \"{}\" failed", name));
    return false;
  }
  switch (op.file_test) {
    case 'f': return S_ISREG(st.st_mode);
    case 'd': return S_ISDIR(st.st_mode);
    case 'x': return st.st_mode & S_IXUSR;
    default: return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
  }
}

bool holds(Transaction& txn, const IfOp& op) {
  if (op.test == Test::file) return test_file(txn, op) != op.negative;
  Str left = get_text(txn, *op.variable);
  switch (op.test) {
    case Test::equal: return (left == op.value->eval(txn)) != op.negative;
    case Test::regex: return rewrite_match(txn, *op.regex, left) != op.negative;
    default: return !left.empty() && left != "0";
  }
}

Next run_if(Transaction& txn, Cursor& cursor, const void* conf) {
  const auto& op = *static_cast<const IfOp*>(conf);
  if (!holds(txn, op)) return skip(cursor, op.behind);
  if (op.location) {
    of(txn).location = op.location;
    txn.where = &op.location->request_segment;
  }
  return Next::next;
}

bool complain(Scope& scope, const Word& word, Str text) {
  refuse(scope, word.where, fmt::format("invalid condition \"{}\"", text),
         "write ($var), ($var = text), ($var ~ regex) or (-f file)");
  return false;
}

const Script* script(Scope& scope, const Word& word, Str text) {
  return compile_script(scope.arena, scope.http->variables, text, word.where, scope.diag);
}

bool read_comparison(Scope& scope, IfOp& op, Str sign, const Word& sign_word, const Word& right, Str text) {
  op.negative = sign.starts_with('!');
  if (op.negative) sign.remove_prefix(1);
  if (sign == "=") {
    op.test = Test::equal;
    op.value = script(scope, right, text);
    return true;
  }
  if (sign != "~" && sign != "~*") {
    refuse(scope, sign_word.where, fmt::format("unexpected \"{}\" in condition", sign_word.text),
           "=, !=, ~, ~*, !~ or !~*");
    return false;
  }
  op.test = Test::regex;
  op.regex = compile_regex(scope, right, text, sign == "~*");
  return op.regex != nullptr;
}

// The words of the condition without its parentheses, which may stand alone or at the words.
bool strip(Scope& scope, const Directive& d, std::vector<const Word*>& words, std::vector<Str>& texts) {
  for (size_t i = 0; i < d.args(); i++) {
    words.push_back(&d.arg(i));
    texts.push_back(d.arg(i).text);
  }
  if (!texts.front().starts_with('(')) return complain(scope, *words.front(), texts.front());
  texts.front().remove_prefix(1);
  if (!texts.back().ends_with(')')) return complain(scope, *words.back(), texts.back());
  texts.back().remove_suffix(1);
  if (texts.size() > 1 && texts.back().empty() && words.back()->text == ")") {
    texts.pop_back();
    words.pop_back();
  }
  if (words.front()->text == "(" && texts.size() > 1) {
    texts.erase(texts.begin());
    words.erase(words.begin());
  }
  return true;
}

bool read_condition(Scope& scope, const Directive& d, IfOp& op) {
  std::vector<const Word*> words;
  std::vector<Str> texts;
  if (!strip(scope, d, words, texts)) return false;
  Str first = texts[0];
  if (first.size() > 1 && first[0] == '$') {
    if (texts.size() != 1 && texts.size() != 3) return complain(scope, *words[0], first);
    op.variable = scope.http->variables.use(scope.arena, first.substr(1), words[0]->where);
    return texts.size() == 1 || read_comparison(scope, op, texts[1], *words[1], *words[2], texts[2]);
  }
  bool negative = first.starts_with("!-");
  Str letter = negative ? first.substr(2) : first.starts_with('-') ? first.substr(1) : Str{};
  if (letter.size() != 1 || Str("fdex").find(letter[0]) == Str::npos || texts.size() != 2)
    return complain(scope, *words[0], first);
  op.test = Test::file;
  op.negative = negative;
  op.file_test = letter[0];
  op.value = script(scope, *words[1], texts[1]);
  return true;
}

void bind_if(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto* op = scope.arena.make<IfOp>();
  if (!read_condition(scope, d, *op)) return;
  bool in_server = scope.context & (kServer | kIfInServer);
  Level* outer = scope.level;
  uint32_t at = add_rewrite_step(scope, run_if, op, d.where);
  Location* block = scope.new_location(*outer, in_server ? kIfInServer : kIfInLocation);
  block->kind = MatchKind::if_block;
  block->directive = &d;
  if (!in_server) {
    block->name = static_cast<Location*>(outer)->name;
    op->location = block;
  }
  scope.level = block;
  scope.bind_block(d, in_server ? kIfInServer : kIfInLocation);
  scope.level = outer;
  op->behind = rewrite_program(scope).steps.size - at;
}

const Row kTable[] = {
    {"if", kServer | kLocation | kIfInServer | kIfInLocation, 1, -1, Block::required, Inherit::none, bind_if,
     "(condition) { ... }", "settings and rewrite directives for requests for which the condition holds"},
};

}  // namespace

const Module kRewriteIfModule{"rewrite_if", 0, nullptr, kTable};

}  // namespace weir::nginx
