// Which certificate a client gets: net/tls_names.cc.
#include "net/tls_names.h"

#include <criterion/criterion.h>
#include <openssl/ssl.h>

using namespace weir;
using namespace weir::net;

namespace {

constexpr TlsNames::Takes kBoth{true, true}, kOld{false, true};

struct Contexts {
  Contexts() {
    for (SSL_CTX*& c : made) c = SSL_CTX_new(TLS_server_method());
  }
  ~Contexts() {
    for (SSL_CTX* c : made) SSL_CTX_free(c);
  }
  TlsNames::Entry entry(size_t i, KeyKind kind, std::vector<std::string> names, bool fallback = false) const {
    return {made[i], kind, std::move(names), fallback};
  }
  // The number of the chosen one; -1: none.
  int chosen(const TlsNames& names, Str name, TlsNames::Takes takes = kBoth) const {
    SSL_CTX* c = names.choose(name, takes);
    SSL_CTX_free(c);
    for (size_t i = 0; i < std::size(made); i++)
      if (made[i] == c) return static_cast<int>(i);
    return -1;
  }
  SSL_CTX* made[4];
};

}  // namespace

Test(tls_names, exact_before_wildcard_before_fallback) {
  Contexts c;
  TlsNames names(false);
  cr_expect_eq(c.chosen(names, "a.example"), -1, "nothing is published yet");
  names.publish({c.entry(0, KeyKind::ecdsa, {"fallback.example"}, true),
                 c.entry(1, KeyKind::ecdsa, {"*.a.example", "!not.a.example"}),
                 c.entry(2, KeyKind::ecdsa, {"b.a.example"})});
  cr_expect_eq(c.chosen(names, "x.a.example"), 1);
  cr_expect_eq(c.chosen(names, "X.A.Example"), 1);
  cr_expect_eq(c.chosen(names, "a.example"), 0, "an asterisk stands for one label");
  cr_expect_eq(c.chosen(names, "x.y.a.example"), 0);
  cr_expect_eq(c.chosen(names, "not.a.example"), 0);
  cr_expect_eq(c.chosen(names, ""), 0);
  names.publish({c.entry(2, KeyKind::ecdsa, {"b.a.example"})});
  cr_expect_eq(c.chosen(names, "x.a.example"), -1, "the list is another now");
}

Test(tls_names, strict) {
  Contexts c;
  TlsNames names(true);
  names.publish({c.entry(0, KeyKind::rsa, {"a.example"}, true)});
  cr_expect_eq(c.chosen(names, "a.example"), 0);
  cr_expect_eq(c.chosen(names, "b.example"), -1);
  cr_expect_eq(c.chosen(names, ""), -1);
}

Test(tls_names, kinds_of_keys) {
  Contexts c;
  TlsNames names(false);
  names.publish({c.entry(0, KeyKind::rsa, {"a.example"}, true), c.entry(1, KeyKind::ecdsa, {"*.example"}),
                 c.entry(2, KeyKind::ecdsa, {"b.example"}), c.entry(3, KeyKind::rsa, {"a.example"})});
  cr_expect_eq(c.chosen(names, "a.example"), 1, "another kind may come from a wildcard");
  cr_expect_eq(c.chosen(names, "a.example", kOld), 0, "the first of a kind");
  cr_expect_eq(c.chosen(names, "b.example", kOld), 2, "better one that it may not take than none");
  cr_expect_eq(c.chosen(names, "", kBoth), 0);
}
