#pragma once
// One request and its answer: the state that rules, variables, filters and logs see. It owns two streams, never a
// connection. Made when a request head is complete (or a TCP connection is accepted), gone after its log line.
//
//   request cursor ──► reply (local answer)  ─┐
//                  └─► forward (pool, server) ─┴► response cursor ──► head, body through `down` ──► log cursor
//
// The three cursors have their own wait state; the upload (`up`), the response and the filters run at the same time.
#include <cstdint>

#include "balance/balancer.h"
#include "base/arena.h"
#include "base/error.h"
#include "expr/value.h"
#include "http/message.h"
#include "http/stream.h"
#include "model/model.h"
#include "net/loop.h"
#include "proxy/pipe.h"
#include "proxy/priority.h"
#include "proxy/shard.h"
#include "proxy/step.h"

namespace weir::stats {
struct ProxyCounters;
}

namespace weir::proxy {

class Personality;
struct Forward;
class Upstreams;
class FileBody;
struct BodyCollector;

// What a transaction spent its time on. Microseconds of the loop's monotonic clock; 0: did not happen.
struct Times {
  uint64_t accept_ms = 0;      // connection accepted (first request) or previous request ended
  uint64_t idle_ms = 0;        // first byte of this request
  uint64_t head_ms = 0;        // head complete
  uint64_t queue_ms = 0;       // left the queue
  uint64_t connect_ms = 0;     // server connection ready
  uint64_t response_ms = 0;    // response head complete
  uint64_t end_ms = 0;
  uint64_t start_us = 0;       // wall clock at head_ms
};

// One try on a server, for $upstream_* lists and retries.
struct Attempt {
  const model::Server* server = nullptr;
  uint16_t status = 0;
  bool first = false;  // of those of one pool; the ones before are of another one, which an internal redirect has left
  uint64_t start_ms = 0;
  uint64_t connect_ms = 0;  // duration; UINT64_MAX: did not get there
  uint64_t head_ms = 0;
  uint64_t total_ms = 0;
  uint64_t bytes_in = 0;  // received from it
  uint64_t body_in = 0;  // of its answer's body, without framing
  uint64_t bytes_out = 0;
};

// Events of an exchange that its personality is told about where it asks for them (Personality::reached).
enum Milestone : uint8_t {
  kConnected = 1 << 0,  // a server's connection is ready; once for each try that gets there
  kHeadSent = 1 << 1,  // the final response head went out
};

// HAProxy's two-letter termination state (configuration.txt 8.5); the personality prints it.
struct Termination {
  char cause = '-';
  char phase = '-';
};

// A local reply. Spans must live in the transaction's arena or the model.
struct Reply {
  uint16_t status = 200;
  Str reason;  // empty: the usual one
  Str body;
  Str content_type;  // empty: none is sent
  Str location;  // of a redirect; empty: none is sent
  bool close = false;  // the connection ends after it
};

class Transaction final : public http::StreamUser, public net::Task, public LiveLink {
 public:
  enum Which : uint8_t { kRequest, kResponse };

  Transaction(Shard& shard, const model::Listener& listener, http::Stream* client);
  ~Transaction();

  // --- what rules and fetches look at ---
  Arena arena;
  Shard& shard;
  const model::Listener& listener;
  const Personality* personality;
  http::Message request;
  http::Message response;
  http::Stream* client = nullptr;
  http::Stream* upstream = nullptr;
  const model::Pool* pool = nullptr;
  const model::Server* server = nullptr;
  Times times;
  Error error;  // what ended it early, if anything
  Termination termination;
  uint64_t id = 0;  // unique in this process
  void* extra = nullptr;  // the personality's own state, in the arena
  void* pool_extra = nullptr;  // the same of the pool's personality where that is another one
  expr::Value* slots = nullptr;  // variables by slot; shared with subrequests
  uint32_t slot_count = 0;
  Transaction* parent = nullptr;
  const Segment* where = nullptr;  // the segment in charge: location or proxy, for response and log rules
  ArenaList<Attempt> attempts;
  uint8_t milestones = 0;  // Milestone that the personality is told about
  bool tcp = false;
  bool response_started = false;  // the head went out (or is about to)
  bool local_reply = false;  // the response was made here
  bool close_client = false;  // no keep-alive after this one
  bool no_log = false;
  bool rejected = false;  // no request could be read: a bad head, or none in time
  bool first_request = true;  // of its client connection
  bool watch_client = false;  // a client that closes its side while a rule waits has left (nginx)
  uint64_t body_received = 0;  // request body bytes from the client
  uint64_t head_sent_bytes = 0;  // response head bytes to the client
  const Forward* plan = nullptr;
  Waiting* queued = nullptr;  // in the queue of `pool`, now or before
  Priority priority;  // where it goes there

