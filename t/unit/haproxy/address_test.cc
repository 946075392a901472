// Addresses as haproxy.cfg writes them: haproxy/address.cc.
#include "haproxy/address.h"

#include <criterion/criterion.h>

#include "base/arena.h"

using namespace weir;
using namespace weir::haproxy;

static Address parsed(Str text) {
  static Arena arena;
  Address address;
  std::string problem;
  cr_assert(parse_address(text, address, problem, arena), "%s", problem.c_str());
  return address;
}

Test(address, the_kind_of_socket_stands_in_front) {
  using Family = Address::Family;
  const Address plain = parsed("stream+127.0.0.1:80");
  cr_expect(plain.family == Family::any && !plain.datagram && plain.host == "127.0.0.1" && plain.port == 80);
  cr_expect(parsed("stream+fd@7").family == Family::descriptor);
  cr_expect(parsed("stream+/run/a.sock").family == Family::path);
  cr_expect(parsed("stream+abns@a").family == Family::abstract);
  cr_expect(parsed("dgram+127.0.0.1:514").datagram && parsed("dgram+unix@/dev/log").datagram);
  cr_expect(parsed("udp@127.0.0.1:514").datagram && !parsed("tcp@127.0.0.1:80").datagram);
  cr_expect(!parsed("stream+unix@/run/a.sock").datagram);
}
