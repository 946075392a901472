// `timeout …` of proxies, and the forms of it before 1.5.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

template <uint32_t Timeouts::* member>
void bind_timeout(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  uint32_t ms = 0;
  if (!read_time_ms(scope, args_of(d, row)[0], row.name, ms)) return;
  scope.proxy->s.timeouts.*member = ms ? ms : kForever;
}

template <uint32_t Timeouts::* member>
void bind_old_timeout(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  size_t at = row.help.find("replaced by: ");
  scope.warning(d.where, fmt::format("'{}' is the old name of '{}'", row.name, row.help.substr(at + 13)),
                fmt::format("write: {} {}", row.help.substr(at + 13), args_of(d, row)[0].text));
  bind_timeout<member>(s, d, row);
}

constexpr Row row(Str name, ContextMask contexts, config::BindFn bind, Str help) {
  return {name, contexts, 1, 1, Block::none, Inherit::copy, bind, "<timeout>", help};
}

constexpr Row kRows[] = {
    row("timeout client", kFrontends, bind_timeout<&Timeouts::client>, "longest silence of a client"),
    row("timeout server", kBackends, bind_timeout<&Timeouts::server>, "longest silence of a server"),
    row("timeout connect", kBackends, bind_timeout<&Timeouts::connect>, "time for a connection to a server"),
    row("timeout http-request", kProxies, bind_timeout<&Timeouts::http_request>, "time for a complete request head"),
    row("timeout http-keep-alive", kProxies, bind_timeout<&Timeouts::http_keep_alive>,
        "time for the next request on an idle connection"),
    row("timeout queue", kBackends, bind_timeout<&Timeouts::queue>, "time in the queue for a free server"),
    row("timeout tunnel", kBackends, bind_timeout<&Timeouts::tunnel>,
        "longest silence of a tunnel in either direction"),
    row("timeout client-fin", kFrontends, bind_timeout<&Timeouts::client_fin>,
        "longest silence of a client whose connection is half closed"),
    row("timeout server-fin", kBackends, bind_timeout<&Timeouts::server_fin>,
        "longest silence of a server whose connection is half closed"),
    {"timeout client-hs", kFrontends, 1, 1, Block::none, Inherit::copy, nullptr, "<timeout>",
     "time for the handshakes with a client", "handshakes count for timeout http-request, or else timeout client"},
    row("timeout tarpit", kProxies, bind_timeout<&Timeouts::tarpit>, "how long a tarpitted request is held"),
    row("timeout check", kBackends, bind_timeout<&Timeouts::check>,
        "time for a health check after its connection is up"),
    row("clitimeout", kFrontends, bind_old_timeout<&Timeouts::client>,
        "longest silence of a client; replaced by: timeout client"),
    row("contimeout", kBackends, bind_old_timeout<&Timeouts::connect>,
        "time for a server connection; replaced by: timeout connect"),
    row("srvtimeout", kBackends, bind_old_timeout<&Timeouts::server>,
        "longest silence of a server; replaced by: timeout server"),
    row("timeout clitimeout", kFrontends, bind_old_timeout<&Timeouts::client>,
        "longest silence of a client; replaced by: timeout client"),
    row("timeout contimeout", kBackends, bind_old_timeout<&Timeouts::connect>,
        "time for a server connection; replaced by: timeout connect"),
    row("timeout srvtimeout", kBackends, bind_old_timeout<&Timeouts::server>,
        "longest silence of a server; replaced by: timeout server"),
};

}  // namespace

const config::Table kTimeoutTable = kRows;

}  // namespace weir::haproxy
