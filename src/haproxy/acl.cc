// ACL criteria: keyword, flags, operators and values to AclExpr, and their evaluation.
#include "haproxy/acl.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "expr/tables.h"
#include "haproxy/acl_keywords.h"

namespace weir::haproxy {
namespace {

using config::Word;
using expr::Method;
using expr::PatternList;
using expr::PatternSource;
using expr::Type;

// The method for a type when none was asked for; false: there is none.
bool default_method(Type type, Method& out) {
  switch (type) {
    case Type::boolean: out = Method::boolean; return true;
    case Type::integer: out = Method::integer; return true;
    case Type::addr:
    case Type::ipv4:
    case Type::ipv6: out = Method::ip; return true;
    case Type::string: out = Method::str; return true;
    default: return false;
  }
}

bool own_method(Method m) {
  return m != Method::str && m != Method::integer && m != Method::bin;
}

// Parses one criterion from its words.
class Criterion {
 public:
  Criterion(std::span<const Word> words, ParseEnv& env) : words_(words), env_(env) {}

  bool parse(AclExpr& out) {
    out.where = words_[0].where;
    if (!sample(out)) return false;
    out.keyword = env_.arena.dup(keyword_);
    if (is_planned(*out.sample)) return true;
    warn_without_patterns(out);
    if (!flags() || !values()) return false;
    warn_about_method();
    out.method = method_;
    return lists(out);
  }

 private:
  bool error(const Word& at, std::string text, std::string remedy = {}) {
    env_.diag.error(at.where, std::move(text), std::move(remedy));
    return false;
  }

  bool sample(AclExpr& out) {
    const Word& first = words_[0];
    Str text = first.text;
    // A comma at the end: the next word goes on with a converter.
    for (; text.ends_with(',') && words_.size() > 1; words_ = words_.subspan(1))
      text = env_.arena.cat(text, words_[1].text);
    keyword_ = text.substr(0, text.find_first_of("(,"));
    acl_keyword_ = find_acl_keyword(keyword_);
    size_t shift = 0;
    if (acl_keyword_) {
      text = env_.arena.cat(acl_keyword_->fetch, text.substr(keyword_.size()));
      shift = acl_keyword_->fetch.size() - keyword_.size();
    }
    SampleError problem;
    out.sample = parse_sample_text(text, env_, first.where, problem);
    if (!out.sample) {
      size_t at = problem.at > shift || shift > text.size() ? problem.at - shift : 0;
      suggest(problem);
      env_.diag.error(at_byte(first, at, problem.length),
                      fmt::format("{} in ACL expression '{}'", problem.text, first.text), problem.remedy);
      return false;
    }
    type_ = out.sample->type;
    if (acl_keyword_ && !out.sample->call_count) {
      method_ = acl_keyword_->method;
      known_ = true;
    } else {
      known_ = default_method(type_, method_);
    }
    return true;
  }

  // ACL keywords are no fetches, so the parser of samples cannot name them.
  void suggest(SampleError& problem) const {
    if (!problem.text.starts_with("unknown fetch")) return;
    std::vector<Str> names = expr::fetch_names();
    for (const AclKeyword& k : acl_keywords()) names.push_back(k.name);
    Str near = config::nearest(keyword_, names);
    if (!near.empty()) problem.remedy = fmt::format("did you mean '{}'?", near);
  }

  void warn_without_patterns(const AclExpr&) {
    if (!known_ || type_ == Type::boolean || words_.size() > 1) return;
    env_.diag.warning(words_[0].where, "no pattern to match against were provided, so this ACL will never match",
                      "write '--' if that is meant, '-m found' to test for existence, '-m bool' to test a number");
  }
  void warn_about_method() {
    if (acl_keyword_ && forced_ && own_method(acl_keyword_->method) && method_ != acl_keyword_->method)
      env_.diag.warning(words_[0].where,
                        fmt::format("original matching method '{}' was overwritten and will not be applied as expected",
                                    acl_keyword_->name));
  }

