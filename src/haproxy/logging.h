#pragma once
// Where logs go: descriptors, UDP and Unix datagram sockets, in the formats of HAProxy's `log` line. Lines for a
// descriptor are gathered per shard and written by size or after a moment; datagrams leave at once.
#include <cstdint>
#include <string>

#include "base/arena.h"
#include "config/source.h"
#include "net/addr.h"

namespace weir::haproxy {

enum class SyslogFormat : uint8_t { local, rfc3164, rfc5424, priority, shortened, timed, iso, raw };
Str syslog_format_name(SyslogFormat f);

struct LogTarget {
  enum class Via : uint8_t { descriptor, datagram };
  struct Range {
    uint32_t low, high;
  };
  Str text;  // the address as written
  Via via = Via::descriptor;
  int fd = -1;
  net::Addr addr;
  uint32_t max_length = 1024;
  SyslogFormat format = SyslogFormat::local;
  uint8_t facility = 0;
  uint8_t level = 7;      // less severe messages are not sent
  uint8_t min_level = 0;  // more severe ones are sent as this
  uint32_t index = 0;     // among all targets of the process
  ArenaList<Range> sample;
  uint32_t sample_size = 0;
  config::Where where;
};

// What a syslog header needs beyond the target.
struct LogHeader {
  Str tag = "haproxy";
  Str hostname;   // empty: none in rfc3164, `-` in rfc5424
  Str structured; // rfc5424 structured data, empty: `-`
};

constexpr uint8_t kLevelAlert = 1;
constexpr uint8_t kLevelError = 3;
constexpr uint8_t kLevelNotice = 5;
constexpr uint8_t kLevelInfo = 6;

// Sends one message, without line end. From any shard.
void send_log(const LogTarget& target, uint8_t level, const LogHeader& header, Str message);
// Writes what this thread gathered for descriptors.
void flush_logs();

// Numbers of names as in HAProxy's manual; -1 for unknown ones.
int log_level(Str name);
int log_facility(Str name);

}  // namespace weir::haproxy
