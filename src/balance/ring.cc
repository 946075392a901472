// See balance/ring.h.
#include "balance/ring.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "expr/hash.h"

namespace weir::model {
namespace {

constexpr uint32_t kScale = kShares;
constexpr uint32_t kRange = 256 * kScale;

// From the address, or the number where there is none (a Unix socket, a name without an answer).
uint32_t base_key(const Server& s) {
  using expr::avalanche;
  const net::Addr& a = s.address();
  bool by_address = s.ring_key == RingKey::address || s.ring_key == RingKey::address_and_port;
  if (!by_address || !a.is_ip())
    return s.ring_key == RingKey::spread_number ? avalanche(htonl(s.number)) : s.number * kRange;
  uint32_t port = s.ring_key == RingKey::address_and_port ? avalanche(a.port) : 0;
  if (a.family == AF_INET) return avalanche(port + a.v4.s_addr);
  return expr::hash_xxh32({reinterpret_cast<const char*>(&a.v6), sizeof a.v6}, port);
}

}  // namespace

void Ring::follow(PickLock& lock, const Lineup& l) {
  weigh(l);
  if (making_) return;
  making_ = true;
  while (!is_good()) {
    const Plan todo = plan();
    std::vector<Node> nodes;
    auto make = [&] { nodes = made(todo); };
    if (live_)
      lock.without(make);
    else
      make();
    exchange(std::move(nodes), todo);
  }
  making_ = false;
}

// Who serves, as often as its weight says.
void Ring::weigh(const Lineup& l) {
  for (Share& share : shares_) share.weight = share.before = 0;
  total_ = 0;
  for (const Lineup::Place& p : places_in_charge(l, rules_.all_backups)) {
    Share& share = shares_[p.server->slot];
    share.weight = std::min<uint32_t>(static_cast<uint32_t>(p.share), UINT16_MAX);
    share.before = total_;
    share.key = base_key(*p.server);
    total_ += share.weight;
  }
  version_ = l.version;
  count_live();
}

void Ring::count_live() {
  live_ = 0;
  lacks_ = false;
  for (Share& share : shares_) {
    share.live = share.key == share.placed_key ? std::min(share.weight, share.placed) : 0;
    live_ += share.live;
    lacks_ |= share.live < share.weight;
  }
}

Ring::Plan Ring::plan() const {
  const bool thins = nodes_.size() / kSparse > live_;
  Plan plan;
  plan.reserve(shares_.size());
  for (const Share& share : shares_) {
    const uint32_t kept = thins || share.key != share.placed_key ? share.live : share.placed;
    plan.push_back({share.key, kept, std::max(kept, share.weight)});
  }
  return plan;
}

// By their keys; equal ones stay in their order.
void Ring::sort(std::vector<Node>& nodes) {
  constexpr uint32_t kBits = 11, kMask = (1 << kBits) - 1;
  std::vector<Node> sorted(nodes.size());
  for (uint32_t shift = 0; shift < 32; shift += kBits) {
    std::array<size_t, kMask + 2> ends{};
    for (const Node& n : nodes) ends[(n.key >> shift & kMask) + 1]++;
    for (size_t i = 1; i < ends.size(); i++) ends[i] += ends[i - 1];
    for (const Node& n : nodes) sorted[ends[n.key >> shift & kMask]++] = n;
    nodes.swap(sorted);
  }
}

std::vector<Ring::Node> Ring::made(const Plan& plan) const {
  std::vector<Node> fresh, all;
  for (size_t slot = 0; slot < plan.size(); slot++)
    for (uint32_t i = plan[slot].kept; i < plan[slot].placed; i++)
      fresh.push_back({expr::avalanche(plan[slot].key + i), static_cast<uint16_t>(slot), static_cast<uint16_t>(i)});
  sort(fresh);
  if (nodes_.empty()) return fresh;
  all.reserve(nodes_.size() + fresh.size());
  auto next = fresh.begin();
  for (const Node& n : nodes_) {
    if (n.number >= plan[n.slot].kept) continue;
    for (; next != fresh.end() && next->key < n.key; ++next) all.push_back(*next);
    all.push_back(n);
  }
  all.insert(all.end(), next, fresh.end());
  return all;
}

void Ring::exchange(std::vector<Node> nodes, const Plan& plan) {
  const uint32_t turn = turn_ < nodes_.size() ? nodes_[turn_].key : 0;
  nodes_ = std::move(nodes);
  auto below = [](const Node& n, uint32_t key) { return n.key < key; };
  if (turn_ != SIZE_MAX)
    turn_ = static_cast<size_t>(std::lower_bound(nodes_.begin(), nodes_.end(), turn, below) - nodes_.begin());
  for (size_t slot = 0; slot < plan.size(); slot++) {
    shares_[slot].placed = plan[slot].placed;
    shares_[slot].placed_key = plan[slot].key;
  }
  count_live();
}

size_t Ring::nearest(uint32_t hash) const {
  const Node* base = nodes_.data();
  for (size_t n = nodes_.size(); n > 1;) {
    size_t half = n / 2;
    base += base[half - 1].key < hash ? half : 0;
    n -= half;
  }
  auto right = static_cast<size_t>(base - nodes_.data()) + (base->key < hash);
  if (right == nodes_.size()) right = 0;
  size_t left = before(right);
  while (!is_live(nodes_[right])) right = behind(right);
  while (!is_live(nodes_[left])) left = before(left);
  return hash - nodes_[left].key <= nodes_[right].key - hash ? left : right;
}

// This request is among the pool's current ones already.
uint64_t Ring::slots_for_all(const Pool& pool) const {
  if (!rules_.balance_factor) return 0;
  auto served = static_cast<uint64_t>(std::max(1, pool.state->current.read() - pool.state->queued.read()));
  return (served * rules_.balance_factor + 99) / 100;
}

// Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, arXiv:1608.01350) for unequal weights.
bool Ring::eligible(const Server& s, uint64_t slots) const {
  if (!slots) return true;
  const Share& share = shares_[s.slot];
  uint64_t rest = slots % total_;
  uint64_t own =
      share.weight * (slots / total_) + (share.before + share.weight) * rest / total_ - share.before * rest / total_;
  return static_cast<uint64_t>(std::max(0, s.state->current.read())) < std::max<uint64_t>(1, own);
}

namespace {
bool queue_full(const Server& s) {
  return s.limits.max_queue && limit_of(s) && !takes_to_wait(s, s.state->current.read());
}
}  // namespace

const Server* Ring::at(const Pool& pool, uint32_t hash, uint16_t avoid) const {
  if (empty()) return nullptr;
  uint64_t slots = slots_for_all(pool);
  size_t at = nearest(hash);
  const Server* s = nullptr;
  for (int wraps = 0; wraps < 2;) {
    if (is_live(nodes_[at])) {
      s = pool.servers[nodes_[at].slot];
      bool pass = s->slot == avoid || !eligible(*s, slots) || (rules_.leaves_full && at_limit(*s)) ||
                  (rules_.leaves_full_queue && queue_full(*s));
      if (!pass) return s;
    }
    at = behind(at);
    wraps += at == 0;
  }
  return s;
}

const Server* Ring::next(const Pool& pool, uint16_t avoid) {
  if (empty()) return nullptr;
  const Server* avoided = nullptr;
  size_t after_avoided = 0;
  for (size_t n = nodes_.size(); n > 0; n--) {
    turn_ = turn_ + 1 < nodes_.size() ? turn_ + 1 : 0;
    if (!is_live(nodes_[turn_])) continue;
    const Server* s = pool.servers[nodes_[turn_].slot];
    if (at_limit(*s)) continue;
    if (s->slot != avoid) return s;
    avoided = s;
    after_avoided = turn_;
  }
  if (avoided) turn_ = after_avoided;
  return avoided;
}

}  // namespace weir::model
