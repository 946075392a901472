// Words of older HAProxy versions that people's files still have; HAProxy 3.5 refuses them. Each names its successor.
// They stand here so that a check can say what to write instead: every help text ends in `replaced by: `, which is
// also how they are told from words that are still to come. The table lives as long as the program; planned.cc adds
// it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr ContextMask kSections = kFrontend | kListen | kBackend;

constexpr Row kRows[] = {
    // headers and access rules before 2.1
    {"reqallow", kProxies, 1, -1, Block::none, Inherit::none, nullptr, "<search> [ { if | unless } <cond> ]",
     "allow requests by expression; replaced by: http-request allow"},
    {"reqiallow", kProxies, 1, -1, Block::none, Inherit::none, nullptr, "<search> [ { if | unless } <cond> ]",
     "allow requests by expression; replaced by: http-request allow"},
    {"reqdeny", kProxies, 1, -1, Block::none, Inherit::none, nullptr, "<search> [ { if | unless } <cond> ]",
     "deny requests by expression; replaced by: http-request deny"},
    {"reqideny", kProxies, 1, -1, Block::none, Inherit::none, nullptr, "<search> [ { if | unless } <cond> ]",
     "deny requests by expression; replaced by: http-request deny"},
    {"reqpass", kProxies, 1, -1, Block::none, Inherit::none, nullptr, "<search> [ { if | unless } <cond> ]",
     "pass headers unchecked; replaced by: an exception in the condition of http-request rules"},
    {"reqipass", kProxies, 1, -1, Block::none, Inherit::none, nullptr, "<search> [ { if | unless } <cond> ]",
     "pass headers unchecked; replaced by: an exception in the condition of http-request rules"},
    {"reqrep", kProxies, 2, -1, Block::none, Inherit::none, nullptr, "<search> <string> [ { if | unless } <cond> ]",
     "rewrite the request; replaced by: http-request replace-path or http-request replace-header"},
    {"reqirep", kProxies, 2, -1, Block::none, Inherit::none, nullptr, "<search> <string> [ { if | unless } <cond> ]",
     "rewrite the request; replaced by: http-request replace-path or http-request replace-header"},
    {"reqtarpit", kProxies, 1, -1, Block::none, Inherit::none, nullptr, "<search> [ { if | unless } <cond> ]",
     "tarpit requests by expression; replaced by: http-request tarpit"},
    {"reqitarpit", kProxies, 1, -1, Block::none, Inherit::none, nullptr, "<search> [ { if | unless } <cond> ]",
     "tarpit requests by expression; replaced by: http-request tarpit"},
    {"reqsetbe", kProxies, 2, -1, Block::none, Inherit::none, nullptr, "<search> <backend>",
     "choose a backend by expression; replaced by: use_backend"},
    {"reqisetbe", kProxies, 2, -1, Block::none, Inherit::none, nullptr, "<search> <backend>",
     "choose a backend by expression; replaced by: use_backend"},
    {"rspdeny", kProxies, 1, -1, Block::none, Inherit::none, nullptr, "<search> [ { if | unless } <cond> ]",
     "deny responses by expression; replaced by: http-response deny"},
    {"rspideny", kProxies, 1, -1, Block::none, Inherit::none, nullptr, "<search> [ { if | unless } <cond> ]",
     "deny responses by expression; replaced by: http-response deny"},
    {"rsprep", kProxies, 2, -1, Block::none, Inherit::none, nullptr, "<search> <string> [ { if | unless } <cond> ]",
     "rewrite response headers; replaced by: http-response replace-header"},
    {"rspirep", kProxies, 2, -1, Block::none, Inherit::none, nullptr, "<search> <string> [ { if | unless } <cond> ]",
     "rewrite response headers; replaced by: http-response replace-header"},
    {"cliexp", kProxies, 0, -1, Block::none, Inherit::none, nullptr, "<search> <string>",
     "rewrite the request; replaced by: http-request replace-header"},
    {"srvexp", kProxies, 0, -1, Block::none, Inherit::none, nullptr, "<search> <string>",
     "rewrite the response; replaced by: http-response replace-header"},
    // persistence, servers and timeouts
    {"appsession", kProxies, 0, -1, Block::none, Inherit::none, nullptr, "<cookie> len <length> timeout <holdtime>",
     "learn application cookies; replaced by: stick-table, stick store-response, stick match"},
    {"dispatch", kListen | kBackend, 1, 1, Block::none, Inherit::none, nullptr, "<address>:<port>",
     "address for requests without a server; replaced by: server"},
    {"transparent", kBackends, 0, 0, Block::none, Inherit::none, nullptr, "",
     "connect to the original destination; replaced by: server with address 0.0.0.0"},
    {"option transparent", kBackends, 0, 0, Block::none, Inherit::none, nullptr, "",
     "connect to the original destination; replaced by: server with address 0.0.0.0"},
    {"option http_proxy", kProxies, 0, 0, Block::none, Inherit::none, nullptr, "",
     "proxy absolute URLs; replaced by: http-request do-resolve and http-request set-dst"},
    {"crt", kFrontend | kListen, 1, -1, Block::none, Inherit::none, nullptr, "<cert>",
     "certificate of the frontend; replaced by: ssl-f-use"},
    // connection modes
    // processes and monitoring
    {"grace", kProxies, 0, 1, Block::none, Inherit::none, nullptr, "<time>",
     "pause before a proxy stops; replaced by: grace in the global section"},
    {"monitor-net", kFrontends, 1, 1, Block::none, Inherit::none, nullptr, "<source>",
     "networks that are only probed; replaced by: http-request return with a condition on src"},
    {"tune.quic.cc-hystart", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
     "HyStart++; replaced by: tune.quic.fe.cc.hystart"},
    {"tune.quic.cc.cubic.min-losses", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "losses of one event; replaced by: tune.quic.fe.cc.cubic-min-losses"},
    {"tune.quic.disable-tx-pacing", kGlobal, 0, 0, Block::none, Inherit::none, nullptr, "",
     "no pacing; replaced by: tune.quic.fe.tx.pacing off"},
    {"tune.quic.disable-udp-gso", kGlobal, 0, 0, Block::none, Inherit::none, nullptr, "",
     "no UDP GSO; replaced by: tune.quic.fe.tx.udp-gso off"},
    {"tune.quic.frontend.conn-tx-buffers.limit", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "send buffers; replaced by: tune.quic.fe.cc.max-win-size"},
    {"tune.quic.frontend.default-max-window-size", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
     "congestion window; replaced by: tune.quic.fe.cc.max-win-size"},
    {"tune.quic.frontend.glitches-threshold", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "glitches; replaced by: tune.quic.fe.sec.glitches-threshold"},
    {"tune.quic.frontend.max-data-size", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
     "receive buffer; replaced by: tune.quic.fe.stream.rxbuf"},
    {"tune.quic.frontend.max-idle-timeout", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<timeout>",
     "idle timeout; replaced by: tune.quic.fe.max-idle-timeout"},
    {"tune.quic.frontend.max-streams-bidi", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "streams; replaced by: tune.quic.fe.stream.max-concurrent"},
    {"tune.quic.frontend.max-tx-mem", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
     "memory for sending; replaced by: tune.quic.mem.tx-max"},
    {"tune.quic.frontend.stream-data-ratio", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<0..100, in percent>",
     "share of the window; replaced by: tune.quic.fe.stream.data-ratio"},
    {"tune.quic.backend.max-idle-timeout", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<timeout>",
     "idle timeout; replaced by: tune.quic.be.max-idle-timeout"},
    {"tune.quic.max-frame-loss", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "losses of one frame; replaced by: tune.quic.fe.cc.max-frame-loss"},
    {"tune.quic.reorder-ratio", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<0..100, in percent>",
     "reordering threshold; replaced by: tune.quic.fe.cc.reorder-ratio"},
    {"tune.quic.retry-threshold", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "half-open connections; replaced by: tune.quic.fe.sec.retry-threshold"},
    {"tune.quic.socket-owner", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ connection | listener }",
     "socket per connection; replaced by: tune.quic.fe.sock-per-conn"},
    // filters
    {"filter opentracing", kSections, 2, -1, Block::none, Inherit::none, nullptr, "[id <id>] config <file>",
     "trace streams with OpenTracing; replaced by: the OpenTelemetry filter"},
    // resolvers
    {"resolution_pool_size", kResolvers, 1, 1, Block::none, Inherit::none, nullptr, "<nb>",
     "never released; replaced by: nothing, remove it"},
    // fetches
    {"set-cookie", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>])",
     "a response cookie; replaced by: res.cook"},
    // options of bind and server lines
    // external programs before 3.3
    {"program", kTop, 1, 1, Block::required, Inherit::none, nullptr, "<name>",
     "a program started by the master; replaced by: a service of the system's init"},
    {"command", kProgram, 1, -1, Block::none, Inherit::none, nullptr, "<command> [arguments*]",
     "command line of a program; replaced by: a service of the system's init"},
    {"user", kProgram, 1, 1, Block::none, Inherit::none, nullptr, "<user name>",
     "user of a program; replaced by: a service of the system's init"},
    {"group", kProgram, 1, 1, Block::none, Inherit::none, nullptr, "<group name>",
     "group of a program; replaced by: a service of the system's init"},
    {"option start-on-reload", kProgram, 0, 0, Block::none, Inherit::none, nullptr, "",
     "restart the program at reload; replaced by: a service of the system's init"},
};

}  // namespace

const config::Table kPlannedRemoved = kRows;

}  // namespace weir::haproxy
