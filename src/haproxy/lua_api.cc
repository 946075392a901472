// The functions behind txn and core, for lua/haproxy.lua, which declares them. Each works for the running call; see
// lua/api.h.
#include "lua/api.h"

#include <algorithm>
#include <unordered_map>

#include "expr/tables.h"
#include "expr/variables.h"
#include "haproxy/lua.h"
#include "haproxy/request_line.h"
#include "haproxy/rule.h"
#include "http/h1_writer.h"
#include "proxy/shard.h"

extern "C" {
// A typed value in both directions. `type`: 0 nothing, 1 boolean, 2 number, 3 text.
struct weir_lua_value {
  int type;
  double number;
  const char* data;
  size_t size;
};
}

namespace weir::haproxy {
namespace {

using expr::Type;
using expr::Value;
using lua::current;

// Expressions that scripts used, compiled. Lua holds their addresses and drops them all at once.
struct LuaExpressions final : lua::Extra {
  Arena arena;
  std::string problem;
};

LuaExpressions& expressions() {
  return current->state.extra<LuaExpressions>(config::Dialect::haproxy);
}

expr::Ctx context() {
  return context_for(*current->txn, current->response);
}

int give_value(const Value& v, bool as_text, weir_lua_value* out) {
  Arena& arena = current->txn->arena;
  if (!as_text && v.type == Type::boolean) {
    out->number = v.boolean;
    return out->type = 1;
  }
  if (!as_text && v.type == Type::integer) {
    out->number = static_cast<double>(v.integer);
    return out->type = 2;
  }
  Str s = v.is_text() ? v.str : expr::to_text(v, arena);
  out->data = s.data();
  out->size = s.size();
  return out->type = 3;
}

Value value_of(const weir_lua_value& v) {
  Arena& arena = current->txn->arena;
  switch (v.type) {
    case 1: return Value::of_bool(v.number != 0);
    case 2: return Value::of(static_cast<int64_t>(v.number));
    case 3: return Value::of(arena.dup({v.data, v.size}));
    default: return {};
  }
}

// "req.hdr" is req_hdr in Lua.
std::string lua_name(Str name) {
  std::string out(name);
  for (char& c : out)
    if (c == '.' || c == '-' || c == '+') c = '_';
  return out;
}

using Names = std::unordered_map<std::string, Str>;

Names by_lua_name(const std::vector<Str>& names) {
  Names out;
  for (Str n : names) out.emplace(lua_name(n), n);
  return out;
}

http::HeaderList& headers(int response) {
  return response ? current->txn->response.headers : current->txn->request.headers;
}

}  // namespace
}  // namespace weir::haproxy

using namespace weir;
using namespace weir::haproxy;
using lua::current;

