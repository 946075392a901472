// The line of `show info`; see stats/lines.h.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stats/counters.h"
#include "stats/lines.h"

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
  at(Info::active_peers) = u32(kGauge, 0);
  at(Info::connected_peers) = u32(kGauge, 0);
  at(Info::busy_polling) = u32(kGauge, 0);
  at(Info::total_bytes_out) = u64(kGauge, fronts.bytes_out);
  at(Info::total_spliced_bytes_out) = u64(kGauge, 0);
  at(Info::tainted) = text(kStatus, "0");
  at(Info::curr_streams) = u64(kGauge, static_cast<uint64_t>(std::max<int64_t>(0, totals.writing)));
  at(Info::cum_streams) = u64(kGauge, totals.requests);
  return line;
}

}  // namespace weir::stats
