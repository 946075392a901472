// See balance/ring.h.
#include "balance/ring.h"

#include <arpa/inet.h>

#include <algorithm>

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

void Ring::follow(const Lineup& l) {
  std::vector<Share> now(shares_.size());
  std::vector<Node> fresh;
  uint32_t total = 0;
  for (const Lineup::Place& p : places_in_charge(l, rules_.all_backups)) {
    Share& share = now[p.server->slot];
    share = {static_cast<uint32_t>(p.share), total, base_key(*p.server)};
    total += share.weight;
    const Share& was = shares_[p.server->slot];
    if (was.weight == share.weight && was.key == share.key) continue;
    for (uint32_t i = 0; i < share.weight; i++) fresh.push_back({expr::avalanche(share.key + i), p.server->slot});
  }
  uint32_t turn = turn_ < nodes_.size() ? nodes_[turn_].key : 0;
  std::erase_if(nodes_, [&](const Node& n) {
    const Share &was = shares_[n.slot], &is = now[n.slot];
    return was.weight != is.weight || was.key != is.key;
  });
  auto by_key = [](const Node& a, const Node& b) { return a.key < b.key; };
  std::stable_sort(fresh.begin(), fresh.end(), by_key);
  auto middle = static_cast<std::ptrdiff_t>(nodes_.size());
  nodes_.insert(nodes_.end(), fresh.begin(), fresh.end());
  std::inplace_merge(nodes_.begin(), nodes_.begin() + middle, nodes_.end(), by_key);
  if (turn_ != SIZE_MAX)
    turn_ = static_cast<size_t>(std::lower_bound(nodes_.begin(), nodes_.end(), Node{turn, 0}, by_key) - nodes_.begin());
  shares_ = std::move(now);
  total_ = total;
  version_ = l.version;
}

size_t Ring::nearest(uint32_t hash) const {
  const Node* base = nodes_.data();
  for (size_t n = nodes_.size(); n > 1;) {
    size_t half = n / 2;
    base += base[half - 1].key < hash ? half : 0;
    n -= half;
  }
  auto after = static_cast<size_t>(base - nodes_.data()) + (base->key < hash);
  if (after == nodes_.size()) after = 0;
  size_t before = (after ? after : nodes_.size()) - 1;
  return hash - nodes_[before].key <= nodes_[after].key - hash ? before : after;
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
  if (nodes_.empty()) return nullptr;
  uint64_t slots = slots_for_all(pool);
  size_t at = nearest(hash);
  for (int wraps = 0;;) {
    const Server* s = pool.servers[nodes_[at].slot];
    bool pass = s->slot == avoid || !eligible(*s, slots) || (rules_.leaves_full && at_limit(*s)) ||
                (rules_.leaves_full_queue && queue_full(*s));
    if (!pass) return s;
    if (++at < nodes_.size()) continue;
    at = 0;
    if (++wraps > 1) return s;
  }
}

const Server* Ring::next(const Pool& pool, uint16_t avoid) {
  const Server* avoided = nullptr;
  size_t after_avoided = 0;
  for (size_t n = nodes_.size(); n > 0; n--) {
    turn_ = turn_ + 1 < nodes_.size() ? turn_ + 1 : 0;
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
