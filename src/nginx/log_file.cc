// See nginx/log_file.h.
#include "nginx/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "nginx/error_log.h"

#include "base/fault.h"

namespace weir::nginx {
namespace {

struct Files {
  std::mutex lock;
  std::deque<LogFile> all;
  std::unordered_map<Str, LogFile*> by_path;
};
Files& files() {
  static auto* instance = new Files;  // outlives every thread that may still log
  return *instance;
}

int open_append(const std::string& path) {
  return fault::open(fault::Site::log_open, path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

}  // namespace

LogFile* open_log(const std::string& path, bool dry, int& error) {
  Files& f = files();
  std::lock_guard guard(f.lock);
  error = 0;
  auto known = f.by_path.find(path);
  LogFile* file = known != f.by_path.end() ? known->second : &f.all.emplace_back();
  if (known == f.by_path.end()) {
    file->path = path;
    file->index = f.all.size() - 1;
    f.by_path.emplace(file->path, file);
  }
  if (file->fd < 0 && !dry) {
    file->fd = path.empty() ? STDERR_FILENO : open_append(path);
    if (file->fd < 0) error = errno;
  }
  return file;
}

LogFile* stderr_log() {
  int error = 0;
  return open_log({}, false, error);
}

bool logs_stay_closed(const model::LoadOptions& options) {
  return options.offline || options.opens_nothing || (options.check_only && options.face != config::Dialect::nginx);
}

std::vector<std::string> log_paths() {
  Files& f = files();
  std::lock_guard guard(f.lock);
  std::vector<std::string> out;
  for (const LogFile& file : f.all)
    if (file.fd >= 0 && !file.path.empty()) out.push_back(file.path);
  return out;
}

void close_logs() {
  Files& f = files();
  std::lock_guard guard(f.lock);
  int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);  // each keeps its number
  for (const LogFile& file : f.all)
    if (null >= 0 && file.fd >= 0 && !file.path.empty()) ::dup3(null, file.fd, O_CLOEXEC);
  if (null >= 0) ::close(null);
}

void reopen_logs() {
  std::vector<std::pair<std::string, int>> failed;
  {
    Files& f = files();
    std::lock_guard guard(f.lock);
    for (LogFile& file : f.all) {
      if (file.fd < 0 || file.path.empty()) continue;
      int fresh = open_append(file.path);
      if (fresh < 0) {
        failed.emplace_back(file.path, errno);
        continue;
      }
      ::dup3(fresh, file.fd, O_CLOEXEC);
      ::close(fresh);
    }
  }
  for (const auto& [path, error] : failed)
    log_error(nullptr, LogLevel::emerg, error, fmt::format("open() \"{}\" failed", path));
}

void write_log(const LogFile& file, Str lines) {
  while (!lines.empty() && file.fd >= 0) {
    ssize_t n = fault::write(fault::Site::log_write, file.fd, lines.data(), lines.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    lines.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace weir::nginx
