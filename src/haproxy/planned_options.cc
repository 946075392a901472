// Every `option X` of proxies, FastCGI applications and log forwarders. All of them are planned: they are known to
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
    // connections
    {"option independent-streams", kProxies, 0, 0, Block::none, Inherit::copy, nullptr, "",
     "count timeouts of the two directions separately"},
    {"option nolinger", kProxies, 0, 0, Block::none, Inherit::copy, nullptr, "",
     "reset sockets on close instead of lingering"},
    {"option use-small-buffers", kBackends, 0, 3, Block::none, Inherit::copy, nullptr,
     "[ queue | l7-retries | check ]*", "use small buffers in queues, retries or checks"},
    // HTTP connection handling
    {"option http-use-proxy-header", kFrontends, 0, 0, Block::none, Inherit::copy, nullptr, "",
     "heed Proxy-Connection instead of Connection"},
    // HTTP messages
    {"option checkcache", kBackends, 0, 0, Block::none, Inherit::copy, nullptr, "",
     "block cacheable responses that set cookies"},
    {"option h1-case-adjust-bogus-client", kFrontends, 0, 0, Block::none, Inherit::copy, nullptr, "",
     "adjust header case towards clients"},
    {"option h1-case-adjust-bogus-server", kBackends, 0, 0, Block::none, Inherit::copy, nullptr, "",
     "adjust header case towards servers"},
    // logs and statistics
    // FastCGI applications
    {"option get-values", kFcgiApp, 0, 0, Block::none, Inherit::none, nullptr, "",
     "ask the application for its connection limits"},
    {"option keep-conn", kFcgiApp, 0, 0, Block::none, Inherit::none, nullptr, "",
     "let the application keep connections open"},
    {"option max-reqs", kFcgiApp, 1, 1, Block::none, Inherit::none, nullptr, "<reqs>",
     "concurrent requests that the application accepts"},
    {"option mpxs-conns", kFcgiApp, 0, 0, Block::none, Inherit::none, nullptr, "",
     "multiplex requests on one connection"},
};

}  // namespace

const config::Table kPlannedOptions = kRows;

}  // namespace weir::haproxy
