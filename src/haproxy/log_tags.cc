// What each tag of a log format writes.
#include "haproxy/log_tags.h"

#include <openssl/ssl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "expr/fetch_helpers.h"
#include "haproxy/exchange.h"
#include "haproxy/global.h"
#include "haproxy/haproxy.h"
#include "haproxy/line_builder.h"
#include "haproxy/log_profile.h"
#include "proxy/shard.h"

namespace weir::haproxy {
namespace {

using expr::Ctx;
using expr::Timers;
using Part = LogFormat::Part;

// --- addresses ---

enum class Who : uint8_t { client, frontend, backend, server };

template <Who who>
bool endpoint(const Ctx& ctx, expr::Endpoint& e) {
  if constexpr (who == Who::client) return expr::client_source(ctx, e);
  if constexpr (who == Who::frontend) return expr::client_destination(ctx, e);
  const net::Conn* c = expr::server_conn(ctx);
  if (who == Who::server && !c && ctx.txn && ctx.txn->server && !ctx.txn->attempts.empty())
    return expr::endpoint_of(ctx.txn->server->address(), e);
  return c && expr::endpoint_of(who == Who::backend ? c->local() : c->peer(), e);
}

template <Who who>
void address(const Ctx& ctx, const Part&, LineBuilder& out) {
  expr::Endpoint e;
  if (!endpoint<who>(ctx, e)) {
    bool client_side = who == Who::client || who == Who::frontend;
    out.text(client_side && expr::client_conn(ctx) ? Str("unix") : Str{});
    return;
  }
  if (out.flags & kHex) expr::cast(e.address, expr::Type::binary, *ctx.arena);
  out.text(expr::to_text(e.address, *ctx.arena));
}
template <Who who>
void port(const Ctx& ctx, const Part&, LineBuilder& out) {
  expr::Endpoint e;
  bool client_side = who == Who::client || who == Who::frontend;
  if (endpoint<who>(ctx, e))
    out.number(e.port, 4);
  else if (client_side && ctx.txn && expr::client_conn(ctx))
    out.integer(ctx.txn->listener.id);
  else
    out.text({});
}

// --- dates ---

uint64_t wall_us() {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000 + static_cast<uint64_t>(t.tv_nsec / 1000);
}

uint64_t accept_us(const Ctx& ctx) {
  if (!ctx.txn) return wall_us();
  const proxy::Times& t = ctx.txn->times;
  if (t.start_us) return t.start_us - (t.head_ms > t.accept_ms ? (t.head_ms - t.accept_ms) * 1000 : 0);
  uint64_t now = ctx.txn->shard.loop.now();
  return wall_us() - (now > t.accept_ms ? (now - t.accept_ms) * 1000 : 0);
}
uint64_t request_us(const Ctx& ctx) {
  uint64_t us = accept_us(ctx);
  if (!ctx.txn) return us;
  Timers t = expr::timers_of(ctx);
  return us + static_cast<uint64_t>(t.idle + t.handshake) * 1000;
}

enum class Zone : uint8_t { millis, gmt, local };

// "26/Apr/2024:09:39:58.774" in local time, or with the offset from UTC: "26/Apr/2024:07:41:11 +0000".
template <Zone zone>
Str date_text(uint64_t us, char (&text)[64]) {
  static constexpr Str kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  auto seconds = static_cast<time_t>(us / 1000000);
  tm d{};
  if constexpr (zone == Zone::gmt)
    gmtime_r(&seconds, &d);
  else
    localtime_r(&seconds, &d);
  auto end = fmt::format_to_n(text, sizeof text, "{:02}/{}/{:04}:{:02}:{:02}:{:02}", d.tm_mday, kMonths[d.tm_mon],
                              d.tm_year + 1900, d.tm_hour, d.tm_min, d.tm_sec);
  if constexpr (zone == Zone::millis) {
    end = fmt::format_to_n(end.out, 8, ".{:03}", us / 1000 % 1000);
  } else {
    long offset = d.tm_gmtoff / 60;
    long minutes = offset < 0 ? -offset : offset;
    end = fmt::format_to_n(end.out, 8, " {}{:02}{:02}", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
  }
  return {text, static_cast<size_t>(end.out - text)};
}
template <uint64_t (*when)(const Ctx&), Zone zone>
void date(const Ctx& ctx, const Part&, LineBuilder& out) {
  char text[64];
  out.fixed(date_text<zone>(when(ctx), text));
}

void timestamp(const Ctx& ctx, const Part&, LineBuilder& out) {
  out.number(static_cast<int64_t>(accept_us(ctx) / 1000000), 4);
}
void milliseconds(const Ctx& ctx, const Part&, LineBuilder& out) {
  auto ms = static_cast<int64_t>(accept_us(ctx) / 1000 % 1000);
  if (out.flags & (kHex | kEncoded)) return out.number(ms, 2);
  char text[8];
  auto end = fmt::format_to_n(text, sizeof text, "{:03}", ms);
  out.append({text, static_cast<size_t>(end.out - text)});
}

// --- timers and counters ---

// With `option logasap` totals are those of that moment.
void mark_total(const Ctx& ctx, LineBuilder& out) {
  const Proxy* front = ctx.txn ? exchange(*ctx.txn).front : nullptr;
  if (front && front->s.has(kOptLogAsap)) out.sign('+');
}

template <int64_t Timers::* member, bool total = false>
void timer(const Ctx& ctx, const Part&, LineBuilder& out) {
  if (total) mark_total(ctx, out);
  out.integer(ctx.txn ? expr::timers_of(ctx).*member : total ? 0 : -1);
}
void handshake(const Ctx& ctx, const Part&, LineBuilder& out) {
  out.integer(expr::hooks.handshake_ms ? expr::hooks.handshake_ms(ctx) : 0);
}

void bytes_sent(const Ctx& ctx, const Part&, LineBuilder& out) {
  mark_total(ctx, out);
  out.integer(ctx.txn ? static_cast<int64_t>(ctx.txn->head_sent_bytes + ctx.txn->down.sent) : 0);
}
void bytes_received(const Ctx& ctx, const Part&, LineBuilder& out) {
  out.integer(ctx.txn ? static_cast<int64_t>(ctx.txn->request.header_bytes + ctx.txn->body_received) : 0);
}
void status(const Ctx& ctx, const Part&, LineBuilder& out) {
  out.integer(!ctx.txn ? 0 : ctx.txn->tcp ? 0 : ctx.txn->response.status ? ctx.txn->response.status : -1);
}

void all_connections(const Ctx& ctx, const Part&, LineBuilder& out) {
  if (expr::hooks.process_connections) return out.integer(expr::hooks.process_connections());
  out.integer(ctx.txn ? static_cast<int64_t>(ctx.txn->shard.connections()) : 0);
}
void frontend_connections(const Ctx& ctx, const Part&, LineBuilder& out) {
  out.integer(expr::hooks.frontend_connections ? expr::hooks.frontend_connections(ctx, {}) : 0);
}
// An exchange that is over has left its backend and its server: its own line counts the others.
void backend_connections(const Ctx& ctx, const Part&, LineBuilder& out) {
  const model::Pool* pool = ctx.txn ? ctx.txn->pool : nullptr;
  out.integer(pool ? pool->state->current.read() : 0);
}
void server_connections(const Ctx& ctx, const Part&, LineBuilder& out) {
  const model::Server* s = ctx.txn ? ctx.txn->server : nullptr;
  out.integer(s ? s->state->current.read() : 0);
}
void retries(const Ctx& ctx, const Part&, LineBuilder& out) {
  if (!ctx.txn) return out.integer(0);
  const auto& a = ctx.txn->attempts;
  bool moved = expr::hooks.redispatched ? expr::hooks.redispatched(ctx)
                                        : a.size > 1 && a[a.size - 1].server != a[a.size - 2].server;
  if (moved) out.sign('+');
  if (expr::hooks.retries) return out.integer(expr::hooks.retries(ctx));
  out.integer(a.size > 1 ? int64_t{a.size} - 1 : 0);
}
template <bool server>
void queue_position(const Ctx& ctx, const Part&, LineBuilder& out) {
  const proxy::Waiting* w = ctx.txn ? ctx.txn->queued : nullptr;
  out.integer(w ? int64_t{server ? w->server_place : w->pool_place} : 0);
}
void request_counter(const Ctx& ctx, const Part&, LineBuilder& out) {
  out.number(ctx.txn ? static_cast<int64_t>(ctx.txn->id) : 0, 4);
}
void log_counter(const Ctx& ctx, const Part&, LineBuilder& out) {
  const Proxy* front = ctx.txn ? exchange(*ctx.txn).front : nullptr;
  out.number(front ? static_cast<int64_t>(front->front_counters->log_lines.load(std::memory_order_relaxed)) : 0, 4);
}
void process_id(const Ctx&, const Part&, LineBuilder& out) {
  out.number(getpid(), 4);
}

// --- names ---

Str frontend_name(const Ctx& ctx) {
  if (expr::hooks.frontend_name) return expr::hooks.frontend_name(ctx);
  return ctx.txn ? ctx.txn->listener.name : Str{};
}
void frontend(const Ctx& ctx, const Part&, LineBuilder& out) {
  out.text(frontend_name(ctx));
}
void frontend_and_tls(const Ctx& ctx, const Part&, LineBuilder& out) {
  const net::Conn* c = expr::client_conn(ctx);
  out.open();
  out.piece(frontend_name(ctx));
  if ((ctx.txn && ctx.txn->listener.tls) || (c && c->ssl())) out.piece("~");
  out.close();
}
void backend(const Ctx& ctx, const Part&, LineBuilder& out) {
  out.text(ctx.txn && ctx.txn->pool ? ctx.txn->pool->name : frontend_name(ctx));
}
void server(const Ctx& ctx, const Part&, LineBuilder& out) {
  Str service = ctx.txn ? exchange(*ctx.txn).service : Str();
  out.text(ctx.txn && ctx.txn->server ? ctx.txn->server->name : service.empty() ? Str("<NOSRV>") : service);
}
void host_name(const Ctx&, const Part&, LineBuilder& out) {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  out.text(name);
}
void unique_id(const Ctx& ctx, const Part&, LineBuilder& out) {
  out.text(expr::hooks.unique_id ? expr::hooks.unique_id(ctx) : Str{});
}
void tls_cipher(const Ctx& ctx, const Part&, LineBuilder& out) {
  const net::Conn* c = expr::client_conn(ctx);
  out.text(c && c->ssl() ? Str(SSL_get_cipher_name(c->ssl())) : Str{});
}
void tls_version(const Ctx& ctx, const Part&, LineBuilder& out) {
  const net::Conn* c = expr::client_conn(ctx);
  out.text(c && c->ssl() ? Str(SSL_get_version(c->ssl())) : Str{});
}

// --- the request ---

constexpr Str kBadRequest = "<BADREQ>";

bool special_in_url(uint8_t byte) {
  return byte < 32 || byte >= 127 || byte == '"' || byte == '#';
}
bool special_in_capture(uint8_t byte) {
  return special_in_url(byte) || byte == '{' || byte == '|' || byte == '}';
}

void request_text(LineBuilder& out, Str s) {
  out.open();
  out.escaped(s, '#', special_in_url);
  out.close();
}
// Null where no request could be read.
const http::Message* readable_request(const Ctx& ctx) {
  return ctx.txn && (ctx.txn->rejected || ctx.txn->tcp) ? nullptr : expr::request_of(ctx);
}
// Of its first line.
size_t logged_size(const Ctx& ctx) {
  const Proxy* front = ctx.txn ? exchange(*ctx.txn).front : nullptr;
  const uint32_t most = front ? global(ctx.txn->shard.model).tune_logged_line : 0;
  return most ? most : Str::npos;
}
void request_line(const Ctx& ctx, const Part&, LineBuilder& out) {
  const http::Message* m = readable_request(ctx);
  if (!m) return request_text(out, kBadRequest);
  expr::StartLine start = expr::original_start(*m);
  Str line = ctx.arena->cat(start.method, Str(" "), start.target, Str(" HTTP/"), expr::version_text(m->version));
  request_text(out, line.substr(0, logged_size(ctx)));
}
template <Str (*part)(const Ctx&, const http::Message&)>
void request_part(const Ctx& ctx, const Part&, LineBuilder& out) {
  const http::Message* m = readable_request(ctx);
  request_text(out, m ? part(ctx, *m) : kBadRequest);
}
Str method_of(const Ctx&, const http::Message& m) {
  return expr::original_start(m).method;
}
Str uri_of(const Ctx& ctx, const http::Message& m) {
  expr::StartLine start = expr::original_start(m);
  const size_t most = logged_size(ctx), before = start.method.size() + 1;
  return start.target.substr(0, most - std::min(most, before));
}
Str path_of(const Ctx& ctx, const http::Message& m) {
  Str target = uri_of(ctx, m);
  return target.substr(0, target.find('?'));
}
Str bare_path_of(const Ctx& ctx, const http::Message& m) {
  Str path = path_of(ctx, m);
  const size_t scheme = path.starts_with('/') ? Str::npos : path.find("://");
  if (scheme == Str::npos) return path;
  const size_t slash = path.find('/', scheme + 3);
  return slash == Str::npos ? Str{} : path.substr(slash);
}
Str query_of(const Ctx& ctx, const http::Message& m) {
  Str target = uri_of(ctx, m);
  size_t mark = target.find('?');
  return mark == Str::npos ? Str{} : target.substr(mark);
}
void http_version(const Ctx& ctx, const Part&, LineBuilder& out) {
  const http::Message* m = readable_request(ctx);
  request_text(out, m ? ctx.arena->cat(Str("HTTP/"), expr::version_text(m->version)) : kBadRequest);
}

// --- captures and states ---

template <bool response>
void captured_cookie(const Ctx& ctx, const Part&, LineBuilder& out) {
  Str s;
  bool there = expr::hooks.captured_cookie && expr::hooks.captured_cookie(ctx, response, s);
  out.text(there ? s : Str{});
}

uint32_t capture_count(const Ctx& ctx, bool response) {
  return expr::hooks.capture_count && expr::hooks.capture ? expr::hooks.capture_count(ctx, response) : 0;
}
// {a|b|}
template <bool response>
void captures(const Ctx& ctx, const Part&, LineBuilder& out) {
  uint32_t count = capture_count(ctx, response);
  if (!count) return;
  out.open();
  out.piece("{");
  for (uint32_t i = 0; i < count; i++) {
    Str s;
    if (i) out.piece("|");
    if (expr::hooks.capture(ctx, response, i, s)) out.escaped(s, '#', special_in_capture);
  }
  out.piece("}");
  out.close();
}
// a b -, each a value of its own.
template <bool response>
void capture_list(const Ctx& ctx, const Part&, LineBuilder& out) {
  uint32_t count = capture_count(ctx, response);
  const bool json = out.flags & kJson;
  if (json && count) out.append("[");
  for (uint32_t i = 0; i < count; i++) {
    Str s;
    if (i) out.append(json ? Str(", ") : Str(" "));
    bool there = expr::hooks.capture(ctx, response, i, s);
    out.open();
    if (there)
      out.escaped(s, '#', special_in_capture);
    else if (!(out.flags & (kQuote | kEncoded)))
      out.piece("-");
    out.close();
  }
  if (json && count) out.append("]");
}

void termination(const Ctx& ctx, const Part&, LineBuilder& out) {
  const char text[2] = {ctx.txn ? ctx.txn->termination.cause : 'P', ctx.txn ? ctx.txn->termination.phase : 'R'};
  out.fixed({text, 2});
}
void termination_and_cookies(const Ctx& ctx, const Part&, LineBuilder& out) {
  char cookies[2] = {'-', '-'};
  if (expr::hooks.cookie_states) expr::hooks.cookie_states(ctx, cookies);
  const char text[4] = {ctx.txn ? ctx.txn->termination.cause : 'P', ctx.txn ? ctx.txn->termination.phase : 'R',
                        cookies[0], cookies[1]};
  out.fixed({text, 4});
}
// A line about a connection that never had an exchange is about its end.
void origin(const Ctx& ctx, const Part&, LineBuilder& out) {
  out.text(log_step_name(ctx.txn ? exchange(*ctx.txn).log_step : LogStep::sess_killed));
}

// clang-format off
constexpr LogTag kTags[] = {
    {"B", false, bytes_sent, "bytes sent to the client", kWaitEnd},
    {"CC", true, captured_cookie<false>, "the captured request cookie"},
    {"CS", true, captured_cookie<true>, "the captured response cookie"},
    {"H", false, host_name, "the name of this machine", 0},
    {"HM", true, request_part<method_of>, "the method", kWaitRequest},
    {"HP", true, request_part<path_of>, "the target without its query", kWaitRequest},
    {"HPO", true, request_part<bare_path_of>, "the path without host and query", kWaitRequest},
    {"HQ", true, request_part<query_of>, "the query with its mark", kWaitRequest},
    {"HU", true, request_part<uri_of>, "the target", kWaitRequest},
    {"HV", true, http_version, "the version with HTTP/", kWaitRequest},
    {"ID", false, unique_id, "the unique id", kWaitEnd},
    {"OG", false, origin, "where in the request's life the line was written", 0},
    {"ST", false, status, "the status"},
    {"T", false, date<accept_us, Zone::gmt>, "the accept date, GMT", 0},
    {"TR", true, timer<&Timers::request>, "receiving the request head, in ms", kWaitEnd},
    {"Ta", true, timer<&Timers::active, true>, "from the first byte to the end, in ms", kWaitEnd},
    {"Tc", false, timer<&Timers::connect>, "connecting to the server, in ms", kWaitEnd},
    {"Td", false, timer<&Timers::data>, "transferring data, in ms", kWaitEnd},
    {"Th", false, handshake, "handshakes with the client, in ms", kWaitEnd},
    {"Ti", true, timer<&Timers::idle>, "waiting for the first byte, in ms", kWaitEnd},
    {"Tl", false, date<accept_us, Zone::local>, "the accept date, local with offset", 0},
    {"Tq", true, timer<&Timers::request_all>, "from the accept to the end of the head, in ms", kWaitEnd},
    {"Tr", true, timer<&Timers::response>, "waiting for the response head, in ms", kWaitEnd},
    {"Ts", false, timestamp, "the accept date in seconds", 0},
    {"Tt", false, timer<&Timers::total, true>, "from the accept to the end, in ms", kWaitEnd},
    {"Tu", false, timer<&Timers::user, true>, "what the user waited, in ms", kWaitEnd},
    {"Tw", false, timer<&Timers::queue>, "waiting in queues, in ms", kWaitEnd},
    {"U", false, bytes_received, "bytes received from the client", kWaitEnd},
    {"ac", false, all_connections, "connections of the process", kWaitEnd},
    {"b", false, backend, "the backend's name", 0},
    {"bc", false, backend_connections, "connections of the backend", kWaitEnd},
    {"bi", false, address<Who::backend>, "our address towards the server"},
    {"bp", false, port<Who::backend>, "our port towards the server"},
    {"bq", false, queue_position<false>, "the place in the backend's queue", kWaitEnd},
    {"ci", false, address<Who::client>, "the client's address"},
    {"cp", false, port<Who::client>, "the client's port"},
    {"f", false, frontend, "the frontend's name", 0},
    {"fc", false, frontend_connections, "connections of the frontend", kWaitEnd},
    {"fi", false, address<Who::frontend>, "the address that the client connected to"},
    {"fp", false, port<Who::frontend>, "the port that the client connected to"},
    {"ft", false, frontend_and_tls, "the frontend's name, with ~ for TLS", 0},
    {"hr", false, captures<false>, "captured request headers in braces"},
    {"hrl", false, capture_list<false>, "captured request headers, each by itself"},
    {"hs", false, captures<true>, "captured response headers in braces"},
    {"hsl", false, capture_list<true>, "captured response headers, each by itself"},
    {"lc", false, log_counter, "the number of this log line", 0},
    {"ms", false, milliseconds, "the milliseconds of the accept date", 0},
    {"o", false, nullptr, "flags for all that follows", 0},
    {"pid", false, process_id, "the process id", 0},
    {"r", true, request_line, "the request line", kWaitRequest},
    {"rc", false, retries, "how often it was tried again, with + for another server", kWaitEnd},
    {"rt", false, request_counter, "the number of the request", kWaitRequest},
    {"s", false, server, "the server's name"},
    {"sc", false, server_connections, "connections of the server", kWaitEnd},
    {"si", false, address<Who::server>, "the server's address"},
    {"sp", false, port<Who::server>, "the server's port"},
    {"sq", false, queue_position<true>, "the place in the server's queue", kWaitEnd},
    {"sslc", false, tls_cipher, "the cipher"},
    {"sslv", false, tls_version, "the TLS version"},
    {"t", false, date<accept_us, Zone::millis>, "the accept date, local with milliseconds", 0},
    {"tr", true, date<request_us, Zone::millis>, "the date of the request's first byte", 0},
    {"trg", true, date<request_us, Zone::gmt>, "that date, GMT", 0},
    {"trl", true, date<request_us, Zone::local>, "that date, local with offset", 0},
    {"ts", false, termination, "the termination state", kWaitEnd},
    {"tsc", false, termination_and_cookies, "the termination state with cookie states", 0},
};
// clang-format on

}  // namespace

std::string log_date() {
  char text[64];
  return std::string(date_text<Zone::millis>(wall_us(), text));
}

const LogTag* find_log_tag(Str name) {
  for (const LogTag& t : kTags)
    if (t.name == name) return &t;
  return nullptr;
}

std::span<const TagHelp> log_tags() {
  static const auto all = [] {
    std::array<TagHelp, std::size(kTags)> out;
    for (size_t i = 0; i < std::size(kTags); i++) out[i] = {kTags[i].name, kTags[i].http, kTags[i].help};
    return out;
  }();
  return all;
}

}  // namespace weir::haproxy
