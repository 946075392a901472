// Commands about the session itself: its mode, its rights, its patience.
#include <fmt/format.h>

#include "control/command.h"
#include "control/server_maker.h"
#include "control/words.h"

namespace weir::control {
namespace {

constexpr Str kPromptUsage =
    "Usage: prompt [help | n | i | p | timed]*\n"
    "Sets what happens after each command:\n"
    "  help    shows this\n"
    "  n       one command, then disconnect\n"
    "  i       further commands, without a prompt\n"
    "  p       further commands, with a prompt\n"
    "  timed   shows the uptime in the prompt, or stops showing it\n"
    "Without a word, changes from n or i to p and from p to n.\n";

Outcome run_help(Call& call) {
  return call.say(usage_text(call.words));
}

Outcome run_quit(Call&) {
  return Outcome::close;
}

Outcome run_prompt(Call& call) {
  Session& s = call.session;
  char mode = 0;
  bool timed = false;
  for (size_t i = 1; i < call.words.size(); i++) {
    Str word = call.words[i];
    if (word == "n" || word == "i" || word == "p")
      mode = word[0];
    else if (word == "timed")
      timed = true;
    else
      return word == "help" ? call.say(kPromptUsage) : call.refuse(kPromptUsage);
  }
  if (timed) {
    s.timed = !s.timed;
    if (!mode) mode = 'p';
  }
  if (!mode) mode = s.prompt && s.interactive ? 'n' : 'p';
  s.prompt = mode == 'p';
  s.interactive = mode != 'n';
  return Outcome::done;
}

Outcome run_echo(Call& call) {
  std::string text;
  for (size_t i = 1; i < call.words.size(); i++) (text += i > 1 ? " " : "") += call.words[i];
  return call.say(text);
}

// Rights can only be given up.
Outcome run_lower(Call& call) {
  if (call.word(1) == "-") call.session.no_blank = true;
  call.session.level = call.words[0] == "user" ? Level::user : Level::operate;
  call.session.expert = call.session.experimental = false;
  return Outcome::done;
}

Outcome run_mode(Call& call) {
  bool expert = call.words[0] == "expert-mode";
  bool& mode = expert ? call.session.expert : call.session.experimental;
  if (call.word(2) == "-") call.session.no_blank = true;
  if (call.word(1).empty()) return call.say(fmt::format("{} is {}\n", call.words[0], mode ? "ON" : "OFF"));
  mode = call.word(1) == "on";
  return Outcome::done;
}

Outcome run_timeout(Call& call) {
  if (call.word(2) != "cli") return call.refuse("'set timeout' only supports 'cli'.\n");
  if (call.word(3).empty()) return call.refuse("Expects an integer value.\n");
  auto seconds = parse_duration(call.word(3), 1000);
  if (!seconds || *seconds < 1) return call.refuse("Invalid timeout value.\n");
  call.session.timeout_ms = static_cast<uint32_t>(std::min<uint64_t>(*seconds * 1000, INT32_MAX));
  return Outcome::done;
}

Outcome run_severity(Call& call) {
  if (call.word(3) == "-") call.session.no_blank = true;
  if (!parse_severity(call.word(2), call.session.severity))
    return call.refuse("one of 'none', 'number', 'string' is a required argument\n");
  return Outcome::done;
}

// --- wait ---

constexpr Str kWaitUsage =
    "Usage: wait {-h|<duration>} [condition [args...]]\n"
    "  - '-h' shows this\n"
    "  - <duration> is how long to wait at most; its unit may follow: us, ms, s, m, h or d,\n"
    "    and is milliseconds otherwise.\n"
    "  - <condition> is what to wait for:\n"
    "    - nothing: the time passes.\n"
    "    - srv-removable <px>/<sv> : the server is in maintenance and has no connection left.\n";

enum class Removable : uint8_t { never, not_yet, now };

Removable removable(Server& server, Str path, Str& why) {
  Str name = path;
  stats::ProxyEntry* backend = server.catalogue().find_back(cut(name, '/'));
  why = backend ? "No such server." : "No such backend.";
  if (!backend) return Removable::never;
  for (const model::Server* s : backend->pool->servers) {
    if (s->name != name || s->absent()) continue;
    why = "This server cannot be removed at runtime due to other configuration elements pointing to it.";
    if (const ServerMaker* maker = server.access().servers; maker && maker->needed(*s)) return Removable::never;
    why = "Only servers in maintenance mode can be deleted.";
    if (!stats::ServerView(*s).maint()) return Removable::never;
    why = "Server still has connections attached to it, cannot remove it.";
    const model::ServerState& state = *s->state;
    bool busy = state.current.read() > 0 || state.queued.read() > 0 || state.idle.read() > 0;
    return busy ? Removable::not_yet : Removable::now;
  }
  return Removable::never;
}

// Looks at the condition now and again, ever less often, up to ten times a period at least.
void keep_waiting(Server& server, Session& session, std::string path, uint64_t start_ms, uint64_t total_ms) {
  uint64_t elapsed = stats::monotonic_ms() - start_ms;
  Str why;
  Removable state = path.empty() ? Removable::not_yet : removable(server, path, why);
  if (state == Removable::never)
    return session.complete(message(session, fmt::format("Failed. {}\n", why), Severity::error));
  if (state == Removable::now || (path.empty() && elapsed >= total_ms))
    return session.complete(message(session, "Done.\n", Severity::info));
  if (elapsed >= total_ms)
    return session.complete(message(session, fmt::format("Wait delay expired. {}\n", why), Severity::error));
  uint64_t pause = total_ms - elapsed;
  if (!path.empty()) pause = std::min({pause, elapsed / 2 + 1, std::max<uint64_t>(1, total_ms / 10)});
  session.sleep(pause, [&server, &session, path = std::move(path), start_ms, total_ms] {
    keep_waiting(server, session, path, start_ms, total_ms);
  });
}

Outcome run_wait(Call& call) {
  if (call.word(1).empty()) return call.refuse("Expects a duration in milliseconds.\n");
  bool help = call.word(1) == "-h";
  auto ms = parse_duration(call.word(1), 1);
  if (!help && (!ms || *ms < 1)) return call.refuse("Invalid duration.\n");
  Str condition = help ? call.word(1) : call.word(2);
  if (condition == "-h") return call.say(kWaitUsage);
  if (!condition.empty() && condition != "srv-removable") return call.refuse(kWaitUsage);
  std::string path(call.word(3));
  if (!condition.empty()) {
    if (path.empty()) return call.refuse("Missing server name (<backend>/<server>).\n");
    Str name = path;
    cut(name, '/');
    if (name.empty()) return call.refuse("Require 'backend/server'.\n");
  }
  // Even a condition that holds already is looked at from the loop: the session is not waiting yet.
  uint64_t start = stats::monotonic_ms();
  uint64_t first = path.empty() ? *ms : 0;
  call.session.sleep(first, [&server = call.server, &session = call.session, path, start, total = *ms] {
    keep_waiting(server, session, path, start, total);
  });
  return Outcome::later;
}

constexpr Command kRows[] = {
    {{"help"}, Level::user, "", "", run_help},
    {{"quit"}, Level::user, "", "", run_quit},
    {{"prompt"}, Level::user, "", "", run_prompt},
    {{"echo"}, Level::user, "echo <text>", "answer with the text", run_echo},
    {{"operator"}, Level::operate, "operator", "give up the rights of an administrator", run_lower},
    {{"user"}, Level::user, "user", "give up all rights but those of a user", run_lower},
    {{"expert-mode"}, Level::admin, "", "", run_mode},
    {{"experimental-mode"}, Level::admin, "", "", run_mode},
    {{"set", "timeout"}, Level::user, "set timeout [cli] <delay>", "how long this session may be silent", run_timeout},
    {{"set", "severity-output"},
     Level::user,
     "set severity-output [none|number|string]",
     "put their severity in front of messages",
     run_severity},
    {{"wait"},
     Level::admin,
     "wait {-h|<delay_ms>} cond [args...]",
     "wait for a time or a condition (-h lists them)",
     run_wait},
};

}  // namespace

const Commands kSessionCommands = kRows;

}  // namespace weir::control
