// Finding and running commands, and the help that is made from their rows; see control/command.h.
#include "control/command.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/words.h"

namespace weir::control {
namespace {

constexpr size_t kMaxWords = 64;
constexpr size_t kSuggestions = 5;

const std::vector<const Command*>& all_commands() {
  static const auto all = [] {
    std::vector<const Command*> rows;
    for (Commands table :
         {kSessionCommands,     kShowCommands,     kStatCommands,    kErrorCommands,   kServerCommands,
          kAddServerCommands,   kFrontendCommands, kLimitCommands,   kStreamCommands,  kPatternCommands,
          kCertificateCommands, kTrustCommands,    kSniCommands,     kCrtListCommands, kVariableCommands,
          kShardCommands,       kNameCommands,     kSocketCommands,  kDebugCommands,   kTableCommands,
          kPeersCommands,       kEventCommands,    kPublishCommands, kCookieCommands,  kAbsentCommands})
      for (const Command& c : table) rows.push_back(&c);
    return rows;
  }();
  return all;
}

// How many words at the start are the command's, and how many it has.
size_t common_words(const Command& c, std::span<const std::string> words) {
  size_t n = 0;
  while (n < c.words.size() && n < words.size() && !c.words[n].empty() && c.words[n] == words[n]) n++;
  return n;
}
size_t word_count(const Command& c) {
  size_t n = 0;
  while (n < c.words.size() && !c.words[n].empty()) n++;
  return n;
}

const Command* find_command(std::span<const std::string> words) {
  for (const Command* c : all_commands())
    if (common_words(*c, words) == word_count(*c)) return c;
  return nullptr;
}

// Commands that begin with the first `common` words and whose others look like what was typed, best first.
std::vector<const Command*> similar(std::span<const std::string> words, size_t common) {
  struct Match {
    const Command* command;
    int distance;
  };
  std::vector<Match> found;
  std::vector<Str> typed;
  size_t typed_size = 0;
  for (size_t i = common; i < words.size() && i < 5; i++) {
    typed.push_back(words[i]);
    typed_size += words[i].size();
  }
  for (const Command* c : all_commands()) {
    if (c->usage.empty() || common_words(*c, words) < common) continue;
    std::vector<Str> rest(c->words.begin() + static_cast<ptrdiff_t>(common),
                          c->words.begin() + static_cast<ptrdiff_t>(word_count(*c)));
    size_t size = typed_size;
    for (Str w : rest) size += w.size();
    int distance = word_distance(typed, rest);
    if (distance < static_cast<int>(5 * size / 2)) found.push_back({c, distance});
  }
  std::ranges::stable_sort(found, {}, &Match::distance);
  if (found.size() > kSuggestions) found.resize(kSuggestions);
  std::vector<const Command*> commands;
  for (const Match& m : found)
    if (m.distance <= 5 * found[0].distance / 2) commands.push_back(m.command);
  return commands;
}

std::string usage_line(const Command& c) {
  return fmt::format("{:<40}: {}", c.usage, c.help);
}

}  // namespace

std::string usage_text(const std::vector<std::string>& typed) {
  std::span<const std::string> words(typed);
  bool help = !words.empty() && words[0] == "help";
  if (help) words = words.subspan(1);
  size_t common = 0;
  for (const Command* c : all_commands()) common = std::max(common, common_words(*c, words));
  std::string out = help
                        ? "The following commands are valid at this level:\n"
                        : fmt::format("Unknown command: '{}', but maybe one of the following ones is a better match:\n",
                                      words.empty() ? Str() : Str(words[0]));
  std::vector<const Command*> rows;
  if (common < words.size()) rows = similar(words, common);
  if (rows.empty())
    for (const Command* c : all_commands())
      if (!c->usage.empty() && common_words(*c, words) >= common) rows.push_back(c);
  std::vector<std::string> lines;
  for (const Command* c : rows) lines.push_back(usage_line(*c));
  std::ranges::sort(lines);
  for (const std::string& l : lines) out += fmt::format("  {}\n", l);
  out += fmt::format("  {:<40}: {}\n", "help [<command>]", "list all commands, or those that match");
  out +=
      fmt::format("  {:<40}: {}\n", "prompt [help | n | i | p | timed ]*", "stay connected, with or without a prompt");
  out += fmt::format("  {:<40}: {}\n", "quit", "disconnect");
  return out;
}

Outcome run_command(Call& call, Str text) {
  call.words = split_words(text);
  if (call.words.empty()) return Outcome::done;
  if (call.words.size() > kMaxWords)
    return call.refuse(fmt::format("Too many arguments. Commands must have at most {} arguments.\n", kMaxWords));
  const Command* command = find_command(call.words);
  if (!command) return call.say(usage_text(call.words));
  if (!call.allowed(command->level)) return Outcome::done;
  return command->run(call);
}

std::string message(const Session& session, Str text, Severity severity) {
  return message(session.severity, text, severity);
}

std::string message(SeverityForm form, Str text, Severity severity) {
  constexpr Str kNames[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info"};
  while (text.ends_with('\n')) text.remove_suffix(1);
  switch (form) {
    case SeverityForm::none: break;
    case SeverityForm::number: return fmt::format("[{}]: {}\n", static_cast<int>(severity), text);
    case SeverityForm::string: return fmt::format("[{}]: {}\n", kNames[static_cast<size_t>(severity)], text);
  }
  return fmt::format("{}\n", text);
}

Outcome Call::say(Str text, Severity severity) {
  out += message(session, text, severity);
  return Outcome::done;
}

bool Call::allowed(Level level) {
  if (session.level >= level) return true;
  refuse("Permission denied\n");
  return false;
}

stats::ProxyEntry* Call::front(Str name) {
  if (name.empty()) {
    refuse("A frontend name is expected.\n");
    return nullptr;
  }
  stats::ProxyEntry* p = server.catalogue().find_front(name);
  if (!p) refuse("No such frontend.\n");
  return p;
}

const model::Server* Call::find_server(Str path, stats::ProxyEntry** backend) {
  Str name = path;
  Str backend_name = cut(name, '/');
  if (name.empty()) {
    refuse("Require 'backend/server'.\n");
    return nullptr;
  }
  stats::ProxyEntry* p = server.catalogue().find_back(backend_name);
  if (!p) {
    refuse("No such backend.\n");
    return nullptr;
  }
  for (const model::Server* s : p->pool->servers) {
    bool by_number = name[0] == '#' && parse_u64(name.substr(1)) == server.catalogue().of(*s).id;
    if ((s->name != name && !by_number) || s->absent()) continue;
    if (p->disabled) {
      refuse("Proxy is disabled.\n");
      return nullptr;
    }
    if (backend) *backend = p;
    return s;
  }
  refuse("No such server.\n");
  return nullptr;
}

}  // namespace weir::control
