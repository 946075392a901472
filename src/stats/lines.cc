// Lines of `show stat`; see stats/lines.h. Which column has a value on which line is HAProxy's (management.txt 9.1).
#include "stats/lines.h"

#include <time.h>

#include <fmt/format.h>

#include "balance/balancer.h"
#include "health/judge.h"
#include "stats/server_health.h"

namespace weir::stats {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
enum Type : uint32_t { kFrontend = 0, kBackend = 1, kServer = 2 };

class Builder {
 public:
  explicit Builder() : line_(static_cast<size_t>(Col::count_)) {}
  Field& operator[](Col c) { return line_[static_cast<size_t>(c)]; }
  void count(Col c, uint64_t n) { (*this)[c] = u64(kCounter, n); }
  template <class T>
  void count(Col c, const std::atomic<T>& n) {
    count(c, static_cast<uint64_t>(n.load(kRelaxed)));
  }
  template <class T>
  void gauge(Col c, const std::atomic<T>& n) {
    (*this)[c] = u32(kGauge, static_cast<uint64_t>(std::max<T>(0, n.load(kRelaxed))));
  }
  void gauge(Col c, const Gauge& n) { (*this)[c] = u32(kGauge, static_cast<uint64_t>(std::max(0, n.read()))); }
  template <class T>
  void most(Col c, const std::atomic<T>& n) {
    (*this)[c] = u32(kMax, static_cast<uint64_t>(n.load(kRelaxed)));
  }
  Line take() { return std::move(line_); }

 private:
  Line line_;
};

void add_identity(Builder& b, const ProxyEntry& p, Str who, uint32_t sid, Type type) {
  b[Col::pxname] = text(kName, p.name);
  b[Col::svname] = text(kName, who);
  b[Col::mode] = text(kConfig, p.mode);
  b[Col::pid] = u32(kKey, 1);
  b[Col::iid] = u32(kServiceKey, p.id);
  b[Col::sid] = u32(kServiceKey, sid);
  b[Col::type] = u32(kConfig, type);
}

// What HTTP counts per answer; their sum.
uint64_t add_statuses(Builder& b, const std::atomic<uint64_t> (&status)[6]) {
  constexpr Col kCols[] = {Col::hrsp_other, Col::hrsp_1xx, Col::hrsp_2xx, Col::hrsp_3xx, Col::hrsp_4xx, Col::hrsp_5xx};
  uint64_t sum = 0;
  for (size_t i = 0; i < 6; i++) {
    const uint64_t n = status[i].load(kRelaxed);
    b.count(kCols[i], n);
    sum += n;
  }
  return sum;
}

void add_times(Builder& b, const Times& t, uint64_t requests) {
  const std::pair<const Mean*, std::pair<Col, Col>> kMeans[] = {
      {&t.queue, {Col::qtime, Col::qtime_max}},
      {&t.connect, {Col::ctime, Col::ctime_max}},
      {&t.response, {Col::rtime, Col::rtime_max}},
      {&t.total, {Col::ttime, Col::ttime_max}},
  };
  for (auto& [mean, cols] : kMeans) {
    b[cols.first] = u32(kAverage, mean->read(requests));
    b[cols.second] = u32(kMax, mean->max());
  }
}

// Seconds since `used_ms`; -1: never.
Field last_session(uint64_t used_ms, const Moment& m) {
  return s32(kAge, used_ms ? static_cast<int64_t>((m.now_ms - std::min(m.now_ms, used_ms)) / 1000) : -1);
}

uint64_t age(int64_t changed_s, const Moment& m) {
  return changed_s ? static_cast<uint64_t>(std::max<int64_t>(0, m.now_s - changed_s)) : m.uptime_s();
}

std::string address_text(const net::Addr& a) {
  return a.is_ip() ? a.text() : "unix";
}

// What a backend counts where its servers count.
struct Sums {
  uint64_t connects = 0, reuses = 0;

