// net/tls_client.h: what tells idle connections to servers apart.
#include <criterion/criterion.h>
#include <openssl/ssl.h>

#include <set>
#include <string>

#include "net/tls_client.h"
#include "net/tls_context.h"
#include "net/tls_current.h"

using namespace weir;
using namespace weir::net;

namespace {

ssl_ctx_st* made() {
  std::string problem;
  ssl_ctx_st* context = make_tls_client({}, problem);
  cr_assert_not_null(context, "%s", problem.c_str());
  return context;
}

}  // namespace

Test(tls_kind, says_what_a_connection_is_for) {
  ssl_ctx_st *one = made(), *other = made();
  cr_expect_eq(tls_kind({}, true), 0u);
  const uint64_t kind = tls_kind({one, "a.example", true, true}, true);
  cr_expect_eq(tls_kind({one, "a.example", true, true}, true), kind);
  TlsTo shows{one, "a.example", true, true};
  shows.identity_number = 3;
  const std::set<uint64_t> others{kind,
                                  tls_kind({other, "a.example", true, true}, true),
                                  tls_kind({one, "b.example", true, true}, true),
                                  tls_kind({one, "a.example", false, true}, true),
                                  tls_kind({one, "a.example", true, false}, true),
                                  tls_kind({one, "", true, true}, true),
                                  tls_kind(shows, true)};
  cr_expect_eq(others.size(), 7u);
  cr_expect_eq(tls_kind({one, "", true, true}, true), tls_kind({one, "", false, false}, true),
               "there is no name to send");
  cr_expect_eq(tls_kind({one, "[::1]", true, true}, true), tls_kind({one, "::1", true, true}, true));
  cr_expect_eq(tls_kind({one, "a.example", true, true}, false), tls_kind({one, "b.example", true, true}, false));
  cr_expect_neq(tls_kind({one, "a.example", true, true}, false), tls_kind({other, "a.example", true, true}, false));
  free_tls(one);
  free_tls(other);
}

Test(tls_kind, changes_with_the_context) {
  ssl_ctx_st* named = made();
  let_tls_be_replaced(named);
  std::set<uint64_t> kinds{tls_kind({named, "a.example", true, true}, true)};
  for (size_t n = 2; n < 6; n++) {
    replace_tls(named, made());
    cr_expect_eq(kinds.insert(tls_kind({named, "a.example", true, true}, true)).second, true);
    SSL* ssl = new_current_session(named);
    cr_expect_eq(tls_number(ssl), current_tls_number(named));
    SSL_free(ssl);
  }
  free_tls(named);
}
