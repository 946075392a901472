// Aliases of log formats (manual 8.2.6), named without their percent sign. The rows know the words, for checks, lists and
// man pages; which aliases are built says haproxy/log_tags.cc, and their rows stay. The table lives as long as the program;
// planned.cc adds it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // flags and origin
    {"o", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "apply the flags to all items that follow"},
    {"OG", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "step at which the line was made"},
    // dates
    {"T", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "accept date in UTC"},
    {"Tl", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "accept date in local time"},
    {"Ts", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "accept date as seconds"},
    {"t", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "accept date in local time with milliseconds"},
    {"ms", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "milliseconds of the accept date"},
    {"tr", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "request date in local time with milliseconds"},
    {"trg", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "request date in UTC"},
    {"trl", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "request date in local time"},
    // times in milliseconds
    {"Ta", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "from the request's first byte to the end"},
    {"Tc", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "connection to the server"},
    {"Td", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "transfer of the response"},
    {"Th", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "accepting and handshakes"},
    {"Ti", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "idling before the request"},
    {"Tq", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "from accept to the end of the request head"},
    {"TR", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "receiving the request head"},
    {"Tr", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "waiting for the response head"},
    {"Tt", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "from accept to the end"},
    {"Tu", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "as the user saw it, without idling"},
    {"Tw", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "waiting in queues"},
    // bytes
    {"B", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "bytes from the server to the client"},
    {"U", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "bytes from the client to the server"},
    // request and response
    {"HM", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "method of the request"},
    {"HP", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "target of the request without its query"},
    {"HPO", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "path of the request, without host and query"},
    {"HQ", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "query of the request, with its question mark"},
    {"HU", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "target of the request"},
    {"HV", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "HTTP version of the request"},
    {"r", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "request line"},
    {"ST", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "status code"},
    {"CC", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "captured request cookie"},
    {"CS", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "captured response cookie"},
    {"hr", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "captured request headers in braces"},
    {"hrl", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "captured request headers, one field each"},
    {"hs", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "captured response headers in braces"},
    {"hsl", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "captured response headers, one field each"},
    {"ID", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "identifier of the request"},
    // client side
    {"ci", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "client address"},
    {"cp", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "client port"},
    {"f", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "name of the frontend"},
    {"ft", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "name of the frontend, with ~ for TLS"},
    {"fi", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "address that the client connected to"},
    {"fp", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "port that the client connected to"},
    {"sslc", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "cipher of the client connection"},
    {"sslv", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "TLS version of the client connection"},
    // server side
    {"b", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "name of the backend"},
    {"bi", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "local address towards the server"},
    {"bp", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "local port towards the server"},
    {"s", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "name of the server"},
    {"si", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "address of the server"},
    {"sp", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "port of the server"},
    // counters
    {"ac", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "concurrent connections of the process"},
    {"bc", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "concurrent connections of the backend"},
    {"fc", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "concurrent connections of the frontend"},
    {"sc", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "concurrent connections of the server"},
    {"bq", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "streams ahead in the backend's queue"},
    {"sq", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "streams ahead in the server's queue"},
    {"rc", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "retries, with + after a redispatch"},
    {"rt", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "number of the request or session"},
    {"lc", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "number of the log line in its frontend"},
    // the rest
    {"H", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "host name of this machine"},
    {"pid", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "number of the process"},
    {"ts", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "termination state"},
    {"tsc", kLogTag, 0, 0, Block::none, Inherit::none, nullptr, "", "termination state with cookie state"},
};

}  // namespace

const config::Table kPlannedLogTags = kRows;

}  // namespace weir::haproxy
