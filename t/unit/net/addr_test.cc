// Addresses as text: net/addr.cc.
#include "net/addr.h"

#include <criterion/criterion.h>

using namespace weir;

Test(addr, no_address_has_a_text_too) {
  cr_expect(net::Addr().text() == "-");
}
