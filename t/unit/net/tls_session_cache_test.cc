#include "net/tls_session_cache.h"

#include <criterion/criterion.h>

#include <string.h>
#include <time.h>

#include <string>

#include "net/tls_tickets.h"

using weir::Str;
using weir::net::TlsSessionCache;

namespace {

std::string id_of(int n) {
  std::string id = std::to_string(n);
  id.resize(32, '#');
  return id;
}

std::string found(TlsSessionCache& cache, int n, int64_t now = 0) {
  char out[TlsSessionCache::kLongest];
  return {out, cache.find(id_of(n), now, out)};
}

}  // namespace

Test(tls_session_cache, keeps_what_was_stored_until_it_expires) {
  TlsSessionCache cache;
  cr_assert(cache.open("unit:kept", 64 * 1024));
  cache.store(id_of(1), "one", 100);
  cache.store(id_of(2), std::string(3000, 'x'), 100);
  cr_assert(found(cache, 1) == "one");
  cr_assert_eq(found(cache, 2, 99).size(), 3000);
  cr_assert(found(cache, 2, 100).empty());
  cr_assert(found(cache, 3).empty());
  cache.remove(id_of(1));
  cr_assert(found(cache, 1).empty());
}

Test(tls_session_cache, another_view_sees_the_same) {
  TlsSessionCache one, other;
  cr_assert(one.open("unit:shared", 64 * 1024));
  cr_assert(other.open("unit:shared", 64 * 1024));
  one.store(id_of(7), "seven", 100);
  cr_assert(found(other, 7) == "seven");
}

Test(tls_session_cache, the_newest_take_the_place_of_the_oldest) {
  TlsSessionCache cache;
  cr_assert(cache.open("unit:full", 32 * 1024));
  int there = 0;
  for (int n = 0; n < 2000; n++) {
    std::string text = "session " + std::to_string(n) + std::string(static_cast<size_t>(n % 500), '.');
    cache.store(id_of(n), text, 100);
    cr_assert(found(cache, n) == text, "%d", n);
    if (n % 100 == 0)
      for (int old = 0; old <= n; old++) {
        std::string kept = found(cache, old);
        there += !kept.empty();
        cr_assert(kept.empty() || kept.starts_with("session " + std::to_string(old)), "%d", old);
      }
  }
  cr_assert_gt(there, 0);
  cr_assert(found(cache, 0).empty());
}

Test(tls_session_cache, what_is_too_long_is_not_kept) {
  TlsSessionCache cache;
  cr_assert(cache.open("unit:long", 32 * 1024));
  cache.store(id_of(1), std::string(9000, 'x'), 100);
  cr_assert(found(cache, 1).empty());
}

Test(tls_tickets, keys_are_replaced_and_the_last_ones_still_open) {
  weir::net::SharedTicketKeys keys;
  const int64_t now = time(nullptr);
  auto first = keys.newest(now, 10);
  auto second = keys.newest(now + 10, 10);
  cr_assert_neq(memcmp(first.name, second.name, sizeof first.name), 0);
  weir::net::TicketKey key;
  bool renew = false;
  cr_assert(keys.find(first.name, key, renew) && renew);
  cr_assert_eq(memcmp(first.aes, key.aes, sizeof key.aes), 0);
  cr_assert(keys.find(second.name, key, renew) && !renew);
  for (int i = 2; i < 5; i++) keys.newest(now + 10 * i, 10);
  cr_assert_not(keys.find(first.name, key, renew));
}

Test(tls_tickets, files_hold_48_or_80_bytes) {
  weir::net::TicketKey key;
  std::string bytes(80, 'a');
  cr_assert(weir::net::parse_ticket_key(bytes, key) && key.aes256);
  cr_assert(weir::net::parse_ticket_key(Str(bytes).substr(0, 48), key) && !key.aes256);
  cr_assert_not(weir::net::parse_ticket_key(Str(bytes).substr(0, 64), key));
}