  explicit Sums(const model::Pool& pool) {
    for (const model::Server* server : pool.servers) {
      if (server->absent()) continue;
      const model::ServerState& s = *server->state;
      connects += s.connects.load(kRelaxed);
      reuses += s.reuses.load(kRelaxed);
    }
  }
};

struct CheckColumns {
  Col status, code, duration, description, last, rise, fall, health;
};
constexpr CheckColumns kCheckColumns{Col::check_status, Col::check_code, Col::check_duration, Col::check_desc,
                                     Col::last_chk,     Col::check_rise, Col::check_fall,     Col::check_health};
constexpr CheckColumns kAgentColumns{Col::agent_status, Col::agent_code, Col::agent_duration, Col::agent_desc,
                                     Col::last_agt,     Col::agent_rise, Col::agent_fall,     Col::agent_health};

void add_check(Builder& b, const health::Check& check, const model::CheckState& state, const CheckColumns& c) {
  auto status = static_cast<health::Status>(state.status.load(kRelaxed));
  b[c.status] = text(kStatus, health::short_name(status));
  if (health::has_code(status)) b[c.code] = u32(kGauge, static_cast<uint64_t>(std::max(0, state.code.load(kRelaxed))));
  if (status >= health::Status::unchanged)
    b[c.duration] = u32(kGauge, static_cast<uint64_t>(std::max<int64_t>(0, state.duration_ms.load(kRelaxed))));
  b[c.description] = text(kStatus, health::description(status));
  b[c.last] = text(kStatus, state.text.get());
  b[c.rise] = u32(kServiceKey, static_cast<uint64_t>(check.rise));
  b[c.fall] = u32(kServiceKey, static_cast<uint64_t>(check.fall));
  b[c.health] = u32(kServiceKey, static_cast<uint64_t>(std::max(0, state.health.load(kRelaxed))));
}

void add_health(Builder& b, const model::Server& server, const Moment& m) {
  const model::Server& root = checked_server(server);
  const model::Health& health = root.state->health;
  if (server.checks) {
    b.count(Col::chkfail, health.failed);
    b.count(Col::chkdown, health.downs);
    b.count(Col::hanafail, health.observed);
  }
  if (&root != &server)
    b[Col::tracked] =
        text(kConfigName, fmt::format("{}/{}", server.checks->tracks->pool->name, server.checks->tracks->name));
  if (running_check(server, false))
    b[Col::downtime] = u32(kCounter, static_cast<uint64_t>(health::down_seconds(server, m.now_s)));
  if (ServerView(server).maint()) return;
  if (const health::Check* check = running_check(server, false)) add_check(b, *check, health.check, kCheckColumns);
  if (const health::Check* agent = running_check(server, true)) add_check(b, *agent, health.agent, kAgentColumns);
}

void add_front_http(Builder& b, const ProxyCounters& c, const Connections& conns) {
  add_statuses(b, c.status);
  b.count(Col::req_tot, c.requests);
  b.count(Col::intercepted, c.intercepted);
  b.count(Col::cache_lookups, 0);
  b.count(Col::cache_hits, 0);
  b.count(Col::h1sess, conns.total);
  b.count(Col::h1req, c.requests);
}

}  // namespace

Moment moment_since(uint64_t start_ms) {
  Moment m;
  m.now_ms = monotonic_ms();
  m.start_ms = start_ms;
  m.now_s = time(nullptr);
  m.start_s = m.now_s - static_cast<int64_t>((m.now_ms - start_ms) / 1000);
  return m;
}

