// The commands that the master answers itself, by a table as the worker's are (control/command.h).
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "control/command.h"
#include "master/cli_session.h"

namespace weir::master {
namespace {

using control::Level;
using Words = CliSession::Words;

struct MasterCommand {
  std::array<Str, 3> words;  // empty ones at the end
  Level level;
  Str usage;
  Str help;
  void (*run)(CliSession& session, const Words& words);  // null: not a command, only listed
};

Str word(const Words& words, size_t i) {
  return i < words.size() ? Str(words[i]) : Str();
}

std::string uptime(time_t since) {
  time_t now = time(nullptr);
  long s = std::max<long>(0, now - since);
  return fmt::format("{}d{:02}h{:02}m{:02}s", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
}

std::string process_line(const WorkerView& w, bool debug) {
  std::string line =
      fmt::format("{:<15} {:<15} {:<15} {:<15} {:<15}", w.pid, "worker", w.reloads, uptime(w.since), w.version);
  if (debug) line += fmt::format("\t\t {:<15} {:<15}", w.line, w.far_end);
  return line + "\n";
}

void show_proc(CliSession& session, const Words& words) {
  Str more = word(words, 2);
  if (!more.empty() && more != "debug") return session.refuse("'show proc' only supports 'debug' as argument\n");
  bool debug = !more.empty();
  Cli& cli = session.cli();
  std::string out =
      fmt::format("#{:<14} {:<15} {:<15} {:<15} {:<15}", "<PID>", "<type>", "<reloads>", "<uptime>", "<version>");
  if (debug) out += fmt::format("\t\t {:<15} {:<15}", "<ipc_fd[0]>", "<ipc_fd[1]>");
  out += fmt::format("\n{:<15} {:<15} {:<15} {:<15} {:<15}", getpid(), "master",
                     fmt::format("{} [failed: {}]", cli.reloads(), cli.failures()), uptime(cli.since()),
                     cli.access().version);
  if (debug) out += fmt::format("\t\t {:<15} {:<15}", -1, -1);
  out += "\n# workers\n";
  for (const WorkerView& w : cli.workers())
    if (!w.leaving) out += process_line(w, debug);
  if (std::ranges::any_of(cli.workers(), &WorkerView::leaving)) out += "# old workers\n";
  for (const WorkerView& w : cli.workers())
    if (w.leaving) out += process_line(w, debug);
  session.answer(out);
}

void run_reload(CliSession& session, const Words& words) {
  if (session.cli().starting()) return session.answer("Success=0\n--\nAnother reload is still in progress.\n");
  session.wait_for_reload();
  session.cli().reload(words[0] == "hard-reload");
}

void show_startup_logs(CliSession& session, const Words&) {
  session.answer(session.cli().access().startup_log());
}

void show_version(CliSession& session, const Words&) {
  session.answer(std::string(session.cli().access().version));
}

void show_cli_sockets(CliSession& session, const Words&) {
  std::string out = "# socket lvl processes\n";
  for (const control::SocketConf& s : session.cli().sockets())
    out += fmt::format("{} {} all\n", s.text, control::level_name(s.level));
  session.answer(out);
}

void show_cli_level(CliSession& session, const Words&) {
  session.answer(std::string(control::level_name(session.level())));
}

void show_env(CliSession& session, const Words& words) {
  std::string out = control::environment(word(words, 2));
  if (out.empty()) return session.refuse("Variable not found\n");
  session.answer(out);
}

void run_echo(CliSession& session, const Words& words) {
  std::string text;
  for (size_t i = 1; i < words.size(); i++) (text += i > 1 ? " " : "") += words[i];
  session.refuse(text, control::Severity::info);
}

void run_help(CliSession& session, const Words& words) {
  session.answer(master_help(words));
}

constexpr MasterCommand kRows[] = {
    {{"@<relative pid>"},
     Level::user,
     "@<relative pid> [command]",
     "run a command in the current worker (@1)",
     nullptr},
    {{"@!<pid>"}, Level::user, "@!<pid> [command]", "run a command in the worker with this process id", nullptr},
    {{"@master"}, Level::user, "@master [command]", "run a command in the master", nullptr},
    {{"@@<pid>"}, Level::user, "@@[!]<pid> [command...]", "talk to a worker until it closes", nullptr},
    {{"show", "proc"}, Level::operate, "show proc [debug]", "master and workers", show_proc},
    {{"reload"}, Level::operate, "reload", "read the configuration anew; connections end in peace", run_reload},
    {{"hard-reload"}, Level::operate, "hard-reload", "read the configuration anew; connections are cut", run_reload},
    {{"show", "startup-logs"},
     Level::operate,
     "show startup-logs",
     "what was said by the latest start or reload",
     show_startup_logs},
    {{"show", "version"}, Level::user, "show version", "version of this process", show_version},
    {{"show", "cli", "sockets"}, Level::user, "show cli sockets", "the master's sockets", show_cli_sockets},
    {{"show", "cli", "level"}, Level::user, "show cli level", "the rights of this session", show_cli_level},
    {{"show", "env"}, Level::operate, "show env [var]", "environment of this process", show_env},
    {{"echo"}, Level::user, "echo <text>", "answer with the text", run_echo},
    {{"operator"}, Level::user, "operator", "give up the rights of an administrator", nullptr},
    {{"user"}, Level::user, "user", "give up all rights but those of a user", nullptr},
    {{"set", "severity-output"},
     Level::user,
     "set severity-output [none|number|string]",
     "put their severity in front of messages",
     nullptr},
    {{"expert-mode"}, Level::admin, "expert-mode [on|off]", "expert mode for commands to workers", nullptr},
    {{"experimental-mode"}, Level::admin, "experimental-mode [on|off]", "the same for experimental mode", nullptr},
    {{"mcli-debug-mode"},
     Level::admin,
     "mcli-debug-mode [on|off]",
     "a worker's commands here, which say that the master serves nothing",
     nullptr},
    {{"help"}, Level::user, "help [<command>]", "list all commands, or those that match", run_help},
    {{"prompt"}, Level::user, "prompt [help | i | p | timed ]*", "with or without a prompt", nullptr},
    {{"quit"}, Level::user, "quit", "disconnect", nullptr},
};

// How many of its words the row shares with `words` from the start.
size_t common_words(const MasterCommand& c, const Words& words, size_t from) {
  size_t n = 0;
  while (n < c.words.size() && !c.words[n].empty() && from + n < words.size() && c.words[n] == words[from + n]) n++;
  return n;
}

bool names(const MasterCommand& c, const Words& words) {
  size_t n = common_words(c, words, 0);
  return n == c.words.size() || c.words[n].empty();
}

}  // namespace

std::string master_help(const Words& words) {
  bool asked = !words.empty() && words[0] == "help";
  size_t from = asked ? 1 : 0;
  size_t best = 0;
  for (const MasterCommand& c : kRows) best = std::max(best, common_words(c, words, from));
  std::string out = asked
                        ? "The following commands are valid at this level:\n"
                        : fmt::format("Unknown command: '{}', but maybe one of the following ones is a better match:\n",
                                      word(words, 0));
  for (const MasterCommand& c : kRows)
    if (common_words(c, words, from) == best) out += fmt::format("  {:<40}: {}\n", c.usage, c.help);
  return out;
}

void run_master_command(CliSession& session, const Words& words) {
  auto row = std::ranges::find_if(kRows, [&](const MasterCommand& c) { return c.run && names(c, words); });
  if (row == std::end(kRows)) {
    if (session.expects_workers_words())
      return session.refuse(fmt::format("The master serves no traffic and has no '{}'; a worker answers it: @1 {}\n",
                                        words[0], words[0]));
    return session.answer(master_help(words));
  }
  if (session.level() < row->level) return session.refuse("Permission denied\n");
  row->run(session, words);
}

}  // namespace weir::master
