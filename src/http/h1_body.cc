// Bodies of HTTP/1 messages (http/h1_parser.h): counted, chunked or until the connection closes. Called by the HTTP/1 sessions
// for every piece that arrives. llhttp sizes the chunks and finds the end; the bytes between the data are read again here,
// because llhttp takes some that other servers read differently.
#include "http/chars.h"
#include "http/h1_parser.h"

namespace weir::http {
namespace {

constexpr uint64_t kMaxChunk = (uint64_t{1} << 52) - 1;  // what every reader that counts in doubles still gets right
constexpr uint8_t kMaxDigits = 16;
constexpr uint32_t kMaxExcess = 16 * 1024;

// What one call of llhttp found.
struct Found {
  const char* data = nullptr;
  size_t size = 0;
  bool end = false;
};

int on_body(llhttp_t* parser, const char* at, size_t size) {
  auto* found = static_cast<Found*>(parser->data);
  found->data = at;
  found->size = size;
  return HPE_PAUSED;
}

int on_message_complete(llhttp_t* parser) {
  static_cast<Found*>(parser->data)->end = true;
  return HPE_PAUSED;
}

// A parser that has read a head with Transfer-Encoding: chunked and waits for the first chunk. Copied for each body.
const llhttp_t& waiting_parser() {
  static llhttp_settings_t settings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_body = on_body;
    s.on_message_complete = on_message_complete;
    return s;
  }();
  static const llhttp_t parser = [] {
    constexpr Str head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    llhttp_t p;
    llhttp_init(&p, HTTP_REQUEST, &settings);
    llhttp_execute(&p, head.data(), head.size());
    return p;
  }();
  return parser;
}

// A trailer that would change how the message is framed or where it belongs.
bool is_framing_trailer(Name id) {
  switch (id) {
    case Name::content_length:
    case Name::transfer_encoding:
    case Name::host:
    case Name::connection:
    case Name::upgrade: return true;
    default: return false;
  }
}

// RFC 9110 6.5.1: fields that control routing, authentication, request processing or how content is read.
bool is_dropped_trailer(Name id) {
  switch (id) {
    case Name::age:
    case Name::authorization:
    case Name::cache_control:
    case Name::content_encoding:
    case Name::content_range:
    case Name::content_type:
    case Name::cookie:
    case Name::date:
    case Name::expect:
    case Name::forwarded:
    case Name::if_match:
    case Name::if_modified_since:
    case Name::if_none_match:
    case Name::if_range:
    case Name::if_unmodified_since:
    case Name::keep_alive:
    case Name::location:
    case Name::max_forwards:
    case Name::pragma:
    case Name::proxy_authenticate:
    case Name::proxy_authorization:
    case Name::proxy_connection:
    case Name::range:
    case Name::retry_after:
    case Name::set_cookie:
    case Name::te:
    case Name::trailer:
    case Name::vary:
    case Name::www_authenticate:
    case Name::x_accel_buffering:
    case Name::x_accel_charset:
    case Name::x_accel_expires:
    case Name::x_accel_limit_rate:
    case Name::x_accel_redirect:
    case Name::x_forwarded_for:
    case Name::x_forwarded_host:
    case Name::x_forwarded_proto:
    case Name::x_real_ip: return true;
    default: return false;
  }
}

uint64_t hex_value(char c) {
  return static_cast<uint64_t>(is_digit(c) ? c - '0' : lower(c) - 'a' + 10);
}

}  // namespace

void H1Body::start(Body kind, uint64_t length) {
  kind_ = kind;
  at_ = At::size;
  digits_ = name_size_ = 0;
  excess_ = 0;
  left_ = kind == Body::length ? length : 0;
  trailers_ = nullptr;
  error_ = {};
  line_ = nullptr;
  line_size_ = line_room_ = line_name_ = 0;
  bool empty = kind == Body::none || (kind == Body::length && length == 0);
  state_ = empty ? State::done : State::more;
  if (kind == Body::chunked) parser_ = waiting_parser();
}

H1Body::State H1Body::fail(Str error) {
  if (error_.empty()) error_ = error;
  return state_ = State::bad;
}

H1Body::State H1Body::feed(Str in, size_t& consumed, Str& data) {
  consumed = 0;
  data = {};
  if (state_ != State::more || in.empty()) return state_;
  if (kind_ == Body::chunked) return chunked(in, consumed, data);
  if (kind_ == Body::length) {
    data = in.substr(0, left_ < in.size() ? static_cast<size_t>(left_) : in.size());
    left_ -= data.size();
    if (left_ == 0) state_ = State::done;
  } else {
    data = in;
  }
  consumed = data.size();
  return state_;
}

H1Body::State H1Body::feed_close() {
  if (state_ != State::more) return state_;
  if (kind_ == Body::close || kind_ == Body::tunnel) return state_ = State::done;
  return fail("connection closed within the body");
}