Line front_line(const ProxyEntry& p, const Moment& m) {
  const ProxyCounters& c = *p.front_counters;
  const Connections& conns = c.connections;
  Builder b;
  add_identity(b, p, "FRONTEND", 0, kFrontend);
  constexpr Str kStates[] = {"OPEN", "PAUSED", "STOP"};
  b[Col::status] = text(kStatus, kStates[static_cast<size_t>(p.state())]);
  b.gauge(Col::scur, conns.current);
  b.most(Col::smax, conns.max_current);
  b[Col::slim] = u32(kLimit, p.connection_limit());
  b.count(Col::stot, conns.total);
  b.count(Col::bin, c.bytes_in);
  b.count(Col::bout, c.bytes_out);
  b.count(Col::dreq, c.denied_requests);
  b.count(Col::dresp, c.denied_responses);
  b.count(Col::ereq, c.bad_requests);
  b[Col::rate] = u32(kRate, conns.rate.read(m.now_ms));
  b[Col::rate_lim] = u32(kLimit, p.rate_limit());
  b[Col::rate_max] = u32(kMax, conns.rate.max());
  b[Col::req_rate] = u32(kRate, c.request_rate.read(m.now_ms));
  b[Col::req_rate_max] = u32(kMax, c.request_rate.max());
  b[Col::conn_rate] = u32(kRate, conns.rate.read(m.now_ms));
  b[Col::conn_rate_max] = u32(kMax, conns.rate.max());
  b.count(Col::conn_tot, conns.total);
  b.count(Col::h1sess, 0);
  b.count(Col::h2sess, 0);
  b.count(Col::h3sess, 0);
  b.count(Col::h1req, 0);
  b.count(Col::h2req, 0);
  b.count(Col::h3req, 0);
  if (p.http) add_front_http(b, c, conns);
  b.count(Col::sess_other, p.http ? 0 : conns.total.load(kRelaxed));
  b.count(Col::req_other, p.http ? 0 : c.requests.load(kRelaxed));
  b.count(Col::reqbin, c.bytes_in);
  b.count(Col::resbout, c.bytes_out);
  return b.take();
}

Line server_line(const ProxyEntry& p, const model::Server& server, const ServerEntry& e, const Moment& m,
                 bool legends) {
  const model::ServerState& s = *server.state;
  ServerView view(server);
  Builder b;
  add_identity(b, p, server.name, e.id, kServer);
  b[Col::status] = text(kStatus, status_of(server));
  b.gauge(Col::qcur, s.queued);
  b.most(Col::qmax, s.max_queued);
  if (int32_t most = server.limits.max_queue) b[Col::qlimit] = u32(kConfig, static_cast<uint64_t>(most));
  b.gauge(Col::scur, s.current);
  b.most(Col::smax, s.max_current);
  if (int32_t limit = s.max_conns.load(kRelaxed)) b[Col::slim] = u32(kLimit, static_cast<uint64_t>(limit));
  b.count(Col::stot, s.total);
  b.count(Col::bin, s.bytes_in);
  b.count(Col::bout, s.bytes_out);
  b.count(Col::dresp, s.denied_responses);
  b.count(Col::econ, s.connect_errors);
  b.count(Col::eresp, s.response_errors);
  b.count(Col::wretr, s.retries);
  b.count(Col::wredis, s.redispatches);
  b[Col::weight] = u32(kAverage, static_cast<uint64_t>(view.weight));
  b[Col::uweight] = u32(kAverage, static_cast<uint64_t>(view.weight));
  b[Col::act] = u32(kStatus, server.backup ? 0 : 1);
  b[Col::bck] = u32(kStatus, server.backup ? 1 : 0);
  b[Col::lastchg] = u32(kAge, age(s.changed_s.load(kRelaxed), m));
  add_health(b, server, m);
  if (view.running() && !view.stopping && model::warming(server, m.now_ms))
    b[Col::throttle] = u32(kAverage, static_cast<uint64_t>(model::warm_percent(server, m.now_ms)));
  b.count(Col::lbtot, s.chosen);
  b[Col::rate] = u32(kRate, s.rate.read(m.now_ms));
  b[Col::rate_max] = u32(kMax, s.rate.max());
  if (p.http) b.count(Col::req_tot, add_statuses(b, s.status));
  b.count(Col::cli_abrt, s.client_aborts);
  b.count(Col::srv_abrt, s.server_aborts);
  b[Col::lastsess] = last_session(s.used_ms.load(kRelaxed), m);
  add_times(b, s.times, s.total.load(kRelaxed));
  b.count(Col::connect, s.connects);
  b.count(Col::reuse, s.reuses);
  b.gauge(Col::srv_icur, s.idle);
  if (e.max_idle >= 0) b[Col::src_ilim] = u32(kLimit, static_cast<uint64_t>(e.max_idle));
  b[Col::idle_conn_cur] = u32(kGauge, 0);
  b.gauge(Col::safe_conn_cur, s.idle);
  b.gauge(Col::used_conn_cur, s.current);
  b[Col::srid] = u32(kCounter, 0);
  b.count(Col::reqbout, s.bytes_in);
  b.count(Col::resbin, s.bytes_out);
  if (legends) {
    b[Col::addr] = text(kConfig, address_text(server.address()));
    if (!e.cookie.empty()) b[Col::cookie] = text(kConfigName, e.cookie);
  }
  return b.take();
}

