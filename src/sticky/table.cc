// See sticky/table.h. A zone holds its header, the stripes, their hash tables, and the entries of one stripe after the other.
#include "sticky/table.h"

#include <sched.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "sticky/table_news.h"

namespace weir::sticky {
namespace {

constexpr uint64_t kVersion = 2;  // of the layout
constexpr uint64_t kMagic = 0x7765697273746b31;

constexpr uint32_t round_up(uint32_t n) {
  return (n + 7) / 8 * 8;
}
constexpr size_t kHead = 128;
constexpr uint32_t kBatch = 256;  // entries that are looked at under a lock, so that others wait shortly
constexpr uint32_t kUnused = UINT32_MAX;  // in place of the key's size
constexpr int kMostSteps = 64;  // in search of an entry's place by the end of its life

// Keys spread over the stripes by chance: with four standard deviations more than its share none is full before the table is, but
// for once in two thousand tables.
uint32_t with_room(uint32_t share) {
  return share + static_cast<uint32_t>(4 * std::sqrt(share));
}

}  // namespace

Table::Layout Table::layout_for(const Shape& shape) {
  static_assert(sizeof(Header) <= kHead);
  Layout l;
  l.key_room = round_up(shape.key_size);
  l.entry_size = static_cast<uint32_t>(sizeof(Entry)) + l.key_room + round_up(shape.data_size);
  l.capacity = std::max(1u, shape.entries);
  l.stripes = l.capacity < kStripedFrom ? 1 : kMostStripes;
  l.per_stripe = (l.capacity + l.stripes - 1) / l.stripes;
  if (l.stripes > 1) l.per_stripe = with_room(l.per_stripe);
  l.buckets = std::max(16u, std::bit_ceil(l.per_stripe));  // whole cache lines: entries follow them
  return l;
}

size_t Table::bytes_of(const Layout& l) {
  return kHead + l.stripes * (sizeof(Stripe) + l.buckets * sizeof(uint32_t) + size_t{l.per_stripe} * l.entry_size);
}

Table::Shape Table::Shape::fitting(uint32_t key_size, uint32_t data_size, uint64_t bytes) {
  Shape s{key_size, data_size, 1};
  // A bucket for each entry, rounded up to a power of two, costs eight bytes at most.
  uint64_t each = layout_for(s).entry_size + 2 * sizeof(uint32_t);
  uint64_t fixed = kHead + kMostStripes * sizeof(Stripe);
  uint64_t n = bytes > fixed ? (bytes - fixed) / each : 1;
  if (n >= kStripedFrom) {
    const auto share = static_cast<uint32_t>(std::min<uint64_t>(n / kMostStripes, UINT32_MAX / 2));
    n -= kMostStripes * uint64_t{with_room(share) - share};
  }
  s.entries = static_cast<uint32_t>(std::clamp<uint64_t>(n, 1, UINT32_MAX / 2));
  return s;
}

bool Table::open(Str name, uint64_t layout, const Shape& shape) {
  const Layout wanted = layout_for(shape);
  uint64_t shaped = (uint64_t{wanted.key_room} << 32 | shape.data_size) * 31 + wanted.capacity;
  SharedZone* zone = SharedZone::open(name, (layout * 1000 + kVersion) ^ shaped << 20, bytes_of(wanted));
  if (!zone) return false;
  auto& h = *reinterpret_cast<Header*>(zone->data);
  uint32_t expected = 0;
  if (h.state.compare_exchange_strong(expected, 1)) {
    h.magic = kMagic;
    h.layout = wanted;
    if (getrandom(&h.secret, sizeof h.secret, 0) != sizeof h.secret) h.secret = static_cast<uint64_t>(getpid());
    h.state.store(2, std::memory_order_release);
  } else {
    while (h.state.load(std::memory_order_acquire) != 2) sched_yield();
  }
  view(*zone);
  return true;
}

void Table::view(SharedZone& zone) {
  const auto& h = *reinterpret_cast<const Header*>(zone.data);
  zone_ = &zone;
  layout_ = h.layout;
  secret_ = h.secret;
}

void Table::worker_ended(int slot) {
  SharedZone::each([slot](SharedZone& zone) {
    if (zone.size < kHead) return;
    auto& h = *reinterpret_cast<Header*>(zone.data);
    // The master does this, and does not take a worker's word for where things lie.
    if (h.magic != kMagic || h.state.load() != 2) return;
    const Layout l = h.layout;
    if (!l.stripes || l.stripes > kMostStripes || !l.buckets || l.entry_size < sizeof(Entry) + l.key_room ||
        bytes_of(l) > zone.size)
      return;
    Table table;
    table.view(zone);
    table.forget(slot);
  });
}

void Table::forget(int slot) {
  for (uint32_t i = 0; i < layout_.stripes; i++) {
    lock(i);
    const uint32_t taken = std::min(stripe(i).taken, layout_.per_stripe);
    for (uint32_t index = 1; index <= taken; index++) {
      entry(i, index).trackers.forget(slot);
      entry(i, index).current.forget(slot);
    }
    stripe(i).lock.unlock();
  }
}

Table::Stripe& Table::stripe(uint32_t i) const {
  return reinterpret_cast<Stripe*>(zone_->data + kHead)[i];
}

uint32_t* Table::bucket(uint32_t i, uint64_t hash) const {
  auto* all = reinterpret_cast<uint32_t*>(&stripe(layout_.stripes));
  return all + size_t{i} * layout_.buckets + (hash & (layout_.buckets - 1));
}

Table::Entry& Table::entry(uint32_t i, uint32_t index) const {
  char* first = reinterpret_cast<char*>(bucket(layout_.stripes, 0));
  return *reinterpret_cast<Entry*>(first + (size_t{i} * layout_.per_stripe + index - 1) * layout_.entry_size);
}

uint32_t Table::index_of(uint32_t i, const Entry& e) const {
  auto offset = static_cast<size_t>(reinterpret_cast<const char*>(&e) - reinterpret_cast<const char*>(&entry(i, 1)));
  return static_cast<uint32_t>(offset / layout_.entry_size) + 1;
}

uint32_t Table::stripe_of(uint64_t hash) const {
  return static_cast<uint32_t>((hash >> 32) % layout_.stripes);
}

void Table::lock(uint32_t i) {
  if (!stripe(i).lock.lock()) clear_stripe(i);
}

void Table::clear_stripe(uint32_t i) {
  Stripe& s = stripe(i);
  s.newest = s.oldest = s.free = s.taken = s.live = 0;
  s.life++;
  std::fill_n(bucket(i, 0), layout_.buckets, 0);
}

void Table::unlink(uint32_t i, uint32_t index) {
  Entry& e = entry(i, index);
  Stripe& s = stripe(i);
  (e.newer ? entry(i, e.newer).older : s.newest) = e.older;
  (e.older ? entry(i, e.older).newer : s.oldest) = e.newer;
}

void Table::link_newest(uint32_t i, uint32_t index) {
  Entry& e = entry(i, index);
  Stripe& s = stripe(i);
  e.newer = 0;
  e.older = s.newest;
  (s.newest ? entry(i, s.newest).newer : s.oldest) = index;
  s.newest = index;
}

// Behind entries that end later, as far as a few steps lead: one that ends soon and stands too far in front is still not found
// once its time is over, and only goes later.
void Table::link_by_expiry(uint32_t i, uint32_t index) {
  Entry& e = entry(i, index);
  Stripe& s = stripe(i);
  uint32_t newer = 0, older = s.newest;
  for (int steps = 0; steps < kMostSteps && e.expires_ms && older && entry(i, older).expires_ms > e.expires_ms;
       steps++) {
    newer = older;
    older = entry(i, older).older;
  }
  e.newer = newer;
  e.older = older;
  (newer ? entry(i, newer).older : s.newest) = index;
  (older ? entry(i, older).newer : s.oldest) = index;
}

void Table::drop(uint32_t i, uint32_t index) {
  Entry& e = entry(i, index);
  for (uint32_t* at = bucket(i, e.hash); *at; at = &entry(i, *at).next)
    if (*at == index) {
      *at = e.next;
      break;
    }
  unlink(i, index);
  Stripe& s = stripe(i);
  e.key_size = kUnused;
  e.next = s.free;
  s.free = index;
  s.live--;
}

// Those that are tracked although their time is over are left where they are.
void Table::drop_expired(uint32_t i, uint64_t now_ms) {
  for (uint32_t at = stripe(i).oldest; at;) {
    Entry& e = entry(i, at);
    if (!e.expires_ms || e.expires_ms > now_ms) break;
    const uint32_t newer = e.newer;
    if (e.trackers.total() == 0) drop(i, at);
    at = newer;
  }
}

uint32_t Table::used(uint64_t now_ms) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < layout_.stripes; i++) {
    lock(i);
    drop_expired(i, now_ms);
    n += stripe(i).live;
    stripe(i).lock.unlock();
  }
  return n;
}

