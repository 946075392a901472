// See haproxy/tcp_options.h.
#include "haproxy/tcp_options.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>

#include "expr/args.h"
#include "haproxy/bind.h"
#include "haproxy/global.h"
#include "haproxy/tables.h"
#include "net/socket_options.h"

namespace weir::haproxy {
namespace {

using net::SocketOptions;

enum Side : uint8_t { kClient = 1, kServer = 2 };

template <uint8_t sides>
void bind_keepalive(void* s, const Directive& d, const Row&) {
  Settings& settings = scope_of(s).proxy->s;
  const bool on = !d.negated && !d.defaulted;
  if (sides & kClient) settings.client_socket.keepalive = on;
  if (sides & kServer) settings.server_socket.keepalive = on;
}

// 0, as well as what Linux does not take, is the system's value.
uint32_t limited(Scope& scope, const Word& word, uint64_t n, uint32_t most, Str unit) {
  if (n <= most) return static_cast<uint32_t>(n);
  scope.warning(
      word.where,
      fmt::format("Linux takes no more than {}{}: the system's own value counts, not '{}'", most, unit, word.text),
      fmt::format("write at most {}", most));
  return 0;
}

template <SocketOptions Settings::* side>
void bind_count(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  uint64_t n = 0;
  if (read_number(scope, word, row.name, 0, INT32_MAX, n))
    (scope.proxy->s.*side).keep_count = limited(scope, word, n, net::kMostKeepCount, " probes");
}

template <SocketOptions Settings::* side, uint32_t SocketOptions::* value>
void bind_seconds(void* s, const Directive& d, const Row& row) {
  constexpr uint64_t kSecond = 1000000;
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  uint64_t us = 0;
  std::string problem;
  if (!expr::parse_time_us(word.text, kSecond, us, problem)) {
    scope.error(word.where, fmt::format("'{}' is not a time", word.text),
                "a number with us, ms, s, m, h or d; without a unit it is seconds",
                fmt::format("unexpected character in '{}'", row.name));
    return;
  }
  scope.proxy->s.*side.*value = limited(scope, word, (us + kSecond - 1) / kSecond, net::kMostKeepSeconds, " seconds");
}

template <SocketOptions Global::* side, uint32_t SocketOptions::* value>
void bind_buffer(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_size(scope_of(s), args_of(d, row)[0], row.name, n))
    scope_of(s).global.*side.*value = static_cast<uint32_t>(std::min<uint64_t>(n, INT32_MAX));
}

void take_segment(Scope& scope, const Word& word, SocketOptions& options) {
  constexpr uint64_t kMost = 65535;
  const bool less = word.text.starts_with('-');
  auto n = parse_u64(word.text.substr(less));
  if (!n || !*n || *n > kMost) {
    scope.error(word.where, fmt::format("'{}' is no size of a segment", word.text), "1 to 65535, or -1 to -65535",
                "'mss' : expects an MSS with and absolute value between 1 and 65535");
    return;
  }
  if (less)
    scope.diag.note(word.where,
                    "'mss' below 0 has no effect in weir: Linux does not change the segments of open connections");
  else if (*n >= net::kLeastSegment && *n <= net::kMostSegment)
    options.segment = static_cast<uint32_t>(*n);
  else
    scope.warning(word.where, fmt::format("Linux takes segments of {} to {} bytes: the system's own size counts",
                                          net::kLeastSegment, net::kMostSegment));
}

void take_interface(Scope& scope, const Word& word, Str& interface) {
  if (word.text.empty() || word.text.size() >= IFNAMSIZ)
    scope.error(word.where, fmt::format("'{}' is no name of an interface", word.text),
                fmt::format("it has at most {} bytes", IFNAMSIZ - 1));
  else
    interface = word.text;
}

void on_line(void*, const Directive&, const Row&) {}

constexpr Row option(Str name, ContextMask contexts, int8_t args, Str syntax, Str help) {
  return {name, contexts, args, args, Block::none, Inherit::none, on_line, syntax, help};
}
constexpr Row word(Str name, ContextMask contexts, int8_t args, config::BindFn bind, Str syntax, Str help) {
  return {name, contexts, args, args, Block::none, Inherit::copy, bind, syntax, help};
}
constexpr Row tune(Str name, config::BindFn bind, Str help) {
  return {name, kGlobal, 1, 1, Block::none, Inherit::none, bind, "<size>", help};
}

constexpr auto kOfClients = &Settings::client_socket;
constexpr auto kOfServers = &Settings::server_socket;
constexpr auto kToClients = &Global::client_socket;
constexpr auto kToServers = &Global::server_socket;

constexpr Row kRows[] = {
    word("option tcpka", kProxies, 0, bind_keepalive<kClient | kServer>, "", "TCP keep-alive on both sides"),
    word("option clitcpka", kFrontends, 0, bind_keepalive<kClient>, "", "TCP keep-alive towards clients"),
    word("option srvtcpka", kBackends, 0, bind_keepalive<kServer>, "", "TCP keep-alive towards servers"),
    word("clitcpka-cnt", kFrontends, 1, bind_count<kOfClients>, "<count>",
         "keep-alive probes before a client is given up"),
    word("clitcpka-idle", kFrontends, 1, bind_seconds<kOfClients, &SocketOptions::keep_idle>, "<timeout>",
         "silence before a client is probed"),
    word("clitcpka-intvl", kFrontends, 1, bind_seconds<kOfClients, &SocketOptions::keep_interval>, "<timeout>",
         "time between probes of a client"),
    word("srvtcpka-cnt", kBackends, 1, bind_count<kOfServers>, "<count>",
         "keep-alive probes before a server is given up"),
    word("srvtcpka-idle", kBackends, 1, bind_seconds<kOfServers, &SocketOptions::keep_idle>, "<timeout>",
         "silence before a server is probed"),
    word("srvtcpka-intvl", kBackends, 1, bind_seconds<kOfServers, &SocketOptions::keep_interval>, "<timeout>",
         "time between probes of a server"),
    tune("tune.rcvbuf.client", bind_buffer<kToClients, &SocketOptions::receive_buffer>,
         "receive buffer of client sockets; 0: the kernel sizes it"),
    tune("tune.rcvbuf.server", bind_buffer<kToServers, &SocketOptions::receive_buffer>,
         "receive buffer of server sockets; 0: the kernel sizes it"),
    tune("tune.sndbuf.client", bind_buffer<kToClients, &SocketOptions::send_buffer>,
         "send buffer of client sockets; 0: the kernel sizes it"),
    tune("tune.sndbuf.server", bind_buffer<kToServers, &SocketOptions::send_buffer>,
         "send buffer of server sockets; 0: the kernel sizes it"),
    option("interface", kBindOption, 1, "<interface>", "listen on this network interface only"),
    option("mss", kBindOption, 1, "<maxseg>", "TCP maximum segment size to announce"),
    option("tcp-ut", kBindOption, 1, "<delay>", "time without acknowledgement after which the kernel gives clients up"),
    option("tcp-ut", kServerOption, 1, "<delay>", "time without acknowledgement after which it gives the server up"),
    option("tfo", kBindOption, 0, "", "TCP Fast Open: data in the SYN of clients that have come before"),
    option("tfo", kServerOption, 0, "", "TCP Fast Open: the first request goes in the SYN"),
    option("no-tfo", kServerOption, 0, "", "no TCP Fast Open, after a default"),
};

void add_keepalive(const SocketOptions& from, SocketOptions& to) {
  if (!from.keepalive) return;
  to.keepalive = true;
  to.keep_idle = from.keep_idle;
  to.keep_interval = from.keep_interval;
  to.keep_count = from.keep_count;
}

void add_buffers(const SocketOptions& from, SocketOptions& to) {
  to.receive_buffer = from.receive_buffer;
  to.send_buffer = from.send_buffer;
}

}  // namespace

