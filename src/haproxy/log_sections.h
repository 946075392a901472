#pragma once
// The sections of a configuration that logs go through. Filled while binding; the objects live in the model's arena.
#include <vector>

namespace weir::haproxy {

struct DoLog;
struct LogForward;
struct LogProfile;
struct LogTarget;
struct Proxy;
struct Ring;
class LogBackend;

struct LogSections {
  std::vector<LogProfile*> profiles;
  std::vector<Ring*> rings;
  std::vector<LogForward*> forwards;
  std::vector<LogBackend*> backends;
  std::vector<LogTarget*> named;  // targets whose ring or backend is still a name
  std::vector<DoLog*> do_logs;  // rules whose profile is still a name
};

}  // namespace weir::haproxy
