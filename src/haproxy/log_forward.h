#pragma once
// `log-forward` sections: syslog messages that come over UDP or TCP are passed on to other targets (configuration.txt 12.6).
#include <vector>

#include "haproxy/proxy.h"
#include "proxy/service.h"

namespace weir::haproxy {

struct Scope;

// What the host field of a forwarded message says.
enum class HostRule : uint8_t { fill, replace, keep, append };

struct LogForward {
  Proxy* proxy = nullptr;  // its listeners, targets and timeouts; no proxy of the configuration
  std::vector<model::Listener*> datagrams;
  uint32_t maxconn = 10;
  bool whole = false;  // option dont-parse-log
  bool lines = false;  // option assume-rfc6587-ntf
  HostRule host = HostRule::fill;
};

// Gives the model their listeners and a service. After all sections were bound.
void resolve_log_forwards(Scope& scope);

}  // namespace weir::haproxy
