#pragma once
// HAProxy's map (lb_map): a table as long as the sum of the weights in which each server stands as often as its weight
// says, spread evenly. A hash modulo its size, or a counter, is a server.
#include <cstdint>
#include <vector>

#include "balance/lineup.h"

namespace weir::model {

class ServerMap {
 public:
  explicit ServerMap(const Pool& pool, bool all_backups);

  // Makes the table for the servers that serve now.
  void follow(const Lineup& lineup);
  uint64_t version() const { return version_; }
  bool empty() const { return slots_.empty(); }
  uint16_t at(uint32_t hash) const { return slots_[hash % slots_.size()]; }
  // The next server with a place, in the order of the table. `avoid` gets the turn when nobody else can take it.
  const Server* next(const Pool& pool, uint16_t avoid);

 private:
  void fill(Places places, uint32_t total);

  const bool all_backups_;
  uint32_t divisor_ = 1;  // of the weights in the file
  std::vector<uint16_t> slots_;
  uint64_t version_ = 0;
  size_t turn_ = 0;
};

}  // namespace weir::model
