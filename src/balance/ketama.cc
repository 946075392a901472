// nginx's `hash KEY consistent` (ngx_http_upstream_hash_module): the ring of Cache::Memcached::Fast, with 160 points for each unit
// of a server's weight, so that keys keep their servers when weir takes nginx's place. Points belong to what the file
// calls a server; the addresses of one name share them in turn. A server that cannot be used leaves the key to the next point.
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <unordered_map>

#include "balance/methods.h"
#include "balance/shares.h"
#include "net/loop.h"

namespace weir::model {
namespace {

constexpr int kTries = 20;  // points whose servers could not be used; then round robin decides
constexpr uint32_t kPoints = 160;

uint32_t crc(uint32_t before, Str s) {
  return static_cast<uint32_t>(crc32(before, reinterpret_cast<const Bytef*>(s.data()), static_cast<uInt>(s.size())));
}

// Of the address as the file has it: the host, a NUL, the port.
uint32_t crc_of_name(Str name) {
  Str host = name, port;
  size_t digits = name.find_last_not_of("0123456789");
  if (name.size() >= 5 && iequals(name.substr(0, 5), "unix:")) {
    host = name.substr(5);
  } else if (digits != Str::npos && name[digits] == ':') {
    host = name.substr(0, digits);
    port = name.substr(digits + 1);
  }
  static constexpr char kNul = 0;
  return crc(crc(crc(0, host), {&kNul, 1}), port);
}

class Ketama final : public Balancer {
 public:
  Ketama(const Pool& pool, KeyText key)
      : round_robin_(make_smooth_round_robin(pool)), key_(key), current_(pool.servers.size()) {}
  Str name() const override { return "hash consistent"; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    Str key = key_.text(txn, key_.conf);
    if (!key.empty())
      if (const Server* s = by_key(pool, key, tried)) return s;
    return round_robin_->pick(pool, txn, tried);
  }

  void prepare(const Pool& pool, uint64_t now_ms) override {
    PickLock lock(pool);
    lineup(pool, now_ms);
    follow_weights(lock, pool);
  }

 private:
  struct Point {
    uint32_t hash;
    uint16_t name;
  };
  struct Points {
    std::vector<Point> all;  // by hash
    std::vector<uint32_t> parts;  // where the points of each part of the ring begin
    uint32_t shift = 0;  // what of a hash is its part
    std::vector<std::vector<uint16_t>> names;  // the slots of each
    std::vector<int32_t> weights;  // by slot; 0: none, or not there
  };

  const Server* by_key(const Pool& pool, Str key, const Tried& tried) {
    PickLock lock(pool);
    shares_.follow(pool, lineup(pool, net::Loop::current().now()));
    follow_weights(lock, pool);
    const std::vector<Point>& points = points_.all;
    if (points.empty() || pool.servers.size() == 1) return nullptr;
    size_t at = first_from(crc(0, key));
    for (int i = 0; i <= kTries; i++, at++)
      if (const Server* s = pick_named(pool, points_.names[points[at % points.size()].name], tried)) return s;
    return nullptr;
  }

  // The first point that is not below `hash`; behind all of them: their number.
  size_t first_from(uint32_t hash) const {
    const size_t part = hash >> points_.shift;
    size_t at = points_.parts[part];
    for (size_t n = points_.parts[part + 1] - at; n > 0;) {
      const size_t half = n / 2;
      const bool below = points_.all[at + half].hash < hash;
      at += below ? half + 1 : 0;
      n = below ? n - half - 1 : half;
    }
    return at;
  }

  // Hashes are spread evenly: a part of the ring that their upper bits tell holds four points or so.
  static void divide(Points& p) {
    const auto bits = static_cast<uint32_t>(std::bit_width(p.all.size() / 4 + 1));
    p.shift = 32 - bits;
    p.parts.assign((size_t{1} << bits) + 1, 0);
    for (const Point& point : p.all) p.parts[(point.hash >> p.shift) + 1]++;
    for (size_t i = 1; i < p.parts.size(); i++) p.parts[i] += p.parts[i - 1];
  }

  // The addresses of a name share its requests as in smooth round robin.
  const Server* pick_named(const Pool& pool, const std::vector<uint16_t>& slots, const Tried& tried) {
    if (slots.size() == 1) {
      const Server* only = pool.servers[slots[0]];
      return shares_.here(only->slot) && takes(*only, tried) ? only : nullptr;
    }
    const Server* best = nullptr;
    int64_t sum = 0;
    for (uint16_t slot : slots) {
      const Server* s = pool.servers[slot];
      if (!shares_.here(slot) || !takes(*s, tried)) continue;
      current_[slot] += points_.weights[slot];
      sum += points_.weights[slot];
      if (!best || current_[slot] > current_[best->slot]) best = s;
    }
    if (best) current_[best->slot] -= sum;
    return best;
  }

  // Points are made without the lock, while others use the former ones for those of their servers that still serve.
  void follow_weights(PickLock& lock, const Pool& pool) {
    if (seen_ == pool.local->lineup.seen && !weights_.empty()) return;
    seen_ = pool.local->lineup.seen;
    weights_.clear();
    for (const Server* s : pool.servers)
      weights_.push_back(s->backup || s->absent() ? 0 : std::max(0, s->state->weight.load(std::memory_order_relaxed)));
    if (making_) return;
    making_ = true;
    while (weights_ != points_.weights) {
      Points fresh;
      fresh.weights = weights_;
      auto make = [&] { make_points(pool, fresh); };
      if (points_.all.empty())
        make();
      else
        lock.without(make);
      points_ = std::move(fresh);
    }
    making_ = false;
  }

  static void make_points(const Pool& pool, Points& p) {
    std::unordered_map<Str, uint16_t> numbers;
    for (size_t slot = 0; slot < p.weights.size(); slot++) {
      if (!p.weights[slot]) continue;
      const Str name = pool.servers[slot]->written;
      auto [it, fresh] = numbers.emplace(name, static_cast<uint16_t>(p.names.size()));
      if (fresh) p.names.emplace_back();
      p.names[it->second].push_back(static_cast<uint16_t>(slot));
      uint32_t base = crc_of_name(name), hash = 0;
      for (uint32_t i = 0; i < kPoints * static_cast<uint32_t>(p.weights[slot]); i++) {
        char before[4] = {static_cast<char>(hash), static_cast<char>(hash >> 8), static_cast<char>(hash >> 16),
                          static_cast<char>(hash >> 24)};
        hash = crc(base, {before, 4});
        p.all.push_back({hash, it->second});
      }
    }
    std::stable_sort(p.all.begin(), p.all.end(), [](auto& a, auto& b) { return a.hash < b.hash; });
    auto end = std::unique(p.all.begin(), p.all.end(), [](auto& a, auto& b) { return a.hash == b.hash; });
    p.all.erase(end, p.all.end());
    divide(p);
  }

  Shares shares_;
  std::unique_ptr<Balancer> round_robin_;
  const KeyText key_;
  Points points_;
  std::vector<int32_t> weights_;  // by slot, as they are to have points now
  bool making_ = false;  // somebody makes points
  std::vector<int64_t> current_;
  uint64_t seen_ = 0;
};

}  // namespace

Balancer* make_ketama(const Pool& pool, KeyText key) {
  return new Ketama(pool, key);
}

}  // namespace weir::model
