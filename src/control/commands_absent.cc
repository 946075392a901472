// Commands of HAProxy that weir does not have: each is told so, instead of being taken for a mistake. `help` leaves them out.
#include <fmt/format.h>

#include "control/command.h"

namespace weir::control {
namespace {

// HAProxy's name of it: its word, with the next one where there are several of that kind.
Outcome say_absent(Call& call) {
  bool alone = call.words.size() < 2 || call.words[0] == "trace" || call.words[0] == "httpclient";
  std::string name = alone ? call.words[0] : fmt::format("{} {}", call.words[0], call.words[1]);
  return call.refuse(fmt::format("'{}' is not built in weir.\n", name));
}

constexpr Command absent(Str first, Str second = {}) {
  return {{first, second}, Level::user, "", "", say_absent};
}

constexpr Command kRows[] = {
    absent("abort", "ssl"),   absent("acme"),
    absent("add", "backend"), absent("add", "ssl"),
    absent("commit", "ssl"),  absent("debug"),
    absent("del", "backend"), absent("del", "ssl"),
    absent("dump", "ssl"),    absent("dump", "stats-file"),
    absent("httpclient"),     absent("new", "ssl"),
    absent("set", "anon"),    absent("set", "profiling"),
    absent("set", "ssl"),     absent("show", "anon"),
    absent("show", "cache"),  absent("show", "defaults"),
    absent("show", "dev"),    absent("show", "fd"),
    absent("show", "libs"),   absent("show", "profiling"),
    absent("show", "quic"),   absent("show", "schema"),
    absent("show", "ssl"),    absent("show", "tasks"),
    absent("show", "trace"),  absent("trace"),
    absent("update", "ssl"),
};

}  // namespace

const Commands kAbsentCommands = kRows;

}  // namespace weir::control
