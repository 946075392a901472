// The variables of nginx's core: the request, its headers, the connection, the server that answered
// (nginx.org "Embedded Variables" of ngx_http_core_module and ngx_http_upstream_module).
#include <fmt/format.h>
#include <unistd.h>

#include <span>

#include "nginx/client_addr.h"
#include "nginx/connection_number.h"
#include "nginx/core.h"
#include "nginx/listen.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "nginx/server_tokens.h"
#include "nginx/sticky.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using expr::Arg;
using expr::Ctx;
using http::Header;
using http::HeaderList;
using http::Name;

bool text(Value& out, Str s) {
  out = Value::of(s);
  return true;
}
bool number(const Ctx& ctx, Value& out, uint64_t n) {
  return text(out, ctx.arena->dup(fmt::format_int(n).c_str()));
}

// ---------------------------------------------------------------- headers

bool same_dashed(Str header, Str variable) {
  if (header.size() != variable.size()) return false;
  for (size_t i = 0; i < header.size(); i++) {
    char c = header[i] == '-' ? '_' : lower(header[i]);
    if (c != variable[i]) return false;
  }
  return true;
}

// All lines of that name joined with `separator` (ngx_http_variable_unknown_header).
bool joined(const Ctx& ctx, const HeaderList& headers, Str variable, Str separator, Value& out) {
  bool found = false;
  Str all;
  for (const Header& h : headers) {
    if (h.removed || !same_dashed(h.name, variable)) continue;
    all = found ? ctx.arena->cat(all, separator, h.value) : h.value;
    found = true;
  }
  return found && text(out, all);
}

bool http_(const Ctx& ctx, const Arg* a, Value& out) {
  return joined(ctx, ctx.txn->request.headers, a[0].str, a[0].str == "cookie" ? "; " : ", ", out);
}

bool sent_http_(const Ctx& ctx, const Arg* a, Value& out) {
  return joined(ctx, ctx.txn->response.headers, a[0].str, ", ", out);
}

// The framing that leaves with the head, which is no line of the answer's list (ngx_http_variable_sent_content_length).
bool sent_content_length(const Ctx& ctx, const Arg*, Value& out) {
  const proxy::Transaction& txn = *ctx.txn;
  const http::Message& m = txn.response;
  if (m.status < 200 || m.status == 204 || m.status == 304) return false;
  if (m.body == http::Body::length) return number(ctx, out, m.content_length);
  if (m.body != http::Body::none) return false;
  if (txn.request.method == http::Method::head) return joined(ctx, m.headers, "content_length", ", ", out);
  return txn.response_started && number(ctx, out, 0);
}
bool sent_transfer_encoding(const Ctx& ctx, const Arg*, Value& out) {
  const proxy::Transaction& txn = *ctx.txn;
  const http::Message& m = txn.response;
  if (m.body != http::Body::chunked || !txn.response_started || txn.request.version < 11 || txn.parent) return false;
  if (m.status < 200 || m.status == 204 || m.status == 304 || txn.request.method == http::Method::head) return false;
  return text(out, "chunked");
}
// As in nginx, where a connection that goes on has left its request before that one is logged.
bool keeps_alive(const proxy::Transaction& txn) {
  const http::H1Server* client = client_of(txn);
  return client && !txn.finished() && !txn.close_client && txn.request.keep_alive && !client->will_close();
}
bool sent_connection(const Ctx& ctx, const Arg*, Value& out) {
  if (ctx.txn->response.status == 101) return text(out, "upgrade");
  return text(out, keeps_alive(*ctx.txn) ? "keep-alive" : "close");
}
bool sent_keep_alive(const Ctx& ctx, const Arg*, Value& out) {
  return keeps_alive(*ctx.txn) && joined(ctx, ctx.txn->response.headers, "keep_alive", ", ", out);
}

bool sent_trailer_(const Ctx& ctx, const Arg* a, Value& out) {
  return joined(ctx, ctx.txn->response.trailers, a[0].str, ", ", out);
}

bool cookie_(const Ctx& ctx, const Arg* a, Value& out) {
  const HeaderList& headers = ctx.txn->request.headers;
  for (const Header* h = nullptr; (h = headers.find(Name::cookie, h));) {
    Str rest = h->value;
    while (!rest.empty()) {
      Str pair = trim(cut(rest, ';'));
      size_t eq = pair.find('=');
      if (eq != Str::npos && iequals(pair.substr(0, eq), a[0].str)) return text(out, pair.substr(eq + 1));
    }
  }
  return false;
}

