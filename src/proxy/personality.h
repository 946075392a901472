#pragma once
// What differs between the products at the points where the core has to ask. Each personality implements it once; the
// core calls it through the listener (how a request is handled) and through the pool (how servers are retried and counted).
#include "base/error.h"
#include "http/message.h"
#include "model/model.h"

namespace weir::net {
class Conn;
}

namespace weir::proxy {

class Transaction;
enum Milestone : uint8_t;

class Personality {
 public:
  virtual ~Personality() = default;
  virtual Str name() const = 0;  // "nginx", "haproxy"
  // The request head is complete: set up txn.extra and slots, and start the request cursor (cursors[kRequest].start).
  virtual void begin(Transaction& txn) const = 0;
  // Rules about the client's connection are going to run (Listener::connection_rules, session_rules): set up txn.extra.
  virtual void screen(Transaction&) const {}
  // The response head is complete (from a server or local): start the response cursor, or leave it idle.
  virtual void response(Transaction& txn) const = 0;
  // Add body filters for the response, after the response rules ran and before the head goes out.
  virtual void filters(Transaction& txn) const = 0;
  // Turn an error into an answer: fill a reply through txn.reply or redirect internally. Called at most once per error.
  virtual void error_reply(Transaction& txn, const Error& why) const = 0;
  // Choose whether `why` (or the response status, when why.fault is none) on this server leads to another try.
  virtual bool wants_retry(const Transaction& txn, const Error& why) const = 0;
  // A try ended without an answer: a line for the log of the listener's side.
  virtual void log_attempt(Transaction&, const Error&) const {}
  // The same, and a try that was answered, for the pool's side: passive health counts here.
  virtual void attempt_failed(Transaction& txn, const Error& why) const = 0;
  virtual void attempt_answered(Transaction& txn) const = 0;
  // No further try follows, and no answer from a server. For the pool's side. `server`: where the last try was, or what was waited
  // for; null: none was to be had.
  virtual void gave_up(const Transaction&, const model::Server* /*server*/, const Error&) const {}
  // TCP: a server has taken the connection. For the pool's side.
  virtual void connected(Transaction&) const {}
  // With Forward::stay: whether the next try goes to another server (HAProxy's redispatch).
  virtual bool pick_another(const Transaction& txn) const = 0;
  // What a PROXY header for a server says about the client, where that is not what its connection says.
  virtual void proxy_addresses(Transaction&, net::Addr& /*source*/, net::Addr& /*destination*/) const {}
  // Further fields (net::append_tlv) of the PROXY header, version 2, for a new connection of this pool's.
  virtual std::string proxy_tlvs(Transaction&, const model::Server&) const { return {}; }
  // One of Transaction::milestones.
  virtual void reached(Transaction&, Milestone) const {}
  // A request of another personality, which ran Pool::entry of one of this one's pools: its answer has come (push what runs
  // on it before the listener's own rules), and it is over (count it).
  virtual void guest_response(Transaction&) const {}
  virtual void guest_ended(Transaction&) const {}
  // Whether a server's 1xx answers (other than 101) reach the client.
  virtual bool passes_interim(const Transaction& txn) const = 0;
  // A connection ended before it could ask anything: a bad PROXY header, a limit. For the log. `conn`: null where there was no
  // place for one. `detail`: OpenSSL's error of a handshake that failed, or empty.
  virtual void connection_refused(const model::Listener& listener, net::Conn* conn, const net::Addr& client,
                                  Refusal why, Str text, Str detail) const = 0;
  // No complete head came in time, or before the client left: true closes without an answer or a line in the log. `silent`: not
  // one byte of a head had come.
  virtual bool ends_quietly(bool silent) const = 0;
  // Headers that the product adds to every response that leaves (Server, Date, Via …).
  virtual void finish_head(Transaction& txn, http::Message& response) const = 0;
  // The exchange ended early with `why`, and no error reply is possible or of use any more: a line in the log.
  virtual void broke_off(const Transaction& txn, const Error& why) const = 0;
  // Something that concerns no request went wrong at a listener (no descriptor, no memory): a line in the log. `sys`: errno.
  virtual void trouble(const model::Listener& listener, int sys, Str text) const = 0;
  // Everything is over: counters and the log line.
  virtual void log(Transaction& txn) const = 0;
};

}  // namespace weir::proxy
