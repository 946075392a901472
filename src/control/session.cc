// See control/session.h. The protocol is that of HAProxy's stats socket, to the blank line.
#include "control/session.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "control/command.h"
#include "control/words.h"

namespace weir::control {
namespace {
constexpr size_t kPayloadEnd = 64;
constexpr size_t kMaxPending = 128 * 1024;
}  // namespace

Session::Session(Server& server, int fd, const SocketConf& conf, uint64_t id)
    : level(conf.level),
      severity(conf.severity),
      timeout_ms(conf.timeout_ms),
      first_level(conf.level),
      gives_sockets(conf.gives_sockets),
      server_(server),
      fd_(fd),
      id_(id) {
  uv_poll_init(server.loop(), &poll_, fd);
  uv_timer_init(server.loop(), &timer_);
  poll_.data = timer_.data = this;
}

void Session::start() {
  watch();
  arm();
}

void Session::close() {
  if (closed_) return;
  closed_ = true;
  pour_ = nullptr;
  server_.ended(this);
  auto gone = [](uv_handle_t* h) {
    auto* self = static_cast<Session*>(h->data);
    if (--self->open_handles_ == 0) delete self;
  };
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), gone);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), gone);
  ::close(fd_);
}

// What is waited for: input until it ends (a closed side would be reported forever), output while some is left.
void Session::watch() {
  // What cannot be worked on yet stays in the kernel, beyond one more line or payload.
  const bool held_up = busy_ || out_.size() >= kMaxPending;
  const bool enough = held_up && in_.size() >= std::max(server_.access().max_line, server_.access().max_payload);
  int events = (end_of_input_ || finishing_ || enough ? 0 : UV_READABLE) | (out_.empty() && !pour_ ? 0 : UV_WRITABLE);
  // Nothing urgent ever comes: that the client has gone is told with it.
  if (events == 0) events = UV_PRIORITIZED;
  uv_poll_start(&poll_, events,
                [](uv_poll_t* p, int status, int e) { static_cast<Session*>(p->data)->on_io(status, e); });
}

// A silent client is disconnected; while a command runs, it may be silent, but has to read what is there.
void Session::arm() {
  if (busy_ && !pour_) {
    if (!wake_) uv_timer_stop(&timer_);
    return;
  }
  uv_timer_start(&timer_, [](uv_timer_t* t) { static_cast<Session*>(t->data)->close(); }, timeout_ms, 0);
}

void Session::sleep(uint64_t ms, std::function<void()> then) {
  wake_ = std::move(then);
  auto fire = [](uv_timer_t* t) {
    auto* self = static_cast<Session*>(t->data);
    auto fn = std::move(self->wake_);
    self->wake_ = nullptr;
    fn();
  };
  uv_update_time(server_.loop());
  uv_timer_start(&timer_, fire, ms, 0);
}

void Session::on_io(int status, int events) {
  if (status < 0 || (events & UV_PRIORITIZED)) return close();
  if ((events & UV_READABLE) && !read_some()) return;
  pump();
}

// False: the session is closed.
bool Session::read_some() {
  char buffer[16384];
  ssize_t n = fault::recv(fault::Site::control_recv, fd_, buffer, sizeof buffer, 0);
  if (n > 0) {
    in_.append(buffer, static_cast<size_t>(n));
  } else if (n == 0) {
    end_of_input_ = true;
  } else if (errno != EAGAIN && errno != EINTR) {
    close();
    return false;
  }
  return true;
}

// Works through the input. A client that does not read its answers is not served further.
void Session::pump() {
  if (pour_ && out_.size() < kMaxPending) take_piece();
  do {
    bool went_on = true;
    while (went_on && !busy_ && !finishing_ && out_.size() < kMaxPending)
      went_on = in_payload_ ? take_payload() : commands_.empty() ? take_line() : run_next();
    if (end_of_input_ && !busy_ && !went_on) finishing_ = true;
    flush();
    if (!went_on) return;
  } while (!closed_ && !busy_ && !finishing_ && out_.empty());
}

