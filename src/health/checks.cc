// See health/checks.h.
#include "health/checks.h"

#include <stdlib.h>

#include <algorithm>
#include <atomic>

#include "proxy/crew.h"
#include "proxy/shard.h"
#include "stats/catalogue.h"

namespace weir::health {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint32_t kShortInterval = 1000;  // ms; checks that come more often do not hurry the others' beginning

std::atomic<Checks*> g_checks{nullptr};

uint32_t chance(uint32_t below) {
  return below ? arc4random_uniform(below) : 0;
}

// `percent` more or less.
uint32_t spread(uint32_t ms, uint32_t percent) {
  uint32_t most = static_cast<uint32_t>(uint64_t{ms} * percent / 100);
  return ms - most + chance(2 * most + 1);
}

}  // namespace

Checks* checks() {
  return g_checks.load(std::memory_order_acquire);
}
void set_checks(Checks* checks) {
  g_checks.store(checks, std::memory_order_release);
}

// One check of one server: waits, runs, judges.
class Checks::Watch final : public Timer, public RunOwner {
 public:
  Watch(Checks& all, proxy::Shard& shard, const model::Server& server, const Check& check)
      : all_(all), shard_(shard), server_(server), check_(check) {}
  ~Watch() = default;

  const model::Server& server() const { return server_; }
  void begin_in(uint64_t ms) { shard_.loop.arm(*this, ms); }
  // Sooner, if what is known by now asks for that.
  void hurry(bool fast) {
    fast_ |= fast;
    if (run_) return;
    uint64_t due = shard_.loop.now() + interval();
    if (due < deadline()) shard_.loop.arm(*this, interval());
  }
  uint32_t interval() const {
    int32_t health = state().health.load(kRelaxed);
    if (!fast_ && health == check_.most_health()) return check_.inter;
    bool down = !stats::ServerView(server_).running();
    uint32_t other = down && health == 0 ? check_.down_inter : check_.fast_inter;
    return other ? other : check_.inter;
  }

 private:
  void on_timer() override {
    if (run_)
      run_->expire();
    else if (paused())
      shard_.loop.arm(*this, check_.inter);
    else
      run();
  }
  // A server in maintenance is left alone; its agent may say that it is back.
  bool paused() const {
    if (!state().enabled.load(kRelaxed)) return true;
    return !check_.agent && stats::ServerView(server_).maint();
  }
  void run() {
    started_ms_ = shard_.loop.now();
    run_ = std::make_unique<Run>(shard_, server_, check_, *this);
    shard_.loop.arm(*this, check_.inter);
    run_->start();
  }
  void ended() override {
    Outcome outcome = run_->outcome();
    run_.reset();
    // What an operator has done meanwhile counts more than what was found.
    if (!paused()) {
      auto duration = static_cast<int64_t>(shard_.loop.now() - started_ms_);
      judge(server_, check_, outcome, duration, all_.everywhere_);
    }
    state().ended_ms.store(shard_.loop.now(), kRelaxed);
    uint32_t wait = spread(interval(), check_.spread) + chance(check_.jitter + 1);
    fast_ = false;
    shard_.loop.arm(*this, wait);
  }
  void expect_within(uint32_t ms) override { shard_.loop.arm(*this, ms); }
  model::CheckState& state() const { return state_of(server_, check_); }

  Checks& all_;
  proxy::Shard& shard_;
  const model::Server& server_;
  const Check& check_;
  std::unique_ptr<Run> run_;
  uint64_t started_ms_ = 0;
  bool fast_ = false;  // traffic gives reason to look soon
};

