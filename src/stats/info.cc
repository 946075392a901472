// The line of `show info`; see stats/lines.h.
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/tls_counts.h"
#include "stats/counters.h"
#include "stats/lines.h"
#include "stats/process_load.h"
#include "sticky/peer_counts.h"

namespace weir::stats {
namespace {

std::string uptime_text(uint64_t s) {
  return fmt::format("{}d {}h{:02}m{:02}s", s / 86400, s % 86400 / 3600, s % 3600 / 60, s % 60);
}

uint64_t descriptor_limit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

// The limit on memory, or 0.
uint64_t memory_limit() {
  rlimit limit{};
  return getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : 0;
}

// Over all frontends.
struct Fronts {
  uint64_t rate = 0, max_rate = 0, bytes_out = 0;
  Fronts(const Catalogue& catalogue, uint64_t now_ms) {
    for (const ProxyEntry& p : catalogue.proxies) {
      if (!p.front) continue;
      rate += p.front_counters->connections.rate.read(now_ms);
      max_rate = std::max<uint64_t>(max_rate, p.front_counters->connections.rate.max());
      bytes_out += p.front_counters->bytes_out.load(std::memory_order_relaxed);
    }
    max_rate = std::max(max_rate, rate);
  }
};

Field& at(Line& line, Info i) {
  return line[static_cast<size_t>(i)];
}

// Memory is that of the C library's heap: weir's pools are part of it.
void fill_load(Line& line, const Catalogue& catalogue, const Moment& m, uint64_t bytes_out, const Totals& totals) {
  ProcessLoad load = process_load(m.now_ms, m.start_ms, catalogue.shards, bytes_out);
  at(line, Info::idle_pct) = u32(kAverage, load.idle_pct);
  at(line, Info::bytes_out_rate) = u64(kRate, load.bytes_out_rate);
  int64_t tasks = std::max<int64_t>(0, totals.active) + std::max<int64_t>(0, totals.writing) + catalogue.listeners;
  at(line, Info::tasks) = u32(kGauge, static_cast<uint64_t>(tasks));
  at(line, Info::run_queue) = u32(kGauge, 1);  // this answer
  at(line, Info::maxconn_reached) = u32(kCounter, totals.accepted - std::min(totals.accepted, totals.handled));
  struct mallinfo2 heap = mallinfo2();
  uint64_t taken = heap.arena + heap.hblkhd, used = heap.uordblks + heap.hblkhd;
  at(line, Info::pool_alloc_mb) = u32(kGauge, taken >> 20);
  at(line, Info::pool_alloc_bytes) = u64(kGauge, taken);
  at(line, Info::pool_used_mb) = u32(kGauge, used >> 20);
  at(line, Info::pool_used_bytes) = u64(kGauge, used);
}

void fill_tls(Line& line, const Catalogue& catalogue, const Moment& m) {
  const net::TlsCounts& tls = net::g_tls_counts;
  at(line, Info::curr_ssl_conns) = u32(kGauge, static_cast<uint64_t>(std::max<int64_t>(0, tls.now.load())));
  at(line, Info::cum_ssl_conns) = u32(kCounter, tls.ever.load());
  if (!catalogue.limits) return;
  const Rate& rate = catalogue.limits->tls_sessions.rate;
  at(line, Info::ssl_rate) = u32(kRate, rate.read(m.now_ms));
  at(line, Info::max_ssl_rate) = u32(kMax, rate.max());
}

}  // namespace

Line info_line(const Catalogue& catalogue, bool stopping, const Moment& m, bool real_numbers) {
  Line line(static_cast<size_t>(Info::count_));
  auto at = [&](Info i) -> Field& { return line[static_cast<size_t>(i)]; };
  Totals totals = stats::totals();
  Fronts fronts(catalogue, m.now_ms);
  uint64_t descriptors = descriptor_limit();
  at(Info::name) = text(kProduct, catalogue.product);
  at(Info::version) = text(kProduct, catalogue.version);
  at(Info::release_date) = text(kProduct, catalogue.release_date);
  at(Info::build_info) = text(kProduct, catalogue.version);
  at(Info::nbthread) = u32(kConfig, static_cast<uint64_t>(catalogue.shards));
  at(Info::nbproc) = u32(kConfig, 1);
  at(Info::nb_thread_groups) = u32(kConfig, 1);
  at(Info::process_num) = u32(kKey, 1);
  at(Info::pid) = u32(kStatus, static_cast<uint64_t>(getpid()));
  at(Info::uptime) = text(kDuration, uptime_text(m.uptime_s()));
  double seconds = static_cast<double>(m.now_ms - m.start_ms) / 1000;
  at(Info::uptime_sec) = real_numbers ? real(kDuration, seconds) : u32(kDuration, m.uptime_s());
  at(Info::start_time_sec) =
      real_numbers ? real(kDuration, static_cast<double>(m.start_s)) : u32(kDuration, static_cast<uint64_t>(m.start_s));
  at(Info::memmax_mb) = u32(kLimit, memory_limit() >> 20);
  at(Info::memmax_bytes) = u32(kLimit, memory_limit());
  at(Info::ulimit_n) = u32(kLimit, descriptors);
  at(Info::maxsock) = u32(kLimit, descriptors);
  at(Info::maxconn) = u32(kLimit, catalogue.connection_limit());
  at(Info::hard_maxconn) = u32(kLimit, catalogue.hard_connection_limit());
  at(Info::curr_conns) = u32(kGauge, static_cast<uint64_t>(std::max<int64_t>(0, totals.active)));
  at(Info::cum_conns) = u32(kCounter, totals.accepted);
  at(Info::cum_req) = u32(kCounter, totals.requests);
  at(Info::max_ssl_conns) = u32(kMax, 0);
  at(Info::maxpipes) = u32(kLimit, 0);
  at(Info::pipes_used) = u32(kGauge, 0);
  at(Info::pipes_free) = u32(kGauge, 0);
  for (auto [now, limit, most] : {std::tuple{Info::conn_rate, Info::conn_rate_limit, Info::max_conn_rate},
                                  std::tuple{Info::sess_rate, Info::sess_rate_limit, Info::max_sess_rate}}) {
    at(now) = real_numbers ? real(kRate, static_cast<double>(fronts.rate)) : u32(kRate, fronts.rate);
    at(limit) = u32(kLimit, 0);
    at(most) = u32(kMax, fronts.max_rate);
  }
  if (const Limits* l = catalogue.limits) {
    for (auto [column, limit] :
         {std::pair{Info::conn_rate_limit, &l->connections}, std::pair{Info::sess_rate_limit, &l->sessions},
          std::pair{Info::ssl_rate_limit, &l->tls_sessions}, std::pair{Info::compress_bps_rate_lim, &l->compression}})
      at(column) = u32(kLimit, limit->limit.load(std::memory_order_relaxed));
  }
  at(Info::node) = text(kConfigOutput, catalogue.node);
  if (!catalogue.description.empty()) at(Info::description) = text(kConfigOutput, catalogue.description);
  at(Info::stopping) = u32(kGauge, stopping ? 1 : 0);
  at(Info::jobs) = u32(kGauge, static_cast<uint64_t>(std::max<int64_t>(0, totals.active) + catalogue.listeners));
  at(Info::unstoppable_jobs) = u32(kGauge, 0);
  at(Info::listeners) = u32(kGauge, static_cast<uint64_t>(catalogue.listeners));
  at(Info::active_peers) = u32(kGauge, sticky::g_active_peers.load());
  at(Info::connected_peers) = u32(kGauge, sticky::g_connected_peers.load());
  at(Info::busy_polling) = u32(kGauge, 0);
  at(Info::total_bytes_out) = u64(kGauge, fronts.bytes_out);
  at(Info::total_spliced_bytes_out) = u64(kGauge, 0);
  at(Info::tainted) = text(kStatus, "0");
  fill_load(line, catalogue, m, fronts.bytes_out, totals);
  fill_tls(line, catalogue, m);
  if (catalogue.dropped_logs) at(Info::dropped_logs) = u32(kCounter, catalogue.dropped_logs());
  at(Info::curr_streams) = u64(kGauge, static_cast<uint64_t>(std::max<int64_t>(0, totals.writing)));
  at(Info::cum_streams) = u64(kGauge, totals.requests);
  // Programs look for every name that HAProxy prints. What weir has not got, or does not count, is 0.
  for (Field& field : line)
    if (field.empty() && &field != &at(Info::description)) field = u32(kGauge, 0);
  return line;
}

}  // namespace weir::stats
