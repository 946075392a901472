// See base/message_ring.h.
#include "base/message_ring.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace weir {
namespace {
constexpr size_t kOverhead = 8;  // of each message
}

MessageRing::~MessageRing() {
  if (file_) munmap(file_, size_);
}

bool MessageRing::make_room(size_t bytes) {
  if (bytes > size_) return false;
  Position kept = first_ + messages_.size();
  for (const Reader& r : readers_) kept = std::min(kept, *r.at);
  while (bytes_ + bytes > size_) {
    if (first_ >= kept) return false;
    bytes_ -= messages_.front().size() + kOverhead;
    messages_.pop_front();
    first_++;
  }
  return true;
}

bool MessageRing::write(Str message) {
  std::lock_guard hold(lock_);
  if (!make_room(message.size() + kOverhead)) {
    dropped_++;
    return false;
  }
  messages_.emplace_back(message);
  bytes_ += message.size() + kOverhead;
  if (file_) copy_to_file(message);
  for (const Reader& r : readers_)
    if (r.wake) r.wake();
  return true;
}

uint64_t MessageRing::dropped() const {
  std::lock_guard hold(lock_);
  return dropped_;
}

uint64_t MessageRing::take_dropped() {
  std::lock_guard hold(lock_);
  return std::exchange(dropped_, 0);
}

void MessageRing::count_dropped(uint64_t n) {
  std::lock_guard hold(lock_);
  dropped_ += n;
}

MessageRing::Position MessageRing::oldest() const {
  std::lock_guard hold(lock_);
  return first_;
}

MessageRing::Position MessageRing::newest() const {
  std::lock_guard hold(lock_);
  return first_ + messages_.size();
}

bool MessageRing::read_locked(Position& at, std::string& out) const {
  at = std::max(at, first_);
  if (at >= first_ + messages_.size()) return false;
  out = messages_[at - first_];
  at++;
  return true;
}

bool MessageRing::read(Position& at, std::string& out) const {
  std::lock_guard hold(lock_);
  return read_locked(at, out);
}

bool MessageRing::take(Position& at, std::string& out) {
  std::lock_guard hold(lock_);
  return read_locked(at, out);
}

void MessageRing::attach(const Position* at, std::function<void()> wake) {
  std::lock_guard hold(lock_);
  readers_.push_back({at, std::move(wake)});
}

void MessageRing::detach(const Position* at) {
  std::lock_guard hold(lock_);
  std::erase_if(readers_, [&](const Reader& r) { return r.at == at; });
}

bool MessageRing::back_by(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) == 0 && st.st_size > 0) rename(path.c_str(), (path + ".bak").c_str());
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  void* at = MAP_FAILED;
  if (ftruncate(fd, static_cast<off_t>(size_)) == 0)
    at = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  int error = errno;
  close(fd);
  errno = error;
  if (at == MAP_FAILED) return false;
  std::lock_guard hold(lock_);
  file_ = static_cast<char*>(at);
  for (const std::string& m : messages_) copy_to_file(m);
  return true;
}

// Around the end; each message ends in a line feed.
void MessageRing::copy_to_file(Str message) {
  auto put = [&](Str bytes) {
    while (!bytes.empty()) {
      size_t n = std::min(bytes.size(), size_ - file_at_);
      memcpy(file_ + file_at_, bytes.data(), n);
      file_at_ = (file_at_ + n) % size_;
      bytes.remove_prefix(n);
    }
  };
  put(message);
  put("\n");
}

}  // namespace weir
