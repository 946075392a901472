#pragma once
// A pause of a step: the cursor waits and is woken when the time is over. Lives in the transaction's arena; ends with it.
#include "net/loop.h"
#include "proxy/step.h"

namespace weir::proxy {

class Transaction;

class Delay final : public Waiter, public Timer {
 public:
  Delay(Transaction& txn, Cursor& cursor);
  ~Delay() = default;
  bool over() const { return over_; }
  // The step returns Next::wait behind this.
  static Delay* start(Transaction& txn, Cursor& cursor, uint64_t ms);

 protected:
  void on_timer() override;

 private:
  Transaction& txn_;
  Cursor& cursor_;
  bool over_ = false;
};

}  // namespace weir::proxy
