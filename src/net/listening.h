#pragma once
// Listening sockets that pause.
#include "net/addr.h"

namespace weir::net {

// The socket takes no connections any more; one of a network stays bound, and listen() opens it again. Those of other families
// cannot do that and are left as they are. False: it still listens.
bool stop_listening(int fd, const Addr& addr);

}  // namespace weir::net
