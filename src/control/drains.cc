// See control/drains.h.
#include "control/drains.h"

#include <algorithm>

namespace weir::control {

struct Drains::Drain {
  uv_timer_t timer;
  Drains* owner;
  const model::Server* server;
  int64_t since_s;  // ServerState::changed_s: another value tells that the server did something else meanwhile

  void close() {
    uv_close(reinterpret_cast<uv_handle_t*>(&timer), [](uv_handle_t* h) { delete static_cast<Drain*>(h->data); });
  }
  bool holds() const {
    const model::ServerState& s = *server->state;
    return s.admin.load() == static_cast<uint8_t>(model::Admin::drain) && s.changed_s.load() == since_s;
  }
};

void Drains::begin(const model::Server& server, uint64_t ms) {
  cancel(server);
  auto* drain = new Drain{{}, this, &server, server.state->changed_s.load()};
  uv_timer_init(loop_, &drain->timer);
  drain->timer.data = drain;
  all_.push_back(drain);
  uv_update_time(loop_);
  auto fire = [](uv_timer_t* t) {
    auto* d = static_cast<Drain*>(t->data);
    d->owner->expire(*d);
  };
  uv_timer_start(&drain->timer, fire, ms, 0);
}

void Drains::expire(Drain& drain) {
  const model::Server& server = *drain.server;
  bool holds = drain.holds();
  cancel(server);
  if (holds) expired_(server);
}

void Drains::cancel(const model::Server& server) {
  auto at = std::ranges::find(all_, &server, &Drain::server);
  if (at == all_.end()) return;
  (*at)->close();
  all_.erase(at);
}

void Drains::keep(const model::Server& server) {
  auto at = std::ranges::find(all_, &server, &Drain::server);
  if (at != all_.end()) (*at)->since_s = server.state->changed_s.load();
}

uint64_t Drains::left_ms(const model::Server& server) const {
  auto at = std::ranges::find(all_, &server, &Drain::server);
  return at == all_.end() || !(*at)->holds() ? 0 : uv_timer_get_due_in(&(*at)->timer);
}

void Drains::stop() {
  for (Drain* d : all_) d->close();
  all_.clear();
}

}  // namespace weir::control