  bool flags() {
    for (at_ = 1; at_ < words_.size() && words_[at_].text.starts_with('-'); at_++) {
      const Word& w = words_[at_];
      if (w == "--") {
        at_++;
        break;
      }
      if (w == "-i")
        icase_ = true;
      else if (w == "-n")
        resolve_ = false;
      else if (w == "-M")
        map_ = true;
      else if (w == "-f" || w == "-m" || w == "-u") {
        if (at_ + 1 >= words_.size()) return error(w, fmt::format("'{}' needs an argument", w.text));
        const Word& value = words_[++at_];
        if (!(w == "-f" ? file(value) : w == "-m" ? match(value) : unique_id(value))) return false;
      } else {
        return error(w, fmt::format("'{}' is not a valid ACL option", w.text),
                     "use '--' before a pattern that begins with '-'");
      }
    }
    if (!known_) return needs_method(words_[0]);
    return true;
  }

  bool needs_method(const Word& w) {
    return error(
        w, fmt::format("matching method must be specified first (using '-m') when using a sample fetch of this type "
                       "('{}')",
                       keyword_));
  }

  bool match(const Word& name) {
    if (!files_.empty())
      return error(name, "'-m' must only be specified before patterns and files in parsing ACL expression");
    if (forced_) return error(name, "only one explicit matching method can be defined with '-m' parameter");
    Method wanted;
    if (!expr::method_from_name(name.text, wanted))
      return error(name, fmt::format("unknown matching method '{}' when parsing ACL expression", name.text),
                   "found, bool, int, ip, bin, len, str, beg, sub, dir, dom, end, reg and regm are known");
    if (wanted != Method::found && !expr::can_cast(type_, expr::method_type(wanted)))
      return error(name,
                   fmt::format("matching method '{}' cannot be used with fetch keyword '{}'", name.text, keyword_));
    method_ = wanted;
    known_ = forced_ = true;
    return true;
  }

  bool file(const Word& name) {
    if (!known_) return needs_method(name);
    files_.push_back(&name);
    return true;
  }

  bool unique_id(const Word& text) {
    auto n = parse_u64(text.text);
    if (!n || *n > INT32_MAX) return error(text, "the argument of -u must be an integer");
    if (env_.patterns && env_.patterns->find(static_cast<int>(*n))) return error(text, "the id is already used");
    id_ = static_cast<int>(*n);
    return true;
  }

  // Words to pattern texts; operators in front of numbers become ranges.
  bool values() {
    enum Operator { eq, gt, ge, lt, le } op = eq;
    const bool numbers = method_ == Method::integer || method_ == Method::len || method_ == Method::version;
    for (; at_ < words_.size(); at_++) {
      const Word& w = words_[at_];
      if (numbers) {
        static constexpr Str kOperators[] = {"eq", "gt", "ge", "lt", "le"};
        auto it = std::find(std::begin(kOperators), std::end(kOperators), w.text);
        if (it != std::end(kOperators)) {
          op = static_cast<Operator>(it - std::begin(kOperators));
          continue;
        }
      }
      std::string text(w.text);
      bool is_range = w.text.find_first_of(":-") != Str::npos;
      if (op != eq && is_range) warn_about_range(w);
      if (op != eq && !is_range && !range(w, op == gt || op == lt, op == gt || op == ge, text)) return false;
      texts_.push_back({std::move(text), {}, 0});
      origins_.push_back(&w);
    }
    return true;
  }

  // HAProxy takes what contains one of these for a range, whatever operator stands before it.
  void warn_about_range(const Word& w) {
    bool negative = w.text.starts_with('-');
    env_.diag.warning(w.where,
                      negative
                          ? fmt::format("'{}' is read as the range up to {}; the operator before it does not count",
                                        w.text, w.text.substr(1))
                          : fmt::format("'{}' is a range; the operator before it does not count", w.text),
                      negative ? "negative numbers cannot be compared with: add an offset with a converter first" : "");
  }

