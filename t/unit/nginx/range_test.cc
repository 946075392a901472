// nginx/range.h: what a Range header asks for.
#include <criterion/criterion.h>

#include <string>

#include "nginx/range.h"

using namespace weir;
using nginx::ByteRange;
using nginx::RangeVerdict;

namespace {

constexpr uint64_t kUnlimited = INT32_MAX;

// "0-9,20-29" for parts, "whole" or "416".
std::string read(Str header, uint64_t length, uint64_t most = kUnlimited) {
  Arena arena;
  ArenaList<ByteRange> ranges;
  switch (nginx::parse_ranges(arena, header, length, most, ranges)) {
    case RangeVerdict::whole: return "whole";
    case RangeVerdict::unsatisfiable: return "416";
    case RangeVerdict::parts: break;
  }
  std::string out;
  for (ByteRange r : ranges)
    out += (out.empty() ? "" : ",") + std::to_string(r.begin) + "-" + std::to_string(r.end - 1);
  return out;
}

#define EXPECT_RANGES(expected, ...)                                                         \
  do {                                                                                       \
    std::string got = read(__VA_ARGS__);                                                     \
    cr_expect(got == (expected), "%s: got %s, not %s", #__VA_ARGS__, got.c_str(), expected); \
  } while (0)

}  // namespace

Test(nginx_range, single) {
  EXPECT_RANGES("0-8", "bytes=0-8", 1000);
  EXPECT_RANGES("990-999", "bytes=-10", 1000);
  EXPECT_RANGES("990-999", "bytes=990-", 1000);
  EXPECT_RANGES("990-999", "bytes=990-2000", 1000);
  EXPECT_RANGES("0-999", "bytes=-2000", 1000);
  EXPECT_RANGES("0-8", "BYTES= 0 - 8", 1000);
}

Test(nginx_range, several) {
  EXPECT_RANGES("0-9,20-29", "bytes=0-9,20-29", 1000);
  EXPECT_RANGES("0-9,990-999", "bytes=0-9, -10", 1000);
  EXPECT_RANGES("20-29,0-9", "bytes=20-29,0-9", 1000);
  EXPECT_RANGES("0-9", "bytes=0-9,1000-", 1000);
}

Test(nginx_range, not_satisfiable) {
  EXPECT_RANGES("416", "bytes=1000-", 1000);
  EXPECT_RANGES("416", "bytes=-0", 1000);
  EXPECT_RANGES("416", "bytes=a-b", 1000);
  EXPECT_RANGES("416", "bytes=0-8x", 1000);
  EXPECT_RANGES("416", "bytes=10", 1000);
  EXPECT_RANGES("416", "bytes=0-99999999999999999999", 1000);
}

Test(nginx_range, ignored) {
  EXPECT_RANGES("whole", "lines=0-8", 1000);
  EXPECT_RANGES("whole", "bytes", 1000);
  EXPECT_RANGES("whole", "bytes=0-9,20-29", 1000, 1);
  EXPECT_RANGES("whole", "bytes=0-999,0-999", 1000);
}

Test(nginx_range, many_small_parts_do_not_cost_more_than_the_whole) {
  std::string header = "bytes=0-0";
  for (int i = 1; i < 30; i++) header += "," + std::to_string(2 * i) + "-" + std::to_string(2 * i);
  EXPECT_RANGES("whole", header, 1000);
}

Test(nginx_range, content_range) {
  Arena arena;
  cr_assert(nginx::content_range(arena, {0, 100}, 1000) == "bytes 0-99/1000");
}
