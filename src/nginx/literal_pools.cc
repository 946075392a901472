// See nginx/literal_pools.h.
#include "nginx/literal_pools.h"

#include "balance/balancer.h"
#include "nginx/personality.h"

namespace weir::nginx {

struct LiteralPools::Entry {
  Arena arena;
  model::PoolState pool_state;
  model::ServerState server_state;
  model::PoolLocal pool_local;
  model::ServerLocal server_local;
  model::Pool pool;
  model::Server server;
  std::unique_ptr<model::Balancer> balancer;

  // The ids are the spare ones behind the model's: shards keep no idle connection there.
  Entry(const model::Model& model, Str name, const net::Addr& addr) {
    pool.name = server.name = server.host = name;
    pool.id = static_cast<uint32_t>(model.pools.size());
    pool.state = &pool_state;
    pool.local = &pool_local;
    pool.personality = &personality();
    pool.reuse = model::Reuse::always;
    pool.keepalive = 0;
    server.addr = addr;
    server.id = static_cast<uint32_t>(model.servers.size());
    server.pool = &pool;
    server.state = &server_state;
    server.local = &server_local;
    server_state.weight = server.weight;
    pool.servers.push(arena, &server);
    balancer.reset(model::make_smooth_round_robin(pool));
    pool.balancer = balancer.get();
  }
};

LiteralPools::LiteralPools() = default;
LiteralPools::~LiteralPools() = default;

const model::Pool* LiteralPools::find(const model::Model& model, Str text, uint16_t port) {
  net::Addr addr;
  if (!parse_literal(text, port, addr)) return nullptr;
  std::string key = addr.text();
  std::lock_guard guard(lock_);
  auto it = entries_.find(key);
  if (it != entries_.end()) return &it->second->pool;
  if (entries_.size() >= kMost) return nullptr;
  it = entries_.try_emplace(std::move(key)).first;
  Str name = it->first;  // a key of the map stays where it is
  if (addr.family == AF_UNIX) parse_literal(name, port, addr);
  it->second = std::make_unique<Entry>(model, name, addr);
  return &it->second->pool;
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
  size_t colon = text.rfind(':');
  if (colon != Str::npos && text.find(']', colon) == Str::npos) {
    auto n = parse_u64(text.substr(colon + 1));
    if (!n || *n == 0 || *n > 65535) return false;
    port = static_cast<uint16_t>(*n);
    host = text.substr(0, colon);
  }
  if (!net::parse_ip(host, out)) return false;
  out.port = port;
  return true;
}

}  // namespace weir::nginx
