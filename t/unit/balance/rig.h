#pragma once
// What the tests of balancing share: a pool whose servers are called A, B, C …, and requests that begin and end.
#include <memory>
#include <string>
#include <vector>

#include "balance/lineup.h"
#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {

class Rig {
 public:
  explicit Rig(const std::vector<int32_t>& weights) : Rig(weights.size()) {
    for (size_t i = 0; i < weights.size(); i++) weigh(i, weights[i]);
  }
  // `n` servers of equal weight.
  explicit Rig(size_t n) : states_(new ServerState[n]), locals_(new ServerLocal[n]), servers_(n) {
    pool.name = "pool";
    pool.state = &pool_state_;
    pool.local = &pool_local_;
    for (size_t i = 0; i < n; i++) {
      Server& s = servers_[i];
      names_.push_back(std::make_unique<std::string>(n <= 26 ? std::string(1, static_cast<char>('A' + i))
                                                             : "s" + std::to_string(i)));
      s.name = *names_.back();
      addresses_.push_back(std::make_unique<std::string>("10.0.0." + std::to_string(i) + ":8080"));
      s.written = *addresses_.back();
      s.slot = static_cast<uint16_t>(i);
      s.number = static_cast<uint32_t>(i + 1);
      s.pool = &pool;
      s.state = &states_[i];
      s.local = &locals_[i];
      s.max_fails = 0;
      pool.servers.push_back(&s);
    }
  }

  Server& operator[](size_t i) { return servers_[i]; }
  ServerState& state(size_t i) { return states_[i]; }

  void weigh(size_t i, int32_t weight) {
    if (pool.state->changes.load() == 0) servers_[i].weight = weight;
    states_[i].weight = weight;
    state_changed(servers_[i]);
  }
  void down(size_t i) {
    states_[i].up = false;
    state_changed(servers_[i]);
  }
  void up(size_t i) {
    states_[i].up = true;
    state_changed(servers_[i]);
  }
  void backup(size_t i) {
    servers_[i].backup = true;
    state_changed(servers_[i]);
  }
  void limit(size_t i, int32_t n) { states_[i].max_conns = n; }

  // What a balancer gets that does not look at requests. Nobody may.
  proxy::Transaction& nobody() { return *reinterpret_cast<proxy::Transaction*>(nothing_); }

  const Server* pick(Balancer& b, const Tried& tried = {}) { return b.pick(pool, nobody(), tried); }
  // One pick after the other: "ABC"; '-' stands for nobody.
  std::string picks(Balancer& b, size_t n) {
    std::string out;
    for (size_t i = 0; i < n; i++) {
      const Server* s = pick(b);
      out += s ? std::string(s->name) : "-";
    }
    return out;
  }
  // A request begins.
  const Server* begin(Balancer& b, const Tried& tried = {}) {
    const Server* s = pick(b, tried);
    if (!s) return nullptr;
    s->state->current.up();
    pool.state->current.up();
    s->state->rate.add(loop.now());
    return s;
  }
  std::string begins(Balancer& b, size_t n) {
    std::string out;
    for (size_t i = 0; i < n; i++) {
      const Server* s = begin(b);
      out += s ? std::string(s->name) : "-";
    }
    return out;
  }
  // One ends on that server.
  void end(Balancer& b, size_t i, TryEnd how = {}) {
    states_[i].current.down();
    pool.state->current.down();
    if (how.now_ms == 0) how.now_ms = loop.now();
    if (b.wishes.ends) b.ended(servers_[i], how);
  }
  // How often each is picked; the last number is nobody.
  std::vector<size_t> count(Balancer& b, size_t n) {
    std::vector<size_t> out(servers_.size() + 1);
    for (size_t i = 0; i < n; i++) {
      const Server* s = pick(b);
      out[s ? s->slot : servers_.size()]++;
    }
    return out;
  }

  net::Loop loop;
  Pool pool;

 private:
  std::unique_ptr<ServerState[]> states_;
  std::unique_ptr<ServerLocal[]> locals_;
  std::vector<Server> servers_;
  std::vector<std::unique_ptr<std::string>> names_;
  std::vector<std::unique_ptr<std::string>> addresses_;
  PoolState pool_state_;
  PoolLocal pool_local_;
  alignas(64) char nothing_[64] = {};
};

inline Tried after(std::initializer_list<uint16_t> slots) {
  Tried t;
  for (uint16_t s : slots) t.add(s);
  return t;
}

}  // namespace weir::model