Checks::Checks(const model::Model& model, proxy::Crew& crew)
    : model_(model), known_(model.servers.size()), crew_(crew) {
  int shards = std::max(model.process.shards, 1);
  by_shard_.resize(static_cast<size_t>(shards));
  everywhere_ = [this, shards](const std::function<void(proxy::Shard&)>& fn) {
    for (int i = 0; i < shards; i++)
      if (crew_.post) crew_.post(i, fn);
  };
  for (const model::Server* s : model.servers) {
    if (!s->checks) continue;
    for (const Check* c : {s->checks->check, s->checks->agent}) {
      if (!c) continue;
      count_++;
      if (c->inter >= kShortInterval && (!spread_ms_ || spread_ms_ > c->inter)) spread_ms_ = c->inter;
    }
  }
}

Checks::~Checks() = default;

void Checks::begin(proxy::Shard& shard) {
  size_t position = 0;
  for (size_t i = 0; i < known_; i++) {
    const model::Server* s = model_.servers[i];
    if (!s->checks) continue;
    bool ours = s->id % by_shard_.size() == static_cast<size_t>(shard.index);
    for (const Check* c : {s->checks->check, s->checks->agent}) {
      if (!c) continue;
      if (ours) begin_one(shard, *s, *c, position);
      position++;
    }
  }
}

// First checks are spread over the shortest interval; a check that another worker has run last is due when it would have been
// there.
void Checks::begin_one(proxy::Shard& shard, const model::Server& server, const Check& check, size_t position) {
  begin_count(server, check);
  auto& watch =
      by_shard_[static_cast<size_t>(shard.index)].emplace_back(std::make_unique<Watch>(*this, shard, server, check));
  uint64_t last = state_of(server, check).ended_ms.load(kRelaxed);
  if (last) {
    uint64_t due = last + watch->interval(), now = shard.loop.now();
    return watch->begin_in(due > now ? due - now : chance(std::min<uint32_t>(check.inter, kShortInterval)));
  }
  uint32_t over = spread(std::max(spread_ms_, watch->interval()), check.spread);
  if (check.most_spread) over = std::min(over, check.most_spread);
  watch->begin_in(uint64_t{over} * position / std::max<size_t>(1, count_));
}

void Checks::end(const proxy::Shard& shard) {
  by_shard_[static_cast<size_t>(shard.index)].clear();
}

void Checks::stop() {
  everywhere_([this](proxy::Shard& shard) { end(shard); });
}

// On the shard that checks it.
void Checks::post(const model::Server& server, std::function<void(proxy::Shard&)> fn) {
  if (crew_.post) crew_.post(static_cast<int>(server.id % by_shard_.size()), std::move(fn));
}

void Checks::changed(const model::Server& server) {
  post(server, [this, &server](proxy::Shard& to) {
    for (auto& watch : by_shard_[static_cast<size_t>(to.index)])
      if (&watch->server() == &server) watch->hurry(false);
  });
}

// An operator turns them on, and they begin then: there is nothing to spread.
void Checks::add(const model::Server& server) {
  if (!server.checks) return;
  post(server, [this, &server](proxy::Shard& shard) {
    Watches& ours = by_shard_[static_cast<size_t>(shard.index)];
    const bool known = std::ranges::any_of(ours, [&server](const auto& watch) { return &watch->server() == &server; });
    if (shard.draining() || known) return;
    for (const Check* c : {server.checks->check, server.checks->agent}) {
      if (!c) continue;
      begin_count(server, *c);
      ours.push_back(std::make_unique<Watch>(*this, shard, server, *c));
      ours.back()->begin_in(ours.back()->interval());
    }
  });
}

void Checks::remove(const model::Server& server) {
  if (!server.checks) return;
  post(server, [this, &server](proxy::Shard& shard) {
    std::erase_if(by_shard_[static_cast<size_t>(shard.index)],
                  [&server](const auto& watch) { return &watch->server() == &server; });
  });
}

void Checks::observe(const model::Server& server, Seen seen) {
  if (!health::observe(server, seen, everywhere_)) return;
  post(server, [this, &server](proxy::Shard& to) {
    for (auto& watch : by_shard_[static_cast<size_t>(to.index)])
      if (&watch->server() == &server) watch->hurry(true);
  });
}

}  // namespace weir::health
