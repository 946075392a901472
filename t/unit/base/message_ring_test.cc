// A ring keeps the latest messages, and what its readers hold.
#include <criterion/criterion.h>

#include "base/message_ring.h"

using namespace weir;

namespace {
constexpr size_t kOne = 4 + 8;  // bytes of a message of four, with what the ring adds
}

Test(message_ring, keeps_the_latest) {
  MessageRing ring(3 * kOne);
  for (Str m : {Str("aaaa"), Str("bbbb"), Str("cccc"), Str("dddd")}) cr_assert(ring.write(m));
  MessageRing::Position at = 0;
  std::string out;
  cr_assert(ring.read(at, out));
  cr_assert_str_eq(out.c_str(), "bbbb");
  cr_assert(ring.read(at, out) && ring.read(at, out));
  cr_assert_str_eq(out.c_str(), "dddd");
  cr_assert(!ring.read(at, out));
  cr_assert_eq(at, ring.newest());
  cr_assert_eq(ring.oldest(), 1);
  cr_assert(!ring.write(std::string(4 * kOne, 'x')));
  cr_assert_eq(ring.take_dropped(), 1);
  cr_assert_eq(ring.dropped(), 0);
}

Test(message_ring, holds_what_readers_have_not_read) {
  MessageRing ring(2 * kOne);
  MessageRing::Position at = 0;
  int woken = 0;
  ring.attach(&at, [&] { woken++; });
  cr_assert(ring.write("aaaa") && ring.write("bbbb"));
  cr_assert(!ring.write("cccc"));
  std::string out;
  cr_assert(ring.take(at, out));
  cr_assert(ring.write("cccc"));
  cr_assert_eq(woken, 3);
  ring.detach(&at);
  cr_assert(ring.write("dddd") && ring.write("eeee"));
}
