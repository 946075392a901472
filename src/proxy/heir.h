#pragma once
// The worker that follows a draining one, as the draining one sees it: where idle client connections go. Made by the
// control thread, used by all shards at once, gone after them.
#include <unordered_set>
#include <vector>

#include "base/str.h"
#include "http/passport.h"

namespace weir::proxy {

class Heir {
 public:
  // `channel`: a SOCK_SEQPACKET socket to it, taken over. `listeners`: identities of those that it has.
  Heir(int channel, const std::vector<uint64_t>& listeners);
  ~Heir();
  Heir(const Heir&) = delete;
  Heir& operator=(const Heir&) = delete;

  bool wants(uint64_t listener) const { return listeners_.contains(listener); }

  enum class Sent : uint8_t {
    yes,
    later,  // it is busy taking others
    gone,
  };
  // One connection with its passport and its PROXY header's TLVs. The descriptor stays the caller's.
  Sent send(const http::Passport& passport, Str tlvs, int fd);
  // Nobody here accepts any more: what has woken one of us and is still queued is the heir's to look for.
  void left_queues();

 private:
  const int channel_;
  const std::unordered_set<uint64_t> listeners_;
};

// The other end.
struct Arrival {
  http::Passport passport;
  std::string tlvs;
  int fd = -1;
};
enum class Received : uint8_t { one, none, left_queues, end };
// Takes what has come on a non-blocking channel. What is no passport of this version of the program is dropped.
Received receive(int channel, Arrival& out);

// What begins the talk: the heir tells which listeners it has. False: the other side is gone.
bool send_listeners(int channel, const std::vector<uint64_t>& listeners);
// To be called when the first of them have come; the rest follows at once.
bool receive_listeners(int channel, std::vector<uint64_t>& listeners);

}  // namespace weir::proxy
