#pragma once
// server_tokens: how this program names itself in the Server header and on its pages.
#include "nginx/module.h"

namespace weir::nginx {

constexpr Str kNginxVersion = "1.31.5";
constexpr Str kNginxToken = "nginx/1.31.5";
extern const Module kServerTokensModule;

// The value for this response; empty: none is shown.
Str server_token(proxy::Transaction& txn);

}  // namespace weir::nginx
