// See master/startup_log.h.
#include "master/startup_log.h"

#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>

namespace weir::master {
namespace {
constexpr size_t kRoom = 65536;
}  // namespace

// Room is taken before it is filled, so that two processes that speak at once do not write over each other.
struct StartupLog::Shared {
  std::atomic<size_t> used;
  char text[kRoom - sizeof(std::atomic<size_t>)];
};

StartupLog::~StartupLog() {
  release();
}

void StartupLog::release() {
  if (shared_) munmap(shared_, sizeof(Shared));
  shared_ = nullptr;
}

void StartupLog::begin() {
  release();
  kept_.clear();
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared_ = memory == MAP_FAILED ? nullptr : static_cast<Shared*>(memory);
}

void StartupLog::add(Str line) {
  if (!shared_) return;
  size_t at = shared_->used.fetch_add(line.size());
  if (at + line.size() <= sizeof shared_->text) memcpy(shared_->text + at, line.data(), line.size());
}

void StartupLog::end() {
  if (!shared_) return;
  kept_ = text();
  release();
}

std::string StartupLog::text() const {
  if (!shared_) return kept_;
  size_t used = std::min(shared_->used.load(), sizeof shared_->text);
  return {shared_->text, strnlen(shared_->text, used)};
}

}  // namespace weir::master
