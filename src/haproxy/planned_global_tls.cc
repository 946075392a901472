// Words of the `global` section about TLS, certificates, OCSP, ACME, tokens and the internal HTTP client. All of them
// are planned: they are known to checks and man pages and nothing binds them yet. When a feature is built, its row
// moves to the table at the bottom of the feature's own file. The table lives as long as the program; planned.cc adds
// it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::as_harmless;
using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // where certificates and keys are found
    {"issuers-chain-path", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<dir>",
     "directory of issuer chains that complete certificates"},
    {"ssl-passphrase-cmd", kGlobal, 1, -1, Block::none, Inherit::none, nullptr, "<cmd> <args> ...",
     "command that prints the passphrase of an encrypted private key"},
    {"ssl-skip-self-issued-ca", kGlobal, 0, 0, Block::none, Inherit::none, nullptr, "",
     "leave self-issued roots out of completed chains"},
    // defaults of bind lines
    // defaults of server lines
    // the TLS library
    {"ssl-engine", kGlobal, 1, 3, Block::none, Inherit::none, nullptr,
     "<name> [algo <comma-separated list of algorithms>]", "OpenSSL engine and the algorithms it serves"},
    {"ssl-mode-async", kGlobal, 0, 0, Block::none, Inherit::none, nullptr, "", "let engines work asynchronously"},
    {"ssl-propquery", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<query>",
     "OpenSSL property query string for providers"},
    {"ssl-provider", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<name>", "OpenSSL provider to load"},
    {"ssl-provider-path", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<path>",
     "directory of OpenSSL providers"},
    {"ssl-security-level", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>", "OpenSSL security level"},
    as_harmless({"tune.ssl.certificate-compression", kGlobal, 1, 1, Block::none, Inherit::none, nullptr,
                 "{ auto | off }", "whether certificates are compressed in TLS 1.3"}),
    as_harmless({"tune.ssl.hard-maxrecord", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "upper bound of bytes passed to one TLS record"}),
    as_harmless({"tune.ssl.keylog", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "keep TLS secrets so that they can be logged for decryption"}),
    as_harmless({"tune.ssl.keyupdate-rate-limit", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<limit>",
                 "KeyUpdate messages per second before a connection is closed"}),
    as_harmless({"tune.ssl.ssl-ctx-cache-size", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "entries of the cache of generated certificates"}),
    // OCSP stapling updates
    as_harmless({"ocsp-update.disable", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "[ on | off ]",
                 "switch every OCSP update off"}),
    as_harmless({"ocsp-update.httpproxy", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<address>[:port]",
                 "HTTP proxy for OCSP requests"}),
    as_harmless({"ocsp-update.maxdelay", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "longest interval between two updates of an OCSP response"}),
    as_harmless({"ocsp-update.mindelay", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "shortest interval between two updates of an OCSP response"}),
    as_harmless({"ocsp-update.mode", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "[ on | off ]",
                 "whether OCSP responses are updated unless a certificate says so"}),
    as_harmless({"tune.ssl.ocsp-update.maxdelay", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "deprecated name of ocsp-update.maxdelay"}),
    as_harmless({"tune.ssl.ocsp-update.mindelay", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "deprecated name of ocsp-update.mindelay"}),
    // certificate orders and tokens
    as_harmless({"acme.scheduler", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ auto | off }",
                 "whether certificates are renewed through ACME automatically"}),
    {"jwt.decrypt_alg_list", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<list>",
     "key management algorithms that the jwt_decrypt converters accept"},
    {"jwt.decrypt_enc_list", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<list>",
     "content encryption algorithms that the jwt_decrypt converters accept"},
    // the internal HTTP client (OCSP, ACME, Lua)
    as_harmless({"httpclient.resolvers.disabled", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<on|off>",
                 "do not resolve names in the internal HTTP client"}),
    as_harmless({"httpclient.resolvers.id", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<resolvers id>",
                 "resolvers section that the internal HTTP client uses"}),
    as_harmless({"httpclient.resolvers.prefer", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<ipv4|ipv6>",
                 "address family that the internal HTTP client prefers"}),
    as_harmless({"httpclient.retries", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "retries of the internal HTTP client"}),
    {"httpclient.ssl.ca-file", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<cafile>",
     "certificate authorities that the internal HTTP client trusts"},
    {"httpclient.ssl.verify", kGlobal, 0, 1, Block::none, Inherit::none, nullptr, "[none|required]",
     "whether the internal HTTP client verifies certificates"},
    as_harmless({"httpclient.timeout.connect", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<timeout>",
                 "connect timeout of the internal HTTP client"}),
};

}  // namespace

const config::Table kPlannedGlobalTls = kRows;

}  // namespace weir::haproxy
