// See nginx/sticky_ids.h.
#include "nginx/sticky_ids.h"

#include <openssl/evp.h>

namespace weir::nginx {
namespace {

void write_md5(Str text, char* to) {
  unsigned char digest[kSidSize / 2];
  EVP_Digest(text.data(), text.size(), digest, nullptr, EVP_md5(), nullptr);
  for (size_t i = 0; i < sizeof digest; i++) {
    to[2 * i] = "0123456789abcdef"[digest[i] >> 4];
    to[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
  }
}

}  // namespace

Str StickyIds::of_text(Arena& arena, Str text) {
  char* id = arena.alloc_chars(kSidSize);
  write_md5(text, id);
  return {id, kSidSize};
}

const StickyIds::Made* StickyIds::make(Id& id, const net::Addr& addr) {
  std::lock_guard lock(lock_);
  auto [it, fresh] = made_.try_emplace(&addr);
  Made& made = it->second;
  if (fresh) {
    made.addr = &addr;
    write_md5(addr.text(), made.text);
  }
  id.latest.store(&made, std::memory_order_release);
  return &made;
}

}  // namespace weir::nginx
