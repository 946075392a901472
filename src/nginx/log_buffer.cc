// See nginx/log_buffer.h.
#include "nginx/log_buffer.h"

#include <zlib.h>

#include <memory>
#include <mutex>
#include <vector>

#include "net/loop.h"

namespace weir::nginx {
namespace {

constexpr size_t kGather = 64 * 1024;  // most that is gathered for a file without buffer=

void write_gzip(const LogFile& file, Str data, int level) {
  z_stream z{};
  constexpr int kGzip = 15 + 16;
  if (deflateInit2(&z, level, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
  std::string out(deflateBound(&z, data.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  if (deflate(&z, Z_FINISH) == Z_STREAM_END) write_log(file, Str(out).substr(0, z.total_out));
  deflateEnd(&z);
}

class Buffer final : public net::Task, public Timer {
 public:
  explicit Buffer(const LogFile& file) : file_(file) {}

  void append(Str line) {
    size_t limit = file_.buffer ? file_.buffer : kGather;
    if (data_.size() + line.size() > limit) flush();
    if (file_.buffer && line.size() > limit) return write(line);
    net::Loop& loop = net::Loop::current();
    if (!file_.buffer && !TaskLink::linked()) {
      loop.soon(this);
      return write(line);
    }
    if (file_.flush_ms && data_.empty()) loop.arm(*this, file_.flush_ms);
    data_ += line;
  }
  void flush() {
    if (data_.empty()) return;
    write(data_);
    data_.clear();
  }

 private:
  void write(Str lines) {
    if (file_.gzip)
      write_gzip(file_, lines, file_.gzip);
    else
      write_log(file_, lines);
  }
  void run_task() override { flush(); }
  void on_timer() override { flush(); }

  const LogFile& file_;
  std::string data_;
};

// The buffers hang in their loop's lists, so they are never destroyed; this holds them for ever.
void keep(Buffer* buffer) {
  static std::mutex lock;
  static auto* all = new std::vector<Buffer*>;
  std::lock_guard guard(lock);
  all->push_back(buffer);
}

struct ThreadBuffers {
  std::vector<Buffer*> by_file;
  void flush() {
    for (Buffer* b : by_file)
      if (b) b->flush();
  }
  ~ThreadBuffers() { flush(); }
};
thread_local ThreadBuffers t_buffers;

}  // namespace

void append_log(const LogFile& file, Str line) {
  auto& list = t_buffers.by_file;
  if (list.size() <= file.index) list.resize(file.index + 1);
  Buffer*& b = list[file.index];
  if (!b) keep(b = new Buffer(file));
  b->append(line);
}

void flush_logs() {
  t_buffers.flush();
}

}  // namespace weir::nginx
