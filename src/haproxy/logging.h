#pragma once
// Where logs go: descriptors, UDP and Unix datagram sockets, in the formats of HAProxy's `log` line. Lines for a
// descriptor are gathered per shard and written by size or after a moment; datagrams leave at once.
#include <atomic>
#include <cstdint>
#include <string>

#include "base/arena.h"
#include "config/source.h"
#include "net/addr.h"

namespace weir::haproxy {

// `unspecified`: local, or rfc3164 with log-send-hostname.
enum class SyslogFormat : uint8_t { unspecified, local, rfc3164, rfc5424, priority, shortened, timed, iso, raw };

// Where in the life of an exchange a line is written: log-steps, the steps of log profiles, %OG.
enum class LogStep : uint8_t {
  unspec,
  sess_error,
  sess_killed,
  accept,
  request,
  connect,
  response,
  close,
  tcp_req_conn,
  tcp_req_sess,
  tcp_req_cont,
  tcp_res_cont,
  http_req,
  http_res,
  http_after_res,
  count_,
};
constexpr uint32_t log_step_bit(LogStep s) {
  return 1u << static_cast<unsigned>(s);
}

struct LogProfile;
struct Ring;
class LogBackend;

struct LogTarget {
  enum class Via : uint8_t { descriptor, datagram, ring, backend };
  struct Range {
    uint32_t low, high;
  };
  Str text;  // the address as written
  Via via = Via::descriptor;
  int fd = -1;
  net::Addr addr;
  Ring* ring = nullptr;
  LogBackend* backend = nullptr;
  uint32_t max_length = 1024;
  SyslogFormat format = SyslogFormat::unspecified;
  uint8_t facility = 0;
  uint8_t level = 7;      // less severe messages are not sent
  uint8_t min_level = 0;  // more severe ones are sent as this
  uint32_t index = 0;     // among all targets of the process
  ArenaList<Range> sample;
  uint32_t sample_size = 0;
  std::atomic<uint32_t>* seen = nullptr;  // messages so far, where some are left out
  Str profile_name;
  config::Where profile_where;
  const LogProfile* profile = nullptr;
  config::Where where;
};

// What a syslog header needs beyond the target.
struct LogHeader {
  Str tag = "haproxy";
  Str hostname;   // empty: `localhost` in rfc3164, `-` in rfc5424
  Str structured; // rfc5424 structured data, empty: `-`
};

constexpr uint8_t kLevelAlert = 1;
constexpr uint8_t kLevelError = 3;
constexpr uint8_t kLevelNotice = 5;
constexpr uint8_t kLevelInfo = 6;

// Sends one message, without line end. From any shard.
void send_log(const LogTarget& target, uint8_t level, const LogHeader& header, Str message);

// --- the parts of it, for messages that come with a header of their own ---

// Whether a message of that level goes there: by level and by sampling, which counts it.
bool takes_log(const LogTarget& target, uint8_t level);
// The format in which its header is to be written.
SyslogFormat format_of(const LogTarget& target);
// Sends `line`, whose message begins at `message`; it is cut to the length that the target takes. `level`, `header`: for what the
// ring itself has to say.
void deliver_log(const LogTarget& target, std::string& line, size_t message, const LogHeader& header);
// Messages that a target did not take, since the process started.
uint64_t dropped_logs();
// Writes what this thread gathered for descriptors.
void flush_logs();

// Numbers of names as in HAProxy's manual; -1 for unknown ones.
int log_level(Str name);
int log_facility(Str name);

}  // namespace weir::haproxy
