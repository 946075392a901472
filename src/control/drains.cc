// See control/drains.h.
#include "control/drains.h"

#include <algorithm>

namespace weir::control {
namespace {

bool drains(const model::Server& server) {
  return server.state->admin.load() == static_cast<uint8_t>(model::Admin::drain);
}

}  // namespace

struct Drains::Drain {
  uv_timer_t timer;
  Drains* owner;
  const model::Server* server;
  uint64_t until_ms;  // ServerState::drain_until_ms: another value tells that the server does something else by now

  void close() {
    uv_close(reinterpret_cast<uv_handle_t*>(&timer), [](uv_handle_t* h) { delete static_cast<Drain*>(h->data); });
  }
  bool holds() const { return drains(*server) && server->state->drain_until_ms.load() == until_ms; }
};

void Drains::begin(const model::Server& server, uint64_t ms) {
  uv_update_time(loop_);
  server.state->drain_until_ms.store(uv_now(loop_) + ms);
  resume(server);
}

void Drains::resume(const model::Server& server) {
  forget(server);
  uint64_t ms = left_ms(server);
  if (ms == 0) return;
  auto* drain = new Drain{{}, this, &server, server.state->drain_until_ms.load()};
  uv_timer_init(loop_, &drain->timer);
  drain->timer.data = drain;
  all_.push_back(drain);
  auto fire = [](uv_timer_t* t) {
    auto* d = static_cast<Drain*>(t->data);
    d->owner->expire(*d);
  };
  uv_timer_start(&drain->timer, fire, ms, 0);
}

void Drains::expire(Drain& drain) {
  const model::Server& server = *drain.server;
  bool holds = drain.holds();
  forget(server);
  if (holds) expired_(server);
}

void Drains::forget(const model::Server& server) {
  auto at = std::ranges::find(all_, &server, &Drain::server);
  if (at == all_.end()) return;
  (*at)->close();
  all_.erase(at);
}

uint64_t Drains::left_ms(const model::Server& server) const {
  uint64_t until = server.state->drain_until_ms.load(), now = uv_now(loop_);
  return drains(server) && until > now ? until - now : 0;
}

void Drains::stop() {
  for (Drain* d : all_) d->close();
  all_.clear();
}

}  // namespace weir::control
