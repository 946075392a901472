#pragma once
// A pause: when its time is over, a waiting cursor is woken, or a function is called. Lives in the transaction's arena; ends
// with it.
#include "net/loop.h"
#include "proxy/step.h"

namespace weir::proxy {

class Transaction;

class Delay final : public Waiter, public Timer {
 public:
  using Then = void (*)(Transaction&);

  Delay(Transaction& txn, Cursor* cursor, Then then);
  ~Delay() = default;
  bool over() const { return over_; }
  // Ends it before its time, or after it.
  void end();
  // Wakes `cursor` after `ms` (at least one); the step returns Next::wait behind this.
  static Delay* start(Transaction& txn, Cursor& cursor, uint64_t ms) { return start(txn, &cursor, nullptr, ms); }
  // Calls `then` after `ms`.
  static Delay* start(Transaction& txn, uint64_t ms, Then then) { return start(txn, nullptr, then, ms); }

 protected:
  void on_timer() override;

 private:
  static Delay* start(Transaction& txn, Cursor* cursor, Then then, uint64_t ms);
  Transaction& txn_;
  Cursor* cursor_;
  Then then_;
  bool over_ = false;
};

}  // namespace weir::proxy
