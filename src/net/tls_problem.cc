// See net/tls_problem.h.
#include "net/tls_problem.h"

namespace weir::net {

Str remedy_of(TlsPart part) {
  switch (part) {
    case TlsPart::certificate: return "check the path, its permissions and that key and certificate belong together";
    case TlsPart::key: return "check the path and its permissions; an encrypted key needs its pass phrase in a file";
    case TlsPart::passwords: return "check the path and its permissions; each line is a pass phrase";
    case TlsPart::authorities:
    case TlsPart::more_authorities:
    case TlsPart::client_authorities:
      return "check the path and its permissions; authorities are certificates in PEM form";
    case TlsPart::revoked: return "check the path and its permissions; revocation lists are in PEM form";
    case TlsPart::ciphers: return "names separated by colons; openssl ciphers -v shows those that there are";
    case TlsPart::curves: return "names separated by colons, as X25519:P-256";
    case TlsPart::sigalgs:
    case TlsPart::client_sigalgs: return "names separated by colons, as RSA+SHA256:ECDSA+SHA256";
    case TlsPart::dh_params: return "openssl dhparam 2048 > FILE makes one";
    case TlsPart::stapled: return "openssl ocsp -respout FILE writes one";
    case TlsPart::command: return "the manual page SSL_CONF_cmd(3) lists the commands and their values";
    case TlsPart::count_: break;
  }
  return {};
}

}  // namespace weir::net
