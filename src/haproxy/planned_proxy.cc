// Words of `defaults`, `frontend`, `listen` and `backend`, without options, rules and checks. All of them are
// planned: they are known to checks and man pages and nothing binds them yet. When a feature is built, its row moves
// to the table at the bottom of the feature's own file. The table lives as long as the program; planned.cc adds it to
// the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr ContextMask kSections = kFrontend | kListen | kBackend;

constexpr Row kRows[] = {
    // the proxy itself
    {"guid", kSections, 1, 1, Block::none, Inherit::none, nullptr, "<string>",
     "fixed unique name of the proxy in statistics"},
    {"acl", kFcgiApp, 2, -1, Block::none, Inherit::rules, nullptr,
     "<aclname> <criterion> [flags] [operator] <value> ...", "name a condition on a sample"},
    // listening
    // choosing a backend or server
    // servers
    {"use-fcgi-app", kListen | kBackend, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "FastCGI application that the servers run"},
    // retries, reuse and queues
    {"http-send-name-header", kBackends, 0, 1, Block::none, Inherit::copy, nullptr, "[<header>]",
     "request header that carries the server's name"},
    // persistence
    // timeouts
    // captures and logs
    {"email-alert from", kProxies, 1, 1, Block::none, Inherit::copy, nullptr, "<emailaddr>", "sender of e-mail alerts"},
    {"email-alert level", kProxies, 1, 1, Block::none, Inherit::copy, nullptr, "<level>",
     "least severe log level that sends an e-mail"},
    {"email-alert mailers", kProxies, 1, 1, Block::none, Inherit::copy, nullptr, "<mailersect>",
     "mailers section that sends e-mail alerts"},
    {"email-alert myhostname", kProxies, 1, 1, Block::none, Inherit::copy, nullptr, "<hostname>",
     "host name used towards mailers"},
    {"email-alert to", kProxies, 1, 1, Block::none, Inherit::copy, nullptr, "<emailaddr>",
     "recipient of e-mail alerts"},
    // error pages
    // compression
    {"compression algo-req", kProxies, 1, 1, Block::none, Inherit::copy, nullptr, "<algorithm>",
     "algorithm for compressing requests"},
    {"compression type-req", kProxies, 1, -1, Block::none, Inherit::copy, nullptr, "<mime type> ...",
     "media types of requests that are compressed"},
    {"compression minsize-req", kProxies, 1, 1, Block::none, Inherit::copy, nullptr, "<size>",
     "smallest request body that is compressed"},
    {"compression direction", kProxies, 1, 1, Block::none, Inherit::copy, nullptr, "<direction>",
     "deprecated; whether requests, responses or both are compressed"},
    // filters
    {"filter trace", kSections, 0, -1, Block::none, Inherit::none, nullptr,
     "[name <name>] [random-forwarding] [max-fwd <max>] [hexdump]",
     "print every filter event to standard error, for debugging"},
    {"filter comp-req", kSections, 0, 0, Block::none, Inherit::none, nullptr, "",
     "place of request compression among the filters"},
    {"filter comp-res", kSections, 0, 0, Block::none, Inherit::none, nullptr, "",
     "place of response compression among the filters"},
    {"filter compression", kSections, 0, 0, Block::none, Inherit::none, nullptr, "",
     "deprecated; place of both compressions among the filters"},
    {"filter spoe", kSections, 2, 4, Block::none, Inherit::none, nullptr, "[engine <name>] config <file>",
     "ask an external agent about streams"},
    {"filter cache", kSections, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "place of a cache among the filters"},
    {"filter fcgi-app", kSections, 1, 1, Block::none, Inherit::none, nullptr, "<name>",
     "place of a FastCGI application among the filters"},
    {"filter bwlim-in", kSections, 5, -1, Block::none, Inherit::none, nullptr,
     "<name> { default-limit <size> default-period <time> | limit <size> key <pattern> [table <table>] } [min-size "
     "<sz>]",
     "limit the upload bandwidth of streams"},
    {"filter bwlim-out", kSections, 5, -1, Block::none, Inherit::none, nullptr,
     "<name> { default-limit <size> default-period <time> | limit <size> key <pattern> [table <table>] } [min-size "
     "<sz>]",
     "limit the download bandwidth of streams"},
    {"filter-sequence", kSections, 2, 2, Block::none, Inherit::none, nullptr, "{ request | response } <filter_list>",
     "order in which filters run in one direction"},
};

}  // namespace

const config::Table kPlannedProxy = kRows;

}  // namespace weir::haproxy
