#pragma once
// What checks know of a server, in shared memory (part of model::ServerState): the worker that takes over goes on with it.
// Written by the shard that checks the server and by the control threads, under health::Lock; read by everybody.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/str.h"
#include "net/addr.h"

namespace weir::model {

// A short text that readers may see half changed, but never beyond its end.
template <size_t size>
class SharedText {
  static_assert(size % 8 == 0);

 public:
  static constexpr size_t kMost = size - 1;  // what is longer is cut
  void set(Str text) {
    char bytes[size] = {};
    text.copy(bytes, kMost);
    for (size_t i = 0; i < words_.size(); i++) {
      uint64_t word;
      memcpy(&word, bytes + 8 * i, 8);
      words_[i].store(word, std::memory_order_relaxed);
    }
  }
  std::string get() const {
    char bytes[size];
    return std::string(get(bytes));
  }
  // The same without an allocation.
  Str get(char (&bytes)[size]) const {
    for (size_t i = 0; i < words_.size(); i++) {
      uint64_t word = words_[i].load(std::memory_order_relaxed);
      memcpy(bytes + 8 * i, &word, 8);
    }
    return {bytes, strnlen(bytes, kMost)};
  }
  bool empty() const { return !(words_[0].load(std::memory_order_relaxed) & 0xff); }

 private:
  std::array<std::atomic<uint64_t>, size / 8> words_{};
};

// An IP address and a port that were set at run time for checks; what is not set is the configuration's.
class MovedCheck {
 public:
  void set_addr(const net::Addr& addr) {
    net::FlatAddr flat = net::FlatAddr::of(addr);
    for (size_t i = 0; i < ip_.size(); i++) {
      uint64_t half;
      memcpy(&half, flat.ip + 8 * i, 8);
      ip_[i].store(half);
    }
    family_.store(flat.family);
  }
  void set_port(uint16_t port) { port_.store(port); }
  bool addr(net::Addr& out) const {
    net::FlatAddr flat;
    flat.family = family_.load();
    if (flat.family == AF_UNSPEC) return false;
    for (size_t i = 0; i < ip_.size(); i++) {
      uint64_t half = ip_[i].load();
      memcpy(flat.ip + 8 * i, &half, 8);
    }
    out = flat.addr();
    return true;
  }
  uint16_t port() const { return port_.load(); }
  void clear() {
    family_.store(AF_UNSPEC);
    port_.store(0);
  }

 private:
  std::atomic<uint8_t> family_{AF_UNSPEC};
  std::atomic<uint16_t> port_{0};
  std::array<std::atomic<uint64_t>, 2> ip_{};
};

// One kind of check of a server: of itself, or by its agent.
struct CheckState {
  std::atomic<bool> begun{false};  // `health` is a count; else it begins where the configuration says
  std::atomic<bool> enabled{true};
  // Good checks in a row while down, up to `rise`; `rise` and more while up: how many bad ones it stands.
  std::atomic<int32_t> health{0};
  std::atomic<uint8_t> status{0};  // health::Status of the last one
  std::atomic<int32_t> code{0};
  std::atomic<int64_t> duration_ms{-1};
  std::atomic<uint64_t> ended_ms{0};  // monotonic; 0: never
  SharedText<128> text;
  MovedCheck moved;
};

struct Health {
  CheckState check;
  CheckState agent;
  SharedText<128> agent_send;  // set at run time; empty: the configuration's
  std::atomic<uint64_t> failed{0};  // checks that failed while it was up
  std::atomic<uint64_t> downs{0};  // times that it went down
  std::atomic<uint64_t> observed{0};  // times that traffic took health
  std::atomic<int64_t> down_s{0};  // seconds that it was down, up to its last return
  std::atomic<uint32_t> errors{0};  // in traffic, one after the other

  // Another server, or other checks: nothing of the above about its health is true any more.
  void begin_anew() {
    for (CheckState* c : {&check, &agent}) {
      c->begun.store(false);
      c->status.store(0);
      c->code.store(0);
      c->duration_ms.store(-1);
      c->ended_ms.store(0);
      c->text.set({});
      c->moved.clear();
    }
    errors.store(0);
  }
};

}  // namespace weir::model
