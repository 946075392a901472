// See haproxy/wait.h.
#include "haproxy/wait.h"

#include "proxy/shard.h"

namespace weir::haproxy {
namespace {

class Sleep final : public Timer, public proxy::Waiter {
 public:
  Sleep(proxy::Transaction& txn, proxy::Cursor& cursor) : txn_(txn), cursor_(cursor) {
    cancel = [](proxy::Waiter* w) {
      auto* self = static_cast<Sleep*>(w);
      self->txn_.shard.loop.disarm(*self);
    };
  }

 private:
  void on_timer() override {
    txn_.disown(this);
    txn_.wake(cursor_);
  }
  proxy::Transaction& txn_;
  proxy::Cursor& cursor_;
};

}  // namespace

proxy::Waiter* sleep_for(proxy::Transaction& txn, proxy::Cursor& cursor, uint64_t ms) {
  auto* sleep = txn.arena.own<Sleep>(txn, cursor);
  txn.own(sleep);
  txn.shard.loop.arm(*sleep, ms ? ms : 1);
  return sleep;
}

void end_sleep(proxy::Transaction& txn, proxy::Waiter* sleep) {
  sleep->cancel(sleep);
  txn.disown(sleep);
}

}  // namespace weir::haproxy
