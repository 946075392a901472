// Words of the `global` section about processes, identity, resources, the environment, logs, Lua and devices. All of
// them are planned: they are known to checks and man pages and nothing binds them yet. When a feature is built, its
// row moves to the table at the bottom of the feature's own file. The table lives as long as the program; planned.cc
// adds it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::as_harmless;
using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // start, reload and stop
    {"cluster-secret", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<secret>",
     "secret shared by the nodes of one cluster, used for QUIC tokens and resets"},
    as_harmless({"stats-file", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<path>",
                 "file with counters to preload at start"}),
    as_harmless({"shm-stats-file", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
                 "keep the statistics counters in a shared memory file"}),
    as_harmless({"shm-stats-file-max-objects", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "how many counter objects the shared statistics file can hold"}),
    // limits
    as_harmless({"maxcompcpuusage", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "processor usage in percent above which compression is reduced"}),
    as_harmless({"maxzlibmem", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
                 "limit of the memory, in megabytes, that zlib may use"}),
    // polling and sockets
    as_harmless({"noktls", kGlobal, 0, 0, Block::none, Inherit::none, nullptr, "", "do not use kernel TLS"}),
    // logs and statistics
    as_harmless({"stats calculate-max-counters", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "[on|off]",
                 "whether maximum counters of the statistics are computed"}),
    // HTTP in general
    {"http-err-codes", kGlobal, 1, -1, Block::none, Inherit::none, nullptr, "[+-]<range>[,...] [...]",
     "which status codes count as errors in stick tables and states"},
    {"http-fail-codes", kGlobal, 1, -1, Block::none, Inherit::none, nullptr, "[+-]<range>[,...] [...]",
     "which status codes count as failures in stick tables and states"},
    {"h1-accept-payload-with-any-method", kGlobal, 0, 0, Block::none, Inherit::none, nullptr, "",
     "accept HTTP/1.0 bodies with GET, HEAD and DELETE"},
    {"h1-do-not-close-on-insecure-transfer-encoding", kGlobal, 0, 0, Block::none, Inherit::none, nullptr, "",
     "keep HTTP/1 connections whose messages carry both body length headers"},
    {"h1-case-adjust", kGlobal, 2, 2, Block::none, Inherit::none, nullptr, "<from> <to>",
     "spelling of a header name towards peers that need other letter case"},
    {"h1-case-adjust-file", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<hdrs-file>",
     "file of header spellings for peers that need other letter case"},
    {"h2-workaround-bogus-websocket-clients", kGlobal, 0, 0, Block::none, Inherit::none, nullptr, "",
     "do not announce WebSocket over HTTP/2 to clients"},
    {"pp2-never-send-local", kGlobal, 0, 0, Block::none, Inherit::none, nullptr, "",
     "never send the LOCAL command in PROXY v2 health checks"},
    {"dns-accept-family", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<family>[,...]",
     "which address families DNS answers may carry"},
    // Lua
    // debugging
    as_harmless({"anonkey", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<key>",
                 "key that hashes names in anonymised dumps"}),
    as_harmless({"debug.counters", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "update the debugging event counters"}),
    as_harmless({"force-cfg-parser-pause", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<timeout>",
                 "pause the configuration parser, for tests"}),
    as_harmless({"stress-level", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<level>",
                 "use alternative code that stresses the program, for tests"}),
    as_harmless({"profiling.memory", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
                 "count memory allocations per calling function"}),
    // device detection add-ons
    {"51degrees-data-file", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<file path>",
     "data file of the 51Degrees device detection"},
    {"51degrees-property-name-list", kGlobal, 1, -1, Block::none, Inherit::none, nullptr, "[<string> ...]",
     "51Degrees properties to load"},
    {"51degrees-property-separator", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<char>",
     "character between 51Degrees property values"},
    {"51degrees-cache-size", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "entries of the 51Degrees result cache"},
    {"51degrees-use-performance-graph", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
     "use the performance graph of 51Degrees"},
    {"51degrees-use-predictive-graph", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
     "use the predictive graph of 51Degrees"},
    {"51degrees-drift", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "drift that a 51Degrees detection may allow"},
    {"51degrees-difference", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "difference that a 51Degrees detection may allow"},
    {"51degrees-allow-unmatched", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }",
     "use unmatched nodes in 51Degrees detection"},
    {"deviceatlas-json-file", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<path>", "data file of DeviceAtlas"},
    {"deviceatlas-log-level", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<value>",
     "log level of the DeviceAtlas library"},
    {"deviceatlas-properties-cookie", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "cookie with properties found by the DeviceAtlas client component"},
    {"deviceatlas-separator", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<char>",
     "character between DeviceAtlas property values"},
    {"deviceatlas-property-separator", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<char>",
     "character between DeviceAtlas property values"},
    {"deviceatlas-cache-size", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "entries of the DeviceAtlas result cache"},
    {"wurfl-data-file", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<file path>",
     "data file of WURFL device detection"},
    {"wurfl-cache-size", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<size>",
     "entries of the WURFL user-agent cache"},
    {"wurfl-information-list", kGlobal, 1, -1, Block::none, Inherit::none, nullptr, "[<capability>]*",
     "WURFL capabilities to report"},
    {"wurfl-information-list-separator", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "<char>",
     "character between WURFL values"},
    {"wurfl-patch-file", kGlobal, 1, -1, Block::none, Inherit::none, nullptr, "[<file path>]",
     "WURFL patch files loaded at start"},
    {"wurfl-engine-mode", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ accuracy | performance }",
     "target of the WURFL engine, accuracy or performance"},
    {"wurfl-useragent-priority", kGlobal, 1, 1, Block::none, Inherit::none, nullptr, "{ plain | sideloaded_browser }",
     "whether WURFL prefers the plain or the sideloaded user agent"},
};

}  // namespace

const config::Table kPlannedGlobal = kRows;

}  // namespace weir::haproxy
