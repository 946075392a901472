// `show peers`: the sections of peers, each peer with its tables, and how far both sides are with them.
#include "control/command.h"
#include "proxy/shard.h"
#include "sticky/peers.h"

namespace weir::control {
namespace {

Outcome show_peers(Call& call) {
  const bool texts = call.word(2) == "dict";
  const std::string name(call.word(texts || call.word(2) == "-" ? 3 : 2));
  call.server.ask_shards(
      call.session,
      [name, texts](proxy::Shard& shard) {
        std::string out;
        if (shard.index != 0) return out;
        for (const sticky::Peers* p : sticky::Peers::running())
          if (name.empty() || p->conf().name == name) out += (out.empty() ? "" : "\n") + p->describe(texts);
        return out;
      },
      [name](Session& session, std::string all) {
        return all.empty() && !name.empty() ? message(session, "No such peers\n", Severity::error) : all;
      });
  return Outcome::later;
}

constexpr Command kRows[] = {
    {{"show", "peers"},
     Level::user,
     "show peers [dict|-] [section]",
     "dump some information about all the peers or this peers section",
     show_peers},
};

}  // namespace

const Commands kPeersCommands = kRows;

}  // namespace weir::control
