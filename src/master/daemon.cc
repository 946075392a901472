// See master/daemon.h.
#include "master/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"

namespace weir::master {

bool Daemon::detach() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  pid_t child = fork();
  if (child < 0) return false;
  if (child > 0) {
    close(ends[1]);
    char byte;
    ssize_t n;
    do n = read(ends[0], &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1) _exit(0);
    int status = 0;
    waitpid(child, &status, 0);
    _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
  }
  close(ends[0]);
  pipe_ = ends[1];
  detached_ = true;
  setsid();
  return true;
}

void Daemon::ready(bool close_output) {
  if (pipe_ < 0) return;
  give_up_output(close_output);
  char byte = 1;
  if (write(pipe_, &byte, 1) != 1) return;  // nobody waits any more
  close(pipe_);
  pipe_ = -1;
}

void Daemon::let_go(bool close_output) {
  if (pipe_ < 0) return;
  give_up_output(close_output);
  close(pipe_);
  pipe_ = -1;
}

void give_up_output(bool errors) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  if (errors) dup2(null, STDERR_FILENO);
  close(null);
}

bool write_pid_file(const std::string& path) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  std::string text = std::to_string(getpid()) + "\n";
  bool good = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return good;
}

pid_t read_pid_file(const std::string& path) {
  char text[32];
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
  if (fd >= 0) close(fd);
  if (n <= 0) return -1;
  Str number(text, static_cast<size_t>(n));
  while (!number.empty() && (number.back() == '\n' || number.back() == ' ')) number.remove_suffix(1);
  auto pid = parse_u64(number);
  return pid ? static_cast<pid_t>(*pid) : -1;
}

}  // namespace weir::master
