#pragma once
// How many of something there are now, over all workers that share the memory. Each worker counts in a cell of its own, so
// that what one held that was killed is taken back by clearing its cell.
#include <algorithm>
#include <atomic>
#include <cstdint>

namespace weir {

// Workers that may live at once: one that serves and those that drain.
inline constexpr int kWorkerSlots = 32;
// Nobody has a slot from here on. They are given out from the lowest, so few cells have to be looked at.
inline std::atomic<int32_t> g_all_slots{kWorkerSlots};
inline const std::atomic<int32_t>* g_slots_end = &g_all_slots;
// Which cells are this process's. Chosen by its master before anything is counted; 0 where there is none.
inline int g_worker_slot = 0;

class Gauge {
 public:
  void add() { cells_[g_worker_slot].fetch_add(1); }
  // One more; how many they are with it.
  int32_t up() {
    add();
    return read();
  }
  void down() { cells_[g_worker_slot].fetch_sub(1); }
  int32_t read() const {
    int32_t sum = cells_[0].load() + cells_[1].load();
    const int32_t end = std::max(g_slots_end->load(std::memory_order_relaxed), g_worker_slot + 1);
    for (int32_t i = 2; i < end; i++) sum += cells_[i].load();  // seldom: one worker serves while another drains
    return sum;
  }
  int32_t own() const { return cells_[g_worker_slot].load(); }
  int32_t of_others() const { return read() - cells_[g_worker_slot].load(); }
  void forget(int slot) { cells_[slot].store(0); }

 private:
  std::atomic<int32_t> cells_[kWorkerSlots]{};
};

}  // namespace weir
