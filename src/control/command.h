#pragma once
// Commands of the runtime socket. Each is one row of a table: its words, the right that it needs, the line that `help`
// shows and the function that answers. Tables stand at the end of the commands_*.cc files. A command runs on the control
// thread; it answers at once, or says `later` and calls Session::complete.
#include <array>
#include <span>
#include <string>
#include <vector>

#include "control/control.h"
#include "control/session.h"

namespace weir::control {

enum class Outcome : uint8_t { done, later, close };

enum class Severity : uint8_t { error = 3, warning = 4, notice = 5, info = 6 };

struct Call {
  Call(Server& to, Session& from) : server(to), session(from) {}
  Server& server;
  Session& session;
  std::vector<std::string> words;  // the command's own words included
  Str payload;  // empty: none
  std::string out;  // the answer, without the empty line that ends it

  Str word(size_t i) const { return i < words.size() ? Str(words[i]) : Str(); }
  // A message: one line end, the severity in front when the session wants it. Returns Outcome::done.
  Outcome say(Str text, Severity severity = Severity::info);
  Outcome refuse(Str text) { return say(text, Severity::error); }
  // False after saying that the session has not that right.
  bool allowed(Level level);

  // --- the objects that words name; null after saying what is wrong ---
  stats::ProxyEntry* front(Str name);
  const model::Server* find_server(Str path, stats::ProxyEntry** backend = nullptr);  // "backend/server"
};

// The same for answers that come later, and for the master's.
std::string message(const Session& session, Str text, Severity severity);
std::string message(SeverityForm form, Str text, Severity severity);

struct Command {
  std::array<Str, 3> words;  // empty ones at the end
  Level level;
  Str usage;  // empty: `help` does not list it
  Str help;
  Outcome (*run)(Call& call);
};

using Commands = std::span<const Command>;

// Splits the text and runs the command that it names; an unknown one is answered with suggestions.
Outcome run_command(Call& call, Str text);
// What `help` answers, and an unknown command.
std::string usage_text(const std::vector<std::string>& words);

// Lines NAME=VALUE of the environment, all or the one of that name.
std::string environment(Str name);

extern const Commands kSessionCommands;
extern const Commands kShowCommands;
extern const Commands kStatCommands;
extern const Commands kErrorCommands;
extern const Commands kEventCommands;
extern const Commands kServerCommands;
extern const Commands kAddServerCommands;
extern const Commands kFrontendCommands;
extern const Commands kPublishCommands;
extern const Commands kCookieCommands;
extern const Commands kLimitCommands;
extern const Commands kStreamCommands;
extern const Commands kPatternCommands;
extern const Commands kCertificateCommands;
extern const Commands kTrustCommands;
extern const Commands kSniCommands;
extern const Commands kCrtListCommands;
extern const Commands kVariableCommands;
extern const Commands kSocketCommands;
extern const Commands kDebugCommands;
extern const Commands kShardCommands;
extern const Commands kTableCommands;
extern const Commands kPeersCommands;
extern const Commands kNameCommands;
extern const Commands kAbsentCommands;  // the last ones: others may begin with the same words

}  // namespace weir::control
