// See net/tls_files.h.
#include "net/tls_files.h"

#include <errno.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

namespace weir::net {
namespace {

constexpr Str kData = "data:", kStore = "store:";

// A key's pass phrase, and whether one was asked for.
struct Phrase {
  const std::string* text = nullptr;
  bool asked = false;
};

int give_phrase(char* to, int size, int, void* phrase) {
  auto& p = *static_cast<Phrase*>(phrase);
  p.asked = true;
  if (!p.text || p.text->size() > static_cast<size_t>(size)) return 0;
  memcpy(to, p.text->data(), p.text->size());
  return static_cast<int>(p.text->size());
}

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;

BioPtr open(const std::string& name) {
  if (!name.starts_with(kData)) return BioPtr(BIO_new_file(name.c_str(), "r"));
  return BioPtr(BIO_new_mem_buf(name.data() + kData.size(), static_cast<int>(name.size() - kData.size())));
}

// The store asks by way of a UI_METHOD, which OpenSSL makes of the callback for PEM texts.
EVP_PKEY* load_from_store(const std::string& uri, Phrase& phrase) {
  UI_METHOD* method = UI_UTIL_wrap_read_pem_callback(give_phrase, 0);
  OSSL_STORE_CTX* store = OSSL_STORE_open(uri.c_str(), method, &phrase, nullptr, nullptr);
  EVP_PKEY* key = nullptr;
  while (store && !key && !OSSL_STORE_eof(store) && !OSSL_STORE_error(store)) {
    OSSL_STORE_INFO* info = OSSL_STORE_load(store);
    if (!info) continue;
    if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY) key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
  }
  OSSL_STORE_close(store);
  UI_destroy_method(method);
  return key;
}

EVP_PKEY* load_key(const std::string& name, Phrase& phrase) {
  if (name.starts_with(kStore)) return load_from_store(name.substr(kStore.size()), phrase);
  const BioPtr in = open(name);
  return in ? PEM_read_bio_PrivateKey(in.get(), nullptr, give_phrase, &phrase) : nullptr;
}

}  // namespace

struct TlsFiles::Part {
  std::vector<X509*> chain;  // the certificate first
  uint64_t number = 0;  // of the certificate
  EVP_PKEY* key = nullptr;
  bool encrypted = false;

  Part() = default;
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    for (X509* c : chain) X509_free(c);
    EVP_PKEY_free(key);
  }
  bool read_chain(const std::string& name, std::string& problem);
  bool read_key(const std::string& name, const std::vector<std::string>* passwords, std::string& problem);
};

bool TlsFiles::Part::read_chain(const std::string& name, std::string& problem) {
  ERR_clear_error();
  const BioPtr in = open(name);
  Phrase none;
  if (X509* first = in ? PEM_read_bio_X509_AUX(in.get(), nullptr, give_phrase, &none) : nullptr) {
    chain.push_back(first);
    while (X509* next = PEM_read_bio_X509(in.get(), nullptr, give_phrase, &none)) chain.push_back(next);
    if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
      ERR_clear_error();
      number = TlsIdentity::number_of(first);
      return true;
    }
  }
  problem = fmt::format("cannot load certificate \"{}\": {}", name, openssl_error());
  return false;
}

bool TlsFiles::Part::read_key(const std::string& name, const std::vector<std::string>* passwords,
                              std::string& problem) {
  const size_t phrases = passwords ? passwords->size() : 0;
  for (size_t i = 0; !key && i < std::max<size_t>(phrases, 1); i++) {
    ERR_clear_error();
    Phrase phrase{i < phrases ? &(*passwords)[i] : nullptr, false};
    key = load_key(name, phrase);
    encrypted |= phrase.asked;
  }
  if (!key && encrypted)
    problem = fmt::format("cannot load certificate key \"{}\": it is encrypted, and {} ({})", name,
                          phrases ? "no given pass phrase fits" : "no pass phrase is given", openssl_error());
  else if (!key)
    problem = fmt::format("cannot load certificate key \"{}\": {}", name, openssl_error());
  return key != nullptr;
}

TlsFiles::Stamp TlsFiles::stamp_of(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return {};
  return {st.st_dev, st.st_ino, st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec, st.st_size};
}

// `stamp`: of the file now, which lets it be kept longer where it is still the same.
TlsFiles::PartPtr TlsFiles::kept(const std::string& name, int64_t now_s, const Stamp* stamp) {
  std::lock_guard lock(mutex_);
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return nullptr;
  Kept& k = *at->second;
  if (!Str(name).substr(1).starts_with(kData) && now_s - k.created_s > limits_.valid_s) {
    if (!stamp || *stamp == Stamp() || *stamp != k.stamp) return nullptr;
    k.created_s = now_s;
  }
  k.accessed_s = now_s;
  order_.splice(order_.begin(), order_, at->second);
  return k.part;
}

void TlsFiles::drop(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return;
  order_.erase(at->second);
  by_name_.erase(at);
}

