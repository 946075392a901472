#pragma once
// HTTP/1 heads and bodies out of bytes. One own pass validates a head by weir's rules (RFC 9112, SECURITY-CASES' framing
// rows: every ambiguity is an error) and splits it; llhttp frames chunked bodies and their trailers; a body with a length
// is only counted. Pure functions and small state: no sockets, no clock. The sessions (h1_server, h1_client) call this.
#include <cstdint>

#include "base/arena.h"
#include "base/str.h"
#include "http/message.h"
#include "llhttp.h"

namespace weir::http {

// A response is bounded by max_head and max_headers only; all its errors are 502.
struct H1Limits {
  uint32_t max_line = 8192;  // bytes of the request line: 414 beyond
  uint32_t max_header = 8192;  // bytes of one header line: `big_header_status` beyond
  uint32_t max_head = 4 * 8192;  // bytes of the whole head
  uint16_t max_headers = 1000;  // number of header lines
  uint16_t big_header_status = 400;  // status for an oversized header or head
  // nginx: a header whose name has other bytes than letters, digits and '-' is dropped; if false it passes when its name is a
  // token and is 400 otherwise.
  bool ignore_invalid_headers = true;
  bool underscores_in_headers = false;  // nginx: names with '_' count as invalid unless set
  // HAProxy: an invalid name is 400 in any case; so are 8-bit targets and other schemes than http and https, and user info in
  // a target is ignored.
  bool strict_names = false;
  bool accept_unsafe_request = false;  // HAProxy `option accept-unsafe-violations-in-http-request`
  bool accept_unsafe_response = false;  // HAProxy `option accept-unsafe-violations-in-http-response`
};

struct H1Error {
  uint16_t status = 0;  // what the client gets: 400, 413, 414, 422, 431, 501, 505 (for a response: 502)
  Str reason;  // why, for the log; static text
  size_t at = 0;  // which byte of the head is wrong, or begins what is
  bool ok() const { return status == 0; }
};

// Bytes of a peer that are not HTTP.
struct BadBytes {
  Str bytes;
  size_t at;  // where in them
  Str why;
};

// Length of the head that starts at data[0] including its empty line, or 0 when it is not complete. `scanned` remembers how far
// an earlier call looked, so that a head arriving byte by byte costs linear time. Leading empty lines before a request line
// (RFC 9112 2.2) are not skipped here: see skip_empty_lines.
size_t find_head_end(Str data, size_t& scanned);

// Whether bytes that end no head yet may begin one: with a method or a part of it.
bool may_begin_request(Str data);

// Number of leading CR LF or LF bytes to ignore before a request line (at most the first few lines).
size_t skip_empty_lines(Str data);

// Parses a complete head that lives in `arena` (or outlives it): fills the start line, headers with hop marks, body framing,
// keep_alive, upgrade, expect_continue, authority, scheme and path. `head` includes the empty line.
// A request with a duplicate, differing or malformed Host, a bad Content-Length or Transfer-Encoding, a CR, NUL or control
// byte, obs-fold, a space before the colon … is an error; see SECURITY-CASES.
H1Error parse_request_head(Str head, const H1Limits& limits, Message& out);

// `request_method` and whether the request asked for an upgrade decide whether the response has a body (RFC 9112 6.3).
H1Error parse_response_head(Str head, const H1Limits& limits, Method request_method, bool asked_upgrade, Message& out);

// Body decoder. Feed bytes in order; it hands out spans of the input without copying. llhttp decodes chunked bodies; what it
// took for framing is read a second time by stricter rules (check), and both readings have to agree.
class H1Body {
 public:
  enum class State : uint8_t { more, done, bad };

  // Forgets everything, an earlier collect_trailers included.
  void start(Body kind, uint64_t length);
  // Takes a prefix of `in`: sets `consumed` (framing included) and `data` (the body bytes in it: one contiguous span; call
  // again with the rest while it returns `more` and input is left). At `done` the rest of the input is the next message's.
  State feed(Str in, size_t& consumed, Str& data);
  // The connection was closed by the peer: done for Body::close, bad for a body that is not complete.
  State feed_close();
  // Trailers of a chunked body are added here when set after start() and before feeding. Names that frame a message are an
  // error with or without a list; the others that RFC 9110 6.5.1 keeps out of trailers are left out.
  void collect_trailers(HeaderList* trailers) { trailers_ = trailers; }

  Body kind() const { return kind_; }
  State state() const { return state_; }
  uint64_t left() const { return left_; }  // with Body::length: bytes still to come; Body::chunked: of this chunk
  Str error() const { return error_; }  // why it is bad; static text

 private:
  // Where the second reading is. The CR and LF behind chunk data are framing too.
  enum class At : uint8_t {
    size,
    extension,
    quoted,
    escaped,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,
    end,
  };

  State fail(Str error);
  State chunked(Str in, size_t& consumed, Str& data);
  bool check(Str framing);
  bool check_size(char c);
  bool check_extension(char c);
  bool check_trailer(char c);
  void keep(char c);
  bool end_trailer();

  Body kind_ = Body::none;
  State state_ = State::done;
  At at_ = At::size;
  uint8_t digits_ = 0;  // of the chunk size
  uint8_t name_size_ = 0;  // of the trailer name; beyond sizeof name_ it is no name that weir knows
  char name_[26];
  uint32_t excess_ = 0;  // bytes of extensions that no data outweighs; then bytes of trailers
  uint64_t left_ = 0;
  HeaderList* trailers_ = nullptr;
  Str error_;
  char* line_ = nullptr;  // the trailer line being read, in the trailers' arena
  uint32_t line_size_ = 0;
  uint32_t line_room_ = 0;
  uint32_t line_name_ = 0;  // bytes of the name in it
  llhttp_t parser_;
};

}  // namespace weir::http
