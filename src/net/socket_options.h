#pragma once
// What the kernel is told about connections beside their addresses: probes of silent peers, sizes of buffers, Fast Open,
// segment sizes. Options that a kernel refuses are left at its own values.
#include <cstdint>

namespace weir::net {

// 0: the system's value.
struct SocketOptions {
  uint32_t receive_buffer = 0;  // bytes
  uint32_t send_buffer = 0;
  uint32_t keep_idle = 0;  // seconds of silence before the first probe; the three need `keepalive`
  uint32_t keep_interval = 0;  // seconds between probes
  uint32_t keep_count = 0;  // probes that may stay without an answer
  uint32_t user_timeout = 0;  // ms without an acknowledgement after which the kernel gives up
  uint32_t fast_open = 0;  // of a listening socket: the length of its queue; of one that connects: whether
  uint32_t segment = 0;  // bytes; of listening sockets
  bool keepalive = false;
  bool delays = false;  // of listening sockets: small pieces wait for acknowledgements (no TCP_NODELAY)

  bool operator==(const SocketOptions&) const = default;
};

// The most that Linux takes.
inline constexpr uint32_t kMostKeepSeconds = 32767;
inline constexpr uint32_t kMostKeepCount = 127;
inline constexpr uint32_t kLeastSegment = 88;
inline constexpr uint32_t kMostSegment = 32767;

// A fresh socket that is to listen: accepted connections inherit what it has.
void prepare_listening(int fd, const SocketOptions& options);
// One that listens already, from whatever it was told before: what is not said gets the system's value back.
void renew_listening(int fd, const SocketOptions& options);
// What connections have to be told themselves: those of a Unix socket do not inherit its buffers. `tcp`: it is none.
SocketOptions left_to_connections(const SocketOptions& options, bool tcp);
void prepare_accepted(int fd, const SocketOptions& options);
// A fresh socket that is to connect. Fast Open sends no SYN before the first bytes are written: only with `has_data`.
void prepare_connecting(int fd, const SocketOptions& options, bool has_data);

}  // namespace weir::net
