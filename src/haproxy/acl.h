#pragma once
// ACLs and conditions (configuration.txt 7): `acl NAME criterion flags values`, and what stands behind `if` and
// `unless`. A compiled condition is read-only, lives in the model's arena, and its evaluation allocates nothing beyond
// what its fetches take from ctx.arena.
#include <cstdint>
#include <span>
#include <vector>

#include "config/tree.h"
#include "expr/fetch.h"
#include "expr/pattern.h"
#include "haproxy/sample.h"

namespace weir::haproxy {

// The values are such that `|` is or, `&` is and, and 3 >> x is not.
enum class Outcome : uint8_t {
  no = 0,
  unknown = 1,  // not before more data comes (content inspection, ctx.final false)
  yes = 3,
};

// One criterion with its patterns.
struct AclExpr {
  const expr::Expr* sample = nullptr;
  const expr::PatternList* patterns = nullptr;  // null: found
  const expr::PatternList* const* more = nullptr;  // further lists (-f); null-terminated, or null
  expr::Method method = expr::Method::found;
  Str keyword;
  config::Where where;

  Outcome test(const expr::Ctx& ctx) const;
};

// Criteria of one name; one of them is enough.
struct Acl {
  Str name;  // empty: anonymous
  ArenaList<AclExpr> exprs;
  uint16_t needs = expr::kAnywhere;  // bits of all its expressions
  bool anywhere = false;  // one of them works everywhere

  Outcome test(const expr::Ctx& ctx) const;
  bool usable(const Place& place) const { return anywhere || (needs & place.provides); }
};

struct Condition {
  struct Term {
    const Acl* acl;
    bool negated;
  };
  ArenaList<ArenaList<Term>> suites;  // or of ands
  bool unless = false;
  config::Where where;
  Str text;

  // What `if`/`unless` decides; what is unknown counts as not true.
  bool eval(const expr::Ctx& ctx) const { return test(ctx) == Outcome::yes; }
  Outcome test(const expr::Ctx& ctx) const;
};

// A condition that may be missing.
inline bool holds(const Condition* c, const expr::Ctx& ctx) {
  return !c || c->eval(ctx);
}

// The ACLs that a proxy knows. Configuration time only.
class Acls {
 public:
  // `acl NAME criterion …`: all words of the directive. Problems are reported; false after an error.
  bool define(const config::Directive& directive, ParseEnv& env);
  // `words` starts with `if` or `unless` and goes to the end of the line. Warns about ACLs that can never match at
  // `place`. Null after an error.
  const Condition* condition(std::span<const config::Word> words, const Place& place, ParseEnv& env);
  // A condition without its `if`, for the acl() fetch and the runtime.
  const Condition* parse_terms(std::span<const config::Word> words, ParseEnv& env);

  // A defined or predefined ACL of that name, null when there is none; predefined ones are made when first used.
  const Acl* find(Str name, ParseEnv& env);
  std::vector<Str> names() const;
  // All conditions of the section's lines, in their order.
  const std::vector<const Condition*>& conditions() const { return conditions_; }

 private:
  Acl* known(Str name) const;
  Acl* predefined(Str name, ParseEnv& env);
  const Acl* term(std::span<const config::Word> words, size_t& at, Str word, ParseEnv& env);
  Acl* add(Str name, std::span<const config::Word> words, ParseEnv& env);

  std::vector<Acl*> acls_;
  std::vector<const Condition*> conditions_;
};

// The index of `if` or `unless` among the words from `from` on, or words.size().
size_t find_condition(std::span<const config::Word> words, size_t from);

// An ACL keyword that stands for a fetch with a way of matching ("path_beg").
struct AclKeyword {
  Str name;
  Str fetch;
  expr::Method method;
};
std::span<const AclKeyword> acl_keywords();

}  // namespace weir::haproxy
