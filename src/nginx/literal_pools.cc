// See nginx/literal_pools.h.
#include "nginx/literal_pools.h"

#include "balance/balancer.h"
#include "nginx/personality.h"
#include "proxy/transaction.h"

namespace weir::nginx {

struct LiteralPools::Entry {
  struct One {
    std::string name;
    model::ServerState state;
    model::ServerLocal local;
    model::Server server;
  };
  Arena arena;
  std::string name;
  uint64_t used_ms = 0;
  model::PoolState pool_state;
  model::PoolLocal pool_local;
  model::Pool pool;
  std::unique_ptr<One[]> servers;
  std::unique_ptr<model::Balancer> balancer;

  // The ids are the spare ones behind the model's: shards keep no idle connection there.
  Entry(const model::Model& model, Str host, std::span<const net::Addr> addrs)
      : name(host), servers(new One[addrs.size()]) {
    pool.name = name;
    pool.id = static_cast<uint32_t>(model.pools.size());
    pool.state = &pool_state;
    pool.local = &pool_local;
    pool.personality = &personality();
    pool.reuse = model::Reuse::always;
    pool.keepalive = 0;
    for (size_t i = 0; i < addrs.size(); i++) {
      One& one = servers[i];
      one.name = addrs[i].text();
      model::Server& server = one.server;
      server.name = one.name;
      server.host = pool.name;
      server.addr = addrs[i];
      if (server.addr.family == AF_UNIX) parse_literal(server.name, 0, server.addr);
      server.id = static_cast<uint32_t>(model.servers.size());
      server.slot = static_cast<uint16_t>(i);
      server.max_fails = 0;  // who failed a request is asked by the next one all the same
      server.pool = &pool;
      server.state = &one.state;
      server.local = &one.local;
      one.state.weight = server.weight;
      pool.servers.push_back(&server);
    }
    balancer.reset(model::make_smooth_round_robin(pool));
    pool.balancer = balancer.get();
  }
};

LiteralPools::LiteralPools() = default;
LiteralPools::~LiteralPools() = default;

const model::Pool* LiteralPools::find(proxy::Transaction& txn, Str text, uint16_t port) {
  net::Addr addr;
  if (!parse_literal(text, port, addr)) return nullptr;
  return find(txn, addr.text(), std::span(&addr, 1));
}

const model::Pool* LiteralPools::find(proxy::Transaction& txn, Str host, std::span<const net::Addr> addrs) {
  std::string key(host);
  for (const net::Addr& a : addrs) key.append(" ").append(a.text());
  std::lock_guard guard(lock_);
  auto it = entries_.find(key);
  if (it != entries_.end()) return keep(txn, it->second);
  if (entries_.size() >= kMost && !make_room(txn.shard.loop.now())) return nullptr;
  auto entry = std::make_shared<Entry>(txn.shard.model, host, addrs);
  return keep(txn, entries_.emplace(std::move(key), std::move(entry)).first->second);
}

const model::Pool* LiteralPools::keep(proxy::Transaction& txn, std::shared_ptr<Entry>& entry) {
  entry->used_ms = txn.shard.loop.now();
  txn.arena.own<std::shared_ptr<Entry>>(entry);
  return &entry->pool;
}

// Connections end soon after the requests that were on them.
bool LiteralPools::make_room(uint64_t now_ms) {
  constexpr uint64_t kPause = 60'000;
  std::erase_if(entries_,
                [&](const auto& e) { return e.second.use_count() == 1 && now_ms > e.second->used_ms + kPause; });
  return entries_.size() < kMost;
}

bool parse_literal(Str text, uint16_t port, net::Addr& out) {
  if (text.starts_with("unix:")) {
    Str path = text.substr(5);
    if (path.empty() || path.size() >= sizeof sockaddr_un::sun_path) return false;
    out.family = AF_UNIX;
    out.path = path.data();
    out.path_size = static_cast<uint16_t>(path.size());
    return true;
  }
  Str host = text;
  if (!split_port(host, port) || !net::parse_ip(host, out)) return false;
  out.port = port;
  return true;
}

bool split_port(Str& host, uint16_t& port) {
  size_t colon = host.rfind(':');
  if (colon == Str::npos || host.find(']', colon) != Str::npos) return true;
  auto n = parse_u64(host.substr(colon + 1));
  if (!n || *n == 0 || *n > 65535) return false;
  port = static_cast<uint16_t>(*n);
  host = host.substr(0, colon);
  return true;
}

}  // namespace weir::nginx
