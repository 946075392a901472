// `show events`: the rings of messages, and what is in them.
#include <fmt/format.h>

#include "base/message_ring.h"
#include "control/command.h"

namespace weir::control {
namespace {

constexpr uint64_t kLookMs = 50;  // between two looks at a ring that is followed

struct Follower {
  Session& session;
  MessageRing& ring;
  MessageRing::Position at;
  char end;

  std::string take() {
    std::string out, message;
    while (ring.read(at, message)) (out += message) += end;
    return out;
  }
  void go_on() {
    if (session.interrupted()) return session.complete({});
    if (std::string more = take(); !more.empty()) session.push(more);
    session.sleep(kLookMs, [next = *this]() mutable { next.go_on(); });
  }
};

Outcome list_rings(Call& call) {
  std::string out =
      "Supported events sinks are listed below. Add -0(zero), -w(wait), -n(new). Any key to stop.\n"
      "    stdout     : type=fd, 0 dropped, standard output (fd#1)\n"
      "    stderr     : type=fd, 0 dropped, standard output (fd#2)\n";
  for (const stats::Catalogue::Ring& r : call.server.catalogue().rings)
    out += fmt::format("    {:<10} : type=buffer, {} dropped, {}\n", r.name, r.messages->dropped(), r.description);
  return call.say(out, Severity::warning);
}

Outcome show_events(Call& call) {
  Str name = call.word(2);
  if (name.empty()) return list_rings(call);
  if (!call.allowed(Level::operate)) return Outcome::done;
  if (name == "stdout" || name == "stderr") return call.say("Nothing to report for this sink\n", Severity::notice);
  MessageRing* ring = nullptr;
  for (const stats::Catalogue::Ring& r : call.server.catalogue().rings)
    if (r.name == name) ring = r.messages;
  if (!ring) return call.refuse("No such event sink\n");
  bool wait = false, fresh = false, zero = false;
  for (size_t i = 3; i < call.words.size(); i++) {
    Str option = call.word(i);
    bool both = option == "-nw" || option == "-wn";
    if (!both && option != "-w" && option != "-n" && option != "-0") return call.refuse("unknown option\n");
    wait |= both || option == "-w";
    fresh |= both || option == "-n";
    zero |= option == "-0";
  }
  Follower follower{call.session, *ring, fresh ? ring->newest() : ring->oldest(), zero ? '\0' : '\n'};
  call.out += follower.take();
  if (!wait) return Outcome::done;
  call.session.sleep(kLookMs, [follower]() mutable { follower.go_on(); });
  return Outcome::later;
}

constexpr Command kRows[] = {
    {{"show", "events"},
     Level::user,
     "show events [<sink>] [-w] [-n] [-0]",
     "rings of messages, or what is in one: -w waits for more, -n begins with the next, -0 ends each with a zero byte",
     show_events},
};

}  // namespace

const Commands kEventCommands = kRows;

}  // namespace weir::control
