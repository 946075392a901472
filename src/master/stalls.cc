// See master/stalls.h. A timer on the processor time of each shard's thread looks whether its loop has gone on since the last tick.
#include "master/stalls.h"

#include <cxxabi.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace weir::master {
namespace {

constexpr int kOwnFrames = 2;  // the handler and the system's part of it
constexpr size_t kShown = 6;

int tick_signal() {
  return SIGRTMIN + 6;
}

// Of "/path/file(mangled+0x12) [0x1234]", as backtrace_symbols() has it, the function, or the file where there is no name.
std::string readable(const char* symbol) {
  const char* name = strchr(symbol, '(');
  if (!name) return symbol;
  std::string mangled(name + 1, strcspn(name + 1, "+)"));
  if (mangled.empty()) {
    std::string file(symbol, name);
    return file.substr(file.rfind('/') + 1);
  }
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> plain(abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), free);
  return status == 0 ? std::string(plain.get(), strcspn(plain.get(), "(")) : mangled;
}

}  // namespace

Stalls::Stalls(uv_loop_t& loop, Voice& voice, uint32_t warn_ms, int shards) : voice_(voice), tick_ms_(warn_ms) {
  uv_async_init(&loop, &stalled_, [](uv_async_t* a) { static_cast<Stalls*>(a->data)->tell(); });
  stalled_.data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(&stalled_));
  for (int i = 0; i < shards; i++) {
    shards_.push_back(std::make_unique<Watched>());
    shards_.back()->owner = this;
  }
  void* frame = nullptr;
  backtrace(&frame, 1);  // loads what it needs, which a handler must not
  struct sigaction action{};
  action.sa_sigaction = on_tick;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(tick_signal(), &action, nullptr);
}

Stalls::~Stalls() = default;

void Stalls::begin(int shard, const net::Loop& loop) {
  Watched& w = *shards_[static_cast<size_t>(shard)];
  w.loop = &loop;
  w.steps = loop.steps();
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = tick_signal();
  event.sigev_value.sival_ptr = &w;
  event._sigev_un._tid = gettid();
  if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &w.timer) != 0) {
    voice_.say(Level::warn, fmt::format("nobody watches whether shard {} stalls: timer_create() failed ({}: {})", shard,
                                        errno, strerror(errno)));
    return;
  }
  w.running = true;
  timespec tick{tick_ms_ / 1000, static_cast<long>(tick_ms_ % 1000) * 1000000};
  itimerspec times{tick, tick};
  timer_settime(w.timer, 0, &times, nullptr);
}

void Stalls::end(int shard) {
  Watched& w = *shards_[static_cast<size_t>(shard)];
  if (w.running) timer_delete(w.timer);
  w.running = false;
}

// Calls nothing that is not safe in a handler.
void Stalls::on_tick(int, siginfo_t* info, void*) {
  auto& w = *static_cast<Watched*>(info->si_value.sival_ptr);
  int error = errno;
  uint32_t steps = w.loop->steps();
  w.ticks = steps == w.steps ? w.ticks + 1 : 0;
  w.steps = steps;
  const uint64_t ms = uint64_t{w.ticks} * w.owner->tick_ms_;
  if (ms >= 2 * kMostMs) abort();  // nobody listens any more
  if ((w.ticks == 1 || ms >= kMostMs) && w.said.load() == 0) {
    w.depth = backtrace(w.frames, kFrames);
    w.said.store(w.ticks);
    uv_async_send(&w.owner->stalled_);
  }
  errno = error;
}

std::string Stalls::place(const Watched& w) const {
  std::unique_ptr<char*, void (*)(void*)> symbols(backtrace_symbols(w.frames, w.depth), free);
  std::string out, last;
  size_t shown = 0;
  for (int i = kOwnFrames; symbols && i < w.depth && shown < kShown; i++) {
    std::string function = readable(symbols.get()[i]);
    if (function == last) continue;
    out += (shown++ ? " < " : "") + function;
    last = std::move(function);
  }
  return out;
}

void Stalls::tell() {
  for (size_t i = 0; i < shards_.size(); i++) {
    Watched& w = *shards_[i];
    const uint64_t ms = uint64_t{w.said.load()} * tick_ms_;
    if (ms == 0) continue;
    std::string at = place(w);
    w.said.store(0);
    if (ms < kMostMs) {
      voice_.say(Level::warn, fmt::format("shard {} has done one thing for {} ms, in {}", i, ms, at));
      continue;
    }
    voice_.say(Level::alert,
               fmt::format("shard {} has not come back for {} ms, in {}: this process ends itself", i, ms, at));
    abort();
  }
}

}  // namespace weir::master
