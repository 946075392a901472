#pragma once
// One LuaJIT state; a shard has one and only its thread uses it. Functions of the program are compiled when they are first
// called and kept by reference; coroutines that ended in order are kept for the next handler. Owned by its Program.
#include <atomic>
#include <lua.hpp>

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "config/tree.h"
#include "lua/burst.h"
#include "lua/program.h"

namespace weir::proxy {
class Shard;
}

namespace weir::lua {

// A Lua thread and the registry's reference that keeps it alive.
struct Coroutine {
  lua_State* lua = nullptr;
  int reference = LUA_NOREF;
};

// What a personality keeps with a state.
struct Extra {
  virtual ~Extra() = default;
};

class State {
 public:
  // `number`: counts the states of a program, from 1.
  State(const Program& program, int number);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  lua_State* main() const { return main_; }
  const Program& program() const { return program_; }

  // Runs a script in the main thread. Returns the problem, or an empty text.
  std::string run(const Start& start);
  // Pushes a function of the program on `to`, a thread of this state. False: it cannot be compiled, read or found, and
  // `problem` says why (errno stays set when a file could not be opened).
  bool push(lua_State* to, uint32_t number, std::string& problem);
  // The same for a file whose name is only known now.
  bool push_file(lua_State* to, const std::string& path, std::string& problem);
  // How people call the script of the function that was pushed last; lives as long as the state.
  const std::string* pushed() const { return pushed_; }
  // What a start registered under that name: a function, a number. Pushed on main(); false (nothing pushed): there is none.
  bool push_registered(Str name);
  // The names that begin with `prefix`, without it.
  std::vector<std::string> registered_names(Str prefix);

  Coroutine take();
  void give(Coroutine c);  // ended in order
  void drop(Coroutine c);  // failed, or will not go on

  // Values that scripts keep with a transaction, by a key of its own: see weir_lua_keep.
  void forget(double key);

  Burst burst;  // whether a script runs, and may go on
  int shard = 0;  // whose state it is, once it was attached, and that shard's thread
  pid_t thread = 0;
  std::atomic<clockid_t> clock{-1};  // of that thread's processor time; -1: it has not been attached
  uint64_t looked_ms = 0;  // on it; the watcher's

  // The state's part of each personality.
  std::unique_ptr<Extra> extras[3];
  template <class T>
  T& extra(config::Dialect side) {
    auto& e = extras[static_cast<size_t>(side)];
    if (!e) e = std::make_unique<T>();
    return static_cast<T&>(*e);
  }

 private:
  struct Kept {
    int reference;
    std::string script;
  };
  bool load(lua_State* to, const Function& f, std::string& problem);
  std::unique_ptr<Kept> keep(lua_State* to, const Function& f, std::string& problem);
  bool push(lua_State* to, const Kept& kept);

  const Program& program_;
  lua_State* main_;
  int kept_ = LUA_NOREF;
  int registered_ = LUA_NOREF;
  std::vector<std::unique_ptr<Kept>> functions_;  // by number; null: not yet compiled
  std::unordered_map<std::string, std::unique_ptr<Kept>> files_;
  const std::string* pushed_ = nullptr;
  std::vector<Coroutine> free_;
};

// The state of a shard, taken from the program of its model on first use. On the shard's thread. Null, with a problem, when
// a script that has to run first fails.
State* attach(proxy::Shard& shard, std::string& problem);

}  // namespace weir::lua
