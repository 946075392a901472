// How nginx handles a request from the core's point of view: entering the server, response rules and filters of the
// location in charge, errors to pages, retries by proxy_next_upstream, the log.
#include "nginx/personality.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "http/h1_writer.h"
#include "nginx/accel_redirect.h"
#include "nginx/client_error.h"
#include "nginx/connection_number.h"
#include "nginx/core.h"
#include "nginx/error_log.h"
#include "nginx/error_page.h"
#include "nginx/keepalive.h"
#include "nginx/listen.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "nginx/server_tokens.h"
#include "nginx/ssl.h"
#include "nginx/sticky.h"
#include "nginx/traffic.h"
#include "nginx/upstream_error.h"
#include "proxy/shard.h"

namespace weir::nginx {

using http::Name;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

namespace {

Str lower_host(Arena& arena, Str authority) {
  Str host = authority;
  if (size_t colon = host.rfind(':'); colon != Str::npos && host.find(']', colon) == Str::npos)
    host = host.substr(0, colon);
  if (host.ends_with('.')) host.remove_suffix(1);
  bool plain = std::none_of(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (plain) return host;
  char* p = arena.alloc_chars(host.size());
  std::transform(host.begin(), host.end(), p, lower);
  return {p, host.size()};
}

Next bad_uri(Transaction& txn, Cursor&, const void*) {
  return finish_with(txn, 400, "client sent invalid request target");
}
Next bad_method(Transaction& txn, Cursor&, const void*) {
  Str method = txn.request.method_text;
  txn.close_client = true;
  return finish_with(txn, 405, txn.arena.cat("client sent ", method, " method"));
}
Next plain_on_tls(Transaction& txn, Cursor&, const void*) {
  return finish_with(txn, 497, "client sent plain HTTP request to HTTPS port");
}
constexpr proxy::Step kPlainSteps[] = {{plain_on_tls, nullptr, {}}};
constexpr proxy::Segment kPlain{"plain HTTP", kPlainSteps, 1, nullptr};
constexpr proxy::Step kBadMethodSteps[] = {{bad_method, nullptr, {}}};
constexpr proxy::Segment kBadMethod{"method not allowed", kBadMethodSteps, 1, nullptr};
constexpr proxy::Step kBadUriSteps[] = {{bad_uri, nullptr, {}}};
constexpr proxy::Segment kBadUri{"bad request", kBadUriSteps, 1, nullptr};

const Names& names_for(Transaction& txn, const Address& address) {
  if (address.specific.empty()) return address.any;
  net::Conn* conn = txn.client->conn();
  net::Addr local = conn ? conn->local() : net::Addr();
  for (const auto& [addr, names] : address.specific)
    if (addr == local) return *names;
  return address.any;
}

uint16_t status_of(const Error& why) {
  if (why.status) return why.status;
  switch (why.fault) {
    case Fault::timeout:
    case Fault::connect_timeout: return 504;
    case Fault::closed:
    case Fault::reset:
    case Fault::cancelled: return why.side == Side::client ? 499 : 502;
    case Fault::resource: return 500;
    case Fault::no_server:
    case Fault::queue_timeout:
    case Fault::queue_full: return 502;
    default: return why.side == Side::server ? 502 : 500;
  }
}

// The Date header's value, made once a second and thread.
Str http_date(const net::Loop& loop) {
  thread_local time_t made = 0;
  thread_local char text[32];
  thread_local size_t size = 0;
  auto now = static_cast<time_t>(loop.wall_us() / 1000000);
  if (now != made) {
    tm t;
    gmtime_r(&now, &t);
    size = strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &t);
    made = now;
  }
  return {text, size};
}

Request* make_request(Transaction& txn, const Address& address) {
  auto* r = txn.arena.make<Request>();
  txn.extra = r;
  number_connection(txn);
  r->http = address.http;
  r->address = &address;
  txn.slot_count = address.http->variables.slots();
  txn.slots = txn.arena.array<expr::Value>(txn.slot_count);
  return r;
}

class NginxPersonality final : public proxy::Personality {
 public:
  Str name() const override { return "nginx"; }

  // The handshake asks for a certificate (nginx/ssl_late.h), before any request.
  void screen(Transaction& txn) const override {
    const auto& address = *static_cast<const Address*>(txn.listener.conf);
    Request* r = make_request(txn, address);
    r->over_tls = true;
    r->server = address.any.fallback;
    r->location = &r->server->level;
  }

  void begin(Transaction& txn) const override {
    const auto& address = *static_cast<const Address*>(txn.listener.conf);
    Request* r = make_request(txn, address);
    count_begin(txn);
    r->unparsed_uri = txn.request.path.empty() && txn.rejected ? target_that_came(txn.request) : txn.request.path;
    r->method_name = txn.request.method_text;
    r->host = lower_host(txn.arena, txn.request.authority);
    const net::Conn* conn = txn.client->conn();
    r->over_tls = txn.listener.tls && (!conn || conn->ssl());
    const expr::Regex* regex = nullptr;
    const Names& names = names_for(txn, address);
    r->server = names.find(r->host, &regex);
    r->location = &r->server->level;
    txn.where = &r->server->level.request_segment;
    if (regex) match(txn, *regex, r->host);
    const auto& core = r->location->of<CoreConf>(kCoreModule);
    txn.watch_client = true;
    if (txn.request.method == http::Method::trace || txn.request.method == http::Method::connect) {
      r->uri = "/";
      return txn.cursors[Transaction::kRequest].start(&kBadMethod);
    }
    if (!normalise_path(txn.arena, r->unparsed_uri, core.merge_slashes.get(true), r->uri, r->args)) {
      r->uri = r->unparsed_uri.empty() ? Str{} : Str{""};  // a bad one is there, and empty
      return txn.cursors[Transaction::kRequest].start(&kBadUri);
    }
    if (core.timeouts != txn.listener.timeouts) static_cast<http::H1Server*>(txn.client)->set_timeouts(core.timeouts);
    const proxy::Segment* problem = nullptr;
    if (txn.listener.tls) problem = r->over_tls ? certificate_problem(txn, names, *r) : &kPlain;
    txn.cursors[Transaction::kRequest].start(problem ? problem : &r->server->entry);
  }

