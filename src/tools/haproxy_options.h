#pragma once
// HAProxy's command line, read into one structure. What it cannot mean anything for in weir is remembered with the reason, so
// that whoever writes it learns so. Used by the haproxy face only.
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/str.h"
#include "master/voice.h"

namespace weir::tools {

struct HaproxyOptions {
  std::vector<std::string> files;
  std::string change_dir, pid_file, peer, condition, old_socket, keyword_dump;
  std::vector<std::string> master_sockets;  // -S
  std::vector<pid_t> old_pids;
  int old_signal = 0;
  uint64_t max_conns = 0, max_proxy_conns = 0, max_megabytes = 0;
  bool check = false, check_condition = false, daemon = false, master = false;
  bool foreground = false, quiet = false, verbose = false, no_warnings = false, diagnostics = false;
  bool ignore_resolution = false, no_server_verify = false, dump_keywords = false, dump_config = false;
  bool hide_config = false;  // what is to be dumped must not be seen: nothing is
  bool dump_libraries = false, no_reuseport = false;
  bool allow_planned = false;
  std::vector<std::string> without_effect;  // "-dS has no effect in weir: …"
};

// Reads the arguments. Ends the process for -v and its like, and for what is not understood.
HaproxyOptions read_haproxy_options(int argc, char** argv, master::Voice& voice);

// What `haproxy` says to a command line that it does not understand, with exit code 1.
[[noreturn]] void haproxy_usage(const char* program);

// -dL: the program and its libraries, one a line, with their addresses when `addresses`.
void print_libraries(bool addresses);

}  // namespace weir::tools