  Cursor cursors[2];
  Pipe up;
  Pipe down;

  // --- called by the accepting side ---
  void begin();  // the request head is in `request`: start the personality's program
  void reject(const Error& why);  // the head was bad: answer and log
  // No exchange: runs rules about the connection, which may end it, and is over. The rules may not wait.
  void screen(const Segment& rules);
  // A subrequest: request, extra and slots are set and no body comes from the client. Runs from the loop soon.
  void begin_at(const Segment* segment);

  // --- called by steps ---
  // Answers from here; the response cursor runs, then the body goes out. Returns Next::done for the step.
  Next reply(const Reply& reply);
  Next reply_file(const Reply& reply, int fd, int64_t offset, uint64_t size);  // takes over fd
  // Empties `response` for an answer from here, for reply_head(). `reason` empty: the usual one.
  void begin_reply(uint16_t status, Str reason = {});
  // The head is in `response` already (set by the caller), with body `body`.
  Next reply_head(Str body);
  // From here on the pool counts the request: where rules that look at the pool's figures come before forward().
  void join(const model::Pool& to);
  // Sends the request to plan.pool. Answers Next::done; the response comes by events.
  Next forward(const Forward* plan);
  // Answers with the error's status through the personality's error pages. Returns Next::done.
  Next fail(const Error& why);
  // Starts the request program anew at `segment`, from the loop soon (error pages, internal redirects after a response).
  void restart(const Segment* segment);
  // Drops the exchange without an answer: closes the client connection, or leaves it without telling the client.
  Next drop(bool silently);

  // Suspension: a step that returns Next::wait registers how to cancel; whoever has the result calls wake.
  void wake(Cursor& cursor);
  void own(Waiter* w) {
    w->next = waiters_;
    waiters_ = w;
  }
  void disown(Waiter* w);

  // Before the request body is needed as a whole (nginx's request buffering, wait-for-body, subrequests): reads it into
  // memory up to `memory` bytes, then, with `to_file`, into a temporary file below `dir`; without, it stops there and counts
  // as collected. False: the cursor must wait.
  bool collect_body(Cursor& cursor, uint32_t memory, bool to_file, Str dir);
  const BodyCollector* collected() const;  // null: nobody asked for the body
  // Wakes the cursor whenever the client has sent more (content inspection of TCP); what came is kept for the server. Null:
  // nobody is woken any more.
  void watch_content(Cursor* cursor);

  // Adds what this exchange moved, and its answer, to a frontend's or backend's counts. At its end.
  void count_into(stats::ProxyCounters& counters) const;

  // Discards a response that was received or prepared (internal redirect to an error page, retry).
  void discard_response();

  // True while something may still be changed: the response head has not been sent.
  bool open() const { return !response_started && !finished_; }
  bool finished() const { return finished_; }
  bool tunnelling() const { return tunnel_; }
  // Ends it now: log, cancel, give the streams back, free later.
  void finish();
  // Ends it on an operator's word, or with its server, whatever its state: nothing more is sent to either side.
  void kill(Fault why = Fault::cancelled);
  // Ends it with the shard: nobody is told, no log either, and the client's connection is left as it is.
  void abandon();

  // --- called by the shard's queue and its server connections ---
  void queue_place();  // a place is free
  void queue_expired();  // it waited too long
  void connection_found();  // another shard has answered: Upstreams::get may be called again

  // --- StreamUser ---
  void on_connected(http::Stream& s) override;
  void on_interim(http::Stream& s) override;
  void on_head(http::Stream& s) override;
  void on_data(http::Stream& s, Str data, bool end) override;
  void on_half_closed(http::Stream& s) override;
  void on_drained(http::Stream& s) override;
  void on_reset(http::Stream& s, const Error& why) override;
  void run_task() override;
  void destroy() override;

