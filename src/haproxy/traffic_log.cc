// See haproxy/traffic_log.h.
#include "haproxy/traffic_log.h"

#include <fmt/format.h>

#include "expr/fetch_helpers.h"
#include "haproxy/global.h"
#include "haproxy/haproxy.h"
#include "haproxy/log_profile.h"
#include "proxy/shard.h"

namespace weir::haproxy {

using proxy::Transaction;

namespace {

LogHeader header_for(const Global& g, const Proxy& proxy) {
  LogHeader header;
  header.tag = proxy.s.log_tag.empty() ? g.log_tag : proxy.s.log_tag;
  header.hostname = g.log_hostname;
  return header;
}

Str without_trailing_blanks(Str s) {
  while (s.ends_with(' ')) s.remove_suffix(1);
  return s;
}

// One message for every target of a proxy. A line is rendered where a target wants it, the usual one once.
class Message {
 public:
  Message(const Global& g, const Proxy& front, const expr::Ctx& ctx, LogStep step)
      : front_(front), ctx_(ctx), step_(step), header_(header_for(g, front)) {
    if (front.log_format_sd) header_.structured = without_trailing_blanks(render(*front.log_format_sd, ctx));
  }

  // `format` may be null, and then `text` is the line.
  void send(uint8_t level, const LogFormat* format, Str text, const LogProfile* chosen) {
    bool rendered = !format;
    for (const LogTarget* t : front_.targets) {
      const LogProfile* profile = chosen ? chosen : t->profile;
      const LogProfile::Override* o = profile ? profile->of(step_) : nullptr;
      if (o && o->drop) continue;
      LogHeader header = header_;
      if (profile && !profile->tag.empty()) header.tag = profile->tag;
      if (o && o->structured) header.structured = without_trailing_blanks(render(*o->structured, ctx_));
      Str line;
      if (o && o->format) {
        line = render(*o->format, ctx_);
      } else {
        if (!rendered) text = render(*format, ctx_);
        rendered = true;
        line = text;
      }
      if (!line.empty()) send_log(*t, level, header, line);
    }
  }

