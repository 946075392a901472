// Versions and features as haproxy.cfg's conditions see them.
#include "tools/haproxy_features.h"

#include <criterion/criterion.h>

using namespace weir;
using tools::compare_haproxy_version;
using tools::compare_openssl_version;

Test(haproxy_features, versions_order) {
  for (const char* older : {"2.4", "2.5-dev0", "3.4", "3.5-dev4", "3.5-dev4-abcdef-12", "0"})
    cr_expect(compare_haproxy_version(older).value_or(9) < 0, "%s", older);
  cr_expect(compare_haproxy_version("3.5-dev5") == 0);
  for (const char* newer : {"3.5-dev6", "3.5-rc1", "3.5", "3.5.1", "1024", "3.5-dev5-abcdef-1"})
    cr_expect(compare_haproxy_version(newer).value_or(-9) > 0, "%s", newer);
}

Test(haproxy_features, unreadable_versions) {
  for (const char* bad : {"", "3.5-dev5-", "3.4.5.6.7", "3.5x", "v3.5-dev3"})
    cr_expect(!compare_haproxy_version(bad), "%s", bad);
}

Test(haproxy_features, openssl_versions) {
  for (const char* older : {"1.0.2", "1.1.1", "1.1.1w", "3.0.0-beta1"})
    cr_expect(compare_openssl_version(older).value_or(9) < 0, "%s", older);
  cr_expect(compare_openssl_version("9.0.0").value_or(-9) > 0);
  cr_expect(!compare_openssl_version("new"));
  cr_expect(!compare_openssl_version("3.0"));
}

Test(haproxy_features, features) {
  cr_expect(tools::haproxy_has_feature("THREAD"));
  cr_expect(!tools::haproxy_has_feature("QUIC"));
  cr_expect(!tools::haproxy_has_feature("THREA"), "whole names only");
  cr_expect(tools::haproxy_enabled("EPOLL"));
  cr_expect(!tools::haproxy_enabled("KQUEUE"));
}
