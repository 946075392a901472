// Networks: net/cidr.cc.
#include "net/cidr.h"

#include <criterion/criterion.h>

using namespace weir;
using namespace weir::net;

static bool inside(Str network, Str ip) {
  Cidr c;
  Addr a;
  cr_assert(parse_cidr(network, c) != CidrResult::bad && parse_ip(ip, a));
  return c.contains(a);
}

Test(cidr, contains) {
  cr_expect(inside("10.0.0.0/8", "10.255.1.2"));
  cr_expect(!inside("10.0.0.0/8", "11.0.0.1"));
  cr_expect(inside("192.0.2.128/25", "192.0.2.129"));
  cr_expect(!inside("192.0.2.128/25", "192.0.2.127"));
  cr_expect(inside("192.0.2.1", "192.0.2.1"));
  cr_expect(!inside("192.0.2.1", "192.0.2.2"));
  cr_expect(inside("0.0.0.0/0", "255.255.255.255"));
  cr_expect(!inside("0.0.0.0/0", "::1"));
  cr_expect(inside("2001:db8::/33", "2001:db8:7fff::1"));
  cr_expect(!inside("2001:db8::/33", "2001:db8:8000::1"));
  cr_expect(inside("::/0", "::1"));
  cr_expect(inside("192.0.2.0/24", "::ffff:192.0.2.7"), "mapped addresses are their IPv4 address");
}

Test(cidr, forms) {
  Cidr c;
  cr_expect(parse_cidr("10.0.0.0/255.255.0.0", c) == CidrResult::ok && c.bits == 16);
  cr_expect(parse_cidr("10.0.0.1/8", c) == CidrResult::host_bits);
  Addr a;
  cr_expect(parse_ip("10.9.9.9", a) && c.contains(a), "host bits are cleared");
  for (const char* bad : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/255.0.255.0", "10.0.0", "2001:db8::/129", "host",
                          "[::1]/128", "10.0.0.0/-1", "10.0.0.0/8/8"})
    cr_expect(parse_cidr(bad, c) == CidrResult::bad, "%s", bad);
}
