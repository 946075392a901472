// $request_id: 16 random bytes in hexadecimal, the same for a request and its subrequests.
#include <sys/random.h>

#include "nginx/modules.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

bool fetch_request_id(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  // One system call for 256 identifiers of this thread.
  thread_local unsigned char pool[4096];
  thread_local size_t used = sizeof pool;
  if (used == sizeof pool) {
    for (size_t at = 0; at < sizeof pool; at += 256)
      if (getrandom(pool + at, 256, 0) != 256) return false;
    used = 0;
  }
  static constexpr char kHex[] = "0123456789abcdef";
  char* p = ctx.arena->alloc_chars(32);
  for (int i = 0; i < 16; i++) {
    unsigned char b = pool[used++];
    p[2 * i] = kHex[b >> 4];
    p[2 * i + 1] = kHex[b & 15];
  }
  out = Value::of(Str{p, 32});
  return true;
}

const VariableDef kVariables[] = {{"request_id", fetch_request_id}};

}  // namespace

const std::span<const VariableDef> kRequestIdVariables{kVariables};

}  // namespace weir::nginx
