#pragma once
// Errors of certificates' verification by their names in OpenSSL's header (X509_STORE_CTX_get_error(3)).
#include "base/str.h"

namespace weir::net {

// -1: there is none of that name.
int verify_error_code(Str name);
// Empty: it has no name here.
Str verify_error_name(int code);

}  // namespace weir::net
