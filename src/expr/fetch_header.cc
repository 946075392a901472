// Fetches of headers and cookies, of requests and responses. `hdr` splits values at commas, `fhdr` gives whole lines.
// Without an occurrence number, conditions see all of them one after the other and everybody else the last one.
#include <fmt/format.h>

#include <string>

#include "expr/fetch_helpers.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

constexpr int64_t kMaxHistory = 10;  // HAProxy's limit for negative occurrences

// Which message a fetch means.
enum class Of : uint8_t { request, response, direction };

template <Of of>
const http::Message* message(const Ctx& ctx) {
  return message_of(ctx, of == Of::direction ? ctx.response : of == Of::response);
}

// The end of the list element that starts at `at`: the next comma outside quotes, or the end.
size_t element_end(Str s, size_t at) {
  bool quoted = false;
  for (; at < s.size(); at++) {
    if (s[at] == '"')
      quoted = !quoted;
    else if (s[at] == '\\' && quoted)
      at++;
    else if (s[at] == ',' && !quoted)
      break;
  }
  return std::min(at, s.size());
}

// Walks over the values of one header name, or of all headers when the name is empty.
class Values {
 public:
  Values(const http::HeaderList& list, Str name, bool whole_lines)
      : list_(list), name_(name), id_(name.empty() ? http::Name::other : http::name_id(name)), whole_(whole_lines) {}

  bool next(Str& out) {
    if (!header_ || at_ > header_->value.size()) {
      if (!next_header()) return false;
      at_ = 0;
    }
    size_t end = whole_ ? header_->value.size() : element_end(header_->value, at_);
    out = trim(header_->value.substr(at_, end - at_));
    at_ = end + 1;
    return true;
  }

  void save(Iteration& it) const {
    it.state[0] = reinterpret_cast<uintptr_t>(header_);
    it.state[1] = at_;
  }
  void restore(const Iteration& it) {
    header_ = reinterpret_cast<const http::Header*>(it.state[0]);
    at_ = it.state[1];
  }

 private:
  bool next_header() {
    if (!name_.empty()) {
      header_ = id_ != http::Name::other ? list_.find(id_, header_) : list_.find(name_, header_);
      return header_ != nullptr;
    }
    const http::Header* h = header_ ? header_ + 1 : list_.begin();
    while (h != list_.end() && h->removed) h++;
    header_ = h == list_.end() ? nullptr : h;
    return header_ != nullptr;
  }

  const http::HeaderList& list_;
  Str name_;
  http::Name id_;
  bool whole_;
  const http::Header* header_ = nullptr;
  size_t at_ = 0;
};

int64_t count_values(Values values) {
  Str ignored;
  int64_t n = 0;
  while (values.next(ignored)) n++;
  return n;
}

// The next one in an iteration, the n-th from either end, or the last one.
bool choose(const Ctx& ctx, Values values, const Arg& occurrence, Str& out) {
  Iteration* it = ctx.iteration;
  int64_t wanted = occurrence.number;
  if (!wanted && it) {
    values.restore(*it);
    it->more = values.next(out);
    values.save(*it);
    return it->more;
  }
  if (it) it->more = false;
  if (!wanted) wanted = -1;
  if (wanted < 0) wanted += count_values(values) + 1;
  if (wanted < 1) return false;
  while (values.next(out))
    if (--wanted == 0) return true;
  return false;
}

template <Of of, bool whole>
bool header(const Ctx& ctx, const Arg* args, Value& out) {
  const http::Message* m = message<of>(ctx);
  if (!m) return not_yet(ctx);
  Str value;
  return !args[0].str.empty() && choose(ctx, Values(m->headers, args[0].str, whole), args[1], value) &&
         give(out, value);
}
template <Of of, bool whole>
bool header_count(const Ctx& ctx, const Arg* args, Value& out) {
  const http::Message* m = message<of>(ctx);
  if (!m) return not_yet(ctx);
  return give(out, count_values(Values(m->headers, args[0].str, whole)));
}
template <Of of>
bool header_number(const Ctx& ctx, const Arg* args, Value& out) {
  if (!header<of, false>(ctx, args, out)) return false;
  Str digits = out.str;
  return give(out, read_int(digits));
}

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]".
bool read_address(Str s, Value& out, Arena& arena) {
  if (s.size() > 2 && s.front() == '[' && s.back() == ']') {
    out = Value::of(s.substr(1, s.size() - 2));
    return cast(out, Type::ipv6, arena);
  }
  out = Value::of(s);
  if (cast(out, Type::addr, arena)) return true;
  Str port = s;
  out = Value::of(cut(port, ':'));
  auto n = parse_u64(port);
  return n && *n <= 65535 && cast(out, Type::ipv4, arena);
}
template <Of of>
bool header_address(const Ctx& ctx, const Arg* args, Value& out) {
  while (header<of, false>(ctx, args, out)) {
    Str text = out.str;
    if (read_address(text, out, *ctx.arena)) return true;
    if (!ctx.iteration || !ctx.iteration->more) return false;
  }
  return false;
}

