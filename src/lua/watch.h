#pragma once
// The watcher of a worker's scripts: on the control thread, a few looks in the time that a script may run without a wait.
#include <uv.h>

#include <functional>
#include <string>

#include "model/model.h"

namespace weir::lua {

class Program;

class Watch {
 public:
  // What a script that cannot be stopped gives to say.
  using Tell = std::function<void(const std::string&)>;
  // Does nothing for a model without scripts or limit. Model and Watch outlive the loop.
  void start(uv_loop_t* loop, const model::Model& model, Tell tell);

 private:
  void look();

  Program* program_ = nullptr;
  uint32_t limit_ms_ = 0;
  uint32_t period_ms_ = 0;
  uint64_t last_ms_ = 0;
  Tell tell_;
  uv_timer_t timer_;
};

}  // namespace weir::lua
