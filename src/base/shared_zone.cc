// See base/shared_zone.h.
#include "base/shared_zone.h"

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

SharedZone* find(Str name, uint64_t layout, size_t size) {
  for (auto& z : zones())
    if (z->name == name && z->layout == layout && z->size == size) return z.get();
  return nullptr;
}

SharedZone* map(Str name, uint64_t layout, size_t size, int fd) {
  void* p = fault::mmap(fault::Site::zone_map, nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) return nullptr;
  auto zone = std::make_unique<SharedZone>(SharedZone{std::string(name), layout, size, fd, static_cast<char*>(p)});
  zones().push_back(std::move(zone));
  return zones().back().get();
}

}  // namespace

SharedZone* SharedZone::open(Str name, uint64_t layout, size_t size) {
  std::lock_guard lock(g_lock);
  if (SharedZone* z = find(name, layout, size)) return z;
  int fd = fault::memfd_create(fault::Site::zone_create, std::string(name).c_str(), MFD_CLOEXEC);
  if (fd < 0) return nullptr;
  SharedZone* z = ftruncate(fd, static_cast<off_t>(size)) == 0 ? map(name, layout, size, fd) : nullptr;
  if (!z) close(fd);
  return z;
}

bool SharedZone::adopt(Str name, uint64_t layout, size_t size, int fd) {
  std::lock_guard lock(g_lock);
  return !find(name, layout, size) && map(name, layout, size, fd);
}

void SharedZone::each(void (*visit)(const SharedZone& zone, void* data), void* data) {
  std::lock_guard lock(g_lock);
  for (auto& z : zones()) visit(*z, data);
}

}  // namespace weir
