#pragma once
// What came in front of a client's first byte, or what rules say instead; only for http/h1_server.cc and http/h1_handover.cc.
#include <string>

#include "net/proxy_protocol.h"

namespace weir::http {

struct Preface {
  net::ProxyInfo info;
  std::string tlvs;  // what info.tlvs points to
  net::Addr destination;  // in place of the connection's own; AF_UNSPEC: that one
};

}  // namespace weir::http
