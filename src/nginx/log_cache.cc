// See nginx/log_cache.h.
#include "nginx/log_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <list>

#include "base/fault.h"

namespace weir::nginx {
namespace {

struct Entry {
  const LogCache* cache;
  std::string path;
  int fd = -1;
  uint32_t uses = 0;
  uint64_t used_ms = 0;
  uint64_t opened_ms = 0;
};

// Least recently used last. Entries of all caches of the thread; a cache counts its own.
struct Entries {
  std::list<Entry> list;
  ~Entries() {
    for (Entry& e : list)
      if (e.fd >= 0) ::close(e.fd);
  }
  void drop(std::list<Entry>::iterator it) {
    if (it->fd >= 0) ::close(it->fd);
    list.erase(it);
  }
};
thread_local Entries t_entries;

int open_append(const std::string& path) {
  return fault::open(fault::Site::log_open_named, path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

void expire(const LogCache& cache, uint64_t now) {
  auto& list = t_entries.list;
  for (auto it = list.begin(); it != list.end();) {
    auto next = std::next(it);
    if (it->cache == &cache && it->used_ms + cache.inactive_ms < now) t_entries.drop(it);
    it = next;
  }
}

void make_room(const LogCache& cache) {
  auto& list = t_entries.list;
  auto mine = [&](const Entry& e) { return e.cache == &cache; };
  if (std::count_if(list.begin(), list.end(), mine) < cache.max) return;
  auto oldest = std::find_if(list.rbegin(), list.rend(), mine);
  t_entries.drop(std::prev(oldest.base()));
}

}  // namespace

OpenLog open_cached_log(const LogCache* cache, const std::string& path, uint64_t now) {
  if (!cache) return {open_append(path), true};
  auto& list = t_entries.list;
  expire(*cache, now);
  auto it = std::find_if(list.begin(), list.end(), [&](const Entry& e) { return e.cache == cache && e.path == path; });
  bool known = it != list.end();
  if (known && it->fd >= 0 && it->opened_ms + cache->valid_ms > now) {
    it->uses++;
    it->used_ms = now;
    list.splice(list.begin(), list, it);
    return {it->fd, false};
  }
  int fd = open_append(path);
  if (fd < 0) return {-1, false};
  if (!known) {
    make_room(*cache);
    list.push_front({cache, path, -1, 0, now, now});
    it = list.begin();
  }
  list.splice(list.begin(), list, it);
  it->uses++;
  it->used_ms = now;
  it->opened_ms = now;
  if (it->fd >= 0) ::close(it->fd);
  it->fd = it->uses >= cache->min_uses ? fd : -1;
  return {fd, it->fd < 0};
}

}  // namespace weir::nginx