extern "C" {

// ---------------------------------------------------------------- expressions

// The configuration's name of a fetch or converter.
int weir_lua_hap_sample_name(int converter, const char* name, size_t n, weir_lua_str* out) {
  static const haproxy::Names fetches = haproxy::by_lua_name(expr::fetch_names());
  static const haproxy::Names converters = haproxy::by_lua_name(expr::converter_names());
  const haproxy::Names& names = converter ? converters : fetches;
  auto it = names.find(std::string(name, n));
  return it == names.end() ? 0 : lua::give(out, it->second);
}

// Null: it is wrong, and weir_lua_hap_problem says how.
const void* weir_lua_hap_compile(const char* text, size_t n) {
  if (!current) return nullptr;
  LuaExpressions& e = haproxy::expressions();
  config::Diagnostics diag;
  ParseEnv env{e.arena, diag};
  SampleError error;
  const expr::Expr* made = parse_sample_text(e.arena.dup({text, n}), env, {}, error);
  if (!made) e.problem = error.text;
  return made;
}

int weir_lua_hap_problem(weir_lua_str* out) {
  return current ? lua::give(out, haproxy::expressions().problem) : 0;
}

// Forgets all that was compiled.
void weir_lua_hap_forget() {
  if (current) haproxy::expressions().arena.reset();
}

int weir_lua_hap_fetch(const void* expression, int as_text, weir_lua_value* out) {
  out->type = 0;
  if (!current) return 0;
  Value v;
  if (!static_cast<const expr::Expr*>(expression)->eval(haproxy::context(), v)) return 0;
  return haproxy::give_value(v, as_text != 0, out);
}

// Applies the converters of an expression to `in`; what it fetches is left out.
int weir_lua_hap_convert(const void* expression, const weir_lua_value* in, int as_text, weir_lua_value* out) {
  out->type = 0;
  if (!current) return 0;
  const auto& e = *static_cast<const expr::Expr*>(expression);
  expr::Ctx ctx = haproxy::context();
  Value v = haproxy::value_of(*in);
  for (uint8_t i = 0; i < e.call_count; i++) {
    const expr::Expr::Call& call = e.calls[i];
    if (!expr::cast(v, call.in, *ctx.arena) || !call.convert(ctx, call.args, v)) return 0;
  }
  return haproxy::give_value(v, as_text != 0, out);
}

// ---------------------------------------------------------------- variables

// Null: the name is not one of a variable.
const void* weir_lua_hap_variable(const char* name, size_t n) {
  std::string problem;
  return expr::intern_variable({name, n}, problem);
}

int weir_lua_hap_get_variable(const void* variable, weir_lua_value* out) {
  out->type = 0;
  Value v;
  if (!current || !expr::get_variable(haproxy::context(), *static_cast<const expr::Variable*>(variable), v)) return 0;
  return haproxy::give_value(v, false, out);
}

int weir_lua_hap_set_variable(const void* variable, const weir_lua_value* value, int if_exists) {
  if (!current) return 0;
  const auto& v = *static_cast<const expr::Variable*>(variable);
  return expr::set_variable(haproxy::context(), v, haproxy::value_of(*value), if_exists ? expr::kIfExists : 0);
}

int weir_lua_hap_unset_variable(const void* variable) {
  return current && expr::unset_variable(haproxy::context(), *static_cast<const expr::Variable*>(variable));
}

// ---------------------------------------------------------------- messages

void weir_lua_hap_set_header(int response, const char* name, size_t n, const char* value, size_t m, int add) {
  if (!current) return;
  Arena& arena = current->txn->arena;
  Str key = lua::header_name(arena, {name, n});
  Str text = lua::header_value(arena, {value, m}, lua::Escape::space);
  http::Name id = http::name_id(key);
  http::HeaderList& list = haproxy::headers(response);
  if (!response && id == http::Name::host) current->txn->request.authority = text;
  if (add)
    list.add(key, text, id);
  else if (id == http::Name::other)
    list.set(key, text);
  else
    list.set(id, key, text);
}

void weir_lua_hap_del_header(int response, const char* name, size_t n) {
  if (current) haproxy::headers(response).remove(Str{name, n});
}

// `part`: 0 method, 1 path, 2 query (without its mark), 3 the whole target.
void weir_lua_hap_set_request(int part, const char* text, size_t n) {
  if (!current) return;
  proxy::Transaction& txn = *current->txn;
  Str s = txn.arena.dup({text, n});
  switch (part) {
    case 0: return set_method(txn, s);
    case 1: return set_path(txn, s, false);
    case 2: return set_query(txn, s.empty() ? s : txn.arena.cat("?", s));
    default: return set_target(txn, s);
  }
}

void weir_lua_hap_set_status(int status, const char* reason, size_t n) {
  if (!current || status < 100 || status > 999) return;
  http::Message& m = current->txn->response;
  m.status = static_cast<uint16_t>(status);
  m.reason =
      n ? lua::header_value(current->txn->arena, {reason, n}, lua::Escape::space) : http::reason_phrase(m.status);
}

// ---------------------------------------------------------------- txn:done, logs

void weir_lua_hap_reply(int status, const char* reason, size_t n, const char* body, size_t m) {
  if (!current) return;
  Arena& arena = current->txn->arena;
  LuaReply& r = lua_reply(*current);
  r.made = true;
  r.status = status >= 200 && status <= 999 ? static_cast<uint16_t>(status) : uint16_t{200};
  r.reason = lua::header_value(arena, {reason, n}, lua::Escape::space);
  r.body = arena.dup({body, m});
}

void weir_lua_hap_reply_header(const char* name, size_t n, const char* value, size_t m) {
  if (!current) return;
  Arena& arena = current->txn->arena;
  Str key = lua::header_name(arena, {name, n});
  http::Name id = http::name_id(key);
  if (id == http::Name::content_length || id == http::Name::transfer_encoding) return;  // the body decides
  lua_reply(*current).headers.push(arena, {key, lua::header_value(arena, {value, m}, lua::Escape::space), id});
}

void weir_lua_hap_log(int global, int level, const char* text, size_t n) {
  lua_log(current && !global ? current->txn : nullptr, std::clamp(level, 0, 7), {text, n});
}

void weir_lua_hap_set_log_level(int level) {
  if (current) exchange(*current->txn).log_level = static_cast<int8_t>(std::clamp(level, -2, 7));
}
}
