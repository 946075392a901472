// The functions behind ngx.*, for lua/ngx.lua, which declares them. Each works for the running call; see lua/api.h.
#include "lua/api.h"

#include <fmt/format.h>

#include <algorithm>

#include "nginx/core.h"
#include "nginx/error_log.h"
#include "nginx/lua.h"
#include "nginx/personality.h"

namespace weir::nginx {
namespace {

using lua::current;
using proxy::Transaction;

constexpr size_t kMostHandles = 4096;

// Variables that scripts named, by number, so that Lua looks a name up once. One that the configuration does not use has no
// slot; it is fetched anew each time.
struct LuaVariables final : lua::Extra {
  Arena arena;
  Variables unused;
  std::vector<const Variable*> handles;
};

LuaVariables& variables() {
  return current->state.extra<LuaVariables>(config::Dialect::nginx);
}

const Variable* find_variable(Transaction& txn, Variables& unused, Arena& arena, Str name) {
  char text[128];
  if (name.empty() || name.size() > sizeof text) return nullptr;
  std::transform(name.begin(), name.end(), text, lower);
  Str key{text, name.size()};
  if (const Variable* v = of(txn).http->variables.find(key)) return v;
  Variable* v = unused.use(arena, key, {});
  v->slot = -1;
  return v;
}

int give_variable(Transaction& txn, const Variable* v, weir_lua_str* out) {
  if (!v || !v->fetch) return 0;
  Value value;
  if (v->slot >= 0) {
    if (!get(txn, *v, value)) return 0;
  } else {
    expr::Ctx ctx{&txn, txn.client ? txn.client->conn() : nullptr, &txn.arena, txn.response_started};
    if (!v->fetch(ctx, v->args, value)) return 0;
  }
  return lua::give(out, value.is_text() ? value.str : expr::to_text(value, txn.arena));
}

Request& request() {
  return of(*current->txn);
}
// For the log, which scripts write to wherever they run: a request of another vocabulary has none of nginx's.
const Transaction* own() {
  return current && current->txn->personality == &personality() ? current->txn : nullptr;
}
bool in(LuaPhase phase) {
  return current && current->phase == static_cast<uint8_t>(phase);
}
// Before the response, what a script sets waits for whatever answer there will be.
bool before_response() {
  return !in(LuaPhase::header_filter) && !in(LuaPhase::log);
}

// A name of ngx.header: underscores stand for hyphens.
Str dashed(Arena& arena, Str name) {
  Str copy = lua::header_name(arena, name);
  std::replace(const_cast<char*>(copy.data()), const_cast<char*>(copy.data()) + copy.size(), '_', '-');
  return copy;
}

void remove_answer_header(Request& r, Str name) {
  auto* end = std::remove_if(r.answer_headers.begin(), r.answer_headers.end(),
                             [&](const http::Header& h) { return iequals(h.name, name); });
  r.answer_headers.size = static_cast<uint32_t>(end - r.answer_headers.begin());
}

// Host also decides who is meant.
void follow_host(Transaction& txn, Str value) {
  txn.request.authority = value;
  Str host = value.substr(0, value.starts_with('[') ? value.find(']') + 1 : value.find(':'));
  Str copy = txn.arena.dup(host);
  std::transform(copy.begin(), copy.end(), const_cast<char*>(copy.data()), lower);
  of(txn).host = copy;
}

}  // namespace
}  // namespace weir::nginx

using namespace weir;
using namespace weir::nginx;
using lua::current;

