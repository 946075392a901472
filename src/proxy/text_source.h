#pragma once
// A body that is written here, piece by piece as the client takes it, so that its length costs no memory: the statistics
// page.
#include <string>

namespace weir::proxy {

class Transaction;

class TextSource {
 public:
  // Appends some more to `out`, in its own steps. False: that was the last. Called on the transaction's thread.
  virtual bool next(std::string& out) = 0;

 protected:
  ~TextSource() = default;
};

// Gives the answer that is about to be sent with reply_head({}) this body. The source has to live as long as the transaction.
void add_text(Transaction& txn, TextSource& source);

}  // namespace weir::proxy
