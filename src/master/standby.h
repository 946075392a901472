#pragma once
// A process that has read the configuration and waits: when its worker dies it serves in its place, at once and with the
// configuration that was running, whatever has become of the file. Each worker leaves one behind before it begins.
#include <functional>

namespace weir::master {

// In a worker that has read its configuration and not begun anything else. Returns in the process that is to serve, this one or,
// when it has died and the master says so, the one that was waiting: the channel to the master. The latter calls `wait` before and
// `revive` afterwards, with the descriptor for the master's command line, or -1.
int leave_standby(int channel, const std::function<void()>& wait, const std::function<void(int)>& revive);

}  // namespace weir::master
