#pragma once
// One direction of bodies: from a source stream through filters to a sink stream, with credit flowing back. A transaction
// has two. Filters are made per transaction, only for what is configured.
#include "http/stream.h"

namespace weir::proxy {

class Pipe;
class Transaction;

// A body filter. It lives in the transaction's arena; destructors do not run: free in `abort`, which is always called once
// at the end, after `data` with end or instead of it.
class Filter {
 public:
  Filter* next = nullptr;
  Pipe* pipe = nullptr;

  // The head before it goes out; may change headers and body kind. False: this filter is not needed, drop it.
  virtual bool head(Transaction&, http::Message&) { return true; }
  // Takes all of `data`: hand on what is ready with emit, hold what is not.
  virtual void data(Str data, bool end) = 0;
  // The sink has room again after congestion, for filters that hold.
  virtual void resume() {}
  virtual void abort() {}

 protected:
  ~Filter() = default;
  void emit(Str data, bool end);
};

class Pipe {
 public:
  // Opens the flow: the source may deliver `window` bytes before the sink takes any.
  void open(http::Stream* source, http::Stream* sink, int64_t window);
  bool is_open() const { return sink_ != nullptr; }
  bool ended() const { return ended_; }  // the source has said its last
  bool finished() const { return finished_; }  // and the sink has got it
  void add(Filter* filter);  // at the end of the chain
  void add_first(Filter* filter);
  bool filtered() const { return first_ != nullptr; }
  // Lets the filters see the head and drops those that are not needed.
  void head(Transaction& txn, http::Message& m);

  void data(Str data, bool end);  // from the source
  void to_sink(Str data, bool end);  // from the last filter
  void drained();  // the sink's queue is empty
  bool congested() const { return sink_ && sink_->queued() > 0; }
  // A buffering filter takes over flow control: what the source delivered is credited at once.
  void set_uncoupled(bool on) { uncoupled_ = on; }
  void credit_source(int64_t n) {
    if (source_) source_->credit(n);
  }
  void close();  // aborts the filters and forgets both ends
  void detach_source() { source_ = nullptr; }
  void detach_sink() { sink_ = nullptr; }
  http::Stream* source() const { return source_; }

  http::HeaderList* trailers = nullptr;  // handed to the sink with the end
  uint64_t bytes = 0;  // delivered by the source
  uint64_t sent = 0;  // handed to the sink

 private:
  http::Stream* source_ = nullptr;
  http::Stream* sink_ = nullptr;
  Filter* first_ = nullptr;
  Filter* last_ = nullptr;
  int64_t owed_ = 0;
  bool ended_ = false;
  bool finished_ = false;
  bool uncoupled_ = false;
};

inline void Filter::emit(Str data, bool end) {
  if (next)
    next->data(data, end);
  else
    pipe->to_sink(data, end);
}

}  // namespace weir::proxy
