#pragma once
// The Lua code of one configuration: what runs once in every state, and the functions that handlers call. Filled while the
// configuration is bound, by one thread; afterwards only read, except for the states that wait for their shard, which are
// behind a lock. Lives in the model's arena and owns the states, so it outlives the shards.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/str.h"
#include "model/model.h"

namespace weir::lua {

class State;

// A script that runs once in each state: a library of ours, a file of the configuration, init_by_lua.
struct Start {
  std::string name;  // as Lua shows it: "=init_by_lua(nginx.conf:7)", "@/etc/haproxy/a.lua"
  std::string code;
  std::vector<std::string> args;  // what `...` is in it
};

struct Function {
  enum class Kind : uint8_t {
    code,  // compiled from `code` when it is first called
    file,  // read when it is first called, by each state
    registered,  // a start put it into the table of registered things
  };
  Kind kind = Kind::code;
  std::string name;  // of the chunk, of the file, or under which it was registered
  std::string code;
};

class Program {
 public:
  Program();
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // The program of that model, made on first use.
  static Program& of(model::Model& model);
  // Null: its configuration has no Lua.
  static Program* find(const model::Model& model);

  // While binding. Each runs at once in the states that are there, at least one, so that problems show in time, and later
  // in every new one; returns the problem, or an empty text.
  std::string add_library(Str name);  // lua/NAME.lua of ours
  std::string add_start(Start start);
  // Runs in each state when its shard takes it, on the shard's thread.
  void add_shard_start(Start start) { shard_starts_.push_back(std::move(start)); }
  // The number by which State::push finds it.
  uint32_t add_function(Function function);
  // The state in which the starts have run so far.
  State& first();
  // Makes a state for each of `shards` while files and privileges are still what they were. Returns the problem.
  std::string prepare(int shards);

  // Ends all states, as a process that leaves its memory to the system does: scripts' finalizers run. Nobody uses one any more.
  void close();

  uint32_t burst_ms = 1000;  // how long its scripts may run without a wait; 0: no limit

  const Function& function(uint32_t number) const { return functions_[number]; }
  const std::vector<Start>& shard_starts() const { return shard_starts_; }
  // A state for a shard, a prepared one if there is one. Null, with a problem. From any thread.
  State* take(std::string& problem);
  // Calls `fn` with each state that a shard has taken. From any thread; `fn` is quick.
  template <class Fn>
  void each_taken(Fn fn) {
    std::lock_guard hold(lock_);
    for (auto& state : taken_) fn(*state);
  }

 private:
  std::unique_ptr<State> make(std::string& problem);

  std::vector<std::string> libraries_;
  std::vector<Start> starts_;
  std::vector<Start> shard_starts_;
  std::vector<Function> functions_;
  std::unordered_map<std::string, uint32_t> numbers_;  // of what may be asked for twice: files and registered functions
  int states_ = 0;
  std::mutex lock_;
  std::vector<std::unique_ptr<State>> waiting_;
  std::vector<std::unique_ptr<State>> taken_;
};

// The text of one of our Lua files. Looked for beside the program: in the checkout that it was built in, or where it is
// installed. Empty, with a problem that names the places.
std::string read_library(Str name, std::string& problem);
// The text of a file. False: `problem` says why.
bool read_text(const std::string& path, std::string& text, std::string& problem);

}  // namespace weir::lua
