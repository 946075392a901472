// See base/shared_zone.h.
#include "base/shared_zone.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <vector>

#include "base/fault.h"

namespace weir {
namespace {

std::mutex g_lock;
std::vector<std::unique_ptr<SharedZone>>& zones() {
  static std::vector<std::unique_ptr<SharedZone>> list;
  return list;
}

SharedZone* known(Str name, uint64_t layout, size_t size) {
  for (auto& z : zones())
    if (z->name == name && z->layout == layout && z->size == size) return z.get();
  return nullptr;
}

SharedZone* use(SharedZone* z) {
  if (z) z->used = true;
  return z;
}

SharedZone* map(Str name, uint64_t layout, size_t size, int fd) {
  void* p = fault::mmap(fault::Site::zone_map, nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) return nullptr;
  auto& zone = zones().emplace_back(std::make_unique<SharedZone>());
  zone->name = std::string(name);
  zone->layout = layout;
  zone->size = size;
  zone->fd = fd;
  zone->data = static_cast<char*>(p);
  return zone.get();
}

}  // namespace

SharedZone* SharedZone::open(Str name, uint64_t layout, size_t size) {
  std::lock_guard lock(g_lock);
  if (SharedZone* z = known(name, layout, size)) return use(z);
  int fd = fault::memfd_create(fault::Site::zone_create, std::string(name).c_str(), MFD_CLOEXEC);
  if (fd < 0) return nullptr;
  SharedZone* z = ftruncate(fd, static_cast<off_t>(size)) == 0 ? map(name, layout, size, fd) : nullptr;
  if (!z) close(fd);
  return use(z);
}

SharedZone* SharedZone::find(Str name, uint64_t layout, size_t size) {
  std::lock_guard lock(g_lock);
  return use(known(name, layout, size));
}

bool SharedZone::adopt(Str name, uint64_t layout, size_t size, int fd) {
  std::lock_guard lock(g_lock);
  return !known(name, layout, size) && map(name, layout, size, fd);
}

void SharedZone::each(const std::function<void(SharedZone&)>& visit) {
  std::lock_guard lock(g_lock);
  for (auto& z : zones()) visit(*z);
}

void SharedZone::forget_use() {
  std::lock_guard lock(g_lock);
  for (auto& z : zones()) {
    z->used = false;
    z->inherited = true;
  }
}

void SharedZone::drop(const std::function<bool(const SharedZone&)>& unused) {
  std::lock_guard lock(g_lock);
  std::erase_if(zones(), [&](const std::unique_ptr<SharedZone>& z) {
    if (!unused(*z)) return false;
    munmap(z->data, z->size);
    close(z->fd);
    return true;
  });
}

std::string SharedZone::key() const {
  return fmt::format("{} {} {}", name, layout, size);
}

}  // namespace weir
