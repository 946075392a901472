#pragma once
// Where Debian's nginx has things. Relative paths are below the prefix, those of includes and certificates below the
// configuration's folder.
#include <string>

#include "base/str.h"
#include "config/include.h"

namespace weir::tools {

constexpr Str kNginxPrefix = "/usr/share/nginx/";
constexpr Str kNginxConf = "/etc/nginx/nginx.conf";
constexpr Str kNginxErrorLog = "/var/log/nginx/error.log";
constexpr Str kNginxAccessLog = "/var/log/nginx/access.log";
constexpr Str kNginxPid = "/run/nginx.pid";

// What relative paths of a file are below where no -p says it: nginx's own prefix for its own file, else the file's folder.
inline std::string prefix_for(const std::string& conf) {
  if (conf == kNginxConf) return std::string(kNginxPrefix);
  std::string folder = config::folder_of(conf);
  return folder.empty() ? "./" : folder;
}

}  // namespace weir::tools
