#pragma once
// The keys that session tickets are sealed with (RFC 5077; RFC 8446 4.6.1). Either read from files, or made here and shared
// by all contexts, shards and generations of the master's processes; those are replaced from time to time.
// Which hosts a ticket counts for is the session id context's matter (net/tls_context.h), not the key's.
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/str.h"

struct ssl_ctx_st;

namespace weir::net {

struct TicketKey {
  uint8_t name[16];
  uint8_t hmac[32];
  uint8_t aes[32];
  bool aes256 = true;  // else AES-128 and HMAC with the first 16 bytes of each
};

// Keys that nobody configured, in a shared record. Any thread of any process.
class SharedTicketKeys {
 public:
  SharedTicketKeys();
  void forget(int) {}
  // The key for new tickets, replaced when the old one has served for `period_s`.
  TicketKey newest(int64_t now_s, int64_t period_s);
  // A key that new tickets were sealed with within the last two periods. `renew`: there is a newer one.
  bool find(const uint8_t* name, TicketKey& key, bool& renew) const;

 private:
  static constexpr uint32_t kKeys = 3;
  static constexpr uint32_t kWords = 10;
  void make(uint32_t slot);
  TicketKey read(uint32_t slot) const;

  std::atomic<uint64_t> words_[kKeys][kWords];  // a key's name and halves; one that is being replaced fits no ticket
  std::atomic<uint32_t> newest_;
  std::atomic<int64_t> made_s_;
};

// What a context seals with.
struct TicketKeys {
  // Key for key, the oldest goes and a new one comes last (any thread).
  void rotate(const TicketKey& key);

  mutable std::mutex mutex;  // of `fixed`, once it is in use
  std::vector<TicketKey> fixed;  // the one at `sealing` is used for new tickets; empty: the shared ones
  size_t sealing = 0;
  SharedTicketKeys* shared = nullptr;
  int64_t period_s = 3600;
};

// Keys from a file, for all contexts that name it.
struct TicketFile {
  std::string path;
  TicketKeys keys;
};

// The keys that a configuration's contexts share, looked up once for each; throws std::system_error without shared memory.
SharedTicketKeys* shared_ticket_keys();
// 48 bytes (name, AES-128, HMAC) or 80 (name, HMAC, AES-256).
bool parse_ticket_key(Str bytes, TicketKey& key);
std::string ticket_key_bytes(const TicketKey& key);
// `keys` must outlive the context.
void use_ticket_keys(ssl_ctx_st* context, TicketKeys* keys);

}  // namespace weir::net
