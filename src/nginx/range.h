#pragma once
// Byte ranges (RFC 9110 14). The static step uses this to read only what was asked for; range.cc's filter does the rest.
#include "nginx/module.h"

namespace weir::nginx {

struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;  // behind the last byte
};

enum class RangeVerdict : uint8_t { whole, parts, unsatisfiable };

// What a Range header asks of a body of `length` bytes: nginx's reading, which ignores a header that asks for more than
// there is or for more than `most` ranges. Ranges stay in their order.
RangeVerdict parse_ranges(Arena& arena, Str header, uint64_t length, uint64_t most, ArenaList<ByteRange>& out);
// The ranges that this request wants of the response as it stands (If-Range and max_ranges considered).
RangeVerdict wanted_ranges(proxy::Transaction& txn, const http::Message& response, uint64_t length,
                           ArenaList<ByteRange>& out);
// "bytes 0-99/1000".
Str content_range(Arena& arena, ByteRange range, uint64_t length);

}  // namespace weir::nginx
