#pragma once
// One connected socket on one loop: readiness bits, reading, writing with a queue for what the peer does not take yet, an
// optional TLS session, and one timer. Sessions (codecs, tunnels) derive from it, so an idle connection is one object.
// Lives from accept or connect until close(); freed by the loop after the batch in which it was closed.
#include <sys/uio.h>

#include <cstdint>

#include "base/error.h"
#include "net/addr.h"
#include "net/loop.h"

struct ssl_st;
struct ssl_ctx_st;

namespace weir::net {

// Bytes waiting to be written. A chain of 16 KiB buffers from a free list of the thread.
struct Buf {
  static constexpr size_t kSize = 16 * 1024;
  Buf* next;
  uint32_t begin;
  uint32_t end;
  char data[kSize - 16];

  static Buf* take();  // null when there is no memory
  static void give(Buf* buf);
};

class BufQueue {
 public:
  ~BufQueue() { clear(); }
  // False: no memory; what did not fit is lost, and so is the stream.
  [[nodiscard]] bool append(const char* p, size_t n);
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // Up to `max` spans of the front, for writev.
  int spans(iovec* out, int max) const;
  Str front() const { return head_ ? Str{head_->data + head_->begin, head_->end - head_->begin} : Str{}; }
  void consume(size_t n);
  // Copies up to `n` bytes of the front to `out` and consumes them.
  size_t take(char* out, size_t n);
  void clear();

 private:
  Buf* head_ = nullptr;
  Buf* tail_ = nullptr;
  size_t size_ = 0;
};

// A regular file's bytes still to be sent (sendfile), after the queued bytes.
struct FileSpan {
  int fd = -1;
  int64_t offset = 0;
  uint64_t left = 0;
};

// The socket's own address; asks the kernel.
Addr local_address(int fd);

struct Socks4Way;

// How fast a connection may write; belongs to whoever gave it.
class Pace {
 public:
  // Bytes that may go to the kernel now. 0: none, and Conn::go_on() is called once some may.
  virtual uint64_t allowance() = 0;
  virtual void sent(uint64_t n) = 0;

 protected:
  ~Pace() = default;
};

class Conn : public IoHandler, public Timer, public Task {
 public:
  enum class Io : uint8_t { ok, again, eof, error };

  Conn(Loop& loop, int fd) : loop_(&loop), fd_(fd) {}
  virtual ~Conn();

  Loop& loop() const { return *loop_; }
  int fd() const { return fd_; }
  bool closed() const { return fd_ < 0; }
  const Addr& peer() const { return peer_; }
  void set_peer(const Addr& a) { peer_ = a; }
  Addr local() const;  // asks the kernel
  ssl_st* ssl() const { return ssl_; }
  int last_errno() const { return errno_; }
  bool broken() const { return broken_; }  // on_broken() follows, or came

  // Enters the loop's set; `connecting` for a socket whose connect() is under way.
  bool start(bool connecting);
  // Makes this a TLS connection; the handshake runs from the loop and ends in on_connected(). Takes over `ssl`.
  void start_tls(ssl_st* ssl, bool server);

  // Reads once into `to`. On ok, `got` > 0. A short read clears the readiness bit.
  Io read(char* to, size_t size, size_t& got);
  // The same of a plain socket, leaving the bytes there.
  Io peek(char* to, size_t size, size_t& got);
  bool readable() const { return readable_; }
  bool rdhup() const { return rdhup_; }  // the peer has closed its side; data may still be waiting in front of the end
  // Runs on_readable() from the loop soon, when there may be something to read.
  void read_soon() { loop_->soon(this); }

