// Reading files for bodies; see proxy/file_body.h.
#include "proxy/file_body.h"

#include <unistd.h>

#include <algorithm>

#include "base/fault.h"
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
    free(job_);
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
  if (!job_ && !(job_ = new_job())) return txn_.shard.loop.soon(this);
  job_->body = this;
  job_->request.data = job_;
  reading_ = true;
  size_t size = std::min<uint64_t>(left_, kBuffer);
  int fd = fault::fails(fault::Site::body_read, -1, size) ? -1 : fd_;
  uv_buf_t buf = uv_buf_init(job_->data, static_cast<unsigned>(size));
  net::Loop& loop = txn_.shard.loop;
  uv_fs_read(loop.uv(), &job_->request, fd, &buf, 1, offset_, done);
  loop.uv_touched();
}

FileBody::Job* FileBody::new_job() {
  return static_cast<Job*>(fault::malloc(fault::Site::alloc_body, sizeof(Job)));
}

void FileBody::run_task() {
  if (!stopped_) fail(ENOMEM, "no memory to read a file");
}

void FileBody::done(uv_fs_t* request) {
  auto* job = static_cast<Job*>(request->data);
  ssize_t n = request->result;
  uv_fs_req_cleanup(request);
  FileBody* body = job->body;
  if (!body) {
    free(job);
    return;
  }
  body->reading_ = false;
  if (n <= 0) return body->fail(static_cast<int>(-n), n ? "reading a file failed" : "a file was cut short");
  body->deliver({job->data, static_cast<size_t>(n)});
}

void FileBody::fail(int error, Str text) {
  Error e{Fault::resource, Side::proxy};
  e.sys = error;
  e.text = text;
  txn_.on_reset(*this, e);
}

void FileBody::deliver(Str data) {
  offset_ += static_cast<int64_t>(data.size());
  left_ -= data.size();
  credit_ -= static_cast<int64_t>(data.size());
  txn_.on_data(*this, data, left_ == 0);
  if (!stopped_ && !reading_ && left_ && credit_ > 0) read_next();
}

}  // namespace weir::proxy
