// The parser of sample expressions. Arguments follow configuration.txt 2.2: inside parentheses, quotes and backslashes
// guard commas, closing parentheses and blanks once more.
#include "haproxy/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "expr/tables.h"
#include "haproxy/lua.h"
#include "model/model.h"

#include "haproxy/context.h"
#include "haproxy/haproxy.h"

namespace weir::haproxy {
namespace {

using expr::Arg;
using expr::Type;

bool is_word_char(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || Str("_-.:+").find(c) != Str::npos;
}

// What stands in for words of later work: their arguments are taken as they are, and they give nothing.
bool nothing(const expr::Ctx&, const Arg*, expr::Value&) {
  return false;
}
bool convert_to_nothing(const expr::Ctx&, const Arg*, expr::Value&) {
  return false;
}
constexpr int8_t kMaxPlannedArgs = 12;
constexpr expr::FetchDef kPlannedFetch = {"planned", 0, kMaxPlannedArgs, Type::any, expr::kAnywhere, nothing};
constexpr expr::ConvertDef kPlannedConverter = {"planned", 0,         kMaxPlannedArgs,
                                                Type::any, Type::any, convert_to_nothing};

// Reads one expression; keeps where it stands for error places.
class Parser {
 public:
  Parser(Str text, ParseEnv& env, config::Where where, SampleError& error)
      : text_(text), env_(env), where_(where), error_(error) {}

  size_t at() const { return at_; }
  bool end() const { return at_ == text_.size(); }

  const expr::FetchDef* fetch_name(Str& name) {
    name = word();
    if (name.empty()) return fail("missing fetch method", name), nullptr;
    const expr::FetchDef* def = name.starts_with("lua.") ? find_lua_fetch(name) : expr::find_fetch(name);
    if (!def && planned(name, kFetch)) return &kPlannedFetch;
    if (!def) unknown("fetch method", name, expr::fetch_names());
    return def;
  }

  // The converters behind what was parsed so far, each after a comma.
  bool converters(Type& type, std::vector<expr::Expr::Call>& calls) {
    while (!end() && text_[at_] == ',') {
      while (!end() && text_[at_] == ',') at_++;
      if (end()) return true;
      if (!converter(type, calls)) return false;
    }
    return true;
  }

  bool converter(Type& type, std::vector<expr::Expr::Call>& calls) {
    Str name = word();
    const expr::ConvertDef* def = name.starts_with("lua.") ? find_lua_converter(name) : expr::find_converter(name);
    if (!def && planned(name, kConverter)) def = &kPlannedConverter;
    if (!def) return unknown("converter", name, expr::converter_names());
    if (!expr::can_cast(type, def->in))
      return fail(fmt::format("converter '{}' cannot be applied: it takes {}, and here is {}", name,
                              expr::type_name(def->in), expr::type_name(type)),
                  name);
    const Arg* args = nullptr;
    if (!arguments(name, "converter", *def, args)) return false;
    calls.push_back({def->convert, def->in, args});
    if (def->out != Type::same)
      type = def->out;
    else if (def->in != Type::any)
      type = def->in;
    return true;
  }

  // Without parentheses the first argument that must be there is an empty text. An empty last one that may be left out, and
  // of whose type it is no value, counts as left out.
  template <class Def>
  bool arguments(Str name, Str kind, const Def& def, const Arg*& out) {
    std::vector<std::string> texts;
    size_t begin = at_;
    bool given = !end() && text_[at_] == '(';
    if (given && !split(texts, name)) return false;
    if (!given && def.min_args) texts.emplace_back();
    auto* args = env_.arena.array<Arg>(static_cast<size_t>(std::max<int>(def.max_args, 1)));
    out = args;
    if (def.max_args == 0 && given && (texts.size() > 1 || !texts[0].empty()))
      return fail_at(begin, fmt::format("{} '{}' does not support any args", kind, name));
    if (def.max_args == 0 || (texts.size() == 1 && texts[0].empty() && def.min_args == 0))
      return check(name, kind, def, args, 0, begin);
    if (static_cast<int>(texts.size()) > def.max_args)
      return fail_at(begin, fmt::format("{} '{}': too many arguments (got {}, at most {})", kind, name, texts.size(),
                                        def.max_args));
    if (static_cast<int>(texts.size()) < def.min_args) {
      Str type = expr::argument_type_name(letter_of(def, texts.size()));
      return fail_at(begin, fmt::format("{} '{}': missing arguments (got {}/{}), type '{}' expected", kind, name,
                                        texts.size(), def.min_args, type));
    }
    expr::Parsing p = parsing(name);
    for (size_t i = 0; i < texts.size(); i++) {
      args[i].str = env_.arena.dup(texts[i]);
      args[i].present = true;
      std::string problem = expr::check_argument(letter_of(def, i), args[i], p);
      bool left_out = texts[i].empty() && i + 1 == texts.size() && static_cast<int>(i) >= def.min_args;
      if (!problem.empty() && left_out) {
        texts.pop_back();
        args[i].present = false;
        break;
      }
      if (!problem.empty())
        return fail_at(begin, fmt::format("invalid arg {} in {} '{}': {}", i + 1, kind, name, problem));
    }
    return check(name, kind, def, args, static_cast<int>(texts.size()), begin);
  }

