#pragma once
// Rings of log messages: `ring` sections, and those that `log tcp@…` and the servers of log backends have of their own. Each
// server of a ring gets all its messages over a connection that one service of the first shard keeps (ring_forwarder.cc).
#include "base/message_ring.h"
#include "haproxy/logging.h"
#include "haproxy/proxy.h"

namespace weir::haproxy {

struct Scope;

struct Ring {
  Str name;
  Str description;
  uint64_t size = 16384;
  uint32_t max_length = 16384;
  SyslogFormat format = SyslogFormat::unspecified;  // unspecified: that of the `log` line
  std::string backing_file;
  Proxy* servers = nullptr;  // its servers and timeouts; no proxy of the configuration
  bool declared = false;  // by a section, and so shown
  MessageRing* messages = nullptr;
  config::Where where;
};

// A ring with nothing in it and nobody who reads it.
Ring* make_ring(Scope& scope, Str name);
// Makes the services that serve the rings' servers; what `ring@` and `backend@` name is looked up. After all sections were bound.
void resolve_rings(Scope& scope);
// Gives the ring a service for that server.
void forward_to(Scope& scope, Ring& ring, const model::Server& server);

}  // namespace weir::haproxy
