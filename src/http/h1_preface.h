#pragma once
// What came in front of a client's first byte; only for http/h1_server.cc and http/h1_handover.cc.
#include <string>

#include "net/proxy_protocol.h"

namespace weir::http {

struct Preface {
  net::ProxyInfo info;
  std::string tlvs;  // what info.tlvs points to
};

}  // namespace weir::http