  bool fail(std::string text, Str about) {
    error_.text = std::move(text);
    error_.at = about.data() ? static_cast<size_t>(about.data() - text_.data()) : at_;
    error_.length = std::max<size_t>(about.size(), 1);
    return false;
  }

 private:
  Str word() {
    size_t begin = at_;
    while (!end() && is_word_char(text_[at_])) at_++;
    return text_.substr(begin, at_ - begin);
  }

  expr::Parsing parsing(Str name) const {
    return {&env_.arena, env_.references, env_.patterns, name, where_, env_.home};
  }

  template <class Def>
  static char letter_of(const Def& def, size_t argument) {
    return argument < def.types.size() ? def.types[argument] : 's';
  }

  template <class Def>
  bool check(Str name, Str kind, const Def& def, Arg* args, int count, size_t begin) {
    if (!def.check) return true;
    expr::Parsing p = parsing(name);
    expr::parsing = &p;
    std::string problem = def.check(args, count, env_.arena);
    expr::parsing = nullptr;
    return problem.empty() || fail_at(begin, fmt::format("invalid args in {} '{}': {}", kind, name, problem));
  }
  bool planned(Str name, ContextMask context) {
    const config::Row* row = index().find_name(name, context);
    if (!row) return false;
    env_.diag.add(config::Severity::planned, where_, fmt::format("not yet: {}", name), {});
    return true;
  }
  bool unknown(Str kind, Str name, const std::vector<Str>& known) {
    Str near = config::nearest(name, known);
    if (!near.empty()) error_.remedy = fmt::format("did you mean '{}'?", near);
    return fail(fmt::format("unknown {} '{}'", kind, name), name);
  }

  bool fail_at(size_t at, std::string text) {
    error_.text = std::move(text);
    error_.at = at;
    error_.length = std::max<size_t>(at_ - std::min(at, at_), 1);
    return false;
  }

  // The texts between the parenthesis at the cursor and its closing one.
  bool split(std::vector<std::string>& texts, Str name) {
    size_t begin = at_++;
    std::string current;
    char quote = 0;
    for (; !end(); at_++) {
      char c = text_[at_];
      if (c == quote && quote) {
        quote = 0;
      } else if (!quote && (c == '"' || c == '\'')) {
        quote = c;
      } else if (c == '\\' && quote != '\'' && at_ + 1 < text_.size()) {
        escape(current);
      } else if (!quote && c == ',') {
        texts.push_back(std::move(current));
        current.clear();
      } else if (!quote && c == ')') {
        texts.push_back(std::move(current));
        at_++;
        return true;
      } else {
        current += c;
      }
    }
    if (quote) return fail_at(begin, fmt::format("unmatched quote in the arguments of '{}'", name));
    return fail_at(begin, fmt::format("expected ')' at the end of the arguments of '{}'", name));
  }

  // Backslash sequences that mean something in arguments; others stay, for regular expressions.
  void escape(std::string& out) {
    char next = text_[at_ + 1];
    switch (next) {
      case '\\':
      case ' ':
      case '"':
      case '\'': out += next; break;
      case 'r': out += '\r'; break;
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      default: out += '\\'; return;
    }
    at_++;
  }

