// Keeping a request body before a server is chosen: in the transaction's arena up to a limit, then in an unlinked
// temporary file. Writes go to the page cache from the loop, as nginx's do by default (aio_write off).
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "base/fault.h"
#include "proxy/transaction.h"

namespace weir::proxy {

bool write_all(int fd, Str data, uint64_t at) {
  while (!data.empty()) {
    ssize_t n = fault::pwrite(fault::Site::temp_write, fd, data.data(), data.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = ENOSPC;
    if (n <= 0) return false;
    at += static_cast<uint64_t>(n);
    data.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

int open_temp_file(Str dir) {
  std::string where(dir.empty() ? Str{"/tmp"} : dir);
  int fd = fault::open(fault::Site::temp_open, where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) return fd;
  std::string name = where + "/weir-XXXXXX";
  fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd >= 0) ::unlink(name.c_str());
  return fd;
}

BodyCollector::~BodyCollector() {
  if (fd >= 0) ::close(fd);
}

bool BodyCollector::reserve(uint64_t wanted) {
  auto* bigger = static_cast<char*>(arena->try_alloc(wanted, 1));
  if (!bigger) {
    error = errno = ENOMEM;
    return false;
  }
  if (size) memcpy(bigger, memory, size);
  memory = bigger;
  capacity = static_cast<uint32_t>(wanted);
  return true;
}

bool BodyCollector::add(Str data) {
  if (fd >= 0) {
    if (!write_all(fd, data, size)) return false;
    size += data.size();
    return true;
  }
  if (size + data.size() > limit && to_file) {
    fd = open_temp_file(dir);
    if (fd < 0 || !write_all(fd, {memory, static_cast<size_t>(size)}, 0) || !write_all(fd, data, size)) return false;
    size += data.size();
    return true;
  }
  if (size + data.size() > capacity && !reserve(std::max<uint64_t>(size + data.size(), capacity * 2ull))) return false;
  size += data.copy(memory + size, data.size());
  return true;
}

}  // namespace weir::proxy
