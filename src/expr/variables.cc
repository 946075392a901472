// Names and values of variables. Names are interned under a lock at configuration time (and by scripts at run time);
// what is handed out never changes or moves, so the data path takes no lock except for values of scope `proc`.
#include "expr/variables.h"

#include <fmt/format.h>

#include <deque>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "base/fault.h"
#include "expr/hooks.h"
#include "proxy/transaction.h"

namespace weir::expr {
namespace {

struct ScopeWord {
  Str word;
  Scope scope;
  bool parent;
};
constexpr ScopeWord kScopes[] = {
    {"proc.", Scope::proc, false}, {"sess.", Scope::sess, false}, {"txn.", Scope::txn, false},
    {"req.", Scope::req, false},   {"res.", Scope::res, false},   {"check.", Scope::check, false},
    {"psess.", Scope::sess, true}, {"ptxn.", Scope::txn, true},   {"preq.", Scope::req, true},
    {"pres.", Scope::res, true},
};

struct Names {
  std::shared_mutex lock;
  std::deque<std::string> texts;
  std::deque<Variable> all;
  std::unordered_map<Str, Variable*> by_name;
  uint32_t slots[kScopeCount] = {};
};
Names& names() {
  static Names n;
  return n;
}

struct Process {
  std::shared_mutex lock;
  VarTable table;
};
Process& process() {
  static Process p;
  return p;
}

const ScopeWord* scope_of(Str name) {
  for (const ScopeWord& s : kScopes)
    if (name.size() > s.word.size() && name.starts_with(s.word)) return &s;
  return nullptr;
}

// The lock is held.
Variable& add_name(Names& n, Str name, const ScopeWord& scope) {
  Variable v{scope.scope, scope.parent, 0, n.texts.emplace_back(name)};
  std::string own = std::string(name.substr(scope.parent ? 1 : 0));
  auto it = scope.parent ? n.by_name.find(own) : n.by_name.end();
  if (it != n.by_name.end()) {
    v.slot = it->second->slot;
  } else if (scope.parent) {
    v.slot = add_name(n, own, *scope_of(own)).slot;
  } else {
    v.slot = n.slots[static_cast<int>(scope.scope)]++;
  }
  Variable& kept = n.all.emplace_back(v);
  n.by_name.emplace(kept.name, &kept);
  return kept;
}

VarTable* table_of(const Ctx& ctx, const Variable& v) {
  if (!hooks.variables) return nullptr;
  if (!v.parent) return hooks.variables(ctx, v.scope);
  if (!ctx.txn || !ctx.txn->parent) return nullptr;
  Ctx up = ctx;
  up.txn = ctx.txn->parent;
  return hooks.variables(up, v.scope);
}

Value copy_of(const Value& v, Arena& arena) {
  Value out = v;
  if (out.is_text()) out.str = arena.dup(out.str);
  return out;
}

bool allowed(const VarTable& table, uint32_t slot, const Value& value, uint8_t conditions, bool exists) {
  if ((conditions & kIfExists && !exists) || (conditions & kIfNotExists && exists)) return false;
  const Value* now = table.get(slot);
  if ((conditions & kIfSet && !now) || (conditions & kIfNotSet && now)) return false;
  if (conditions & kIfEmpty && !(value.is_text() && value.str.empty())) return false;
  if (conditions & kIfNotEmpty && value.is_text() && value.str.empty()) return false;
  if (now && now->type == Type::integer && value.type == Type::integer) {
    if (conditions & kIfGreater && !(now->integer > value.integer)) return false;
    if (conditions & kIfLess && !(now->integer < value.integer)) return false;
  }
  return true;
}

}  // namespace

const Variable* intern_variable(Str name, std::string& error) {
  const ScopeWord* scope = scope_of(name);
  if (!scope) {
    error = fmt::format(
        "invalid variable name '{}'. A variable name must start with its scope. The scope can be 'proc', "
        "'(p)sess', '(p)txn', '(p)req', '(p)res' or 'check'",
        name);
    return nullptr;
  }
  for (char c : name.substr(scope->word.size())) {
    bool good = is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || c == '.';
    if (good) continue;
    error = fmt::format("invalid syntax at char '{}'", c);
    return nullptr;
  }
  if (const Variable* known = find_variable(name)) return known;
  Names& n = names();
  std::unique_lock lock(n.lock);
  auto it = n.by_name.find(name);
  return it != n.by_name.end() ? it->second : &add_name(n, name, *scope);
}

const Variable* find_variable(Str name) {
  Names& n = names();
  std::shared_lock lock(n.lock);
  auto it = n.by_name.find(name);
  return it == n.by_name.end() ? nullptr : it->second;
}

size_t list_variables(std::span<const Variable*> out) {
  Names& n = names();
  std::shared_lock lock(n.lock);
  size_t count = 0;
  for (const Variable& v : n.all)
    if (count < out.size()) out[count++] = &v;
  return count;
}

bool VarTable::grow(uint32_t size) {
  uint32_t wanted = size < 8 ? 8 : size * 2;
  size_t bytes = sizeof(Entry) * wanted;
  void* memory = arena_ ? arena_->alloc(bytes, alignof(Entry)) : malloc(bytes);
  if (!memory) return false;
  auto* entries = static_cast<Entry*>(memory);
  if (size_) memcpy(static_cast<void*>(entries), entries_, sizeof(Entry) * size_);
  for (uint32_t i = size_; i < wanted; i++) new (entries + i) Entry();
  if (!arena_) free(entries_);
  entries_ = entries;
  size_ = wanted;
  return true;
}

// A buffer for `size` bytes that belongs to the entry; null without memory. Reused, so that setting a variable again and
// again stays flat.
char* VarTable::room(Entry& entry, size_t size) {
  if (size <= entry.capacity && entry.buffer) return entry.buffer;
  size_t wanted = size < 32 ? 32 : size;
  if (arena_) {
    entry.buffer = arena_->alloc_chars(wanted);
  } else {
    free(entry.buffer);
    entry.buffer = static_cast<char*>(fault::malloc(fault::Site::alloc_variable, wanted));
    entry.capacity = 0;
    if (!entry.buffer) return nullptr;
  }
  entry.capacity = static_cast<uint32_t>(wanted);
  return entry.buffer;
}

void VarTable::set(uint32_t slot, const Value& value) {
  if (slot >= size_ && !grow(slot + 1)) return;
  Entry& entry = entries_[slot];
  entry.known = true;
  if (!value.is_text()) {
    entry.value = value;
    return;
  }
  // The new text may be a part of the old one.
  bool inside = entry.buffer && value.str.data() >= entry.buffer && value.str.data() < entry.buffer + entry.capacity;
  char* p = inside ? entry.buffer : room(entry, value.str.size());
  if (!p) {
    entry.known = false;
    return;
  }
  if (!value.str.empty()) memmove(p, value.str.data(), value.str.size());
  entry.value = value;
  entry.value.str = {p, value.str.size()};
}

void VarTable::clear() {
  if (!arena_) {
    for (uint32_t i = 0; i < size_; i++) free(entries_[i].buffer);
    free(entries_);
  }
  entries_ = nullptr;
  size_ = 0;
}

uint8_t set_condition(Str word) {
  static constexpr Str kWords[] = {"ifexists", "ifnotexists", "ifempty", "ifnotempty",
                                   "ifset",    "ifnotset",    "ifgt",    "iflt"};
  for (size_t i = 0; i < std::size(kWords); i++)
    if (word == kWords[i]) return static_cast<uint8_t>(1 << i);
  return 0;
}

bool get_variable(const Ctx& ctx, const Variable& variable, Value& out) {
  if (variable.scope == Scope::proc) return get_proc_variable(variable, out, *ctx.arena);
  const VarTable* table = table_of(ctx, variable);
  const Value* value = table ? table->get(variable.slot) : nullptr;
  if (!value) return false;
  out = *value;
  return true;
}

bool set_variable(const Ctx& ctx, const Variable& variable, const Value& value, uint8_t conditions) {
  if (variable.parent) return false;
  if (variable.scope == Scope::proc) {
    Process& p = process();
    std::unique_lock lock(p.lock);
    if (!allowed(p.table, variable.slot, value, conditions, true)) return false;
    p.table.set(variable.slot, value);
    return true;
  }
  VarTable* table = table_of(ctx, variable);
  if (!table || !allowed(*table, variable.slot, value, conditions, table->exists(variable.slot))) return false;
  table->set(variable.slot, value);
  return true;
}

bool unset_variable(const Ctx& ctx, const Variable& variable) {
  if (variable.parent) return false;
  if (variable.scope == Scope::proc) {
    Process& p = process();
    std::unique_lock lock(p.lock);
    p.table.unset(variable.slot);
    return true;
  }
  VarTable* table = table_of(ctx, variable);
  if (!table) return false;
  table->unset(variable.slot);
  return true;
}

bool get_proc_variable(const Variable& variable, Value& out, Arena& arena) {
  Process& p = process();
  std::shared_lock lock(p.lock);
  const Value* value = p.table.get(variable.slot);
  if (!value) return false;
  out = copy_of(*value, arena);
  return true;
}

void set_proc_variable(const Variable& variable, const Value& value) {
  Process& p = process();
  std::unique_lock lock(p.lock);
  p.table.set(variable.slot, value);
}

}  // namespace weir::expr
