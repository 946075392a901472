// `stats socket` and `stats timeout` of the global section: where the runtime socket listens. What it answers is in control/.
#include <fmt/format.h>

#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/bind_line.h"
#include "haproxy/tables.h"
#include "haproxy/tcp_options.h"

namespace weir::haproxy {
namespace {

// False: the option is none of those that are built. A wrong value is reported here.
bool take(Scope& scope, RuntimeSocketConf& conf, const Row& row, Words args) {
  uint64_t n = 0;
  if (take_socket_owner(scope, row.name, args, conf.mode, conf.uid, conf.gid) ||
      take_socket_option(scope, row.name, args, conf.interface, conf.socket))
    return true;
  if (row.name == "level") {
    Str level = args[0].text;
    if (level != "user" && level != "operator" && level != "admin") {
      scope.error(args[0].where, fmt::format("'{}' is not a level of rights", level), "user, operator or admin",
                  fmt::format("'level' only supports 'user', 'operator', and 'admin' (got '{}').", level));
      return true;
    }
    conf.level = level;
  } else if (row.name == "expose-fd") {
    conf.expose_fd = true;
  } else if (row.name == "severity-output") {
    Str form = args[0].text;
    if (form != "none" && form != "number" && form != "string") {
      scope.error(args[0].where, fmt::format("'{}' is not a form of severities", form), "none, number or string",
                  fmt::format("'severity-output' only supports 'none', 'number', and 'string' (got '{}')", form));
      return true;
    }
    conf.severity = form;
  } else if (row.name == "v4v6" || row.name == "v6only") {
    conf.v6only = row.name == "v6only";
  } else if (row.name == "backlog") {
    if (read_number(scope, args[0], row.name, 1, INT32_MAX, n)) conf.backlog = static_cast<int>(n);
  } else {
    return false;
  }
  return true;
}

void add_address(Scope& scope, RuntimeSocketConf conf, const Word& word, Str text) {
  Address address;
  std::string problem;
  std::vector<net::Addr> addrs;
  conf.address = text;
  if (!parse_address(text, address, problem, scope.arena)) {
    scope.error(conf.where, problem, {}, fmt::format("'stats socket' : {}", problem));
    return;
  }
  if (!has_port_to_listen(scope, word, text, address, "stats socket")) return;
  const bool inherited =
      address.family == Address::Family::descriptor || address.family == Address::Family::socket_pair;
  if (!inherited && !socket_addresses(address, scope.arena, addrs, problem))
    report_address(scope, word, problem, {}, fmt::format("'stats socket' : {}", problem));
  else
    scope.global.sockets.push_back(std::move(conf));
}

void bind_socket(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words words = args_of(d, row);
  RuntimeSocketConf conf;
  conf.where = words[0].where;
  conf.mode = scope.global.unix_mode;
  conf.uid = scope.global.unix_uid;
  conf.gid = scope.global.unix_gid;
  bool whole = true;
  for (size_t at = 1; at < words.size();) {
    const Word& word = words[at];
    const Row* option = find_option(scope, word, kBindOption, "stats socket");
    Words args;
    if (!option || !take_option(scope, words, at, *option, args)) return;
    if (take(scope, conf, *option, args)) continue;
    if (!option->no_effect.empty()) {
      scope.diag.note(word.where, fmt::format("'{}' has no effect in weir: {}", option->name, option->no_effect));
      continue;
    }
    if (option->name == "maxconn")
      scope.diag.note(word.where, "'maxconn' has no effect in weir here: 'stats maxconn' counts for all of them");
    if (option->name == "name" || option->name == "maxconn") continue;
    scope.planned(word.where, fmt::format("stats socket … {}", option->name), true);
    whole = false;
  }
  // Without what an option asks for (TLS, a client certificate) it would let in whom it should not.
  for (Str list = words[0].text; whole && !list.empty();) add_address(scope, conf, words[0], cut(list, ','));
}

void bind_timeout(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  uint32_t ms = 0;
  const Word& word = args_of(d, row)[0];
  if (!read_time_ms(scope, word, row.name, ms)) return;
  if (ms)
    scope.global.socket_timeout_ms = ms;
  else
    scope.error(word.where, "nobody could ask anything in no time", "write: stats timeout 2m",
                "'stats timeout' expects a positive value");
}

void bind_payload(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_size(scope_of(s), args_of(d, row)[0], row.name, n))
    scope_of(s).global.socket_max_payload = static_cast<uint32_t>(n);
}

void bind_maxconn(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), args_of(d, row)[0], row.name, 1, INT32_MAX, n))
    scope_of(s).global.socket_maxconn = static_cast<uint32_t>(n);
}

void on_line(void*, const Directive&, const Row&) {}

constexpr Row kRows[] = {
    {"stats socket", kGlobal, 1, -1, Block::none, Inherit::none, bind_socket, "[<address:port>|<path>] [param*]",
     "runtime command socket: its address and bind options"},
    {"stats timeout", kGlobal, 1, 1, Block::none, Inherit::none, bind_timeout, "<timeout>",
     "inactivity limit of the runtime socket"},
    {"stats maxconn", kGlobal, 1, 1, Block::none, Inherit::none, bind_maxconn, "<connections>",
     "limit of concurrent connections on the runtime sockets"},
    {"tune.cli.max-payload-size", kGlobal, 1, 1, Block::none, Inherit::none, bind_payload, "<size>",
     "largest payload of a runtime command"},
    {"stats bind-process", kGlobal, 1, -1, Block::none, Inherit::none, nullptr, "<process-set>",
     "processes of the runtime socket; replaced by: thread on the stats socket line", "every shard serves it"},
    {"level", kBindOption, 1, 1, Block::none, Inherit::none, on_line, "<level>",
     "rights of commands on this runtime socket"},
    {"severity-output", kBindOption, 1, 1, Block::none, Inherit::none, on_line, "<format>",
     "how answers on this runtime socket carry their severity"},
    {"expose-fd", kBindOption, 1, 1, Block::none, Inherit::none, on_line, "listeners",
     "let other processes fetch listening sockets through this one"},
};

}  // namespace

const config::Table kRuntimeSocketTable = kRows;

}  // namespace weir::haproxy