  // "gt 5" as "6:", "le 5" as ":5", for dotted numbers likewise.
  bool range(const Word& w, bool strict, bool above, std::string& text) {
    Str minor = w.text;
    Str major = cut(minor, '.');
    bool dotted = method_ == Method::version;
    auto high = parse_u64(dotted ? major : w.text);
    auto low = dotted && !minor.empty() ? parse_u64(minor) : std::optional<uint64_t>{0};
    if (!high || !low) return error(w, fmt::format("'{}' is neither a number nor eq, gt, ge, lt or le", w.text));
    int64_t n = static_cast<int64_t>(dotted ? *high << 16 | *low : *high);
    if (strict) n += above ? 1 : -1;
    std::string number = dotted ? fmt::format("{}.{}", n >> 16, n & 0xffff) : fmt::format("{}", n);
    text = above ? number + ":" : ":" + number;
    return true;
  }

  Str file_name() const {
    const auto* source = words_[0].where.source;
    return source ? Str(source->path) : Str{};
  }

  PatternList* list_of(PatternSource& source, std::string& problem) {
    source.is_acl = true;
    return source.list(method_, icase_, resolve_, Type::string, problem);
  }

  bool lists(AclExpr& out) {
    if (method_ == Method::found || method_ == Method::boolean) return true;
    if (!env_.patterns) return error(words_[0], "patterns are not allowed here");
    std::vector<const PatternList*> lists;
    std::string problem;
    if (!texts_.empty() || files_.empty()) {
      PatternSource* source = env_.patterns->inline_source();
      source->id = id_;
      source->texts = texts_;
      source->description = fmt::format("acl '{}' file '{}' line {}", keyword_, file_name(), words_[0].where.line);
      PatternList* list = list_of(*source, problem);
      if (!list) return error(first_bad(problem), problem);
      lists.push_back(list);
    }
    for (const Word* name : files_) {
      PatternSource* source = env_.patterns->file(name->text, map_, problem);
      if (source) source->used_by("acl", file_name(), name->where.line);
      PatternList* list = source ? list_of(*source, problem) : nullptr;
      if (!list) return error(*name, problem);
      lists.push_back(list);
    }
    out.patterns = lists[0];
    if (lists.size() > 1) {
      auto** more = env_.arena.array<const PatternList*>(lists.size());
      std::copy(lists.begin() + 1, lists.end(), more);
      out.more = more;
    }
    return true;
  }

  // The word that a problem is about: the one that it quotes.
  const Word& first_bad(Str problem) const {
    for (size_t i = 0; i < texts_.size(); i++)
      if (problem.find("'" + texts_[i].key + "'") != Str::npos) return *origins_[i];
    return words_[0];
  }

