// See health/judge.h. How results count is HAProxy's (set_server_check_status, check_notify_…, __health_adjust), which has
// nginx's `fails` and `passes` as a special case.
#include "health/judge.h"

#include <fmt/format.h>

#include <mutex>

#include "proxy/server_mark.h"
#include "proxy/shard.h"
#include "stats/catalogue.h"
#include "stats/server_change.h"

namespace weir::health {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// One change of health at a time.
std::mutex& changes() {
  static std::mutex lock;
  return lock;
}

bool passes(const model::Server& server, const Check* check) {
  if (!check) return true;
  const model::CheckState& state = state_of(server, *check);
  return !state.enabled.load(kRelaxed) || state.health.load(kRelaxed) >= check->rise;
}

bool tracked_is_down(const ServerChecks& checks) {
  return checks.tracks && !stats::ServerView(*checks.tracks).running();
}

void set_state(const News& news, bool up, bool stopping, const Everywhere& everywhere) {
  const model::Server& server = news.server;
  stats::ServerView now(server);
  if (now.maint() || (now.up == up && (!up || now.stopping == stopping))) return;
  proxy::ServerMark mark(server);
  auto make = [&] { stats::set_health(server, up, up && stopping); };
  if (const Reporter* reporter = server.checks ? server.checks->reporter : nullptr)
    reporter->change(news, make);
  else
    make();
  if (auto follow = mark.since()) everywhere(follow);
  if (up && !stopping && server.pool->state->queued.read() > 0)
    everywhere([&server](proxy::Shard& shard) { shard.queue.place_free(*server.pool); });
  if (!server.checks) return;
  for (const model::Server* tracker : server.checks->trackers)
    set_state({.server = *tracker}, up, up && stopping, everywhere);
}

// Takes the result down and counts it.
void record(const News& news, const Check& check) {
  const model::Server& server = news.server;
  model::Health& health = server.state->health;
  model::CheckState& c = state_of(server, check);
  bool report = static_cast<uint8_t>(news.status) != c.status.load(kRelaxed);
  c.text.set(news.text);
  c.code.store(news.code, kRelaxed);
  c.duration_ms.store(news.duration_ms, kRelaxed);
  c.status.store(static_cast<uint8_t>(news.status), kRelaxed);
  int32_t count = c.health.load(kRelaxed);
  switch (result_of(news.status)) {
    case Result::failed:
      // An agent that cannot be asked says nothing about its server.
      if ((check.agent && !has_code(news.status)) || count <= 0) break;
      health.failed.fetch_add(1, kRelaxed);
      report = true;
      if (--count < check.rise) count = 0;
      break;
    case Result::passed:
    case Result::conditional:
      health.errors.store(0, kRelaxed);
      if (count >= check.most_health()) break;
      report = true;
      if (++count >= check.rise) count = check.most_health();
      break;
    default: return;
  }
  c.health.store(count, kRelaxed);
  if (report && server.checks->reporter) server.checks->reporter->checked(news);
}

// What follows for the server's state.
void conclude(const News& news, const Check& check, const Everywhere& everywhere) {
  const model::Server& server = news.server;
  const ServerChecks& checks = *server.checks;
  Result result = result_of(news.status);
  if (result == Result::failed) {
    bool counts = !check.agent || news.status == Status::l7_wrong;
    if (counts && state_of(server, check).health.load(kRelaxed) <= 0) set_state(news, false, false, everywhere);
    return;
  }
  bool conditional = result == Result::conditional;
  if ((result != Result::passed && !conditional) || (check.agent && conditional)) return;
  if (tracked_is_down(checks) || !passes(server, checks.check) || !passes(server, checks.agent)) return;
  if (check.agent && server.state->stopping.load(kRelaxed)) return;
  set_state(news, true, conditional, everywhere);
}

void take(const News& news, const Check& check, const Everywhere& everywhere) {
  record(news, check);
  conclude(news, check, everywhere);
}

// --- traffic ---

struct Lesson {
  Seen seen;
  Str text;
  int8_t layer4, layer7;  // 1: an error, -1: none, 0: says nothing
};
constexpr Lesson kLessons[] = {
    {Seen::connected, "L4 successful connection", -1, 0},      {Seen::unreachable, "L4 unsuccessful connection", 1, 1},
    {Seen::good_answer, "Correct http response", 0, -1},       {Seen::bad_answer, "Wrong http response", 0, 1},
    {Seen::bad_head, "Invalid http response (headers)", 0, 1}, {Seen::no_answer, "Read error (http)", 0, 1},
    {Seen::late_answer, "Read timeout (http)", 0, 1},          {Seen::broken, "Close from server (http)", 0, 1},
};

}  // namespace

