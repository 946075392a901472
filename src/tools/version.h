#pragma once
// Who weir says it is, in each face.
#include "base/str.h"

namespace weir {

inline constexpr Str kVersion = "0.1.0";
inline constexpr Str kNginxVersion = "1.31.5";
inline constexpr Str kHaproxyVersion = "3.5-dev5";
inline constexpr Str kHaproxyBranch = "3.5";
inline constexpr Str kHaproxyDate = "2026/08/21";

}  // namespace weir
