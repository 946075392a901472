// Serialising of http/h1_writer.h.
#include "http/h1_writer.h"

#include "http/chars.h"

#include <charconv>

namespace weir::http {
namespace {

// Copies `n` < 16 bytes; compilers make a call of a memcpy whose length they do not know.
inline void copy_short(char* to, const char* from, size_t n) {
  if (n >= 8) {
    memcpy(to, from, 8);
    memcpy(to + n - 8, from + n - 8, 8);
  } else if (n >= 4) {
    memcpy(to, from, 4);
    memcpy(to + n - 4, from + n - 4, 4);
  } else if (n) {
    to[0] = from[0];
    to[n / 2] = from[n / 2];
    to[n - 1] = from[n - 1];
  }
}

// Copies and tells whether a byte below a blank was among them. Up to 16 bytes behind the copy are read, so there has to be
// room for them.
inline bool copy_and_look(char* to, Str s) {
  const char* from = s.data();
  size_t n = s.size();
#ifdef __SSE2__
  const __m128i limit = _mm_set1_epi8(0x1f);
  __m128i found = _mm_setzero_si128();
  for (; n >= 16; n -= 16, from += 16, to += 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), block);
    found = _mm_or_si128(found, _mm_cmpeq_epi8(_mm_min_epu8(block, limit), block));
  }
  copy_short(to, from, n);
  __m128i rest = _mm_loadu_si128(reinterpret_cast<const __m128i*>(to));
  int low = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(rest, limit), rest)) & ((1 << n) - 1);
  return low || _mm_movemask_epi8(found);
#else
  memcpy(to, from, n);
  return !all_are(s, kValue);
#endif
}

// A chunk up to this size is gathered with its neighbours; a larger one goes out from where it lies.
constexpr size_t kSmallChunk = 4096;

// Bytes gathered in the connection's scratch, or, where a head is larger than that, in the message's arena. Sizes are
// computed before, so nothing is checked per byte.
class Out {
 public:
  Out(net::Conn& conn, size_t size) : conn_(conn), begin_(conn.prepare(size)), at_(begin_) {}
  Out(net::Conn& conn, size_t size, Arena& arena)
      : conn_(conn),
        large_(size > net::Loop::kWriteScratch),
        begin_(large_ ? arena.alloc_chars(size) : conn.prepare(size)),
        at_(begin_) {}
  ~Out() {
    auto used = static_cast<size_t>(at_ - begin_);
    if (large_)
      conn_.write({begin_, used});
    else
      conn_.commit(used);
  }
  Out(const Out&) = delete;
  Out& operator=(const Out&) = delete;

  void put(Str s) {
    if (s.empty()) return;
    memcpy(at_, s.data(), s.size());
    at_ += s.size();
  }
  void put(uint64_t n) { at_ = std::to_chars(at_, at_ + 20, n).ptr; }
  void hex(uint64_t n) { at_ = std::to_chars(at_, at_ + 16, n, 16).ptr; }
  // Values come from rules, maps and scripts as well, which may have decoded a CR, LF or NUL out of what a client sent:
  // none of them may end a line here.
  void put_clean(Str s) {
    if (s.empty()) return;
    char* begin = at_;
    at_ += s.size();
    if (copy_and_look(begin, s)) [[unlikely]]
      for (char* p = begin; p != at_; p++)
        if (*p == '\r' || *p == '\n' || *p == 0) *p = ' ';
  }
  void line(Str name, Str value) {
    put_clean(name);
    put(": ");
    put_clean(value);
    put("\r\n");
  }

 private:
  net::Conn& conn_;
  bool large_ = false;
  char* begin_;
  char* at_;
};

size_t headers_size(const HeaderList& list) {
  size_t n = 0;
  for (const Header& h : list) n += h.name.size() + h.value.size() + 4;
  return n;
}

void put_headers(Out& out, const Message& m, const HeadFraming& f) {
  bool length_written = !f.content_length;
  for (const Header& h : m.headers) {
    if (h.removed || h.hop) continue;
    if (h.id == Name::content_length && !f.keep_length) {
      if (length_written) continue;
      length_written = true;
      out.put(h.name);
      out.put(": ");
      out.put(m.content_length);
      out.put("\r\n");
      continue;
    }
    out.line(h.name, h.value);
  }
  if (!length_written) {
    out.put("Content-Length: ");
    out.put(m.content_length);
    out.put("\r\n");
  }
  if (f.chunked) out.put("Transfer-Encoding: chunked\r\n");
  if (!f.connection.empty()) out.line("Connection", f.connection);
  if (!f.upgrade.empty()) out.line("Upgrade", f.upgrade);
  out.put("\r\n");
}

constexpr size_t kFramingRoom = 256;
constexpr size_t kLookRoom = 18;  // the empty line, and what put_clean reads behind a copy

}  // namespace

void write_request_head(net::Conn& conn, const Message& m, const HeadFraming& f, bool http10) {
  size_t size = headers_size(m.headers) + m.method_text.size() + m.target.size() + f.upgrade.size() + kFramingRoom;
  Out out(conn, size, m.headers.arena());
  out.put_clean(m.method_text);
  out.put(" ");
  out.put_clean(m.target);
  out.put(http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  put_headers(out, m, f);
}

void write_response_head(net::Conn& conn, const Message& m, const HeadFraming& f) {
  size_t size = headers_size(m.headers) + m.reason.size() + f.upgrade.size() + kFramingRoom;
  Out out(conn, size, m.headers.arena());
  out.put("HTTP/1.1 ");
  out.put(static_cast<uint64_t>(m.status));
  out.put(" ");
  out.put_clean(m.reason);
  out.put("\r\n");
  put_headers(out, m, f);
}

namespace {
void put_chunk_size(net::Conn& conn, size_t size) {
  Out out(conn, 20);
  out.hex(size);
  out.put("\r\n");
}
}  // namespace

size_t write_chunk(net::Conn& conn, Str data, bool end, const HeaderList* trailers) {
  bool has_trailers = end && trailers && trailers->size();
  size_t framing = 0;
  if (!data.empty()) {
    put_chunk_size(conn, data.size());
    Str tail = !end ? "\r\n" : (has_trailers ? "\r\n0\r\n" : "\r\n0\r\n\r\n");
    framing = (static_cast<size_t>(std::bit_width(data.size())) + 3) / 4 + 2 + tail.size();
    if (data.size() <= kSmallChunk) {
      Out out(conn, data.size() + tail.size());
      out.put(data);
      out.put(tail);
    } else {
      iovec iov[2] = {{const_cast<char*>(data.data()), data.size()}, {const_cast<char*>(tail.data()), tail.size()}};
      conn.write(iov, 2);
    }
  } else if (end) {
    Str last = has_trailers ? "0\r\n" : "0\r\n\r\n";
    framing = last.size();
    Out(conn, last.size()).put(last);
  }
  if (!has_trailers) return framing;
  Out out(conn, headers_size(*trailers) + kLookRoom, trailers->arena());
  for (const Header& h : *trailers) {
    if (h.removed) continue;
    out.line(h.name, h.value);
    framing += h.name.size() + h.value.size() + 4;
  }
  out.put("\r\n");
  return framing + 2;
}

Str reason_phrase(uint16_t status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 102: return "Processing";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 418: return "I'm a teapot";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Unknown";
  }
}

}  // namespace weir::http
