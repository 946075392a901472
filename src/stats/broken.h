#pragma once
// The last message of each listener's clients and of each pool's servers that broke the protocol, for `show errors`. Kept by
// the shards, only while somebody can ask for them; read on the control thread.
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "model/model.h"

namespace weir::stats {

struct BrokenMessage {
  uint64_t number = 0;  // counts all of them, from 0
  uint64_t when_us = 0;  // wall clock
  bool response = false;
  const model::Listener* listener = nullptr;
  const model::Pool* pool = nullptr;  // null: none was chosen
  const model::Server* server = nullptr;  // of a response
  net::Addr source;  // the client
  std::string bytes;  // as far as they are kept
  size_t size = 0;  // of all that was there
  size_t at = 0;  // where it is wrong
  std::string why;
};

class BrokenMessages {
 public:
  static constexpr size_t kMost = 16384;  // bytes that are kept of one

  std::atomic<bool> wanted{false};
  // In place of the last one of its listener (a request) or pool (a response). Sets the number.
  void keep(BrokenMessage message);
  uint64_t count() const;
  // A copy of the newest request that one of these listeners got, or response of this pool; false: there is none.
  bool request_of(const std::vector<model::Listener*>& listeners, BrokenMessage& out) const;
  bool response_of(const model::Pool* pool, BrokenMessage& out) const;

 private:
  mutable std::mutex lock_;
  std::vector<BrokenMessage> last_;
  uint64_t count_ = 0;
};

}  // namespace weir::stats