// Takes a whole line apart. False: there is none yet.
bool Session::take_line() {
  CommandLine line;
  if (!next_line(in_, line)) {
    if (in_.size() >= server_.access().max_line)
      refuse(
          "The command line is too big for the buffer size. Please change 'tune.bufsize' in the configuration to "
          "use a bigger command.\n");
    return false;
  }
  commands_.assign(line.commands.begin(), line.commands.end());
  in_payload_ = line.payload && line.payload_end.size() <= kPayloadEnd;
  payload_end_ = line.payload_end;
  payload_.clear();
  has_payload_ = false;
  if (in_payload_ && prompt) out_ += "+ ";
  return true;
}

// Reads payload lines up to the one that ends it. False: more is needed.
bool Session::take_payload() {
  size_t at = in_.find('\n');
  const size_t most = server_.access().max_payload;
  if (at == std::string::npos || payload_.size() + at > most) {
    if (payload_.size() + in_.size() > most)
      refuse(
          "The payload is too big. Please change 'tune.cli.max-payload-size' in the configuration to use a bigger "
          "payload.\n");
    return false;
  }
  Str line = Str(in_).substr(0, at);
  in_payload_ = line != payload_end_;
  if (in_payload_) {
    payload_.append(line).push_back('\n');
    if (prompt) out_ += "+ ";
  } else {
    has_payload_ = !payload_.empty();
    if (has_payload_) payload_.pop_back();
  }
  in_.erase(0, at + 1);
  return true;
}

bool Session::run_next() {
  std::string line = std::move(commands_.front());
  commands_.pop_front();
  Call call(server_, *this);
  if (has_payload_ && commands_.empty()) call.payload = payload_;
  Outcome outcome = run_command(call, line);
  if (out_.empty())
    out_ = std::move(call.out);
  else
    out_ += call.out;
  switch (outcome) {
    case Outcome::done: finish_command(); break;
    case Outcome::later:
      busy_ = true;
      arm();
      break;
    case Outcome::close: finishing_ = true; break;
  }
  return outcome == Outcome::done;
}

// The end of an answer: an empty line, or the prompt.
void Session::finish_command() {
  bool last = commands_.empty();
  if (prompt && last && timed) {
    uint64_t up = server_.moment().uptime_s();
    out_ += fmt::format("\n[{}:{:02}:{:02}:{:02}]> ", up / 86400, up / 3600 % 24, up / 60 % 60, up % 60);
  } else if (prompt) {
    out_ += last ? "\n> " : "\n";
  } else if (!no_blank) {
    out_ += '\n';
  }
  no_blank = false;
  if (last && !interactive) finishing_ = true;
}

void Session::complete(std::string answer) {
  if (closed_ || !busy_) return;
  busy_ = false;
  if (out_.empty())
    out_ = std::move(answer);
  else
    out_ += answer;
  finish_command();
  pump();
}

void Session::pour(std::function<bool(std::string& out)> next) {
  pour_ = std::move(next);
}

// One a turn of the loop: other sessions have theirs in between.
void Session::take_piece() {
  if (pour_(out_)) return;
  pour_ = nullptr;
  busy_ = false;
  finish_command();
}

void Session::push(Str text) {
  out_ += text;
  flush();
}

bool Session::interrupted() {
  if (in_.empty() && !end_of_input_) return closed_;
  in_.clear();
  return true;
}

void Session::refuse(Str text) {
  out_ += text;
  finishing_ = true;
}

void Session::flush() {
  while (sent_ < out_.size()) {
    ssize_t n = fault::send(fault::Site::control_send, fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return close();
    if (n < 0) break;
    sent_ += static_cast<size_t>(n);
  }
  // What has gone is let go when it is more than what has not: every byte moves about once.
  if (sent_ > out_.size() / 2) out_.erase(0, std::exchange(sent_, 0));
  if (out_.empty() && out_.capacity() > kMaxPending) out_.shrink_to_fit();
  if (finishing_ && out_.empty()) return close();
  watch();
  arm();
}

}  // namespace weir::control