// All names, or all headers as they would be sent, in one text.
template <Of of>
bool header_names(const Ctx& ctx, const Arg* args, Value& out) {
  const http::Message* m = message<of>(ctx);
  if (!m) return not_yet(ctx);
  char delimiter = args[0].str.empty() ? ',' : args[0].str[0];
  thread_local std::string text;
  text.clear();
  for (const http::Header& h : m->headers) {
    if (h.removed) continue;
    if (!text.empty()) text += delimiter;
    for (char c : h.name) text += lower(c);
  }
  return give(out, ctx.arena->dup(text));
}
template <Of of>
bool all_headers(const Ctx& ctx, const Arg*, Value& out) {
  const http::Message* m = message<of>(ctx);
  if (!m) return not_yet(ctx);
  thread_local std::string text;
  text.clear();
  for (const http::Header& h : m->headers) {
    if (h.removed) continue;
    for (char c : h.name) text += lower(c);
    text += ": ";
    text += h.value;
    text += "\r\n";
  }
  text += "\r\n";
  return give(out, ctx.arena->dup(text));
}

// Numbers as SPOE writes them: up to 239 one byte, then seven bits a byte with the first one's high bits set.
void append_varint(std::string& out, uint64_t n) {
  if (n < 240) {
    out += static_cast<char>(n);
    return;
  }
  out += static_cast<char>(n | 240);
  n = (n - 240) >> 4;
  while (n >= 128) {
    out += static_cast<char>(n | 128);
    n = (n - 128) >> 7;
  }
  out += static_cast<char>(n);
}
template <Of of>
bool all_headers_binary(const Ctx& ctx, const Arg*, Value& out) {
  const http::Message* m = message<of>(ctx);
  if (!m) return not_yet(ctx);
  thread_local std::string text;
  text.clear();
  for (const http::Header& h : m->headers) {
    if (h.removed) continue;
    append_varint(text, h.name.size());
    for (char c : h.name) text += lower(c);
    append_varint(text, h.value.size());
    text += h.value;
  }
  text.append(2, '\0');
  out = Value::of_binary(ctx.arena->dup(text));
  return true;
}

std::string check_occurrence(Arg* args, int, Arena&) {
  return args[1].number < -kMaxHistory ? fmt::format("header occurrence must be >= {}", -kMaxHistory) : std::string{};
}

// --- cookies ---

size_t cookie_end(Str s, size_t at) {
  bool quoted = false;
  for (; at < s.size(); at++) {
    if (s[at] == '"')
      quoted = !quoted;
    else if (s[at] == '\\' && quoted)
      at++;
    else if ((s[at] == ';' || s[at] == ',') && !quoted)
      break;
  }
  return std::min(at, s.size());
}

// Walks over NAME=VALUE pairs: all of a Cookie header, the first of each Set-Cookie.
class Cookies {
 public:
  Cookies(const http::HeaderList& list, bool response)
      : list_(list), id_(response ? http::Name::set_cookie : http::Name::cookie), first_only_(response) {}

