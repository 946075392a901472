#pragma once
// Functions that scripts register under weir's own words (lua/weir.lua, weir-lua(7)), by kind and name: "balance", "key",
// "check". Personalities look them up when a configuration is read, after its scripts have run.
#include <cstdint>
#include <string>

#include "base/str.h"

namespace weir::model {
struct Model;
}

namespace weir::lua {

struct FoundHook {
  bool found = false;
  uint32_t function = 0;  // of the program
  std::string near;  // when it was not found: the registered name that looks most like it; empty: none does
};

FoundHook find_hook(model::Model& model, Str kind, Str name);

}  // namespace weir::lua
