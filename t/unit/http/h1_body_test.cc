// http/h1_parser.h, bodies: every split of the input has to give the same answer as the whole, and every spelling of a chunk
// that servers have been seen to read differently is an error.
#include <criterion/criterion.h>

#include <random>
#include <string>
#include <vector>

#include "http/h1_parser.h"

using namespace weir;
using http::Body;
using http::H1Body;
using http::HeaderList;
using State = H1Body::State;

namespace {

struct Result {
  State state = State::more;
  std::string data;
  std::string trailers;  // "name=value;" each
  size_t consumed = 0;
  Str error;

  bool operator==(const Result& other) const {
    bool same_end = state != State::done || consumed == other.consumed;
    return state == other.state && same_end &&
           (state == State::bad || (data == other.data && trailers == other.trailers));
  }
};

// Feeds `pieces` in order, each to its end, as a session does.
Result feed(const std::vector<std::string>& pieces, Body kind = Body::chunked, uint64_t length = 0,
            bool collect = true) {
  Arena arena;
  HeaderList trailers;
  trailers.bind(arena);
  H1Body body;
  body.start(kind, length);
  if (collect) body.collect_trailers(&trailers);
  Result r;
  r.state = body.state();
  for (const std::string& piece : pieces) {
    std::vector<char> copy(piece.begin(), piece.end());  // gone before the next piece: nothing may point into it
    Str in(copy.data(), copy.size());
    while (r.state == State::more && !in.empty()) {
      size_t consumed = 0;
      Str data;
      r.state = body.feed(in, consumed, data);
      cr_assert(consumed <= in.size() && data.size() <= consumed);
      cr_assert(r.state != State::more || consumed > 0, "no progress");
      r.data += data;
      r.consumed += consumed;
      in.remove_prefix(consumed);
    }
  }
  cr_assert(r.state == body.state());
  r.error = body.error();
  for (const http::Header& h : trailers) r.trailers += std::string(h.name) + "=" + std::string(h.value) + ";";
  return r;
}

// The result of the whole input, after checking that every split in two and byte by byte give the same.
Result feed_split(const std::string& in) {
  Result whole = feed({in});
  std::vector<std::string> bytes;
  for (size_t i = 0; i < in.size(); i++) {
    cr_expect(feed({in.substr(0, i), in.substr(i)}) == whole, "split at %zu", i);
    bytes.push_back(in.substr(i, 1));
  }
  cr_expect(feed(bytes) == whole, "byte by byte");
  return whole;
}

void expect_body(const std::string& in, const std::string& data, const std::string& trailers = "") {
  Result r = feed_split(in + "NEXT");
  cr_expect(r.state == State::done, "%s: %s", in.c_str(), std::string(r.error).c_str());
  cr_expect(r.data == data && r.trailers == trailers && r.consumed == in.size(), "%s", in.c_str());
}
void expect_bad(const std::string& in) {
  Result r = feed_split(in);
  cr_expect(r.state == State::bad && !r.error.empty(), "%s", in.c_str());
}

}  // namespace

Test(body, counted) {
  cr_expect(feed({}, Body::none).state == State::done);
  cr_expect(feed({}, Body::length, 0).state == State::done);
  std::string in = "0123456789";
  for (size_t i = 0; i <= in.size(); i++) {
    Result r = feed({in.substr(0, i), in.substr(i)}, Body::length, 7);
    cr_expect(r.state == State::done && r.data == "0123456" && r.consumed == 7);
  }
  H1Body body;
  body.start(Body::length, 7);
  size_t consumed;
  Str data;
  cr_expect(body.feed("01234", consumed, data) == State::more && body.left() == 2);
  cr_expect(body.feed_close() == State::bad && !body.error().empty());
  cr_expect(body.feed("56", consumed, data) == State::bad && consumed == 0 && data.empty());
}

Test(body, until_close) {
  for (Body kind : {Body::close, Body::tunnel}) {
    H1Body body;
    body.start(kind, 0);
    size_t consumed;
    Str data;
    cr_expect(body.feed("abc", consumed, data) == State::more && consumed == 3 && data == "abc");
    cr_expect(body.feed_close() == State::done);
  }
}

