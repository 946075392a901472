// Fetches of bodies and of bytes that are not parsed (yet): what collect_body keeps in memory of requests, and what
// content inspection has read.
#include <fmt/format.h>

#include <string>

#include "expr/fetch_helpers.h"
#include "expr/tables.h"
#include "expr/url_param.h"

namespace weir::expr {
namespace {

Str bytes_of(const Ctx& ctx, bool response) {
  if (hooks.inspect) return hooks.inspect(ctx, response);
  bool complete;
  return response ? Str{} : request_body(ctx, complete);
}

bool body(const Ctx& ctx, const Arg*, Value& out) {
  if (!request_of(ctx)) return not_yet(ctx);
  bool complete = false;
  Str text = request_body(ctx, complete);
  if (!complete) not_yet(ctx);
  out = Value::of_binary(text);
  return true;
}
bool body_length(const Ctx& ctx, const Arg*, Value& out) {
  if (!request_of(ctx)) return not_yet(ctx);
  bool complete;
  return give(out, static_cast<int64_t>(request_body(ctx, complete).size()));
}
// What the message says about its body, else what is there.
bool body_size(const Ctx& ctx, const Arg* args, Value& out) {
  const http::Message* m = request_of(ctx);
  if (!m) return not_yet(ctx);
  if (m->body == http::Body::length) return give(out, static_cast<int64_t>(m->content_length));
  return body_length(ctx, args, out);
}
bool body_param(const Ctx& ctx, const Arg* args, Value& out) {
  if (!request_of(ctx)) return not_yet(ctx);
  bool complete;
  return next_param(ctx, request_body(ctx, complete), '&', args[0].str, args[1].str.starts_with('i'), out);
}

bool response_body(const Ctx& ctx, const Arg*, Value& out) {
  if (!response_of(ctx)) return not_yet(ctx);
  out = Value::of_binary(bytes_of(ctx, true));
  return true;
}
bool response_body_length(const Ctx& ctx, const Arg*, Value& out) {
  if (!response_of(ctx)) return not_yet(ctx);
  return give(out, static_cast<int64_t>(bytes_of(ctx, true).size()));
}
bool response_body_size(const Ctx& ctx, const Arg* args, Value& out) {
  const http::Message* m = response_of(ctx);
  if (!m) return not_yet(ctx);
  if (m->body == http::Body::length) return give(out, static_cast<int64_t>(m->content_length));
  return response_body_length(ctx, args, out);
}

enum class Of : uint8_t { request, response, direction };

template <Of of>
Str inspected(const Ctx& ctx) {
  return bytes_of(ctx, of == Of::direction ? ctx.response : of == Of::response);
}
template <Of of>
bool length(const Ctx& ctx, const Arg*, Value& out) {
  if (!ctx.txn) return false;
  if (!ctx.final && ctx.may_change) *ctx.may_change = true;
  return give(out, static_cast<int64_t>(inspected<of>(ctx).size()));
}
template <Of of>
bool payload(const Ctx& ctx, const Arg* args, Value& out) {
  if (!ctx.txn || !ctx.txn->tcp) return false;
  Str all = inspected<of>(ctx);
  auto offset = static_cast<size_t>(args[0].number);
  auto size = static_cast<size_t>(args[1].number);
  if (offset + size > all.size()) return not_yet(ctx);
  if (!size) not_yet(ctx);
  out = Value::of_binary(all.substr(offset, size ? size : Str::npos));
  return true;
}
std::string check_payload(Arg* args, int, Arena&) {
  if (args[0].number < 0 || args[1].number < 0) return "offset and length must not be negative";
  return {};
}

// A length in `size` bytes at `offset`, then so many bytes: right behind it, or at a third argument (+n, -n: from
// there).
template <Of of>
bool payload_lv(const Ctx& ctx, const Arg* args, Value& out) {
  if (!ctx.txn || !ctx.txn->tcp) return false;
  Str all = inspected<of>(ctx);
  auto offset = static_cast<size_t>(args[0].number);
  auto width = static_cast<size_t>(args[1].number);
  if (offset + width > all.size()) return not_yet(ctx);
  uint64_t size = 0;
  for (size_t i = 0; i < width; i++) size = size << 8 | static_cast<uint8_t>(all[offset + i]);
  int64_t begin = static_cast<int64_t>(offset + width);
  if (args[2].present) begin = args[2].str.find_first_of("+-") == 0 ? begin + args[2].number : args[2].number;
  if (!size || begin < 0) return false;
  auto from = static_cast<size_t>(begin);
  if (from > all.size() || size > all.size() - from) return not_yet(ctx);
  out = Value::of_binary(all.substr(from, size));
  return true;
}
std::string check_payload_lv(Arg* args, int, Arena&) {
  if (args[0].number < 0) return "payload offset1 must be positive";
  if (args[1].number < 1 || args[1].number > 8) return "payload length must be between 1 and 8";
  Str rest = args[2].str;
  args[2].number = read_int(rest);
  return rest.empty() ? std::string{} : "payload offset2 is not a number";
}

// "Cookie: NAME=VALUE" in an RDP connection request behind the TPKT and X.224 headers; without a name the "mstshash"
// one.
bool rdp_cookie(const Ctx& ctx, const Arg* args, Value& out) {
  static constexpr size_t kHeaders = 11;
  static constexpr Str kStart = "Cookie: ";
  Str all = inspected<Of::request>(ctx);
  if (all.size() <= kHeaders) return not_yet(ctx);
  if (all[0] != 3 || static_cast<uint8_t>(all[5]) >> 4 != 0xe) return false;
  Str line = all.substr(kHeaders);
  size_t end = line.find("\r\n");
  if (end == Str::npos) return not_yet(ctx);
  line = line.substr(0, end);
  if (!istarts_with(line, kStart)) return false;
  line.remove_prefix(kStart.size());
  Str name = cut(line, '=');
  return (args[0].str.empty() || iequals(name, args[0].str)) && give(out, line);
}
bool rdp_cookie_count(const Ctx& ctx, const Arg* args, Value& out) {
  Value found;
  bool there = rdp_cookie(ctx, args, found);
  if (!there && !ctx.final && ctx.may_change && *ctx.may_change) return false;
  return give(out, int64_t{there});
}

constexpr Type kInt = Type::integer;
constexpr Type kText = Type::string;
constexpr Type kBytes = Type::binary;
constexpr uint16_t kReq = kRequestHead;
constexpr uint16_t kRes = kResponseHead;
constexpr uint16_t kIn = kRequestBytes;
constexpr uint16_t kBack = kResponseBytes;
constexpr auto kQ = Of::request;
constexpr auto kS = Of::response;
constexpr auto kD = Of::direction;

// clang-format off
constexpr FetchDef kTable[] = {
    {"payload", 2, 2, kBytes, kIn | kBack, payload<kD>, check_payload, "bytes at an offset", "ii"},
    {"payload_lv", 2, 3, kBytes, kIn | kBack, payload_lv<kD>, check_payload_lv, "bytes whose length stands at an offset", "iis"},
    {"rdp_cookie", 0, 1, kText, kIn, rdp_cookie, nullptr, "the cookie of an RDP request"},
    {"rdp_cookie_cnt", 0, 1, kInt, kIn, rdp_cookie_count, nullptr, "whether an RDP request has that cookie"},
    {"req.body", 0, 0, kBytes, kReq, body, nullptr, "the request body as far as it was read"},
    {"req.body_len", 0, 0, kInt, kReq, body_length, nullptr, "how much of the request body was read"},
    {"req.body_param", 0, 2, kBytes, kReq, body_param, nullptr, "a parameter of a form in the request body"},
    {"req.body_size", 0, 0, kInt, kReq, body_size, nullptr, "the announced size of the request body"},
    {"req.len", 0, 0, kInt, kIn, length<kQ>, nullptr, "how many bytes of the request were read"},
    {"req.payload", 2, 2, kBytes, kIn, payload<kQ>, check_payload, "bytes of the request at an offset", "ii"},
    {"req.payload_lv", 2, 3, kBytes, kIn, payload_lv<kQ>, check_payload_lv, "bytes of the request whose length stands at an offset", "iis"},
    {"req.rdp_cookie", 0, 1, kText, kIn, rdp_cookie, nullptr, "the cookie of an RDP request"},
    {"req.rdp_cookie_cnt", 0, 1, kInt, kIn, rdp_cookie_count, nullptr, "whether an RDP request has that cookie"},
    {"req_len", 0, 0, kInt, kIn, length<kQ>, nullptr, "how many bytes of the request were read"},
    {"req_rdp_cookie", 0, 1, kText, kIn, rdp_cookie, nullptr, "the cookie of an RDP request"},
    {"req_rdp_cookie_cnt", 0, 1, kInt, kIn, rdp_cookie_count, nullptr, "whether an RDP request has that cookie"},
    {"res.body", 0, 0, kBytes, kRes, response_body, nullptr, "the response body as far as it was read"},
    {"res.body_len", 0, 0, kInt, kRes, response_body_length, nullptr, "how much of the response body was read"},
    {"res.body_size", 0, 0, kInt, kRes, response_body_size, nullptr, "the announced size of the response body"},
    {"res.len", 0, 0, kInt, kBack, length<kS>, nullptr, "how many bytes of the response were read"},
    {"res.payload", 2, 2, kBytes, kBack, payload<kS>, check_payload, "bytes of the response at an offset", "ii"},
    {"res.payload_lv", 2, 3, kBytes, kBack, payload_lv<kS>, check_payload_lv, "bytes of the response whose length stands at an offset", "iis"},
};
// clang-format on

}  // namespace

FetchTable body_fetches() {
  return kTable;
}

}  // namespace weir::expr
