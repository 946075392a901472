// nginx's response buffering: what a slow client does not take is kept here, in memory up to the configured buffers and
// then in an unlinked temporary file, so that the server is done soon and its connection free. With no temporary file
// allowed, or at its limit, the server is made to wait instead.
#include "proxy/response_buffer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "net/conn.h"
#include "proxy/file_body.h"
#include "proxy/forward.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {
namespace {

class ResponseBuffer final : public Filter {
 public:
  ResponseBuffer(Transaction& txn, const Forward& plan) : txn_(txn), plan_(plan) {}

  void data(Str data, bool end) override {
    ended_ = end;
    if (held() == 0 && !pipe->congested()) {
      emit(data, end);
      ended_sent_ = end;
      pipe->set_uncoupled(true);
      return;
    }
    if (!keep(data) && !(written_ > read_ || !tail_.empty() ? tail_ : memory_).append(data.data(), data.size()))
      return fail(ENOMEM, "no memory for the response");
    pipe->set_uncoupled(room());
  }

  void resume() override {
    while (held() && !pipe->congested()) {
      if (!memory_.empty())
        send_memory(memory_);
      else if (written_ == read_)
        send_memory(tail_);
      else if (!send_file())
        return;
    }
    if (ended_ && !ended_sent_ && held() == 0) {
      ended_sent_ = true;
      emit({}, true);
    }
    pipe->set_uncoupled(room());
  }

  void abort() override {
    memory_.clear();
    tail_.clear();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  uint64_t held() const { return memory_.size() + (written_ - read_) + tail_.size(); }
  // The file is used from its start again once all of it was sent.
  bool room() const {
    bool no_file = told_ || !plan_.client.max_temp_file;
    bool full =
        written_ > read_ ? written_ >= plan_.client.max_temp_file : no_file && held() >= plan_.client.response_memory;
    return tail_.empty() && !full;
  }

  // Once there is a file, order demands that everything later goes through it until it is empty.
  bool keep(Str data) {
    bool spill = written_ > read_ || memory_.size() + data.size() > plan_.client.response_memory;
    if (!spill || plan_.client.max_temp_file == 0 || !tail_.empty()) return false;
    if (fd_ < 0 && (fd_ = open_temp_file(plan_.client.temp_dir)) < 0)
      return no_disk("open() of a temporary file failed");
    if (written_ == read_) written_ = read_ = 0;
    if (!write_all(fd_, data, written_)) return no_disk("writing a temporary file failed");
    written_ += data.size();
    return true;
  }
  // Told once; the server waits for the client from now on.
  bool no_disk(Str text) {
    if (!std::exchange(told_, true)) txn_.shard.complain(txn_.listener, errno, text);
    return false;
  }
  void fail(int error, Str text) {
    Error e{Fault::resource, Side::proxy};
    e.sys = error;
    e.text = text;
    txn_.fail(e);
  }
  void send_memory(net::BufQueue& queue) {
    Str part = queue.front();
    bool last = ended_ && part.size() == held();
    emit(part, last);
    ended_sent_ |= last;
    queue.consume(part.size());
  }
  bool send_file() {
    char buf[32 * 1024];
    ssize_t n = fault::pread(fault::Site::temp_read, fd_, buf, std::min<uint64_t>(sizeof buf, written_ - read_),
                             static_cast<off_t>(read_));
    if (n < 0 && errno == EINTR) return true;
    if (n <= 0) {
      fail(n ? errno : EIO, "reading a temporary file failed");
      return false;
    }
    read_ += static_cast<uint64_t>(n);
    bool last = ended_ && held() == 0;
    emit({buf, static_cast<size_t>(n)}, last);
    ended_sent_ |= last;
    return true;
  }

  Transaction& txn_;
  const Forward& plan_;
  net::BufQueue memory_;  // in front of the file
  net::BufQueue tail_;  // behind it, when the disk took no more
  int fd_ = -1;
  uint64_t written_ = 0;
  uint64_t read_ = 0;
  bool ended_ = false;
  bool ended_sent_ = false;
  bool told_ = false;
};

}  // namespace

Filter* make_response_buffer(Transaction& txn, const Forward& plan) {
  return txn.arena.own<ResponseBuffer>(txn, plan);
}

}  // namespace weir::proxy
