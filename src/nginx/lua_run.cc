// Running Lua handlers in nginx's phases; see nginx/lua.h. Handlers of the rewrite, access and content phases may wait; the
// others run to their end at once.
#include <fmt/format.h>

#include <algorithm>

#include "http/h1_writer.h"
#include "nginx/error_log.h"
#include "nginx/lua.h"
#include "nginx/mime.h"
#include "proxy/shard.h"

namespace weir::nginx {

using lua::Call;
using lua::Outcome;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

namespace {

// The shard's state; null after answering that there is none.
lua::State* state_of(Transaction& txn) {
  std::string problem;
  lua::State* state = lua::attach(txn.shard, problem);
  if (!problem.empty()) log_error(&txn, LogLevel::error, 0, fmt::format("init_worker_by_lua error: {}", problem));
  return state;
}

// A handler that failed: what the error log gets.
void log_failure(Transaction& txn, const LuaHandler& h, const Call& call, bool waits) {
  std::string text;
  if (call.refused)
    text = h.file ? fmt::format("failed to load external Lua file: {}", call.problem)
                  : fmt::format("failed to load inlined Lua code: {}", call.problem);
  else if (waits)
    text = fmt::format("lua entry thread aborted: runtime error: {}\nstack traceback:\ncoroutine 0:\n{}", call.problem,
                       call.trace);
  else
    text = fmt::format("failed to run {}: {}\nstack traceback:\n{}", h.directive, call.problem, call.trace);
  log_error(&txn, LogLevel::error, 0, text);
}

// Runs the handler, or goes on with it; `ended` decides what its end means. `waits` and `answered` are for the caller to give
// back while it waits, and when there is no state to run it in.
template <class Result>
Result run(Transaction& txn, Cursor& cursor, const LuaHandler& h, LuaPhase phase, Result waits, Result answered,
           Result (*ended)(Transaction&, Cursor&, Call&, const LuaHandler&, Outcome)) {
  if (auto* parked = static_cast<lua::Parked*>(cursor.state)) {
    Outcome o = lua::resume(*parked);
    return o == Outcome::waits ? waits : ended(txn, cursor, parked->call, h, o);
  }
  lua::State* state = state_of(txn);
  if (!state) {
    finish_with(txn, 500);
    return answered;
  }
  Call call{*state, &txn, &cursor, static_cast<uint8_t>(phase)};
  Outcome o = h.path ? lua::start_file(call, std::string(h.path->eval(txn))) : lua::start(call, h.function);
  return o == Outcome::waits ? waits : ended(txn, cursor, call, h, o);
}

void take_answer_header(Request& r, Str name, Str& value) {
  for (uint32_t i = 0; i < r.answer_headers.size; i++) {
    http::Header& h = r.answer_headers[i];
    if (!iequals(h.name, name)) continue;
    value = h.value;
    std::copy(&h + 1, r.answer_headers.end(), &h);
    r.answer_headers.size--;
    return;
  }
}

// Sends what the handler said, without a known length as far as the client can tell.
Next send(Transaction& txn, const LuaAnswer& a, uint16_t status) {
  txn.begin_reply(status);
  http::Message& m = txn.response;
  m.body = http::Body::chunked;
  Str length;
  take_answer_header(of(txn), "Content-Length", length);
  if (length.data()) {
    m.body = http::Body::length;
    m.content_length = a.size;
  }
  Str type = a.content_type.data() ? a.content_type : content_type_of(txn);
  if (!type.empty()) m.headers.add("Content-Type", type, http::Name::content_type);
  if (status == 204 || status == 304) {
    m.body = http::Body::none;
    return txn.reply_head({});
  }
  char* body = txn.arena.alloc_chars(a.size + 1);
  char* end = body;
  for (Str piece : a.pieces) end += piece.copy(end, piece.size());
  return txn.reply_head({body, a.size});
}

// What the end of a handler means where it may answer. True: the request goes on with the next step; else `out` is set.
bool goes_on(Transaction& txn, Cursor& cursor, Call& call, const LuaHandler& h, Outcome o, Next& out) {
  out = Next::done;
  if (o == Outcome::failed) {
    log_failure(txn, h, call, true);
    // A script that does not exist is a page that does not exist.
    out = finish_with(txn, call.missing ? 404 : 500);
    return false;
  }
  const LuaAnswer& a = lua_answer(call);
  int status = call.exited ? call.status : kLuaOk;
  if (a.uri.data()) {
    out = a.uri.starts_with('@') ? named_location(txn, cursor, a.uri) : internal_redirect(txn, cursor, a.uri, a.args);
    return false;
  }
  if (a.jump) return true;
  if (a.started) {
    uint16_t sent = a.status ? a.status : 200;
    if (status >= 300 && status != sent)
      log_error(
          &txn, LogLevel::error, 0,
          fmt::format("attempt to set status {} via ngx.exit after sending out the response status {}", status, sent));
    out = send(txn, a, sent);
    return false;
  }
  if (a.redirect.data()) {
    out = redirect(txn, static_cast<uint16_t>(status), a.redirect);
    return false;
  }
  if (status >= 300) {
    out = finish_with(txn, static_cast<uint16_t>(status));
    return false;
  }
  if (status == kLuaError) {
    out = txn.drop(false);
    return false;
  }
  if (status < 200) return true;
  out = send(txn, a, a.status ? a.status : static_cast<uint16_t>(status));
  return false;
}

Next rewrite_ended(Transaction& txn, Cursor& cursor, Call& call, const LuaHandler& h, Outcome o) {
  Next out;
  return goes_on(txn, cursor, call, h, o, out) ? Next::next : out;
}

Next content_ended(Transaction& txn, Cursor& cursor, Call& call, const LuaHandler& h, Outcome o) {
  Next out;
  if (!goes_on(txn, cursor, call, h, o, out)) return out;
  if (call.exited && call.status == kLuaDeclined) return Next::next;
  const LuaAnswer& a = lua_answer(call);
  return send(txn, a, a.status ? a.status : 200);
}

// What an access handler says; `failed` is also for a request that it answered itself.
struct Verdict {
  Access access = Access::failed;
  uint16_t status = 0;
};

Verdict access_ended(Transaction& txn, Cursor& cursor, Call& call, const LuaHandler& h, Outcome o) {
  bool refused = o == Outcome::done && call.exited && (call.status == 401 || call.status == 403);
  if (refused && !lua_answer(call).started) return {Access::deny, static_cast<uint16_t>(call.status)};
  Next out;
  if (!goes_on(txn, cursor, call, h, o, out)) return {};
  return {call.exited && call.status == kLuaDeclined ? Access::declined : Access::allow};
}

// Handlers that cannot wait.
template <class Push>
bool run_at_once(Call& call, const LuaHandler& h, int results, Push push) {
  if (!h.path) return lua::run_now(call, h.function, results, push);
  std::string problem;
  std::string path(h.path->eval(*call.txn));
  if (call.state.push_file(call.state.main(), path, problem)) return lua::run_pushed(call, 0, results);
  lua::refuse(call, problem);
  return false;
}

int no_arguments(lua_State*) {
  return 0;
}

}  // namespace

LuaAnswer& lua_answer(Call& call) {
  if (!call.extra) call.extra = call.txn->arena.make<LuaAnswer>();
  return *static_cast<LuaAnswer*>(call.extra);
}

// The location in charge is asked, because an `if` block may have a handler of its own.
Next run_lua_rewrite(Transaction& txn, Cursor& cursor, const void*) {
  const LuaHandler* h = conf_of<LuaConf>(txn, kLuaModule).rewrite.value;
  if (!h || of(txn).uri_changed) return Next::next;
  return run(txn, cursor, *h, LuaPhase::rewrite, Next::wait, Next::done, rewrite_ended);
}

Access check_lua_access(Transaction& txn, Cursor& cursor, const void*, uint16_t& status) {
  const LuaHandler* h = conf_of<LuaConf>(txn, kLuaModule).access.value;
  if (!h) return Access::declined;
  Verdict v = run(txn, cursor, *h, LuaPhase::access, Verdict{Access::wait}, Verdict{}, access_ended);
  if (v.status) status = v.status;
  return v.access;
}

Next run_lua_content(Transaction& txn, Cursor& cursor, const void* handler) {
  const auto& h = *static_cast<const LuaHandler*>(handler);
  return run(txn, cursor, h, LuaPhase::content, Next::wait, Next::done, content_ended);
}

// An error here comes too late for a page: nginx closes the connection.
Next run_lua_header_filter(Transaction& txn, Cursor&, const void* handler) {
  const auto& h = *static_cast<const LuaHandler*>(handler);
  lua::State* state = state_of(txn);
  if (!state) return txn.drop(false);
  Call call{*state, &txn, nullptr, static_cast<uint8_t>(LuaPhase::header_filter), true};
  if (run_at_once(call, h, 0, no_arguments)) return Next::next;
  log_failure(txn, h, call, false);
  return txn.drop(false);
}

void run_lua_log(Transaction& txn, const void* handler) {
  const auto& h = *static_cast<const LuaHandler*>(handler);
  lua::State* state = state_of(txn);
  if (!state) return;
  Call call{*state, &txn, nullptr, static_cast<uint8_t>(LuaPhase::log), true};
  if (!run_at_once(call, h, 0, no_arguments)) log_failure(txn, h, call, false);
}

bool run_lua_set(Transaction& txn, const LuaHandler& h, Str& value) {
  value = {};
  lua::State* state = state_of(txn);
  if (!state) {
    finish_with(txn, 500);
    return false;
  }
  Call call{*state, &txn, nullptr, static_cast<uint8_t>(LuaPhase::set)};
  if (!run_at_once(call, h, 1, no_arguments)) {
    log_failure(txn, h, call, false);
    finish_with(txn, 500);
    return false;
  }
  lua_State* l = state->main();
  if (lua_isboolean(l, -1)) {
    value = lua_toboolean(l, -1) ? "true" : "false";
  } else if (lua_isstring(l, -1)) {
    size_t n = 0;
    const char* s = lua_tolstring(l, -1, &n);
    value = txn.arena.dup({s, n});
  }
  lua_pop(l, 1);
  return true;
}

}  // namespace weir::nginx
