#pragma once
// Stored passwords of auth_basic_user_file: crypt(3), Apache's $apr1$, {SHA}, {SSHA}, {PLAIN}.
#include <string>

#include "base/str.h"

namespace weir::nginx {

// Whether `password` is the one that `stored` was made from. May take milliseconds (bcrypt, SHA-512 crypt).
bool password_matches(Str password, Str stored);

}  // namespace weir::nginx