 private:
  const Proxy& front_;
  const expr::Ctx& ctx_;
  LogStep step_;
  LogHeader header_;
};

// HAProxy logs an error, a redispatch, a retry and a status from 500 on as something that went wrong.
bool went_wrong(const Transaction& txn) {
  if (txn.attempts.size > 1) return true;
  if (!txn.tcp && txn.response.status >= 500) return true;
  char cause = txn.termination.cause;
  return cause != '-' && cause != 'L';
}

void write(Transaction& txn, LogStep step, uint8_t level, const LogFormat* format, const LogProfile* profile) {
  Exchange& x = exchange(txn);
  x.log_step = step;
  expr::Ctx ctx = context_for(txn, true);
  Message(global(txn.shard.model), *x.front, ctx, step).send(level, format, {}, profile);
}

// A line that the course of the exchange brings about.
void write_step(Transaction& txn, LogStep step) {
  Exchange& x = exchange(txn);
  const Proxy& front = *x.front;
  bool wrong = went_wrong(txn);
  if (front.s.has(kOptDontLogNormal) && !wrong) return;
  if (front.targets.empty() || x.log_level == -2) return;
  uint8_t level = wrong && front.s.has(kOptSeparateErrors) ? kLevelError : kLevelInfo;
  if (x.log_level >= 0) level = static_cast<uint8_t>(x.log_level);
  front.front_counters->log_lines.fetch_add(1, std::memory_order_relaxed);
  x.logged = true;
  write(txn, step, level, front.log_format, nullptr);
}

bool due(const Proxy& front, LogStep step) {
  return front.s.log_steps ? front.s.log_steps & log_step_bit(step) : front.log_format && front.log_at == step;
}

// No request could be read of the connection.
void write_error(Transaction& txn) {
  const Proxy& front = *exchange(txn).front;
  uint8_t level = front.s.has(kOptSeparateErrors) ? kLevelError : kLevelInfo;
  front.front_counters->log_lines.fetch_add(1, std::memory_order_relaxed);
  write(txn, LogStep::sess_error, level, front.error_log_format ? front.error_log_format : front.log_format, nullptr);
}

// Option dontlognull: whether the client has sent anything. While there was no server, what it sent may lie unread.
bool client_spoke(Transaction& txn) {
  if (!txn.tcp) return txn.times.idle_ms != 0;
  net::Conn* client = txn.client ? txn.client->conn() : nullptr;
  char byte;
  size_t got = 0;
  return txn.body_received || (client && (client->bytes_in || client->peek(&byte, 1, got) == net::Conn::Io::ok));
}

std::string endpoint_text(const expr::Endpoint& e, Arena& arena) {
  return fmt::format("{}:{}", expr::to_text(e.address, arena), e.port);
}

// The line of frontends that have no format.
void log_connect(const Transaction& txn, const Proxy& front) {
  expr::Ctx ctx = context_for(const_cast<Transaction&>(txn));
  expr::Endpoint from, to;
  Str mode = front.http() ? "HTTP" : "TCP";
  std::string line;
  if (!expr::client_source(ctx, from))
    line = fmt::format("Connect to unix:{} ({}/{})", txn.listener.id, front.name, mode);
  else
    line = fmt::format("Connect from {} to {} ({}/{})", endpoint_text(from, *ctx.arena),
                       expr::client_destination(ctx, to) ? endpoint_text(to, *ctx.arena) : "undetermined address:0",
                       front.name, mode);
  log_about(global(txn.shard.model), front, kLevelInfo, line);
}

}  // namespace

void plan_logs(Proxy& front) {
  if (front.targets.empty()) return;
  uint8_t waits = front.log_format ? front.log_format->waits : 0;
  if (front.s.has(kOptLogAsap)) waits &= static_cast<uint8_t>(~kWaitEnd);
  if (waits & kWaitEnd)
    front.log_at = LogStep::close;
  else if (!front.http())
    front.log_at = LogStep::connect;
  else
    front.log_at = waits == kWaitRequest ? LogStep::request : LogStep::response;
  if (due(front, LogStep::connect)) front.milestones |= proxy::kConnected;
  if (due(front, LogStep::response)) front.milestones |= proxy::kHeadSent;
}

void log_accepted(Transaction& txn) {
  const Proxy& front = *exchange(txn).front;
  if (front.targets.empty()) return;
  txn.milestones |= front.milestones;
  if (!front.s.log_steps && !front.log_format) return log_connect(txn, front);
  if (due(front, LogStep::accept)) write_step(txn, LogStep::accept);
  if (front.http() && due(front, LogStep::request)) write_step(txn, LogStep::request);
}

void log_milestone(Transaction& txn, proxy::Milestone what) {
  if (what == proxy::kConnected) return write_step(txn, LogStep::connect);
  if (!txn.local_reply && !txn.tcp) write_step(txn, LogStep::response);
}

void log_end(Transaction& txn) {
  const Exchange& x = exchange(txn);
  const Proxy& front = *x.front;
  if (front.targets.empty()) return;
  if (front.s.has(kOptDontLogNull) && !client_spoke(txn)) return;
  if (txn.rejected) return write_error(txn);
  bool wanted = front.s.log_steps ? front.s.log_steps & log_step_bit(LogStep::close) : front.log_format && !x.logged;
  if (wanted) write_step(txn, LogStep::close);
}

void log_by_rule(Transaction& txn, LogStep step, const LogProfile* profile) {
  const Exchange& x = exchange(txn);
  if (!x.front || x.front->targets.empty() || x.log_level == -2) return;
  write(txn, step, x.log_level >= 0 ? static_cast<uint8_t>(x.log_level) : kLevelInfo, x.front->log_format, profile);
}

void log_refused(const Global& g, const Proxy& front, net::Conn* conn, Str usual) {
  if (front.targets.empty()) return;
  Arena arena;
  expr::Ctx ctx;
  ctx.client = conn;
  ctx.arena = &arena;
  ctx.response = true;
  uint8_t level = front.s.has(kOptSeparateErrors) ? kLevelError : kLevelInfo;
  front.front_counters->log_lines.fetch_add(1, std::memory_order_relaxed);
  Message(g, front, ctx, LogStep::sess_killed).send(level, front.error_log_format, usual, nullptr);
}

void log_about(const Global& g, const Proxy& proxy, uint8_t level, Str line) {
  LogHeader header = header_for(g, proxy);
  for (const LogTarget* t : proxy.targets) {
    LogHeader own = header;
    if (t->profile && !t->profile->tag.empty()) own.tag = t->profile->tag;
    send_log(*t, level, own, line);
  }
}

void log_globally(const Global& g, Str line) {
  LogHeader header;
  header.tag = g.log_tag;
  header.hostname = g.log_hostname;
  for (const LogTarget* t : g.logs) send_log(*t, kLevelInfo, header, line);
  flush_logs();
}

}  // namespace weir::haproxy
