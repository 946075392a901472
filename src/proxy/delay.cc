// See proxy/delay.h.
#include "proxy/delay.h"

#include <algorithm>

#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {

Delay::Delay(Transaction& txn, Cursor* cursor, Then then) : txn_(txn), cursor_(cursor), then_(then) {
  cancel = [](Waiter* w) {
    auto* self = static_cast<Delay*>(w);
    self->txn_.shard.loop.disarm(*self);
  };
}

Delay* Delay::start(Transaction& txn, Cursor* cursor, Then then, uint64_t ms) {
  auto* d = txn.arena.own<Delay>(txn, cursor, then);
  txn.own(d);
  txn.shard.loop.arm(*d, std::max<uint64_t>(ms, 1));
  return d;
}

void Delay::end() {
  cancel(this);
  txn_.disown(this);
}

void Delay::on_timer() {
  over_ = true;
  txn_.disown(this);
  if (cursor_)
    txn_.wake(*cursor_);
  else
    then_(txn_);
}

}  // namespace weir::proxy
