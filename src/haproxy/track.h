#pragma once
// Counting in stick tables: rules say which entries a connection or a request counts in (track-sc0, 1, 2 …), until it ends. Internal
// to the HAProxy personality.
#include <array>
#include <cstdint>
#include <memory>

#include "sticky/table.h"

namespace weir::sticky {
struct StickTable;
enum class Datum : uint8_t;
}  // namespace weir::sticky
namespace weir::proxy {
class Transaction;
}

namespace weir::haproxy {

struct Exchange;

// Entries by counter; a table that is null tracks nothing.
class Trackers {
 public:
  static constexpr int kMost = 100;  // counters, as many as tune.stick-counters may ask for
  struct One {
    const sticky::StickTable* table = nullptr;
    sticky::Table::Place place;
  };

  // What that counter tracks; null: nothing.
  const One* find(int64_t counter) const;
  One& slot(int counter);
  template <class F>
  void each(F&& use) {
    for (One& one : first_)
      if (one.table) use(one);
    if (!further_) return;
    for (One& one : *further_)
      if (one.table) use(one);
  }

 private:
  static constexpr int kUsual = 3;
  One first_[kUsual];
  std::unique_ptr<std::array<One, kMost - kUsual>> further_;  // once one of them is used
};

// Tracks the key's entry, which is made when it is not there, and counts a connection; nothing when the counter is in use or the
// table is full.
void track(Trackers& trackers, int counter, const sticky::StickTable& table, Str key);
// The entries go on without these. What was tracked may be tracked anew.
void end_tracking(Trackers& trackers);
// Counts events where the entry, or the entries, store them.
void count(Trackers::One& one, sticky::Datum total, sticky::Datum rate, uint32_t n = 1);
void count(Trackers& trackers, sticky::Datum total, sticky::Datum rate, uint32_t n = 1);

// A request of a connection whose rules track has come.
void count_request(proxy::Transaction& txn);
// An exchange is over: what it moved, how it ended, and no more of it.
void finish_tracking(proxy::Transaction& txn, Exchange& x);
// The entry of that counter: the exchange's, or its connection's. Null: there is none.
const Trackers::One* tracked(proxy::Transaction& txn, int64_t counter);

}  // namespace weir::haproxy
