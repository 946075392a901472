// See proxy/delay.h.
#include "proxy/delay.h"

#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {

Delay::Delay(Transaction& txn, Cursor& cursor) : txn_(txn), cursor_(cursor) {
  cancel = [](Waiter* w) {
    auto* self = static_cast<Delay*>(w);
    self->txn_.shard.loop.disarm(*self);
  };
}

Delay* Delay::start(Transaction& txn, Cursor& cursor, uint64_t ms) {
  auto* d = txn.arena.own<Delay>(txn, cursor);
  txn.own(d);
  txn.shard.loop.arm(*d, ms);
  return d;
}

void Delay::on_timer() {
  over_ = true;
  txn_.disown(this);
  txn_.wake(cursor_);
}

}  // namespace weir::proxy
