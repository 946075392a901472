#pragma once
// HAProxy's consistent hash (lb_chash): each server stands on a ring of 32 bits sixteen times for each unit of its weight, at
// places that its number or address decides. A hash belongs to the nearest place.
#include <cstdint>
#include <vector>

#include "balance/lineup.h"
#include "balance/methods.h"

namespace weir::model {

class Ring {
 public:
  Ring(const Pool& pool, RingRules rules) : rules_(rules), shares_(pool.servers.size()) {}

  // Puts the servers that serve now on it and takes the others off. Who stays keeps its places.
  void follow(const Lineup& lineup);
  void grow(size_t slots) { shares_.resize(slots); }
  uint64_t version() const { return version_; }
  bool empty() const { return nodes_.empty(); }
  // The server of the hash, or the next one on the ring that the rules let have the request. `avoid` gets it when nobody
  // else can.
  const Server* at(const Pool& pool, uint32_t hash, uint16_t avoid) const;
  // The next server with a place around the ring.
  const Server* next(const Pool& pool, uint16_t avoid);

 private:
  struct Node {
    uint32_t key;
    uint16_t slot;
  };
  struct Share {
    uint32_t weight = 0;  // scaled; 0: not on the ring
    uint32_t before = 0;  // the sum of those in front of it in the configuration
    uint32_t key = 0;  // where its places come from
  };
  // How many requests there may be on all servers under hash-balance-factor; 0: no limit.
  uint64_t slots_for_all(const Pool& pool) const;
  bool eligible(const Server& s, uint64_t slots) const;
  size_t nearest(uint32_t hash) const;

  const RingRules rules_;
  std::vector<Node> nodes_;  // by key, the first that came first among equals
  std::vector<Share> shares_;  // by slot
  uint32_t total_ = 0;  // of the weights
  size_t turn_ = SIZE_MAX;  // the node that next() gave last
  uint64_t version_ = 0;
};

}  // namespace weir::model
