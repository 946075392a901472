// `stats socket` and `stats timeout` of the global section: where the runtime socket listens. What it answers is in control/.
#include <fmt/format.h>

#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/bind_line.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

bool take(Scope& scope, RuntimeSocketConf& conf, const Row& row, Words args) {
  uint64_t n = 0;
  if (take_socket_owner(scope, row.name, args, conf.mode, conf.uid, conf.gid)) return true;
  if (row.name == "level") {
    Str level = args[0].text;
    if (level != "user" && level != "operator" && level != "admin") {
      scope.error(args[0].where, fmt::format("'{}' is not a level of rights", level), "user, operator or admin",
                  fmt::format("'level' only supports 'user', 'operator', and 'admin' (got '{}').", level));
      return false;
    }
    conf.level = level;
  } else if (row.name == "expose-fd") {
    conf.expose_fd = true;
  } else if (row.name == "backlog") {
    if (read_number(scope, args[0], row.name, 1, INT32_MAX, n)) conf.backlog = static_cast<int>(n);
  } else {
    return false;
  }
  return true;
}

void bind_socket(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words words = args_of(d, row);
  RuntimeSocketConf conf;
  conf.address = words[0].text;
  conf.where = words[0].where;
  conf.mode = scope.global.unix_mode;
  conf.uid = scope.global.unix_uid;
  conf.gid = scope.global.unix_gid;
  Address address;
  std::string problem;
  if (!parse_address(words[0].text, address, problem, scope.arena)) {
    scope.error(words[0].where, problem, {}, fmt::format("'stats socket' : {}", problem));
    return;
  }
  bool whole = true;
  for (size_t at = 1; at < words.size();) {
    const Word& word = words[at];
    const Row* option = find_option(scope, word, kBindOption, "stats socket");
    Words args;
    if (!option || !take_option(scope, words, at, *option, args)) return;
    if (take(scope, conf, *option, args)) continue;
    if (option->name == "name" || option->name == "process" || option->name == "thread" || option->name == "maxconn")
      continue;
    scope.planned(word.where, fmt::format("stats socket … {}", option->name), true);
    whole = false;
  }
  // Without what an option asks for (TLS, a client certificate) it would let in whom it should not.
  if (whole) scope.global.sockets.push_back(std::move(conf));
}

void bind_timeout(void* s, const Directive& d, const Row& row) {
  read_time_ms(scope_of(s), args_of(d, row)[0], row.name, scope_of(s).global.socket_timeout_ms);
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
    {"stats bind-process", kGlobal, 1, -1, Block::none, Inherit::none, nullptr, "<process-set>",
     "processes of the runtime socket; replaced by: thread on the stats socket line", "every shard serves it"},
    {"level", kBindOption, 1, 1, Block::none, Inherit::none, on_line, "<level>",
     "rights of commands on this runtime socket"},
    {"expose-fd", kBindOption, 1, 1, Block::none, Inherit::none, on_line, "listeners",
     "let other processes fetch listening sockets through this one"},
};

}  // namespace

const config::Table kRuntimeSocketTable = kRows;

}  // namespace weir::haproxy