Test(body, chunked) {
  expect_body("0\r\n\r\n", "");
  expect_body("5\r\nhello\r\n0\r\n\r\n", "hello");
  expect_body("5\r\nhello\r\nC\r\n, my world!!\r\n0\r\n\r\n", "hello, my world!!");
  expect_body("a\r\n0\r\n\r\n56789\r\n000\r\n\r\n", "0\r\n\r\n56789");
  expect_body("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello");
  expect_body("5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello");
  expect_body("5;a=\"b;c\";d\r\nhello\r\n0\r\n\r\n", "hello");
  std::string big(70000, 'x');
  Result r = feed({"11170\r\n" + big.substr(0, 30000), big.substr(30000) + "\r\n0\r\n", "\r\n"});
  cr_expect(r.state == State::done && r.data == big);
}

Test(body, chunk_sizes) {
  for (std::string size : {"",
                           "+5",
                           "-5",
                           "0x5",
                           "0X5",
                           "5_",
                           "_5",
                           "1_0",
                           " 5",
                           "5 ",
                           "\t5",
                           "5\t",
                           "5,",
                           "5g",
                           "g",
                           "5.",
                           "5h",
                           "00000000000000005",
                           "10000000000000",
                           "8000000000000000",
                           "ffffffffffffffff",
                           "10000000000000005",
                           "100000005x",
                           "5\r",
                           "5\x0b",
                           "\r\n5",
                           "5\n",
                           ";a",
                           "5 ;a",
                           "%35"})
    expect_bad(size + "\r\nhello\r\n0\r\n\r\n");
  expect_bad(std::string("5\0", 2) + "\r\nhello\r\n0\r\n\r\n");
  // 2^32 + 5 is a size of its own, not 5.
  Result r = feed({"100000005\r\nhello\r\n0\r\n\r\n"});
  cr_expect(r.state == State::more && r.data.size() == 12);
}

Test(body, chunk_line_ends) {
  expect_bad("5\nhello\r\n0\r\n\r\n");
  expect_bad("5\rhello\r\n0\r\n\r\n");
  expect_bad("5\r\nhello\n0\r\n\r\n");
  expect_bad("5\r\nhello\r0\r\n\r\n");
  expect_bad("5\r\nhello0\r\n\r\n");
  expect_bad("5\r\nhello!\r\n0\r\n\r\n");
  expect_bad("4\r\nSEE-THIS\r\n0\r\n\r\n");
  expect_bad("5\r\nhello\r\n0\n\r\n");
  expect_bad("5\r\nhello\r\n0\r\n\n");
  expect_bad("5\r\nhello\r\n0\r\n\rx");
  expect_bad("5\r\nhello\r\n\r\n0\r\n\r\n");
}

Test(body, extensions) {
  expect_bad("5;a\nhello\r\n0\r\n\r\n");
  expect_bad("5;a\rb\r\nhello\r\n0\r\n\r\n");
  expect_bad("5;a=\"b\r\nhello\r\n0\r\n\r\n");
  expect_bad("5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n");
  expect_bad("5;a=\\b\r\nhello\r\n0\r\n\r\n");
  expect_bad("5;a=\x01\r\nhello\r\n0\r\n\r\n");
  expect_bad(std::string("5;a=\0b\r\nhello\r\n0\r\n\r\n", 20));
  cr_expect(feed({"5;" + std::string(17000, 'a')}).state == State::bad);
  cr_expect(feed({"5;" + std::string(15000, 'a') + "\r\nhello\r\n0\r\n\r\n"}).state == State::done);
}

// An extension on each of many chunks is fine as long as the data outweighs it, and an attack when it does not.
Test(body, extensions_over_many_chunks) {
  std::string extension(100, 'e');
  std::string honest, attack;
  for (int i = 0; i < 1000; i++) {
    honest += "100;" + extension + "\r\n" + std::string(256, 'd') + "\r\n";
    attack += "1;" + extension + "\r\nd\r\n";
  }
  cr_expect(feed({honest + "0\r\n\r\n"}).state == State::done);
  cr_expect(feed({attack + "0\r\n\r\n"}).state == State::bad);
}

