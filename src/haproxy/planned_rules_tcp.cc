// Actions of quic-initial, tcp-request and tcp-response rules (manual 4.4), one row per rule set and action. All of
// them are planned: they are known to checks and man pages and nothing binds them yet. When a feature is built, its
// row moves to the table at the bottom of the feature's own file. The table lives as long as the program; planned.cc
// adds it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // quic-initial rules
    {"quic-initial accept", kFrontends, 0, -1, Block::none, Inherit::rules, nullptr, "[ { if | unless } <condition> ]",
     "let the packet, connection or content through and end the rules"},
    {"quic-initial dgram-drop", kFrontends, 0, -1, Block::none, Inherit::rules, nullptr,
     "[ { if | unless } <condition> ]", "drop the QUIC packet silently"},
    {"quic-initial do-log", kFrontends, 0, -1, Block::none, Inherit::rules, nullptr,
     "[profile <log_profile>] [ { if | unless } <condition> ]", "write a log line now"},
    {"quic-initial reject", kFrontends, 0, -1, Block::none, Inherit::rules, nullptr, "[ { if | unless } <condition> ]",
     "close the connection without an answer"},
    {"quic-initial send-retry", kFrontends, 0, -1, Block::none, Inherit::rules, nullptr,
     "[ { if | unless } <condition> ]", "answer the QUIC packet with Retry"},
    // tcp-request connection rules
    {"tcp-request connection expect-netscaler-cip", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "layer4 [ { if | unless } <condition> ]", "expect a NetScaler CIP header on this connection"},
    {"tcp-request connection expect-proxy", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "layer4 [ { if | unless } <condition> ]", "expect a PROXY protocol header on this connection"},
    {"tcp-request connection set-fc-mark", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <mark> | <expr> } [ { if | unless } <condition> ]", "set the netfilter mark of packets to the client"},
    {"tcp-request connection set-fc-tos", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <tos> | <expr> } [ { if | unless } <condition> ]", "set the DSCP field of packets to the client"},
    {"tcp-request connection set-mark", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "<mark> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-mark"},
    {"tcp-request connection set-tos", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "<tos> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-tos"},
    {"tcp-request connection lua.", kFrontends, 0, -1, Block::none, Inherit::rules, nullptr,
     "<name> [<args>...] [ { if | unless } <condition> ]", "run an action registered by a Lua script"},
    // tcp-request session rules
    {"tcp-request session attach-srv", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "<srv> [name <expr>] [ { if | unless } <condition> ]",
     "hand the connection over to a reverse HTTP server as an idle one"},
    {"tcp-request session set-fc-mark", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <mark> | <expr> } [ { if | unless } <condition> ]", "set the netfilter mark of packets to the client"},
    {"tcp-request session set-fc-tos", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <tos> | <expr> } [ { if | unless } <condition> ]", "set the DSCP field of packets to the client"},
    {"tcp-request session set-mark", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "<mark> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-mark"},
    {"tcp-request session set-tos", kFrontends, 1, -1, Block::none, Inherit::rules, nullptr,
     "<tos> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-tos"},
    {"tcp-request session lua.", kFrontends, 0, -1, Block::none, Inherit::rules, nullptr,
     "<name> [<args>...] [ { if | unless } <condition> ]", "run an action registered by a Lua script"},
    // tcp-request content rules
    {"tcp-request content send-spoe-group", kProxies, 2, -1, Block::none, Inherit::rules, nullptr,
     "<engine-name> <group-name> [ { if | unless } <condition> ]", "send a group of messages to an SPOE agent"},
    {"tcp-request content set-bandwidth-limit", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<name> [limit {<expr> | <size>}] [period {<expr> | <time>}] [ { if | unless } <condition> ]",
     "start a bandwidth limit filter for this stream"},
    {"tcp-request content set-bc-mark", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <mark> | <expr> } [ { if | unless } <condition> ]", "set the netfilter mark of packets to the server"},
    {"tcp-request content set-bc-tos", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <tos> | <expr> } [ { if | unless } <condition> ]", "set the DSCP field of packets to the server"},
    {"tcp-request content set-fc-mark", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <mark> | <expr> } [ { if | unless } <condition> ]", "set the netfilter mark of packets to the client"},
    {"tcp-request content set-fc-tos", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <tos> | <expr> } [ { if | unless } <condition> ]", "set the DSCP field of packets to the client"},
    {"tcp-request content set-mark", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<mark> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-mark"},
    {"tcp-request content set-tos", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<tos> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-tos"},
    {"tcp-request content switch-mode", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "http [ proto <name> ] [ { if | unless } <condition> ]", "continue this TCP stream as HTTP"},
    {"tcp-request content use-service", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<service-name> [ { if | unless } <condition> ]",
     "answer with an internal service, such as a Lua or Prometheus one"},
    // tcp-response content rules
    {"tcp-response content close", kBackends, 0, -1, Block::none, Inherit::rules, nullptr,
     "[ { if | unless } <condition> ]", "close the server connection at once"},
    {"tcp-response content send-spoe-group", kBackends, 2, -1, Block::none, Inherit::rules, nullptr,
     "<engine-name> <group-name> [ { if | unless } <condition> ]", "send a group of messages to an SPOE agent"},
    {"tcp-response content set-bandwidth-limit", kBackends, 1, -1, Block::none, Inherit::rules, nullptr,
     "<name> [limit {<expr> | <size>}] [period {<expr> | <time>}] [ { if | unless } <condition> ]",
     "start a bandwidth limit filter for this stream"},
    {"tcp-response content set-fc-mark", kBackends, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <mark> | <expr> } [ { if | unless } <condition> ]", "set the netfilter mark of packets to the client"},
    {"tcp-response content set-fc-tos", kBackends, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <tos> | <expr> } [ { if | unless } <condition> ]", "set the DSCP field of packets to the client"},
    {"tcp-response content set-mark", kBackends, 1, -1, Block::none, Inherit::rules, nullptr,
     "<mark> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-mark"},
    {"tcp-response content set-tos", kBackends, 1, -1, Block::none, Inherit::rules, nullptr,
     "<tos> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-tos"},
    {"tcp-response content lua.", kBackends, 0, -1, Block::none, Inherit::rules, nullptr,
     "<name> [<args>...] [ { if | unless } <condition> ]", "run an action registered by a Lua script"},
};

}  // namespace

const config::Table kPlannedRulesTcp = kRows;

}  // namespace weir::haproxy
