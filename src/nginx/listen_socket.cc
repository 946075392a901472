// See nginx/listen_socket.h (ngx_http_core_listen).
#include "nginx/listen_socket.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/socket_options.h"
#include "nginx/define.h"

namespace weir::nginx {
namespace {

struct ListenSocketConf {
  Setting<bool> nodelay;
};

void bind_nodelay(void* s, const Directive& d, const Row& row) {
  const Scope& scope = *static_cast<Scope*>(s);
  set_flag(s, d, row);
  if (scope.context & ~ContextMask(kHttp | kServer))
    scope.diag.note(d.where, "\"tcp_nodelay\" has no effect in weir here: the default server of the address decides");
}

const Row kTable[] = {
    {"tcp_nodelay",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_nodelay,
     "on | off",
     "whether small packets are sent at once; said where the address's default server is, or around it",
     {},
     WEIR_FIELD(ListenSocketConf, nodelay),
     "on"},
};

void refuse_value(Scope& scope, const config::Word& word, Str name) {
  std::string example = name == "so_keepalive" ? "so_keepalive=on, off or 30m:10s:5"
                        : name == "fastopen"   ? "fastopen=16"
                                               : fmt::format("{}=64k", name);
  refuse(scope, word.where, fmt::format("invalid {} \"{}\"", name, word.text), fmt::format("write: {}", example));
}

// 0, as well as what Linux does not take, is the system's value.
uint32_t limited(Scope& scope, const config::Word& word, int64_t n, uint32_t most, Str what) {
  if (n <= most) return static_cast<uint32_t>(n);
  scope.diag.warning(word.where,
                     fmt::format("Linux takes no more than {} {}: the system's own value counts", most, what));
  return 0;
}

// [keepidle]:[keepintvl]:[keepcnt], each of which may be missing. False: it is none of that, or all are.
bool take_probes(Scope& scope, const config::Word& word, Str value, net::SocketOptions& options) {
  int64_t idle = 0, interval = 0;
  Str parts[3];
  for (Str& part : parts) {
    part = cut(value, ':');
    if (value.empty()) break;
  }
  if (!parts[0].empty() && !parse_sec(parts[0], idle)) return false;
  if (!parts[1].empty() && !parse_sec(parts[1], interval)) return false;
  auto count = parts[2].empty() ? std::optional<uint64_t>(0) : parse_u64(parts[2]);
  if (!value.empty() || !count || *count > INT32_MAX || (!idle && !interval && !*count)) return false;
  options.keepalive = true;
  options.keep_idle = limited(scope, word, idle, net::kMostKeepSeconds, "seconds of silence");
  options.keep_interval = limited(scope, word, interval, net::kMostKeepSeconds, "seconds between probes");
  options.keep_count = limited(scope, word, static_cast<int64_t>(*count), net::kMostKeepCount, "probes");
  return true;
}

bool take_buffer(Str text, uint32_t& out) {
  uint64_t n = 0;
  if (!parse_size(text, n)) return false;
  out = static_cast<uint32_t>(std::min<uint64_t>(n, INT32_MAX));
  return true;
}

}  // namespace

bool delays_small_pieces(const Level& level) {
  return !level.of<ListenSocketConf>(kListenSocketModule).nodelay.get(true);
}

bool take_socket_parameter(Scope& scope, const config::Word& parameter, net::SocketOptions& options) {
  Str value = parameter.text;
  Str name = cut(value, '=');
  if (name.size() == parameter.text.size()) return false;
  bool good = true;
  if (name == "so_keepalive") {
    good = value == "on" || value == "off";
    options.keepalive = value == "on";
    if (!good) good = take_probes(scope, parameter, value, options);
  } else if (name == "rcvbuf") {
    good = take_buffer(value, options.receive_buffer);
  } else if (name == "sndbuf") {
    good = take_buffer(value, options.send_buffer);
  } else if (name == "fastopen") {
    auto n = parse_u64(value);
    good = n && *n <= INT32_MAX;
    if (good) options.fast_open = static_cast<uint32_t>(*n);
  } else {
    return false;
  }
  if (!good) refuse_value(scope, parameter, name);
  return true;
}

const Module kListenSocketModule{"listen_socket", sizeof(ListenSocketConf), module_create<ListenSocketConf>, kTable};

}  // namespace weir::nginx
