// See nginx/proxy_socket.h.
#include "nginx/proxy_socket.h"

#include <algorithm>

#include "net/socket_options.h"
#include "proxy/forward.h"

namespace weir::nginx {
namespace {

struct ProxySocketConf {
  Setting<bool> keepalive;
  Setting<uint64_t> receive_buffer;
  Setting<uint64_t> send_buffer;
};

uint32_t bytes(const Setting<uint64_t>& size) {
  return static_cast<uint32_t>(std::min<uint64_t>(size.get(0), INT32_MAX));
}

const Row kTable[] = {
    {"proxy_socket_keepalive",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "whether the kernel probes connections to servers that are silent",
     {},
     WEIR_FIELD(ProxySocketConf, keepalive),
     "off"},
    {"proxy_socket_rcvbuf",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_size,
     "size",
     "receive buffer of connections to servers; 0: the kernel sizes it",
     {},
     WEIR_FIELD(ProxySocketConf, receive_buffer),
     "0"},
    {"proxy_socket_sndbuf",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_size,
     "size",
     "send buffer of connections to servers; 0: the kernel sizes it",
     {},
     WEIR_FIELD(ProxySocketConf, send_buffer),
     "0"},
};

}  // namespace

void plan_socket(Scope& scope, const Location& location, proxy::Forward& plan) {
  const auto& conf = location.of<ProxySocketConf>(kProxySocketModule);
  net::SocketOptions options;
  options.keepalive = conf.keepalive.get(false);
  options.receive_buffer = bytes(conf.receive_buffer);
  options.send_buffer = bytes(conf.send_buffer);
  if (options != net::SocketOptions()) plan.socket = scope.arena.make<net::SocketOptions>(options);
}

const Module kProxySocketModule{"proxy_socket", sizeof(ProxySocketConf), module_create<ProxySocketConf>, kTable};

}  // namespace weir::nginx
