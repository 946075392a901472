// See base/shared_records.h. Zones "records:0", "records:1" … are filled from the front; each record has a head of one cache line.
#include "base/shared_records.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "base/gauge.h"
#include "base/records_turn.h"
#include "base/shared_zone.h"

namespace weir {
namespace {

constexpr size_t kZone = size_t{1} << 20;
constexpr uint64_t kLayout = 2;
constexpr size_t kLine = 64;
constexpr size_t kZoneHead = 4 * kLine;
constexpr size_t kUsualRecord = 512;  // bytes, between a proxy's and a server's

struct Key {
  uint64_t high, low;
  bool operator==(const Key&) const = default;
};
struct KeyHash {
  size_t operator()(const Key& k) const { return k.low; }
};

struct alignas(kLine) Head {
  std::atomic<uint32_t> size;  // of what follows, a multiple of kLine; set first and for ever
  std::atomic<uint32_t> ready;  // set last
  uint64_t kind;
  Key key;
  std::atomic<uint32_t> users;  // bit i: the worker with slot i
  std::atomic<uint32_t> load;  // the number of the last one that asked for it

  void* data() { return this + 1; }
};

struct ZoneHead {
  std::atomic<uint32_t> used;  // bytes behind this head that were given out
  std::atomic<uint32_t> loads;  // of the first zone: configurations that were read
  std::atomic<int32_t> slots_end;  // of the first zone: g_slots_end
  std::atomic<int32_t> masters[kWorkerSlots];  // of the first zone: process ids of those that claimed the slots
  // Of the first zone: whose configuration the records are in line with, its load and the slot of its worker.
  std::atomic<uint32_t> settled_load;
  std::atomic<int32_t> settled_slot;
};
static_assert(sizeof(ZoneHead) <= kZoneHead);

struct Book {
  std::mutex lock;
  std::vector<SharedZone*> zones;
  struct Known {
    Head* head = nullptr;
    uint32_t asked = 0;  // in this load: how often for the name, at its first repetition
  };
  std::unordered_map<Key, Known, KeyHash> index;
  struct Given {
    Head* head;
    Key key;
  };
  std::vector<Given> given;  // in this load
  size_t held = 0;  // of these, for the worker with held_slot
  int held_slot = -1;
  std::unordered_map<uint64_t, std::vector<Head*>> unused;  // by kind
  bool looked_for_unused = false;
  uint32_t load = 0;
};

Book& book() {
  static auto* instance = new Book;
  return *instance;
}

RecordKind* g_kinds = nullptr;

ZoneHead& head_of(const SharedZone& zone) {
  return *reinterpret_cast<ZoneHead*>(zone.data);
}

uint64_t id_of(Str name, size_t size) {
  return XXH3_64bits_withSeed(name.data(), name.size(), size);
}

Key key_of(uint64_t kind, Str name, uint32_t repetition) {
  XXH128_hash_t h = XXH3_128bits_withSeed(name.data(), name.size(), kind + repetition);
  return {h.high64, h.low64};
}

std::string zone_name(size_t i) {
  return fmt::format("records:{}", i);
}

// Other processes may have made some.
void find_zones(Book& b) {
  b.zones.clear();
  while (SharedZone* zone = SharedZone::find(zone_name(b.zones.size()), kLayout, kZone)) b.zones.push_back(zone);
  if (!b.zones.empty()) g_slots_end = &head_of(*b.zones[0]).slots_end;
}

// Workers may write here, and need not be what they were.
size_t used_of(const SharedZone& zone) {
  return std::min<size_t>(head_of(zone).used.load(), kZone - kZoneHead);
}

// Calls `visit` for each record that is ready.
template <class F>
void each_record(const Book& b, F visit) {
  for (SharedZone* zone : b.zones) {
    const size_t used = used_of(*zone);
    for (size_t at = 0; at + sizeof(Head) < used;) {
      auto* head = reinterpret_cast<Head*>(zone->data + kZoneHead + at);
      uint32_t size = head->size.load();
      if (size == 0) break;  // whoever made it was killed there and then
      if (size % kLine != 0 || size > used - at - sizeof(Head)) break;
      if (head->ready.load(std::memory_order_acquire)) visit(head);
      at += sizeof(Head) + size;
    }
  }
}

// Makes the index anew: other processes may have added records or given some another use.
void read_index(Book& b) {
  find_zones(b);
  b.index.clear();
  size_t used = 0;
  for (SharedZone* zone : b.zones) {
    used += used_of(*zone);
    madvise(zone->data, kZoneHead + used_of(*zone), MADV_POPULATE_WRITE);
  }
  b.index.reserve(used / kUsualRecord);
  each_record(b, [&b](Head* head) { b.index[head->key].head = head; });
}

void raise_slots_end(ZoneHead& head, int32_t end) {
  int32_t now = head.slots_end.load();
  while (now < end && !head.slots_end.compare_exchange_weak(now, end)) {
  }
}

int32_t claimed_end(const ZoneHead& head) {
  int32_t end = kWorkerSlots;
  while (end > 0 && head.masters[end - 1].load() == 0) end--;
  return end;
}

// A slot was given back. Another master may claim one at the same time.
void lower_slots_end(ZoneHead& head) {
  int32_t now = head.slots_end.load(), end = claimed_end(head);
  if (end < now) head.slots_end.compare_exchange_strong(now, end);
  raise_slots_end(head, claimed_end(head));
}

bool is_unused(const Book& b, const Head& head) {
  return head.users.load() == 0 && head.load.load() + 2 < b.load;
}

Head* reclaim(Book& b, uint64_t kind, uint32_t size) {
  if (!b.looked_for_unused) {
    b.looked_for_unused = true;
    for (auto& [key, known] : b.index)
      if (known.head && is_unused(b, *known.head)) b.unused[known.head->kind].push_back(known.head);
  }
  std::vector<Head*>& unused = b.unused[kind];
  while (!unused.empty()) {
    Head* head = unused.back();
    unused.pop_back();
    // It may have been asked for since.
    if (head->kind != kind || head->size != size || !is_unused(b, *head)) continue;
    b.index[head->key].head = nullptr;
    return head;
  }
  return nullptr;
}

Head* allocate(Book& b, uint32_t size) {
  for (size_t i = b.zones.empty() ? 0 : b.zones.size() - 1;; i++) {
    if (i == b.zones.size()) {
      SharedZone* zone = SharedZone::open(zone_name(i), kLayout, kZone);
      if (!zone) throw std::system_error(errno, std::generic_category(), "no shared memory for counters");
      b.zones.push_back(zone);
      if (i == 0) head_of(*zone).loads.store(b.load);  // the first one was read without it
    }
    uint32_t need = static_cast<uint32_t>(sizeof(Head)) + size;
    ZoneHead& zone = head_of(*b.zones[i]);
    uint32_t at = zone.used.load();
    while (at + need <= kZone - kZoneHead && !zone.used.compare_exchange_weak(at, at + need)) {
    }
    if (at + need > kZone - kZoneHead) continue;
    auto* head = reinterpret_cast<Head*>(b.zones[i]->data + kZoneHead + at);
    head->size.store(size);
    return head;
  }
}

Head* make(Book& b, const RecordKind& kind, const Key& key, void (*create)(void*)) {
  auto size = static_cast<uint32_t>((kind.size() + kLine - 1) / kLine * kLine);
  Head* head = reclaim(b, kind.id(), size);
  if (!head) head = allocate(b, size);
  head->ready.store(0);
  head->kind = kind.id();
  head->key = key;
  head->users.store(0);
  memset(head->data(), 0, size);
  create(head->data());
  head->ready.store(1, std::memory_order_release);
  return head;
}

}  // namespace

RecordKind::RecordKind(const char* name, size_t size, void (*create)(void*), void (*forget)(void*, int))
    : id_(id_of(name, size)), size_(size), create_(create), forget_(forget), next_(g_kinds) {
  g_kinds = this;
}

void SharedRecords::begin_load() {
  Book& b = book();
  std::lock_guard lock(b.lock);
  read_index(b);
  b.given.clear();
  b.held = 0;
  b.unused.clear();
  b.looked_for_unused = false;
  b.load = b.zones.empty() ? 1 : head_of(*b.zones[0]).loads.fetch_add(1) + 1;
}

void* SharedRecords::get(const RecordKind& kind, Str name) {
  Book& b = book();
  std::lock_guard lock(b.lock);
  Key key = key_of(kind.id(), name, 0);
  Book::Known* known = &b.index[key];
  if (uint32_t repetition = known->asked++; repetition != 0) {
    key = key_of(kind.id(), name, repetition);
    known = &b.index[key];
  }
  if (!known->head) known->head = make(b, kind, key, kind.create_);
  Head* head = known->head;
  head->load.store(b.load);
  b.given.push_back({head, key});
  return head->data();
}

void SharedRecords::hold() {
  Book& b = book();
  std::lock_guard lock(b.lock);
  if (b.held_slot != g_worker_slot) b.held = 0;
  b.held_slot = g_worker_slot;
  for (; b.held < b.given.size(); b.held++) b.given[b.held].head->users.fetch_or(1u << g_worker_slot);
  if (b.zones.empty()) return;
  raise_slots_end(head_of(*b.zones[0]), g_worker_slot + 1);
  auto* end = &head_of(*b.zones[0]).slots_end;
  if (g_slots_end != end) g_slots_end = end;  // written once: shards read it when records are added later
}

void SharedRecords::leave() {
  Book& b = book();
  std::lock_guard lock(b.lock);
  b.index = {};
  b.given = {};
  b.unused = {};
  b.looked_for_unused = false;
  b.held = 0;
}

// They are looked at once they are held: nobody takes one away that has a user.
bool hold_own_records() {
  SharedRecords::hold();
  Book& b = book();
  std::lock_guard lock(b.lock);
  return std::ranges::all_of(b.given, [](const Book::Given& g) { return g.head->key == g.key; });
}

// A lock of the process, which the kernel lets go when that ends.
SettlingTurn::SettlingTurn() {
  Book& b = book();
  std::lock_guard lock(b.lock);
  if (b.zones.empty()) return;
  fd_ = b.zones[0]->fd;
  struct flock whole{};
  whole.l_type = F_WRLCK;
  while (fcntl(fd_, F_SETLKW, &whole) != 0 && errno == EINTR) {
  }
}

bool SettlingTurn::late() const {
  Book& b = book();
  std::lock_guard lock(b.lock);
  if (b.zones.empty()) return false;
  const ZoneHead& head = head_of(*b.zones[0]);
  const int32_t slot = head.settled_slot.load();
  return head.settled_load.load() > b.load && slot >= 0 && slot < kWorkerSlots && slot != g_worker_slot &&
         head.masters[slot].load() == head.masters[g_worker_slot].load();
}

bool SettlingTurn::again() const {
  Book& b = book();
  std::lock_guard lock(b.lock);
  return !b.zones.empty() && head_of(*b.zones[0]).settled_load.load() == b.load;
}

void SettlingTurn::settled() {
  Book& b = book();
  std::lock_guard lock(b.lock);
  if (!b.zones.empty()) {
    head_of(*b.zones[0]).settled_load.store(b.load);
    head_of(*b.zones[0]).settled_slot.store(g_worker_slot);
  }
  end();
}

void SettlingTurn::end() {
  if (fd_ < 0) return;
  struct flock whole{};
  whole.l_type = F_UNLCK;
  fcntl(fd_, F_SETLK, &whole);
  fd_ = -1;
}

void SharedRecords::forget(int slot) {
  uint32_t bit = 1u << slot;
  each_record(book(), [=](Head* head) {
    if (!(head->users.load() & bit) || !(head->users.fetch_and(~bit) & bit)) return;
    for (const RecordKind* k = g_kinds; k; k = k->next_)
      if (k->id() == head->kind && k->size() <= head->size.load()) k->forget_(head->data(), slot);
  });
}

int SharedRecords::claim_slot() {
  Book& b = book();
  std::lock_guard lock(b.lock);
  find_zones(b);
  if (b.zones.empty()) return 0;
  for (int slot = 0; slot < kWorkerSlots; slot++) {
    auto& master = head_of(*b.zones[0]).masters[slot];
    int32_t who = master.load();
    if (who != 0 && (kill(who, 0) == 0 || errno != ESRCH)) continue;
    if (!master.compare_exchange_strong(who, getpid())) continue;
    if (who != 0) forget(slot);  // its master died without a word
    raise_slots_end(head_of(*b.zones[0]), slot + 1);
    return slot;
  }
  return -1;
}

void SharedRecords::worker_ended(int slot) {
  Book& b = book();
  std::lock_guard lock(b.lock);
  find_zones(b);
  forget(slot);
  if (b.zones.empty()) return;
  head_of(*b.zones[0]).masters[slot].store(0);
  lower_slots_end(head_of(*b.zones[0]));
}

}  // namespace weir
