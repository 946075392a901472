#pragma once
// A file as the source of a body, where sendfile cannot do it (TLS, filters, chunked): reads on libuv's thread pool, one
// buffer at a time, as the sink gives credit. Lives in the transaction's arena; the descriptor is closed at `stop`.
#include <uv.h>

#include "http/stream.h"
#include "net/loop.h"

namespace weir::proxy {

class Transaction;

class FileBody final : public http::Stream, public net::Task {
 public:
  static constexpr size_t kBuffer = 32 * 1024;

  // `upload`: it feeds the server (a kept request body), else the client. Owns `fd` when `close_fd`.
  FileBody(Transaction& txn, int fd, int64_t offset, uint64_t size, bool upload, bool close_fd);
  void stop();  // no more reports; frees the descriptor when a read under way allows

  int fd() const { return fd_; }
  int64_t offset() const { return offset_; }
  uint64_t left() const { return left_; }

  void send_head(http::Message&, bool) override {}
  void send_data(Str, bool, http::HeaderList*) override {}
  size_t queued() const override { return 0; }
  void credit(int64_t n) override;
  void finish() override {}
  void abort() override {}

 private:
  // What the thread pool touches outlives the transaction.
  struct Job {
    uv_fs_t request;
    FileBody* body;
    char data[kBuffer];
  };
  void read_next();
  static Job* new_job();
  static void done(uv_fs_t* request);
  void run_task() override;  // there was no memory to read with
  void deliver(Str data);
  void fail(int error, Str text);

  Transaction& txn_;
  Job* job_ = nullptr;
  int fd_;
  int64_t offset_;
  uint64_t left_;
  int64_t credit_ = 0;
  bool upload_;
  bool close_fd_;
  bool reading_ = false;
  bool stopped_ = false;
};

// An unlinked temporary file in `dir` (empty: /tmp), or -1 with errno.
int open_temp_file(Str dir);
// All of `data` at this offset; false with errno.
bool write_all(int fd, Str data, uint64_t at);

}  // namespace weir::proxy
