// Variables and texts with variables; see nginx/script.h.
#include "nginx/script.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/place.h"
#include "nginx/request.h"

namespace weir::nginx {
namespace {

std::unordered_map<std::string, const VariableDef*>& builtins() {
  static std::unordered_map<std::string, const VariableDef*> table;
  return table;
}

// The longest built-in prefix ("http_", "upstream_http_") that `name` starts with.
const VariableDef* find_prefix(Str name) {
  for (size_t n = name.size(); n > 0; n--) {
    if (name[n - 1] != '_') continue;
    auto it = builtins().find(std::string(name.substr(0, n)));
    if (it != builtins().end()) return it->second;
  }
  return nullptr;
}

void bind_builtin(Arena& arena, Variable& v) {
  auto it = builtins().find(std::string(v.name));
  const VariableDef* def = it != builtins().end() && v.name.back() != '_' ? it->second : nullptr;
  Str rest;
  if (!def && v.name.size() > 1 && (def = find_prefix(v.name))) rest = v.name.substr(def->name.size());
  if (!def) return;
  auto* args = arena.make<expr::Arg>();
  args->str = rest;
  args->present = !rest.empty();
  v.fetch = def->fetch;
  v.args = args;
  v.cacheable = def->cacheable;
  v.changeable = def->changeable;
  v.assign = def->assign;
  v.defined = def->fetch != nullptr;
  v.planned = !v.defined;
}

bool is_name_char(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c) || c == '_';
}

// The place of `$name` or `${name}` inside the word at `word`; the word's own when it is not found in the source.
config::Where place_in_word(const config::Where& word, Str name) {
  std::string raw;
  for (char c : config::text_at(word).substr(0, word.length)) raw += lower(c);
  for (size_t at = raw.find('$'); at != std::string::npos; at = raw.find('$', at + 1)) {
    size_t braces = at + 1 < raw.size() && raw[at + 1] == '{' ? 1 : 0;
    Str rest = Str(raw).substr(at + 1 + braces);
    if (rest.starts_with(name) && (rest.size() == name.size() || !is_name_char(rest[name.size()])))
      return config::inside(word, at, 1 + braces + name.size() + braces);
  }
  return word;
}

constexpr uint8_t kCached = 1;
constexpr uint8_t kMissing = 2;

}  // namespace

void Variables::add_builtins(std::span<const VariableDef> table) {
  for (const VariableDef& d : table) builtins()[std::string(d.name)] = &d;
}

Variable* Variables::find(Str name) const {
  auto it = by_name_.find(std::string(name));
  return it == by_name_.end() ? nullptr : it->second;
}

Variable* Variables::use(Arena& arena, Str name, config::Where where) {
  std::string key;
  for (char c : name) key += lower(c);
  Variable*& v = by_name_[key];
  if (!v) {
    v = arena.own<Variable>();
    v->name = arena.dup(key);
    v->slot = static_cast<int>(slots_++);
    bind_builtin(arena, *v);
  }
  if (!v->used.source) v->used = where;
  if (v->planned && where.source) v->uses.push_back(where);
  return v;
}

Variable* Variables::define(Arena& arena, Str name, expr::FetchFn fetch, const void* object, bool cacheable) {
  Variable* v = use(arena, name, {});
  v->defined = true;
  v->cacheable = cacheable;
  v->changeable = true;
  v->fetch = fetch;
  auto* args = arena.make<expr::Arg>();
  args->object = object;
  v->args = args;
  return v;
}

void Variables::promise(Arena& arena, Str word) {
  if (word.size() < 2 || word[0] != '$') return;
  Str name = word.substr(1);
  if (std::all_of(name.begin(), name.end(), is_name_char)) use(arena, name, {})->promised = true;
}

