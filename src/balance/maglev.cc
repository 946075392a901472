// Consistent hashing as in "Maglev: A Fast and Reliable Software Network Load Balancer" (Eisenbud et al., NSDI 2016, 3.4): each
// server prefers the entries of a table in an order of its own that its name gives, and the servers choose in turns, as
// often as their weights say, until every entry is somebody's. Loads are as even as the table is large; a server that
// comes or goes moves its own share of the keys and a few others. A request without a key goes anywhere.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "balance/alias.h"
#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class Maglev final : public Balancer {
 public:
  Maglev(const Pool&, KeyText key, MaglevRules rules) : key_(key), rules_(rules) {}
  Str name() const override { return "maglev"; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    Str key = key_.text(txn, key_.conf);
    uint64_t hash = key.empty() ? random_bits() : XXH3_64bits(key.data(), key.size());
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (l.version != version_) follow(lock, pool, l);
    if (nobody_) return nullptr;
    auto at = static_cast<size_t>(hash % table_.size());
    const Server* avoided = nullptr;
    for (size_t n = table_.size(); n > 0; n--) {
      const Server* s = pool.servers[table_[at]];
      if (here_[s->slot]) {
        if (takes(*s, tried)) return s;
        if (!avoided && !at_limit(*s)) avoided = s;
      }
      at = at + 1 < table_.size() ? at + 1 : 0;
    }
    return avoided;
  }

  void prepare(const Pool& pool, uint64_t now_ms) override {
    PickLock lock(pool);
    follow(lock, pool, lineup(pool, now_ms));
  }

 private:
  struct Choosing {
    uint64_t next;  // the entry that it would like now
    uint64_t skip;
    int64_t credit;
    int32_t weight;
    uint16_t slot;
  };

  // The table is made without the lock, while others use the former one for those of its servers that still serve.
  void follow(PickLock& lock, const Pool& pool, const Lineup& l) {
    note(pool, l);
    if (making_) return;
    making_ = true;
    while (made_ != version_) {
      made_ = version_;
      std::vector<Choosing> all = choosing(l);
      std::vector<uint16_t> fresh;
      auto make = [&] { fill(fresh, all); };
      if (std::any_of(table_.begin(), table_.end(), [this](uint16_t slot) { return here_[slot]; }))
        lock.without(make);
      else
        make();
      table_ = std::move(fresh);
    }
    making_ = false;
  }

  // Who serves.
  void note(const Pool& pool, const Lineup& l) {
    here_.assign(pool.servers.size(), 0);
    const Places places = places_in_charge(l, rules_.all_backups);
    for (const Lineup::Place& p : places) here_[p.server->slot] = 1;
    nobody_ = places.empty();
    version_ = l.version;
  }

  std::vector<Choosing> choosing(const Lineup& l) const {
    std::vector<Choosing> all;
    for (const Lineup::Place& p : places_in_charge(l, rules_.all_backups)) {
      Str name = p.server->name;
      uint64_t offset = XXH3_64bits_withSeed(name.data(), name.size(), 1) % rules_.size;
      uint64_t skip = XXH3_64bits_withSeed(name.data(), name.size(), 2) % (rules_.size - 1) + 1;
      all.push_back({offset, skip, 0, p.weight, p.server->slot});
    }
    return all;
  }

  void fill(std::vector<uint16_t>& table, std::vector<Choosing>& all) const {
    constexpr uint16_t kNobody = UINT16_MAX;
    // The order of choosing is that of the names: the table does not depend on the order in the file.
    std::sort(all.begin(), all.end(), [](auto& a, auto& b) {
      return a.next != b.next ? a.next < b.next : a.skip != b.skip ? a.skip < b.skip : a.slot < b.slot;
    });
    int32_t most = 0;
    for (const Choosing& c : all) most = std::max(most, c.weight);
    table.assign(all.empty() ? 0 : rules_.size, kNobody);
    for (size_t left = table.size(); left > 0;)
      for (Choosing& c : all) {
        c.credit += c.weight;
        if (c.credit < most) continue;
        c.credit -= most;
        while (table[c.next] != kNobody) advance(c);
        table[c.next] = c.slot;
        advance(c);
        if (--left == 0) break;
      }
  }
  void advance(Choosing& c) const {
    c.next += c.skip;
    if (c.next >= rules_.size) c.next -= rules_.size;
  }

  const KeyText key_;
  const MaglevRules rules_;
  std::vector<uint16_t> table_;  // slots
  std::vector<uint8_t> here_;  // by slot: whether it serves
  bool nobody_ = true;
  bool making_ = false;  // somebody makes a table
  uint64_t version_ = 0;  // that here_ is from
  uint64_t made_ = 0;  // that the table is from, or the one that is being made
};

}  // namespace

bool is_prime(uint64_t n) {
  if (n < 2) return false;
  for (uint64_t i = 2; i * i <= n; i++)
    if (n % i == 0) return false;
  return true;
}

Balancer* make_maglev(const Pool& pool, KeyText key, MaglevRules rules) {
  return new Maglev(pool, key, rules);
}

}  // namespace weir::model
