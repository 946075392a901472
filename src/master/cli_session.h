#pragma once
// One connection to the master's command line. It takes lines apart as HAProxy's does: a command, with `@1` or the like in
// front, goes to the worker that is meant, on a connection of its own that ends with the answer; without one it goes to the
// worker that `@1` alone has chosen, or to the master. `@@1` hands the rest of the connection to the worker until that one
// closes. Owned by the Cli.
#include <optional>
#include <string>
#include <vector>

#include "control/command.h"
#include "control/words.h"
#include "master/cli.h"

namespace weir::master {

class CliSession {
 public:
  // Takes the descriptor over.
  CliSession(Cli& cli, int fd, const control::SocketConf& socket);
  // One whose state is read; see Cli::fields.
  explicit CliSession(Cli& cli) : cli_(cli) {}
  ~CliSession();
  CliSession(const CliSession&) = delete;
  CliSession& operator=(const CliSession&) = delete;

  void watch(std::vector<pollfd>& fds) const;
  bool owns(int fd) const { return fd == client_ || fd == worker_; }
  void on_event(int fd, short events);
  bool closed() const { return closed_; }
  template <class Archive>
  void fields(Archive& a) {
    a.descriptor(client_);
    a.descriptor(worker_);
    a(level_, context_, prompt_, timed_, expert_, experimental_, debug_, severity_, in_, out_, to_worker_, here_);
    a(command_, payload_, payload_end_, in_payload_, busy_, end_of_input_, gone_, finishing_, closed_);
  }
  // Answers a session that asked for the reload, and ends it.
  void reload_ended(bool success, const std::string& log);

  // --- for the master's own commands (cli_commands.cc) ---
  using Words = std::vector<std::string>;
  Cli& cli() { return cli_; }
  control::Level level() const { return level_; }
  bool expects_workers_words() const { return debug_; }  // mcli-debug-mode
  // An answer, with the empty line that ends it.
  void answer(std::string text);
  void refuse(Str text, control::Severity severity = control::Severity::error);
  void wait_for_reload() { busy_ = Busy::reload; }

 private:
  enum class Busy : uint8_t { no, command, everything, reload };

  void pump();
  bool take_command();
  bool take_payload();
  bool enter(size_t prefix);
  void run(std::string text);
  // Commands about the session itself. False: it is none of them.
  bool run_here(const Words& words);
  bool set_prompt(const Words& words);
  bool set_mode(const Words& words, bool& mode);
  bool set_severity(const Words& words);
  void lower(control::Level level);
  void forward(const WorkerView& worker, std::string text, Busy busy);
  std::string rights() const;
  // What is wrong with the input: the rest of it is not looked at.
  void fail(Str text);
  std::optional<pid_t> target(Str prefix) const;
  void write_prompt();

  void read_client();
  void read_worker();
  void write_worker();
  void worker_done();
  void flush();

  Cli& cli_;
  int client_ = -1;
  int worker_ = -1;
  control::Level level_ = control::Level::user;
  pid_t context_ = 0;  // where commands without a prefix go; 0: here
  bool prompt_ = false;
  bool timed_ = false;
  bool expert_ = false;
  bool experimental_ = false;
  bool debug_ = false;
  control::SeverityForm severity_ = control::SeverityForm::none;

  std::string in_;
  std::string out_;
  std::string to_worker_;
  bool here_ = false;  // the rest of the line is for the master: `@@master`
  std::string command_;  // that waits for its payload
  std::string payload_;
  std::string payload_end_;
  bool in_payload_ = false;
  Busy busy_ = Busy::no;
  bool end_of_input_ = false;
  bool gone_ = false;  // nobody reads what is written
  bool finishing_ = false;  // closes once everything is written
  bool closed_ = false;
};

// Runs a command of the master itself and answers it.
void run_master_command(CliSession& session, const CliSession::Words& words);
// The list of them.
std::string master_help(const CliSession::Words& words);

}  // namespace weir::master
