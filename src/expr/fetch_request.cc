// Fetches about the start lines: method, target, path, query parameters, versions, status, and what the log keeps of
// them.
#include <arpa/inet.h>

#include <fmt/format.h>

#include <string>

#include "expr/fetch_helpers.h"
#include "expr/hash.h"
#include "expr/tables.h"
#include "expr/url_param.h"

namespace weir::expr {
namespace {

bool method(const Ctx& ctx, const Arg*, Value& out) {
  const http::Message* m = request_of(ctx);
  if (!m) return not_yet(ctx);
  out = Value::of_method(m->method_text);
  return true;
}

template <Str (*part)(const http::Message&)>
bool of_target(const Ctx& ctx, const Arg*, Value& out) {
  const http::Message* m = request_of(ctx);
  if (!m) return not_yet(ctx);
  Str s = part(*m);
  return !s.empty() && give(out, s);
}
Str captured_target(const http::Message& m) {
  Str target = original_start(m).target;
  size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == Str::npos) return target;
  size_t slash = target.find('/', scheme + 3);
  return slash == Str::npos ? Str("/") : target.substr(slash);
}
Str captured_method(const http::Message& m) {
  return original_start(m).method;
}
Str whole_target(const http::Message& m) {
  return m.target;
}

bool query(const Ctx& ctx, const Arg* args, Value& out) {
  const http::Message* m = request_of(ctx);
  if (!m) return not_yet(ctx);
  size_t mark = m->path.find('?');
  if (mark == Str::npos) return false;
  Str q = m->path.substr(mark + 1);
  return give(out, args[0].str.empty() || q.empty() ? q : m->path.substr(mark));
}
std::string check_query(Arg* args, int, Arena&) {
  return args[0].str.empty() || args[0].str == "with_qm" ? std::string{} : "supported options are: 'with_qm'";
}

// The first Host header, up to a comma unless `whole`.
Str host_of(const http::Message& m, bool whole) {
  Str host = m.headers.value(http::Name::host);
  return whole ? host : trim(host.substr(0, host.find(',')));
}

template <bool with_query>
bool base(const Ctx& ctx, const Arg*, Value& out) {
  const http::Message* m = request_of(ctx);
  if (!m) return not_yet(ctx);
  Str host = host_of(*m, false);
  Str path = with_query ? path_with_query(*m) : path_only(*m);
  if (host.empty()) return !path.empty() && give(out, path);
  return give(out, ctx.arena->cat(host, path));
}

// SDBM over host and path, spread over 32 bits.
template <bool with_query>
bool hash_of_base(const Ctx& ctx, uint32_t& h) {
  const http::Message* m = request_of(ctx);
  if (!m) return not_yet(ctx);
  Str text = ctx.arena->cat(host_of(*m, with_query), with_query ? path_with_query(*m) : path_only(*m));
  h = avalanche(hash_sdbm(text));
  return true;
}
template <bool with_query>
bool base32(const Ctx& ctx, const Arg*, Value& out) {
  uint32_t h;
  return hash_of_base<with_query>(ctx, h) && give(out, int64_t{h});
}
template <bool with_query>
bool base32_and_source(const Ctx& ctx, const Arg*, Value& out) {
  uint32_t h;
  Endpoint e;
  if (!client_source(ctx, e) || !hash_of_base<with_query>(ctx, h)) return false;
  uint32_t network = htonl(h);
  if (!cast(e.address, Type::binary, *ctx.arena)) return false;
  out = Value::of_binary(ctx.arena->cat(Str{reinterpret_cast<const char*>(&network), 4}, e.address.str));
  return true;
}

// The authority of an absolute target, when it is an IPv4 address: "http://192.0.2.1:8080/".
bool target_address(const Ctx& ctx, in_addr& address, int64_t& port) {
  const http::Message* m = request_of(ctx);
  if (!m) return not_yet(ctx);
  size_t slashes = m->target.find("://");
  Str rest = m->target;
  if (slashes == Str::npos) return false;
  Str scheme = rest.substr(0, slashes);
  rest.remove_prefix(slashes + 3);
  Str authority = rest.substr(0, rest.find_first_of("/?"));
  Str digits = authority;
  Value host = Value::of(cut(digits, ':'));
  port = digits.empty() ? (iequals(scheme, "https") ? 443 : 80) : read_int(digits);
  if (!cast(host, Type::ipv4, *ctx.arena)) return false;
  address = host.v4;
  return true;
}
bool url_ip(const Ctx& ctx, const Arg*, Value& out) {
  in_addr address;
  int64_t port;
  if (!target_address(ctx, address, port)) return false;
  out = Value::of(address);
  return true;
}
bool url_port(const Ctx& ctx, const Arg*, Value& out) {
  in_addr address;
  int64_t port;
  return target_address(ctx, address, port) && give(out, port);
}

// Iterates over the parameters of that name; without iteration the first one.
bool url_param(const Ctx& ctx, const Arg* args, Value& out) {
  const http::Message* m = request_of(ctx);
  if (!m) return not_yet(ctx);
  char delimiter = args[1].str.empty() ? '?' : args[1].str[0];
  size_t mark = m->target.find(delimiter);
  if (mark == Str::npos) return false;
  return next_param(ctx, m->target.substr(mark + 1), delimiter, args[0].str, args[2].str.starts_with('i'), out);
}
bool url_param_value(const Ctx& ctx, const Arg* args, Value& out) {
  if (!url_param(ctx, args, out)) return false;
  Str digits = out.str;
  return give(out, read_int(digits));
}

bool is_http(const Ctx& ctx, const Arg*, Value& out) {
  if (request_of(ctx)) return give_bool(out, true);
  return may_become_request(ctx) && not_yet(ctx);
}
bool first_request(const Ctx& ctx, const Arg*, Value& out) {
  return request_of(ctx) && give_bool(out, !hooks.first_request || hooks.first_request(ctx));
}

template <bool response>
bool version(const Ctx& ctx, const Arg*, Value& out) {
  const http::Message* m = message_of(ctx, response);
  return m ? give(out, version_text(m->version)) : not_yet(ctx);
}
template <bool response>
bool captured_version(const Ctx& ctx, const Arg*, Value& out) {
  const http::Message* m = message_of(ctx, response);
  return m && give(out, ctx.arena->cat("HTTP/", version_text(m->version)));
}
bool status(const Ctx& ctx, const Arg*, Value& out) {
  const http::Message* m = response_of(ctx);
  return m ? give(out, int64_t{m->status}) : not_yet(ctx);
}
// The status of the last server that answered, whatever was made of it.
bool server_status(const Ctx& ctx, const Arg*, Value& out) {
  if (!ctx.txn || ctx.txn->attempts.empty()) return false;
  const proxy::Attempt& last = ctx.txn->attempts[ctx.txn->attempts.size - 1];
  return last.status && give(out, int64_t{last.status});
}

bool unique_id(const Ctx& ctx, const Arg*, Value& out) {
  Str id = hooks.unique_id ? hooks.unique_id(ctx) : Str{};
  return !id.empty() && give(out, id);
}
template <bool response>
bool captured_header(const Ctx& ctx, const Arg* args, Value& out) {
  Str text;
  if (!hooks.capture || !hooks.capture(ctx, response, static_cast<uint32_t>(args[0].number), text)) return false;
  return give(out, text);
}
std::string check_capture(Arg* args, int, Arena&) {
  return args[0].number < 0 ? "capture identifier must be >= 0" : std::string{};
}

constexpr Type kInt = Type::integer;
constexpr Type kText = Type::string;
constexpr Type kBytes = Type::binary;
constexpr uint16_t kHead = kRequestHead;

// clang-format off
constexpr FetchDef kTable[] = {
    {"base", 0, 0, kText, kHead, base<false>, nullptr, "the Host header and the path"},
    {"base32", 0, 0, kInt, kHead, base32<false>, nullptr, "a 32-bit hash of base"},
    {"base32+src", 0, 0, kBytes, kHead, base32_and_source<false>, nullptr, "base32 and the client's address"},
    {"baseq", 0, 0, kText, kHead, base<true>, nullptr, "the Host header, the path and the query"},
    {"capture.req.hdr", 1, 1, kText, kRequestKept, captured_header<false>, check_capture, "a captured request header", "i"},
    {"capture.req.method", 0, 0, kText, kRequestKept, of_target<captured_method>, nullptr, "the method as it came"},
    {"capture.req.uri", 0, 0, kText, kRequestKept, of_target<captured_target>, nullptr, "the path and the query as they came"},
    {"capture.req.ver", 0, 0, kText, kRequestKept, captured_version<false>, nullptr, "the request's version with HTTP/"},
    {"capture.res.hdr", 1, 1, kText, kResponseKept, captured_header<true>, check_capture, "a captured response header", "i"},
    {"capture.res.ver", 0, 0, kText, kRequestKept, captured_version<true>, nullptr, "the response's version with HTTP/"},
    {"http_first_req", 0, 0, Type::boolean, kRequestKept, first_request, nullptr, "whether it is the first one on its connection"},
    {"method", 0, 0, Type::method, kRequestKept, method, nullptr, "the method"},
    {"path", 0, 0, kText, kHead, of_target<path_only>, nullptr, "the path without the query"},
    {"pathq", 0, 0, kText, kHead, of_target<path_with_query>, nullptr, "the path with the query"},
    {"query", 0, 1, kText, kHead, query, check_query, "the query, without its mark unless with_qm is given"},
    {"req.proto_http", 0, 0, Type::boolean, kRequestKept, is_http, nullptr, "whether the request is HTTP"},
    {"req.ver", 0, 0, kText, kRequestKept, version<false>, nullptr, "the request's version"},
    {"req_proto_http", 0, 0, Type::boolean, kRequestKept, is_http, nullptr, "whether the request is HTTP"},
    {"req_ver", 0, 0, kText, kRequestKept, version<false>, nullptr, "the request's version"},
    {"res.ver", 0, 0, kText, kResponseKept, version<true>, nullptr, "the response's version"},
    {"resp_ver", 0, 0, kText, kResponseKept, version<true>, nullptr, "the response's version"},
    {"server_status", 0, 0, kInt, kResponseKept, server_status, nullptr, "the status that the server sent"},
    {"status", 0, 0, kInt, kResponseKept, status, nullptr, "the status of the response"},
    {"txn.status", 0, 0, kInt, kResponseKept, status, nullptr, "the status that the client gets"},
    {"unique-id", 0, 0, kText, kAnywhere, unique_id, nullptr, "the unique id of this request"},
    {"url", 0, 0, kText, kHead, of_target<whole_target>, nullptr, "the target of the request line"},
    {"url32", 0, 0, kInt, kHead, base32<true>, nullptr, "a 32-bit hash of Host, path and query"},
    {"url32+src", 0, 0, kBytes, kHead, base32_and_source<true>, nullptr, "url32 and the client's address"},
    {"url_ip", 0, 0, Type::ipv4, kHead, url_ip, nullptr, "the address in an absolute target"},
    {"url_param", 0, 3, kText, kHead, url_param, nullptr, "a parameter of the query"},
    {"url_port", 0, 0, kInt, kHead, url_port, nullptr, "the port in an absolute target with an address"},
    {"urlp", 0, 3, kText, kHead, url_param, nullptr, "a parameter of the query"},
    {"urlp_val", 0, 3, kInt, kHead, url_param_value, nullptr, "a parameter of the query as a number"},
};
// clang-format on

}  // namespace

FetchTable request_fetches() {
  return kTable;
}

}  // namespace weir::expr
