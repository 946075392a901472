#pragma once
// Replacing the program while it serves, as nginx does: the old master starts the new program and leaves it its listening sockets
// (environment variable NGINX, "fd;fd;", so that nginx and weir may follow each other), its shared memory and a link between
// the two masters. Both serve until the operator ends one of them.
#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace weir::master {

struct Heritage {
  std::vector<int> sockets;
  int link = -1;  // to the old master, where that is a weir
};

// What an old program left for this process; its shared memory is taken over at once. Clears the environment of it.
Heritage take_heritage();

// Starts argv[0] anew, with this limit of descriptors. -1 with errno.
pid_t start_program(char** argv, const std::vector<int>& sockets, int link, const rlimit& descriptors);

}  // namespace weir::master
