// Flow of bodies; see proxy/pipe.h.
#include "proxy/pipe.h"

namespace weir::proxy {

void Pipe::open(http::Stream* source, http::Stream* sink, int64_t window) {
  source_ = source;
  sink_ = sink;
  if (source_) source_->credit(window);
}

void Pipe::add(Filter* filter) {
  filter->pipe = this;
  filter->next = nullptr;
  (last_ ? last_->next : first_) = filter;
  last_ = filter;
}

void Pipe::add_first(Filter* filter) {
  filter->pipe = this;
  filter->next = first_;
  first_ = filter;
  if (!last_) last_ = filter;
}

void Pipe::head(Transaction& txn, http::Message& m) {
  Filter** at = &first_;
  last_ = nullptr;
  while (Filter* f = *at) {
    if (f->head(txn, m)) {
      last_ = f;
      at = &f->next;
    } else {
      f->abort();
      *at = f->next;
    }
  }
}

void Pipe::data(Str data, bool end) {
  bytes += data.size();
  if (end) ended_ = true;
  auto n = static_cast<int64_t>(data.size());
  if (first_)
    first_->data(data, end);
  else
    to_sink(data, end);
  if (ended_ || !source_) return;
  if (!uncoupled_ && congested())
    owed_ += n;
  else
    source_->credit(n);
}

void Pipe::to_sink(Str data, bool end) {
  sent += data.size();
  if (end) finished_ = true;
  if (sink_) sink_->send_data(data, end, end ? trailers : nullptr);
}

void Pipe::drained() {
  for (Filter* f = first_; f; f = f->next) f->resume();
  if (!owed_ || (!uncoupled_ && congested())) return;
  int64_t n = owed_;
  owed_ = 0;
  if (source_ && !ended_) source_->credit(n);
}

void Pipe::close() {
  for (Filter* f = first_; f; f = f->next) f->abort();
  first_ = last_ = nullptr;
  source_ = sink_ = nullptr;
}

}  // namespace weir::proxy
