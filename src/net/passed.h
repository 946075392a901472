#pragma once
// Descriptors that whoever started the program has opened for it and named, as systemd's socket units do (sd_listen_fds(3)):
// $LISTEN_FDS of them from 3 on, with the names of $LISTEN_FDNAMES, meant for the process $LISTEN_PID.
#include <string>
#include <vector>

#include "base/str.h"

namespace weir::net {

struct Passed {
  int fd;
  std::string name;
};

// Reads the environment; in the process that was started, before it forks. Others that come from it know them too.
void note_passed_descriptors();
const std::vector<Passed>& passed_descriptors();
// The first one of that name, or -1.
int passed_descriptor(Str name);

}  // namespace weir::net
