// Fetches about the client's and the server's connection: addresses, ports, what the kernel knows about TCP.
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include <string>

#include "expr/fetch_helpers.h"
#include "expr/tables.h"
#include "net/proxy_protocol.h"

namespace weir::expr {
namespace {

// Which address a fetch is about.
enum class End : uint8_t { client, listener, client_wire, listener_wire, server, server_local };

template <End end>
bool endpoint(const Ctx& ctx, Endpoint& out) {
  if constexpr (end == End::client) return client_source(ctx, out);
  if constexpr (end == End::listener) return client_destination(ctx, out);
  const bool server_side = end == End::server || end == End::server_local;
  const net::Conn* c = server_side ? server_conn(ctx) : client_conn(ctx);
  if (!c) return false;
  if (end == End::listener_wire && hooks.wire_destination && hooks.wire_destination(ctx, out)) return true;
  return endpoint_of(end == End::client_wire || end == End::server ? c->peer() : c->local(), out);
}
template <End end>
bool address(const Ctx& ctx, const Arg*, Value& out) {
  Endpoint e;
  if (!endpoint<end>(ctx, e)) return false;
  out = e.address;
  return true;
}
template <End end>
bool port(const Ctx& ctx, const Arg*, Value& out) {
  Endpoint e;
  return endpoint<end>(ctx, e) && give(out, int64_t{e.port});
}

// An address is ours when a socket can be bound to it.
bool is_ours(const Value& v) {
  net::Addr a;
  a.family = v.type == Type::ipv4 ? AF_INET : AF_INET6;
  if (v.type == Type::ipv4)
    a.v4 = v.v4;
  else
    a.v6 = v.v6;
  sockaddr_storage sa{};
  socklen_t size = a.to(sa);
  int fd = socket(a.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  bool ours = bind(fd, reinterpret_cast<sockaddr*>(&sa), size) == 0;
  close(fd);
  return ours;
}
template <End end>
bool is_local(const Ctx& ctx, const Arg*, Value& out) {
  Endpoint e;
  return endpoint<end>(ctx, e) && give_bool(out, is_ours(e.address));
}

bool http_major(const Ctx& ctx, const Arg*, Value& out) {
  const http::Message* m = request_of(ctx);
  return give(out, m && m->version >= 20 ? int64_t{m->version / 10} : int64_t{1});
}
bool server_http_major(const Ctx& ctx, const Arg*, Value& out) {
  if (!server_conn(ctx)) return false;
  const http::Message* m = response_of(ctx);
  return give(out, m && m->version >= 20 ? int64_t{m->version / 10} : int64_t{1});
}
bool received_proxy(const Ctx& ctx, const Arg*, Value& out) {
  return client_conn(ctx) && give_bool(out, hooks.received_proxy && hooks.received_proxy(ctx));
}
// The values of all TLVs of a type, one after the other; `state` is where the next one is looked for.
bool tlv_of_type(const Ctx& ctx, int64_t type, Value& out) {
  Str all = hooks.proxy_tlvs ? hooks.proxy_tlvs(ctx) : Str{};
  if (ctx.iteration) all.remove_prefix(std::min<size_t>(ctx.iteration->state[0], all.size()));
  Str value;
  if (!net::find_tlv(all, static_cast<uint8_t>(type), value)) return false;
  if (ctx.iteration) {
    Str rest = all.substr(static_cast<size_t>(value.end() - all.begin()));
    ctx.iteration->state[0] += all.size() - rest.size();
    ctx.iteration->more = net::find_tlv(rest, static_cast<uint8_t>(type), rest);
  }
  return give(out, value);
}
template <net::ProxyTlv type>
bool known_tlv(const Ctx& ctx, const Arg*, Value& out) {
  return tlv_of_type(ctx, type, out);
}
bool any_tlv(const Ctx& ctx, const Arg* args, Value& out) {
  return tlv_of_type(ctx, args[0].number, out);
}
std::string check_tlv(Arg* args, int, Arena&) {
  static constexpr std::pair<Str, net::ProxyTlv> kNames[] = {{"ALPN", net::kTlvAlpn},
                                                             {"AUTHORITY", net::kTlvAuthority},
                                                             {"CRC32", net::kTlvCrc32c},
                                                             {"NETNS", net::kTlvNetns},
                                                             {"NOOP", net::kTlvNoop},
                                                             {"SSL", net::kTlvSsl},
                                                             {"SSL_CIPHER", net::kTlvSslCipher},
                                                             {"SSL_CN", net::kTlvSslCn},
                                                             {"SSL_KEY_ALG", net::kTlvSslKeyAlg},
                                                             {"SSL_SIG_ALG", net::kTlvSslSigAlg},
                                                             {"SSL_VERSION", net::kTlvSslVersion},
                                                             {"UNIQUE_ID", net::kTlvUniqueId}};
  for (auto& [name, type] : kNames) {
    if (args[0].str != name) continue;
    args[0].number = type;
    return {};
  }
  auto number = net::parse_tlv_type(args[0].str);
  if (!number) return fmt::format("invalid TLV ID '{}'", args[0].str);
  args[0].number = *number;
  return {};
}
bool server_reused(const Ctx& ctx, const Arg*, Value& out) {
  return server_conn(ctx) && give_bool(out, hooks.server_reused && hooks.server_reused(ctx));
}
template <bool server>
bool connection_error(const Ctx& ctx, const Arg*, Value& out) {
  if (!(server ? server_conn(ctx) : client_conn(ctx))) return false;
  return give(out, int64_t{hooks.connection_error ? hooks.connection_error(ctx, server) : 0});
}

int64_t unit_divisor(Str unit) {
  return unit == "us" ? 1 : 1000;
}
std::string check_unit(Arg* args, int, Arena&) {
  Str unit = args[0].str;
  return unit.empty() || unit == "us" || unit == "ms"
             ? std::string{}
             : fmt::format("unexpected unit '{}': 'us' or 'ms' is expected", unit);
}

// One number of TCP_INFO. False on other sockets.
template <uint32_t tcp_info::* member, bool server>
bool tcp_number(const Ctx& ctx, int64_t& n) {
  const net::Conn* c = server ? server_conn(ctx) : client_conn(ctx);
  tcp_info info{};
  socklen_t size = sizeof info;
  if (!c || getsockopt(c->fd(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  n = info.*member;
  return true;
}
template <uint32_t tcp_info::* member, bool server = false>
bool tcp_time(const Ctx& ctx, const Arg* args, Value& out) {
  int64_t us;
  return tcp_number<member, server>(ctx, us) && give(out, us / unit_divisor(args[0].str));
}
template <uint32_t tcp_info::* member>
bool tcp_count(const Ctx& ctx, const Arg*, Value& out) {
  int64_t n;
  return tcp_number<member, false>(ctx, n) && give(out, n);
}

constexpr Type kInt = Type::integer;
constexpr Type kBool = Type::boolean;
constexpr Type kAddr = Type::addr;
constexpr uint16_t kClient = kClientConn;
constexpr uint16_t kServer = kServerAddress;

// clang-format off
constexpr FetchDef kTable[] = {
    {"bc_dst", 0, 0, kAddr, kServer, address<End::server>, nullptr, "the server's address"},
    {"bc_dst_port", 0, 0, kInt, kServer, port<End::server>, nullptr, "the server's port"},
    {"bc_err", 0, 0, kInt, kServer, connection_error<true>, nullptr, "the code of what went wrong with the server's connection"},
    {"bc_http_major", 0, 0, kInt, kServer, server_http_major, nullptr, "the server's HTTP version: 1 or 2"},
    {"bc_reused", 0, 0, kBool, kServer, server_reused, nullptr, "whether the server's connection served before"},
    {"bc_rtt", 0, 1, kInt, kServer, tcp_time<&tcp_info::tcpi_rtt, true>, check_unit, "round-trip time to the server, in ms or us"},
    {"bc_rttvar", 0, 1, kInt, kServer, tcp_time<&tcp_info::tcpi_rttvar, true>, check_unit, "its variance"},
    {"bc_src", 0, 0, kAddr, kServer, address<End::server_local>, nullptr, "our address towards the server"},
    {"bc_src_port", 0, 0, kInt, kServer, port<End::server_local>, nullptr, "our port towards the server"},
    {"dst", 0, 0, kAddr, kClient, address<End::listener>, nullptr, "the address that the client connected to"},
    {"dst_is_local", 0, 0, kBool, kClient, is_local<End::listener>, nullptr, "whether that address is this machine's"},
    {"dst_port", 0, 0, kInt, kClient, port<End::listener>, nullptr, "the port that the client connected to"},
    {"fc_dst", 0, 0, kAddr, kClient, address<End::listener_wire>, nullptr, "dst without rules"},
    {"fc_dst_is_local", 0, 0, kBool, kClient, is_local<End::listener_wire>, nullptr, "dst_is_local without rules"},
    {"fc_dst_port", 0, 0, kInt, kClient, port<End::listener_wire>, nullptr, "dst_port without rules"},
    {"fc_err", 0, 0, kInt, kClient, connection_error<false>, nullptr, "the code of what went wrong with the client's connection"},
    {"fc_http_major", 0, 0, kInt, kClient, http_major, nullptr, "the client's HTTP version: 1 or 2"},
    {"fc_lost", 0, 1, kInt, kClient, tcp_count<&tcp_info::tcpi_lost>, nullptr, "segments that the kernel thinks lost"},
    {"fc_fackets", 0, 1, kInt, kClient, tcp_count<&tcp_info::tcpi_fackets>, nullptr, "segments acknowledged forward"},
    {"fc_pp_authority", 0, 0, Type::string, kClient, known_tlv<net::kTlvAuthority>, nullptr, "the authority in the client's PROXY header"},
    {"fc_pp_tlv", 1, 1, Type::string, kClient, any_tlv, check_tlv, "a TLV of the client's PROXY header"},
    {"fc_pp_unique_id", 0, 0, Type::string, kClient, known_tlv<net::kTlvUniqueId>, nullptr, "the unique id in the client's PROXY header"},
    {"fc_rcvd_proxy", 0, 0, kBool, kClient, received_proxy, nullptr, "whether a PROXY header came"},
    {"fc_reordering", 0, 1, kInt, kClient, tcp_count<&tcp_info::tcpi_reordering>, nullptr, "the kernel's reordering measure"},
    {"fc_retrans", 0, 1, kInt, kClient, tcp_count<&tcp_info::tcpi_retrans>, nullptr, "segments sent again"},
    {"fc_rtt", 0, 1, kInt, kClient, tcp_time<&tcp_info::tcpi_rtt>, check_unit, "round-trip time to the client, in ms or us"},
    {"fc_rttvar", 0, 1, kInt, kClient, tcp_time<&tcp_info::tcpi_rttvar>, check_unit, "its variance"},
    {"fc_sacked", 0, 1, kInt, kClient, tcp_count<&tcp_info::tcpi_sacked>, nullptr, "segments acknowledged selectively"},
    {"fc_src", 0, 0, kAddr, kClient, address<End::client_wire>, nullptr, "src without rules"},
    {"fc_src_is_local", 0, 0, kBool, kClient, is_local<End::client_wire>, nullptr, "src_is_local without rules"},
    {"fc_src_port", 0, 0, kInt, kClient, port<End::client_wire>, nullptr, "src_port without rules"},
    {"fc_unacked", 0, 1, kInt, kClient, tcp_count<&tcp_info::tcpi_unacked>, nullptr, "segments not acknowledged"},
    {"src", 0, 0, kAddr, kClient, address<End::client>, nullptr, "the client's address"},
    {"src_is_local", 0, 0, kBool, kClient, is_local<End::client>, nullptr, "whether the client is this machine"},
    {"src_port", 0, 0, kInt, kClient, port<End::client>, nullptr, "the client's port"},
};
// clang-format on

}  // namespace

FetchTable connection_fetches() {
  return kTable;
}

}  // namespace weir::expr
