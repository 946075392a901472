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

  // Brings it to who serves now. A server that goes, or loses weight, leaves its places on the ring, where they are passed
  // until it is back. New places are made without the lock, which the caller holds, while others can do with those that there
  // are.
  void follow(PickLock& lock, const Lineup& lineup);
  void grow(size_t slots) { shares_.resize(slots); }
  uint64_t version() const { return version_; }
  bool empty() const { return live_ == 0; }
  // The server of the hash, or the next one on the ring that the rules let have the request. `avoid` gets it when nobody
  // else can.
  const Server* at(const Pool& pool, uint32_t hash, uint16_t avoid) const;
  // The next server with a place around the ring.
  const Server* next(const Pool& pool, uint16_t avoid);

 private:
  struct Node {
    uint32_t key;
    uint16_t slot;
    uint16_t number;  // among those of its server
  };
  struct Share {
    uint32_t weight = 0;  // scaled; 0: it does not serve
    uint32_t before = 0;  // the sum of those in front of it in the configuration
    uint32_t key = 0;  // where its places come from
    uint32_t placed = 0;  // nodes that there are of it
    uint32_t placed_key = 0;  // and what these come from
    uint32_t live = 0;  // those below this number count
  };
  // What is to become of a slot's nodes: how many of them stay, how many there are to be.
  struct Change {
    uint32_t key = 0;
    uint32_t kept = 0;
    uint32_t placed = 0;
  };
  using Plan = std::vector<Change>;

  void weigh(const Lineup& lineup);
  void count_live();
  // Whether nobody waits for nodes, and those that do not count are not so many that passing them takes long.
  bool is_good() const { return !lacks_ && (nodes_.size() / kSparse <= live_ || !live_); }
  Plan plan() const;
  static void sort(std::vector<Node>& nodes);
  std::vector<Node> made(const Plan& plan) const;
  void exchange(std::vector<Node> nodes, const Plan& plan);

  // How many requests there may be on all servers under hash-balance-factor; 0: no limit.
  uint64_t slots_for_all(const Pool& pool) const;
  bool eligible(const Server& s, uint64_t slots) const;
  bool is_live(const Node& n) const { return n.number < shares_[n.slot].live; }
  size_t behind(size_t at) const { return at + 1 < nodes_.size() ? at + 1 : 0; }
  size_t before(size_t at) const { return (at ? at : nodes_.size()) - 1; }
  size_t nearest(uint32_t hash) const;

  static constexpr size_t kSparse = 16;
  const RingRules rules_;
  std::vector<Node> nodes_;  // by key, the first that came first among equals
  std::vector<Share> shares_;  // by slot
  uint32_t total_ = 0;  // of the weights
  uint32_t live_ = 0;  // nodes that count
  bool lacks_ = false;  // some server has less of them than it should
  bool making_ = false;  // somebody makes nodes
  size_t turn_ = SIZE_MAX;  // the node that next() gave last
  uint64_t version_ = 0;
};

}  // namespace weir::model
