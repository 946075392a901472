#pragma once
// What stands for a server in cookies, routes and sessions: its route, or the MD5 of its address.
#include <atomic>
#include <deque>
#include <map>
#include <mutex>

#include "model/model.h"

namespace weir::nginx {

inline constexpr size_t kSidSize = 32;  // the longest one: an MD5 in hexadecimal, or a route

class StickyIds {
 public:
  // Of the pool's servers in turn, while the configuration is read. An empty text: the server's goes with its address.
  void add(Str id) { all_.emplace_back(id); }
  static Str of_text(Arena& arena, Str text);

  // Good until the configuration goes. What goes with an address is made once for each; the address itself is not compared, as
  // none is freed while the configuration serves.
  Str of(const model::Server& server) {
    Id& id = all_[server.slot];
    if (!id.fixed.empty()) return id.fixed;
    const net::Addr* addr = &server.address();
    const Made* made = id.latest.load(std::memory_order_acquire);
    if (!made || made->addr != addr) made = make(id, *addr);
    return {made->text, kSidSize};
  }

 private:
  struct Made {
    const net::Addr* addr = nullptr;
    char text[kSidSize];
  };
  struct Id {
    explicit Id(Str fixed) : fixed(fixed) {}
    const Str fixed;
    std::atomic<const Made*> latest{nullptr};
  };
  const Made* make(Id& id, const net::Addr& addr);

  std::deque<Id> all_;  // by slot
  std::mutex lock_;
  std::map<const net::Addr*, Made> made_;  // guarded by it
};

}  // namespace weir::nginx
