// See master/replacement.h. Methods of master/master.h.
#include "master/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "base/shared_zone.h"
#include "master/archive.h"
#include "master/master.h"
#include "master/program.h"
#include "master/worker.h"
#include "tools/version.h"

namespace weir::master {

namespace {

constexpr const char* kVariable = "WEIR_TESTAMENT";
// Of the fields and of what they mean: to be raised when the same sorts of values mean something else.
constexpr Str kFormat = "weir testament 1\n";
// So long a new program may try, in seconds. An alarm outlives an exec.
constexpr unsigned kTrial = 60;
// As a shell has them.
constexpr int kNotExecutable = 126, kNotFound = 127;

int memory(const char* name, Str text) {
  int fd = memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return -1;
  while (!text.empty()) {
    ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      close(fd);
      return -1;
    }
    text.remove_prefix(static_cast<size_t>(n));
  }
  return fd;
}

std::string contents(int fd) {
  std::string out;
  char buffer[16384];
  for (ssize_t n; (n = pread(fd, buffer, sizeof buffer, static_cast<off_t>(out.size()))) > 0;)
    out.append(buffer, static_cast<size_t>(n));
  return out;
}

void keep_on_exec(const std::vector<int>& fds, bool keep) {
  for (int fd : fds) fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

std::string how_it_went(int status) {
  if (WIFSIGNALED(status)) return fmt::format("ended on signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  switch (WEXITSTATUS(status)) {
    case 0: return "is none that could go on in this process, start it anew";
    case kNotExecutable:
    case kNotFound: return "cannot be executed";
    default: return fmt::format("refuses the configuration or cannot go on here (exit code {})", WEXITSTATUS(status));
  }
}

// What follows the format and the process id of the master whose testament it is, which has to be `of`.
std::optional<Str> body(const std::string& testament, pid_t of) {
  std::string head = fmt::format("{}{}\n", kFormat, of);
  if (!testament.starts_with(head)) return std::nullopt;
  return Str(testament).substr(head.size());
}

}  // namespace

template <class Archive>
void Master::fields(Archive& a, Estate& estate) {
  auto child = [&](Child& c) {
    a.descriptor(c.channel);
    a.descriptor(c.standbys.first.channel);
    a.descriptor(c.standbys.spare.channel);
    a(c.standbys.first.pid, c.standbys.spare.pid);
    a(c.pid, c.slot, c.ready, c.leaving, c.ending, c.reloads, c.keys, c.logs, c.zones, c.user);
  };
  a.each(children_, child);
  child(dead_);
  struct Socket {
    std::string key;
    Kept kept;
  };
  std::vector<Socket> sockets;
  for (auto& [key, kept] : sockets_) sockets.push_back({key, kept});
  a.each(sockets, [&](Socket& s) {
    a.descriptor(s.kept.fd);
    a(s.key, s.kept.path);
  });
  for (Socket& s : sockets) sockets_[s.key] = s.kept;
  a.each(estate.zones, [&](Estate::Zone& z) {
    a.descriptor(z.fd);
    a(z.name, z.layout, z.size);
  });
  a(estate.said, pid_file_, exit_code_, cut_old_, back_off_ms_);
  bool command_line = cli_ != nullptr;
  a(command_line);
  if (command_line && !cli_) open_command_line({});
  if (cli_) cli_->fields(a);
}

// --- the old program ---

// Starts the new program to try. Its answer is its exit code, in `rehearsed`.
void Master::rehearse() {
  Estate estate;
  Writer writer;
  fields(writer, estate);
  int testament = memory("testament", fmt::format("{}{}\n{}", kFormat, getpid(), writer.text()));
  rehearsal_words_ = memory("words", {});
  if (testament >= 0 && rehearsal_words_ >= 0) rehearsal_ = fork();
  if (rehearsal_ == 0) {
    unblock_signals();
    signal(SIGPIPE, SIG_DFL);
    signal(SIGALRM, SIG_DFL);
    alarm(kTrial);
    setrlimit(RLIMIT_NOFILE, &descriptors_);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(rehearsal_words_, STDERR_FILENO);
    keep_on_exec({testament}, true);
    job_.program->set(kVariable, std::to_string(testament));
    job_.program->execute(true);
    fmt::print(stderr, "{}: {}\n", job_.program->path(), strerror(errno));
    _exit(kNotExecutable);
  }
  if (testament >= 0) close(testament);
  if (rehearsal_ > 0) return voice_.say(Level::notice, "trying the new program " + job_.program->path());
  rehearsal_ = -1;
  std::string why = fmt::format("the new program cannot be tried ({}: {})", errno, strerror(errno));
  if (rehearsal_words_ >= 0) close(rehearsal_words_);
  rehearsal_words_ = -1;
  reload_failed(why);
}

void Master::rehearsed() {
  rehearsal_ = -1;
  std::string words = contents(rehearsal_words_);
  close(rehearsal_words_);
  rehearsal_words_ = -1;
  if (stopping_) return;
  if (WIFEXITED(rehearsal_status_) && WEXITSTATUS(rehearsal_status_) == kCouldGoOn) {
    // A worker died meanwhile, and what takes its place talks to this program: afterwards all begins anew.
    reload_wanted_ = starting();
    if (!reload_wanted_) give_way();
    return;
  }
  voice_.pass_on(words);
  reload_failed(fmt::format("the new program {} {}", job_.program->path(), how_it_went(rehearsal_status_)));
  if (cli_) cli_->reload_failed();
}

// Executes the new program. Comes back when the kernel does not want to.
void Master::give_way() {
  voice_.say(Level::notice, "executing the new program");
  Estate estate;
  estate.said = voice_.startup_log.text();
  SharedZone::each(
      [&](const SharedZone& zone) { estate.zones.push_back({zone.name, zone.layout, zone.size, zone.fd}); });
  Writer writer;
  fields(writer, estate);
  int testament = memory("testament", fmt::format("{}{}\n{}", kFormat, getpid(), writer.text()));
  int error = errno;
  if (testament >= 0) {
    std::vector<int> kept = writer.descriptors();
    kept.push_back(testament);
    keep_on_exec(kept, true);
    rlimit own{};
    getrlimit(RLIMIT_NOFILE, &own);
    setrlimit(RLIMIT_NOFILE, &descriptors_);
    job_.program->set(kVariable, std::to_string(testament));
    job_.program->execute(false);
    error = errno;
    setrlimit(RLIMIT_NOFILE, &own);
    keep_on_exec(kept, false);
    close(testament);
  }
  reload_failed(fmt::format("the new program cannot be executed ({}: {})", error, strerror(error)));
  if (cli_) cli_->reload_failed();
}

// --- the new program ---

bool Master::restore(Str testament) {
  Reader reader(testament);
  fields(reader, estate_);
  estate_.descriptors = reader.descriptors();
  return reader.complete();
}

int Master::resume() {
  prepare();
  keep_on_exec(estate_.descriptors, false);
  for (const Estate::Zone& z : estate_.zones)
    if (!SharedZone::adopt(z.name, z.layout, z.size, z.fd)) close(z.fd);
  voice_.startup_log.add(estate_.said);
  estate_ = {};
  served_ = true;
  voice_.say(Level::notice, fmt::format("weir {} goes on in this process", kVersion));
  spawn(nullptr);
  return supervise();
}

std::string take_testament() {
  const char* value = getenv(kVariable);
  auto fd = value ? parse_u64(value) : std::nullopt;
  unsetenv(kVariable);
  struct stat st{};
  if (!fd || *fd > INT32_MAX || fstat(static_cast<int>(*fd), &st) != 0 || !S_ISREG(st.st_mode)) return {};
  std::string text = contents(static_cast<int>(*fd));
  close(static_cast<int>(*fd));
  return text;
}

void say_whether_it_could(Job& job, const std::string& testament) {
  Daemon daemon;
  Master master(job, daemon);
  auto text = body(testament, getppid());
  bool could = text && master.restore(*text);
  if (!could) job.voice->say(Level::alert, "this program does not understand what the one that runs would leave to it");
  _exit(could ? kCouldGoOn : 1);  // what the Master has here are only the numbers of descriptors
}

int go_on(Job& job, const std::string& testament) {
  Daemon daemon;
  Master master(job, daemon);
  auto text = body(testament, getpid());
  if (text && master.restore(*text)) return master.resume();
  return -1;
}

}  // namespace weir::master
