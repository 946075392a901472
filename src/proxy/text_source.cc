// See proxy/text_source.h. The text is the first filter of the response: it is given an empty body and makes the whole of it,
// as long as the client keeps up.
#include "proxy/text_source.h"

#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {
namespace {

class TextFilter final : public Filter, public net::Task {
 public:
  static constexpr size_t kPiece = 16 * 1024;  // bytes after which it is handed on and others have their turn

  TextFilter(Transaction& txn, TextSource& source) : txn_(txn), source_(source) {}
  void data(Str, bool) override { txn_.shard.loop.soon(this); }
  void resume() override {
    if (!ended_) txn_.shard.loop.soon(this);
  }
  void abort() override {
    ended_ = true;
    TaskLink::unlink();
  }
  void run_task() override;

 private:
  Transaction& txn_;
  TextSource& source_;
  std::string piece_;
  bool ended_ = false;
};

void TextFilter::run_task() {
  if (ended_ || pipe->congested()) return;  // resume() comes
  piece_.clear();
  while (!ended_ && piece_.size() < kPiece) ended_ = !source_.next(piece_);
  emit(piece_, ended_);
  if (!ended_)
    txn_.shard.loop.soon(this);
  else if (txn_.client)
    txn_.on_drained(*txn_.client);  // nobody else notices the end where all of it could be written at once
}

}  // namespace

void add_text(Transaction& txn, TextSource& source) {
  txn.response.body = http::Body::chunked;
  txn.down.add(txn.arena.own<TextFilter>(txn, source));
}

}  // namespace weir::proxy
