// Lua actions: loading the files that register them, and the step that runs one (configuration.txt "lua-load", and the
// Lua API's core.register_action). An action may wait; the ruleset goes on when it has ended.
#include <fmt/format.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "haproxy/answer.h"
#include "haproxy/global.h"
#include "haproxy/haproxy.h"
#include "haproxy/lua.h"
#include "haproxy/rule.h"
#include "http/h1_writer.h"
#include "proxy/shard.h"

namespace weir::haproxy {
namespace {

using lua::Call;
using lua::Outcome;

struct LuaAction : Rule {
  Str name;
  uint32_t function = 0;
  ArenaList<Str> args;
};

// What an action may return: HAProxy's act.* constants, in their order.
enum class Act : int64_t { proceed, stop, yield, error, done, deny, abort, invalid };

Str context_name(Ruleset set) {
  switch (set) {
    case Ruleset::request: return "http-req";
    case Ruleset::response: return "http-res";
    case Ruleset::after: return "http-after-res";
    case Ruleset::content: return "tcp-req";
    case Ruleset::response_content: return "tcp-res";
    default: return {};
  }
}

std::string key(Str kind, Str context, Str name) {
  return fmt::format("{}/{}/{}", kind, context, name);
}

// ---------------------------------------------------------------- running

Next send_reply(Transaction& txn, const LuaReply& reply) {
  txn.discard_response();
  http::Message& m = txn.response;
  m.headers.clear();
  m.trailers.clear();
  m.version = 11;
  m.status = reply.status;
  m.reason = reply.reason.empty() ? http::reason_phrase(reply.status) : reply.reason;
  m.upgrade = false;
  m.raw_head = {};
  bool bodyless = reply.status == 204 || reply.status == 304;
  m.body = bodyless ? http::Body::none : http::Body::length;
  m.content_length = reply.body.size();
  for (const http::Header& h : reply.headers) m.headers.add(h.name, h.value, h.id);
  return txn.reply_head(bodyless ? Str{} : reply.body);
}

Next answer_with(Transaction& txn, const LuaAction& a, uint16_t status, proxy::Termination termination) {
  txn.termination = termination;
  return answer(txn, page_for(txn, status), context_for(txn, a.response));
}

// What an ended action means for its ruleset.
Next ended(Transaction& txn, Cursor& c, const LuaAction& a, Call& call, Outcome o) {
  if (o == Outcome::failed) {
    log_lua_failure(txn, "function", a.name, call);
    return Next::next;
  }
  char phase = a.response ? 'H' : 'R';
  LuaReply& reply = lua_reply(call);
  if (reply.made) {
    txn.termination = {'L', phase};
    return send_reply(txn, reply);
  }
  Act act = call.exited       ? static_cast<Act>(call.status)
            : call.has_result ? static_cast<Act>(call.result)
                              : Act::proceed;
  switch (act) {
    case Act::stop: return leave_ruleset(txn, c);
    case Act::error: return answer_with(txn, a, 500, {'P', phase});
    case Act::deny: return answer_with(txn, a, a.response ? 502 : 403, {'P', phase});
    case Act::invalid: return answer_with(txn, a, a.response ? 502 : 400, {'P', phase});
    case Act::done:
    case Act::abort: txn.termination = {'L', phase}; return txn.drop(false);
    default: return Next::next;
  }
}

Next run_action(Transaction& txn, Cursor& c, const void* conf) {
  const auto& a = *static_cast<const LuaAction*>(conf);
  if (auto* parked = static_cast<lua::Parked*>(c.state)) {
    Outcome o = lua::resume(*parked);
    return o == Outcome::waits ? Next::wait : ended(txn, c, a, parked->call, o);
  }
  if (!applies(a, context_for(txn, a.response))) return Next::next;
  lua::State* state = lua_state(txn);
  if (!state) return Next::next;
  LuaPlace place = a.response ? LuaPlace::response : LuaPlace::request;
  Call call{*state, &txn, &c, static_cast<uint8_t>(place), a.response};
  Outcome o = lua::start(call, a.function, {a.args.data, a.args.size});
  return o == Outcome::waits ? Next::wait : ended(txn, c, a, call, o);
}

// ---------------------------------------------------------------- logs

// What HAProxy leaves out of messages.
std::string printable(Str text) {
  std::string out(text);
  for (char& c : out)
    if (c < 0x20 || c == 0x7f) c = '.';
  return out;
}

void to_stderr(int level, Str text) {
  constexpr Str kNames[] = {"EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG"};
  time_t now = time(nullptr);
  tm t;
  localtime_r(&now, &t);
  fmt::print(stderr, "[{}] {:03}/{:02}{:02}{:02} ({}) : {}\n", kNames[level], t.tm_yday, t.tm_hour, t.tm_min, t.tm_sec,
             getpid(), text);
}

}  // namespace

LuaReply& lua_reply(Call& call) {
  if (!call.extra) call.extra = call.txn->arena.make<LuaReply>();
  return *static_cast<LuaReply*>(call.extra);
}

void lua_log(Transaction* txn, int level, Str text) {
  std::string line = printable(text);
  if (!net::Loop::has_current()) return to_stderr(level, line);
  const model::Model& model = proxy::Shard::current().model;
  if (!model.haproxy) return to_stderr(level, line);
  const Global& g = global(model);
  const Proxy* p = nullptr;
  if (txn) p = exchange(*txn).back ? exchange(*txn).back : exchange(*txn).front;
  LogHeader header;
  header.tag = p && !p->s.log_tag.empty() ? p->s.log_tag : g.log_tag;
  header.hostname = g.log_hostname;
  size_t sent = 0;
  auto send = [&](const LogTarget* t) {
    send_log(*t, static_cast<uint8_t>(level), header, line);
    sent++;
  };
  if (p)
    for (const LogTarget* t : p->targets) send(t);
  else
    for (const LogTarget* t : g.logs) send(t);
  if (!sent) to_stderr(level, line);
}

lua::State* lua_state(Transaction& txn) {
  std::string problem;
  lua::State* state = lua::attach(txn.shard, problem);
  if (!problem.empty()) lua_log(&txn, kLevelError, fmt::format("Lua: can't initialize Lua context: {}", problem));
  return state;
}

void log_lua_failure(Transaction& txn, Str kind, Str name, const Call& call) {
  std::string trace;
  for (Str rest = call.trace; !rest.empty();) {
    Str line = trim(cut(rest, '\n'));
    if (!line.empty()) trace += fmt::format("{}{}", trace.empty() ? "" : ", ", line);
  }
  const auto& files = global(txn.shard.model).lua_files;
  int id = !files.empty() && files.front().per_thread ? txn.shard.index + 1 : 0;
  lua_log(&txn, kLevelError,
          fmt::format("Lua {} '{}': [state-id {}] runtime error: {} from {}.", kind, name, id, call.problem,
                      call.refused ? Str("its start") : Str(trace)));
}

// ---------------------------------------------------------------- configuration

namespace {

// Our own libraries first, once. Null: reported.
lua::Program* program_of(Scope& scope, const config::Where& where) {
  lua::Program& program = lua::Program::of(scope.model);
  for (Str library : {"core", "haproxy", "weir"})
    if (std::string problem = program.add_library(library); !problem.empty()) {
      scope.error(where, problem);
      return nullptr;
    }
  use_lua_program(program);
  return &program;
}

}  // namespace

bool load_lua_file(Scope& scope, const LuaFile& file) {
  if (scope.options.offline) return true;
  lua::Program* program = program_of(scope, file.where);
  if (!program) return false;
  const std::string& path = file.words[0];
  lua::Start start{"@" + path, {}, {file.words.begin() + 1, file.words.end()}};
  std::string problem;
  if (lua::read_text(path, start.code, problem)) {
    program->add_start({"=core.thread", file.per_thread ? "core.thread = core.number" : "core.thread = 0", {}});
    problem = program->add_start(std::move(start));
  }
  if (problem.empty()) return true;
  scope.error(file.where, fmt::format("error in Lua file '{}': {}", path, problem));
  return false;
}

void prepend_lua_path(Scope& scope, Str pattern, bool c_modules) {
  if (scope.options.offline) return;
  lua::Program& program = lua::Program::of(scope.model);
  program.add_start({"=lua-prepend-path",
                     "local field, pattern = ... package[field] = pattern .. ';' .. package[field]",
                     {c_modules ? "cpath" : "path", std::string(pattern)}});
}

bool has_lua_action(Scope& scope, Str name, Ruleset set) {
  lua::Program* program = lua::Program::find(scope.model);
  if (!program || !program->first().push_registered(key("action", context_name(set), name))) return false;
  lua_pop(program->first().main(), 1);
  return true;
}

bool has_lua_service(Scope& scope, Str name) {
  lua::Program* program = lua::Program::find(scope.model);
  if (!program || !program->first().push_registered(key("service", "http", name))) return false;
  lua_pop(program->first().main(), 1);
  return true;
}

std::vector<std::string> lua_action_names(Scope& scope, Ruleset set) {
  lua::Program* program = lua::Program::find(scope.model);
  return program ? program->first().registered_names(key("action", context_name(set), {})) : std::vector<std::string>();
}

bool make_lua_step(Scope& scope, Str name, std::span<const config::Word> args, Ruleset set, const Condition* condition,
                   config::Where where, proxy::Step& out) {
  lua::Program& program = lua::Program::of(scope.model);
  lua_State* l = program.first().main();
  size_t wanted = 0;
  if (program.first().push_registered(key("arguments", context_name(set), name))) {
    wanted = static_cast<size_t>(lua_tointeger(l, -1));
    lua_pop(l, 1);
  }
  if (args.size() != wanted) {
    scope.error(args.size() > wanted ? args[wanted].where : where,
                fmt::format("the Lua action '{}' takes {} arguments, and here are {}", name, wanted, args.size()), {},
                fmt::format("expect {} arguments", wanted));
    return false;
  }
  auto* a = scope.arena.make<LuaAction>();
  a->condition = condition;
  a->response = is_response(set);
  a->set = set;
  a->name = scope.keep(name);
  a->function = program.add_function({lua::Function::Kind::registered, key("action", context_name(set), name), {}});
  for (const config::Word& w : args) a->args.push(scope.arena, scope.keep(w.text));
  out = {run_action, a, where};
  return true;
}

void prepare_lua(Scope& scope) {
  lua::Program* program = lua::Program::find(scope.model);
  if (!program || scope.options.offline || scope.options.check_only || scope.global.lua_files.empty()) return;
  std::string problem = program->add_start({"=core.register_init", "require('weir.haproxy').run_inits()", {}});
  if (problem.empty()) problem = program->prepare(scope.model.process.shards);
  if (!problem.empty()) scope.error(scope.global.lua_files.front().where, fmt::format("Lua: {}", problem));
}

}  // namespace weir::haproxy
