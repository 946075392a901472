// Words that call Lua: lua-load and its like in the global section, `lua.NAME` actions, `use-service lua.NAME`.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/lua.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"

namespace weir::haproxy {

namespace {

void bind_load(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  LuaFile file;
  for (const Word& word : args_of(d, row)) file.words.emplace_back(word.text);
  file.per_thread = row.name == "lua-load-per-thread";
  file.where = args_of(d, row)[0].where;
  if (!scope.global.path_origin.empty() && !file.words[0].starts_with('/'))
    file.words[0] = scope.global.path_origin + "/" + file.words[0];
  scope.global.lua_files.push_back(file);
  load_lua_file(scope, scope.global.lua_files.back());
}

void bind_path(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  bool c = args.size() > 1 && args[1] == "cpath";
  (c ? scope.global.lua_cpath : scope.global.lua_path).emplace_back(args[0].text);
  prepend_lua_path(scope, args[0].text, c);
}

// `http-request lua.NAME args… if …`: the name stands in the word of the action itself.
void bind_action(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Rule rule;
  Words args;
  if (!open_rule(scope, d, row, rule, args)) return;
  size_t at = static_cast<size_t>(std::count(row.name.begin(), row.name.end(), ' '));
  const Word& action = d.words[at];
  Str name = action.text.substr(action.text.find('.') + 1);
  if (!has_lua_action(scope, name, rule.set)) {
    // Without the script nothing can be said about its names.
    if (scope.options.offline)
      return scope.diag.note(action.where, fmt::format("the Lua action '{}' is not known", name)), void();
    std::vector<std::string> known = lua_action_names(scope, rule.set);
    Str near = config::nearest(name, {known.begin(), known.end()});
    scope.error(action.where, fmt::format("no Lua file registered the action '{}' for {}", name, d.name()),
                near.empty() ? std::string() : fmt::format("did you mean 'lua.{}'?", near),
                fmt::format("error detected while parsing '{}' rule : unknown keyword '{}'", d.name(), action.text));
    return;
  }
  proxy::Step step;
  if (make_lua_step(scope, name, args, rule.set, rule.condition, d.where, step))
    scope.proxy->rule_list(rule.set).push(scope.arena, step);
}

void bind_service(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Rule rule;
  Words args;
  if (!open_rule(scope, d, row, rule, args) || !enough(scope, d, args, 1, row)) return;
  Str name = args[0].text;
  if (name.starts_with("lua.") && !scope.options.offline && !has_lua_service(scope, name.substr(4))) {
    scope.error(args[0].where, fmt::format("no Lua file registered the service '{}'", name.substr(4)));
    return;
  }
  scope.planned(args[0].where, fmt::format("use-service {}", name));
}

constexpr Str kAction = "<name> [<args>...] [ { if | unless } <condition> ]";
constexpr Str kHelp = "run an action registered by a Lua script";

constexpr Row kRows[] = {
    {"lua-load", kGlobal, 1, -1, Block::none, Inherit::none, bind_load, "<file> [ <arg1> [ <arg2> [ ... ] ] ]",
     "load and run a Lua file in the state shared by all threads"},
    {"lua-load-per-thread", kGlobal, 1, -1, Block::none, Inherit::none, bind_load,
     "<file> [ <arg1> [ <arg2> [ ... ] ] ]", "load and run a Lua file in each thread's own state"},
    {"lua-prepend-path", kGlobal, 1, 2, Block::none, Inherit::none, bind_path, "<string> [<type>]",
     "put a pattern in front of Lua's package.path or package.cpath"},
    rule_row("http-request lua.", kProxies, 0, -1, bind_action, kAction, kHelp),
    rule_row("http-response lua.", kProxies, 0, -1, bind_action, kAction, kHelp),
    rule_row("http-after-response lua.", kProxies, 0, -1, bind_action, kAction, kHelp),
    rule_row("tcp-request content lua.", kProxies, 0, -1, bind_action, kAction, kHelp),
    rule_row("http-request use-service", kProxies, 1, -1, bind_service,
             "<service-name> [ { if | unless } <condition> ]", "let a service answer the request"),
};

}  // namespace

const config::Table kLuaTable = kRows;

}  // namespace weir::haproxy
