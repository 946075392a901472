// Which of several workers counts: what is asked for last wins, whoever becomes ready first, and who hangs holds nobody up. Methods
// of master/master.h.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "master/master.h"

namespace weir::master {
namespace {

constexpr uint64_t kHungMs = 5000;  // so long a worker may take to begin to drain before it is named
constexpr uint64_t kDeafMs = 1000;  // and so long when its place is wanted

}  // namespace

// One that serves a configuration that was asked for after the child's.
const Master::Child* Master::later_than(const Child& child) const {
  auto it = std::find_if(children_.begin(), children_.end(),
                         [&](const Child& c) { return c.ready && !c.leaving && c.generation > child.generation; });
  return it == children_.end() ? nullptr : &*it;
}

// It stands in for a worker that died while the next configuration was read, and that one was faster.
void Master::comes_too_late(Child& child, const Child& later) {
  voice_.say(Level::notice, fmt::format("worker {} is not needed any more: worker {} serves", child.pid, later.pid));
  if (!introduce(child, later.channel)) kill(child.pid, voice_.signal_for(Order::quit));
  child.leaving = true;
  child.standbys.drop();
}

// The one whose configuration will be the next: it is being read, or the worker starts.
Master::Child* Master::next() {
  auto it = std::find_if(children_.begin(), children_.end(),
                         [](const Child& c) { return !c.ready && !c.leaving && !c.revived; });
  return it == children_.end() ? nullptr : &*it;
}

// Who reads a file hears no signal, and the file may be one that never ends.
void Master::kill_reading() {
  for (Child& c : children_)
    if (c.reading && !c.ready) kill(c.pid, SIGKILL);
}

// What the one has whose place it takes is wanted as before, although the child has not asked for it yet.
void Master::stand_in(Child& child, const Child& place) {
  child.revived = true;
  child.reading = false;
  child.generation = place.generation;
  child.keys = place.keys;
  child.logs = place.logs;
  child.zones = place.zones;
  child.user = place.user;
}

// A reload is asked for: one that has been going on for very long makes way. The next one gets more time, so that a file that
// takes long to read is read at last, however often somebody asks.
void Master::replace_overdue() {
  Child* slow = served_ ? next() : nullptr;
  if (!slow || now_ms() < slow->since_ms + patience_ms_) return;
  voice_.say(Level::alert, fmt::format("worker {} is not ready after {} s, ending it for the reload that is asked for",
                                       slow->pid, (now_ms() - slow->since_ms) / 1000));
  patience_ms_ *= 2;
  slow->leaving = true;
  kill(slow->pid, SIGKILL);
}

void Master::put_off_reload() {
  reload_wanted_ = true;
  voice_.say(Level::notice, "a reload is under way: the one that is asked for follows it");
  const Child* before = served_ ? next() : nullptr;
  overdue_at_ms_ = before ? before->since_ms + patience_ms_ : 0;
}

// Says once of each worker that was told to drain, and does not, that it hangs.
void Master::watch_for_hung() {
  hung_at_ms_ = 0;
  for (Child& c : children_) {
    if (c.told_ms == 0 || c.hung) continue;
    if (c.told_ms + kHungMs <= now_ms()) {
      c.hung = true;
      voice_.say(Level::alert,
                 fmt::format("worker {} was told to leave {} s ago and does not answer", c.pid, kHungMs / 1000));
    } else {
      hung_at_ms_ = hung_at_ms_ == 0 ? c.told_ms + kHungMs : std::min(hung_at_ms_, c.told_ms + kHungMs);
    }
  }
}

// For want of a place: one that does not answer, and when none has left by itself for a while the oldest that drains. None that
// serves: the others may be another master's, and it is not given up for one that might serve.
std::vector<Master::Child>::iterator Master::to_be_ended() {
  auto deaf = std::ranges::find_if(
      children_, [now = now_ms()](const Child& c) { return c.told_ms != 0 && now >= c.told_ms + kDeafMs; });
  if (deaf != children_.end() || now_ms() < full_since_ms_ + kFreeMs) return deaf;
  return std::ranges::find_if(children_, &Child::leaving);
}

}  // namespace weir::master