  Str text_;
  ParseEnv& env_;
  config::Where where_;
  SampleError& error_;
  size_t at_ = 0;
};

struct Draft {
  const expr::FetchDef* fetch = nullptr;
  const Arg* args = nullptr;
  std::vector<expr::Expr::Call> calls;
  Type type = Type::string;
};

bool start(Parser& p, Draft& d) {
  Str name;
  d.fetch = p.fetch_name(name);
  if (!d.fetch || !p.arguments(name, "fetch method", *d.fetch, d.args)) return false;
  d.type = d.fetch->type;
  return p.converters(d.type, d.calls);
}

const expr::Expr* finish(const Draft& d, Str text, Arena& arena) {
  auto* e = arena.make<expr::Expr>();
  e->fetch = d.fetch->fetch;
  e->args = d.args;
  auto* calls = arena.array<expr::Expr::Call>(d.calls.size());
  std::copy(d.calls.begin(), d.calls.end(), calls);
  e->calls = calls;
  e->call_count = static_cast<uint8_t>(d.calls.size());
  e->type = d.type;
  e->needs = d.fetch->needs;
  e->text = arena.dup(text);
  return e;
}

void report(const config::Word& word, const SampleError& error, config::Diagnostics& diag) {
  diag.error(at_byte(word, error.at, error.length), error.text, error.remedy);
}

}  // namespace

const expr::Expr* parse_sample(Str text, size_t& used, ParseEnv& env, config::Where where, SampleError& error) {
  Parser p(text, env, where, error);
  Draft d;
  bool good = start(p, d);
  used = p.at();
  return good ? finish(d, text.substr(0, used), env.arena) : nullptr;
}

const expr::Expr* parse_sample_text(Str text, ParseEnv& env, config::Where where, SampleError& error) {
  size_t used = 0;
  const expr::Expr* e = parse_sample(text, used, env, where, error);
  if (!e || used == text.size()) return e;
  error = {fmt::format("missing comma after '{}'", text.substr(0, used)), {}, used, 1};
  return nullptr;
}

const expr::Expr* parse_sample_words(std::span<const config::Word> words, size_t& index, ParseEnv& env) {
  const config::Word& first = words[index];
  SampleError error;
  Draft d;
  Parser p(first.text, env, first.where, error);
  if (!start(p, d)) return report(first, error, env.diag), nullptr;
  if (!p.end()) {
    p.fail("missing comma after fetch keyword", first.text.substr(p.at(), 1));
    return report(first, error, env.diag), nullptr;
  }
  std::string text(first.text);
  for (index++; index < words.size(); index++) {
    Str word = words[index].text;
    size_t size = 0;
    while (size < word.size() && is_word_char(word[size])) size++;
    Str name = word.substr(0, size);
    if (!expr::find_converter(name) && !haproxy::index().find_name(name, kConverter)) break;
    Parser more(word, env, words[index].where, error);
    if (!more.converter(d.type, d.calls) || !more.converters(d.type, d.calls))
      return report(words[index], error, env.diag), nullptr;
    text += ',';
    text += word;
  }
  return finish(d, text, env.arena);
}

bool is_planned(const expr::Expr& e) {
  return e.fetch == nothing ||
         std::any_of(e.calls, e.calls + e.call_count, [](const auto& c) { return c.convert == convert_to_nothing; });
}

bool require_available(const expr::Expr& e, const Place& place, config::Where where, config::Diagnostics& diag) {
  if (available(e, place)) return true;
  Str fetch = e.text.substr(0, e.text.find_first_of("(,"));
  diag.error(where, fmt::format("sample fetch <{}> may not be reliably used here because it needs '{}' which is not "
                                "available here",
                                fetch, expr::where_names(e.needs)));
  return false;
}

void resolve_references(const expr::References& references, const model::Model& model, config::Diagnostics& diag) {
  std::vector<const expr::Reference*> missing;
  std::vector<std::string> problems = expr::resolve(references, model, missing);
  std::vector<Str> names;
  names.reserve(model.pools.size());
  for (const model::Pool* p : model.pools) names.push_back(p->name);
  for (size_t i = 0; i < problems.size(); i++) {
    Str near = config::nearest(missing[i]->name, names);
    diag.error(missing[i]->where, problems[i],
               near.empty() || near == missing[i]->name ? std::string{} : fmt::format("did you mean '{}'?", near));
  }
}

config::Where at_byte(const config::Word& word, size_t at, size_t length) {
  config::Where w = word.where;
  if (w.length < word.text.size()) return w;
  uint32_t quote = w.length == word.text.size() + 2 ? 1 : 0;
  w.column += static_cast<uint32_t>(at) + quote;
  w.length = static_cast<uint32_t>(length);
  return w;
}

}  // namespace weir::haproxy
