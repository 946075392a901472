#pragma once
// One run of a check: walks the steps of its program over connections of its own. Lives on the loop of the shard that checks the
// server, owned by a Watch; `ended` is called once, from the loop, and the run may be destroyed there.
#include <memory>

#include "expr/fetch.h"
#include "health/check.h"
#include "health/http_answer.h"
#include "model/model.h"

namespace weir::proxy {
class Shard;
class Transaction;
}  // namespace weir::proxy

namespace weir::health {

struct Outcome {
  Status status = Status::unknown;
  int code = 0;
  std::string text;
};

class RunOwner {
 public:
  virtual void ended() = 0;
  virtual void expect_within(uint32_t ms) = 0;  // else the owner calls Run::expire

 protected:
  ~RunOwner() = default;
};

class Run {
 public:
  Run(proxy::Shard& shard, const model::Server& server, const Check& check, RunOwner& owner);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void start();
  void expire();  // it took too long
  const Outcome& outcome() const { return outcome_; }

  // --- for steps ---
  const model::Server& server() const { return server_; }
  const Check& check() const { return check_; }
  proxy::Shard& shard() const { return shard_; }
  // What the server has sent since something was sent to it.
  Str input() const { return input_; }
  HttpAnswer& answer() { return answer_; }
  const Step& step() const { return check_.program->steps[at_]; }
  Arena& arena() { return arena_; }
  // What expressions look at; with the answer's head where there is one. Without memory there is no exchange.
  expr::Ctx context();
  proxy::Transaction* exchange();
  // The result. The first one counts.
  void finish(Status status, std::string text = {});
  bool over() const { return outcome_.status != Status::unknown; }
  // For steps outside of connections, when they know.
  void finish_later(Status status, std::string text = {});
  void set_code(int code) { outcome_.code = code; }
  int code() const { return outcome_.code; }
  void* extra = nullptr;  // the personality's own
  void (*free_extra)(void*) = nullptr;

 private:
  class Link;
  enum class Phase : uint8_t { opening, handshake, talking };

  void advance();
  bool open(const Step& step);
  void start_tls(const Step& step, ssl_ctx_st* context);
  Next expect(const Step& step);
  bool read_more();
  void succeed();
  void fail_connection(int error, Str cause);
  void settle();  // tells the owner when it is over
  std::string place_of_failure(const Step& step) const;
  void close_link();
  net::Addr target(const Connect& c);

  void on_connected();
  void on_readable();
  void on_broken(int error);

  proxy::Shard& shard_;
  const model::Server& server_;
  const Check& check_;
  RunOwner& owner_;
  Link* link_ = nullptr;  // freed by the loop
  Arena arena_;
  proxy::Transaction* txn_ = nullptr;
  const http::Message* shown_ = nullptr;  // the head that txn_ has
  HttpAnswer answer_;
  Outcome outcome_;
  std::string input_;
  uint32_t at_ = 0;
  int last_ = -1;  // the last step that was more than an action
  bool connected_ = false;  // step at_, which connects, has its connection
  bool must_read_ = true;
  bool ended_ = false;  // the server sends no more
  bool told_ = false;
  bool spoken_ = false;  // on this connection
  bool linger_ = false;
  Phase phase_ = Phase::opening;
};

}  // namespace weir::health
