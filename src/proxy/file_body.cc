// Reading files for bodies; see proxy/file_body.h.
#include "proxy/file_body.h"

#include <unistd.h>

#include <algorithm>

#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {

FileBody::FileBody(Transaction& txn, int fd, int64_t offset, uint64_t size, bool upload, bool close_fd)
    : txn_(txn), fd_(fd), offset_(offset), left_(size), upload_(upload), close_fd_(close_fd) {
  user = &txn;
}

void FileBody::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (job_ && reading_) {
    job_->body = nullptr;  // the callback frees it
  } else {
    delete job_;
  }
  job_ = nullptr;
  // A read under way may find another file under this number: its bytes are dropped, and a read at an offset moves nothing.
  if (close_fd_ && fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void FileBody::credit(int64_t n) {
  credit_ += n;
  if (!reading_ && credit_ > 0 && left_ && !stopped_) read_next();
}

void FileBody::read_next() {
  if (!job_) job_ = new Job;
  job_->body = this;
  job_->request.data = job_;
  reading_ = true;
  uv_buf_t buf = uv_buf_init(job_->data, static_cast<unsigned>(std::min<uint64_t>(left_, kBuffer)));
  net::Loop& loop = txn_.shard.loop;
  uv_fs_read(loop.uv(), &job_->request, fd_, &buf, 1, offset_, done);
  loop.uv_touched();
}

void FileBody::done(uv_fs_t* request) {
  auto* job = static_cast<Job*>(request->data);
  ssize_t n = request->result;
  uv_fs_req_cleanup(request);
  FileBody* body = job->body;
  if (!body) {
    delete job;
    return;
  }
  body->reading_ = false;
  if (n <= 0) return body->deliver({}, true);
  body->deliver({job->data, static_cast<size_t>(n)}, false);
}

void FileBody::deliver(Str data, bool failed) {
  if (failed) {
    Error e{Fault::resource, Side::proxy};
    e.text = "reading a file failed or it was cut short";
    return txn_.on_reset(*this, e);
  }
  offset_ += static_cast<int64_t>(data.size());
  left_ -= data.size();
  credit_ -= static_cast<int64_t>(data.size());
  txn_.on_data(*this, data, left_ == 0);
  if (!stopped_ && !reading_ && left_ && credit_ > 0) read_next();
}

}  // namespace weir::proxy
