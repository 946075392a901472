#pragma once
// HAProxy's variables: `proc.`, `sess.`, `txn.`, `req.`, `res.` and `check.` names. A name is interned once, when it is
// parsed, to a scope and a slot in it; reading one is an index. Values of transaction scopes live in the transaction's
// arena, those of a session in a table of its own memory, process-wide ones here behind a lock.
// The owner of a transaction or session gives its tables out through expr::hooks.variables.
#include <cstdint>
#include <span>
#include <string>

#include "base/arena.h"
#include "base/str.h"
#include "expr/fetch.h"
#include "expr/value.h"

namespace weir::expr {

enum class Scope : uint8_t { proc, sess, txn, req, res, check };
inline constexpr int kScopeCount = 6;

struct Variable {
  Scope scope = Scope::txn;
  bool parent = false;  // ptxn. and its like: read only, of the transaction that started this one
  uint32_t slot = 0;  // dense in its scope
  Str name;  // with its scope: "txn.foo"
};

// The variable of that name, made when it is new. Null, with a reason, when the scope or a character is not allowed.
// From any thread; what it returns lives as long as the process.
const Variable* intern_variable(Str name, std::string& error);
// Null when nothing has that name.
const Variable* find_variable(Str name);

// The values of one scope of one owner. With an arena, values are copied there and go with it; without, the table owns
// their memory (sessions: a value that is set again and again must not grow).
class VarTable {
 public:
  explicit VarTable(Arena* arena = nullptr) : arena_(arena) {}
  ~VarTable() { clear(); }
  VarTable(const VarTable&) = delete;
  VarTable& operator=(const VarTable&) = delete;

  void bind(Arena* arena) { arena_ = arena; }
  const Value* get(uint32_t slot) const {
    return slot < size_ && entries_[slot].value.present() ? &entries_[slot].value : nullptr;
  }
  // Whether it was ever set here, even if it is unset by now.
  bool exists(uint32_t slot) const { return slot < size_ && entries_[slot].known; }
  void set(uint32_t slot, const Value& value);
  void unset(uint32_t slot) {
    if (slot < size_) entries_[slot].value.type = Type::absent;
  }
  void clear();  // forgets everything; frees what is not in an arena
  uint32_t size() const { return size_; }

 private:
  struct Entry {
    Value value;
    char* buffer = nullptr;
    uint32_t capacity = 0;
    bool known = false;
  };
  bool grow(uint32_t size);
  char* room(Entry& entry, size_t size);

  Arena* arena_;
  Entry* entries_ = nullptr;
  uint32_t size_ = 0;
};

// Conditions of set-var (configuration.txt, "set-var"): all of them must hold.
enum SetIf : uint8_t {
  kIfExists = 1 << 0,  // it was set before (process-wide ones: it is named in the configuration)
  kIfNotExists = 1 << 1,
  kIfEmpty = 1 << 2,  // the new value is empty
  kIfNotEmpty = 1 << 3,
  kIfSet = 1 << 4,  // it has a value now
  kIfNotSet = 1 << 5,
  kIfGreater = 1 << 6,  // the current value is greater than the new one
  kIfLess = 1 << 7,
};
// The bit for "ifexists" and its like; 0 for an unknown word.
uint8_t set_condition(Str word);

// False: not set, or its scope is not there (txn without a transaction). Values of `proc` are copied to ctx.arena;
// others stay valid until the variable is set again.
bool get_variable(const Ctx& ctx, const Variable& variable, Value& out);
bool set_variable(const Ctx& ctx, const Variable& variable, const Value& value, uint8_t conditions = 0);
bool unset_variable(const Ctx& ctx, const Variable& variable);

// Process-wide variables before there is any context: global `set-var` and the runtime socket.
bool get_proc_variable(const Variable& variable, Value& out, Arena& arena);
void set_proc_variable(const Variable& variable, const Value& value);

// All variables that have been interned so far, for `dump_all_vars` and the runtime socket. Fills `out` and returns how
// many.
size_t list_variables(std::span<const Variable*> out);

}  // namespace weir::expr