bool arg_(const Ctx& ctx, const Arg* a, Value& out) {
  if (a[0].str.empty()) return false;
  Str rest = of(*ctx.txn).args;
  while (!rest.empty()) {
    Str pair = cut(rest, '&');
    size_t eq = pair.find('=');
    if (eq != Str::npos && iequals(pair.substr(0, eq), a[0].str)) return text(out, pair.substr(eq + 1));
  }
  return false;
}

// ---------------------------------------------------------------- request

bool host(const Ctx& ctx, const Arg*, Value& out) {
  const Request& r = of(*ctx.txn);
  if (!r.host.empty()) return text(out, r.host);
  return text(out, own_name(*r.server));
}
// The port that the target or Host names.
bool request_port(const Ctx& ctx, const Arg*, Value& out) {
  Str authority = ctx.txn->request.authority;
  size_t colon = authority.rfind(':');
  bool named = colon != Str::npos && authority.find(']', colon) == Str::npos;
  return text(out, named ? authority.substr(colon + 1) : Str{});
}
bool is_request_port(const Ctx& ctx, const Arg* a, Value& out) {
  return request_port(ctx, a, out) && text(out, out.str.empty() ? "" : ":");
}
bool uri(const Ctx& ctx, const Arg*, Value& out) {
  Str path = of(*ctx.txn).uri;
  return path.data() && text(out, path);  // without one where the request's target could not be read
}
bool request_uri(const Ctx& ctx, const Arg*, Value& out) {
  return text(out, of(*ctx.txn).unparsed_uri);
}
bool args(const Ctx& ctx, const Arg*, Value& out) {
  Str all = of(*ctx.txn).args;
  return all.data() && text(out, all);  // without a question mark there are none, which is not the same as empty ones
}
void set_args(proxy::Transaction& txn, Str value) {
  Request& r = of(txn);
  r.args = value;
  r.args_changed = true;
  r.plain_uri = false;
}
bool is_args(const Ctx& ctx, const Arg*, Value& out) {
  return text(out, of(*ctx.txn).args.empty() ? "" : "?");
}
bool request_line(const Ctx& ctx, const Arg*, Value& out) {
  Str head = ctx.txn->request.raw_head;
  Str line = head.substr(0, head.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return text(out, line);
}
bool request_method(const Ctx& ctx, const Arg*, Value& out) {
  const Request& r = of(*ctx.txn);
  if (r.method_name.empty()) return false;
  return text(out, r.method_name);
}
bool scheme(const Ctx& ctx, const Arg*, Value& out) {
  return text(out, root_of(*ctx.txn).over_tls ? "https" : "http");
}
bool https(const Ctx& ctx, const Arg*, Value& out) {
  return text(out, root_of(*ctx.txn).over_tls ? "on" : "");
}
bool server_protocol(const Ctx& ctx, const Arg*, Value& out) {
  switch (ctx.txn->request.version) {
    case 10: return text(out, "HTTP/1.0");
    case 20: return text(out, "HTTP/2.0");
    default: return text(out, "HTTP/1.1");
  }
}
bool server_name(const Ctx& ctx, const Arg*, Value& out) {
  return text(out, own_name(*of(*ctx.txn).server));
}
bool content_length(const Ctx& ctx, const Arg*, Value& out) {
  const http::Message& m = ctx.txn->request;
  if (m.body == http::Body::length) return number(ctx, out, m.content_length);
  if (ctx.txn->collected() && ctx.txn->collected()->complete) return number(ctx, out, ctx.txn->collected()->size);
  return false;
}
bool content_type(const Ctx& ctx, const Arg*, Value& out) {
  return joined(ctx, ctx.txn->request.headers, "content_type", ", ", out);
}
bool request_body(const Ctx& ctx, const Arg*, Value& out) {
  const proxy::BodyCollector* c = ctx.txn->collected();
  return c && c->complete && c->fd < 0 && c->size && text(out, c->text());
}
bool request_length(const Ctx& ctx, const Arg*, Value& out) {
  return number(ctx, out, ctx.txn->request.raw_head.size() + ctx.txn->body_received);
}
bool request_completion(const Ctx& ctx, const Arg*, Value& out) {
  return text(out, ctx.txn->response_complete() ? "OK" : "");
}
bool remote_user(const Ctx& ctx, const Arg*, Value& out) {
  Str user;
  return basic_user(*ctx.txn, user) && text(out, user);
}

// ---------------------------------------------------------------- connection

bool remote_addr(const Ctx& ctx, const Arg*, Value& out) {
  const net::Addr* a = client_addr(*ctx.txn);
  return a && text(out, a->ip_text(*ctx.arena));
}
bool remote_port(const Ctx& ctx, const Arg*, Value& out) {
  const net::Addr* a = client_addr(*ctx.txn);
  if (!a || !a->is_ip()) return false;
  return a->port ? number(ctx, out, a->port) : text(out, "");
}
bool binary_remote_addr(const Ctx& ctx, const Arg*, Value& out) {
  const net::Addr* client = client_addr(*ctx.txn);
  if (!client) return false;
  const net::Addr& a = *client;
  if (!a.is_ip()) return text(out, "unix:");
  return text(out, ctx.arena->dup({reinterpret_cast<const char*>(&a.v6), a.family == AF_INET ? 4u : 16u}));
}
bool server_addr(const Ctx& ctx, const Arg*, Value& out) {
  return ctx.client && text(out, ctx.client->local().ip_text(*ctx.arena));
}
bool server_port(const Ctx& ctx, const Arg*, Value& out) {
  const net::Addr& a = ctx.txn->listener.addr;
  return a.is_ip() ? number(ctx, out, a.port) : text(out, "");
}
bool connection(const Ctx& ctx, const Arg*, Value& out) {
  return number(ctx, out, connection_number(*ctx.txn));
}
bool connection_requests(const Ctx& ctx, const Arg*, Value& out) {
  return ctx.client && number(ctx, out, static_cast<http::H1Server*>(ctx.client)->requests());
}
bool connection_time(const Ctx& ctx, const Arg*, Value& out) {
  if (!ctx.client) return false;
  uint64_t ms = ctx.txn->shard.loop.now() - static_cast<http::H1Server*>(ctx.client)->accepted_ms();
  return text(out, ctx.arena->dup(fmt::format("{}.{:03}", ms / 1000, ms % 1000)));
}
bool pid(const Ctx& ctx, const Arg*, Value& out) {
  return number(ctx, out, static_cast<uint64_t>(getpid()));
}
bool hostname(const Ctx& ctx, const Arg*, Value& out) {
  char name[256];
  if (gethostname(name, sizeof name) != 0) return false;
  return text(out, ctx.arena->dup(name));
}
bool nginx_version(const Ctx&, const Arg*, Value& out) {
  return text(out, kNginxVersion);
}

// ---------------------------------------------------------------- upstream

// The attempts' values in nginx's list form: "a, b : c", with a colon where an internal redirect led to another pool. A pool
// where no server was left is an attempt too, with the value `none`.
template <class F>
bool attempts(const Ctx& ctx, Value& out, F value, Str none) {
  const proxy::Transaction& txn = *ctx.txn;
  const bool nobody = txn.pool && (txn.attempts.empty() || txn.error.fault == Fault::no_server);
  if (txn.attempts.empty() && !nobody) return false;
  std::string all;
  for (const proxy::Attempt& a : txn.attempts)
    all += fmt::format("{}{}", all.empty() ? "" : a.first ? " : " : ", ", value(a));
  if (nobody) all.append(all.empty() ? "" : ", ").append(none);
  return text(out, ctx.arena->dup(all));
}
std::string seconds(uint64_t ms) {
  return ms == UINT64_MAX ? "-" : fmt::format("{}.{:03}", ms / 1000, ms % 1000);
}
std::string count(uint64_t n) {
  return fmt::format_int(n).str();
}
bool upstream_addr(const Ctx& ctx, const Arg*, Value& out) {
  Str pool = ctx.txn->pool ? ctx.txn->pool->name : Str();
  return attempts(ctx, out, [](const proxy::Attempt& a) { return a.server->address().text(); }, pool);
}
bool upstream_status(const Ctx& ctx, const Arg*, Value& out) {
  return attempts(ctx, out, [](const proxy::Attempt& a) { return a.status ? count(a.status) : "-"; }, "502");
}
bool upstream_connect_time(const Ctx& ctx, const Arg*, Value& out) {
  return attempts(ctx, out, [](const proxy::Attempt& a) { return seconds(a.connect_ms); }, "-");
}
bool upstream_header_time(const Ctx& ctx, const Arg*, Value& out) {
  return attempts(ctx, out, [](const proxy::Attempt& a) { return seconds(a.head_ms); }, "-");
}
bool upstream_response_time(const Ctx& ctx, const Arg*, Value& out) {
  return attempts(ctx, out, [](const proxy::Attempt& a) { return seconds(a.total_ms); }, "0.000");
}
bool upstream_bytes_received(const Ctx& ctx, const Arg*, Value& out) {
  return attempts(ctx, out, [](const proxy::Attempt& a) { return count(a.bytes_in); }, "0");
}
bool upstream_bytes_sent(const Ctx& ctx, const Arg*, Value& out) {
  return attempts(ctx, out, [](const proxy::Attempt& a) { return count(a.bytes_out); }, "0");
}
bool upstream_response_length(const Ctx& ctx, const Arg*, Value& out) {
  return attempts(ctx, out, [](const proxy::Attempt& a) { return count(a.body_in); }, "0");
}
// What the server sent, also when an answer from here took the place of its own; hidden headers are among it.
std::span<const Header> server_headers(const Ctx& ctx) {
  if (ctx.txn->attempts.empty()) return {};
  const auto& kept = of(*ctx.txn).server_headers;
  if (ctx.txn->local_reply) return {kept.begin(), kept.end()};
  return {ctx.txn->response.headers.begin(), ctx.txn->response.headers.end()};
}
// Whether it is the cookie that `sticky` has put among them.
bool is_sticky(const Ctx& ctx, const Header& h) {
  const StickyUse* use = of(*ctx.txn).sticky;
  return use && !use->cookie.empty() && h.value.data() == use->cookie.data();
}
bool upstream_http_(const Ctx& ctx, const Arg* a, Value& out) {
  bool found = false;
  Str all;
  for (const Header& h : server_headers(ctx)) {
    if (!same_dashed(h.name, a[0].str) || is_sticky(ctx, h)) continue;
    all = found ? ctx.arena->cat(all, ", ", h.value) : h.value;
    found = true;
  }
  return found && text(out, all);
}
bool upstream_trailer_(const Ctx& ctx, const Arg* a, Value& out) {
  return joined(ctx, ctx.txn->response.trailers, a[0].str, ", ", out);
}
bool upstream_cookie_(const Ctx& ctx, const Arg* a, Value& out) {
  for (const Header& h : server_headers(ctx)) {
    if (h.id != Name::set_cookie || is_sticky(ctx, h)) continue;
    Str pair = h.value.substr(0, h.value.find(';'));
    size_t eq = pair.find('=');
    if (eq != Str::npos && iequals(pair.substr(0, eq), a[0].str)) return text(out, pair.substr(eq + 1));
  }
  return false;
}

const VariableDef kVariables[] = {
    {"http_", http_, false},
    {"sent_http_", sent_http_, false},
    {"sent_http_content_length", sent_content_length, false},
    {"sent_http_transfer_encoding", sent_transfer_encoding, false},
    {"sent_http_connection", sent_connection, false},
    {"sent_http_keep_alive", sent_keep_alive, false},
    {"sent_trailer_", sent_trailer_, false},
    {"cookie_", cookie_, false},
    {"arg_", arg_, false},
    {"host", host},
    {"request_port", request_port},
    {"is_request_port", is_request_port},
    {"uri", uri, false},
    {"document_uri", uri, false},
    {"request_uri", request_uri},
    {"args", args, false, true, set_args},
    {"query_string", args, false},
    {"is_args", is_args, false},
    {"request", request_line},
    {"request_method", request_method, false},
    {"scheme", scheme},
    {"https", https},
    {"server_protocol", server_protocol},
    {"server_name", server_name},
    {"content_length", content_length, false},
    {"content_type", content_type},
    {"request_body", request_body, false},
    {"request_length", request_length, false},
    {"request_completion", request_completion, false},
    {"remote_user", remote_user, false},
    {"remote_addr", remote_addr, false},
    {"remote_port", remote_port, false},
    {"binary_remote_addr", binary_remote_addr, false},
    {"server_addr", server_addr},
    {"server_port", server_port},
    {"connection", connection},
    {"connection_requests", connection_requests},
    {"connection_time", connection_time, false},
    {"pid", pid},
    {"hostname", hostname},
    {"nginx_version", nginx_version},
    {"upstream_addr", upstream_addr, false},
    {"upstream_status", upstream_status, false},
    {"upstream_connect_time", upstream_connect_time, false},
    {"upstream_header_time", upstream_header_time, false},
    {"upstream_response_time", upstream_response_time, false},
    {"upstream_bytes_received", upstream_bytes_received, false},
    {"upstream_bytes_sent", upstream_bytes_sent, false},
    {"upstream_response_length", upstream_response_length, false},
    {"upstream_http_", upstream_http_, false},
    {"upstream_trailer_", upstream_trailer_, false},
    {"upstream_cookie_", upstream_cookie_, false},
};

}  // namespace

const std::span<const VariableDef> kCoreVariables{kVariables};

}  // namespace weir::nginx
