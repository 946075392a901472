#pragma once
// Servers that drain with a deadline (`set server … state drain deadline <delay>`): when it has passed and the server still
// drains, the requests that are left on it are ended. Any other administrative state that somebody gives the server meanwhile ends
// the deadline, which lies in the server's state: the next worker goes on with it. Lives on the control thread.
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
  // Goes on with a deadline that another worker was told, if there is one.
  void resume(const model::Server& server);
  // Milliseconds that the server still has; 0: it has no deadline.
  uint64_t left_ms(const model::Server& server) const;
  void stop();

 private:
  struct Drain;
  void expire(Drain& drain);
  void forget(const model::Server& server);

  uv_loop_t* loop_;
  Expired expired_;
  std::vector<Drain*> all_;  // freed by the loop
};

}  // namespace weir::control
