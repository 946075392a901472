// The server where the answer is expected first: a moving average of its latency that a slower answer raises at once and
// faster ones lower slowly, times the requests that it has, over its weight. A failed try counts as a latency that is longer
// than what any server shows, so that a server that fails fast attracts nobody. Answers lower it by a hundredth of the way
// each even where no time passes: what the whole machine's stall made of quick servers is over when they have answered some
// hundred requests, instead of sending traffic to a slow one for seconds.
//
// An average loses its weight with time, all of them at the same pace (e-fold in kDecayMs). So they are kept as logarithms plus
// the time they are from in units of that pace: their order does not change while nothing is measured, and a server
// that was left out long enough for its sake is tried again.
#include <array>
#include <cmath>

#include "balance/load_order.h"
#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {
namespace {

constexpr double kDecayMs = 10'000;
constexpr double kLeastMs = 0.25;  // what the clock's resolution leaves of a quick answer
constexpr double kPenaltyMs = 1'000;
constexpr double kAnswers = 100;  // lower an average as much as kDecayMs does, about

// Logarithms of whole numbers, most of them from a table.
class Logs {
 public:
  double of(uint32_t n) const { return n < table_.size() ? table_[n] : std::log(static_cast<double>(n)); }
  static const Logs& get() {
    static const Logs logs;
    return logs;
  }

 private:
  Logs() {
    for (size_t i = 1; i < table_.size(); i++) table_[i] = std::log(static_cast<double>(i));
  }
  std::array<double, 256 * kShares + 1> table_{};
};

struct Load {
  const Logs& logs = Logs::get();
  const double above_zero = 64 + std::log(static_cast<double>(kShares));  // a whole weight counts as one

  // Unmeasured and idle servers come first; with a request under way they wait for its end.
  uint64_t operator()(const Server& s, int32_t share, int32_t n) const {
    const Latency& l = s.state->latency;
    if (!l.measured_ms.load(std::memory_order_relaxed)) return n ? UINT64_MAX - 1 : 0;
    const double rank = l.rank.load(std::memory_order_relaxed) + logs.of(static_cast<uint32_t>(n) + 1) -
                        logs.of(static_cast<uint32_t>(share));
    return static_cast<uint64_t>((rank + above_zero) * (1 << 16));
  }
};

class PeakEwma final : public Balancer {
 public:
  PeakEwma(const Pool& pool, bool all_backups)
      : Balancer({.ends = true}), order_(pool.servers.size(), LoadOrder::Ties::oldest), all_backups_(all_backups) {}
  Str name() const override { return "peak-ewma"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    Places places = places_in_charge(l, all_backups_);
    if (l.version != version_) {
      order_.follow(places, load_);
      version_ = l.version;
    }
    auto free = [&](uint16_t i, int32_t n) { return !at_limit(*pool.servers[i], n); };
    auto other = [&](uint16_t i, int32_t n) { return free(i, n) && !tried.has(i); };
    uint16_t slot = order_.take(pool, places, load_, other);
    if (slot == Tried::kNone && tried.count) slot = order_.take(pool, places, load_, free);
    return slot == Tried::kNone ? nullptr : pool.servers[slot];
  }

  void ended(const Server& server, const TryEnd& end) override {
    PickLock lock(*server.pool);
    if (end.failed)
      measured(server, std::max({kPenaltyMs, 2 * slowest_, 2 * static_cast<double>(end.total_ms)}), end.now_ms);
    else if (end.header_ms != TryEnd::kNever)
      succeeded(server, std::max(kLeastMs, static_cast<double>(end.header_ms)), end.now_ms);
    order_.look(server, load_);
  }

  void grow(size_t slots) override { order_.grow(slots); }

 private:
  void succeeded(const Server& s, double ms, uint64_t now) {
    slowest_ = std::max(ms, slowest_ * 0.999);
    measured(s, ms, now);
  }

  static void measured(const Server& s, double ms, uint64_t now) {
    Latency& l = s.state->latency;
    double time = static_cast<double>(now) / kDecayMs;
    uint64_t before = l.measured_ms.load(std::memory_order_relaxed);
    if (before) {
      double kept = std::exp(l.rank.load(std::memory_order_relaxed) - time);
      double aged = std::exp(-static_cast<double>(now - std::min(now, before)) / kDecayMs);
      if (ms < kept) {
        double share = std::min(aged, 1 - 1 / kAnswers);
        ms = kept / aged * share + ms * (1 - share);
      }
    }
    l.rank.store(std::log(ms) + time, std::memory_order_relaxed);
    l.measured_ms.store(std::max<uint64_t>(1, now), std::memory_order_relaxed);
  }

  const Load load_;
  LoadOrder order_;
  double slowest_ = 0;  // ms of a good answer, about
  uint64_t version_ = 0;
  const bool all_backups_;
};

}  // namespace

Balancer* make_peak_ewma(const Pool& pool, bool all_backups) {
  return new PeakEwma(pool, all_backups);
}

}  // namespace weir::model