void judge(const model::Server& server, const Check& check, const Outcome& outcome, int64_t duration_ms,
           const Everywhere& everywhere) {
  std::lock_guard hold(changes());
  take({server, &check, check.agent, outcome.status, outcome.code, duration_ms, outcome.text}, check, everywhere);
}

bool observe(const model::Server& server, Seen seen, const Everywhere& everywhere) {
  const ServerChecks& checks = *server.checks;
  const Lesson& lesson = kLessons[static_cast<size_t>(seen)];
  int8_t says = checks.observe == Observe::layer4 ? lesson.layer4 : lesson.layer7;
  model::Health& health = server.state->health;
  if (says < 0) health.errors.store(0, kRelaxed);
  if (says <= 0) return false;
  uint32_t errors = health.errors.fetch_add(1, kRelaxed) + 1;
  if (errors < checks.error_limit) return false;
  std::string text = fmt::format("Detected {} consecutive errors, last one was: {}", errors, lesson.text);
  if (const Check* check = checks.check) {
    std::lock_guard hold(changes());
    model::CheckState& c = health.check;
    News news{server, check, false, Status::observed, 0, -1, text};
    switch (checks.on_error) {
      case OnError::fast_inter: break;
      case OnError::sudden_death:
        if (c.health.load(kRelaxed) > check->rise) c.health.store(check->rise + 1, kRelaxed);
        take(news, *check, everywhere);
        break;
      case OnError::fail_check: take(news, *check, everywhere); break;
      case OnError::mark_down:
        c.health.store(check->rise, kRelaxed);
        take(news, *check, everywhere);
        break;
    }
  }
  health.errors.store(0, kRelaxed);
  health.observed.fetch_add(1, kRelaxed);
  return true;
}

// --- beginnings, and what operators do ---

void begin_count(const model::Server& server, const Check& check) {
  model::CheckState& c = state_of(server, check);
  if (!c.begun.exchange(true)) {
    c.health.store(check.agent ? check.rise : check.first_health());
    c.status.store(static_cast<uint8_t>(Status::starting));
    return;
  }
  int32_t count = c.health.load(kRelaxed);
  bool up = server.state->up.load(kRelaxed);
  c.health.store(up ? std::clamp(count, check.rise, check.most_health()) : std::clamp(count, 0, check.rise - 1));
}

void begin_health(const model::Server& server) {
  const ServerChecks* checks = server.checks;
  if (!checks) return;
  std::lock_guard hold(changes());
  if (checks->tracks) {
    stats::ServerView tracked(*checks->tracks);
    server.state->up.store(tracked.running());
    server.state->stopping.store(tracked.running() && (tracked.stopping || tracked.admin == model::Admin::drain));
    return;
  }
  bool up = true;
  if (checks->check) {
    server.state->health.check.health.store(checks->check->first_health(), kRelaxed);
    up = checks->check->begins_up();
  }
  up &= passes(server, checks->agent);
  server.state->up.store(up);
  server.state->stopping.store(false);
}

void agree(const model::Server& server, bool up) {
  const ServerChecks* checks = server.checks;
  if (!checks || !checks->check) return;
  std::lock_guard hold(changes());
  server.state->health.check.health.store(up ? checks->check->most_health() : 0, kRelaxed);
}

void lead_trackers(const model::Server& server, const Everywhere& everywhere) {
  if (!server.checks || server.checks->trackers.empty()) return;
  std::lock_guard hold(changes());
  stats::ServerView now(server);
  bool stopping = now.stopping || now.admin == model::Admin::drain;
  for (const model::Server* tracker : server.checks->trackers)
    set_state({.server = *tracker}, now.running(), stopping, everywhere);
}

int64_t down_seconds(const model::Server& server, int64_t now_s) {
  const model::ServerState& s = *server.state;
  int64_t sum = s.health.down_s.load(kRelaxed), changed = s.changed_s.load(kRelaxed);
  if (stats::ServerView(server).operational_state() == 0 && changed) sum += std::max<int64_t>(0, now_s - changed);
  return sum;
}

}  // namespace weir::health
