#pragma once
// How a configuration becomes a model: what every personality's loader is given. The loaders are nginx::load,
// haproxy::load and tools/load.cc's load for weir.conf (both vocabularies); all report to the Diagnostics and return a model
// even after errors, which is only good for further checking then.
#include <cstdint>
#include <string>

#include "config/tree.h"

namespace weir::model {

struct LoadOptions {
  bool offline = false;  // judge the text alone: missing certificates, hosts, users and includes are notes
  bool check_only = false;  // nothing will be started
  bool opens_nothing = false;  // nginx -s: what the file names is neither opened nor made
  bool allow_planned = false;  // planned words do not refuse the file: their places answer 501
  config::Dialect face = config::Dialect::weir;  // as whom weir was started: decides names, defaults and refusals
  std::string prefix = "./";  // nginx: relative paths are below it
  std::string error_log;  // nginx: -e
  std::string access_log = "logs/access.log";  // nginx: unless the file names one, as this and the next
  std::string pid_file = "logs/nginx.pid";
  bool ignore_resolution = false;  // HAProxy -dr: servers that cannot be resolved do not refuse the file
  bool keeps_peer = false;  // HAProxy -L: `localpeer` says nothing
  bool no_server_verify = false;  // HAProxy -dV: servers' certificates are not verified
  uint64_t proxy_max_conns = 0;  // HAProxy -N: `maxconn` of a proxy that does not say; 0: the product's own
};

}  // namespace weir::model
