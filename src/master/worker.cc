// See master/worker.h.
#include "master/worker.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <system_error>

#include "base/arena.h"
#include "base/memory_limit.h"
#include "master/sockets.h"
#include "master/title.h"
#include "net/descriptor.h"
#include "proxy/server_mark.h"

namespace weir::master {
namespace {

constexpr uint64_t kPatienceMs = 1000;
constexpr uint64_t kDescriptors = 65536;  // half a megabyte of the kernel's memory
constexpr uint64_t kAncestorsMs =
    1000;  // a draining worker waits for older ones; they all have our heir by then, unless they hang
constexpr uint64_t kLastRequestMs = 5000;  // an idle connection waits where nobody takes it
constexpr int kArrivals = 64;  // taken from an older worker before other things have their turn

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int s : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD, SIGTTOU, SIGTTIN})
    sigaddset(&set, s);
  return set;
}

}  // namespace

void block_signals() {
  sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void unblock_signals() {
  sigset_t set = handled_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

Worker::Worker(model::Model& model, Voice& voice, int channel) : model_(model), voice_(voice), channel_(channel) {
  crew.alone = channel < 0;
  static_assert(kSignals[0] == SIGTERM && kSignals[1] == SIGINT && kSignals[2] == SIGQUIT && kSignals[3] == SIGUSR1 &&
                kSignals[4] == SIGHUP && kSignals[5] == SIGWINCH && kSignals[6] == SIGUSR2);
  uv_loop_init(&loop_);
  uv_async_init(&loop_, &ended_, [](uv_async_t* a) { static_cast<Worker*>(a->data)->shard_ended(); });
  uv_timer_init(&loop_, &deadline_);
  uv_timer_init(&loop_, &grace_);
  uv_timer_init(&loop_, &patience_);
  uv_timer_init(&loop_, &bound_);
  ended_.data = deadline_.data = grace_.data = patience_.data = bound_.data = this;
}

Worker::~Worker() {
  for (auto& seat : seats_)
    if (seat->thread.joinable()) seat->thread.join();
  if (on_end) on_end();
  close_handles();
}

bool Worker::start(const std::function<void()>& before_serving) {
  Arena::keep_reserve();  // the runtime socket is served here
  net::make_room_for_descriptors(model_.process.all_descriptors ? UINT64_MAX : kDescriptors);
  block_signals();  // the shards' threads inherit it
  int count = std::max(model_.process.shards, 1);
  crew.post = [this](int i, std::function<void(proxy::Shard&)> fn) { return post(i, std::move(fn)); };
  for (int i = 0; i < count; i++) seats_.push_back(std::make_unique<Seat>());
  int started = 0;
  std::string problem;
  try {
    for (; started < count; started++)
      seats_[static_cast<size_t>(started)]->thread = std::thread([this, i = started] { serve(i); });
    stalls_ = std::make_unique<Stalls>(loop_, voice_, model_.process.stall_ms, count);
  } catch (const std::system_error& e) {
    problem = fmt::format("cannot start thread {} of {}: {}{}", started + 1, count, e.what(), memory_limit());
  } catch (const std::bad_alloc&) {
    problem = "out of memory" + memory_limit();
  }
  std::unique_lock lock(lock_);
  changed_.wait(lock, [&] { return ready_ == started; });
  if (!problem.empty()) problem_ = problem;
  if (problem_.empty()) before_serving();
  go_ = true;
  changed_.notify_all();
  if (problem_.empty()) return true;
  voice_.say(Level::emerg, problem_);
  return false;
}

// The thread of one shard: made, used and gone here. Nobody serves before everybody can.
void Worker::serve(int index) {
  Seat& seat = *seats_[static_cast<size_t>(index)];
  choose_cpus(index);
  {
    proxy::Shard shard(model_, index, shard_count(), crew);
    std::string problem = shard.open_listeners();
    {
      std::lock_guard hold(seat.lock);
      seat.shard = &shard;  // from here on nothing that is posted gets lost, an early signal included
    }
    std::unique_lock lock(lock_);
    if (!problem.empty()) problem_ = problem;
    ready_++;
    changed_.notify_all();
    changed_.wait(lock, [&] { return go_; });
    bool good = problem_.empty();
    lock.unlock();
    if (good && on_shard) on_shard(shard);
    if (good) {
      stalls_->begin(index, shard.loop);
      shard.run();
      stalls_->end(index);
    }
    if (good && on_shard_end) on_shard_end(shard);
    {
      std::lock_guard hold(seat.lock);
      seat.shard = nullptr;
    }
    shard.run_posted();  // what others asked before they could know
  }
  {
    std::lock_guard hold(lock_);
    over_++;
  }
  uv_async_send(&ended_);
}

void Worker::choose_cpus(int index) {
  const std::vector<CpuSet>& cpus = model_.process.cpus;
  if (cpus.empty()) return;
  auto i = static_cast<size_t>(index);
  if (i >= cpus.size()) i = model_.process.last_cpus_for_rest ? cpus.size() - 1 : i % cpus.size();
  if (cpus[i].count() == 0) return;
  int error = pthread_setaffinity_np(pthread_self(), sizeof(cpu_set_t), &cpus[i].get());
  std::lock_guard lock(lock_);
  if (error)
    voice_.say(Level::warn,
               fmt::format("shard {} cannot be bound to its processors ({}: {})", index, error, strerror(error)));
}

void Worker::shard_ended() {
  std::lock_guard hold(lock_);
  if (over_ == shard_count()) uv_stop(&loop_);
}

bool Worker::post(int index, std::function<void(proxy::Shard&)> fn) {
  Seat& seat = *seats_[static_cast<size_t>(index)];
  std::lock_guard hold(seat.lock);
  if (!seat.shard) return false;
  seat.shard->post([shard = seat.shard, fn = std::move(fn)] { fn(*shard); });
  return true;
}

void Worker::post_all(const std::function<void(proxy::Shard&)>& fn) {
  for (int i = 0; i < shard_count(); i++) post(i, fn);
}

// Closes the listening sockets once no shard accepts from them any more: one that stays open without being served swallows
// the connections that the kernel gives to it. The heir looks for what has woken one of ours and stayed there.
void Worker::release_listeners(bool datagrams_only) {
  std::vector<int> fds;
  for (const model::Listener* l : model_.listeners)
    if (l->fd >= 0 && (l->datagram || !datagrams_only)) fds.push_back(l->fd);
  std::shared_ptr<void> last(nullptr, [fds = std::move(fds), heir = heir_](void*) {
    for (int fd : fds) close(fd);
    if (heir) heir->left_queues();
  });
  post_all([last](proxy::Shard&) {});
}

// What is queued in a socket is reset when that is closed: the shard that is the last to look closes it there and then.
void Worker::accept_last() {
  auto left = std::make_shared<std::atomic<int>>(shard_count());
  post_all([this, left](proxy::Shard& shard) {
    shard.accept_last();
    if (left->fetch_sub(1) > 1) return;
    for (const model::Listener* l : model_.listeners)
      if (l->fd >= 0 && !l->datagram) close(l->fd);
  });
}

void Worker::drain(bool now) {
  bool first = !draining_;
  draining_ = true;
  if (first && voice_.face() == config::Dialect::nginx) {
    set_title("nginx: worker process is shutting down");
    if (!now) voice_.say(Level::notice, "gracefully shutting down");
  }
  if (first && on_drain) on_drain();
  if (first && !now) expect_the_last();
  const bool last = first && !now && channel_ < 0;  // a master keeps the sockets
  if (last) accept_last();
  post_all([now, heir = heir_](proxy::Shard& shard) { shard.drain(now, heir); });
  if (first) release_listeners(last);
  if (first && !now && model_.process.shutdown_timeout > 0)
    uv_timer_start(
        &deadline_, [](uv_timer_t* t) { static_cast<Worker*>(t->data)->end_late(); }, model_.process.shutdown_timeout,
        0);
}

// Draining begins. Without a master HAProxy's processes follow one another (-sf), and only the kernel knows that somebody listens:
// clients get one more answer.
void Worker::expect_the_last() {
  Packet packet;
  packet.type = Message::draining;
  if (channel_ >= 0) send_packet(channel_, packet, -1, MSG_DONTWAIT);
  if (channel_ < 0 && voice_.face() != config::Dialect::nginx && model_.process.close_spread == 0)
    heir_ = std::make_shared<proxy::Heir>(-1, std::vector<uint64_t>());
  start_bound();
}

void Worker::start_bound() {
  uv_timer_start(
      &bound_, [](uv_timer_t* t) { static_cast<Worker*>(t->data)->bound_reached(); },
      channel_ < 0 ? kLastRequestMs : kAncestorsMs, 0);
}

void Worker::bound_reached() {
  for (size_t i = 0; i < relatives_.size(); i++)
    if (relatives_[i]->ancestor) leave_ancestor(*relatives_[i]);
  if (channel_ >= 0) return;
  heir_ = nullptr;
  drain(false);
}

// What it sends from here on stays with it; what is on the way is taken.
void Worker::leave_ancestor(Relative& ancestor) {
  shutdown(ancestor.channel, SHUT_RD);
  while (ancestor.ancestor) on_ancestor(ancestor);
}

// The time to drain is over. HAProxy tells those that wait for an answer, nginx closes their connections.
void Worker::end_late() {
  if (voice_.face() == config::Dialect::haproxy) post_all([](proxy::Shard& shard) { proxy::end_requests(shard); });
  drain(true);
}

void Worker::obey(int signal) {
  switch (voice_.order(signal, channel_ >= 0)) {
    case Order::stop: drain(true); break;
    case Order::quit:
      tell_leaving();
      quit();
      break;
    case Order::reopen:
      if (on_reopen) on_reopen();
      break;
    case Order::reload: voice_.say(Level::warn, "SIGHUP does nothing: only a master process reloads"); break;
    case Order::state: tell_state(); break;
    case Order::none: voice_.say_ignored(signal); break;
  }
}

// A master that has not sent the signal itself starts another worker.
void Worker::tell_leaving() {
  Packet packet;
  packet.type = Message::leaving;
  if (channel_ >= 0 && !draining_) send_packet(channel_, packet);
}

// HAProxy's `grace`: goes on for a while as if nothing had been said.
void Worker::quit() {
  uint32_t grace = model_.process.grace;
  if (draining_) heir_ = nullptr;  // this time nobody comes who would take connections: idle ones get no more answer
  if (grace == 0 || draining_) return drain(false);
  if (uv_is_active(reinterpret_cast<uv_handle_t*>(&grace_))) return;
  uv_timer_start(&grace_, [](uv_timer_t* t) { static_cast<Worker*>(t->data)->drain(false); }, grace, 0);
}

void Worker::tell_state() {
  std::lock_guard hold(lock_);
  voice_.say(Level::notice, fmt::format("{} of {} shards run, {}", shard_count() - over_, shard_count(),
                                        draining_ ? "draining" : "serving"));
}

void Worker::take_signals() {
  // HAProxy's old processes are asked for pauses with the terminal's signals.
  for (int ignored : {SIGTTOU, SIGTTIN}) signal(ignored, SIG_IGN);
  for (size_t i = 0; i < std::size(kSignals); i++) {
    uv_signal_init(&loop_, &signals_[i]);
    signals_[i].data = this;
    uv_signal_start(
        &signals_[i], [](uv_signal_t* s, int number) { static_cast<Worker*>(s->data)->obey(number); }, kSignals[i]);
  }
  unblock_signals();
}

void Worker::watch_master() {
  if (channel_ < 0) return;
  uv_poll_init(&loop_, &master_, channel_);
  master_.data = this;
  uv_poll_start(&master_, UV_READABLE, [](uv_poll_t* p, int, int) { static_cast<Worker*>(p->data)->on_master(); });
}

void Worker::on_master() {
  Packet packet;
  int fd = -1;
  if (!receive_packet(channel_, packet, fd)) {
    uv_poll_stop(&master_);
    return drain(false);
  }
  if (fd >= 0 && packet.type == Message::heir) return await_heir(fd);
  if (fd >= 0 && packet.type == Message::ancestor) return meet_ancestor(fd);
  if (packet.type == Message::look_again) look_again();
  if (packet.type == Message::last) {
    crew.alone = true;
    quit();
  }
  if (fd >= 0) close(fd);
}

Worker::Relative& Worker::watch(int channel, uv_poll_cb on_readable) {
  auto& relative = *relatives_.emplace_back(std::make_unique<Relative>());
  relative.channel = channel;
  relative.worker = this;
  uv_poll_init(&loop_, &relative.poll, channel);
  relative.poll.data = &relative;
  uv_poll_start(&relative.poll, UV_READABLE, on_readable);
  return relative;
}

void Worker::await_heir(int channel) {
  awaited_ = &watch(channel, [](uv_poll_t* p, int, int) {
    auto& heir = *static_cast<Relative*>(p->data);
    heir.worker->take_heir(heir, true);
  });
  auto give_up = [](uv_timer_t* t) {
    auto* self = static_cast<Worker*>(t->data);
    self->take_heir(*self->awaited_, false);
  };
  uv_timer_start(&patience_, give_up, kPatienceMs, 0);
}

// One that has died, is no weir, or reads other passports than ours takes nobody: then each connection gets one more answer.
void Worker::take_heir(Relative& heir, bool told) {
  uv_poll_stop(&heir.poll);
  std::vector<uint64_t> listeners;
  if (told && !proxy::receive_listeners(heir.channel, listeners)) listeners.clear();
  auto taken = std::make_shared<proxy::Heir>(heir.channel, listeners);
  if (awaited_ != &heir) return;
  uv_timer_stop(&patience_);
  heir_ = std::move(taken);
  drain(false);
}

void Worker::meet_ancestor(int channel) {
  std::vector<uint64_t> identities;
  for (const model::Listener* l : model_.listeners) {
    identities.push_back(l->identity);
    listeners_[l->identity] = l;
  }
  if (!proxy::send_listeners(channel, identities)) {
    close(channel);
    return;
  }
  crew.ancestors.fetch_add(1);
  Relative& relative = watch(channel, [](uv_poll_t* p, int, int) {
    auto& from = *static_cast<Relative*>(p->data);
    from.worker->on_ancestor(from);
  });
  relative.ancestor = true;
  if (draining_) start_bound();
}

void Worker::on_ancestor(Relative& ancestor) {
  proxy::Arrival arrival;
  for (int i = 0; i < kArrivals; i++) {
    switch (proxy::receive(ancestor.channel, arrival)) {
      case proxy::Received::none: return;
      case proxy::Received::end: return ancestor_ended(ancestor);
      case proxy::Received::left_queues: look_again(); continue;
      case proxy::Received::one: break;
    }
    auto it = listeners_.find(arrival.passport.listener);
    int shard = static_cast<int>(next_shard_++ % seats_.size());
    bool sent = it != listeners_.end() &&
                post(shard, [listener = it->second, arrival](proxy::Shard& to) { to.arrive(*listener, arrival); });
    if (!sent) close(arrival.fd);
  }
}

// Of several processes that wait for a socket the kernel wakes one, which may have stopped accepting just then.
void Worker::look_again() {
  post_all([](proxy::Shard& shard) { shard.look_again(); });
}

void Worker::ancestor_ended(Relative& ancestor) {
  ancestor.ancestor = false;
  uv_poll_stop(&ancestor.poll);
  close(ancestor.channel);
  crew.ancestors.fetch_sub(1);
  look_again();
  post_all([](proxy::Shard& shard) { shard.check_drained(); });
}

void Worker::run() {
  take_signals();
  watch_master();
  uv_run(&loop_, UV_RUN_DEFAULT);
  block_signals();  // nobody takes them any more: one more must not end what ends already
  for (auto& seat : seats_) seat->thread.join();
}

void Worker::close_handles() {
  uv_walk(
      &loop_,
      [](uv_handle_t* h, void*) {
        if (!uv_is_closing(h)) uv_close(h, nullptr);
      },
      nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

}  // namespace weir::master
