// Tuning words of the `global` section (tune.*): buffers, scheduling, HTTP/1, HTTP/2, QUIC, Lua, sockets, variables.
// All of them are planned: they are known to checks and man pages and nothing binds them yet. When a feature is
// built, its row moves to the table at the bottom of the feature's own file. The table lives as long as the program;
// planned.cc adds it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::as_harmless;
using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // buffers and forwarding
    as_harmless({"tune.applet.zero-copy-forwarding", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "forward data of internal services without copies"}),
    as_harmless({"tune.memory.hot-size", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "memory that each thread keeps cached per pool"}),
    as_harmless({"tune.fail-alloc", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "percentage of allocations that fail on purpose"}),
    as_harmless({"tune.defaults.purge", kGlobal, 0, 1, Block::none, Inherit::none, nullptr,
                 "[{ all | none | <element[,...]> }]",
                 "which defaults sections are freed after the configuration is read"}),
    // polling and scheduling
    as_harmless({"tune.epoll.mask-events", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<event[,...]>",
                 "epoll events to ignore"}),
    as_harmless({"tune.fd.tables", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ shared | per-thread-group }",
                 "one descriptor table for all threads or one per thread group"}),
    as_harmless({"tune.max-rules-at-once", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "rules evaluated in a row before a stream yields"}),
    as_harmless({"tune.max-checks-per-thread", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "running health checks per thread before another thread is sought"}),
    as_harmless({"tune.renice.startup", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "nice value while the configuration is read"}),
    as_harmless({"tune.renice.runtime", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "nice value once the process runs"}),
    as_harmless({"tune.ring.queues", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "write queues in front of ring buffers"}),
    as_harmless({"tune.streams-elasticity", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "target of streams per connection as the process fills up, in percent"}),
    as_harmless({"tune.takeover-other-tg-connections", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<value>",
                 "whether idle connections of other thread groups may be used"}),
    {"tune.glitches.kill.cpu-usage", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "processor usage from which connections with glitches are closed"},
    // listeners and idle connections
    as_harmless({"tune.pool-high-fd-ratio", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "share of descriptors above which idle connections are killed"}),
    as_harmless({"tune.pool-low-fd-ratio", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "share of descriptors above which new idle connections are not kept"}),
    // sockets
    as_harmless({"tune.notsent-lowat.client", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "unsent bytes the kernel keeps for clients"}),
    as_harmless({"tune.notsent-lowat.server", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "unsent bytes the kernel keeps for servers"}),
    as_harmless({"tune.rcvbuf.frontend", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "kernel receive buffer of datagram listeners"}),
    as_harmless({"tune.rcvbuf.backend", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "kernel receive buffer of datagram sockets towards servers"}),
    as_harmless({"tune.sndbuf.frontend", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "kernel send buffer of datagram listeners"}),
    as_harmless({"tune.sndbuf.backend", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "kernel send buffer of datagram sockets towards servers"}),
    // HTTP in general
    {"tune.peers.max-updates-at-once", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "table updates handled at once when peers exchange", "a peer has its turn for some batches of 16 kB"},
    // HTTP/1
    {"tune.h1.be.glitches-threshold", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "glitches after which an HTTP/1 server connection is closed"},
    {"tune.h1.fe.glitches-threshold", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "glitches after which an HTTP/1 client connection is closed"},
    // QUIC
    as_harmless({"tune.quic.be.cc.cubic-min-losses", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "losses that Cubic counts as one loss event towards servers"}),
    as_harmless({"tune.quic.fe.cc.cubic-min-losses", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "losses that Cubic counts as one loss event towards clients"}),
    as_harmless({"tune.quic.be.cc.hystart", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "HyStart++ in the slow start of QUIC towards servers"}),
    as_harmless({"tune.quic.fe.cc.hystart", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "HyStart++ in the slow start of QUIC towards clients"}),
    as_harmless({"tune.quic.be.cc.max-frame-loss", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "losses of one frame that close a QUIC server connection"}),
    as_harmless({"tune.quic.fe.cc.max-frame-loss", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "losses of one frame that close a QUIC client connection"}),
    as_harmless({"tune.quic.be.cc.max-win-size", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "largest congestion window towards servers"}),
    as_harmless({"tune.quic.fe.cc.max-win-size", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "largest congestion window towards clients"}),
    as_harmless({"tune.quic.be.cc.reorder-ratio", kGlobal, 1, 1, Block::none, Inherit::none, nullptr,
                 "<0..100, in percent>", "reordering threshold of loss detection towards servers"}),
    as_harmless({"tune.quic.fe.cc.reorder-ratio", kGlobal, 1, 1, Block::none, Inherit::none, nullptr,
                 "<0..100, in percent>", "reordering threshold of loss detection towards clients"}),
    as_harmless({"tune.quic.be.max-idle-timeout", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<timeout>",
                 "idle timeout announced to QUIC servers"}),
    as_harmless({"tune.quic.fe.max-idle-timeout", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<timeout>",
                 "idle timeout announced to QUIC clients"}),
    {"tune.quic.be.sec.glitches-threshold", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "glitches after which a QUIC server connection is closed"},
    {"tune.quic.fe.sec.glitches-threshold", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "glitches after which a QUIC client connection is closed"},
    {"tune.quic.fe.sec.retry-threshold", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "half-open QUIC connections from which Retry is demanded"},
    as_harmless({"tune.quic.fe.sock-per-conn", kGlobal, 1, 1, Block::none, Inherit::none, nullptr,
                 "{ default-on | force-off }", "whether each QUIC client connection gets its own socket"}),
    as_harmless({"tune.quic.be.stream.data-ratio", kGlobal, 1, 1, Block::none, Inherit::none, nullptr,
                 "<0..100, in percent>", "share of the window that one stream may use towards servers"}),
    as_harmless({"tune.quic.fe.stream.data-ratio", kGlobal, 1, 1, Block::none, Inherit::none, nullptr,
                 "<0..100, in percent>", "share of the window that one stream may use towards clients"}),
    as_harmless({"tune.quic.be.stream.max-concurrent", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "concurrent streams per QUIC server connection"}),
    as_harmless({"tune.quic.fe.stream.max-concurrent", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "concurrent streams per QUIC client connection"}),
    {"tune.quic.fe.stream.max-total", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "requests in a QUIC client connection's life"},
    as_harmless({"tune.quic.be.stream.rxbuf", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "bytes in flight that a QUIC server connection may have"}),
    as_harmless({"tune.quic.fe.stream.rxbuf", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "bytes in flight that a QUIC client connection may have"}),
    as_harmless({"tune.quic.be.tx.pacing", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "pace QUIC sending towards servers"}),
    as_harmless({"tune.quic.fe.tx.pacing", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "pace QUIC sending towards clients"}),
    as_harmless({"tune.quic.be.tx.udp-gso", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "send several QUIC datagrams per system call towards servers"}),
    as_harmless({"tune.quic.fe.tx.udp-gso", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "send several QUIC datagrams per system call towards clients"}),
    as_harmless({"tune.quic.listen", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "whether QUIC listeners are started at all"}),
    as_harmless({"tune.quic.mem.tx-max", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
                 "limit of memory for QUIC data in flight"}),
    as_harmless({"tune.quic.zero-copy-fwd-send", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "send QUIC data without copies"}),
    // Lua
    as_harmless({"tune.lua.bool-sample-conversion", kGlobal, 1, 1, Block::none, Inherit::none, nullptr,
                 "{ normal | pre-3.1-bug }", "how boolean samples reach Lua"}),
    as_harmless({"tune.lua.forced-yield", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "Lua instructions between forced yields"}),
    as_harmless({"tune.lua.log.loggers", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "send Lua's log lines to the configured log targets"}),
    as_harmless({"tune.lua.log.stderr", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | auto | off }",
                 "send Lua's log lines to standard error"}),
    {"tune.lua.openlibs", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "[all | none | <lib>[,<lib>...]]",
     "Lua standard libraries to open"},
    as_harmless({"tune.lua.service-timeout", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<timeout>",
                 "time that a Lua service may run"}),
    as_harmless({"tune.lua.session-timeout", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<timeout>",
                 "time that a Lua action, fetch or converter may run"}),
    as_harmless({"tune.lua.task-timeout", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<timeout>",
                 "time that a Lua task may run"}),
};

}  // namespace

const config::Table kPlannedGlobalTune = kRows;

}  // namespace weir::haproxy
