// Taking over what former configurations left; see model/state.h.
#include "model/state.h"

#include <string.h>
#include <time.h>

#include <mutex>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "model/begin.h"

namespace weir::model {
namespace {

const KindOf<ServerState> kServers("server 5");
const KindOf<PoolState> kPools("pool 4");

uint64_t hash_of(const net::Addr& addr) {
  std::string text = addr.text();
  return XXH3_64bits(text.data(), text.size());  // equal in every version of the program
}

// Stores what the file says where that is not what it said before.
template <class T, class Set>
void follow(std::atomic<T>& before, T now, bool known, Set set) {
  if (known && before.load() == now) return;
  before.store(now);
  set();
}

// Whether it takes new clients, as far as operators and health have a say.
bool serves(const Server& server) {
  const ServerState& s = *server.state;
  return s.admin.load() != static_cast<uint8_t>(Admin::maint) && s.up.load() && !s.stopping.load() &&
         !server.without_address();
}

// A server that takes clients again begins its slow start.
void note_warmth(const Server& server) {
  ServerState& s = *server.state;
  const bool now = serves(server);
  if (s.warmth.serves.exchange(now) != now && now) s.warmth.since_ms.store(stats::monotonic_ms());
}

void settle(Model& model, const Server& server) {
  ServerState& s = *server.state;
  Configured& was = s.configured;
  bool known = was.known.exchange(true);
  follow(was.weight, server.weight, known, [&] { s.weight = server.weight; });
  follow(was.max_conns, server.max_conns, known, [&] { s.max_conns = server.max_conns; });
  follow(was.tls, server.tls_mode, known, [&] { s.tls = server.tls_mode; });
  const Admin admin = server.disabled ? Admin::maint : server.draining ? Admin::drain : Admin::ready;
  follow(was.admin, static_cast<uint8_t>(admin), known, [&] { s.admin = static_cast<uint8_t>(admin); });
  auto begin_anew = [&] {
    s.up = (!server.unresolved || server.follows) && !server.begins_down;
    s.stopping = false;
    s.fails = 0;
    s.health.begin_anew();
  };
  // The checks of a server that was added wait for an operator, those of the file do not.
  if (known && (was.checks & Configured::kAddedChecks) && !(server.checks_key & Configured::kAddedChecks))
    for (CheckState* c : {&s.health.check, &s.health.agent}) c->enabled = true;
  follow(was.unresolved, server.unresolved, known, begin_anew);
  follow(was.checks, server.checks_key, known, begin_anew);
  follow(was.addr, server.unresolved ? 0 : hash_of(server.addr), known, [&] {
    begin_anew();
    s.moved.clear();
  });
  if (!known) s.warmth.serves = serves(server);  // who serves from the start has not come back
  state_changed(server);
  net::Addr moved;
  std::string path;
  if (!s.moved.get(moved, path)) return;
  if (server.spare && server.addr.port) moved.port = server.addr.port;  // names have none: it is as in the file
  if (moved.family == AF_UNIX) moved.path = model.arena.dup(path).data();
  server.local->addr.store(model.arena.make<net::Addr>(moved), std::memory_order_release);
}

}  // namespace

void state_changed(const Server& server) {
  if (server.limits.slow_start) note_warmth(server);
  if (!server.pool) return;
  ServerState& s = *server.state;
  uint64_t change = server.pool->state->changes.fetch_add(1, std::memory_order_release) + 1;
  if (s.admin.load(std::memory_order_relaxed) || !s.up.load(std::memory_order_relaxed))
    s.back.store(ServerState::kOut, std::memory_order_relaxed);
  else if (s.back.load(std::memory_order_relaxed) == ServerState::kOut)
    s.back.store(change, std::memory_order_relaxed);
}

ServerState* server_state(Str name) {
  return SharedRecords::get(kServers, name);
}

PoolState* pool_state(Str name) {
  return SharedRecords::get(kPools, name);
}

void MovedAddr::set(const net::Addr& addr) {
  static std::mutex one_at_a_time;
  std::lock_guard lock(one_at_a_time);
  size_.store(0);
  flat_ = net::FlatAddr::of(addr);
  abstract_ = addr.abstract;
  exact_ = addr.exact;
  Str path = addr.unix_path();
  if (!path.empty()) memcpy(path_, path.data(), path.size());
  size_.store(static_cast<uint32_t>(path.size()) + 1);
}

bool MovedAddr::get(net::Addr& out, std::string& path) const {
  uint32_t size = size_.load();
  if (size == 0 || size > sizeof path_ + 1) return false;
  out = flat_.addr();
  out.abstract = abstract_;
  out.exact = exact_;
  path.assign(path_, size - 1);
  out.path_size = static_cast<uint16_t>(path.size());
  return true;
}

std::vector<const Server*> begin_servers(Model& model) {
  SharedRecords::hold();
  std::vector<const Server*> fresh;
  for (const Server* s : model.servers) {
    if (s->state->configured.known.load()) continue;
    fresh.push_back(s);
    settle(model, *s);
  }
  return fresh;
}

void begin_anew(Model& model, const Server& server) {
  SharedRecords::hold();
  ServerState& s = *server.state;
  for (auto* count :
       {&s.total, &s.chosen, &s.bytes_in, &s.bytes_out, &s.connect_errors, &s.response_errors, &s.retries,
        &s.redispatches, &s.connects, &s.reuses, &s.client_aborts, &s.server_aborts, &s.used_ms, &s.drain_until_ms,
        &s.latency.measured_ms, &s.warmth.since_ms, &s.health.failed, &s.health.downs, &s.health.observed})
    count->store(0);
  for (auto& count : s.status) count.store(0);
  for (stats::Mean* mean : {&s.times.queue, &s.times.connect, &s.times.response, &s.times.total}) mean->clear();
  s.rate.clear_max();
  s.max_current.store(0);
  s.max_queued.store(0);
  s.denied_responses.store(0);
  s.health.down_s.store(0);
  s.health.agent_send.set({});
  s.changed_s.store(time(nullptr));
  s.configured.known.store(false);
  settle(model, server);
}

void Model::settle() {
  for (const Server* s : servers) model::settle(*this, *s);
  for (Listener* l : listeners) l->identity = identity_of(*l);
}

}  // namespace weir::model
