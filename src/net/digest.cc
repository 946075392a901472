// See net/digest.h.
#include "net/digest.h"

#include <openssl/sha.h>
#include <string.h>

namespace weir::net {

uint64_t digest64(Str text) {
  unsigned char sum[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), sum);
  uint64_t n = 0;
  memcpy(&n, sum, sizeof n);
  return n | 1;
}

}  // namespace weir::net