// Those that nobody asks for go two at a time, as in nginx, and the oldest one where there is no room.
void TlsFiles::keep(const std::string& name, PartPtr part, int64_t now_s, const Stamp& stamp) {
  drop(name);
  if (!limits_.most) return;
  std::lock_guard lock(mutex_);
  auto drop_last = [this] {
    by_name_.erase(order_.back().name);
    order_.pop_back();
  };
  for (int i = 0; i < 2 && !order_.empty() && now_s - order_.back().accessed_s > limits_.inactive_s; i++) drop_last();
  while (!order_.empty() && order_.size() >= limits_.most) drop_last();
  order_.push_front({name, std::move(part), now_s, now_s, stamp});
  by_name_[name] = order_.begin();
}

TlsFiles::PartPtr TlsFiles::part(bool key, const Wanted& wanted, int64_t now_s, Faults& faults) {
  const std::string& name = key ? wanted.key : wanted.certificate;
  const std::string kept_as = (key ? "k" : "c") + name;
  const Stamp stamp = is_tls_file(name) && limits_.valid_s != INT64_MAX ? stamp_of(name) : Stamp();
  if (PartPtr known = kept(kept_as, now_s, &stamp)) return known;
  auto made = std::make_shared<Part>();
  const bool good =
      key ? made->read_key(name, wanted.passwords, faults.key) : made->read_chain(name, faults.certificate);
  faults.wants_phrase |= made->encrypted;
  if (good && !made->encrypted)
    keep(kept_as, made, now_s, stamp);
  else
    drop(kept_as);
  return good ? made : nullptr;
}

namespace {
std::shared_ptr<const TlsIdentity> join(const std::vector<X509*>& chain, uint64_t number, EVP_PKEY* key,
                                        const TlsFiles::Wanted& wanted, std::string& problem) {
  auto made = TlsIdentity::join(chain, number, key, problem);
  if (!made)
    problem = fmt::format("certificate \"{}\" and key \"{}\" do not belong together: {}", wanted.certificate,
                          wanted.key, problem);
  return made;
}
}  // namespace

std::shared_ptr<const TlsIdentity> TlsFiles::find(const Wanted& wanted, int64_t now_s) {
  if (!limits_.most) return nullptr;
  const PartPtr chain = kept("c" + wanted.certificate, now_s, nullptr);
  const PartPtr key = chain ? kept("k" + wanted.key, now_s, nullptr) : nullptr;
  std::string problem;
  return key ? join(chain->chain, chain->number, key->key, wanted, problem) : nullptr;
}

// A certificate that is kept may be older than its key, or the other way round: both are read anew before that is a fault.
std::shared_ptr<const TlsIdentity> TlsFiles::get(const Wanted& wanted, int64_t now_s, Faults& faults) {
  std::shared_ptr<const TlsIdentity> made;
  for (int tries = 0; tries < 2 && !made; tries++) {
    faults = {};
    const PartPtr chain = part(false, wanted, now_s, faults);
    const PartPtr key = part(true, wanted, now_s, faults);
    if (!chain || !key) return nullptr;
    made = join(chain->chain, chain->number, key->key, wanted, faults.pair);
    if (made) break;
    drop("c" + wanted.certificate);
    drop("k" + wanted.key);
  }
  return made;
}

std::shared_ptr<const TlsIdentity> TlsFiles::get(const Wanted& wanted, int64_t now_s, std::string& problem) {
  Faults faults;
  auto made = get(wanted, now_s, faults);
  problem = !faults.certificate.empty() ? faults.certificate : !faults.key.empty() ? faults.key : faults.pair;
  return made;
}

std::string TlsFiles::expired_on(const std::string& certificate) {
  Faults faults;
  const PartPtr chain = part(false, {certificate, {}, nullptr}, 0, faults);
  return chain ? net::expired_on(chain->chain[0]) : std::string();
}

std::string expired_on(const x509_st* certificate) {
  const ASN1_TIME* end = X509_get0_notAfter(certificate);
  tm date{};
  if (X509_cmp_current_time(end) >= 0 || !ASN1_TIME_to_tm(end, &date)) return {};
  return fmt::format("{:04}-{:02}-{:02}", date.tm_year + 1900, date.tm_mon + 1, date.tm_mday);
}

bool is_tls_file(Str name) {
  return !name.starts_with(kData) && !name.starts_with(kStore);
}

std::vector<std::string> read_passwords(const std::string& path, std::string& problem) {
  std::vector<std::string> list;
  if (path.empty()) return list;
  std::ifstream file(path);
  if (!file) problem = fmt::format("cannot read pass phrases from \"{}\": {}", path, strerror(errno));
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) list.push_back(line);
  }
  return list;
}

std::string openssl_error() {
  unsigned long last = 0;
  while (unsigned long e = ERR_get_error()) {
    last = e;
    if (!ERR_SYSTEM_ERROR(e)) continue;
    ERR_clear_error();
    return strerror(ERR_GET_REASON(e));
  }
  if (!last) return "OpenSSL does not know it";
  char text[256];
  ERR_error_string_n(last, text, sizeof text);
  return text;
}

}  // namespace weir::net
