// `show resolvers`: what name servers have said.
#include <fmt/format.h>

#include "control/command.h"
#include "proxy/names.h"

namespace weir::control {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

Outcome show_resolvers(Call& call) {
  Str only = call.word(2), last;
  bool any = false;
  for (const stats::NameServerEntry& e : call.server.catalogue().name_servers) {
    if (!only.empty() && e.section != only) continue;
    if (!any || e.section != last) call.out += fmt::format("Resolvers section {}\n", e.section);
    any = true;
    last = e.section;
    const proxy::NameCounts& c = *e.counts;
    const uint64_t errors = c.timeouts.load(kRelaxed) + c.refused.load(kRelaxed) + c.invalid.load(kRelaxed);
    const std::pair<Str, uint64_t> lines[] = {{"sent", c.sent.load(kRelaxed)},
                                              {"snd_error", 0},
                                              {"valid", c.valid.load(kRelaxed)},
                                              {"update", 0},
                                              {"cname", c.aliases.load(kRelaxed)},
                                              {"cname_error", 0},
                                              {"any_err", errors},
                                              {"nx", c.no_such_name.load(kRelaxed)},
                                              {"timeout", c.timeouts.load(kRelaxed)},
                                              {"refused", c.refused.load(kRelaxed)},
                                              {"other", c.other.load(kRelaxed)},
                                              {"invalid", c.invalid.load(kRelaxed)},
                                              {"too_big", 0},
                                              {"truncated", 0},
                                              {"outdated", 0}};
    call.out += fmt::format(" nameserver {}:\n", e.name);
    for (auto& [name, n] : lines) call.out += fmt::format("  {:<12} {}\n", fmt::format("{}:", name), n);
  }
  if (!any && !only.empty()) return call.refuse("Can't find that resolvers section\n");
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"show", "resolvers"},
     Level::user,
     "show resolvers [id]",
     "what the name servers of resolvers sections have answered",
     show_resolvers},
};

}  // namespace

const Commands kNameCommands = kRows;

}  // namespace weir::control