extern "C" {

// ---------------------------------------------------------------- variables

// The number of a variable; -1: too many have one, ask by name.
int weir_lua_ngx_handle(const char* name, size_t n) {
  if (!current) return -1;
  LuaVariables& v = nginx::variables();
  if (v.handles.size() >= nginx::kMostHandles) return -1;
  v.handles.push_back(nginx::find_variable(*current->txn, v.unused, v.arena, {name, n}));
  return static_cast<int>(v.handles.size()) - 1;
}

int weir_lua_ngx_variable(int handle, weir_lua_str* out) {
  if (!current) return 0;
  return nginx::give_variable(*current->txn, nginx::variables().handles[static_cast<size_t>(handle)], out);
}

int weir_lua_ngx_variable_named(const char* name, size_t n, weir_lua_str* out) {
  if (!current) return 0;
  Variables once;
  Transaction& txn = *current->txn;
  return nginx::give_variable(txn, nginx::find_variable(txn, once, txn.arena, {name, n}), out);
}

int weir_lua_ngx_capture(int number, weir_lua_str* out) {
  if (!current) return 0;
  Str s = nginx::request().capture(number);
  return s.data() ? lua::give(out, s) : 0;
}

// 1: done. 0: there is no such variable, or it is built in and cannot be changed. A null value makes it empty.
int weir_lua_ngx_set_variable(const char* name, size_t n, const char* value, size_t m) {
  if (!current) return 0;
  Transaction& txn = *current->txn;
  char text[128];
  if (n > sizeof text) return 0;
  std::transform(name, name + n, text, lower);
  const Variable* v = of(txn).http->variables.find({text, n});
  if (!v || (!v->changeable && !v->assign)) return 0;
  set_slot(txn, *v, txn.arena.dup({value, m}));
  return 1;
}

// ---------------------------------------------------------------- the request

int weir_lua_ngx_request(int what, weir_lua_str* out) {
  if (!current) return 0;
  const Request& r = nginx::request();
  switch (what) {
    case 0: return lua::give(out, r.method_name);
    case 1: return lua::give(out, r.uri);
    case 2: return lua::give(out, r.args);
    case 3: return lua::give(out, current->txn->request.raw_head);
    default: return 0;
  }
}

// HTTP version times ten, start time in seconds, whether it is an internal one.
double weir_lua_ngx_request_number(int what) {
  if (!current) return 0;
  const Transaction& txn = *current->txn;
  if (what == 0) return txn.request.version;
  if (what == 1) {
    auto start_ms = txn.times.start_us / 1000;
    return static_cast<double>(start_ms) / 1000;
  }
  return of(txn).internal;
}

void weir_lua_ngx_set_method(const char* token, size_t n) {
  if (!current) return;
  Transaction& txn = *current->txn;
  of(txn).method_name = txn.arena.dup({token, n});
  txn.request.method = http::method_id(of(txn).method_name);
}

void weir_lua_ngx_set_uri(const char* uri, size_t n, int jump) {
  if (!current) return;
  Request& r = nginx::request();
  r.uri = current->txn->arena.dup({uri, n});
  r.internal = true;
  r.plain_uri = false;
  r.uri_changed = jump != 0;
  if (jump)
    lua_answer(*current).jump = true;
  else
    r.valid_location = false;
}

void weir_lua_ngx_set_args(const char* args, size_t n) {
  if (!current) return;
  Request& r = nginx::request();
  r.args = current->txn->arena.dup({args, n});
  r.plain_uri = false;
}

void weir_lua_ngx_set_header(const char* name, size_t n, const char* value, size_t m, int add) {
  if (!current) return;
  Transaction& txn = *current->txn;
  Str key = lua::header_name(txn.arena, {name, n});
  Str text = lua::header_value(txn.arena, {value, m}, lua::Escape::percent);
  http::Name id = http::name_id(key);
  if (id == http::Name::host) nginx::follow_host(txn, text);
  if (add)
    txn.request.headers.add(key, text, id);
  else if (id == http::Name::other)
    txn.request.headers.set(key, text);
  else
    txn.request.headers.set(id, key, text);
}

void weir_lua_ngx_clear_header(const char* name, size_t n) {
  if (current) current->txn->request.headers.remove(Str{name, n});
}

int weir_lua_read_body(uint32_t memory, const char* folder, size_t size);
int weir_lua_ngx_read_body() {
  if (!current) return -1;
  const auto& core = conf_of<CoreConf>(*current->txn, kCoreModule);
  Str folder = core.body_temp_path.get("/tmp");
  return weir_lua_read_body(static_cast<uint32_t>(core.client_body_buffer_size.get(16384)), folder.data(),
                            folder.size());
}

// What ngx.ctx is kept under: an internal redirect starts with a new one.
double weir_lua_ngx_key() {
  if (!current) return 0;
  return static_cast<double>(current->txn->id) * 16 + nginx::request().redirects;
}

// ---------------------------------------------------------------- the response

// The index-th header of that name.
int weir_lua_ngx_response_header(const char* name, size_t n, int index, weir_lua_str* out) {
  if (!current) return 0;
  Transaction& txn = *current->txn;
  Str key = nginx::dashed(txn.arena, {name, n});
  if (nginx::before_response()) {
    if (iequals(key, "Content-Type")) {
      Str type = lua_answer(*current).content_type;
      return type.data() && index == 0 ? lua::give(out, type) : 0;
    }
    for (const http::Header& h : of(txn).answer_headers)
      if (iequals(h.name, key) && index-- == 0) return lua::give(out, h.value);
    return 0;
  }
  if (iequals(key, "Content-Length") && txn.response.body == http::Body::length && index == 0)
    return lua::give(out, txn.arena.dup(fmt::format_int(txn.response.content_length).c_str()));
  for (const http::Header* h = nullptr; (h = txn.response.headers.find(key, h));)
    if (index-- == 0) return lua::give(out, h->value);
  return 0;
}

void weir_lua_ngx_clear_response_header(const char* name, size_t n) {
  if (!current) return;
  Transaction& txn = *current->txn;
  Str key = nginx::dashed(txn.arena, {name, n});
  if (!nginx::before_response()) {
    if (iequals(key, "Content-Length") && txn.response.body == http::Body::length)
      txn.response.body = http::Body::chunked;
    txn.response.headers.remove(key);
  } else if (iequals(key, "Content-Type")) {
    lua_answer(*current).content_type = {};
  } else {
    nginx::remove_answer_header(of(txn), key);
  }
}

void weir_lua_ngx_set_response_header(const char* name, size_t n, const char* value, size_t m, int add) {
  if (!current) return;
  Transaction& txn = *current->txn;
  Str key = nginx::dashed(txn.arena, {name, n});
  Str text = lua::header_value(txn.arena, {value, m}, lua::Escape::percent);
  http::Name id = http::name_id(key);
  if (!nginx::before_response()) {
    if (add)
      txn.response.headers.add(key, text, id);
    else if (id == http::Name::other)
      txn.response.headers.set(key, text);
    else
      txn.response.headers.set(id, key, text);
  } else if (id == http::Name::content_type) {
    lua_answer(*current).content_type = text;
  } else {
    if (!add) nginx::remove_answer_header(of(txn), key);
    of(txn).answer_headers.push(txn.arena, {key, text, id});
  }
}

int weir_lua_ngx_status() {
  if (!current) return 0;
  return nginx::before_response() ? lua_answer(*current).status : current->txn->response.status;
}

void weir_lua_ngx_set_status(int status) {
  if (!current || status < 100 || status > 999) return;
  auto s = static_cast<uint16_t>(status);
  if (nginx::before_response()) {
    lua_answer(*current).status = s;
  } else {
    current->txn->response.status = s;
    current->txn->response.reason = {};
  }
}

// 0: nothing can be said here.
int weir_lua_ngx_say(const char* text, size_t n) {
  if (!current || !current->cursor) return 0;
  LuaAnswer& a = lua_answer(*current);
  a.started = true;
  if (!n) return 1;
  Arena& arena = current->txn->arena;
  a.pieces.push(arena, arena.dup({text, n}));
  a.size += n;
  return 1;
}

int weir_lua_ngx_headers_sent() {
  if (!current) return 0;
  return nginx::in(LuaPhase::log) || (nginx::before_response() && lua_answer(*current).started);
}

void weir_lua_ngx_redirect(const char* uri, size_t n) {
  if (!current) return;
  Arena& arena = current->txn->arena;
  lua_answer(*current).redirect = lua::header_value(arena, {uri, n}, lua::Escape::percent);
}

void weir_lua_ngx_exec(const char* uri, size_t n, const char* args, size_t m) {
  if (!current) return;
  Arena& arena = current->txn->arena;
  LuaAnswer& a = lua_answer(*current);
  a.uri = arena.dup({uri, n});
  a.args = m ? arena.dup({args, m}) : Str{};
}

// ---------------------------------------------------------------- the error log

int weir_lua_ngx_logged(int level) {
  return error_logged(nginx::own(), static_cast<LogLevel>(level));
}

void weir_lua_ngx_log(int level, const char* text, size_t n) {
  log_error(nginx::own(), static_cast<LogLevel>(level), 0, {text, n});
}
}
