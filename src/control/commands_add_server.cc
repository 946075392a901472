// `add server`, `del server` and what belongs to them. Servers are made by whoever knows the words (control/server_maker.h); which
// shards still have to do with one is found out here.
#include "control/command.h"
#include "control/server_maker.h"
#include "control/words.h"
#include "health/checks.h"
#include "proxy/shard.h"

namespace weir::control {
namespace {

Outcome add_server(Call& call) {
  ServerMaker* maker = call.server.access().servers;
  if (call.word(2) == "help") {
    call.out += "List of keywords supported for dynamic server:\n";
    if (maker) call.out += maker->words();
    return Outcome::done;
  }
  Str name = call.word(2);
  Str backend_name = cut(name, '/');
  if (name.empty()) return call.refuse("Require 'backend/server'.\n");
  const stats::ProxyEntry* backend = call.server.catalogue().find_back(backend_name);
  if (!backend || !maker) return call.refuse("No such backend.\n");
  if (std::string why = maker->refusal(*backend->pool); !why.empty()) return call.refuse(why);
  ServerMaker::Made made = maker->make(*backend->pool, name, std::span(call.words).subspan(3));
  if (!made.server) return call.refuse(made.text);
  if (health::Checks* checks = health::checks()) checks->add(*made.server);
  return call.say(made.text);
}

// --- taking one away ---

constexpr Str kBusy = "Server still has connections attached to it, cannot remove it.\n";

bool has_requests(const model::Server& server) {
  return server.state->current.read() > 0 || server.state->queued.read() > 0;
}

void close_idle(Server& server, const model::Server& of, std::function<void()> then) {
  server.visit_shards([&of](proxy::Shard& shard) { shard.upstreams.close_idle(of); }, std::move(then));
}

// Answers the session that asked, if it is still there.
class Answer {
 public:
  explicit Answer(const Call& call) : server_(call.server), session_(call.session.id()) {}
  void operator()(Str text, Severity severity) const {
    if (Session* s = server_.find_session(session_)) s->complete(message(*s, text, severity));
  }

 private:
  Server& server_;
  uint64_t session_;
};

// Idle connections are closed twice: so that none keeps the server, and those that came meanwhile, from shards that had not seen
// yet that it is gone. After that its place may be another server's.
void remove_idle(Server& server, const model::Server& gone, Answer answer) {
  stats::ServerView now(gone);
  if (gone.absent()) return answer("No such server.\n", Severity::error);
  if (!now.maint()) return answer("Only servers in maintenance mode can be deleted.\n", Severity::error);
  if (has_requests(gone) || gone.state->idle.read() > 0) return answer(kBusy, Severity::error);
  if (health::Checks* checks = health::checks()) checks->remove(gone);
  server.access().servers->remove(gone);
  close_idle(server, gone, [answer] { answer("Server deleted.\n", Severity::info); });
}

Outcome delete_server(Call& call) {
  const model::Server* s = call.find_server(call.word(2));
  if (!s) return Outcome::done;
  ServerMaker* maker = call.server.access().servers;
  if (!maker || !maker->refusal(*s->pool).empty())
    return call.refuse("This server cannot be removed at runtime: its backend does not support dynamic servers.\n");
  if (maker->needed(*s))
    return call.refuse(
        "This server cannot be removed at runtime due to other configuration elements pointing to it.\n");
  if (!stats::ServerView(*s).maint()) return call.refuse("Only servers in maintenance mode can be deleted.\n");
  if (has_requests(*s)) return call.refuse(kBusy);
  close_idle(call.server, *s, [&server = call.server, s, answer = Answer(call)] { remove_idle(server, *s, answer); });
  return Outcome::later;
}

Outcome show_defaults(Call& call) {
  const stats::ProxyEntry* only = nullptr;
  if (!call.word(2).empty() && !(only = call.server.catalogue().find_back(call.word(2))))
    return call.refuse("Can't find backend.\n");
  if (const ServerMaker* maker = call.server.access().servers) call.out += maker->defaults(only ? only->pool : nullptr);
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"add", "server"}, Level::admin, "add server <bk>/<srv>", "create a new server", add_server},
    {{"del", "server"}, Level::admin, "del server <bk>/<srv>", "remove a server that is in maintenance", delete_server},
    {{"show", "default-server"},
     Level::user,
     "show default-server [<backend>]",
     "sets of options that new servers may start from",
     show_defaults},
};

}  // namespace

const Commands kAddServerCommands = kRows;

}  // namespace weir::control
