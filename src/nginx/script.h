#pragma once
// nginx variables and texts with variables. A variable is a fetch with a name; those that are used get a slot in the
// transaction, where the value is kept once computed unless it may change (`volatile`). Names are resolved after the whole
// file was read, because `set`, `map` and named captures may define them later.
#include <string>
#include <unordered_map>
#include <vector>

#include "config/diag.h"
#include "expr/fetch.h"

namespace weir::nginx {

using expr::Value;

struct Variable {
  Str name;
  expr::FetchFn fetch = nullptr;
  const expr::Arg* args = nullptr;  // args[0].str: what follows the prefix for "http_" …; args[0].object: the definer's
  int slot = -1;
  bool cacheable = true;
  bool changeable = false;  // `set` may assign to a built-in one
  bool defined = false;
  bool planned = false;  // of a module that is not built yet: known, and never found
  bool promised = false;  // a directive that is not built yet, or unknown, may define it
  std::vector<config::Where> uses;  // of a planned one
  // Assigning to a built-in variable does this (limit_rate, args); null: the slot keeps it.
  void (*assign)(proxy::Transaction& txn, Str value) = nullptr;
  config::Where used;  // first use, for "unknown variable"
};

// A built-in variable, for tables at the bottom of feature files. A name that ends in '_' is a prefix ("http_"). One
// without a fetch is planned.
struct VariableDef {
  Str name;
  expr::FetchFn fetch;
  bool cacheable = true;
  bool changeable = false;
  void (*assign)(proxy::Transaction& txn, Str value) = nullptr;
  Str help = {};
};

class Variables {
 public:
  // The variable of that name, made on first use. `where` is kept for what is said when it stays undefined.
  Variable* use(Arena& arena, Str name, config::Where where);
  // Defines (or redefines) a variable that the configuration makes: set, map, geo, captures …
  Variable* define(Arena& arena, Str name, expr::FetchFn fetch, const void* object, bool cacheable = true);
  // A word that may define a variable (`$name`) stands in a directive that is not bound: it is not unknown then.
  void promise(Arena& arena, Str word);
  void resolve(config::Diagnostics& diag);  // unknown ones are errors
  uint32_t slots() const { return slots_; }
  Variable* find(Str name) const;
  // Built-in tables of the features; called once per load by nginx::load.
  static void add_builtins(std::span<const VariableDef> table);

 private:
  std::unordered_map<std::string, Variable*> by_name_;
  uint32_t slots_ = 0;
};

// A text with variables, compiled. One without variables is a constant.
struct Script {
  struct Part {
    Str text;
    const Variable* variable = nullptr;  // else: literal text
    int capture = -1;  // $1 … $9
  };
  const Part* parts = nullptr;
  uint32_t size = 0;
  Str source;

  bool constant() const { return size == 0 || (size == 1 && !parts[0].variable && parts[0].capture < 0); }
  Str constant_text() const { return size ? parts[0].text : Str{}; }
  // The text for this transaction; in its arena or the model. Absent variables are empty.
  Str eval(proxy::Transaction& txn) const;
};

// Compiles a word; problems ("invalid variable name") are reported at `where`.
const Script* compile_script(Arena& arena, Variables& variables, Str text, config::Where where,
                             config::Diagnostics& diag);

// The value of one variable now. False: not found.
bool get(proxy::Transaction& txn, const Variable& v, Value& out);
// Its text; empty when not found.
Str get_text(proxy::Transaction& txn, const Variable& v);
void set_slot(proxy::Transaction& txn, const Variable& v, Str value);

}  // namespace weir::nginx