  bool next(Str& name, Str& value) {
    for (;;) {
      if (!header_ || at_ >= header_->value.size() || (first_only_ && at_)) {
        header_ = list_.find(id_, header_);
        at_ = 0;
        if (!header_) return false;
      }
      size_t end = cookie_end(header_->value, at_);
      Str pair = trim(header_->value.substr(at_, end - at_));
      at_ = end + 1;
      size_t equal = pair.find('=');
      if (equal == Str::npos) continue;
      name = trim(pair.substr(0, equal));
      value = trim(pair.substr(equal + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return true;
    }
  }
  void save(Iteration& it) const {
    it.state[0] = reinterpret_cast<uintptr_t>(header_);
    it.state[1] = at_;
  }
  void restore(const Iteration& it) {
    header_ = reinterpret_cast<const http::Header*>(it.state[0]);
    at_ = it.state[1];
  }

 private:
  const http::HeaderList& list_;
  http::Name id_;
  bool first_only_;
  const http::Header* header_ = nullptr;
  size_t at_ = 0;
};

template <Of of>
bool is_response(const Ctx& ctx) {
  return of == Of::direction ? ctx.response : of == Of::response;
}

template <Of of>
bool cookie(const Ctx& ctx, const Arg* args, Value& out) {
  const http::Message* m = message<of>(ctx);
  if (!m) return not_yet(ctx);
  Cookies cookies(m->headers, is_response<of>(ctx));
  Iteration* it = ctx.iteration;
  if (it) cookies.restore(*it);
  Str name;
  Str value;
  bool found = false;
  while (cookies.next(name, value)) {
    if (!args[0].str.empty() && name != args[0].str) continue;
    found = true;
    give(out, value);
    if (it || args[0].str.empty()) break;
  }
  if (it) {
    it->more = found;
    cookies.save(*it);
  }
  return found;
}
template <Of of>
bool cookie_count(const Ctx& ctx, const Arg* args, Value& out) {
  const http::Message* m = message<of>(ctx);
  if (!m) return not_yet(ctx);
  Cookies cookies(m->headers, is_response<of>(ctx));
  Str name;
  Str value;
  int64_t n = 0;
  while (cookies.next(name, value)) n += args[0].str.empty() || name == args[0].str;
  return give(out, n);
}
template <Of of>
bool cookie_number(const Ctx& ctx, const Arg* args, Value& out) {
  if (!cookie<of>(ctx, args, out)) return false;
  Str digits = out.str;
  return give(out, read_int(digits));
}
template <Of of>
bool cookie_names(const Ctx& ctx, const Arg* args, Value& out) {
  const http::Message* m = message<of>(ctx);
  if (!m) return not_yet(ctx);
  char delimiter = args[0].str.empty() ? ',' : args[0].str[0];
  Cookies cookies(m->headers, is_response<of>(ctx));
  Str name;
  Str value;
  thread_local std::string text;
  text.clear();
  while (cookies.next(name, value)) {
    if (!text.empty()) text += delimiter;
    text += name;
  }
  return give(out, ctx.arena->dup(text));
}

constexpr Type kInt = Type::integer;
constexpr Type kText = Type::string;
constexpr Type kBytes = Type::binary;
constexpr Type kAddr = Type::addr;
constexpr uint16_t kReq = kRequestHead;
constexpr uint16_t kRes = kResponseHead;
constexpr auto kQ = Of::request;
constexpr auto kS = Of::response;
constexpr auto kD = Of::direction;

// clang-format off
constexpr FetchDef kTable[] = {
    {"cook", 0, 1, kText, kReq, cookie<kQ>, nullptr, "a cookie of the request"},
    {"cook_cnt", 0, 1, kInt, kReq, cookie_count<kQ>, nullptr, "how many cookies of that name the request has"},
    {"cook_val", 0, 1, kInt, kReq, cookie_number<kQ>, nullptr, "a cookie of the request as a number"},
    {"cookie", 0, 1, kText, kReq | kRes, cookie<kD>, nullptr, "a cookie of the message that is looked at"},
    {"hdr", 0, 2, kText, kReq | kRes, header<kD, false>, check_occurrence, "a header value of the message that is looked at", "si"},
    {"hdr_cnt", 0, 1, kInt, kReq, header_count<kQ, false>, nullptr, "how many values a request header has"},
    {"hdr_ip", 0, 2, kAddr, kReq, header_address<kQ>, check_occurrence, "a request header value as an address", "si"},
    {"hdr_val", 0, 2, kInt, kReq, header_number<kQ>, check_occurrence, "a request header value as a number", "si"},
    {"req.cook", 0, 1, kText, kReq, cookie<kQ>, nullptr, "a cookie of the request"},
    {"req.cook_cnt", 0, 1, kInt, kReq, cookie_count<kQ>, nullptr, "how many cookies of that name the request has"},
    {"req.cook_names", 0, 1, kText, kReq, cookie_names<kQ>, nullptr, "the names of all cookies of the request"},
    {"req.cook_val", 0, 1, kInt, kReq, cookie_number<kQ>, nullptr, "a cookie of the request as a number"},
    {"req.fhdr", 0, 2, kText, kReq, header<kQ, true>, check_occurrence, "a whole request header line", "si"},
    {"req.fhdr_cnt", 0, 1, kInt, kReq, header_count<kQ, true>, nullptr, "how many lines of a request header there are"},
    {"req.hdr", 0, 2, kText, kReq, header<kQ, false>, check_occurrence, "a request header value", "si"},
    {"req.hdr_cnt", 0, 1, kInt, kReq, header_count<kQ, false>, nullptr, "how many values a request header has"},
    {"req.hdr_ip", 0, 2, kAddr, kReq, header_address<kQ>, check_occurrence, "a request header value as an address", "si"},
    {"req.hdr_names", 0, 1, kText, kReq, header_names<kQ>, nullptr, "the names of all request headers"},
    {"req.hdr_val", 0, 2, kInt, kReq, header_number<kQ>, check_occurrence, "a request header value as a number", "si"},
    {"req.hdrs", 0, 0, kBytes, kReq, all_headers<kQ>, nullptr, "all request headers"},
    {"req.hdrs_bin", 0, 0, kBytes, kReq, all_headers_binary<kQ>, nullptr, "all request headers, each with its length"},
    {"res.cook", 0, 1, kText, kRes, cookie<kS>, nullptr, "a cookie that the response sets"},
    {"res.cook_cnt", 0, 1, kInt, kRes, cookie_count<kS>, nullptr, "how many cookies of that name the response sets"},
    {"res.cook_names", 0, 1, kText, kRes, cookie_names<kS>, nullptr, "the names of all cookies that the response sets"},
    {"res.cook_val", 0, 1, kInt, kRes, cookie_number<kS>, nullptr, "a cookie that the response sets as a number"},
    {"res.fhdr", 0, 2, kText, kRes, header<kS, true>, check_occurrence, "a whole response header line", "si"},
    {"res.fhdr_cnt", 0, 1, kInt, kRes, header_count<kS, true>, nullptr, "how many lines of a response header there are"},
    {"res.hdr", 0, 2, kText, kRes, header<kS, false>, check_occurrence, "a response header value", "si"},
    {"res.hdr_cnt", 0, 1, kInt, kRes, header_count<kS, false>, nullptr, "how many values a response header has"},
    {"res.hdr_ip", 0, 2, kAddr, kRes, header_address<kS>, check_occurrence, "a response header value as an address", "si"},
    {"res.hdr_names", 0, 1, kText, kRes, header_names<kS>, nullptr, "the names of all response headers"},
    {"res.hdr_val", 0, 2, kInt, kRes, header_number<kS>, check_occurrence, "a response header value as a number", "si"},
    {"res.hdrs", 0, 0, kBytes, kRes, all_headers<kS>, nullptr, "all response headers"},
    {"res.hdrs_bin", 0, 0, kBytes, kRes, all_headers_binary<kS>, nullptr, "all response headers, each with its length"},
    {"scook", 0, 1, kText, kRes, cookie<kS>, nullptr, "a cookie that the response sets"},
    {"scook_cnt", 0, 1, kInt, kRes, cookie_count<kS>, nullptr, "how many cookies of that name the response sets"},
    {"scook_val", 0, 1, kInt, kRes, cookie_number<kS>, nullptr, "a cookie that the response sets as a number"},
    {"shdr", 0, 2, kText, kRes, header<kS, false>, check_occurrence, "a response header value", "si"},
    {"shdr_cnt", 0, 1, kInt, kRes, header_count<kS, false>, nullptr, "how many values a response header has"},
    {"shdr_ip", 0, 2, kAddr, kRes, header_address<kS>, check_occurrence, "a response header value as an address", "si"},
    {"shdr_val", 0, 2, kInt, kRes, header_number<kS>, check_occurrence, "a response header value as a number", "si"},
};
// clang-format on

}  // namespace

FetchTable header_fetches() {
  return kTable;
}

}  // namespace weir::expr
