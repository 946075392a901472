// HTTP/1 heads: finding the end, and one validating pass that splits a head into a Message (http/h1_parser.h). Called by the
// HTTP/1 sessions for every message; all spans it hands out point into the head. Two strictnesses share the pass: nginx's
// (invalid names may be dropped, 8-bit targets pass) and HAProxy's (limits.strict_names). Framing has only one.
#include <array>
#include <type_traits>

#include "http/chars.h"
#include "http/h1_parser.h"
#include "http/name_lookup.h"

namespace weir::http {
namespace {

// What a LF at `at` means: the length of the head that ends there, 0 when it does not, -1 when more bytes have to tell.
inline ptrdiff_t head_end_at(Str data, size_t at) {
  if (at + 1 >= data.size()) return -1;
  if (data[at + 1] == '\n') return static_cast<ptrdiff_t>(at + 2);
  if (data[at + 1] != '\r') return 0;
  if (at + 2 >= data.size()) return -1;
  return data[at + 2] == '\n' ? static_cast<ptrdiff_t>(at + 3) : 0;
}

}  // namespace

size_t find_head_end(Str data, size_t& scanned) {
  size_t i = scanned;
#ifdef __SSE2__
  for (; i + 16 <= data.size(); i += 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data.data() + i));
    unsigned feeds = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8('\n'))));
    for (; feeds; feeds &= feeds - 1) {
      size_t at = i + static_cast<size_t>(__builtin_ctz(feeds));
      ptrdiff_t end = head_end_at(data, at);
      if (end > 0) return static_cast<size_t>(end);
      if (end < 0) {
        scanned = at;
        return 0;
      }
    }
  }
#endif
  for (; i < data.size(); i++) {
    if (data[i] != '\n') continue;
    ptrdiff_t end = head_end_at(data, i);
    if (end > 0) return static_cast<size_t>(end);
    if (end < 0) break;
  }
  scanned = i;
  return 0;
}

size_t skip_empty_lines(Str data) {
  constexpr int kLines = 4;
  size_t n = 0;
  for (int line = 0; line < kLines; line++) {
    Str rest = data.substr(n);
    if (rest.starts_with('\n'))
      n += 1;
    else if (rest.starts_with("\r\n"))
      n += 2;
    else
      break;
  }
  return n;
}