void Table::each(uint64_t now_ms, const std::function<bool(Entry&)>& visit) {
  bool go_on = true;
  for (uint32_t i = 0; i < layout_.stripes && go_on; i++) {
    for (uint32_t index = 1, last = 1; index <= last && go_on;) {
      lock(i);
      last = stripe(i).taken;
      for (uint32_t end = index + kBatch; index <= last && index < end && go_on; index++) {
        Entry& e = entry(i, index);
        if (e.key_size == kUnused) continue;
        if (e.expires_ms && e.expires_ms <= now_ms && e.trackers.total() == 0)
          drop(i, index);
        else
          go_on = visit(e);
      }
      stripe(i).lock.unlock();
    }
  }
}

void Table::with_entry(uint32_t number, uint64_t now_ms, const std::function<void(Entry&)>& visit) {
  if (number >= slots()) return;
  const uint32_t i = number / layout_.per_stripe, index = number % layout_.per_stripe + 1;
  lock(i);
  if (index <= stripe(i).taken) {
    Entry& e = entry(i, index);
    const bool over = e.expires_ms && e.expires_ms <= now_ms && e.trackers.total() == 0;
    if (e.key_size != kUnused && !over) visit(e);
  }
  stripe(i).lock.unlock();
}

uint32_t Table::walk(uint32_t from, uint64_t now_ms, const std::function<bool(Entry&)>& visit) {
  if (from >= slots()) return slots();
  const uint32_t i = from / layout_.per_stripe;
  uint32_t index = from % layout_.per_stripe + 1;
  lock(i);
  const uint32_t last = stripe(i).taken;
  bool go_on = true;
  for (const uint32_t end = index + kBatch; index <= last && index < end && go_on; index++) {
    Entry& e = entry(i, index);
    const bool over = e.expires_ms && e.expires_ms <= now_ms && e.trackers.total() == 0;
    if (e.key_size != kUnused && !over) go_on = visit(e);
  }
  stripe(i).lock.unlock();
  return index > last ? (i + 1) * layout_.per_stripe : i * layout_.per_stripe + index - 1;
}

