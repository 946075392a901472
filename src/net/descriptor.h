#pragma once
// Descriptors that travel over Unix sockets (SCM_RIGHTS): connections of `sockpair@` addresses and listening sockets that
// change processes. Whoever receives one owns it.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::net {

// A connection of a `sockpair@` address. False with errno set.
bool send_descriptor(int channel, int fd);

// One descriptor, non-blocking and close-on-exec. -1 with errno set; ECONNRESET when the other side has closed.
int receive_descriptor(int channel);

// One message with as many descriptors as `room` allows; they are added to `fds`. The number of bytes read, 0 at the end, or
// -1 with errno set. `flags` as for recvmsg().
long receive_descriptors(int channel, void* bytes, size_t size, size_t room, std::vector<int>& fds, int flags = 0);
// The same way out: `size` bytes and all of `fds`. The number of bytes written, or -1 with errno set.
long send_descriptors(int channel, const void* bytes, size_t size, std::span<const int> fds, int flags = 0);

// Waits until there is something to read, or the other side has closed. False: not within `ms`, whatever interrupts it: a process
// that was stopped and continued waits no longer for that, and no shorter.
bool wait_readable(int fd, uint64_t ms);

// Lets the kernel make room for as many descriptors as the process may have, up to `most`. Before threads start: with them, who
// opens or accepts when the room runs out waits for all processors (a grace period of RCU, often more than 10 ms).
void make_room_for_descriptors(uint64_t most);

// A descriptor in reserve, so that a listener's queue does not stay full, and its loop awake, while there are no others.
class SpareDescriptor {
 public:
  SpareDescriptor();
  ~SpareDescriptor();
  SpareDescriptor(const SpareDescriptor&) = delete;
  SpareDescriptor& operator=(const SpareDescriptor&) = delete;
  // After an accept() that failed with EMFILE or ENFILE: closes the connection that waits longest. False: that failed too.
  bool turn_away(int listener);

 private:
  int fd_;
};

}  // namespace weir::net
