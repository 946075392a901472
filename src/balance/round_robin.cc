// HAProxy's `balance roundrobin`, in the same order as there (lb_fwrr): servers wait in a tree by the position of their next
// turn on a line as long as the sum of weights. Those whose turn lies behind its end, or that have not had one, wait in two
// others, heaviest first, which change roles at the end. Weights may change while it runs. Backup servers serve when no
// other is usable: the first usable one, or all with `option allbackups`.
#include "balance/heap.h"
#include "balance/lineup.h"
#include "net/loop.h"

namespace weir::model {
namespace {

constexpr uint32_t kScale = kShares;
constexpr uint32_t kRange = 256;
constexpr uint32_t kMost = kRange * kScale;

enum Tree : uint8_t { kFirst, kSecond, kCurrent, kNowhere };  // the first two change roles

struct Turn {
  uint32_t next = 0;  // position of the next turn, of the last one, and the fraction that was left out of it
  uint32_t last = 0;
  uint32_t rest = 0;
  uint32_t weight = 0;  // scaled; 0: not in
  Tree tree = kNowhere;
};

struct Group {
  SlotHeap trees[3];
  Tree fresh = kFirst;  // of those that have had no turn
  uint32_t weight = 0;  // of the running line
  uint32_t position = 0;
  uint32_t next_weight = 0;
  Tree later() const { return fresh == kFirst ? kSecond : kFirst; }
};

class RoundRobin final : public Balancer {
 public:
  RoundRobin(const Pool& pool, bool all_backups) : turns_(pool.servers.size()), all_backups_(all_backups) {
    for (Group& g : groups_)
      for (auto& tree : g.trees) tree.reset(pool.servers.size());
  }
  Str name() const override { return "roundrobin"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    if (pool.servers.size() == 1) return lone(pool, now);
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (l.version != version_) follow(pool, l);
    if (!l.active.empty()) return take(pool, groups_[0], tried.last);
    if (l.backup.empty()) return nullptr;
    if (all_backups_) return take(pool, groups_[1], tried.last);
    const Server* only = l.backup[0].server;
    return at_limit(*only) ? nullptr : only;
  }

  void grow(size_t slots) override {
    turns_.resize(slots);
    for (Group& g : groups_)
      for (auto& tree : g.trees) tree.grow(slots);
  }

 private:
  static const Server* lone(const Pool& pool, uint64_t now) {
    const Server* s = pool.servers[0];
    return s->state->weight.load(std::memory_order_relaxed) > 0 && usable(*s, now) ? s : nullptr;
  }
  Group& group_of(const Server& s) { return groups_[s.backup]; }

  // Where it is not there already, it has left its tree, or leaves it now.
  void put(Group& g, uint16_t slot, Tree tree, uint32_t key) {
    if (turns_[slot].tree != tree) take_out(g, slot);
    g.trees[tree].set(slot, ranked(key, ++order_));
    turns_[slot].tree = tree;
  }
  void put_by_weight(Group& g, uint16_t slot, Tree tree) { put(g, slot, tree, kMost - turns_[slot].weight); }
  void take_out(Group& g, uint16_t slot) {
    if (turns_[slot].tree != kNowhere) g.trees[turns_[slot].tree].remove(slot);
    turns_[slot].tree = kNowhere;
  }

  // Where its next turn is: on the running line, or later.
  void put_by_turn(Group& g, uint16_t slot) {
    Turn& t = turns_[slot];
    if (t.next >= 2 * g.weight || t.next >= g.weight + g.next_weight) {
      t.next -= g.weight;
      return put_by_weight(g, slot, g.later());
    }
    put(g, slot, kCurrent, kRange * t.next + (kMost + t.rest - t.weight) / kScale);
  }

  void set_weight(const Server& s, uint32_t weight, bool first_time) {
    Group& g = group_of(s);
    Turn& t = turns_[s.slot];
    if (t.weight == weight) return;
    g.next_weight += weight - t.weight;
    Tree was = t.tree;
    take_out(g, s.slot);
    t.weight = weight;
    if (!weight || first_time) return;
    t.next = g.position + (g.next_weight + g.weight - g.position) / weight;
    if (was == g.fresh) t.rest = 0;
    put_by_turn(g, s.slot);
  }

  void follow(const Pool& pool, const Lineup& l) {
    bool first_time = version_ == 0;
    std::vector<uint32_t> weights(pool.servers.size());
    for (const auto* places : {&l.active, &l.backup})
      for (const Lineup::Place& p : *places) weights[p.server->slot] = static_cast<uint32_t>(p.share);
    for (const Server* s : pool.servers) set_weight(*s, weights[s->slot], first_time);
    if (first_time) {
      for (Group& g : groups_) g.weight = g.position = g.next_weight;
      for (const Server* s : pool.servers)
        if (weights[s->slot]) put_by_weight(group_of(*s), s->slot, kFirst);
    }
    version_ = l.version;
  }

  // The slot whose turn it is; kNone: the line has ended.
  uint16_t front(Group& g) {
    auto& current = g.trees[kCurrent];
    if (!current.empty() && turns_[current.top()].next <= g.position) return current.top();
    auto& fresh = g.trees[g.fresh];
    if (!fresh.empty()) {
      turns_[fresh.top()].next = turns_[fresh.top()].rest = 0;
      return fresh.top();
    }
    return current.empty() ? Tried::kNone : current.top();
  }

  void advance(Group& g, uint16_t slot) {
    Turn& t = turns_[slot];
    if (!t.next) t.next = g.position;
    t.last = t.next;
    t.next += g.next_weight / t.weight;
    t.rest += g.next_weight % t.weight;
    if (t.rest >= t.weight) {
      t.rest -= t.weight;
      t.next++;
    }
    g.position++;
  }

  // The next server with a place. `avoid` gets the turn when nobody else can take it.
  const Server* take(const Pool& pool, Group& g, uint16_t avoid) {
    passed_.clear();
    uint16_t avoided = Tried::kNone;
    bool switched = false;
    if (!g.weight) g.position = g.weight = g.next_weight;
    uint16_t slot;
    for (;;) {
      while ((slot = front(g)) == Tried::kNone && !switched) {
        switched = true;
        g.fresh = g.later();
        g.weight = g.position = g.next_weight;
      }
      if (slot == Tried::kNone) {
        slot = avoided;
        break;
      }
      advance(g, slot);
      if (!at_limit(*pool.servers[slot])) {
        if (slot != avoid || avoided != Tried::kNone) break;
        avoided = slot;
      }
      take_out(g, slot);
      passed_.push_back(slot);
    }
    if (slot != Tried::kNone) put_by_turn(g, slot);
    for (size_t i = passed_.size(); i-- > 0;) {
      if (passed_[i] == slot) continue;
      if (switched)
        put_by_weight(g, passed_[i], g.fresh);
      else
        put_by_turn(g, passed_[i]);
    }
    return slot == Tried::kNone ? nullptr : pool.servers[slot];
  }

  std::vector<Turn> turns_;  // by slot
  Group groups_[2];  // active servers, backups
  std::vector<uint16_t> passed_;
  uint64_t version_ = 0;
  uint64_t order_ = 0;
  const bool all_backups_;
};

}  // namespace

Balancer* make_haproxy_round_robin(const Pool& pool, bool all_backups) {
  return new RoundRobin(pool, all_backups);
}

}  // namespace weir::model
