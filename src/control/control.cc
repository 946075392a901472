// Listening, the list of sessions, and questions to the shards; see control/control.h.
#include "control/control.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/fault.h"
#include "control/server_news.h"
#include "control/session.h"
#include "net/descriptor.h"
#include "proxy/server_mark.h"
#include "proxy/shard.h"
#include "stats/server_change.h"

namespace weir::control {

// Where other threads leave work for the control thread. Freed by the loop.
struct Server::Inbox {
  uv_async_t wake;
  std::mutex lock;
  std::vector<std::function<void()>> work;

  explicit Inbox(uv_loop_t* loop) {
    uv_async_init(loop, &wake, [](uv_async_t* a) { static_cast<Inbox*>(a->data)->run(); });
    wake.data = this;
  }
  void post(std::function<void()> fn) {
    std::lock_guard hold(lock);
    work.push_back(std::move(fn));
    uv_async_send(&wake);
  }
  void run() {
    std::vector<std::function<void()>> now;
    {
      std::lock_guard hold(lock);
      now.swap(work);
    }
    for (auto& fn : now) fn();
  }
};

// One question to all shards. Every posted function holds it; the last one that goes, run or not, completes it.
struct Server::Gather {
  Inbox* inbox;
  std::mutex lock;
  std::vector<std::string> parts;
  std::function<void(std::string)> done;

  ~Gather() {
    std::string all;
    for (const std::string& p : parts) all += p;
    inbox->post([done = std::move(done), all = std::move(all)] { done(all); });
  }
};

// A listening socket in the loop. Freed by the loop.
struct Server::Gate {
  uv_poll_t poll;
  Server* server;
  const SocketConf* conf;
};

Str level_name(Level level) {
  switch (level) {
    case Level::user: return "user";
    case Level::operate: return "operator";
    case Level::admin: return "admin";
  }
  return "unknown";
}

bool parse_severity(Str word, SeverityForm& out) {
  constexpr std::pair<Str, SeverityForm> kForms[] = {
      {"none", SeverityForm::none}, {"number", SeverityForm::number}, {"string", SeverityForm::string}};
  for (auto [name, form] : kForms) {
    if (word != name) continue;
    out = form;
    return true;
  }
  return false;
}

Server::Server(uv_loop_t* loop, Access access, std::span<const SocketConf> sockets)
    : loop_(loop),
      access_(std::move(access)),
      sockets_(sockets.begin(), sockets.end()),
      inbox_(new Inbox(loop)),
      drains_(loop, [this](const model::Server& server) { end_drain(server); }) {}

std::unique_ptr<Server> Server::start(uv_loop_t* loop, Access access, std::span<const SocketConf> sockets,
                                      std::string& problem) {
  std::unique_ptr<Server> server(new Server(loop, std::move(access), sockets));
  for (const SocketConf& conf : server->sockets_) {
    auto* gate = new Gate{{}, server.get(), &conf};
    if (int r = uv_poll_init(loop, &gate->poll, conf.fd); r != 0) {
      problem = fmt::format("cannot watch the runtime socket {}: {}", conf.text, uv_strerror(r));
      delete gate;
      server->stop();
      return nullptr;
    }
    gate->poll.data = gate;
    server->gates_.push_back(gate);
  }
  server->watch_gates();
  for (const stats::ProxyEntry& p : server->catalogue().proxies)
    if (p.back)
      for (const model::Server* s : p.pool->servers) server->drains_.resume(*s);
  return server;
}

Server::~Server() {
  stop();
}

void Server::stop() {
  stop_accepting();
  for (Gate* gate : gates_) close_gate(*gate);
  gates_.clear();
  while (!sessions_.empty()) sessions_.back()->close();
  drains_.stop();
  if (!inbox_) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&inbox_->wake), [](uv_handle_t* h) { delete static_cast<Inbox*>(h->data); });
  inbox_ = nullptr;
}

void Server::close_gate(Gate& gate) {
  uv_close(reinterpret_cast<uv_handle_t*>(&gate.poll), [](uv_handle_t* h) { delete static_cast<Gate*>(h->data); });
}

void Server::stop_accepting() {
  std::erase_if(gates_, [](Gate* gate) {
    if (gate->conf->lasting) return false;
    close_gate(*gate);
    return true;
  });
}

