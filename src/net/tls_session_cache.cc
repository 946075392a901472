// See net/tls_session_cache.h. A zone is a Header, the stripes, their tables, and their cells.
#include "net/tls_session_cache.h"

#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <string.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace weir::net {
namespace {

constexpr uint64_t kLayout = 1;

int cache_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

TlsSessionCache* cache_of(SSL_CTX* context) {
  return static_cast<TlsSessionCache*>(SSL_CTX_get_ex_data(context, cache_index()));
}

Str id_of(const SSL_SESSION* session) {
  unsigned n = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &n);
  return {reinterpret_cast<const char*>(id), n};
}

// A session of TLS 1.3 that its ticket carries whole is never looked for here.
int on_new(SSL* ssl, SSL_SESSION* session) {
  if (SSL_version(ssl) == TLS1_3_VERSION && !(SSL_get_options(ssl) & SSL_OP_NO_TICKET)) return 0;
  unsigned char der[TlsSessionCache::kLongest];
  int n = i2d_SSL_SESSION(session, nullptr);
  TlsSessionCache* cache = cache_of(SSL_get_SSL_CTX(ssl));
  if (!cache || n <= 0 || static_cast<size_t>(n) > sizeof der) return 0;
  unsigned char* to = der;
  i2d_SSL_SESSION(session, &to);
  cache->store(id_of(session), {reinterpret_cast<char*>(der), static_cast<size_t>(n)},
               time(nullptr) + SSL_SESSION_get_timeout(session));
  return 0;
}

SSL_SESSION* on_get(SSL* ssl, const unsigned char* id, int size, int* copy) {
  *copy = 0;
  char der[TlsSessionCache::kLongest];
  TlsSessionCache* cache = cache_of(SSL_get_SSL_CTX(ssl));
  if (!cache || size <= 0) return nullptr;
  size_t n = cache->find({reinterpret_cast<const char*>(id), static_cast<size_t>(size)}, time(nullptr), der);
  const auto* from = reinterpret_cast<const unsigned char*>(der);
  return n ? d2i_SSL_SESSION(nullptr, &from, static_cast<long>(n)) : nullptr;
}

void on_remove(SSL_CTX* context, SSL_SESSION* session) {
  if (TlsSessionCache* cache = cache_of(context)) cache->remove(id_of(session));
}

}  // namespace

// The stripe of a session id, held for the life of the Place.
class TlsSessionCache::Place {
 public:
  Place(const TlsSessionCache& cache, Str session_id) : cache_(cache), id(session_id) {
    hash = XXH3_64bits_withSeed(id.data(), id.size(), cache.header().secret);
    stripe = static_cast<uint32_t>(hash % kStripes);
    Stripe& s = cache.stripe(stripe);
    if (s.lock.lock()) return;
    s.next = 0;
    std::fill_n(cache.table(stripe), cache.header().cells, 0);
  }
  ~Place() { cache_.stripe(stripe).lock.unlock(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  uint32_t& slot() const { return cache_.table(stripe)[(hash / kStripes) % cache_.header().cells]; }

 private:
  const TlsSessionCache& cache_;

 public:
  Str id;
  uint64_t hash;
  uint32_t stripe;
};

bool TlsSessionCache::open(Str name, size_t size) {
  zone_ = SharedZone::open(name, kLayout, size);
  if (!zone_) return false;
  Header& h = header();
  // Who died while it prepared the zone left nothing that preparing again would not overwrite.
  [[maybe_unused]] bool whole = h.lock.lock();
  if (!h.ready) {
    const size_t fixed = 64 + kStripes * sizeof(Stripe) + kCell;
    const size_t each = zone_->size > fixed ? (zone_->size - fixed) / kStripes : 0;
    h.cells = static_cast<uint32_t>(each / (kCell + sizeof(uint32_t)));
    RAND_bytes(reinterpret_cast<unsigned char*>(&h.secret), sizeof h.secret);
    h.ready = 1;
  }
  h.lock.unlock();
  return true;
}

void TlsSessionCache::serve(ssl_ctx_st* context) {
  SSL_CTX_set_ex_data(context, cache_index(), this);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, on_new);
  SSL_CTX_sess_set_get_cb(context, on_get);
  SSL_CTX_sess_set_remove_cb(context, on_remove);
}

TlsSessionCache::Stripe& TlsSessionCache::stripe(uint32_t i) const {
  static_assert(sizeof(Header) <= 64);
  return reinterpret_cast<Stripe*>(zone_->data + 64)[i];
}

TlsSessionCache::Entry* TlsSessionCache::entry(uint32_t i, uint32_t cell) const {
  return reinterpret_cast<Entry*>(reinterpret_cast<char*>(&stripe(kStripes)) +
                                  (static_cast<size_t>(i) * header().cells + cell) * kCell);
}

uint32_t* TlsSessionCache::table(uint32_t i) const {
  return reinterpret_cast<uint32_t*>(entry(kStripes, 0)) + static_cast<size_t>(i) * header().cells;
}

uint64_t TlsSessionCache::sum_of(const Entry& e) const {
  return XXH3_64bits_withSeed(&e.expires_s, sizeof(Entry) - sizeof e.sum + e.size, header().secret);
}

TlsSessionCache::Entry* TlsSessionCache::lookup(const Place& place) const {
  const uint32_t at = place.slot(), cells = header().cells;
  if (at == 0 || at > cells) return nullptr;
  Entry* e = entry(place.stripe, at - 1);
  const size_t room = (cells - (at - 1)) * kCell;
  if (room < sizeof(Entry) || e->size > room - sizeof(Entry) || e->size > kLongest) return nullptr;
  if (Str(e->id, e->id_size <= kId ? e->id_size : 0) != place.id || e->sum != sum_of(*e)) return nullptr;
  return e;
}

void TlsSessionCache::store(Str id, Str session, int64_t expires_s) {
  const uint32_t cells = header().cells;
  const auto need = static_cast<uint32_t>((sizeof(Entry) + session.size() + kCell - 1) / kCell);
  if (id.empty() || id.size() > kId || session.size() > kLongest || need > cells) return;
  Place place(*this, id);
  Stripe& s = stripe(place.stripe);
  if (s.next + need > cells) s.next = 0;
  Entry* e = entry(place.stripe, s.next);
  memset(e, 0, sizeof *e);
  e->expires_s = expires_s;
  e->size = static_cast<uint16_t>(session.size());
  e->id_size = static_cast<uint16_t>(id.size());
  memcpy(e->id, id.data(), id.size());
  memcpy(e->session(), session.data(), session.size());
  e->sum = sum_of(*e);
  place.slot() = s.next + 1;
  s.next += need;
}

size_t TlsSessionCache::find(Str id, int64_t now_s, char* out) {
  if (id.empty() || id.size() > kId || !header().cells) return 0;
  Place place(*this, id);
  const Entry* e = lookup(place);
  if (!e || e->expires_s <= now_s) return 0;
  memcpy(out, e->session(), e->size);
  return e->size;
}

void TlsSessionCache::remove(Str id) {
  if (id.empty() || id.size() > kId || !header().cells) return;
  Place place(*this, id);
  if (lookup(place)) place.slot() = 0;
}

}  // namespace weir::net
