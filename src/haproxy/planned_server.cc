// Options of `server`, `default-server` and `server-template` lines. All of them are planned: they are known to
// checks and man pages and nothing binds them yet. When a feature is built, its row moves to the table at the bottom
// of the feature's own file. The table lives as long as the program; planned.cc adds it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // identity
    {"guid", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<string>",
     "fixed unique name of the server in statistics"},
    // address and name resolution
    {"namespace", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "network namespace of connections"},
    {"cc", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<algo>", "TCP congestion control algorithm"},
    {"tcp-md5sig", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<password>",
     "password of TCP MD5 signatures"},
    // health checks
    {"check-pool-conn-name", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "name under which checks look for idle connections"},
    {"check-proto", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<name>", "protocol of checks"},
    {"check-reuse-pool", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "let checks use idle connections"},
    // persistence and redirection
    // connections
    {"idle-ping", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<delay>",
     "interval of pings on idle connections"},
    {"quic-cc-algo", kServerOption, 1, 1, Block::none, Inherit::none, nullptr,
     "{ cubic | newreno | bbr | nocc }[(<args,...>)]", "QUIC congestion control"},
    {"ws", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "{ auto | h1 | h2 }",
     "protocol for WebSocket requests"},
    // TLS: certificates and trust
    // TLS: negotiation
    {"allow-0rtt", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "", "send early data"},
    {"ktls", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<on|off>",
     "let the kernel encrypt and decrypt"},
    {"renegotiate", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "", "allow secure renegotiation"},
    {"no-renegotiate", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "no renegotiation, after a default"},
};

}  // namespace

const config::Table kPlannedServer = kRows;

}  // namespace weir::haproxy
