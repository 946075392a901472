#pragma once
// Compression of response bodies with zlib. Whether a response is compressed is the personalities' decision; this filter
// only does it and adjusts the head: Content-Encoding, no Content-Length, a weak ETag, no Accept-Ranges.
#include "proxy/pipe.h"

namespace weir::http {

// Bytes that went into a filter and came out of it.
struct GzipCounts {
  uint64_t in = 0, out = 0;
};

struct GzipOptions {
  // Whether the answer is to be compressed at all, asked when the filters before have said what its body is; null: it is.
  bool (*wanted)(proxy::Transaction& txn, Message& m, const void* conf) = nullptr;
  const void* conf = nullptr;
  int level = 1;  // 1 fastest … 9 smallest
  bool zlib_format = false;  // "deflate" (RFC 1950) instead of "gzip" (RFC 1952)
  bool flush = false;  // hand on what has come after each piece, for bodies that trickle
  GzipCounts* counts = nullptr;  // in the exchange's arena; null: nobody asks
};

proxy::Filter* make_gzip_filter(proxy::Transaction& txn, const GzipOptions& options = {});

}  // namespace weir::http
