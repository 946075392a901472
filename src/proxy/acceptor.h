#pragma once
// Accepting connections of one listening socket on one shard. The socket is shared by the shards (exclusive wake-up).
#include "model/model.h"
#include "net/loop.h"

namespace weir::proxy {

class Shard;

class Acceptor final : public net::IoHandler, public Timer {
 public:
  Acceptor(Shard& shard, const model::Listener& listener) : shard_(shard), listener_(listener) {}
  bool start();
  void stop();
  // See Shard::accept_last and Shard::look_again.
  void accept_last();
  void look_again();
  // A connection has ended, or a limit was changed: goes on when that had stopped it.
  void place_free();
  const model::Listener& listener() const { return listener_; }

 private:
  void on_io(uint32_t events) override;
  void on_timer() override;
  void accept_some(uint32_t most);
  bool full() const;
  bool refused(const net::Addr& from) const;
  uint32_t wait_ms() const;
  void rest(uint64_t ms);
  void pause();
  void resume();

  Shard& shard_;
  const model::Listener& listener_;
  bool on_ = false;
  bool paused_ = false;  // for a limit
  uint32_t deaf_ = 0;  // how often in a row the socket did not listen
};

}  // namespace weir::proxy