  std::span<const Word> words_;
  ParseEnv& env_;
  Str keyword_;
  const AclKeyword* acl_keyword_ = nullptr;
  Type type_ = Type::string;
  Method method_ = Method::str;
  bool known_ = false;
  bool forced_ = false;
  bool icase_ = false;
  bool resolve_ = true;
  bool map_ = false;
  int id_ = -1;
  size_t at_ = 1;
  std::vector<const Word*> files_;
  std::vector<expr::PatternSet::Text> texts_;
  std::vector<const Word*> origins_;
};

bool name_char(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || c == '-' || c == '.' || c == ':';
}

bool matches(const AclExpr& e, expr::Value& v, Arena& arena) {
  if (e.method == Method::found) return true;
  if (!expr::cast(v, expr::method_type(e.method), arena)) return false;
  if (e.method == Method::boolean) return v.integer != 0;
  if (e.patterns->find(v)) return true;
  for (const PatternList* const* more = e.more; more && *more; more++)
    if ((*more)->find(v)) return true;
  return false;
}

}  // namespace

Outcome AclExpr::test(const expr::Ctx& outer) const {
  expr::Iteration iteration;
  bool may_change = false;
  expr::Ctx ctx = outer;
  ctx.iteration = &iteration;
  ctx.may_change = &may_change;
  do {
    iteration.more = false;
    expr::Value v;
    if (sample->eval(ctx, v) && matches(*this, v, *ctx.arena)) return Outcome::yes;
  } while (iteration.more);
  return may_change && !ctx.final ? Outcome::unknown : Outcome::no;
}

Outcome Acl::test(const expr::Ctx& ctx) const {
  int result = 0;
  for (const AclExpr& e : exprs) {
    result |= static_cast<int>(e.test(ctx));
    if (result == static_cast<int>(Outcome::yes)) break;
  }
  return static_cast<Outcome>(result);
}

Acl* Acls::known(Str name) const {
  for (Acl* a : acls_)
    if (a->name == name) return a;
  return nullptr;
}

// Adds a criterion to the ACL of that name; anonymous ones stand alone.
Acl* Acls::add(Str name, std::span<const Word> words, ParseEnv& env) {
  AclExpr e;
  if (!Criterion(words, env).parse(e)) return nullptr;
  Acl* acl = name.empty() ? nullptr : known(name);
  if (!acl) {
    acl = env.arena.make<Acl>();
    acl->name = env.arena.dup(name);
    if (!name.empty()) acls_.push_back(acl);
  }
  acl->exprs.push(env.arena, e);
  acl->needs |= e.sample->needs;
  acl->anywhere |= e.sample->needs == expr::kAnywhere;
  return acl;
}

bool Acls::define(const config::Directive& directive, ParseEnv& env) {
  std::span<const Word> words(directive.words);
  if (words.size() < 3) {
    env.diag.error(directive.where, "missing fetch method in ACL expression",
                   "acl <name> <criterion> [flags] [values]");
    return false;
  }
  const Word& name = words[1];
  auto bad = std::find_if_not(name.text.begin(), name.text.end(), name_char);
  if (bad != name.text.end()) {
    env.diag.error(name.where, fmt::format("invalid character in ACL name : '{}'", *bad));
    return false;
  }
  if (iequals(name.text, "or")) {
    env.diag.error(name.where,
                   fmt::format("acl name '{}' will never match. 'or' is used to express a disjunction within a "
                               "condition",
                               name.text));
    return false;
  }
  if (words.size() > 3 && words[2].text.find('(') == Str::npos && words[3].text.starts_with('('))
    env.diag.warning(words[3].where,
                     fmt::format("matching '{}' for pattern '{}' is likely a mistake and probably not what you "
                                 "want",
                                 words[2].text, words[3].text),
                     "remove the space before '(', or write '--' in front of it");
  if (add(name.text, words.subspan(2), env)) return true;
  // Conditions that name it are no further errors.
  if (!known(name.text)) {
    Acl* broken = env.arena.make<Acl>();
    broken->name = env.arena.dup(name.text);
    acls_.push_back(broken);
  }
  return false;
}

Acl* Acls::predefined(Str name, ParseEnv& env) {
  for (const PredefinedAcl& p : predefined_acls()) {
    if (p.name != name) continue;
    std::vector<Word> words;
    for (Str w : p.words)
      if (!w.empty()) words.push_back({w, config::Quote::none, {}});
    return add(p.name, words, env);
  }
  return nullptr;
}

const Acl* Acls::find(Str name, ParseEnv& env) {
  Acl* acl = known(name);
  return acl ? acl : predefined(name, env);
}

std::vector<Str> Acls::names() const {
  std::vector<Str> out;
  out.reserve(acls_.size() + predefined_acls().size());
  for (const Acl* a : acls_) out.push_back(a->name);
  for (const PredefinedAcl& p : predefined_acls()) out.push_back(p.name);
  return out;
}

}  // namespace weir::haproxy
