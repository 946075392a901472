// $tcpinfo_rtt and its like: what the kernel knows of the client's connection (tcp(7), TCP_INFO). Times are in microseconds.
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/conn.h"
#include "nginx/modules.h"

namespace weir::nginx {
namespace {

using expr::Arg;
using expr::Ctx;

template <uint32_t tcp_info::* member>
bool fetch(const Ctx& ctx, const Arg*, Value& out) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (!ctx.client || getsockopt(ctx.client->fd(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  out = Value::of(ctx.arena->dup(fmt::format_int(info.*member).c_str()));
  return true;
}

const VariableDef kRows[] = {
    {"tcpinfo_rtt", fetch<&tcp_info::tcpi_rtt>, false, false, nullptr, "round trip time"},
    {"tcpinfo_rttvar", fetch<&tcp_info::tcpi_rttvar>, false, false, nullptr, "its variation"},
    {"tcpinfo_snd_cwnd", fetch<&tcp_info::tcpi_snd_cwnd>, false, false, nullptr, "congestion window, in segments"},
    {"tcpinfo_rcv_space", fetch<&tcp_info::tcpi_rcv_space>, false, false, nullptr, "receive window, in bytes"},
};

}  // namespace

const std::span<const VariableDef> kTcpInfoVariables{kRows};

}  // namespace weir::nginx
