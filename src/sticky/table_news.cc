// See sticky/table_news.h. The zone holds its header, the ring, and for each entry the number of the change under which it was noted
// last. A slot of the ring holds the change's number and the entry's, so that a reader sees one that was not written yet.
#include "sticky/table_news.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>

namespace weir::sticky {
namespace {

constexpr uint64_t kVersion = 1;  // of the layout
constexpr uint32_t kLeast = 1024;
constexpr uint32_t kMost = 1u << 20;  // slots

// How far `a` is behind `b`, where numbers begin anew after 2^32.
int32_t ahead(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b);
}

}  // namespace

struct TableNews::Header {
  std::atomic<uint32_t> state;  // 0: new, 1: being prepared, 2: ready
  uint32_t life;
  std::atomic<uint32_t> head;
  std::atomic<uint32_t> read;  // the furthest that any reader has come
  std::atomic<uint32_t> learned;
  uint32_t unused[11];
};

uint32_t TableNews::ring_size(uint32_t entries) {
  return std::clamp(std::bit_ceil(entries), kLeast, kMost);
}

bool TableNews::open(Str name, uint64_t layout, uint32_t entries) {
  const uint32_t ring = ring_size(entries);
  const size_t size = sizeof(Header) + ring * sizeof(uint64_t) + size_t{entries} * sizeof(uint32_t);
  zone_ = SharedZone::open(fmt::format("news:{}", name), layout * 1000 + kVersion, size);
  if (!zone_) return false;
  ring_ = ring;
  Header& h = header();
  uint32_t expected = 0;
  if (h.state.compare_exchange_strong(expected, 1)) {
    if (getrandom(&h.life, sizeof h.life, 0) != sizeof h.life) h.life = 1;
    h.state.store(2, std::memory_order_release);
  } else {
    while (h.state.load(std::memory_order_acquire) != 2) sched_yield();
  }
  return true;
}

TableNews::Header& TableNews::header() const {
  return *reinterpret_cast<Header*>(zone_->data);
}

std::atomic<uint64_t>& TableNews::slot(uint32_t number) const {
  return reinterpret_cast<std::atomic<uint64_t>*>(zone_->data + sizeof(Header))[number & (ring_ - 1)];
}

std::atomic<uint32_t>& TableNews::noted(uint32_t entry) const {
  char* first = zone_->data + sizeof(Header) + ring_ * sizeof(uint64_t);
  return reinterpret_cast<std::atomic<uint32_t>*>(first)[entry];
}

void TableNews::changed(uint32_t entry) {
  Header& h = header();
  const uint32_t before = noted(entry).load(std::memory_order_relaxed);
  // The reader says that it has come by before it takes the entry's lock: what changes under the lock is seen or noted anew.
  if (before && ahead(before, h.read.load()) > 0) return;
  const uint32_t number = h.head.fetch_add(1) + 1;
  noted(entry).store(number, std::memory_order_relaxed);
  slot(number).store(uint64_t{number} << 32 | entry, std::memory_order_release);
  Listener* listener = listener_.load(std::memory_order_relaxed);
  if (listener && !told_.exchange(true)) listener->news();
}

uint32_t TableNews::head() const {
  return header().head.load();
}

TableNews::Next TableNews::next(uint32_t& at, uint32_t& entry) {
  Header& h = header();
  const uint32_t behind = h.head.load() - at;
  if (behind == 0) return Next::none;
  if (behind > ring_) return Next::lost;
  const uint64_t said = slot(at + 1).load(std::memory_order_acquire);
  const auto number = static_cast<uint32_t>(said >> 32);
  if (number != at + 1) return ahead(number, at + 1) > 0 && number ? Next::lost : Next::unfinished;
  entry = static_cast<uint32_t>(said);
  read_until(++at);
  return Next::entry;
}

uint32_t TableNews::skip() {
  const uint32_t number = head();
  read_until(number);
  return number;
}

void TableNews::read_until(uint32_t number) {
  std::atomic<uint32_t>& read = header().read;
  for (uint32_t before = read.load(); ahead(number, before) > 0 && !read.compare_exchange_weak(before, number);) {
  }
}

uint32_t TableNews::life() const {
  return header().life;
}
bool TableNews::learned() const {
  return header().learned.load();
}
void TableNews::set_learned() {
  header().learned.store(1);
}

}  // namespace weir::sticky
