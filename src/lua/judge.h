#pragma once
// A function that judges a server (weir.check): a coroutine that asks for requests to the server, one at a time, and goes on with
// the answers. Whoever runs it makes the requests. Used on the thread of the state's shard only; `txn` outlives it.
#include "lua/call.h"

namespace weir::lua {

class Judge {
 public:
  enum class Step : uint8_t { asks, well, ill, failed };

  Judge(State& state, proxy::Transaction& txn, Str name, Str address);
  ~Judge();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  Step start(uint32_t function);
  // With the answer to what it asked for; `body` is copied at once.
  Step answer(int status, Str body);

  Str path() const { return path_; }  // that it asks for
  Str reason() const { return reason_; }  // why the server is ill, if it said so, or why the function failed

  // --- for the functions that scripts call ---
  bool ask(Str path);
  Str name() const { return name_; }
  Str address() const { return address_; }
  int status() const { return status_; }
  Str body() const { return body_; }

 private:
  Step go_on(int args);
  Step conclude();
  Step fail(Str reason);
  void drop();

  Call call_;
  Str name_;
  Str address_;
  Str path_;
  Str reason_;
  int status_ = 0;
  Str body_;
  bool asks_ = false;
};

}  // namespace weir::lua
