// See haproxy/track.h.
#include "haproxy/track.h"

#include "haproxy/exchange.h"
#include "haproxy/session.h"
#include "http/h1_server.h"
#include "proxy/shard.h"
#include "stats/rate.h"
#include "sticky/stick_table.h"

namespace weir::haproxy {

using proxy::Transaction;
using sticky::Datum;
using sticky::StickTable;
using sticky::Table;

namespace {

void bump(const StickTable& t, Table::Entry& e, Datum total, Datum rate, uint32_t n, uint64_t now) {
  if (t.has(total)) t.number(e, total) += n;
  if (t.has(rate)) t.rate(e, rate).add(now, t.store(rate).period_ms, n);
}

http::H1Server* client_of(const Transaction& txn) {
  return txn.client ? static_cast<http::H1Server*>(txn.client->conn()) : nullptr;
}

Session* session_for(const Transaction& txn) {
  http::H1Server* client = client_of(txn);
  return client ? session_of(*client, false) : nullptr;
}

// The status counts as the client's mistake, or as the server's failure (http-err-codes, http-fail-codes as they are by default).
bool is_error(uint16_t status) {
  return status >= 400 && status < 500;
}
bool is_failure(uint16_t status) {
  return status >= 500 && status < 600 && status != 501 && status != 505;
}

void count_outcome(const Transaction& txn, const Exchange& x, Trackers& trackers) {
  count(trackers, Datum::bytes_in_cnt, Datum::bytes_in_rate,
        static_cast<uint32_t>(txn.body_received + txn.request.header_bytes));
  count(trackers, Datum::bytes_out_cnt, Datum::bytes_out_rate,
        static_cast<uint32_t>(txn.head_sent_bytes + txn.down.sent));
  if (txn.tcp) return;
  const bool refused = x.denied || x.tarpitted || txn.rejected;
  if (refused || (!txn.local_reply && is_error(txn.response.status)))
    count(trackers, Datum::http_err_cnt, Datum::http_err_rate);
  const bool broken = txn.local_reply && txn.error.side == Side::server && txn.error.fault != Fault::none;
  if ((broken || !txn.local_reply) && is_failure(txn.response.status))
    count(trackers, Datum::http_fail_cnt, Datum::http_fail_rate);
}

}  // namespace

const Trackers::One* Trackers::find(int64_t counter) const {
  if (counter < 0 || counter >= kMost || (counter >= kUsual && !further_)) return nullptr;
  const auto n = static_cast<size_t>(counter);
  const One& one = n < kUsual ? first_[n] : (*further_)[n - kUsual];
  return one.table ? &one : nullptr;
}

Trackers::One& Trackers::slot(int counter) {
  if (counter < kUsual) return first_[counter];
  if (!further_) further_ = std::make_unique<std::array<One, kMost - kUsual>>();
  return (*further_)[static_cast<size_t>(counter - kUsual)];
}

void track(Trackers& trackers, int counter, const StickTable& table, Str key) {
  Trackers::One& one = trackers.slot(counter);
  if (one.table || !table.table.is_open()) return;
  const uint64_t now = stats::monotonic_ms();
  Table::Guard guard(table.table, key);
  Table::Entry* e = guard.find(now);
  if (!e) e = guard.add(now, !table.nopurge);
  if (!e) return;
  one = {&table, guard.place(*e)};
  e->trackers.up();
  e->current.up();
  bump(table, *e, Datum::conn_cnt, Datum::conn_rate, 1, now);
  guard.touch(*e, now, table.expire_ms);
}

void end_tracking(Trackers& trackers) {
  const uint64_t now = stats::monotonic_ms();
  trackers.each([now](Trackers::One& one) {
    Table::Guard guard(one.table->table, one.place);
    if (Table::Entry* e = guard.at()) {
      e->trackers.down();
      e->current.down();
      guard.touch(*e, now, one.table->expire_ms);
    }
    one.table = nullptr;
  });
}

void count(Trackers::One& one, Datum total, Datum rate, uint32_t n) {
  if (!one.table || (!one.table->has(total) && !one.table->has(rate))) return;
  Table::Guard guard(one.table->table, one.place);
  Table::Entry* e = guard.at();
  if (!e) return;
  bump(*one.table, *e, total, rate, n, stats::monotonic_ms());
  guard.changed(*e);
}

void count(Trackers& trackers, Datum total, Datum rate, uint32_t n) {
  trackers.each([&](Trackers::One& one) { count(one, total, rate, n); });
}

Session* session_of(http::H1Server& client, bool makes) {
  if (!client.session && makes) {
    client.session = new Session();
    client.session_free = [](void* p) { delete static_cast<Session*>(p); };
  }
  return static_cast<Session*>(client.session);
}

void count_request(Transaction& txn) {
  Session* s = session_for(txn);
  if (!s) return;
  if (!std::exchange(s->counted, true)) count(s->trackers, Datum::sess_cnt, Datum::sess_rate);
  if (!txn.tcp) count(s->trackers, Datum::http_req_cnt, Datum::http_req_rate);
}

void finish_tracking(Transaction& txn, Exchange& x) {
  if (Session* s = session_for(txn)) count_outcome(txn, x, s->trackers);
  if (!x.trackers) return;
  count_outcome(txn, x, *x.trackers);
  end_tracking(*x.trackers);
}

const Trackers::One* tracked(Transaction& txn, int64_t counter) {
  const Exchange& x = exchange(txn);
  if (x.trackers)
    if (const Trackers::One* one = x.trackers->find(counter)) return one;
  const Session* s = session_for(txn);
  return s ? s->trackers.find(counter) : nullptr;
}

}  // namespace weir::haproxy