void Variables::resolve(config::Diagnostics& diag) {
  std::vector<Str> known;
  for (auto& [name, def] : builtins()) known.push_back(name);
  for (auto& [name, v] : by_name_)
    if (v->defined) known.push_back(v->name);
  std::vector<const Variable*> undefined;
  for (auto& [name, v] : by_name_)
    if (!v->defined && !v->promised && v->used.source) undefined.push_back(v);
  std::sort(undefined.begin(), undefined.end(), [](const Variable* a, const Variable* b) { return a->name < b->name; });
  for (const Variable* v : undefined) {
    for (const config::Where& use : v->uses)
      diag.add(config::Severity::planned, place_in_word(use, v->name), fmt::format("not yet: ${}", v->name), {});
    if (v->planned) continue;
    config::Where where = place_in_word(v->used, v->name);
    Str near = config::nearest(v->name, known);
    diag.error(where, fmt::format("unknown \"{}\" variable", v->name),
               near.empty() ? "define it with set, map or geo"
                            : fmt::format("did you mean ${}? Else define it with set, map or geo", near));
  }
}

const Script* compile_script(Arena& arena, Variables& variables, Str text, config::Where where,
                             config::Diagnostics& diag) {
  ArenaList<Script::Part> parts;
  std::string literal;
  auto flush = [&] {
    if (!literal.empty()) parts.push(arena, {arena.dup(literal), nullptr, -1});
    literal.clear();
  };
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      literal += text[i++];
      continue;
    }
    size_t begin = i + 1;
    bool braces = begin < text.size() && text[begin] == '{';
    if (braces) begin++;
    if (!braces && begin < text.size() && text[begin] >= '1' && text[begin] <= '9') {
      flush();
      parts.push(arena, {{}, nullptr, text[begin] - '0'});
      i = begin + 1;
      continue;
    }
    size_t end = begin;
    while (end < text.size() && is_name_char(text[end])) end++;
    Str name = text.substr(begin, end - begin);
    if (braces && (end >= text.size() || text[end] != '}')) {
      diag.error(where, fmt::format("the closing bracket in \"{}\" variable is missing", name), "close it with }");
      break;
    }
    if (name.empty()) {
      diag.error(where, "invalid variable name", "a $ must be followed by a variable's name");
      break;
    }
    flush();
    if (braces && name.size() == 1 && name[0] >= '1' && name[0] <= '9')
      parts.push(arena, {{}, nullptr, name[0] - '0'});
    else
      parts.push(arena, {{}, variables.use(arena, name, where), -1});
    i = end + (braces ? 1 : 0);
  }
  flush();
  auto* script = arena.make<Script>();
  script->parts = parts.data;
  script->size = parts.size;
  script->source = arena.dup(text);
  return script;
}

bool get(proxy::Transaction& txn, const Variable& v, Value& out) {
  Value& slot = txn.slots[v.slot];
  if (slot.flags & kCached) {
    if (slot.flags & kMissing) return false;
    out = slot;
    return true;
  }
  expr::Ctx ctx{&txn, txn.client ? txn.client->conn() : nullptr, &txn.arena, txn.response_started};
  bool found = v.fetch && v.fetch(ctx, v.args, out);
  if (!v.cacheable || !v.fetch) return found;
  if (found) slot = out;
  slot.flags = found ? kCached : kCached | kMissing;
  out.flags = 0;
  return found;
}

Str get_text(proxy::Transaction& txn, const Variable& v) {
  Value out;
  if (!get(txn, v, out)) return {};
  return out.is_text() ? out.str : expr::to_text(out, txn.arena);
}

void set_slot(proxy::Transaction& txn, const Variable& v, Str value) {
  if (v.assign) return v.assign(txn, value);
  txn.slots[v.slot] = Value::of(value);
  txn.slots[v.slot].flags = kCached;
}

Str Script::eval(proxy::Transaction& txn) const {
  if (constant()) return constant_text();
  auto part_text = [&](const Part& p) {
    if (p.variable) return get_text(txn, *p.variable);
    return p.capture >= 0 ? of(txn).capture(p.capture) : p.text;
  };
  if (size == 1) return part_text(parts[0]);
  Str texts[32];
  Str* list = size <= 32 ? texts : txn.arena.array<Str>(size);
  size_t total = 0;
  for (uint32_t i = 0; i < size; i++) {
    list[i] = part_text(parts[i]);
    total += list[i].size();
  }
  char* p = txn.arena.alloc_chars(total);
  char* q = p;
  for (uint32_t i = 0; i < size; i++) q += list[i].copy(q, list[i].size());
  return {p, total};
}

}  // namespace weir::nginx
