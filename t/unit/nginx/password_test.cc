// Stored passwords: nginx/password.cc. The hashes were made with openssl passwd, htpasswd and mkpasswd.
#include "nginx/password.h"

#include <criterion/criterion.h>

using weir::nginx::password_matches;

static void expect_only(const char* password, const char* stored) {
  cr_expect(password_matches(password, stored), "%s", stored);
  cr_expect(!password_matches(std::string(password) + "x", stored), "%s", stored);
  cr_expect(!password_matches("", stored), "%s", stored);
}

Test(password, kinds) {
  expect_only("plain", "{PLAIN}plain");
  expect_only("secret", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/");
  expect_only("a long password, longer than sixteen bytes", "$apr1$x$c.g6VITYU/R.Q87vpFlUD0");
  expect_only("secret",
              "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.");
  expect_only("secret", "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1");
  expect_only("secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=");
  expect_only("secret", "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0");
}

Test(password, broken_hashes_match_nothing) {
  for (const char* stored :
       {"", "*", "{SHA}", "{SHA}AAAA", "{SSHA}AAAA", "$apr1$", "$6$", "x", "{SHA}====", "$apr1$salt$"})
    cr_expect(!password_matches("secret", stored) && !password_matches("", stored), "%s", stored);
}
