// See base/counter_zone.h.
#include "base/counter_zone.h"

#include <sched.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace weir {
namespace {

constexpr uint64_t kVersion = 3;  // of the layout below
constexpr uint64_t kMagic = 0x77656972636f756e;
CounterZone::Key no_key() {
  return {0, 0};
}

}  // namespace

bool CounterZone::open(Str name, uint64_t layout, size_t size) {
  zone_ = SharedZone::open(name, layout * 1000 + kVersion, size);
  if (!zone_) return false;
  prepare();
  return true;
}

void CounterZone::prepare() {
  auto& h = *reinterpret_cast<Header*>(zone_->data);
  uint32_t expected = 0;
  if (!h.state.compare_exchange_strong(expected, 1)) {
    while (h.state.load(std::memory_order_acquire) != 2) sched_yield();
    return;
  }
  size_t fixed = sizeof(Header) + 64 + kStripes * sizeof(Stripe);
  size_t each = zone_->size > fixed ? (zone_->size - fixed) / kStripes : 0;
  h.nodes = static_cast<uint32_t>(each / (sizeof(Node) + 2 * sizeof(uint32_t)));
  h.buckets = h.nodes ? std::bit_floor(h.nodes) : 1;
  if (getrandom(h.secret, sizeof h.secret, 0) != sizeof h.secret) h.secret[0] = static_cast<uint64_t>(getpid());
  h.magic = kMagic;
  h.state.store(2, std::memory_order_release);
}

void CounterZone::worker_ended(int slot) {
  SharedZone::each([slot](SharedZone& shared) {
    if (shared.size < sizeof(Header) || reinterpret_cast<const Header*>(shared.data)->magic != kMagic) return;
    CounterZone zone;
    zone.zone_ = &shared;
    zone.forget(slot);
  });
}

void CounterZone::forget(int slot) {
  // The master does this, and does not take a worker's word for where the zone ends.
  const size_t whole = (zone_->size - sizeof(Header)) / sizeof(Node) / kStripes;
  const auto most = static_cast<uint32_t>(std::min<size_t>(whole, reinterpret_cast<const Header*>(zone_->data)->nodes));
  for (uint32_t i = 0; i < kStripes; i++) {
    lock(i);
    const uint32_t used = std::min(stripe(i).used, most);
    for (uint32_t index = 1; index <= used; index++) node(i, index).holders.forget(slot);
    stripe(i).lock.unlock();
  }
}

CounterZone::Key CounterZone::key(Str text) const {
  const auto& h = *reinterpret_cast<const Header*>(zone_->data);
  return {XXH3_64bits_withSeed(text.data(), text.size(), h.secret[0]),
          XXH3_64bits_withSeed(text.data(), text.size(), h.secret[1])};
}

CounterZone::Stripe& CounterZone::stripe(uint32_t i) const {
  size_t at = (sizeof(Header) + 63) / 64 * 64;
  return reinterpret_cast<Stripe*>(zone_->data + at)[i];
}

CounterZone::Node& CounterZone::node(uint32_t i, uint32_t index) const {
  const auto& h = *reinterpret_cast<const Header*>(zone_->data);
  char* nodes = reinterpret_cast<char*>(&stripe(kStripes));
  return reinterpret_cast<Node*>(nodes)[static_cast<size_t>(i) * h.nodes + index - 1];
}

uint32_t* CounterZone::bucket(uint32_t i, const Key& key) const {
  const auto& h = *reinterpret_cast<const Header*>(zone_->data);
  auto* buckets = reinterpret_cast<uint32_t*>(&node(kStripes, 1));
  return buckets + static_cast<size_t>(i) * h.buckets + (key.low & (h.buckets - 1));
}

void CounterZone::lock(uint32_t i) {
  if (!stripe(i).lock.lock()) clear(i);
}

void CounterZone::clear(uint32_t i) {
  const auto& h = *reinterpret_cast<const Header*>(zone_->data);
  Stripe& s = stripe(i);
  s.newest = s.oldest = s.free = s.used = 0;
  std::fill_n(bucket(i, no_key()), h.buckets, 0);
}

void CounterZone::unlink_use(uint32_t i, uint32_t index) {
  Node& n = node(i, index);
  Stripe& s = stripe(i);
  (n.newer ? node(i, n.newer).older : s.newest) = n.older;
  (n.older ? node(i, n.older).newer : s.oldest) = n.newer;
}

void CounterZone::link_newest(uint32_t i, uint32_t index) {
  Stripe& s = stripe(i);
  Node& n = node(i, index);
  n.newer = 0;
  n.older = s.newest;
  (s.newest ? node(i, s.newest).newer : s.oldest) = index;
  s.newest = index;
}

void CounterZone::drop(uint32_t i, uint32_t index) {
  Node& n = node(i, index);
  for (uint32_t* at = bucket(i, n.key); *at; at = &node(i, *at).next)
    if (*at == index) {
      *at = n.next;
      break;
    }
  unlink_use(i, index);
  n.next = stripe(i).free;
  stripe(i).free = index;
}

CounterZone::Guard::Guard(CounterZone& zone, const Key& key)
    : zone_(zone), key_(key), stripe_(static_cast<uint32_t>(key.high % kStripes)) {
  zone.lock(stripe_);
}

CounterZone::Guard::~Guard() {
  zone_.stripe(stripe_).lock.unlock();
}

CounterZone::Node* CounterZone::Guard::find() {
  for (uint32_t at = *zone_.bucket(stripe_, key_); at; at = zone_.node(stripe_, at).next) {
    Node& n = zone_.node(stripe_, at);
    if (n.key.low != key_.low || n.key.high != key_.high) continue;
    zone_.unlink_use(stripe_, at);
    zone_.link_newest(stripe_, at);
    return &n;
  }
  return nullptr;
}

CounterZone::Node* CounterZone::Guard::add() {
  const auto& h = *reinterpret_cast<const Header*>(zone_.zone_->data);
  Stripe& s = zone_.stripe(stripe_);
  if (!s.free && s.used < h.nodes) {
    zone_.node(stripe_, ++s.used).next = 0;
    s.free = s.used;
  }
  for (uint32_t at = s.oldest; !s.free && at; at = zone_.node(stripe_, at).newer)
    if (zone_.node(stripe_, at).holders.total() == 0) zone_.drop(stripe_, at);
  if (!s.free) return nullptr;
  uint32_t index = s.free;
  Node& n = zone_.node(stripe_, index);
  s.free = n.next;
  n = Node();
  n.key = key_;
  uint32_t* first = zone_.bucket(stripe_, key_);
  n.next = *first;
  *first = index;
  zone_.link_newest(stripe_, index);
  return &n;
}

void CounterZone::Guard::remove(Node* n) {
  uint32_t index = static_cast<uint32_t>(n - &zone_.node(stripe_, 1)) + 1;
  zone_.drop(stripe_, index);
}

}  // namespace weir