  // Room for at most `size` bytes (<= Loop::kWriteScratch) that will go out in front of whatever is written next, at the
  // latest when the current event ends. Call commit with what was used.
  char* prepare(size_t size);
  void commit(size_t size) { loop_->scratch_used += static_cast<uint32_t>(size); }
  // Writes now what the kernel takes and queues the rest. False when the connection is broken: on_broken() follows from
  // the loop.
  bool write(Str data);
  bool write(const iovec* iov, int count);
  bool flush();  // sends what prepare/commit gathered
  // Sends file bytes after everything queued. The descriptor stays the caller's until on_drained().
  bool write_file(const FileSpan& file);
  // Bytes that the kernel did not take yet; what is gathered for the end of this event counts with a pace only.
  size_t queued() const {
    const size_t n = out_.size() + file_.left;
    return pace_ ? n + gathered() : n;
  }
  // From now on at this pace: everything is queued, and goes from the loop. Null: as fast as the kernel takes it.
  void set_pace(Pace* pace) { pace_ = pace; }
  void go_on();  // the pace allows more
  bool held_back() const { return pace_ && writable_; }  // by the pace, not by the kernel
  void drop_queue() {
    out_.clear();
    file_ = {};
  }

  // What is left of a connection on its way to another loop.
  struct Detached {
    int fd = -1;
    ssl_st* ssl = nullptr;
    uint64_t bytes_in = 0, bytes_out = 0;
    void drop() const;  // it goes nowhere after all
  };
  // Leaves the loop with the socket open; this object ends as by close(). Nothing may be queued or under way.
  Detached detach();
  // The other end of it, in place of start(), on an object made with that descriptor.
  bool adopt(const Detached& d);

  void shutdown_write();  // after what is queued
  void close();  // now; the object is freed later
  void reset();  // close with RST where the protocol has it
  void vanish();  // close without telling the peer, as far as the system allows

  void arm(uint64_t ms) { loop_->arm(*this, ms); }
  void disarm() { loop_->disarm(*this); }

  uint64_t bytes_in = 0;  // over the connection's life, as read from the socket (plain text)
  uint64_t bytes_out = 0;

 protected:
  // Events for the session. None is called after close().
  // connect() finished; TLS, if any, comes next. False: something is yet to come before the connection counts as open, or it has
  // failed; asked again with each event.
  virtual bool on_open() { return true; }
  virtual void on_connected() {}  // connect() or the TLS handshake finished
  virtual void on_readable() = 0;  // read() may give something
  virtual void on_blocked() {}  // the kernel does not take everything: a queue begins
  virtual void on_progress() {}  // the kernel took some of what was queued
  virtual void on_drained() {}  // everything queued has gone to the kernel
  virtual void
  on_broken() = 0;  // the peer is gone for writing, the handshake failed, or connect() failed: last_errno()
  void on_io(uint32_t events) override;
  void run_task() override;
  void destroy() override { delete this; }

  // Sends past TLS and queues; for the first few bytes of a fresh connection, which the kernel always takes.
  void send_plain(Str data);
  // For on_open(): asks the proxy at the other end once and takes its answer. False: it is yet to come, or it leads nowhere, and
  // on_broken() follows.
  bool pass_socks4(Socks4Way& way);

  enum class Tls : uint8_t { off, handshake, open, failed };
  Tls tls_ = Tls::off;

 private:
  friend class Loop;
  bool send_all(const iovec* iov, int count, size_t total);
  ssize_t send_some(const iovec* iov, int count);
  ssize_t tls_send(const iovec* iov, int count);
  Io tls_read(char* to, size_t size, size_t& got);
  void tls_handshake();
  size_t gathered() const;
  void drain();
  bool drain_file();
  void fail(int error);

  Loop* loop_;
  int fd_;
  bool readable_ = false;
  bool writable_ = true;
  bool connecting_ = false;
  bool broken_ = false;
  bool want_shutdown_ = false;
  bool tls_server_ = false;
  bool rdhup_ = false;
  int errno_ = 0;
  Addr peer_;
  ssl_st* ssl_ = nullptr;
  BufQueue out_;
  FileSpan file_;
  Pace* pace_ = nullptr;
};

}  // namespace weir::net
