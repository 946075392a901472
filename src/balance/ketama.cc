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

 private:
  struct Point {
    uint32_t hash;
    uint16_t name;
  };

  const Server* by_key(const Pool& pool, Str key, const Tried& tried) {
    PickLock lock(pool);
    shares_.follow(pool, lineup(pool, net::Loop::current().now()));
    follow_weights(pool);
    if (points_.empty() || pool.servers.size() == 1) return nullptr;
    size_t at = first_from(crc(0, key));
    for (int i = 0; i <= kTries; i++, at++)
      if (const Server* s = pick_named(pool, names_[points_[at % points_.size()].name], tried)) return s;
    return nullptr;
  }

  // The first point that is not below `hash`; behind all of them: their number.
  size_t first_from(uint32_t hash) const {
    const size_t part = hash >> shift_;
    size_t at = parts_[part];
    for (size_t n = parts_[part + 1] - at; n > 0;) {
      const size_t half = n / 2;
      const bool below = points_[at + half].hash < hash;
      at += below ? half + 1 : 0;
      n = below ? n - half - 1 : half;
    }
    return at;
  }

  // Hashes are spread evenly: a part of the ring that their upper bits tell holds four points or so.
  void divide() {
    const auto bits = static_cast<uint32_t>(std::bit_width(points_.size() / 4 + 1));
    shift_ = 32 - bits;
    parts_.assign((size_t{1} << bits) + 1, 0);
    for (const Point& p : points_) parts_[(p.hash >> shift_) + 1]++;
    for (size_t i = 1; i < parts_.size(); i++) parts_[i] += parts_[i - 1];
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
      current_[slot] += weights_[slot];
      sum += weights_[slot];
      if (!best || current_[slot] > current_[best->slot]) best = s;
    }
    if (best) current_[best->slot] -= sum;
    return best;
  }

  void follow_weights(const Pool& pool) {
    if (seen_ == pool.local->lineup.seen && !weights_.empty()) return;
    seen_ = pool.local->lineup.seen;
    std::vector<int32_t> weights;
    for (const Server* s : pool.servers)
      weights.push_back(s->backup || s->absent() ? 0 : std::max(0, s->state->weight.load(std::memory_order_relaxed)));
    if (weights == weights_) return;
    weights_ = std::move(weights);
    make_points(pool);
  }

  void make_points(const Pool& pool) {
    points_.clear();
    names_.clear();
    std::unordered_map<Str, uint16_t> numbers;
    for (const Server* s : pool.servers) {
      if (s->backup || s->absent()) continue;
      auto [it, fresh] = numbers.emplace(s->written, static_cast<uint16_t>(names_.size()));
      if (fresh) names_.emplace_back();
      names_[it->second].push_back(s->slot);
      uint32_t base = crc_of_name(s->written), hash = 0;
      for (uint32_t i = 0; i < kPoints * static_cast<uint32_t>(weights_[s->slot]); i++) {
        char before[4] = {static_cast<char>(hash), static_cast<char>(hash >> 8), static_cast<char>(hash >> 16),
                          static_cast<char>(hash >> 24)};
        hash = crc(base, {before, 4});
        points_.push_back({hash, it->second});
      }
    }
    std::stable_sort(points_.begin(), points_.end(), [](auto& a, auto& b) { return a.hash < b.hash; });
    auto end = std::unique(points_.begin(), points_.end(), [](auto& a, auto& b) { return a.hash == b.hash; });
    points_.erase(end, points_.end());
    divide();
  }

  Shares shares_;
  std::unique_ptr<Balancer> round_robin_;
  const KeyText key_;
  std::vector<Point> points_;  // by hash
  std::vector<uint32_t> parts_;  // where the points of each part of the ring begin
  uint32_t shift_ = 0;  // what of a hash is its part
  std::vector<std::vector<uint16_t>> names_;  // the slots of each
  std::vector<int32_t> weights_;  // by slot
  std::vector<int64_t> current_;
  uint64_t seen_ = 0;
};

}  // namespace

Balancer* make_ketama(const Pool& pool, KeyText key) {
  return new Ketama(pool, key);
}

}  // namespace weir::model