bool take_socket_option(Scope& scope, Str name, Words args, Str& interface, SocketOptions& options) {
  if (name == "interface")
    take_interface(scope, args[0], interface);
  else if (name == "mss")
    take_segment(scope, args[0], options);
  else if (name == "tcp-ut")
    read_time_ms(scope, args[0], name, options.user_timeout);
  else if (name == "tfo")
    options.fast_open = 1;
  else
    return false;
  return true;
}

bool take_server_socket_option(Scope& scope, ServerOptions& options, Str name, Words args) {
  if (name == "tcp-ut")
    read_time_ms(scope, args[0], name, options.user_timeout);
  else if (name == "tfo" || name == "no-tfo")
    options.fast_open = name == "tfo";
  else
    return false;
  return true;
}

void set_listener_socket(const Scope& scope, const Proxy& p, model::Listener& listener) {
  add_buffers(scope.global.client_socket, listener.socket);
  add_keepalive(p.s.client_socket, listener.socket);
}

void set_server_socket(Scope& scope, const Proxy& p, model::Server& server) {
  SocketOptions all;
  add_buffers(scope.global.server_socket, all);
  add_keepalive(p.s.server_socket, all);
  const auto& options = *static_cast<const ServerOptions*>(server.conf);
  all.user_timeout = options.user_timeout;
  all.fast_open = options.fast_open;
  if (all.fast_open && p.s.mode == Mode::log)
    scope.diag.note(
        p.where, fmt::format("'tfo' of '{}/{}' has no effect in weir: {}", p.name, server.name, kFastOpenForRequests));
  if (all != SocketOptions()) server.socket = scope.arena.make<SocketOptions>(all);
}

const config::Table kTcpOptionTable = kRows;

}  // namespace weir::haproxy