Line back_line(const ProxyEntry& p, const Moment& m, bool legends, bool counted) {
  const ProxyCounters& c = *p.back_counters;
  const model::PoolState& s = *p.pool->state;
  PoolView view(*p.pool);
  Sums sums(*p.pool);
  Builder b;
  add_identity(b, p, "BACKEND", 0, kBackend);
  std::string status = view.serves() ? "UP" : "DOWN";
  if (p.publication && p.publication->hidden.load(kRelaxed)) status += " (UNPUB)";
  if (counted) status += fmt::format(" ({}/{})", view.up, view.all);
  b[Col::status] = text(kStatus, status);
  b.gauge(Col::qcur, s.queued_anywhere);
  b.most(Col::qmax, s.max_queued);
  b.gauge(Col::scur, s.current);
  b.most(Col::smax, s.max_current);
  b[Col::slim] = u32(kLimit, p.full_conns);
  b.count(Col::stot, s.total);
  b.count(Col::bin, c.bytes_in);
  b.count(Col::bout, c.bytes_out);
  b.count(Col::dreq, c.denied_requests);
  b.count(Col::dresp, c.denied_responses);
  b.count(Col::econ, s.connect_errors);
  b.count(Col::eresp, s.response_errors);
  b.count(Col::wretr, s.retries);
  b.count(Col::wredis, s.redispatches);
  b[Col::weight] = u32(kAverage, view.weight);
  b[Col::uweight] = u32(kAverage, view.weight);
  b[Col::act] = u32(kGauge, view.active);
  b[Col::bck] = u32(kGauge, view.backup);
  b.count(Col::chkdown, s.downs);
  const uint64_t unchanged_s = age(s.changed_s.load(kRelaxed), m);
  b[Col::lastchg] = u32(kAge, unchanged_s);
  if (view.all)
    b[Col::downtime] =
        u32(kCounter, static_cast<uint64_t>(s.down_s.load(kRelaxed)) + (view.serves() ? 0 : unchanged_s));
  b.count(Col::lbtot, s.chosen);
  b[Col::rate] = u32(kRate, s.rate.read(m.now_ms));
  b[Col::rate_max] = u32(kGauge, s.rate.max());
  if (p.http) {
    add_statuses(b, c.status);
    b.count(Col::req_tot, c.requests);
    b.count(Col::cache_lookups, 0);
    b.count(Col::cache_hits, 0);
  }
  b.count(Col::cli_abrt, c.client_aborts);
  b.count(Col::srv_abrt, c.server_aborts);
  b[Col::lastsess] = last_session(s.used_ms.load(kRelaxed), m);
  add_times(b, s.times, s.total.load(kRelaxed));
  b.count(Col::connect, sums.connects);
  b.count(Col::reuse, sums.reuses);
  b[Col::agg_server_status] = u32(kGauge, 0);
  b[Col::agg_server_check_status] = u32(kGauge, 0);
  b[Col::agg_check_status] = u32(kGauge, 0);
  b.count(Col::reqbin, c.bytes_in);
  b.count(Col::resbout, c.bytes_out);
  if (legends) {
    b[Col::algo] = text(kConfig, p.algorithm);
    if (!p.cookie.empty()) b[Col::cookie] = text(kConfigName, p.cookie);
  }
  return b.take();
}

}  // namespace weir::stats
