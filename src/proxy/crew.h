#pragma once
// What the shards of one worker share besides the model: how to reach each other, and counts that limit all of them
// together. Made by the worker before its shards, gone after them.
#include <atomic>
#include <cstdint>
#include <functional>

#include "stats/broken.h"
#include "stats/limits.h"

namespace weir::proxy {

class Shard;

struct Crew {
  // Runs the function on the thread of that shard; false when it has ended. Null where a shard is alone.
  std::function<bool(int, std::function<void(Shard&)>)> post;
  stats::Limits limits;
  stats::BrokenMessages broken;
  std::atomic<int64_t> connections{0};  // open ones of clients, where their number may be limited
  std::atomic<int32_t> ancestors{0};  // older workers that may still send connections
  bool alone = false;  // who follows, if anybody does, shares no memory: there is no master, or it ends too
  std::atomic<int32_t> paused{0};  // acceptors that wait until there are fewer, or may be more
};

}  // namespace weir::proxy
