#pragma once
// What a complaint about memory has to say besides.
#include <string>

namespace weir {

// How much of it there may be (RLIMIT_DATA), in parentheses behind a space; empty where it is not limited.
std::string memory_limit();

}  // namespace weir
