#pragma once
// The configuration that the program carries itself: conf.d/default.conf, as it was at build time.
#include <string>

#include "base/str.h"

namespace weir::tools {

Str default_conf();

// The same with these ports, and the sample origins on free ones of the loopback address.
std::string default_conf_on(uint16_t port, uint16_t stats_port);

}  // namespace weir::tools