  void response(Transaction& txn) const override {
    const Request& r = of(txn);
    if (r.error_status) {
      txn.response.status = r.error_status;
      txn.response.reason = {};
    }
    for (const http::Header& h : r.answer_headers) txn.response.headers.add(h.name, h.value, h.id);
    keep_headers(txn);
    const proxy::Segment& s = r.location->response_segment;
    if (s.size) txn.cursors[Transaction::kResponse].start(&s);
  }

  void filters(Transaction& txn) const override {
    for (const FilterMaker& m : of(txn).location->filters)
      if (proxy::Filter* f = m.make(txn, m.conf)) txn.down.add(f);
  }

  void error_reply(Transaction& txn, const Error& why) const override {
    uint16_t status = status_of(why);
    // Whoever has left, or lets us wait, is told nothing.
    const bool slow = why.side == Side::client && why.fault == Fault::timeout;
    if (status == 499 || slow || left_in_head(txn, why)) return txn.finish();
    bool quiet = why.side == Side::client && status != 413;
    if ((why.side == Side::server && why.fault != Fault::none) || why.fault == Fault::no_server)
      log_server_error(txn, why);
    else if (why.side == Side::client && (txn.rejected || why.fault == Fault::bad_message))
      log_client_error(txn, why);
    else if (!why.text.empty())
      log(&txn, quiet ? LogLevel::info : LogLevel::error, why.sys, why.text);
    finish_with(txn, status);
  }

  bool wants_retry(const Transaction& txn, const Error& why) const override { return wants_next_upstream(txn, why); }
  void log_attempt(Transaction& txn, const Error& why) const override {
    of(txn).told = Fault::none;
    log_server_error(txn, why);
  }
  void attempt_failed(Transaction& txn, const Error& why) const override { count_failure(txn, why); }
  void proxy_addresses(Transaction& txn, net::Addr& source, net::Addr&) const override {
    if (const net::Addr* told = txn.extra ? of(txn).real_addr : nullptr) source = *told;
  }
  void attempt_answered(Transaction& txn) const override {
    count_answer(txn);
    count_answered(txn);
    note_sticky_answer(txn);
  }
  bool passes_interim(const Transaction&) const override { return false; }
  bool pick_another(const Transaction&) const override { return true; }
  void connection_refused(const model::Listener& listener, net::Conn*, const net::Addr& client, Refusal why, Str text,
                          Str detail) const override {
    bool usual = why == Refusal::handshake || why == Refusal::silent;
    LogLevel level = why == Refusal::limit ? LogLevel::alert : usual ? LogLevel::info : LogLevel::error;
    std::string what(text);
    if (!detail.empty()) what = fmt::format("SSL_do_handshake() failed (SSL: {}) while SSL handshaking", detail);
    log_error(nullptr, level, 0, fmt::format("{}, client: {}, server: {}", what, client.text(), listener.text));
  }
  bool ends_quietly(bool silent) const override { return silent; }

  void finish_head(Transaction& txn, http::Message& m) const override {
    if (of(txn).subrequest) return;
    Str server = server_token(txn);
    if (!server.empty() && !m.headers.has(Name::server)) m.headers.add("Server", server, Name::server);
    if (!m.headers.has(Name::date)) m.headers.add("Date", txn.arena.dup(http_date(txn.shard.loop)), Name::date);
    if (txn.local_reply || m.reason.empty()) m.reason = status_reason(m.status);
    if (!may_keep_alive(txn)) txn.close_client = true;
    add_keepalive_header(txn, m);
  }

  void broke_off(const Transaction& txn, const Error& why) const override {
    if (why.side == Side::server)
      log_broken_response(txn, why);
    else if (left_in_head(txn, why))
      log_left_in_head(txn, why);
    else if (!why.text.empty())
      log(&txn, why.side == Side::client ? LogLevel::info : LogLevel::error, why.sys, why.text);
  }
  void trouble(const model::Listener&, int sys, Str text) const override {
    log_error(nullptr, LogLevel::crit, sys, text);
  }

  void log(Transaction& txn) const override {
    const Request& r = of(txn);
    count_end(txn);
    if (r.subrequest && !r.location->of<CoreConf>(kCoreModule).log_subrequest.get(false)) return;
    for (const LogWriter& w : r.location->loggers) w.write(txn, w.conf);
  }

 private:
  // The lines that go with errors; the request's error is shown there once, when it is turned into an answer.
  static void log(const Transaction* txn, LogLevel level, int sys, Str text) { log_error(txn, level, sys, text); }
};

}  // namespace

const proxy::Personality& personality() {
  static const NginxPersonality instance;
  return instance;
}

}  // namespace weir::nginx
