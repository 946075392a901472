// What each shard counts for itself: activity, threads, pools of objects, connections to servers. Every shard answers with a
// line of numbers; the lines become a table on the control thread.
#include <fmt/format.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>

#include "base/slab.h"
#include "control/command.h"
#include "http/h1_client.h"
#include "http/h1_server.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"
#include "stats/counters.h"

namespace weir::control {
namespace {

using Numbers = std::vector<uint64_t>;
using Table = std::vector<Numbers>;  // by shard; those that have ended are missing

Table parse_table(Str all) {
  Table table;
  while (!all.empty()) {
    Numbers row;
    for (Str line = cut(all, '\n'); !line.empty();) row.push_back(parse_u64(cut(line, ' ')).value_or(0));
    table.push_back(std::move(row));
  }
  return table;
}

Outcome ask(Call& call, std::function<Numbers(proxy::Shard&)> fn,
            std::function<std::string(Session&, const Table&)> done) {
  call.server.ask_shards(
      call.session,
      [fn = std::move(fn)](proxy::Shard& shard) {
        std::string line;
        for (uint64_t n : fn(shard)) line += fmt::format("{} ", n);
        if (line.ends_with(' ')) line.pop_back();
        return line + '\n';
      },
      [done = std::move(done)](Session& session, std::string all) { return done(session, parse_table(all)); });
  return Outcome::later;
}

// --- activity and threads ---

enum Activity : size_t { kAccepted, kHandled, kRequests, kConnections, kWaiting, kTransactions, kActivities };
constexpr Str kActivityNames[] = {"accepted", "handled", "requests", "connections", "waiting", "transactions"};

Numbers count_activity(proxy::Shard& shard) {
  const stats::Counters& c = stats::counters();
  auto read = [](const auto& n) { return static_cast<uint64_t>(n.load(std::memory_order_relaxed)); };
  Numbers row(kActivities);
  row[kAccepted] = read(c.accepted);
  row[kHandled] = read(c.handled);
  row[kRequests] = read(c.requests);
  row[kConnections] = shard.connections();
  row[kWaiting] = read(c.waiting);
  for (proxy::Transaction* t = shard.live.front(); t; t = shard.live.next(t)) row[kTransactions] += !t->finished();
  return row;
}

// "accepted: 3 [ 1 2 ]"; `only`: 0, the sum alone, or the number of one thread.
void activity_line(std::string& out, const Table& table, size_t column, long only) {
  uint64_t sum = 0;
  for (const Numbers& row : table) sum += row[column];
  out += fmt::format("{}:", kActivityNames[column]);
  if (only > 0) {
    out += fmt::format(" {}",
                       static_cast<size_t>(only) <= table.size() ? table[static_cast<size_t>(only) - 1][column] : 0);
  } else {
    out += fmt::format(" {}", sum);
    if (only < 0 && table.size() > 1) {
      out += " [";
      for (const Numbers& row : table) out += fmt::format(" {}", row[column]);
      out += " ]";
    }
  }
  out += '\n';
}

Outcome show_activity(Call& call) {
  long only = call.word(2).empty() ? -1 : strtol(call.words[2].c_str(), nullptr, 10);
  int shards = call.server.catalogue().shards;
  if (only < -1 || only > shards) return call.refuse("Thread ID number must be between -1 and nbthread\n");
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  stats::Moment m = call.server.moment();
  uint64_t up = m.now_ms - m.start_ms;
  std::string head = fmt::format("thread_id: 1 (1..{})\ndate_now: {}.{:06}\nuptime_now: {}.{:06}\n", shards, now.tv_sec,
                                 now.tv_nsec / 1000, up / 1000, up % 1000 * 1000);
  return ask(call, count_activity, [head = std::move(head), only](Session&, const Table& table) {
    std::string out = head;
    for (size_t i = 0; i < kActivities; i++) activity_line(out, table, i, only);
    return out;
  });
}

Outcome show_threads(Call& call) {
  return ask(call, count_activity, [](Session&, const Table& table) {
    std::string out;
    for (size_t i = 0; i < table.size(); i++) {
      out += fmt::format("  Thread {:<2}:", i + 1);
      for (size_t column = 0; column < kActivities; column++)
        out += fmt::format(" {}={}", kActivityNames[column], table[i][column]);
      out += '\n';
    }
    return out;
  });
}

// --- pools ---

struct ObjectPool {
  Str name;
  uint64_t size;
  uint64_t allocated;
  uint64_t used;
  uint64_t bytes() const { return size * allocated; }
};

template <class T>
void count_slab(Numbers& row) {
  const auto& slab = Slab<T>::local();
  row.push_back(slab.room());
  row.push_back(slab.live());
}

Numbers count_slabs(proxy::Shard&) {
  Numbers row;
  count_slab<http::H1Server>(row);
  count_slab<http::H1Client>(row);
  count_slab<proxy::Transaction>(row);
  return row;
}

struct PoolWish {
  Str order;  // byname, bysize, byusage; empty: none
  std::string prefix;
  size_t most = SIZE_MAX;
};

std::string pools_text(const Table& table, const PoolWish& wish) {
  std::vector<ObjectPool> pools = {{"client-conn", sizeof(http::H1Server), 0, 0},
                                   {"server-conn", sizeof(http::H1Client), 0, 0},
                                   {"transaction", sizeof(proxy::Transaction), 0, 0}};
  for (const Numbers& row : table) {
    for (size_t i = 0; i < pools.size(); i++) {
      pools[i].allocated += row[2 * i];
      pools[i].used += row[2 * i + 1];
    }
  }
  std::erase_if(pools, [&](const ObjectPool& p) {
    return !p.name.starts_with(wish.prefix) || (wish.order == "byusage" && !p.used);
  });
  if (wish.order == "byname") std::ranges::sort(pools, {}, &ObjectPool::name);
  if (wish.order == "bysize") std::ranges::sort(pools, std::greater(), &ObjectPool::size);
  if (wish.order == "byusage") std::ranges::sort(pools, std::greater(), &ObjectPool::bytes);
  std::string out = "Dumping pools usage";
  if (pools.size() > wish.most) out += fmt::format(" (limited to the first {} entries)", wish.most);
  out += ".\n";
  uint64_t allocated = 0, used = 0;
  for (size_t i = 0; i < pools.size(); i++) {
    const ObjectPool& p = pools[i];
    allocated += p.bytes();
    used += p.used * p.size;
    if (i < wish.most)
      out += fmt::format("  - Pool {} ({} bytes) : {} allocated ({} bytes), {} used\n", p.name, p.size, p.allocated,
                         p.bytes(), p.used);
  }
  return out + fmt::format("Total: {} pools, {} bytes allocated, {} used.\n", pools.size(), allocated, used);
}

Outcome show_pools(Call& call) {
  PoolWish wish;
  for (size_t i = 2; i < call.words.size(); i++) {
    Str word = call.words[i];
    if (word == "byname")
      wish.order = "byname";
    else if (word == "bysize")
      wish.order = "bysize";
    else if (word == "byusage")
      wish.order = "byusage";
    else if (word == "match" && i + 1 < call.words.size())
      wish.prefix = call.words[++i];
    else if (is_digit(word[0]))
      wish.most = strtoul(call.words[i].c_str(), nullptr, 10);
    else if (word != "detailed")
      return call.refuse(
          "Expects either 'byname', 'bysize', 'byusage', 'match <pfx>', 'detailed', or a max number of output "
          "lines.\n");
  }
  return ask(call, count_slabs,
             [wish = std::move(wish)](Session&, const Table& table) { return pools_text(table, wish); });
}

// --- connections to servers ---

std::string connections_line(const stats::ProxyEntry& p, const model::Server& s, const stats::ServerEntry& e,
                             const Table& idle) {
  const model::ServerState& state = *s.state;
  int32_t used = std::max(0, state.current.read());
  const net::Addr& a = s.address();
  Arena arena;
  uint64_t sum = 0;
  std::string per_shard;
  for (const Numbers& row : idle) {
    const uint64_t here = s.id < row.size() ? row[s.id] : 0;  // it may have been added since
    sum += here;
    per_shard += fmt::format(" {}", here);
  }
  return fmt::format("{}/{} {}/{} {} {} - {} {} {} {} {} 0 0 {} {} {}{}\n", p.name, s.name, p.id, e.id,
                     a.is_ip() ? a.ip_text(arena) : Str("-"), a.is_ip() ? a.port : 0, e.purge_delay, used, used,
                     std::max(0, state.max_current.load(std::memory_order_relaxed)), used, sum, e.max_idle, sum,
                     per_shard);
}

Outcome show_connections(Call& call) {
  stats::Catalogue& catalogue = call.server.catalogue();
  const stats::ProxyEntry* only = nullptr;
  if (!call.word(3).empty() && !(only = catalogue.find_back(call.word(3)))) return call.refuse("Can't find backend.\n");
  return ask(
      call,
      [](proxy::Shard& shard) {
        Numbers row;
        for (const model::Server* s : shard.model.servers) row.push_back(shard.upstreams.idle(*s));
        return row;
      },
      [&catalogue, only](Session&, const Table& idle) {
        std::string out = fmt::format(
            "# bkname/svname bkid/svid addr port - purge_delay served used_cur used_max need_est idle_sess "
            "unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[{}]\n",
            catalogue.shards);
        for (const stats::ProxyEntry& p : catalogue.proxies) {
          if (!p.back || (only && &p != only)) continue;
          for (const model::Server* s : p.pool->servers)
            if (!s->absent()) out += connections_line(p, *s, catalogue.of(*s), idle);
        }
        return out;
      });
}

constexpr Command kRows[] = {
    {{"show", "servers", "conn"},
     Level::user,
     "show servers conn [<backend>]",
     "connections to servers",
     show_connections},
    {{"show", "activity"},
     Level::operate,
     "show activity [-1|0|thread_num]",
     "what the process has to do, by thread",
     show_activity},
    {{"show", "threads"}, Level::user, "show threads", "what each thread has", show_threads},
    {{"show", "pools"},
     Level::user,
     "show pools [by*] [match <pfx>] [nb]",
     "memory of connections and requests",
     show_pools},
};

}  // namespace

const Commands kShardCommands = kRows;

}  // namespace weir::control