size_t Table::clear(uint64_t now_ms, const std::function<bool(Entry&)>& wanted) {
  size_t held = 0;
  each(now_ms, [&](Entry& e) {
    if (!wanted(e)) return true;
    if (e.trackers.total())
      held++;
    else
      drop(stripe_of(e.hash), index_of(stripe_of(e.hash), e));
    return true;
  });
  return held;
}

Table::Guard::Guard(Table& table, Str key) : table_(table), key_(key.substr(0, table.layout_.key_room)) {
  hash_ = XXH3_64bits_withSeed(key_.data(), key_.size(), table.secret_);
  place_.stripe = table.stripe_of(hash_);
  table.lock(place_.stripe);
}

Table::Guard::Guard(Table& table, const Place& place) : table_(table), place_(place) {
  table.lock(place_.stripe);
}

Table::Guard::~Guard() {
  table_.stripe(place_.stripe).lock.unlock();
}

Table::Entry* Table::Guard::find(uint64_t now_ms) {
  const uint32_t i = place_.stripe;
  for (uint32_t at = *table_.bucket(i, hash_); at; at = table_.entry(i, at).next) {
    Entry& e = table_.entry(i, at);
    if (e.hash != hash_ || table_.key(e) != key_) continue;
    if (!e.expires_ms || e.expires_ms > now_ms || e.trackers.total()) return &e;
    table_.drop(i, at);
    return nullptr;
  }
  return nullptr;
}

Table::Entry* Table::Guard::add(uint64_t now_ms, bool purges) {
  const uint32_t i = place_.stripe;
  Stripe& s = table_.stripe(i);
  table_.drop_expired(i, now_ms);
  if (!s.free && s.taken < table_.layout_.per_stripe) {
    table_.entry(i, ++s.taken).next = 0;
    s.free = s.taken;
  }
  for (uint32_t at = s.oldest; purges && !s.free && at; at = table_.entry(i, at).newer)
    if (table_.entry(i, at).trackers.total() == 0) table_.drop(i, at);
  if (!s.free) return nullptr;
  const uint32_t index = s.free;
  Entry& e = table_.entry(i, index);
  s.free = e.next;
  memset(static_cast<void*>(&e), 0, table_.layout_.entry_size);
  e.hash = hash_;
  e.key_size = static_cast<uint32_t>(key_.size());
  if (!key_.empty()) memcpy(&e + 1, key_.data(), key_.size());
  uint32_t* first = table_.bucket(i, hash_);
  e.next = *first;
  *first = index;
  table_.link_newest(i, index);
  s.live++;
  return &e;
}

Table::Entry* Table::Guard::at() {
  if (!place_.index || table_.stripe(place_.stripe).life != place_.life) return nullptr;
  return &table_.entry(place_.stripe, place_.index);
}

Table::Place Table::Guard::place(const Entry& entry) const {
  return {place_.stripe, table_.index_of(place_.stripe, entry), table_.stripe(place_.stripe).life};
}

void Table::Guard::touch(Entry& entry, uint64_t now_ms, uint64_t expire_ms) {
  changed(entry);
  entry.expires_ms = expire_ms ? now_ms + expire_ms : 0;
  const uint32_t index = table_.index_of(place_.stripe, entry);
  if (table_.stripe(place_.stripe).newest == index) return;
  table_.unlink(place_.stripe, index);
  table_.link_newest(place_.stripe, index);
}

void Table::Guard::live_until(Entry& entry, uint64_t expires_ms) {
  entry.expires_ms = expires_ms;
  const uint32_t index = table_.index_of(place_.stripe, entry);
  table_.unlink(place_.stripe, index);
  table_.link_by_expiry(place_.stripe, index);
}

void Table::Guard::note(const Entry& entry) {
  table_.news_->changed(place_.stripe * table_.layout_.per_stripe + table_.index_of(place_.stripe, entry) - 1);
}

void Table::Guard::remove(Entry& entry) {
  table_.drop(place_.stripe, table_.index_of(place_.stripe, entry));
}

}  // namespace weir::sticky
