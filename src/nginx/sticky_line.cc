// The directive `sticky` (ngx_http_upstream_sticky_module); see nginx/sticky.h.
#include <errno.h>
#include <fmt/format.h>
#include <string.h>

#include "nginx/define.h"
#include "nginx/sticky.h"
#include "nginx/sticky_conf.h"
#include "nginx/zone_names.h"

namespace weir::nginx {
namespace {

constexpr uint64_t kLeastZone = 8 * 4096;
constexpr uint64_t kLayout = 1;
constexpr uint64_t kUsualTimeout = 600000;

struct Stickies {
  std::deque<Sticky> all;
  std::deque<StickySessions> sessions;
  std::vector<HashKey*> keys;
};

Stickies& stickies(Scope& scope) {
  return scope.main<Stickies>(kStickyModule);
}

// As nginx words what a directive's own code finds wrong with it.
void refuse_directive(Scope& scope, const Directive& d, const config::Where& where, Str text, std::string remedy = {}) {
  refuse(scope, where, fmt::format("\"{}\" directive {}", d.name(), text), std::move(remedy));
}

HashKey* new_key(Scope& scope, const Script* script) {
  auto* key = scope.arena.make<HashKey>();
  key->script = script;
  stickies(scope).keys.push_back(key);
  return key;
}

// A variable by its name; names of cookies have characters that no text with variables takes.
HashKey* variable_key(Scope& scope, Str name, const config::Where& where) {
  auto* part = scope.arena.make<Script::Part>();
  part->variable = scope.http->variables.use(scope.arena, scope.arena.dup(name), where);
  return new_key(scope, scope.arena.make<Script>(Script{part, 1, part->variable->name}));
}

HashKey* text_key(Scope& scope, Str text, const config::Where& where) {
  return new_key(scope, compile_script(scope.arena, scope.http->variables, text, where, scope.diag));
}

// `prefix` with a value that is not empty. False: it is something else, or after an error.
struct Valued {
  Str prefix;
  bool (*take)(Scope& scope, const Directive& d, const config::Word& word, Str value, Sticky& s);
};

bool take_domain(Scope& scope, const Directive& d, const config::Word& word, Str value, Sticky& s) {
  if (s.domain) return refuse_directive(scope, d, word.where, "parameter \"domain\" is duplicate"), false;
  if (value.empty()) return refuse_directive(scope, d, word.where, "no value for \"domain\""), false;
  s.domain = text_key(scope, value, word.where);
  return true;
}

bool take_path(Scope& scope, const Directive& d, const config::Word& word, Str value, Sticky& s) {
  if (!s.path.empty()) return refuse_directive(scope, d, word.where, "parameter \"path\" is duplicate"), false;
  if (value.empty()) return refuse_directive(scope, d, word.where, "no value for \"path\""), false;
  s.path = scope.arena.cat("; path=", value);
  return true;
}

bool take_expires(Scope& scope, const Directive& d, const config::Word& word, Str value, Sticky& s) {
  if (s.expires != Sticky::kNoExpires)
    return refuse_directive(scope, d, word.where, "parameter \"expires\" is duplicate"), false;
  if (value == "max") {
    s.expires = Sticky::kMaxExpires;
    return true;
  }
  if (parse_sec(value, s.expires) && s.expires >= 0) return true;
  refuse_directive(scope, d, word.where, "invalid \"expires\" parameter value", "a time such as 1h, or max");
  return false;
}

bool take_samesite(Scope& scope, const Directive& d, const config::Word& word, Str value, Sticky& s) {
  if (s.samesite) return refuse_directive(scope, d, word.where, "parameter \"samesite\" is duplicate"), false;
  s.samesite = text_key(scope, value, word.where);
  if (!s.samesite->script->constant() || is_samesite(value)) return true;
  refuse_directive(scope, d, word.where, "invalid \"samesite\" parameter value", "strict, lax, none or a variable");
  return false;
}

constexpr Valued kCookieWords[] = {
    {"domain=", take_domain}, {"path=", take_path}, {"expires=", take_expires}, {"samesite=", take_samesite}};

void unknown(Scope& scope, const config::Word& word, std::string remedy) {
  refuse(scope, word.where, fmt::format("unknown parameter \"{}\"", word.text), std::move(remedy));
}

bool take_cookie_word(Scope& scope, const Directive& d, const config::Word& word, Sticky& s) {
  Str text = word.text;
  for (const Valued& v : kCookieWords)
    if (text.starts_with(v.prefix)) return v.take(scope, d, word, text.substr(v.prefix.size()), s);
  bool* flag = text == "httponly" ? &s.httponly : text == "secure" ? &s.secure : nullptr;
  if (!flag) return unknown(scope, word, "expires=, domain=, httponly, secure, samesite=, path="), false;
  if (!*flag) return *flag = true;
  refuse_directive(scope, d, word.where, fmt::format("parameter \"{}\" is duplicate", text));
  return false;
}

bool bind_cookie(Scope& scope, const Directive& d, Sticky& s) {
  s.cookie = d.arg(1).text;
  if (s.cookie.empty()) return refuse_directive(scope, d, d.arg(1).where, "empty cookie name"), false;
  for (size_t i = 2; i < d.args(); i++)
    if (!take_cookie_word(scope, d, d.arg(i), s)) return false;
  s.lookup.push_back(variable_key(scope, fmt::format("cookie_{}", s.cookie), d.arg(1).where));
  return true;
}

bool bind_route(Scope& scope, const Directive& d, Sticky& s) {
  for (size_t i = 1; i < d.args(); i++) {
    Str name = d.arg(i).text;
    if (!name.starts_with('$')) {
      refuse(scope, d.arg(i).where, fmt::format("invalid variable name \"{}\"", name), "write $name");
      return false;
    }
    s.lookup.push_back(variable_key(scope, name.substr(1), d.arg(i).where));
  }
  return true;
}

// zone=NAME:SIZE. False after an error.
bool take_zone(Scope& scope, const Directive& d, const config::Word& word, Sticky& s) {
  if (s.sessions) return refuse_directive(scope, d, word.where, "duplicate zone"), false;
  Str size_text = word.text.substr(5);
  size_t colon = size_text.find(':');
  if (colon == Str::npos) return refuse_directive(scope, d, word.where, "zone size is not specified"), false;
  Str name = cut(size_text, ':');
  if (name.empty()) return refuse_directive(scope, d, word.where, "zone name is not specified"), false;
  uint64_t size = 0;
  if (!parse_size(size_text, size)) return refuse_directive(scope, d, word.where, "invalid zone size"), false;
  if (size < kLeastZone) return refuse_directive(scope, d, word.where, "zone is too small", "at least 32k"), false;
  for (const Sticky& other : stickies(scope).all)
    if (other.sessions && other.sessions->name == name) {
      refuse(scope, word.where,
             fmt::format("sticky zone \"{}\" is already used in upstream \"{}\"", name, other.pool->name));
      return false;
    }
  if (!claim_zone(scope, word, name, "sticky")) return false;
  StickySessions& sessions = stickies(scope).sessions.emplace_back();
  sessions.name = scope.arena.dup(name);
  auto shape = sticky::Table::Shape::fitting(sizeof(uint64_t) * 2, sizeof(StickySession), size);
  if (!scope.options.offline && !sessions.table.open(fmt::format("sticky:{}", name), kLayout, shape))
    return refuse(scope, word.where, fmt::format("no memory for zone \"{}\": {}", name, strerror(errno))), false;
  s.sessions = &sessions;
  return true;
}

bool take_timeout(Scope& scope, const Directive& d, const config::Word& word, uint64_t& timeout) {
  if (timeout) return refuse_directive(scope, d, word.where, "duplicate timeout"), false;
  if (parse_ms(word.text.substr(8), timeout) && timeout) return true;
  return refuse_directive(scope, d, word.where, "invalid timeout", "a time such as 1h"), false;
}

bool take_learn_word(Scope& scope, const Directive& d, const config::Word& word, Sticky& s, uint64_t& timeout) {
  Str text = word.text;
  if (text.starts_with("zone=")) return take_zone(scope, d, word, s);
  if (text.starts_with("timeout=")) return take_timeout(scope, d, word, timeout);
  for (auto [prefix, list] : {std::pair{Str("create="), &s.create}, std::pair{Str("lookup="), &s.lookup}})
    if (text.starts_with(prefix)) {
      Str name = text.substr(prefix.size());
      if (!name.starts_with('$')) {
        prefix.remove_suffix(1);
        refuse_directive(scope, d, word.where, fmt::format("missing variable in the \"{}\" parameter", prefix));
        return false;
      }
      list->push_back(variable_key(scope, name.substr(1), word.where));
      return true;
    }
  if (text == "header") return s.learns_early = true;
  if (text == "sync") {
    scope.diag.add(config::Severity::planned, word.where, "not yet: sticky … sync", {});
    return true;
  }
  unknown(scope, word, "create=, lookup=, zone=, timeout=, header");
  return false;
}

bool bind_learn(Scope& scope, const Directive& d, Sticky& s) {
  uint64_t timeout = 0;
  for (size_t i = 1; i < d.args(); i++)
    if (!take_learn_word(scope, d, d.arg(i), s, timeout)) return false;
  for (auto [missing, name] : {std::pair{s.lookup.empty(), Str("lookup")}, std::pair{s.create.empty(), Str("create")},
                               std::pair{!s.sessions, Str("zone")}})
    if (missing) {
      refuse_directive(scope, d, d.where, fmt::format("\"{}\" parameter is not specified", name));
      return false;
    }
  s.sessions->timeout_ms = timeout ? timeout : kUsualTimeout;
  return true;
}

// weir's own: a session is what a function says of the request. It begins with the first answer.
bool bind_lua(Scope& scope, const Directive& d, Sticky& s) {
  uint64_t timeout = 0;
  for (size_t i = 2; i < d.args(); i++) {
    const config::Word& word = d.arg(i);
    if (word.text.starts_with("zone=")) {
      if (!take_zone(scope, d, word, s)) return false;
    } else if (word.text.starts_with("timeout=")) {
      if (!take_timeout(scope, d, word, timeout)) return false;
    } else {
      unknown(scope, word, "zone=NAME:SIZE, timeout=TIME");
      return false;
    }
  }
  if (!s.sessions) {
    refuse_directive(scope, d, d.where, "\"zone\" parameter is not specified", "zone=NAME:SIZE, such as zone=users:1m");
    return false;
  }
  s.sessions->timeout_ms = timeout ? timeout : kUsualTimeout;
  s.lua = &want_lua_hook(scope, "key", d.arg(1).text, d.arg(1).where);
  s.learns_early = true;
  return true;
}

void bind_sticky(void* p, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(p);
  Stickies& known = stickies(scope);
  for (const Sticky& other : known.all)
    if (other.pool == scope.pool) return refuse_directive(scope, d, d.where, "is duplicate", "keep one of them");
  Sticky& s = known.all.emplace_back();
  s.pool = scope.pool;
  Str how = d.arg(0).text;
  if (how == "cookie")
    bind_cookie(scope, d, s);
  else if (how == "route")
    bind_route(scope, d, s);
  else if (how == "learn")
    bind_learn(scope, d, s);
  else if (how == "lua")
    bind_lua(scope, d, s);
  else
    unknown(scope, d.arg(0), "cookie, route, learn or lua");
}

void finish(Scope& scope) {
  Stickies& known = stickies(scope);
  for (HashKey* key : known.keys) {
    key->variables = &scope.http->variables;
    key->simple = is_simple(*key->script);
  }
  if (scope.diag.failed()) return;
  for (Sticky& s : known.all) make_sticky(scope, s);
}

void compile(Scope& scope, Location& location, void*) {
  for (const Sticky& s : stickies(scope).all)
    if (!s.cookie.empty()) return add_sticky_step(location);
}

const Row kTable[] = {
    {"sticky", kUpstream, 2, -1, Block::none, Inherit::none, bind_sticky,
     "cookie name [expires=time] [domain=domain] [httponly] [samesite=strict|lax|none|$variable] [secure] [path=path] "
     "| "
     "route $variable ... | learn create=$variable lookup=$variable zone=name:size [timeout=time] [header] [sync] "
     "| lua name zone=name:size [timeout=time]",
     "keeps a client's session with one server: by a cookie that is set, by a route, by an identifier that is "
     "learned, or (weir's own) by what a function of a Lua script says of the request"},
};

}  // namespace

const Module kStickyModule{"sticky", 0, nullptr, kTable, nullptr, compile, finish};

}  // namespace weir::nginx
