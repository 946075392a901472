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
    // identity and defaults
    {"from", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<origin>",
     "start from the options of another server"},
    {"guid", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<string>",
     "fixed unique name of the server in statistics"},
    // load and limits
    {"minconn", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<minconn>",
     "lower end of the limit, which grows with the backend's load"},
    {"maxqueue", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<maxqueue>",
     "limit of requests waiting for this server"},
    {"strict-maxconn", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "count connections, not requests, against maxconn"},
    {"slowstart", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<start_time_in_ms>",
     "time over which a server that came back gets its full share"},
    {"shard", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<shard>",
     "shard of the peers' tables that this peer holds"},
    // address and name resolution
    {"init-state", kServerOption, 1, 1, Block::none, Inherit::none, nullptr,
     "{ fully-up | up | down | fully-down | none }", "state in which the server starts"},
    {"resolvers", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<id>",
     "resolvers section that keeps the address up to date"},
    {"resolve-prefer", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<family>",
     "address family to prefer"},
    {"resolve-net", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<network>[,<network[,...]]",
     "networks to prefer"},
    {"resolve-opts", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<option>,<option>,...",
     "options of name resolution"},
    {"source", kServerOption, 1, 5, Block::none, Inherit::none, nullptr,
     "<addr>[:<pl>[-<ph>]] [usesrc { <addr2>[:<port2>] | client | clientip | hdr_ip(<hdr>[,<occ>]) }] [interface "
     "<name>]",
     "local address of connections"},
    {"usesrc", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "{ <addr2>[:<port2>] | client | clientip }",
     "continuation of `source`; valid only after it"},
    {"socks4", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<addr>:<port>",
     "SOCKS4 proxy on the way to the server"},
    {"namespace", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "network namespace of connections"},
    {"cc", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<algo>", "TCP congestion control algorithm"},
    {"tcp-md5sig", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<password>",
     "password of TCP MD5 signatures"},
    {"tcp-ut", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<delay>",
     "TCP user timeout towards the server"},
    {"tfo", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "", "TCP Fast Open"},
    {"no-tfo", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "", "no TCP Fast Open, after a default"},
    // health checks
    {"check", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "", "check the server's health"},
    {"no-check", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "", "no health checks, after a default"},
    {"healthcheck", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "healthcheck section to follow"},
    {"addr", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<ipv4|ipv6>",
     "address to check instead of the server's"},
    {"port", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<port>",
     "port to check instead of the server's"},
    {"inter", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<delay>", "time between checks"},
    {"fastinter", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<delay>",
     "time between checks while the state changes"},
    {"downinter", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<delay>",
     "time between checks while the server is down"},
    {"rise", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<count>", "good checks until the server is up"},
    {"fall", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<count>",
     "bad checks until the server is down"},
    {"check-alpn", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<protocols>",
     "protocols offered by ALPN in checks"},
    {"check-pool-conn-name", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "name under which checks look for idle connections"},
    {"check-proto", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<name>", "protocol of checks"},
    {"check-reuse-pool", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "let checks use idle connections"},
    {"no-check-reuse-pool", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "checks open their own connections, after a default"},
    {"check-send-proxy", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "send a PROXY protocol header in checks"},
    {"no-check-send-proxy", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "no PROXY protocol header in checks, after a default"},
    {"check-sni", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<sni>", "server name in TLS checks"},
    {"check-sni-auto", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "server name in TLS checks taken from their Host header"},
    {"no-check-sni-auto", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "no automatic server name in checks"},
    {"check-ssl", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "TLS in checks even where traffic has none"},
    {"no-check-ssl", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "", "no TLS in checks, after a default"},
    {"check-via-socks4", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "checks go through the SOCKS4 proxy as well"},
    {"track", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "[<backend>/]<server>",
     "take over the health of another server"},
    {"agent-check", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "ask an agent on the server about its state"},
    {"no-agent-check", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "no agent checks, after a default"},
    {"agent-addr", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<addr>", "address of the agent"},
    {"agent-inter", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<delay>", "time between agent checks"},
    {"agent-port", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<port>", "port of the agent"},
    {"agent-send", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<string>", "text sent to the agent"},
    {"observe", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<mode>", "learn health from live traffic"},
    {"error-limit", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<count>",
     "errors in live traffic until on-error acts"},
    {"on-error", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<mode>",
     "what to do when live traffic shows errors"},
    // persistence and redirection
    {"cookie", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<value>",
     "value of the persistence cookie for this server"},
    {"redir", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<prefix>",
     "redirect GET and HEAD to this prefix instead of proxying"},
    {"stick", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "entries in stick tables, after a default of non-stick"},
    {"non-stick", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "never store this server in stick tables"},
    // connections
    {"idle-ping", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<delay>",
     "interval of pings on idle connections"},
    {"pool-conn-name", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<expr>",
     "name under which an idle connection may be used again"},
    {"pool-low-conn", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<max>",
     "idle connections below which threads do not take from each other"},
    {"proto", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "protocol towards the server, without negotiation"},
    {"quic-cc-algo", kServerOption, 1, 1, Block::none, Inherit::none, nullptr,
     "{ cubic | newreno | bbr | nocc }[(<args,...>)]", "QUIC congestion control"},
    {"ws", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "{ auto | h1 | h2 }",
     "protocol for WebSocket requests"},
    {"log-bufsize", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<bufsize>",
     "ring buffer of a log server"},
    {"log-proto", kServerOption, 1, 1, Block::none, Inherit::none, nullptr, "<logproto>",
     "framing of a log server's stream"},
    // PROXY protocol
    {"send-proxy-v2-ssl", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "PROXY v2 header with TLS information"},
    {"no-send-proxy-v2-ssl", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "no PROXY v2 header with TLS information, after a default"},
    {"send-proxy-v2-ssl-cn", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "PROXY v2 header with the client certificate's common name"},
    {"no-send-proxy-v2-ssl-cn", kServerOption, 0, 0, Block::none, Inherit::none, nullptr, "",
     "no PROXY v2 header with common name, after a default"},
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
