// Publishing backends and hiding them: rules that choose a backend pass over one that is hidden; its servers and checks go on.
#include "control/command.h"
#include "stats/publication.h"

namespace weir::control {
namespace {

Outcome set_hidden(Call& call, bool hides) {
  const stats::ProxyEntry* found = call.server.catalogue().find_back(call.word(2));
  if (!found || !found->publication) return call.refuse("No such backend.\n");
  if (found->disabled) return call.refuse("No effect on a disabled backend.\n");
  found->publication->hidden = hides;
  return call.say(hides ? "Backend unpublished.\n" : "Backend published.\n", Severity::notice);
}

Outcome publish(Call& call) {
  return set_hidden(call, false);
}
Outcome unpublish(Call& call) {
  return set_hidden(call, true);
}

constexpr Command kRows[] = {
    {{"publish", "backend"}, Level::admin, "publish backend <backend>", "let rules choose the backend", publish},
    {{"unpublish", "backend"},
     Level::admin,
     "unpublish backend <backend>",
     "let no rule choose the backend from now on",
     unpublish},
};

}  // namespace

const Commands kPublishCommands = kRows;

}  // namespace weir::control
