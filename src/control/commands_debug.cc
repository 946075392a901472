// Commands for whoever looks for a mistake in weir or around it. They need expert mode, and no help lists them.
#include <fmt/format.h>

#include "control/command.h"

namespace weir::control {
namespace {

// Sends a line to the global logs: to see whether, and how, it arrives.
Outcome debug_log(Call& call) {
  if (!call.session.expert) return call.refuse("This command is restricted to expert mode only.\n");
  std::string text;
  for (size_t i = 3; i < call.words.size(); i++) (text += i > 3 ? " " : "") += call.words[i];
  if (call.server.access().log) call.server.access().log(text);
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"debug", "dev", "log"}, Level::admin, "", "", debug_log},
};

}  // namespace

const Commands kDebugCommands = kRows;

}  // namespace weir::control
