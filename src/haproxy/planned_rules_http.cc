// Actions of http-request, http-response and http-after-response rules (manual 4.4), a row per rule set and action.
// All of them are planned: they are known to checks and man pages and nothing binds them yet. When a feature is
// built, its row moves to the table at the bottom of the feature's own file. The table lives as long as the program;
// planned.cc adds it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // http-request rules
    {"http-request add-acl", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "(<file-name>) <key fmt> [ { if | unless } <condition> ]", "add an entry to an ACL"},
    {"http-request add-headers-bin", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<expr> [ prefix <str> ] [ { if | unless } <condition> ]", "add headers from a binary list"},
    {"http-request cache-use", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<name> [no-early-hints] [ { if | unless } <condition> ]", "answer from a cache when it can"},
    {"http-request del-acl", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "(<file-name>) <key fmt> [ { if | unless } <condition> ]", "delete an entry from an ACL"},
    {"http-request del-headers-bin", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<expr> [ -m <meth> ] [ { if | unless } <condition> ]", "delete the headers of a binary list of names"},
    {"http-request del-map", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "(<map-name>) <key fmt> [ { if | unless } <condition> ]", "delete an entry from a map"},
    {"http-request early-hint", kProxies, 2, -1, Block::none, Inherit::rules, nullptr,
     "<name> <fmt> [ { if | unless } <condition> ]", "send a header in a 103 Early Hints response"},
    {"http-request send-spoe-group", kProxies, 2, -1, Block::none, Inherit::rules, nullptr,
     "<engine-name> <group-name> [ { if | unless } <condition> ]", "send a group of messages to an SPOE agent"},
    {"http-request set-bandwidth-limit", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<name> [limit {<expr> | <size>}] [period {<expr> | <time>}] [ { if | unless } <condition> ]",
     "start a bandwidth limit filter for this stream"},
    {"http-request set-bc-mark", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <mark> | <expr> } [ { if | unless } <condition> ]", "set the netfilter mark of packets to the server"},
    {"http-request set-bc-tos", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <tos> | <expr> } [ { if | unless } <condition> ]", "set the DSCP field of packets to the server"},
    {"http-request set-fc-mark", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <mark> | <expr> } [ { if | unless } <condition> ]", "set the netfilter mark of packets to the client"},
    {"http-request set-fc-tos", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <tos> | <expr> } [ { if | unless } <condition> ]", "set the DSCP field of packets to the client"},
    {"http-request set-headers-bin", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<expr> [ prefix <str> ] [ { if | unless } <condition> ]", "set headers from a binary list"},
    {"http-request set-map", kProxies, 2, -1, Block::none, Inherit::rules, nullptr,
     "(<map-name>) <key fmt> <value fmt> [ { if | unless } <condition> ]", "set an entry of a map"},
    {"http-request set-mark", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<mark> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-mark"},
    {"http-request set-tos", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<tos> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-tos"},
    {"http-request wait-for-handshake", kProxies, 0, -1, Block::none, Inherit::rules, nullptr,
     "[ { if | unless } <condition> ]", "wait for the TLS handshake to end, so that early data is safe"},
    // http-response rules
    {"http-response add-acl", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "(<file-name>) <key fmt> [ { if | unless } <condition> ]", "add an entry to an ACL"},
    {"http-response add-headers-bin", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<expr> [ prefix <str> ] [ { if | unless } <condition> ]", "add headers from a binary list"},
    {"http-response cache-store", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<name> [ { if | unless } <condition> ]", "store the response in a cache"},
    {"http-response del-acl", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "(<file-name>) <key fmt> [ { if | unless } <condition> ]", "delete an entry from an ACL"},
    {"http-response del-headers-bin", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<expr> [ -m <meth> ] [ { if | unless } <condition> ]", "delete the headers of a binary list of names"},
    {"http-response del-map", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "(<map-name>) <key fmt> [ { if | unless } <condition> ]", "delete an entry from a map"},
    {"http-response send-spoe-group", kProxies, 2, -1, Block::none, Inherit::rules, nullptr,
     "<engine-name> <group-name> [ { if | unless } <condition> ]", "send a group of messages to an SPOE agent"},
    {"http-response set-bandwidth-limit", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<name> [limit {<expr> | <size>}] [period {<expr> | <time>}] [ { if | unless } <condition> ]",
     "start a bandwidth limit filter for this stream"},
    {"http-response set-fc-mark", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <mark> | <expr> } [ { if | unless } <condition> ]", "set the netfilter mark of packets to the client"},
    {"http-response set-fc-tos", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "{ <tos> | <expr> } [ { if | unless } <condition> ]", "set the DSCP field of packets to the client"},
    {"http-response set-headers-bin", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<expr> [ prefix <str> ] [ { if | unless } <condition> ]", "set headers from a binary list"},
    {"http-response set-map", kProxies, 2, -1, Block::none, Inherit::rules, nullptr,
     "(<map-name>) <key fmt> <value fmt> [ { if | unless } <condition> ]", "set an entry of a map"},
    {"http-response set-mark", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<mark> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-mark"},
    {"http-response set-timeout", kProxies, 2, -1, Block::none, Inherit::rules, nullptr,
     "{ client | connect | queue | server | tarpit | tunnel } { <timeout> | <expr> } [ { if | unless } <condition> ]",
     "change a timeout for this stream"},
    {"http-response set-tos", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<tos> [ { if | unless } <condition> ]", "deprecated; replaced by: set-fc-tos"},
    {"http-response wait-for-body", kProxies, 2, -1, Block::none, Inherit::rules, nullptr,
     "time <time> [ at-least <bytes> ] [use-large-buffer] [ { if | unless } <condition> ]",
     "wait for the body, or a part of it, before going on"},
    // http-after-response rules
    {"http-after-response add-headers-bin", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<expr> [ prefix <str> ] [ { if | unless } <condition> ]", "add headers from a binary list"},
    {"http-after-response del-acl", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "(<file-name>) <key fmt> [ { if | unless } <condition> ]", "delete an entry from an ACL"},
    {"http-after-response del-headers-bin", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<expr> [ -m <meth> ] [ { if | unless } <condition> ]", "delete the headers of a binary list of names"},
    {"http-after-response del-map", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "(<map-name>) <key fmt> [ { if | unless } <condition> ]", "delete an entry from a map"},
    {"http-after-response set-headers-bin", kProxies, 1, -1, Block::none, Inherit::rules, nullptr,
     "<expr> [ prefix <str> ] [ { if | unless } <condition> ]", "set headers from a binary list"},
    {"http-after-response set-map", kProxies, 2, -1, Block::none, Inherit::rules, nullptr,
     "(<map-name>) <key fmt> <value fmt> [ { if | unless } <condition> ]", "set an entry of a map"},
};

}  // namespace

const config::Table kPlannedRulesHttp = kRows;

}  // namespace weir::haproxy
