// See net/tls_tickets.h.
#include "net/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <string.h>
#include <time.h>

#include "base/shared_records.h"

namespace weir::net {
namespace {

const KindOf<SharedTicketKeys> kKind("tls ticket keys 1");

int keys_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool start_mac(EVP_MAC_CTX* mac, const TicketKey& key) {
  char sha256[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<uint8_t*>(key.hmac), key.aes256 ? 32 : 16),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, params) == 1;
}

const EVP_CIPHER* cipher_of(const TicketKey& key) {
  return key.aes256 ? EVP_aes_256_cbc() : EVP_aes_128_cbc();
}

TicketKey sealing_key(const TicketKeys& keys) {
  if (keys.fixed.empty()) return keys.shared->newest(time(nullptr), keys.period_s);
  std::lock_guard lock(keys.mutex);
  return keys.fixed[keys.sealing];
}

// `renew`: there is a newer one.
bool find_key(const TicketKeys& keys, const uint8_t* name, TicketKey& key, bool& renew) {
  if (keys.fixed.empty()) return keys.shared->find(name, key, renew);
  std::lock_guard lock(keys.mutex);
  for (size_t i = 0; i < keys.fixed.size(); i++) {
    if (memcmp(keys.fixed[i].name, name, sizeof key.name) != 0) continue;
    key = keys.fixed[i];
    renew = i != keys.sealing;
    return true;
  }
  return false;
}

int seal(TicketKeys& keys, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  const TicketKey key = sealing_key(keys);
  const EVP_CIPHER* algorithm = cipher_of(key);
  if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(algorithm)) != 1) return -1;
  memcpy(name, key.name, sizeof key.name);
  return EVP_EncryptInit_ex(cipher, algorithm, nullptr, key.aes, iv) == 1 && start_mac(mac, key) ? 1 : -1;
}

// 2: the ticket is good and is to be replaced by one that was sealed with the newest key; so are all of TLS 1.3, whose
// tickets are meant to be used once.
int open(SSL* ssl, const TicketKeys& keys, const uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  TicketKey key;
  bool older = false;
  if (!find_key(keys, name, key, older)) return 0;
  if (EVP_DecryptInit_ex(cipher, cipher_of(key), nullptr, key.aes, iv) != 1 || !start_mac(mac, key)) return -1;
  return older || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing) {
  auto* keys = static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index()));
  if (!keys) return 0;
  return sealing ? seal(*keys, name, iv, cipher, mac) : open(ssl, *keys, name, iv, cipher, mac);
}

}  // namespace

SharedTicketKeys::SharedTicketKeys() {
  for (uint32_t i = 0; i < kKeys; i++) make(i);
  newest_.store(0);
  made_s_.store(time(nullptr));
}

void SharedTicketKeys::make(uint32_t slot) {
  uint64_t random[kWords];
  RAND_bytes(reinterpret_cast<unsigned char*>(random), sizeof random);
  for (uint32_t i = 0; i < kWords; i++) words_[slot][i].store(random[i], std::memory_order_relaxed);
}

TicketKey SharedTicketKeys::read(uint32_t slot) const {
  uint64_t words[kWords];
  for (uint32_t i = 0; i < kWords; i++) words[i] = words_[slot][i].load(std::memory_order_relaxed);
  TicketKey key;
  const auto* bytes = reinterpret_cast<const uint8_t*>(words);
  memcpy(key.name, bytes, 16);
  memcpy(key.hmac, bytes + 16, 32);
  memcpy(key.aes, bytes + 48, 32);
  return key;
}

TicketKey SharedTicketKeys::newest(int64_t now_s, int64_t period_s) {
  uint32_t slot = newest_.load(std::memory_order_acquire);
  int64_t made = made_s_.load(std::memory_order_relaxed);
  if (now_s - made >= period_s && made_s_.compare_exchange_strong(made, now_s)) {
    slot = (slot + 1) % kKeys;
    make(slot);
    newest_.store(slot, std::memory_order_release);
  }
  return read(slot);
}

bool SharedTicketKeys::find(const uint8_t* name, TicketKey& key, bool& renew) const {
  const uint32_t first = newest_.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < kKeys; i++) {
    key = read((first + kKeys - i) % kKeys);
    renew = i > 0;
    if (memcmp(key.name, name, sizeof key.name) == 0) return true;
  }
  return false;
}

SharedTicketKeys* shared_ticket_keys() {
  return SharedRecords::get(kKind, "");
}

void TicketKeys::rotate(const TicketKey& key) {
  std::lock_guard lock(mutex);
  fixed.erase(fixed.begin());
  fixed.push_back(key);
}

std::string ticket_key_bytes(const TicketKey& key) {
  const size_t half = key.aes256 ? 32 : 16;
  std::string text(reinterpret_cast<const char*>(key.name), sizeof key.name);
  text.append(reinterpret_cast<const char*>(key.aes256 ? key.hmac : key.aes), half);
  return text.append(reinterpret_cast<const char*>(key.aes256 ? key.aes : key.hmac), half);
}

bool parse_ticket_key(Str bytes, TicketKey& key) {
  key.aes256 = bytes.size() == 80;
  if (!key.aes256 && bytes.size() != 48) return false;
  const size_t half = key.aes256 ? 32 : 16;
  memcpy(key.name, bytes.data(), 16);
  memcpy(key.aes256 ? key.hmac : key.aes, bytes.data() + 16, half);
  memcpy(key.aes256 ? key.aes : key.hmac, bytes.data() + 16 + half, half);
  return true;
}

void use_ticket_keys(ssl_ctx_st* context, TicketKeys* keys) {
  SSL_CTX_set_ex_data(context, keys_index(), keys);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
}

}  // namespace weir::net
