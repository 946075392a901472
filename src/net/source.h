#pragma once
// The local end of connections that are opened from here: an address, ports, an interface.
#include <cstdint>

#include "net/addr.h"

namespace weir::net {

struct Source {
  Addr addr;                  // AF_UNSPEC: the system's choice
  uint16_t last_port = 0;     // of a range that begins with addr.port; 0: no range
  const char* interface = nullptr;  // a device's name; null: as the system's routes say
  bool transparent = false;   // the address need not be this machine's (IP_TRANSPARENT)

  uint32_t ports() const { return last_port > addr.port ? last_port - addr.port + 1u : 1; }
};

// Gives a fresh socket that end; 0, or the errno. A range of ports is used in turns, free ones
// first; where all are taken or wait (TIME_WAIT), connect() may say EADDRNOTAVAIL, and the next socket gets the next port.
int bind_source(int fd, const Source& source);

}  // namespace weir::net
