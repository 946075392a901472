#pragma once
// What $proxy_host and $proxy_port say of a proxy_pass (ngx_http_proxy_set_vars).
#include "base/str.h"

namespace weir::nginx {

struct HostAndPort {
  Str host;  // with the port, unless that is the scheme's
  Str port;  // empty for a unix socket
};

// `text`: as a URL has it behind the scheme, "name", "name:port" or "unix:/path".
inline HostAndPort host_and_port(Str text, bool tls) {
  if (text.starts_with("unix:")) return {"localhost", {}};
  const Str usual = tls ? "443" : "80";
  const size_t colon = text.rfind(':');
  if (colon == Str::npos || text.find(']', colon) != Str::npos) return {text, usual};
  const Str port = text.substr(colon + 1);
  return {port == usual ? text.substr(0, colon) : text, port};
}

}  // namespace weir::nginx
