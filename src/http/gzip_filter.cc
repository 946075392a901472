// See http/gzip_filter.h. zlib's state is a quarter of a megabyte, so streams are kept per thread and reset.
#include "http/gzip_filter.h"

#include <zlib.h>

#include <memory>
#include <vector>

#include "proxy/transaction.h"

namespace weir::http {
namespace {

struct Deflater {
  z_stream z{};
  int level;
  bool zlib_format;
  bool good;

  Deflater(int l, bool zf) : level(l), zlib_format(zf) {
    good = Z_OK == deflateInit2(&z, level, Z_DEFLATED, zlib_format ? 15 : 15 + 16, 8, Z_DEFAULT_STRATEGY);
  }
  ~Deflater() { deflateEnd(&z); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
};

class DeflaterPool {
 public:
  // Null when there is no memory.
  std::unique_ptr<Deflater> take(int level, bool zlib_format) {
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if ((*it)->level != level || (*it)->zlib_format != zlib_format) continue;
      auto d = std::move(*it);
      free_.erase(it);
      deflateReset(&d->z);
      return d;
    }
    auto d = std::make_unique<Deflater>(level, zlib_format);
    return d->good ? std::move(d) : nullptr;
  }
  void give(std::unique_ptr<Deflater> d) {
    if (free_.size() < kMax) free_.push_back(std::move(d));
  }

 private:
  static constexpr size_t kMax = 8;
  std::vector<std::unique_ptr<Deflater>> free_;
};
thread_local DeflaterPool t_deflaters;

class GzipFilter final : public proxy::Filter {
 public:
  explicit GzipFilter(const GzipOptions& options) : options_(options) {}

  bool head(proxy::Transaction& txn, Message& m) override {
    if (options_.wanted && !options_.wanted(txn, m, options_.conf)) return false;
    shard_ = &txn.shard;
    deflater_ = t_deflaters.take(options_.level, options_.zlib_format);
    if (!deflater_) return false;
    m.headers.set(Name::content_encoding, "Content-Encoding", options_.zlib_format ? "deflate" : "gzip");
    m.headers.remove(Name::content_length);
    m.headers.remove(Name::accept_ranges);
    if (Header* etag = m.headers.find(Name::etag); etag && etag->value.starts_with('"'))
      etag->value = txn.arena.cat("W/", etag->value);
    m.body = Body::chunked;
    m.content_length = 0;
    return true;
  }

  void data(Str in, bool end) override {
    if (!deflater_) return emit(in, end);
    shard_->crew.limits.compression.count(shard_->loop.now(), static_cast<uint32_t>(in.size()));
    z_stream& z = deflater_->z;
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    z.avail_in = static_cast<uInt>(in.size());
    int flush = end ? Z_FINISH : options_.flush ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    char out[16 * 1024];
    int r;
    do {
      z.next_out = reinterpret_cast<Bytef*>(out);
      z.avail_out = sizeof out;
      r = deflate(&z, flush);
      size_t n = sizeof out - z.avail_out;
      bool last = r == Z_STREAM_END;
      if (options_.counts) *options_.counts = {z.total_in, z.total_out};
      if (n || last) emit({out, n}, last);
      if (last) break;
    } while (z.avail_out == 0 || (end && r == Z_OK));
  }

  void abort() override {
    if (deflater_) t_deflaters.give(std::move(deflater_));
  }

 private:
  GzipOptions options_;
  proxy::Shard* shard_ = nullptr;
  std::unique_ptr<Deflater> deflater_;
};

}  // namespace

proxy::Filter* make_gzip_filter(proxy::Transaction& txn, const GzipOptions& options) {
  return txn.arena.own<GzipFilter>(options);
}

}  // namespace weir::http