  // What a retry decision looks at.
  bool request_sent() const { return request_sent_; }
  bool body_started() const { return body_started_; }
  bool upload_ended() const { return upload_ended_; }
  bool response_complete() const { return response_ended_; }
  // The server gets this body instead of the client's. From Forward::build.
  void replace_body(Str body);
  // A subrequest sends a copy of this body. Before begin_at.
  void share_body(const BodyCollector& body);
  model::Tried tried;
  uint16_t tries_done = 0;
  bool named = false;  // the balancer's last pick is the request's own (a cookie, a rule), no choice of the algorithm's

 private:
  static constexpr int64_t kWindow = 128 * 1024;  // bytes that a source may be ahead of its sink
  void run_request();
  void run_response();
  void send_response();
  void send_local_body();
  void start_attempt();
  bool may_wait_behind() const;
  bool queues() const;
  void enter_queue(bool behind_others);
  void leave_queue() {
    if (queued) shard.queue.leave(*queued);
  }
  void get_connection(bool may_ask);
  void upstream_ready();
  void send_collected();
  void open_up();
  void upstream_failed(const Error& why);
  bool starved();
  bool try_next(const Error& why);
  void give_up(const model::Server* at, const Error& why);
  void release_upstream(bool good);
  void end_attempt();
  void client_gone(const Error& why);
  void complete_response();
  void maybe_finish();
  Next be_guest(const Forward& plan);
  const Forward* guest_plan(const Forward& plan);
  void take_back_request();
  void stop_being_guest();
  void respond();
  void build_head(http::Message& out, const Forward& p);
  const model::Pool* chosen_pool(const Forward& p);
  int32_t take_server();
  void enter_pool(const model::Pool& to);
  void leave_pool();
  void count_times() const;
  void tell_balancer(const Attempt& a) const;
  void copy_body();
  void add_to_copy(Str data, bool end);
  bool body_kept() const;  // all of the request body can be sent again

  Waiter* waiters_ = nullptr;
  FileBody* file_ = nullptr;
  FileBody* upload_file_ = nullptr;
  BodyCollector* collector_ = nullptr;
  Str local_body_;
  const Forward* host_plan_ = nullptr;  // the plan with which it went to another personality's pool
  http::Message* asked_ = nullptr;  // the request as it was before that plan's `build`; `request` has the built one
  uint64_t attempt_in_ = 0;  // the server connection's byte counters when the attempt began
  uint64_t attempt_out_ = 0;
  bool finished_ = false;
  bool restart_ = false;
  bool attempt_open_ = false;
  bool enters_pool_ = false;  // no server of it has been tried yet
  bool request_sent_ = false;  // the request head left for the current server
  bool body_started_ = false;  // body bytes that were not kept left for a server
  bool upload_ended_ = false;  // the client's message is complete
  bool response_ended_ = false;
  bool tunnel_ = false;
  bool client_lost_ = false;  // it is gone, and only the server's work is waited for
  bool screening_ = false;
  bool silent_ = false;  // the client is not told of the end
  bool abandoned_ = false;  // it ended with the shard
  bool joined_ = false;  // a pool, and was not passed on yet
  const model::Pool* in_pool_ = nullptr;  // it counts this transaction as current
  const model::Server* left_ = nullptr;  // of the try before, until the retry that follows it is made
  const model::Server* awaited_ = nullptr;  // full, and the only one that the balancer would have
};

// What collect_body read. Memory or file, never both.
struct BodyCollector {
  char* memory = nullptr;
  uint32_t capacity = 0;
  uint32_t limit = 0;
  int fd = -1;
  uint64_t size = 0;
  bool complete = false;
  bool cut = false;  // complete by its limit: the body goes on behind it
  bool each = false;  // its waiter is woken by every piece
  bool copies = false;  // what goes to a server meanwhile (Forward::keep_body)
  bool to_file = false;
  bool failed = false;
  int error = 0;  // the errno of the failure
  Str dir;
  Cursor* waiter = nullptr;
  Arena* arena = nullptr;

  ~BodyCollector();
  Str text() const { return fd < 0 ? Str{memory, static_cast<size_t>(size)} : Str{}; }
  // False: it could not be kept (no memory, disk full), with errno.
  bool add(Str data);
  // Room for `size` bytes in memory.
  bool reserve(uint64_t size);
};

inline bool Transaction::body_kept() const {
  return collector_ && collector_->complete && !collector_->cut;
}
inline const BodyCollector* Transaction::collected() const {
  return collector_ && !collector_->copies ? collector_ : nullptr;
}

}  // namespace weir::proxy
