#pragma once
// TLS sessions by session id in a shared zone: clients without tickets resume on every shard and in every generation
// (ssl_session_cache shared:…, tune.ssl.cachesize). The zone is divided into stripes; each is a ring of cells in which new
// sessions overwrite the oldest, with a table of where a session id lies. Safe on any thread of any process.
#include <cstddef>
#include <cstdint>

#include "base/shared_lock.h"
#include "base/shared_zone.h"

struct ssl_ctx_st;
struct ssl_session_st;

namespace weir::net {

class TlsSessionCache {
 public:
  // A view of the named zone of `size` bytes, made when there is none. False with errno.
  bool open(Str name, size_t size);
  // Sessions of this context are kept here and nowhere else. The cache must outlive the context.
  void serve(ssl_ctx_st* context);

  // A session longer than kLongest is not kept.
  void store(Str id, Str session, int64_t expires_s);
  // Copies the session to `out`, which has room for kLongest bytes; 0: there is none, or none any more.
  size_t find(Str id, int64_t now_s, char* out);
  void remove(Str id);

  static constexpr size_t kLongest = 8192;

 private:
  static constexpr uint32_t kStripes = 16;
  static constexpr size_t kCell = 64;
  static constexpr size_t kId = 32;
  struct Entry {
    uint64_t sum;  // of what follows, with the zone's secret: a cell that holds something else by now does not match
    int64_t expires_s;
    uint16_t size;
    uint16_t id_size;
    uint32_t zero;
    char id[kId];
    char* session() { return reinterpret_cast<char*>(this + 1); }
    const char* session() const { return reinterpret_cast<const char*>(this + 1); }
  };
  struct alignas(64) Stripe {
    SharedLock lock;
    uint32_t next;  // the cell where the next session goes
  };
  struct Header {
    SharedLock lock;
    uint32_t ready;
    uint32_t cells;  // for each stripe
    uint64_t secret;
  };
  class Place;
  Header& header() const { return *reinterpret_cast<Header*>(zone_->data); }
  Stripe& stripe(uint32_t i) const;
  uint32_t* table(uint32_t stripe) const;  // cell + 1 of the last session whose id has that hash; 0: none
  Entry* entry(uint32_t stripe, uint32_t cell) const;
  uint64_t sum_of(const Entry& e) const;
  Entry* lookup(const Place& place) const;

  SharedZone* zone_ = nullptr;
};

}  // namespace weir::net
