// See master/cli_session.h.
#include "master/cli_session.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/descriptor.h"

namespace weir::master {
namespace {

using control::Level;
using control::SeverityForm;

constexpr size_t kMaxLine = 16384;
constexpr size_t kMaxPayload = 128 * 1024;
constexpr size_t kPayloadEnd = 64;
constexpr size_t kMaxPending = 128 * 1024;
constexpr Str kNoAnswer = "Can't connect to the target CLI!\n";
constexpr Str kDenied = "Permission denied!\n";

constexpr Str kPromptUsage =
    "Usage: prompt [help | i | p | timed]*\n"
    "Sets what happens after each command:\n"
    "  help    shows this\n"
    "  i       no prompt\n"
    "  p       a prompt\n"
    "  timed   shows the uptime in the prompt, or stops showing it\n"
    "Without a word, changes between i and p.\n";

std::string uptime(uint64_t s) {
  return fmt::format("[{}:{:02}:{:02}:{:02}] ", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
}

uint64_t age(time_t since) {
  time_t now = time(nullptr);
  return now > since ? static_cast<uint64_t>(now - since) : 0;
}

// Reads what is there. False at the end or after an error.
bool read_some(int fd, std::string& into) {
  char buffer[16384];
  while (true) {
    ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) {
      into.append(buffer, static_cast<size_t>(n));
      if (n < static_cast<ssize_t>(sizeof buffer)) return true;
      if (into.size() >= kMaxPending) return true;
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    return n < 0 && errno == EAGAIN;
  }
}

// Writes what the other side takes. False after an error.
bool write_some(int fd, std::string& from) {
  while (!from.empty()) {
    ssize_t n = send(fd, from.data(), from.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    from.erase(0, static_cast<size_t>(n));
  }
  return true;
}

// The place of the `;` or line end, without a backslash in front, that ends the first command.
size_t command_end(const std::string& in) {
  for (size_t i = 0; i < in.size(); i++) {
    if (in[i] == '\\')
      i++;
    else if (in[i] == ';' || in[i] == '\n')
      return i;
  }
  return std::string::npos;
}

}  // namespace

CliSession::CliSession(Cli& cli, int fd, const control::SocketConf& socket)
    : cli_(cli), client_(fd), level_(socket.level) {}

CliSession::~CliSession() {
  if (client_ >= 0) close(client_);
  if (worker_ >= 0) close(worker_);
}

// --- descriptors ---

void CliSession::watch(std::vector<pollfd>& fds) const {
  bool hears = !end_of_input_ && !finishing_ && in_.size() < kMaxPending && to_worker_.size() < kMaxPending;
  auto client = static_cast<short>((hears ? POLLIN : 0) | (out_.empty() ? 0 : POLLOUT));
  if (!gone_) fds.push_back({client_, client, 0});
  if (worker_ < 0) return;
  auto worker = static_cast<short>((out_.size() < kMaxPending ? POLLIN : 0) | (to_worker_.empty() ? 0 : POLLOUT));
  if (worker) fds.push_back({worker_, worker, 0});
}

void CliSession::on_event(int fd, short events) {
  if (fd == worker_) {
    write_worker();
    read_worker();
  } else {
    if (events & (POLLIN | POLLHUP | POLLERR)) read_client();
    if (events & (POLLHUP | POLLERR)) {
      // Whoever sends a command and leaves wants it done all the same.
      end_of_input_ = gone_ = true;
    }
  }
  pump();
}

void CliSession::read_client() {
  if (end_of_input_) return;
  std::string& to = busy_ == Busy::everything ? to_worker_ : in_;
  if (!read_some(client_, to)) end_of_input_ = true;
  if (busy_ == Busy::everything) write_worker();
}

void CliSession::write_worker() {
  if (worker_ < 0) return;
  // What it does not want to read it does not need: the answer tells.
  if (!write_some(worker_, to_worker_)) to_worker_.clear();
  if (to_worker_.empty() && (busy_ == Busy::command || end_of_input_)) shutdown(worker_, SHUT_WR);
}

void CliSession::read_worker() {
  if (worker_ < 0 || out_.size() >= kMaxPending) return;
  if (!read_some(worker_, out_)) worker_done();
}

void CliSession::worker_done() {
  close(worker_);
  worker_ = -1;
  to_worker_.clear();
  busy_ = Busy::no;
  write_prompt();
}

void CliSession::flush() {
  if (gone_)
    out_.clear();
  else if (!write_some(client_, out_))
    gone_ = end_of_input_ = true, out_.clear();
  if (finishing_ && out_.empty()) closed_ = true;
}

// --- commands ---

// Works through the input. A client that does not read its answers is not served further.
void CliSession::pump() {
  do {
    bool went_on = true;
    while (went_on && busy_ == Busy::no && !finishing_ && out_.size() < kMaxPending)
      went_on = in_payload_ ? take_payload() : take_command();
    if (end_of_input_ && busy_ == Busy::no && !went_on) finishing_ = true;
    flush();
    if (!went_on) return;
  } while (busy_ == Busy::no && !finishing_ && out_.empty());
}

// Runs one command, of a line that is there to its end. False: there is none yet.
bool CliSession::take_command() {
  if (in_.find('\n') == std::string::npos) {
    if (in_.size() < kMaxLine) return false;
    fail(master_help({"help"}));
    return true;
  }
  size_t first = in_.find_first_not_of(" \t");
  if (in_.compare(first, 2, "@@") == 0) return enter(first);
  size_t end = command_end(in_);
  if (end == std::string::npos) return false;
  bool last = in_[end] == '\n';
  std::string text = in_.substr(0, end) + "\n";
  in_.erase(0, end + 1);
  control::CommandLine line;
  control::next_line(text, line);
  text = line.commands[0];
  if (line.payload) text += "<<" + line.payload_end;
  in_payload_ = last && line.payload && line.payload_end.size() <= kPayloadEnd;
  payload_end_ = line.payload_end;
  payload_.clear();
  if (in_payload_) {
    command_ = text;
    write_prompt();
  } else {
    run(text);
  }
  if (last) here_ = false;
  return true;
}

// Takes one line of a payload; behind the last one its command runs. False: there is none yet.
bool CliSession::take_payload() {
  size_t at = in_.find('\n');
  if (payload_.size() + std::min(at, in_.size()) > kMaxPayload) {
    in_payload_ = false;
    fail("The payload is too big.\n");
    finishing_ = true;
    return false;
  }
  if (at == std::string::npos) return false;
  in_payload_ = Str(in_).substr(0, at) != payload_end_;
  payload_.append(in_, 0, at + 1);
  in_.erase(0, at + 1);
  if (in_payload_)
    write_prompt();
  else
    run(std::move(command_));
  return true;
}

// `@@1 …`: hands the line and everything behind it to the worker, whose session takes the rights and the prompt of this one.
// The master serves one command after the other anyway.
bool CliSession::enter(size_t prefix) {
  size_t line_end = in_.find('\n');
  size_t word_end = std::min(in_.find_first_of(" \t\r\n", prefix), line_end);
  std::string word = in_.substr(prefix + 1, word_end - prefix - 1);
  auto pid = target(word);
  if (!pid) {
    fail(fmt::format("Can't find the target PID matching the prefix '@{}'\n", word));
    return true;
  }
  std::string rest = in_.substr(word_end, line_end - word_end);
  bool empty = trim(Str(rest).substr(0, rest.find('\r'))).empty();
  if (*pid == 0) {
    in_.erase(0, word_end);
    here_ = true;
    if (empty) context_ = 0;
    return true;
  }
  std::string text = rights();
  if (empty)
    text += fmt::format("prompt {}{}\n", prompt_ ? "p" : "i", timed_ ? " timed" : "");
  else
    text += rest + "\n";
  text += in_.substr(line_end + 1);
  in_.clear();
  forward(*cli_.find(*pid), std::move(text), Busy::everything);
  return true;
}

void CliSession::run(std::string text) {
  Words words = control::split_words(text);
  if (words.empty()) return write_prompt();
  pid_t to = here_ ? 0 : context_;
  if (words[0][0] == '@') {
    auto pid = target(words[0]);
    if (!pid) return fail(fmt::format("Can't find the target PID matching the prefix '{}'\n", words[0]));
    to = *pid;
    if (words.size() == 1) {
      context_ = to;
      return write_prompt();
    }
    text.erase(0, text.find_first_of(" \t", text.find('@')));
    words.erase(words.begin());
  } else if (run_here(words)) {
    return;
  }
  if (to == 0) return run_master_command(*this, words);
  if (const WorkerView* worker = cli_.find(to)) return forward(*worker, text + "\n" + payload_, Busy::command);
  fail(kNoAnswer);
  finishing_ = true;
}

// Nothing: no process that is meant. 0: the master.
std::optional<pid_t> CliSession::target(Str prefix) const {
  Str name = prefix.substr(1);
  if (name.empty() || name == "master") return 0;
  bool exact = name[0] == '!';
  auto n = parse_u64(exact ? name.substr(1) : name);
  if (!n || *n > INT32_MAX) return std::nullopt;
  if (exact) return cli_.find(static_cast<pid_t>(*n)) ? std::optional(static_cast<pid_t>(*n)) : std::nullopt;
  if (*n == 0) return 0;
  const WorkerView* current = *n == 1 ? cli_.current() : nullptr;
  return current ? std::optional(current->pid) : std::nullopt;
}

// What a worker's session is told first: it starts with all rights.
std::string CliSession::rights() const {
  if (level_ == Level::admin) return {};
  return level_ == Level::operate ? "operator -;" : "user -;";
}

void CliSession::forward(const WorkerView& worker, std::string text, Busy busy) {
  std::string modes;
  if (busy == Busy::command) {
    modes = rights();
    if (severity_ != SeverityForm::none)
      modes += fmt::format("set severity-output {} -;", severity_ == SeverityForm::number ? "number" : "string");
    if (expert_) modes += "expert-mode on -;";
    if (experimental_) modes += "experimental-mode on -;";
  }
  int ends[2];
  bool good = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
  if (good) {
    good = net::send_descriptor(worker.line, ends[1]);
    close(ends[1]);
    if (!good) close(ends[0]);
  }
  if (!good) {
    fail(kNoAnswer);
    finishing_ = true;
    return;
  }
  worker_ = ends[0];
  busy_ = busy;
  to_worker_ = modes + text;
  write_worker();
}

void CliSession::fail(Str text) {
  out_ += text;
  in_.clear();
  here_ = false;
  write_prompt();
}

void CliSession::answer(std::string text) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  out_ += text + "\n";
  write_prompt();
}

void CliSession::refuse(Str text, control::Severity severity) {
  answer(control::message(severity_, text, severity));
}

void CliSession::reload_ended(bool success, const std::string& log) {
  if (busy_ != Busy::reload) return;
  busy_ = Busy::no;
  out_ += fmt::format("Success={}\n{}{}\n", success ? 1 : 0, log.empty() ? "" : "--\n", log);
  finishing_ = true;
  flush();
}

void CliSession::write_prompt() {
  if (!prompt_ || finishing_) return;
  if (in_payload_) {
    out_ += "+ ";
    return;
  }
  if (context_ == 0) {
    if (timed_) out_ += uptime(age(cli_.since()));
    out_ += cli_.failures() > 0 ? "master[ReloadFailed]" : "master";
  } else {
    const WorkerView* worker = cli_.find(context_);
    if (timed_) out_ += worker ? uptime(age(worker->since)) : "[gone] ";
    out_ += std::to_string(context_);
  }
  if (experimental_ || expert_ || debug_)
    out_ += fmt::format("({}{}{})", experimental_ ? "x" : "", expert_ ? "e" : "", debug_ ? "d" : "");
  out_ += "> ";
}

// --- the session's own commands ---

bool CliSession::run_here(const Words& words) {
  const std::string& name = words[0];
  if (name == "prompt") return set_prompt(words);
  if (name == "expert-mode") return set_mode(words, expert_);
  if (name == "experimental-mode") return set_mode(words, experimental_);
  if (name == "mcli-debug-mode") return set_mode(words, debug_);
  if (name == "set" && words.size() > 1 && words[1] == "severity-output") return set_severity(words);
  if (name == "quit") {
    finishing_ = true;
    return true;
  }
  if (name != "operator" && name != "user") return false;
  lower(name == "user" ? Level::user : Level::operate);
  return true;
}

bool CliSession::set_prompt(const Words& words) {
  bool wanted = !prompt_;
  bool said = false;
  for (size_t i = 1; i < words.size(); i++) {
    if (words[i] == "i" || words[i] == "p") {
      said = true;
      wanted = words[i] == "p";
    } else if (words[i] == "timed") {
      timed_ = !timed_;
      if (!said) wanted = true;
    } else {
      fail(kPromptUsage);
      return true;
    }
  }
  prompt_ = wanted;
  write_prompt();
  return true;
}

bool CliSession::set_mode(const Words& words, bool& mode) {
  if (level_ < Level::admin) {
    fail(kDenied);
    return true;
  }
  mode = words.size() > 1 && words[1] == "on";
  write_prompt();
  return true;
}

bool CliSession::set_severity(const Words& words) {
  Str form = words.size() > 2 ? Str(words[2]) : Str();
  if (form != "none" && form != "number" && form != "string") {
    fail("one of 'none', 'number', 'string' is a required argument\n");
    return true;
  }
  severity_ = form == "none" ? SeverityForm::none : form == "number" ? SeverityForm::number : SeverityForm::string;
  write_prompt();
  return true;
}

// Rights can only be given up; the modes need those of an administrator.
void CliSession::lower(Level level) {
  if (level_ < level) return fail(kDenied);
  level_ = level;
  expert_ = experimental_ = debug_ = false;
  write_prompt();
}

}  // namespace weir::master
