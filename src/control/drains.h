#pragma once
// Servers that drain with a deadline (`set server … state drain deadline <delay>`): when it has passed and the server still
// drains, the requests that are left on it are ended. Any other state that somebody gives the server meanwhile ends the
// deadline. Lives on the control thread.
#include <uv.h>

#include <functional>
#include <vector>

#include "model/model.h"

namespace weir::control {

class Drains {
 public:
  using Expired = std::function<void(const model::Server&)>;
  Drains(uv_loop_t* loop, Expired expired) : loop_(loop), expired_(std::move(expired)) {}
  ~Drains() { stop(); }
  Drains(const Drains&) = delete;
  Drains& operator=(const Drains&) = delete;

  // The server drains already. Replaces an earlier deadline.
  void begin(const model::Server& server, uint64_t ms);
  void cancel(const model::Server& server);
  // What changed about the server was not its administrative state: a deadline that held before goes on.
  void keep(const model::Server& server);
  // Milliseconds that the server still has; 0: it has no deadline.
  uint64_t left_ms(const model::Server& server) const;
  void stop();

 private:
  struct Drain;
  void expire(Drain& drain);

  uv_loop_t* loop_;
  Expired expired_;
  std::vector<Drain*> all_;  // freed by the loop
};

}  // namespace weir::control