H1Body::State H1Body::chunked(Str in, size_t& consumed, Str& data) {
  Found found;
  parser_.data = &found;
  llhttp_resume(&parser_);
  llhttp_errno_t result = llhttp_execute(&parser_, in.data(), in.size());
  parser_.data = nullptr;
  if (result != HPE_OK && result != HPE_PAUSED) {
    // The second reading names what is wrong if it stumbles as well.
    auto read = static_cast<size_t>(llhttp_get_error_pos(&parser_) - in.data());
    check(in.substr(0, read + 1));
    return fail("invalid chunked body");
  }
  size_t read = result == HPE_OK ? in.size() : static_cast<size_t>(llhttp_get_error_pos(&parser_) - in.data());
  size_t framing = found.data ? static_cast<size_t>(found.data - in.data()) : read;
  if (!check(in.substr(0, framing))) return state_;
  if (found.size) {
    if (at_ != At::data || found.size > left_) return fail("invalid chunked body");
    left_ -= found.size;
    if (left_ == 0) at_ = At::data_cr;
  }
  if (found.end != (at_ == At::end)) return fail("invalid chunked body");
  consumed = read;
  data = {found.data, found.size};
  if (found.end) state_ = State::done;
  return state_;
}

// The second reading of the bytes around the data. Its own state; false after fail.
bool H1Body::check(Str framing) {
  for (char c : framing) {
    bool good = false;
    switch (at_) {
      case At::size: good = check_size(c); break;
      case At::extension:
      case At::quoted:
      case At::escaped:
      case At::size_lf: good = check_extension(c); break;
      case At::data_cr:
        good = c == '\r';
        at_ = At::data_lf;
        break;
      case At::data_lf:
        good = c == '\n';
        at_ = At::size;
        break;
      case At::trailer:
      case At::trailer_name:
      case At::trailer_value:
      case At::trailer_lf:
      case At::end_lf: good = check_trailer(c); break;
      case At::data:
      case At::end: break;  // no framing here: llhttp sees it differently
    }
    if (!good) return fail("chunk data without its line end"), false;
  }
  return true;
}

bool H1Body::check_size(char c) {
  if (is(c, kHexDigit)) {
    left_ = left_ << 4 | hex_value(c);
    if (++digits_ <= kMaxDigits && left_ <= kMaxChunk) return true;
  } else if (digits_ && (c == ';' || c == '\r')) {
    at_ = c == ';' ? At::extension : At::size_lf;
    digits_ = 0;
    return true;
  }
  return fail("invalid chunk size"), false;
}

bool H1Body::check_extension(char c) {
  if (at_ == At::size_lf) {
    if (c != '\n') return fail("carriage return without line feed in chunk framing"), false;
    at_ = left_ ? At::data : At::trailer;
    excess_ -= left_ < excess_ ? static_cast<uint32_t>(left_) : excess_;
    if (!left_) excess_ = 0;
    return true;
  }
  if (++excess_ > kMaxExcess) return fail("chunk extensions too long"), false;
  if (c == '\r' && at_ == At::extension) {
    at_ = At::size_lf;
    return true;
  }
  if (!is(c, kValue)) return fail("invalid character in a chunk extension"), false;
  if (at_ == At::escaped)
    at_ = At::quoted;
  else if (c == '"')
    at_ = at_ == At::quoted ? At::extension : At::quoted;
  else if (c == '\\' && at_ == At::quoted)
    at_ = At::escaped;
  else if (c == '\\')
    return fail("invalid character in a chunk extension"), false;
  return true;
}

bool H1Body::check_trailer(char c) {
  if (++excess_ > kMaxExcess) return fail("trailers too long"), false;
  bool good = true;
  switch (at_) {
    case At::trailer:
      if (c == '\r') {
        at_ = At::end_lf;
        break;
      }
      name_size_ = 0;
      line_size_ = line_name_ = 0;
      at_ = At::trailer_name;
      [[fallthrough]];
    case At::trailer_name:
      if (c == ':' && name_size_) {
        at_ = At::trailer_value;
        line_name_ = line_size_;
        break;
      }
      good = is(c, kToken);
      if (name_size_ < sizeof name_) name_[name_size_++] = c;
      keep(c);
      break;
    case At::trailer_value:
      if (c == '\r') {
        at_ = At::trailer_lf;
        break;
      }
      good = is(c, kValue);
      keep(c);
      break;
    case At::trailer_lf:
      if (c == '\n') return end_trailer();
      good = false;
      break;
    default: good = c == '\n'; at_ = At::end;
  }
  if (!good) fail("invalid trailer");
  return good;
}

// Adds a byte to the trailer line, in the arena of the list that takes it.
void H1Body::keep(char c) {
  if (!trailers_) return;
  if (line_size_ == line_room_) {
    uint32_t room = line_size_ < 64 ? 128 : line_size_ * 2;
    char* bigger = trailers_->arena().alloc_chars(room);
    if (line_size_) memcpy(bigger, line_, line_size_);
    line_ = bigger;
    line_room_ = room;
  }
  line_[line_size_++] = c;
}

bool H1Body::end_trailer() {
  at_ = At::trailer;
  Name id = name_id({name_, name_size_});
  if (is_framing_trailer(id)) return fail("framing header in the trailers"), false;
  if (!trailers_ || is_dropped_trailer(id)) return true;
  Str line{line_, line_size_};
  trailers_->add(line.substr(0, line_name_), trim(line.substr(line_name_)), id);
  line_ += line_size_;
  line_room_ -= line_size_;
  line_size_ = 0;
  return true;
}

}  // namespace weir::http
