// Words of proxies that only set a value: mode, acl, description, limits (configuration.txt 4).
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"

namespace weir::haproxy {

Str kind_name(Kind kind) {
  switch (kind) {
    case Kind::defaults: return "defaults";
    case Kind::frontend: return "frontend";
    case Kind::backend: return "backend";
    case Kind::listen: return "proxy";
  }
  return "";
}

namespace {

void bind_mode(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  Settings& settings = scope.proxy->s;
  if (word == "tcp") {
    settings.mode = Mode::tcp;
  } else if (word == "http") {
    settings.mode = Mode::http;
  } else if (word == "log") {
    settings.mode = Mode::log;
    if (scope.proxy->is_front())
      scope.error(word.where, "only backends can be in mode log", "to receive log messages, use a log-forward section",
                  fmt::format("mode 'log' is only supported for backends, not for {} '{}'.",
                              kind_name(scope.proxy->kind), scope.proxy->name));
  } else if (word == "spop") {
    settings.mode = Mode::spop;
    scope.planned(word.where, "mode spop");
  } else if (word == "health") {
    scope.error(word.where, "the mode 'health' does not exist any more", "use: http-request return status 200",
                "mode 'health' doesn't exist anymore. Please use 'http-request return status 200' instead.");
  } else {
    scope.error(word.where, fmt::format("unknown proxy mode '{}'", word.text), "tcp or http",
                fmt::format("unknown proxy mode '{}'.", word.text));
  }
}

void bind_acl(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  ParseEnv env = scope.env();
  scope.proxy->acls.define(d, env);
}

void bind_disabled(void* s, const Directive&, const Row& row) {
  scope_of(s).proxy->s.disabled = row.name == "disabled";
}

void bind_description(void* s, const Directive& d, const Row&) {
  std::string text;
  for (size_t i = 1; i < d.words.size(); i++) text.append(i > 1 ? " " : "").append(d.words[i].text);
  scope_of(s).proxy->description = scope_of(s).keep(text);
}

void bind_id(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  uint64_t n = 0;
  if (!read_number(scope, word, row.name, 1, INT32_MAX, n)) return;
  for (const Proxy* p : scope.global.proxies)
    if (p != scope.proxy && p->id == n)
      scope.error(word.where, fmt::format("'{}' has the number {} already", p->name, n), {},
                  fmt::format("{} '{}' : custom id {} is already used by {} '{}'", kind_name(scope.proxy->kind),
                              scope.proxy->name, n, kind_name(p->kind), p->name));
  scope.proxy->id = static_cast<uint32_t>(n);
}

template <uint32_t Settings::* member>
void bind_count(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), args_of(d, row)[0], row.name, 0, INT32_MAX, n))
    scope_of(s).proxy->s.*member = static_cast<uint32_t>(n);
}

constexpr ContextMask kSections = kFrontend | kListen | kBackend;

constexpr Row word(Str name, ContextMask contexts, int8_t min, int8_t max, Inherit inherit, config::BindFn bind,
                   Str syntax, Str help, Str no_effect = {}) {
  return {name, contexts, min, max, Block::none, inherit, bind, syntax, help, no_effect};
}

constexpr Row kRows[] = {
    word("mode", kProxies, 1, 1, Inherit::copy, bind_mode, "{ tcp | http | log | spop }", "protocol of the proxy"),
    word("acl", kProxies, 2, -1, Inherit::rules, bind_acl, "<aclname> <criterion> [flags] [operator] <value> ...",
         "name a condition on a sample"),
    word("id", kSections, 1, 1, Inherit::none, bind_id, "<value>", "fixed number of the proxy in statistics"),
    word("description", kSections, 1, -1, Inherit::none, bind_description, "<string>",
         "text that describes the proxy in statistics"),
    word("disabled", kProxies, 0, 0, Inherit::copy, bind_disabled, "", "start the proxy stopped"),
    word("enabled", kProxies, 0, 0, Inherit::copy, bind_disabled, "", "start the proxy even when defaults disable it"),
    word("maxconn", kFrontends | kBackend, 1, 1, Inherit::copy, bind_count<&Settings::maxconn>, "<conns>",
         "limit of concurrent connections of the frontend"),
    word("rate-limit sessions", kFrontends, 1, 1, Inherit::copy, bind_count<&Settings::max_rate>, "<rate>",
         "limit of new sessions per second"),
    word("backlog", kFrontends, 1, 1, Inherit::copy, bind_count<&Settings::backlog>, "<conns>",
         "hint for the length of the listen queue"),
    word("fullconn", kBackends, 1, 1, Inherit::copy, bind_count<&Settings::fullconn>, "<conns>",
         "requests in the backend at which its servers, limited by minconn, reach their full maxconn; by default a "
         "tenth "
         "of what its frontends may have"),
    word("max-keep-alive-queue", kBackends, 1, 1, Inherit::copy, nullptr, "<value>",
         "queue length above which a stream leaves its kept server",
         "server connections are shared by all clients of a shard"),
    word("max-session-srv-conns", kFrontends, 1, 1, Inherit::copy, nullptr, "<nb>",
         "idle server connections kept for one client session", "server connections belong to the shard"),
    word("bind-process", kProxies, 1, -1, Inherit::none, nullptr,
         "[ all | odd | even | <process_num>[-[<process_num>]] ]",
         "processes that run a proxy; replaced by: bind ... thread", "every shard runs every proxy"),
};

}  // namespace

const config::Table kProxyTable = kRows;

}  // namespace weir::haproxy
