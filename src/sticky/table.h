#pragma once
// Entries by key in a shared zone (base/shared_zone.h): learned sessions and stick tables. Keys are stored as they are, data is the
// users' own. All workers of the machine see the same entries, and they outlive reloads and crashes. The zone is divided into
// stripes, each with its lock, its hash table and a list by last touch; since all entries of a table live equally long after a
// touch, the oldest one of a stripe expires first. A stripe whose holder died while it changed something is emptied.
#include <atomic>
#include <cstdint>
#include <functional>

#include "base/counter_zone.h"
#include "base/shared_lock.h"
#include "base/shared_zone.h"

namespace weir::sticky {

class TableNews;

class Table {
 public:
  struct Shape {
    uint32_t key_size = 0;  // the longest key
    uint32_t data_size = 0;
    uint32_t entries = 0;  // so many at least, if stripes are used; then a few percent more find room
    // How many entries of that shape fit into so many bytes.
    static Shape fitting(uint32_t key_size, uint32_t data_size, uint64_t bytes);
  };
  // Its key and data follow it.
  struct Entry {
    uint64_t hash;
    uint64_t expires_ms;  // CLOCK_MONOTONIC; 0: never
    CounterZone::Holders trackers;  // an entry with any stays
    CounterZone::Holders current;  // a count that goes with those who made it
    uint32_t next;  // in its hash chain; indices, 0: none
    uint32_t newer, older;
    uint32_t key_size;
  };
  // An entry that somebody tracks, to be found again.
  struct Place {
    uint32_t stripe = 0;
    uint32_t index = 0;  // 0: none
    uint32_t life = 0;  // of the stripe's contents
  };

  // A view of the named table, made when there is none. `layout` says what the data means. False with errno.
  bool open(Str name, uint64_t layout, const Shape& shape);
  bool is_open() const { return zone_ != nullptr; }
  uint32_t entries() const { return layout_.capacity; }
  // Those that live now.
  uint32_t used(uint64_t now_ms);
  // Calls `visit` for each that lives, under its lock, which is given back now and then; whether to go on.
  void each(uint64_t now_ms, const std::function<bool(Entry&)>& visit);
  // Removes those that nobody tracks and `wanted` says; how many of the wanted ones are tracked.
  size_t clear(uint64_t now_ms, const std::function<bool(Entry&)>& wanted);
  Str key(const Entry& entry) const { return {reinterpret_cast<const char*>(&entry + 1), entry.key_size}; }
  char* data(Entry& entry) const { return reinterpret_cast<char*>(&entry + 1) + layout_.key_room; }
  // What tells it from others while it lives, the same in every process.
  uint64_t id(const Entry& entry) const {
    return static_cast<uint64_t>(reinterpret_cast<const char*>(&entry) - zone_->data);
  }
  // The worker with that slot (base/gauge.h) holds nothing any more, in all tables of this process.
  static void worker_ended(int slot);
  // Entries have numbers from 0 to slots() - 1, the same in every process.
  uint32_t slots() const { return layout_.stripes * layout_.per_stripe; }
  // Calls `visit` with the entry of that number under its lock, if it lives.
  void with_entry(uint32_t number, uint64_t now_ms, const std::function<void(Entry&)>& visit);
  // From the entry of that number on, some that live, each under its lock, until `visit` says no: the number to go on from, or
  // slots() at the end.
  uint32_t walk(uint32_t from, uint64_t now_ms, const std::function<bool(Entry&)>& visit);
  // Where what changes here is noted for peers; null: none want to know.
  void tell(TableNews* news) { news_ = news; }

  // The stripe of a key, or of a place, locked for the life of the Guard. Entries are valid so long.
  class Guard {
   public:
    // `key` is cut to the table's longest.
    Guard(Table& table, Str key);
    Guard(Table& table, const Place& place);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    // The entry of the key; null: there is none that lives.
    Entry* find(uint64_t now_ms);
    // A new entry with zeroed data for the key, which must have none; null: the stripe is full, and `purges` is false or all of it
    // is tracked.
    Entry* add(uint64_t now_ms, bool purges = true);
    // The entry of the place; null: its stripe was emptied since.
    Entry* at();
    Place place(const Entry& entry) const;
    // It was used, and lives for so long from now on; 0: for ever.
    void touch(Entry& entry, uint64_t now_ms, uint64_t expire_ms);
    // What it holds has changed, without touching it.
    void changed(const Entry& entry) {
      if (table_.news_) [[unlikely]]
        note(entry);
    }
    // Somebody else used it, and it lives until then; 0: for ever. No news.
    void live_until(Entry& entry, uint64_t expires_ms);
    void remove(Entry& entry);

   private:
    void note(const Entry& entry);

    Table& table_;
    Str key_;
    uint64_t hash_ = 0;
    Place place_;
  };

 private:
  static constexpr uint32_t kMostStripes = 16;
  static constexpr uint32_t kStripedFrom = 4096;  // entries; smaller tables have exactly theirs
  struct alignas(64) Stripe {
    SharedLock lock;
    uint32_t life;
    uint32_t newest, oldest;
    uint32_t free;  // list through `next`
    uint32_t taken;  // entries ever taken from the array
    uint32_t live;
  };
  struct Layout {
    uint32_t key_room = 0;
    uint32_t entry_size = 0;
    uint32_t stripes = 0;
    uint32_t per_stripe = 0;
    uint32_t buckets = 0;  // of a stripe, a power of two
    uint32_t capacity = 0;
  };
  struct Header {
    uint64_t magic;
    std::atomic<uint32_t> state;  // 0: new, 1: being prepared, 2: ready
    Layout layout;
    uint64_t secret;
  };
  static Layout layout_for(const Shape& shape);
  static size_t bytes_of(const Layout& layout);
  void view(SharedZone& zone);
  void forget(int slot);
  Stripe& stripe(uint32_t i) const;
  uint32_t stripe_of(uint64_t hash) const;
  Entry& entry(uint32_t stripe, uint32_t index) const;
  uint32_t index_of(uint32_t stripe, const Entry& entry) const;
  uint32_t* bucket(uint32_t stripe, uint64_t hash) const;
  void lock(uint32_t i);
  void clear_stripe(uint32_t i);
  void unlink(uint32_t stripe, uint32_t index);
  void link_newest(uint32_t stripe, uint32_t index);
  void link_by_expiry(uint32_t stripe, uint32_t index);
  void drop(uint32_t stripe, uint32_t index);
  void drop_expired(uint32_t stripe, uint64_t now_ms);

  SharedZone* zone_ = nullptr;
  Layout layout_;
  uint64_t secret_ = 0;
  TableNews* news_ = nullptr;
};

}  // namespace weir::sticky