// With as many sessions as there may be, new clients wait in the kernel's queue.
void Server::watch_gates() {
  for (Gate* gate : gates_) {
    if (!has_room(*gate))
      uv_poll_stop(&gate->poll);
    else
      uv_poll_start(&gate->poll, UV_READABLE, [](uv_poll_t* p, int, int) {
        auto* g = static_cast<Gate*>(p->data);
        g->server->accept_some(*g);
      });
  }
}

// The limit is for clients, not for the master.
bool Server::has_room(const Gate& gate) const {
  return gate.conf->lasting || sessions_.size() < access_.max_sessions;
}

void Server::accept_some(Gate& gate) {
  while (has_room(gate)) {
    int fd = gate.conf->pair ? net::receive_descriptor(gate.conf->fd)
                             : fault::accept4(fault::Site::control_accept, gate.conf->fd, nullptr, nullptr,
                                              SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if ((errno == EMFILE || errno == ENFILE) && spare_.turn_away(gate.conf->fd)) continue;
      if (errno != ECONNRESET) break;
      close_gate(gate);  // a pair's other side has gone
      std::erase(gates_, &gate);
      break;
    }
    auto* session = new Session(*this, fd, *gate.conf, next_id_++);
    sessions_.push_back(session);
    session->start();
  }
  watch_gates();
}

void Server::ended(Session* session) {
  std::erase(sessions_, session);
  watch_gates();
}

void Server::ask_shards(const Session& session, ShardFn fn, DoneFn done) {
  auto gather = std::make_shared<Gather>();
  gather->inbox = inbox_;
  gather->parts.resize(static_cast<size_t>(access_.shards));
  gather->done = [this, id = session.id(), done = std::move(done)](std::string all) {
    for (Session* s : sessions_)
      if (s->id() == id) return s->complete(done(*s, std::move(all)));
  };
  for (int i = 0; i < access_.shards; i++)
    access_.post(i, [gather, fn, i](proxy::Shard& shard) {
      std::string part = fn(shard);
      std::lock_guard hold(gather->lock);
      gather->parts[static_cast<size_t>(i)] = std::move(part);
    });
}

void Server::visit_shards(std::function<void(proxy::Shard&)> fn, std::function<void()> done) {
  auto gather = std::make_shared<Gather>();
  gather->inbox = inbox_;
  gather->done = [done = std::move(done)](const std::string&) { done(); };
  for (int i = 0; i < access_.shards; i++) access_.post(i, [gather, fn](proxy::Shard& shard) { fn(shard); });
}

Session* Server::find_session(uint64_t id) const {
  for (Session* s : sessions_)
    if (s->id() == id) return s;
  return nullptr;
}

void Server::on_shards(const std::function<void(proxy::Shard&)>& fn) {
  if (!fn) return;
  for (int i = 0; i < access_.shards; i++) access_.post(i, fn);
}

void Server::move_server(const model::Server& server, const net::Addr& to) {
  const net::Addr& kept = *addresses_.emplace_back(std::make_unique<const net::Addr>(to));
  stats::set_place(server, [&] {
    server.local->addr.store(&kept, std::memory_order_release);
    server.state->moved.set(to);
  });
  on_shards([&server](proxy::Shard& shard) { shard.upstreams.close_idle(server); });
}

void Server::rename_server(const model::Server& server, const std::string& host) {
  server.local->host.store(hosts_.emplace_back(std::make_unique<const std::string>(host)).get());
  on_shards([&server, host](proxy::Shard& shard) { shard.rename_server(server, host); });
}

void Server::end_drain(const model::Server& server) {
  if (const stats::ProxyEntry* backend = catalogue().find_back(server.pool->name))
    tell_drained(*this, *backend, server);
  on_shards([&server](proxy::Shard& shard) { proxy::end_requests(shard, server, Fault::cancelled); });
}

void Server::server_changed(const model::Server& server) {
  if (server.pool->state->queued.read() > 0)
    on_shards([&server](proxy::Shard& shard) { shard.queue.place_free(*server.pool); });
}

void Server::limits_changed() {
  on_shards([](proxy::Shard& shard) { shard.limits_changed(); });
}

void Server::retire(std::vector<std::unique_ptr<const expr::PatternSet>> sets) {
  // Whoever lets go of it last frees the sets: a shard's posted function, or this one when no shard is left.
  auto kept = std::make_shared<std::vector<std::unique_ptr<const expr::PatternSet>>>(std::move(sets));
  on_shards([kept](proxy::Shard&) {});
}

}  // namespace weir::control
