#pragma once
// What goes with an idle client connection to the worker that follows this one. A struct of plain bytes that crosses a socket pair;
// both ends are of one machine, so times are comparable, but perhaps of two versions of the program.
#include <cstdint>
#include <type_traits>

#include "net/addr.h"

namespace weir::http {

struct Passport {
  static constexpr uint32_t kVersion = 1;  // of this structure and of what its fields mean
  static constexpr size_t kMaxTlvs = 4096;

  uint32_t tlvs = 0;  // bytes of the PROXY header's TLVs, which follow
  uint64_t listener = 0;  // model::Listener::identity
  uint64_t accepted_ms = 0;
  uint64_t idle_since_ms = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t session = 0;  // the personality's, where it is a plain number
  uint32_t requests = 0;
  uint8_t proxy_version = 0;  // of the PROXY header that it came with; 0: none
  bool proxy_addresses = false;
  net::FlatAddr peer;
  net::FlatAddr source;  // as the PROXY header has them
  net::FlatAddr destination;
};
static_assert(std::is_trivially_copyable_v<Passport>);

}  // namespace weir::http
