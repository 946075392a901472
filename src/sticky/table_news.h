#pragma once
// Which entries of a table changed, for the worker that tells peers: a ring in a shared zone that all shards of all workers write
// and one worker reads, with a place of its own for each peer. An entry is noted once until somebody has read that; a reader that
// falls behind by more than the ring holds is told so, and looks at the whole table instead.
#include <atomic>
#include <cstdint>

#include "base/shared_zone.h"

namespace weir::sticky {

class TableNews {
 public:
  // Whoever wants to know at once that there is something to read.
  class Listener {
   public:
    virtual void news() = 0;  // on the thread of whoever changed the entry, under its lock

   protected:
    ~Listener() = default;
  };

  // A view of the news of the named table, made when there is none. False with errno.
  bool open(Str name, uint64_t layout, uint32_t entries);
  bool is_open() const { return zone_ != nullptr; }
  // The entry of that number has changed. Under its lock.
  void changed(uint32_t entry);
  // Of this process's changes. Null: nobody is listening any more.
  void listen(Listener* listener) { listener_.store(listener); }
  // There may be more from here on: the listener is told again.
  void rearm() { told_.store(false); }

  // --- for the reader ---
  // The number of the latest change; 0: there was none.
  uint32_t head() const;
  enum class Next : uint8_t { entry, none, unfinished, lost };
  // The change behind `at`, which moves there. `unfinished`: its writer is about to say which entry it is; if it has died, the
  // reader moves on by itself.
  Next next(uint32_t& at, uint32_t& entry);
  // All changes until now need not be read one by one: the number of the latest.
  uint32_t skip();
  // Another table of that name, at another time, has another one.
  uint32_t life() const;
  // Whether what peers knew was learned since the table began.
  bool learned() const;
  void set_learned();

 private:
  struct Header;
  static uint32_t ring_size(uint32_t entries);
  Header& header() const;
  void read_until(uint32_t number);
  std::atomic<uint64_t>& slot(uint32_t number) const;
  std::atomic<uint32_t>& noted(uint32_t entry) const;

  SharedZone* zone_ = nullptr;
  uint32_t ring_ = 0;  // slots, a power of two
  std::atomic<Listener*> listener_{nullptr};
  std::atomic<bool> told_{false};
};

}  // namespace weir::sticky