namespace {

// A listed header name that Connection cannot make hop-by-hop: dropping these on a client's word would remove what the next
// hop trusts. Names that weir knows (http/names.h) are protected as well, except those that are hop-by-hop by themselves.
constexpr Str kProtectedPrefixes[] = {
    "X-Forwarded-", "X-Real-", "X-Original-", "X-Auth",       "X-Remote-",
    "X-Client-",    "X-SSL-",  "X-Request-",  "True-Client-", "CF-",
};
constexpr int kMaxConnectionOptions = 64;  // bounds the work of matching options with headers

constexpr bool is_hop_by_hop(Name id) {
  switch (id) {
    case Name::connection:
    case Name::keep_alive:
    case Name::proxy_connection:
    case Name::te:
    case Name::transfer_encoding:
    case Name::upgrade:
    case Name::http2_settings: return true;
    default: return false;
  }
}

// Request headers that nginx refuses when they come twice, besides those that frame a message.
constexpr Name kSingle[] = {
    Name::if_modified_since,
    Name::if_unmodified_since,
    Name::if_match,
    Name::if_none_match,
    Name::if_range,
    Name::content_range,
    Name::expect,
    Name::authorization,
    Name::proxy_authorization,
};

// Noted while splitting: the headers that decide on framing, routing and the connection, and those of kSingle.
constexpr std::array<bool, static_cast<size_t>(Name::count_)> kNoted = [] {
  std::array<bool, static_cast<size_t>(Name::count_)> table{};
  for (size_t i = 1; i < table.size(); i++) table[i] = is_hop_by_hop(static_cast<Name>(i));
  for (Name id : {Name::host, Name::content_length}) table[static_cast<size_t>(id)] = true;
  for (Name id : kSingle) table[static_cast<size_t>(id)] = true;
  return table;
}();

// The start of the next line when `p` is at CR LF or LF, else null. The last byte of a head is LF, so a CR has one behind it.
inline const char* next_line(const char* p) {
  if (*p == '\r' && p[1] == '\n') return p + 2;
  return *p == '\n' ? p + 1 : nullptr;
}

// Whether `text` is the word of 4 to 16 lower-case letters and '-', in any case. Not for text with control bytes.
template <size_t kSize>
inline bool is_word(Str text, const char (&word)[kSize]) {
  constexpr size_t kLength = kSize - 1;
  using Word = std::conditional_t<kLength >= 8, uint64_t, uint32_t>;
  static_assert(kLength >= sizeof(Word) && kLength <= 2 * sizeof(Word));
  if (text.size() != kLength) return false;
  constexpr Word kFold = static_cast<Word>(0x2020202020202020);
  auto differs = [&](size_t at) {
    return (name_lookup::load<Word>(text.data() + at) | kFold) ^ name_lookup::load<Word>(word + at);
  };
  return (differs(0) | differs(kLength - sizeof(Word))) == 0;
}

// Framing names: a dropped header must not be one of these in disguise.
bool is_framing_name(Str name) {
  Name id = name_id(name);
  return id == Name::content_length || id == Name::transfer_encoding || id == Name::host || id == Name::connection;
}

struct Authority {
  Str host;  // with its brackets when it is an address literal
  Str port;  // digits, may be empty or absent
};

// host [ ":" port ] without user info; false when a byte, a bracket, a double dot or the port is wrong. The host may be empty.
bool split_authority(Str text, bool comma_in_literal, Authority& out) {
  const char* p = text.data();
  const char* const start = p;
  const char* const end = p + text.size();
  bool literal = p != end && *p == '[';
  if (literal) p++;
  for (char last = 0; p != end; last = *p++) {
    if (!is(*p, kHostName) && !(literal && (*p == ':' || (*p == ',' && comma_in_literal)))) break;
    if ((*p == '.' && last == '.') || (*p == '%' && literal)) return false;
  }
  if (literal) {
    if (p == end || *p != ']' || p == start + 1) return false;
    p++;
  }
  out.host = {start, static_cast<size_t>(p - start)};
  if (out.host == ".") return false;
  if (p == end) return true;
  if (*p++ != ':') return false;
  out.port = {p, static_cast<size_t>(end - p)};
  unsigned number = 0;
  for (char c : out.port) {
    if (!is_digit(c)) return false;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return out.port.size() <= 5 && number <= 65535;
}

// The port as it compares: empty when it is the scheme's own.
Str explicit_port(const Authority& a, Str scheme) {
  if (a.port == "80" && iequals(scheme, "http")) return {};
  if (a.port == "443" && iequals(scheme, "https")) return {};
  return a.port;
}

// One pass over one head. Members that return bool return false after `fail`.
class HeadParser {
 public:
  HeadParser(Str head, const H1Limits& limits, bool response, Message& out)
      : p_(head.data()),
        end_(head.data() + head.size()),
        limits_(limits),
        out_(out),
        response_(response),
        unsafe_(limits.strict_names && (response ? limits.accept_unsafe_response : limits.accept_unsafe_request)) {}

  H1Error request();
  H1Error response(Method request_method, bool asked_upgrade);

 private:
  // `at`: the wrong byte, or where what is wrong begins; null: in the line that is being read.
  [[gnu::cold, gnu::noinline]] bool fail(uint16_t status, Str reason, const char* at = nullptr) {
    const char* head = out_.raw_head.data();
    error_ = {response_ ? uint16_t{502} : status, reason, head ? static_cast<size_t>((at ? at : p_) - head) : 0};
    return false;
  }
  bool start();
  bool end_line(const char* p);
  bool version(uint16_t unknown);
  bool request_line();
  bool target(Str text);
  bool absolute_target(Str text);
  bool connect_target(Str text);
  bool status_line();
  bool fields();
  bool odd_name(const char* line, const char*& colon, bool& drop);
  bool invalid_name(Str name, bool token, bool& drop);
  void note(Header& header);
  void note_single(Name id);
  bool host();
  bool host_matches_target(const Authority& host);
  bool content_length();
  bool coding();
  bool request_framing();
  bool response_framing(Method request_method, bool asked_upgrade);
  bool connection_options();
  bool connection_list(Str list, int& count);
  void mark_listed(Str name);
  void upgrade();
  void expectations();

  const char* p_;
  const char* end_;
  const H1Limits& limits_;
  Message& out_;
  const bool response_;
  const bool unsafe_;  // HAProxy's accept-unsafe-violations option is set for this side
  H1Error error_;

  // Found on the way.
  Authority target_;
  Str host_value_;
  Str length_;
  Str coding_;
  Str connection_;  // the last one
  uint16_t hosts_ = 0;
  uint16_t lengths_ = 0;
  uint16_t codings_ = 0;
  uint16_t connections_ = 0;
  uint16_t singles_ = 0;  // which of kSingle were there
  bool repeated_single_ = false;
  bool has_upgrade_ = false;
  bool has_expect_ = false;
  bool option_close_ = false;
  bool option_keep_alive_ = false;
  bool option_upgrade_ = false;
};

// Checks what the scanners rely on: the head ends with a line feed.
bool HeadParser::start() {
  size_t size = static_cast<size_t>(end_ - p_);
  if (size < 2 || end_[-1] != '\n') return fail(400, "incomplete head");
  out_.raw_head = {p_, size};
  out_.header_bytes = static_cast<uint16_t>(size < 65535 ? size : 65535);
  if (size > limits_.max_head) {
    bool long_line = !response_ && out_.raw_head.find('\n') >= limits_.max_line;
    return long_line ? fail(414, "request line too long") : fail(limits_.big_header_status, "head too large");
  }
  out_.headers.reserve(static_cast<uint32_t>(size / 32 + 4));
  return true;
}

// At CR LF or LF: goes to the next line. Any other byte, a lone CR among them, fails.
bool HeadParser::end_line(const char* p) {
  const char* next = next_line(p);
  if (!next) return fail(400, *p == '\r' ? Str("carriage return without line feed") : Str("control character"), p);
  p_ = next;
  return true;
}

// "HTTP/1.x"; `unknown` is the status for another major version.
inline bool HeadParser::version(uint16_t unknown) {
  if (end_ - p_ < 10 || memcmp(p_, "HTTP/", 5) != 0) return fail(400, "invalid HTTP version");
  if (p_[5] != '1' || p_[6] != '.' || !is_digit(p_[7])) {
    bool other = is_digit(p_[5]) && p_[5] > '1' && p_[6] == '.' && is_digit(p_[7]) && !is(p_[8], kTarget);
    return other ? fail(unknown, "unsupported HTTP version") : fail(400, "invalid HTTP version");
  }
  out_.version = p_[7] == '0' ? 10 : 11;
  p_ += 8;
  return true;
}

bool HeadParser::request_line() {
  const char* line = p_;
  const char* p = skip_class<kToken>(line);
  out_.method_text = {line, static_cast<size_t>(p - line)};
  if (p == line || *p != ' ') return fail(400, "invalid method", p);
  out_.method = method_id(out_.method_text);
  const char* text = ++p;
  const char* fragment = nullptr;
  for (;; p++) {
    p = skip_target(p, end_);
    // What HAProxy's option relaxes; nginx takes 8-bit targets and fragments.
    if ((*p != '#' && static_cast<uint8_t>(*p) < 0x80) || (limits_.strict_names && !unsafe_)) break;
    if (*p == '#' && !limits_.strict_names && !fragment) fragment = p;
  }
  // A fragment is for the client alone: nobody behind this point sees one.
  out_.target = {text, static_cast<size_t>((fragment ? fragment : p) - text)};
  if (*p != ' ') {
    bool line_end = *p == '\n' || *p == '\r';
    return fail(400, line_end ? Str("request without HTTP version") : Str("invalid character in request target"), p);
  }
  constexpr size_t kVersion = sizeof(" HTTP/1.1") - 1;
  if (static_cast<size_t>(p - line) + kVersion > limits_.max_line) return fail(414, "request line too long");
  p_ = p + 1;
  if (!version(limits_.strict_names ? 400 : 505)) return false;
  if (*p_ != '\r' && *p_ != '\n') return fail(400, "invalid HTTP version");
  return end_line(p_) && target(out_.target);
}

// Splits the target by its form (RFC 9112 3.2).
bool HeadParser::target(Str text) {
  if (text.starts_with('/') && out_.method != Method::connect) {
    out_.path = text;
    return true;
  }
  if (out_.method == Method::connect) return connect_target(text);
  if (text == "*" && out_.method == Method::options) {
    out_.path = text;
    return true;
  }
  return absolute_target(text);
}

bool HeadParser::connect_target(Str text) {
  out_.path = out_.authority = text;
  if (!split_authority(text, false, target_) || target_.host.empty() || target_.port.empty()) {
    if (!unsafe_ || text.starts_with('/')) return fail(400, "CONNECT without host and port", text.data());
    target_ = {};
  }
  return true;
}

bool HeadParser::absolute_target(Str text) {
  size_t n = 0;
  while (n < text.size() && (is(text[n], kPlainName) || text[n] == '+' || text[n] == '.')) n++;
  Str scheme = text.substr(0, n);
  bool letter_first = n && lower(text[0]) >= 'a' && lower(text[0]) <= 'z';
  if (!letter_first || text.substr(n, 3) != "://") return fail(400, "invalid request target", text.data());
  if (limits_.strict_names && !unsafe_ && !iequals(scheme, "http") && !iequals(scheme, "https"))
    return fail(400, "unsupported scheme in request target", text.data());
  Str rest = text.substr(n + 3);
  size_t slash = rest.find_first_of("/?#");
  Str authority = rest.substr(0, slash);
  Str path = slash == Str::npos ? Str{} : rest.substr(slash);
  // HAProxy takes user info in a target and ignores it; nginx does not take it.
  if (size_t at = authority.rfind('@'); at != Str::npos && limits_.strict_names) authority.remove_prefix(at + 1);
  bool good = split_authority(authority, !limits_.strict_names, target_) && !authority.empty() &&
              (!target_.host.empty() || limits_.strict_names);
  if (!good) {
    if (!unsafe_) return fail(400, "invalid authority in request target", rest.data());
    target_ = {};
  }
  out_.scheme = scheme;
  out_.authority = authority;
  if (path.starts_with('/'))
    out_.path = path;
  else if (path.empty())
    out_.path = out_.method == Method::options && limits_.strict_names ? Str("*") : Str("/");
  else {
    // "http://h?x" means "/?x" (RFC 3986 6.2.3); sent on with its slash, so that nobody reads it in another way.
    out_.path = out_.headers.arena().cat("/", path);
    out_.target = out_.headers.arena().cat(scheme, "://", rest.substr(0, slash), out_.path);
  }
  return true;
}

bool HeadParser::status_line() {
  if (!version(502)) return false;
  const char* p = p_;
  if (*p != ' ') return fail(502, "invalid status line");
  const char* code = ++p;
  unsigned status = 0;
  for (; is_digit(*p) && p - code < 5; p++) status = status * 10 + static_cast<unsigned>(*p - '0');
  bool length_ok = p - code == 3 || (unsafe_ && p - code > 3 && status <= 65535);
  if (!length_ok || status < 100) return fail(502, "invalid status code", p);
  out_.status = static_cast<uint16_t>(status);
  if (*p == ' ') {
    const char* reason = ++p;
    p = skip_value(p, end_);
    out_.reason = {reason, static_cast<size_t>(p - reason)};
  } else if (*p != '\r' && *p != '\n') {
    return fail(502, "invalid status code", p);
  }
  return end_line(p);
}

// The header lines and the empty line behind them, which has to be the end of the head.
bool HeadParser::fields() {
  const char* const end = end_;
  const size_t max_line = response_ ? SIZE_MAX : limits_.max_header;
  int lines_left = limits_.max_headers;
  const char* line = p_;
  for (; line != end; line = p_) {
    const char* colon = skip_plain_name(line, end);
    bool drop = false;
    if (*colon != ':' || colon == line) [[unlikely]] {
      if (*line == '\n' || *line == '\r') break;
      if (!odd_name(line, colon, drop)) return false;
    }
    const char* value = colon + 1;
    while (is_blank(*value)) value++;
    const char* stop = skip_value(value, end);
    if (unsafe_) [[unlikely]]
      while (*stop != '\r' && *stop != '\n') stop = skip_value(stop + 1, end);
    if (!(p_ = next_line(stop))) return end_line(stop);
    while (stop > value && is_blank(stop[-1])) stop--;
    if (static_cast<size_t>(stop - line) > max_line) return fail(limits_.big_header_status, "header line too long");
    if (--lines_left < 0) return fail(limits_.big_header_status, "too many header lines");
    if (drop) continue;
    Str name{line, static_cast<size_t>(colon - line)};
    Name id = name_lookup::find(name);
    Header& header = out_.headers.add(name, {value, static_cast<size_t>(stop - value)}, id);
    if (kNoted[static_cast<size_t>(id)]) note(header);
  }
  if (line == end) return fail(400, "incomplete head");
  return end_line(line) && (p_ == end || fail(400, "bytes behind the end of the head"));
}

// A name with other bytes than letters, digits and '-' (at `colon` on entry). On success `colon` is where it says and `drop`
// tells that the line is to be left out.
[[gnu::noinline]] bool HeadParser::odd_name(const char* line, const char*& colon, bool& drop) {
  bool token = true;
  const char* p = colon;
  for (; *p != ':'; p++) {
    if (is(*p, kToken)) continue;
    token = false;
    if (*p == '\n' || *p == '\r') {
      bool folded = *line == ' ' || *line == '\t';
      return fail(400, folded ? Str("folded header line") : Str("header line without colon"), p);
    }
    uint8_t c = static_cast<uint8_t>(*p);
    if (unsafe_ || (c > 0x20 && c != 0x7f)) continue;
    if (c != ' ' && c != '\t') return fail(400, "control character in header name", p);
    return fail(400, p == line ? Str("folded header line") : Str("space in header name"), p);
  }
  if (p == line) return fail(400, "empty header name");
  if (*line == ' ' || *line == '\t') return fail(400, "folded header line");
  colon = p;
  return invalid_name({line, static_cast<size_t>(p - line)}, token, drop);
}

// Whether a name that is not plain is kept, dropped or an error.
bool HeadParser::invalid_name(Str name, bool token, bool& drop) {
  const char* wrong = name.data();
  while (wrong != name.data() + name.size() && is(*wrong, kToken)) wrong++;
  if (limits_.strict_names) {
    if (token) return true;
    if (!unsafe_) return fail(400, "invalid character in header name", wrong);
    drop = true;
  } else if (response_) {
    drop = !token;  // nginx forwards such a line; weir forwards no name that is not a token
  } else {
    bool plain = token;
    for (char c : name) plain = plain && (is(c, kPlainName) || (c == '_' && limits_.underscores_in_headers));
    if (plain) return true;
    drop = limits_.ignore_invalid_headers;
    if (!drop && !token) return fail(400, "invalid character in header name", wrong);
  }
  if (!drop) return true;
  char known[32];
  size_t n = 0;
  for (char c : name)
    if (is(c, kPlainName) && n < sizeof known) known[n++] = c;
  return !is_framing_name({known, n}) || fail(400, "invalid character in the name of a framing header");
}

// Remembers a header of kNoted.
void HeadParser::note(Header& header) {
  switch (header.id) {
    case Name::host:
      hosts_++;
      host_value_ = header.value;
      return;
    case Name::content_length:
      lengths_++;
      length_ = header.value;
      return;
    case Name::transfer_encoding:
      codings_++;
      coding_ = header.value;
      break;
    case Name::connection:
      connections_++;
      connection_ = header.value;
      break;
    case Name::upgrade: has_upgrade_ = true; break;
    default:
      if (!is_hop_by_hop(header.id)) return note_single(header.id);
      break;
  }
  header.hop = true;
}

[[gnu::noinline]] void HeadParser::note_single(Name id) {
  if (id == Name::expect) has_expect_ = true;
  for (unsigned i = 0; i < std::size(kSingle); i++) {
    if (kSingle[i] != id) continue;
    repeated_single_ = repeated_single_ || (singles_ >> i & 1);
    singles_ = static_cast<uint16_t>(singles_ | 1u << i);
  }
}

bool HeadParser::host() {
  if (hosts_ == 0) {
    if (out_.version > 10) return fail(400, "no Host header");
    return true;
  }
  if (hosts_ > 1) return fail(400, "more than one Host header", host_value_.data());
  Authority parts;
  if (!split_authority(host_value_, !limits_.strict_names, parts))
    return fail(400, "invalid Host header", host_value_.data());
  // An empty host is legal where the target has none either (RFC 9112 3.2); nginx refuses it.
  if (parts.host.empty() && !limits_.strict_names) return fail(400, "empty Host header");
  if (!host_matches_target(parts)) {
    if (limits_.strict_names || out_.method == Method::connect)
      return fail(400, "Host header differs from the request target", host_value_.data());
    out_.headers.find(Name::host)->value = out_.authority;
  }
  if (out_.authority.empty()) out_.authority = host_value_;
  return true;
}

// A difference is an attempt to be read in two ways: HAProxy refuses it. nginx goes by the target (RFC 9112 3.2.2), which then
// replaces the header's value, so that the next hop reads what was read here.
bool HeadParser::host_matches_target(const Authority& host) {
  if (out_.authority.empty() || unsafe_) return true;
  if (!iequals(host.host, target_.host)) return false;
  if (out_.method != Method::connect) return explicit_port(host, out_.scheme) == explicit_port(target_, out_.scheme);
  if (!host.port.empty()) return host.port == target_.port;
  return !limits_.strict_names || target_.port == "80" || target_.port == "443";
}

// Sets the length; leading zeros count as digits.
bool HeadParser::content_length() {
  if (lengths_ > 1) return fail(400, "more than one Content-Length header", length_.data());
  uint64_t n = 0;
  bool good = !length_.empty() && length_.size() <= 19;  // 19 digits fit 64 bits
  for (const char* p = length_.data(); good && p != length_.data() + length_.size(); p++) {
    good = is_digit(*p);
    n = n * 10 + static_cast<uint64_t>(*p - '0');
  }
  if (!good || n > static_cast<uint64_t>(INT64_MAX)) return fail(400, "invalid Content-Length header", length_.data());
  out_.content_length = n;
  return true;
}

// Transfer-Encoding: the only one that weir decodes is a lone "chunked".
bool HeadParser::coding() {
  if (codings_ > 1) return fail(400, "more than one Transfer-Encoding header", coding_.data());
  if (lengths_) return fail(400, "Content-Length together with Transfer-Encoding", coding_.data());
  if (iequals(coding_, "chunked")) {
    if (out_.version == 10) return fail(400, "Transfer-Encoding in HTTP/1.0");
    return true;
  }
  bool tokens = !coding_.empty();
  int chunked = 0;
  Str last;
  for (Str rest = coding_; !rest.empty();) {
    last = trim(cut(rest, ','));
    tokens = tokens && !last.empty() && all_are(last, kToken);
    chunked += iequals(last, "chunked");
  }
  bool framed = tokens && chunked == 1 && iequals(last, "chunked") && !coding_.ends_with(',');
  if (tokens && !limits_.strict_names) return fail(501, "unknown Transfer-Encoding");
  return fail(framed ? 422 : 400, "unknown Transfer-Encoding");
}

bool HeadParser::request_framing() {
  if (repeated_single_ && !limits_.strict_names) return fail(400, "more than one header of a kind that may come once");
  if (codings_) {
    if (!coding()) return false;
    out_.body = Body::chunked;
  } else if (lengths_) {
    if (!content_length()) return false;
    out_.body = Body::length;
  } else {
    out_.body = Body::none;
  }
  return true;
}

// RFC 9112 6.3, in its order.
bool HeadParser::response_framing(Method request_method, bool asked_upgrade) {
  if (codings_ && !coding()) return false;
  if (lengths_ && !content_length()) return false;
  uint16_t status = out_.status;
  if (status == 101) {
    if (!asked_upgrade) return fail(502, "101 without a request for an upgrade");
    out_.upgrade = true;
    out_.body = Body::tunnel;
  } else if (request_method == Method::connect && status >= 200 && status < 300) {
    out_.body = Body::tunnel;
  } else if (status < 200 || status == 204 || status == 304 || request_method == Method::head) {
    out_.body = Body::none;
  } else if (codings_) {
    out_.body = Body::chunked;
  } else if (lengths_) {
    out_.body = Body::length;
  } else {
    out_.body = Body::close;
  }
  if (out_.body == Body::close || out_.body == Body::tunnel) out_.keep_alive = false;
  return true;
}

// Reads all Connection headers: the options that weir acts on, and the names that become hop-by-hop.
bool HeadParser::connection_options() {
  int count = 0;
  if (connections_ == 1) {
    if (!connection_list(connection_, count)) return false;
  } else if (connections_) {
    for (Header* h = out_.headers.find(Name::connection); h; h = out_.headers.find(Name::connection, h))
      if (!connection_list(h->value, count)) return false;
  }
  out_.keep_alive = !option_close_ && (out_.version > 10 || option_keep_alive_);
  return true;
}

bool HeadParser::connection_list(Str list, int& count) {
  while (!list.empty()) {
    Str option = trim(cut(list, ','));
    if (option.empty()) continue;
    if (++count > kMaxConnectionOptions) return fail(400, "too many connection options");
    if (is_word(option, "close"))
      option_close_ = true;
    else if (is_word(option, "keep-alive"))
      option_keep_alive_ = true;
    else if (is_word(option, "upgrade"))
      option_upgrade_ = true;
    else
      mark_listed(option);
  }
  return true;
}

void HeadParser::mark_listed(Str name) {
  if (name_id(name) != Name::other) return;  // end-to-end, or hop-by-hop and marked already
  for (Str prefix : kProtectedPrefixes)
    if (istarts_with(name, prefix)) return;
  for (Header* h = out_.headers.find(name); h; h = out_.headers.find(name, h)) h->hop = true;
}

// A request's Upgrade counts with Connection: upgrade in HTTP/1.1 only. h2 and h2c are taken out of the offer: an origin that
// accepts would speak HTTP/2 with the client past weir, unread.
void HeadParser::upgrade() {
  if (!option_upgrade_ || out_.version == 10) return;
  for (Header* h = out_.headers.find(Name::upgrade); h; h = out_.headers.find(Name::upgrade, h)) {
    char* kept = out_.headers.arena().alloc_chars(h->value.size() * 2);
    size_t n = 0;
    for (Str rest = h->value; !rest.empty();) {
      Str protocol = trim(cut(rest, ','));
      if (protocol.empty() || iequals(protocol, "h2c") || iequals(protocol, "h2")) continue;
      if (n) n += (memcpy(kept + n, ", ", 2), 2);
      n += protocol.copy(kept + n, protocol.size());
    }
    h->value = {kept, n};
    if (n) out_.upgrade = true;
  }
}

// An expectation in HTTP/1.0 means nothing (RFC 9110 10.1.1), and shall not come to mean something behind us.
void HeadParser::expectations() {
  for (Header* h = out_.headers.find(Name::expect); h; h = out_.headers.find(Name::expect, h)) {
    if (out_.version == 10)
      h->hop = true;
    else
      out_.expect_continue = out_.expect_continue || iequals(h->value, "100-continue");
  }
}

H1Error HeadParser::request() {
  if (start() && request_line() && fields() && host() && request_framing() && connection_options()) {
    if (has_upgrade_) upgrade();
    if (has_expect_) expectations();
  }
  return error_;
}

H1Error HeadParser::response(Method request_method, bool asked_upgrade) {
  (void)(start() && status_line() && fields() && connection_options() &&
         response_framing(request_method, asked_upgrade));
  return error_;
}

}  // namespace

bool may_begin_request(Str data) {
  size_t n = 0;
  while (n < data.size() && is(data[n], kToken)) n++;
  return n == data.size() || (n > 0 && data[n] == ' ');
}

H1Error parse_request_head(Str head, const H1Limits& limits, Message& out) {
  return HeadParser(head, limits, false, out).request();
}

H1Error parse_response_head(Str head, const H1Limits& limits, Method request_method, bool asked_upgrade, Message& out) {
  return HeadParser(head, limits, true, out).response(request_method, asked_upgrade);
}

}  // namespace weir::http