Test(body, trailers) {
  expect_body("0\r\nX-A: b\r\n\r\n", "", "X-A=b;");
  expect_body("3\r\nabc\r\n0\r\nx-a:b\r\nETag: \t\"c\" \t\r\nEmpty:\r\n\r\n", "abc", "x-a=b;ETag=\"c\";Empty=;");
  std::string value(3000, 'v');
  expect_body("0\r\nA: b\r\nLong: " + value + "\r\nZ: y\r\n\r\n", "", "A=b;Long=" + value + ";Z=y;");
  Result r = feed({"0\r\nX-A: b\r\n\r\n"}, Body::chunked, 0, false);
  cr_expect(r.state == State::done && r.consumed == 13);
}

Test(body, trailers_that_control) {
  for (std::string name : {"Content-Length", "transfer-encoding", "HOST", "Connection", "Upgrade"}) {
    expect_bad("0\r\n" + name + ": 5\r\n\r\n");
    expect_bad("0\r\nA: b\r\n" + name + ": chunked\r\n\r\n");
    cr_expect(feed({"0\r\n" + name + ": 5\r\n\r\n"}, Body::chunked, 0, false).state == State::bad);
  }
  for (std::string name : {"Authorization", "Cookie", "Set-Cookie", "Content-Type", "Content-Encoding", "Cache-Control",
                           "TE", "Trailer", "Forwarded", "X-Forwarded-For", "X-Accel-Redirect", "Range"})
    expect_body("0\r\n" + name + ": 5\r\nX: y\r\n\r\n", "", "X=y;");
}

Test(body, bad_trailers) {
  for (std::string line : {": b", "A", "A : b", " A: b", "A: b\r\n c: d", "A: b\rc", "A: b\nC: d", "A: \x01",
                           "A\x80: b", "A(: b", "A: \x7f"})
    expect_bad("0\r\n" + line + "\r\n\r\n");
  expect_bad(std::string("0\r\nA: b\0c\r\n\r\n", 13));
  std::string many = "0\r\n";
  for (int i = 0; i < 3000; i++) many += "A: bcd\r\n";
  cr_expect(feed({many}).state == State::bad);
  cr_expect(feed({"0\r\nA: " + std::string(17000, 'a')}).state == State::bad);
}

Test(body, closed_early) {
  std::string in = "5\r\nhello\r\n0\r\nA: b\r\n\r\n";
  for (size_t n = 0; n < in.size(); n++) {
    H1Body body;
    body.start(Body::chunked, 0);
    Str rest = Str(in).substr(0, n);
    while (!rest.empty()) {
      size_t consumed;
      Str data;
      cr_assert(body.feed(rest, consumed, data) == State::more);
      rest.remove_prefix(consumed);
    }
    cr_expect(body.feed_close() == State::bad, "after %zu bytes", n);
  }
}

Test(body, moves_between_feeds) {
  H1Body first;
  first.start(Body::chunked, 0);
  size_t consumed;
  Str data;
  cr_expect(first.feed("5\r\nhel", consumed, data) == State::more && data == "hel");
  H1Body second = first;
  first.start(Body::none, 0);
  cr_expect(second.feed("lo\r\n0\r\n\r\n", consumed, data) == State::more && data == "lo");
  cr_expect(second.feed("\r\n0\r\n\r\n", consumed, data) == State::done && consumed == 7);
}

Test(fuzz, bodies) {
  std::mt19937 random(11);
  const std::string parts[] = {"5\r\nhello\r\n",
                               "0\r\n",
                               "\r\n",
                               "a;b=c\r\n0123456789\r\n",
                               "A: b\r\n",
                               "1",
                               "\r",
                               "\n",
                               ";",
                               "\"",
                               "\\",
                               " ",
                               ":",
                               std::string(1, '\0'),
                               "\xff",
                               "f",
                               "0"};
  for (int round = 0; round < 60000; round++) {
    std::string in;
    for (unsigned n = random() % 8 + 1; n; n--) in += parts[random() % (random() % 2 ? 5 : std::size(parts))];
    if (random() % 8 == 0) in[random() % in.size()] = static_cast<char>(random());
    Result whole = feed({in});
    size_t a = random() % (in.size() + 1);
    size_t b = a + random() % (in.size() - a + 1);
    Result split = feed({in.substr(0, a), in.substr(a, b - a), in.substr(b)});
    cr_assert(split == whole, "split at %zu and %zu", a, b);
  }
}
