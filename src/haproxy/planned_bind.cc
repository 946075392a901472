// Options of `bind` lines (also of `dgram-bind`, `default-bind` and `stats socket` where the manual allows them). All
// of them are planned: they are known to checks and man pages and nothing binds them yet. When a feature is built,
// its row moves to the table at the bottom of the feature's own file. The table lives as long as the program;
// planned.cc adds it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // the socket
    {"cc", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<algo>", "TCP congestion control algorithm"},
    {"namespace", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<name>", "network namespace of the socket"},
    {"tcp-md5sig", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<password>",
     "password of TCP MD5 signatures"},
    {"tcp-ss", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<mode>",
     "keep the client's SYN packet for fc_saved_syn"},
    // Unix sockets
    // identity and limits
    {"guid-prefix", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<string>",
     "prefix of the unique names of these sockets"},
    {"label", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<label>", "label that groups sockets"},
    {"nbconn", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<nbconn>",
     "connections that a reverse HTTP listener keeps to its peer"},
    // protocols
    {"accept-netscaler-cip", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<magic number>",
     "expect a NetScaler CIP header on each connection"},
    {"idle-ping", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<delay>",
     "interval of pings on idle connections"},
    {"proto", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "protocol of the connections, without negotiation"},
    {"quic-cc-algo", kBindOption, 1, 1, Block::none, Inherit::none, nullptr,
     "{ cubic | newreno | bbr | nocc }[(<args,...>)]", "QUIC congestion control"},
    {"quic-force-retry", kBindOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "answer each new QUIC connection with Retry"},
    {"quic-socket", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "[ connection | listener ]",
     "one socket per QUIC connection or the listener's"},
    // TLS: certificates and trust
    {"ca-sign-file", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<cafile>",
     "authority that signs generated certificates"},
    {"ca-sign-pass", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<passphrase>",
     "passphrase of the signing authority's key"},
    {"ech", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<dir>",
     "directory of Encrypted Client Hello keys"},
    {"generate-certificates", kBindOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "generate a certificate for each name asked for"},
    // TLS: negotiation
    {"allow-0rtt", kBindOption, 0, 0, Block::none, Inherit::none, nullptr, "", "accept TLS 1.3 early data"},
    {"ktls", kBindOption, 1, 1, Block::none, Inherit::none, nullptr, "<on|off>", "let the kernel encrypt and decrypt"},
};

}  // namespace

const config::Table kPlannedBind = kRows;

}  // namespace weir::haproxy
