#pragma once
// One connection to a runtime socket: reads command lines, runs them in order, writes their answers. A line is one or
// several commands separated by `;` and may announce a payload with `<<`. Without `prompt` one line is served, then it
// closes. Lives on the control thread from accept to close(); freed by the loop.
#include <uv.h>

#include <deque>
#include <functional>
#include <string>

#include "control/control.h"

namespace weir::control {

class Session {
 public:
  Session(Server& server, int fd, const SocketConf& conf, uint64_t id);
  void start();
  void close();
  uint64_t id() const { return id_; }
  int fd() const { return fd_; }

  // --- for commands ---
  Level level;
  bool expert = false;
  bool experimental = false;
  bool prompt = false;       // "> " after each answer
  bool interactive = false;  // further lines are read
  bool timed = false;        // the prompt shows the uptime
  bool no_blank = false;     // no empty line after this answer
  SeverityForm severity;
  uint32_t timeout_ms;
  const Level first_level;  // of the socket
  const bool gives_sockets;

  // The answer of a command that was not ready at once.
  void complete(std::string answer);
  // More of its answer, before it is complete.
  void push(Str text);
  // The answer comes in pieces: `next` adds one, whenever the client has taken most of what was before, and tells whether there
  // are more. For a command that is not ready.
  void pour(std::function<bool(std::string& out)> next);
  // The client has sent something, or has ended: a command that goes on until then takes what came, and ends.
  bool interrupted();
  // Calls `then` after `ms`, unless the session ends first. For a command that is not ready.
  void sleep(uint64_t ms, std::function<void()> then);

 private:
  ~Session() = default;
  void on_io(int status, int events);
  bool read_some();
  void pump();
  bool take_line();
  bool take_payload();
  bool run_next();
  void take_piece();
  void finish_command();
  void refuse(Str text);
  void flush();
  void watch();
  void arm();

  Server& server_;
  int fd_;
  uint64_t id_;
  uv_poll_t poll_;
  uv_timer_t timer_;
  int open_handles_ = 2;
  std::function<void()> wake_;
  std::string in_;
  std::string out_;
  size_t sent_ = 0;  // bytes of `out_` that have gone
  std::deque<std::string> commands_;  // of the line that is served
  std::string payload_;
  std::string payload_end_;
  bool in_payload_ = false;
  bool has_payload_ = false;
  bool busy_ = false;  // a command is not ready
  bool end_of_input_ = false;
  bool finishing_ = false;  // closes once everything is written
  bool closed_ = false;
  std::function<bool(std::string& out)> pour_;
};

}  // namespace weir::control
