// See master/stalls.h. A timer on the processor time of each shard's thread looks whether its loop has gone on since the last tick.
#include "master/stalls.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace weir::master {
namespace {

constexpr size_t kShown = 6;
constexpr uint32_t kMostMs = 5000;
constexpr uint32_t kPatientMs = 60000;

int tick_signal() {
  return SIGRTMIN + 6;
}

uintptr_t stack_end() {
  pthread_attr_t attributes;
  void* begin = nullptr;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
  pthread_attr_getstack(&attributes, &begin, &size);
  pthread_attr_destroy(&attributes);
  return reinterpret_cast<uintptr_t>(begin) + size;
}

// The function with that address, or where it has no name the file; empty: it is no code's.
std::string function_at(uintptr_t address) {
  Dl_info info{};
  ElfW(Sym)* symbol = nullptr;
  if (!dladdr1(reinterpret_cast<void*>(address), &info, reinterpret_cast<void**>(&symbol), RTLD_DL_SYMENT)) return {};
  if (!info.dli_sname || !symbol) {
    Str file = info.dli_fname;
    return std::string(file.substr(file.rfind('/') + 1));
  }
  if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC) return {};
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> plain(abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status), free);
  return status == 0 ? std::string(plain.get(), strcspn(plain.get(), "(")) : info.dli_sname;
}

}  // namespace

Stalls::Stalls(uv_loop_t& loop, Voice& voice, uint32_t warn_ms, int shards)
    : voice_(voice), tick_ms_(warn_ms), most_ms_(voice.face() == config::Dialect::haproxy ? kMostMs : kPatientMs) {
  uv_async_init(&loop, &stalled_, [](uv_async_t* a) { static_cast<Stalls*>(a->data)->tell(); });
  stalled_.data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(&stalled_));
  for (int i = 0; i < shards; i++) {
    shards_.push_back(std::make_unique<Watched>());
    shards_.back()->owner = this;
  }
  struct sigaction action{};
  action.sa_sigaction = on_tick;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(tick_signal(), &action, nullptr);
}

void Stalls::begin(int shard, const net::Loop& loop) {
  Watched& w = *shards_[static_cast<size_t>(shard)];
  w.loop = &loop;
  w.steps = loop.steps();
  w.stack_end = stack_end();
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

// Begins with what the kernel has kept of the registers there. Other functions' variables are none of a sanitizer's business here.
[[gnu::no_sanitize("address")]] void Stalls::copy_stack(Watched& w, const void* context) {
  const auto* from = static_cast<const uintptr_t*>(context);
  const auto* end = reinterpret_cast<const uintptr_t*>(w.stack_end);
  w.depth = 0;
  while (w.depth < kWords && from < end) w.words[w.depth++] = *from++;
}

// Nothing that is not safe in a handler.
void Stalls::on_tick(int, siginfo_t* info, void* context) {
  auto& w = *static_cast<Watched*>(info->si_value.sival_ptr);
  int error = errno;
  uint32_t steps = w.loop->steps();
  w.ticks = steps == w.steps ? w.ticks + 1 : 0;
  w.steps = steps;
  const uint64_t ms = uint64_t{w.ticks} * w.owner->tick_ms_;
  if (ms >= 2 * uint64_t{w.owner->most_ms_}) abort();  // nobody listens any more
  if ((w.ticks == 1 || ms >= w.owner->most_ms_) && w.said.load() == 0) {
    copy_stack(w, context);
    w.said.store(w.ticks);
    uv_async_send(&w.owner->stalled_);
  }
  errno = error;
}

std::string Stalls::place(const Watched& w) const {
  std::string out, last;
  size_t shown = 0;
  for (size_t i = 0; i < w.depth && shown < kShown; i++) {
    std::string function = function_at(w.words[i]);
    if (function.empty() || function == last) continue;
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
    if (ms < most_ms_) {
      voice_.say(Level::warn, fmt::format("shard {} has done one thing for {} ms, in {}", i, ms, at));
      continue;
    }
    voice_.say(Level::alert,
               fmt::format("shard {} has not come back for {} ms, in {}: this process ends itself", i, ms, at));
    abort();
  }
}

}  // namespace weir::master
