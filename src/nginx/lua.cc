// The directives of OpenResty's Lua module: code in blocks, strings and files for the phases, and what runs at start. What
// they run is in nginx/lua_run.cc; the names that scripts use are in lua/ngx.lua.
#include "nginx/lua.h"
#include "config/place.h"

#include <fmt/format.h>

#include "nginx/define.h"
#include "nginx/modules.h"
#include "nginx/rewrite.h"

namespace weir::nginx {
namespace {

// What is said once for all servers.
struct LuaMain {
  bool used = false;
  Str path;
  Str cpath;
  const Directive* init = nullptr;
  const Directive* init_worker = nullptr;
};

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

LuaMain& lua_main(Scope& scope) {
  return scope.main<LuaMain>(kLuaModule);
}

// "access_by_lua_block" is "access_by_lua" wherever code is named.
std::string kind_of(const Directive& d) {
  Str name = d.name();
  return std::string(name.substr(0, name.find("_by_lua") + 7));
}

bool is_file(const Directive& d) {
  return d.name().ends_with("_file");
}

const config::Word& code_word(const Directive& d) {
  return d.arg(d.args() - 1);
}

// OpenResty's name of a chunk: "=access_by_lua(nginx.conf:40)".
std::string chunk_name(const Directive& d) {
  Str path = d.where.source ? Str(d.where.source->path) : Str("config");
  if (size_t slash = path.rfind('/'); slash != Str::npos) path.remove_prefix(slash + 1);
  return fmt::format("={}({}:{})", kind_of(d), path, d.where.line);
}

// Where a compiler's message "CHUNK:LINE: …" points to in the code, which may start in the middle of a line.
config::Where place_in_code(const Directive& d, Str problem) {
  config::Where where = code_word(d).where;
  std::string chunk = chunk_name(d).substr(1) + ":";
  if (code_word(d).quote != config::Quote::lua || !problem.starts_with(chunk)) return where;
  Str number = problem.substr(chunk.size());
  auto line = parse_u64(cut(number, ':'));
  if (!line || *line < 2) return where;
  Str code = code_word(d).text;
  size_t at = 0;
  for (uint64_t i = 1; i < *line && at != Str::npos; i++) at = code.find('\n', at + (i > 1));
  if (at == Str::npos) return where;
  Str rest = code.substr(at + 1);
  size_t blank = std::min(rest.find_first_not_of(" \t"), rest.size());
  size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
  return config::inside(where, at + 1 + blank, end > blank ? end - blank : 1);
}

// Code that does not compile is refused by nginx when it is called; it is worth a word before.
void warn_of_syntax(Scope& scope, const Directive& d, lua::Program& program, uint32_t number) {
  std::string problem;
  lua_State* l = program.first().main();
  if (program.first().push(l, number, problem))
    lua_pop(l, 1);
  else
    scope.diag.warning(place_in_code(d, problem), fmt::format("the Lua code does not compile: {}", problem));
}

const LuaHandler* make_handler(Scope& scope, const Directive& d) {
  lua_main(scope).used = true;
  lua::Program& program = lua::Program::of(scope.model);
  auto* h = scope.arena.make<LuaHandler>();
  h->directive = scope.arena.dup(kind_of(d) + "*");
  const config::Word& word = code_word(d);
  if (!is_file(d)) {
    h->function = program.add_function({lua::Function::Kind::code, chunk_name(d), std::string(word.text)});
    warn_of_syntax(scope, d, program, h->function);
    return h;
  }
  h->file = true;
  std::string path = full_path(scope, word.text);
  const Script* script =
      compile_script(scope.arena, scope.http->variables, scope.arena.dup(path), word.where, scope.diag);
  if (script->constant())
    h->function = program.add_function({lua::Function::Kind::file, path, {}});
  else
    h->path = script;
  return h;
}

void bind_handler(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  auto& setting = *reinterpret_cast<Setting<const LuaHandler*>*>(static_cast<char*>(scope.conf) + row.offset);
  if (setting.set)
    return refuse(scope, d.where, fmt::format("\"{}\" directive is duplicate", d.name()), "keep one of them");
  setting = make_handler(scope, d);
}

// ---------------------------------------------------------------- set_by_lua_block

struct LuaSet : RewriteOp {
  const Variable* variable = nullptr;
  const LuaHandler* handler = nullptr;
};

proxy::Next run_set(proxy::Transaction& txn, proxy::Cursor&, const void* conf) {
  const auto& op = *static_cast<const LuaSet*>(conf);
  Str value;
  if (!run_lua_set(txn, *op.handler, value)) return proxy::Next::done;
  set_slot(txn, *op.variable, value);
  return proxy::Next::next;
}

bool fetch_nothing(const expr::Ctx&, const expr::Arg*, Value& out) {
  out = Value::of(Str{});
  return true;
}

void bind_set(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  const config::Word& word = d.arg(0);
  if (!word.text.starts_with('$') || word.text.size() < 2)
    return refuse(scope, word.where, fmt::format("invalid variable name \"{}\"", word.text), "write $name");
  Variable* v = scope.http->variables.use(scope.arena, word.text.substr(1), word.where);
  if (!v->defined && !define_variable(scope, word, fetch_nothing, nullptr)) return;
  auto* op = scope.arena.make<LuaSet>();
  op->variable = v;
  op->handler = make_handler(scope, d);
  add_rewrite_step(scope, run_set, op, d.where);
}

// ---------------------------------------------------------------- what runs at start

void bind_path(void* s, const Directive& d, const Row& row) {
  LuaMain& m = lua_main(scope_of(s));
  m.used = true;
  (row.name == "lua_package_path" ? m.path : m.cpath) = d.arg(0).text;
}

void bind_start(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  LuaMain& m = lua_main(scope);
  const Directive*& place = row.name.starts_with("init_worker") ? m.init_worker : m.init;
  if (place) return refuse(scope, d.where, fmt::format("\"{}\" directive is duplicate", d.name()), "keep one of them");
  m.used = true;
  place = &d;
}

void bind_code_cache(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  if (d.arg(0).text == "off")
    scope.diag.add(config::Severity::planned, d.where, "not yet: lua_code_cache off", {});
  else if (d.arg(0).text != "on")
    bad_value(scope, d, 0, "on or off");
}

void bind_burst(void* s, const Directive& d, const Row&) {
  uint64_t ms = 0;
  if (!parse_ms(d.arg(0).text, ms) || ms > INT32_MAX) return bad_value(scope_of(s), d, 0, "a time");
  lua::Program::of(scope_of(s).model).burst_ms = static_cast<uint32_t>(ms);
}

// ";;" in a pattern stands for the path that Lua had.
lua::Start path_start(Str field, Str pattern) {
  return {"=lua_package_path",
          "local field, pattern = ...\n"
          "package[field] = pattern:gsub(';;', function() return ';' .. package[field] .. ';' end)"
          ":gsub(';+', ';'):gsub('^;', ''):gsub(';$', '')",
          {std::string(field), std::string(pattern)}};
}

// False: the file cannot be read, which was reported.
bool read_start(Scope& scope, const Directive& d, lua::Start& start) {
  start.name = chunk_name(d);
  start.code = code_word(d).text;
  if (!is_file(d)) return true;
  std::string path = full_path(scope, start.code), problem;
  start.name = "@" + path;
  start.code.clear();
  if (lua::read_text(path, start.code, problem)) return true;
  scope.error(code_word(d).where, problem);
  return false;
}

// Everything runs here first, so that a script that fails keeps the configuration from being used, as with nginx.
void finish_lua(Scope& scope) {
  LuaMain& m = lua_main(scope);
  if (!m.used || scope.options.offline) return;
  lua::Program& program = lua::Program::of(scope.model);
  for (Str library : {"core", "ngx", "weir"})
    if (std::string problem = program.add_library(library); !problem.empty()) {
      scope.error({}, problem);
      return;
    }
  if (!m.path.empty()) program.add_start(path_start("path", m.path));
  if (!m.cpath.empty()) program.add_start(path_start("cpath", m.cpath));
  lua::Start start;
  if (m.init && read_start(scope, *m.init, start))
    if (std::string problem = program.add_start(start); !problem.empty())
      scope.error(m.init->where, fmt::format("init_by_lua error: {}", problem)).product =
          fmt::format("init_by_lua error: {}", problem);
  if (m.init_worker && read_start(scope, *m.init_worker, start)) program.add_shard_start(start);
  if (scope.options.check_only) return;
  if (std::string problem = program.prepare(scope.model.process.shards); !problem.empty()) scope.error({}, problem);
}

// ---------------------------------------------------------------- compile

// Whether the location or an `if` block in it has a handler there.
bool wanted(const Location& l, Setting<const LuaHandler*> LuaConf::* member) {
  if ((l.of<LuaConf>(kLuaModule).*member).value) return true;
  for (const Location* child : l.children)
    if (child->kind == MatchKind::if_block && wanted(*child, member)) return true;
  return false;
}

void compile_lua(Scope&, Location& l, void* conf) {
  const auto& c = *static_cast<const LuaConf*>(conf);
  if (l.context != kServer && wanted(l, &LuaConf::rewrite)) l.step(Phase::rewrite, run_lua_rewrite, nullptr);
  if (wanted(l, &LuaConf::access)) l.access.push_back({check_lua_access, nullptr});
  if (c.content.value) {
    l.has_content = true;
    l.step(Phase::content, run_lua_content, c.content.value);
  }
  if (c.log.value) l.loggers.push_back({run_lua_log, c.log.value});
}

void compile_header_filter(Scope&, Location& l, void*) {
  if (const LuaHandler* h = l.of<LuaConf>(kLuaModule).header_filter.value)
    l.response_steps.push_back({run_lua_header_filter, h, {}});
}

constexpr ContextMask kWithIf = kServer | kLocation | kIfInServer | kIfInLocation;
constexpr Str kBlock = "{ lua-script }";
constexpr Str kFile = "path-to-lua-script-file";
constexpr Str kString = "lua-script-str";

constexpr Row block_row(Str name, ContextMask contexts, Inherit inherit, Str help, uint32_t offset,
                        void (*merge)(void*, const void*)) {
  return {name, contexts, 0, 0, Block::required, inherit, bind_handler, kBlock, help, {}, offset, merge};
}
constexpr Row word_row(Str name, ContextMask contexts, Inherit inherit, Str syntax, Str help, uint32_t offset,
                       void (*merge)(void*, const void*)) {
  return {name, contexts, 1, 1, Block::none, inherit, bind_handler, syntax, help, {}, offset, merge};
}
constexpr Row start_row(Str name, Block block, Str syntax, Str help) {
  int8_t args = block == Block::required ? 0 : 1;
  return {name, kHttp, args, args, block, Inherit::none, bind_start, syntax, help};
}

const Row kTable[] = {
    {"lua_package_path",
     kHttp,
     1,
     1,
     Block::none,
     Inherit::none,
     bind_path,
     "lua-style-path-str",
     "search path for Lua modules",
     {},
     0,
     nullptr,
     ";;"},
    {"lua_package_cpath",
     kHttp,
     1,
     1,
     Block::none,
     Inherit::none,
     bind_path,
     "lua-style-cpath-str",
     "search path for C modules of Lua",
     {},
     0,
     nullptr,
     ";;"},
    {"lua_code_cache",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_code_cache,
     "on | off",
     "whether Lua code is kept between requests; off reads it anew, for development",
     {},
     0,
     nullptr,
     "on"},
    {"lua_burst_timeout",
     kHttp,
     1,
     1,
     Block::none,
     Inherit::none,
     bind_burst,
     "time",
     "weir's own: how long a script may run without a wait; 0: no limit",
     {},
     0,
     nullptr,
     "1s"},
    {"lua_load_resty_core", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "nothing: the functions of lua-resty-core are part of weir", "the functions of lua-resty-core are part of weir"},
    start_row("init_by_lua_block", Block::required, kBlock, "Lua code that runs when the configuration is loaded"),
    start_row("init_by_lua", Block::none, kString,
              "Lua code, as one string, that runs when the configuration is loaded"),
    start_row("init_by_lua_file", Block::none, kFile, "file with Lua code that runs when the configuration is loaded"),
    start_row("init_worker_by_lua_block", Block::required, kBlock,
              "Lua code that runs in each worker before its first Lua handler"),
    start_row("init_worker_by_lua", Block::none, kString,
              "Lua code, as one string, that runs in each worker before its first Lua handler"),
    start_row("init_worker_by_lua_file", Block::none, kFile,
              "file with Lua code that runs in each worker before its first Lua handler"),
    {"set_by_lua_block", kWithIf, 1, 1, Block::required, Inherit::none, bind_set, "$res { lua-script }",
     "Lua code whose result becomes the value of a variable"},
    block_row("rewrite_by_lua_block", kHttpEverywhere, Inherit::scalar,
              "Lua code at the end of the rewrite phase of the location", WEIR_FIELD(LuaConf, rewrite)),
    word_row("rewrite_by_lua", kHttpEverywhere, Inherit::scalar, kString,
             "Lua code, as one string, at the end of the rewrite phase of the location", WEIR_FIELD(LuaConf, rewrite)),
    word_row("rewrite_by_lua_file", kHttpEverywhere, Inherit::scalar, kFile,
             "file with Lua code for the end of the rewrite phase of the location", WEIR_FIELD(LuaConf, rewrite)),
    block_row("access_by_lua_block", kHttpEverywhere, Inherit::scalar,
              "Lua code at the end of the access phase, which may refuse the request", WEIR_FIELD(LuaConf, access)),
    word_row("access_by_lua", kHttpEverywhere, Inherit::scalar, kString,
             "Lua code, as one string, at the end of the access phase, which may refuse the request",
             WEIR_FIELD(LuaConf, access)),
    word_row("access_by_lua_file", kHttpEverywhere, Inherit::scalar, kFile,
             "file with Lua code for the end of the access phase, which may refuse the request",
             WEIR_FIELD(LuaConf, access)),
    block_row("content_by_lua_block", kLocation | kIfInLocation, Inherit::none, "Lua code that produces the response",
              static_cast<uint32_t>(offsetof(LuaConf, content)), nullptr),
    word_row("content_by_lua", kLocation | kIfInLocation, Inherit::none, kString,
             "Lua code, as one string, that produces the response", static_cast<uint32_t>(offsetof(LuaConf, content)),
             nullptr),
    word_row("content_by_lua_file", kLocation | kIfInLocation, Inherit::none, kFile,
             "file with Lua code that produces the response", static_cast<uint32_t>(offsetof(LuaConf, content)),
             nullptr),
    block_row("header_filter_by_lua_block", kHttpEverywhere, Inherit::scalar,
              "Lua code that can change the response header", WEIR_FIELD(LuaConf, header_filter)),
    word_row("header_filter_by_lua", kHttpEverywhere, Inherit::scalar, kString,
             "Lua code, as one string, that can change the response header", WEIR_FIELD(LuaConf, header_filter)),
    word_row("header_filter_by_lua_file", kHttpEverywhere, Inherit::scalar, kFile,
             "file with Lua code that can change the response header", WEIR_FIELD(LuaConf, header_filter)),
    block_row("log_by_lua_block", kHttpEverywhere, Inherit::scalar, "Lua code in the log phase",
              WEIR_FIELD(LuaConf, log)),
    word_row("log_by_lua", kHttpEverywhere, Inherit::scalar, kString, "Lua code, as one string, in the log phase",
             WEIR_FIELD(LuaConf, log)),
    word_row("log_by_lua_file", kHttpEverywhere, Inherit::scalar, kFile, "file with Lua code for the log phase",
             WEIR_FIELD(LuaConf, log)),
};

}  // namespace

const Module kLuaModule{"lua", sizeof(LuaConf), module_create<LuaConf>, kTable, nullptr, compile_lua, finish_lua};
// Its step stands among the other header filters where nginx calls third-party ones: before add_header.
const Module kLuaHeaderFilterModule{"lua_header_filter", 0, nullptr, {}, nullptr, compile_header_filter};

}  // namespace weir::nginx
