// See haproxy/log_forward.h: the section and its words.
#include "haproxy/log_forward.h"

#include <fmt/format.h>

#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/log_receiver.h"
#include "haproxy/personality.h"
#include "haproxy/tables.h"
#include "haproxy/tcp_options.h"

namespace weir::haproxy {
namespace {

LogForward& current(Scope& scope) {
  return *scope.global.log_sections.forwards.back();
}

void bind_section(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  const Word& name = d.words[1];
  for (const LogForward* other : scope.global.log_sections.forwards)
    if (other->proxy->name == name.text)
      scope.error(name.where, fmt::format("another log-forward section is called '{}'", name.text), {},
                  fmt::format("log-forward section '{}' has the same name as another log-forward section.", name.text));
  auto* forward = scope.arena.own<LogForward>();
  forward->proxy = scope.arena.own<Proxy>();
  forward->proxy->name = name.text;
  forward->proxy->where = d.where;
  scope.global.log_sections.forwards.push_back(forward);
  scope.proxy = forward->proxy;
  bind_lines(scope, d, kLogForward);
  scope.proxy = nullptr;
}

void bind_datagrams(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words words = args_of(d, row);
  model::Listener options;
  options.v6only = false;
  options.datagram = true;
  for (size_t at = 1; at < words.size();) {
    const Word& word = words[at];
    const Row* option = find_option(scope, word, kBindOption, "dgram-bind");
    Words args;
    if (!option || !take_option(scope, words, at, *option, args)) return;
    if (word == "interface")
      take_socket_option(scope, option->name, args, options.interface, options.socket);
    else if (word == "transparent")
      options.transparent = true;
    else if (word == "v6only")
      options.v6only = true;
    else if (word == "name")
      options.name = args[0].text;
    else if (!option->bind && option->no_effect.empty())
      scope.planned(word.where, fmt::format("dgram-bind … {}", word.text));
    else
      scope.diag.note(word.where, fmt::format("'{}' does nothing for datagrams", word.text));
  }
  for (Str list = words[0].text; !list.empty();) {
    Str text = cut(list, ',');
    Address address;
    std::string problem;
    if (!parse_address(text, address, problem, scope.arena))
      return report_address(scope, words[0], problem, {}, fmt::format("'dgram-bind' : {}", problem));
    if (!address.is_inet() || address.port <= 0 || address.port_offset || says_stream(text)) {
      scope.error(words[0].where, fmt::format("'{}' is no address and port for datagrams", text),
                  "write: dgram-bind 127.0.0.1:514",
                  fmt::format("'dgram-bind' : '{}' : not a datagram address.", text));
      return;
    }
    std::vector<net::Addr> addrs;
    if (!socket_addresses(address, scope.arena, addrs, problem))
      return scope.missing(words[0].where, problem, fmt::format("'dgram-bind' : {}", problem));
    for (const net::Addr& a : addrs) {
      auto* l = scope.arena.own<model::Listener>(options);
      l->addr = a;
      l->text = text;
      l->where = words[0].where;
      current(scope).datagrams.push_back(l);
    }
  }
}

void bind_maxconn(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  Scope& scope = scope_of(s);
  if (read_number(scope, args_of(d, row)[0], row.name, 0, INT32_MAX, n))
    current(scope).maxconn = n ? static_cast<uint32_t>(n) : UINT32_MAX;
}

void bind_backlog(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  Scope& scope = scope_of(s);
  if (read_number(scope, args_of(d, row)[0], row.name, 1, INT32_MAX, n))
    scope.proxy->s.backlog = static_cast<uint32_t>(n);
}

void bind_timeout(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  read_time_ms(scope, args_of(d, row)[0], row.name, scope.proxy->s.timeouts.client);
}

template <bool LogForward::* member>
void bind_flag(void* s, const Directive& d, const Row&) {
  current(scope_of(s)).*member = !d.negated;
}

void bind_host(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  constexpr std::pair<Str, HostRule> kRules[] = {
      {"replace", HostRule::replace}, {"fill", HostRule::fill}, {"keep", HostRule::keep}, {"append", HostRule::append}};
  for (auto& [name, rule] : kRules)
    if (word == name) {
      current(scope).host = rule;
      return;
    }
  scope.error(word.where, fmt::format("'{}' is nothing to do with a host name", word.text),
              "replace, fill, keep or append", "option host expects {replace|fill|keep|append}");
}

constexpr Row row(Str name, int8_t min, int8_t max, config::BindFn bind, Str syntax, Str help) {
  return {name, kLogForward, min, max, Block::none, Inherit::none, bind, syntax, help};
}

constexpr Row kRows[] = {
    {"log-forward", kTop, 1, 1, Block::required, Inherit::none, bind_section, "<name>",
     "receives log messages and passes them on"},
    row("dgram-bind", 1, -1, bind_datagrams, "<addr> [param*]", "address for log messages over UDP"),
    row("backlog", 1, 1, bind_backlog, "<conns>", "hint for the length of the listen queue"),
    row("maxconn", 1, 1, bind_maxconn, "<conns>", "limit of concurrent log connections"),
    row("timeout client", 1, 1, bind_timeout, "<timeout>", "longest silence of a log connection"),
    row("option assume-rfc6587-ntf", 0, 0, bind_flag<&LogForward::lines>, "",
        "read TCP log streams with non-transparent framing"),
    row("option dont-parse-log", 0, 0, bind_flag<&LogForward::whole>, "", "relay log messages as they come"),
    row("option host", 1, 1, bind_host, "{ replace | fill | keep | append }",
        "which host name forwarded messages carry"),
};

}  // namespace

void resolve_log_forwards(Scope& scope) {
  for (LogForward* f : scope.global.log_sections.forwards) {
    Proxy& p = *f->proxy;
    for (LogTarget* t : p.s.logs) p.targets.push_back(t);
    if (p.s.log_global)
      for (LogTarget* t : scope.global.logs) p.targets.push_back(t);
    p.front_counters = stats::proxy_counters(fmt::format("haproxy/log-forward {}/front", p.name));
    auto* receiver = scope.arena.own<LogReceiver>(scope.global, *f);
    scope.model.services.push_back(receiver);
    auto add = [&](model::Listener* l) {
      l->id = static_cast<uint32_t>(scope.model.listeners.size()) + 1;
      if (l->name.empty()) l->name = p.name;
      l->owner = fmt::format("log-forward {}", p.name);
      l->tcp = true;
      l->timeouts = &p.client_timeouts;
      l->limits = &p.limits;
      l->personality = &personality();
      l->conf = &p;
      l->taker = receiver;
      scope.model.listeners.push_back(l);
    };
    for (model::Listener* l : p.listeners) add(l);
    for (model::Listener* l : f->datagrams) add(l);
  }
}

const config::Table kLogForwardTable = kRows;

}  // namespace weir::haproxy
