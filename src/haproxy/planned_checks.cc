// The steps of scripted health checks: http-check and tcp-check rules. All of them are planned: they are known to
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
    // HTTP checks
    {"http-check comment", kBackends | kHealthcheck, 1, -1, Block::none, Inherit::copy, nullptr, "<string>",
     "text shown in logs when the next step fails"},
    {"http-check connect", kBackends | kHealthcheck, 0, -1, Block::none, Inherit::copy, nullptr,
     "[default] [port <expr>] [addr <ip>] [send-proxy] [via-socks4] [ssl] [sni <sni>] [alpn <alpn>] [linger] [proto "
     "<name>] [comment <msg>]",
     "open the connection of the check"},
    {"http-check disable-on-404", kBackends | kHealthcheck, 0, 0, Block::none, Inherit::copy, nullptr, "",
     "take a server that answers 404 out of the rotation gently"},
    {"http-check expect", kBackends | kHealthcheck, 2, -1, Block::none, Inherit::copy, nullptr,
     "[min-recv <int>] [comment <msg>] [ok-status <st>] [error-status <st>] [tout-status <st>] [on-success <fmt>] "
     "[on-error <fmt>] [status-code <expr>] [!] <match> <pattern>",
     "what the answer must look like"},
    {"http-check send", kBackends | kHealthcheck, 1, -1, Block::none, Inherit::copy, nullptr,
     "[meth <method>] [{ uri <uri> | uri-lf <fmt> }] [ver <version>] [hdr <name> <fmt>]* [{ body <string> | body-lf "
     "<fmt> }] [comment <msg>]",
     "request that the check sends"},
    {"http-check send-state", kBackends | kHealthcheck, 0, 0, Block::none, Inherit::copy, nullptr, "",
     "tell the server its state in X-Haproxy-Server-State"},
    {"http-check set-var", kBackends | kHealthcheck, 1, -1, Block::none, Inherit::copy, nullptr,
     "(<var-name>[,<cond>...]) <expr>", "set a variable of the check to an expression"},
    {"http-check set-var-fmt", kBackends | kHealthcheck, 1, 1, Block::none, Inherit::copy, nullptr,
     "(<var-name>[,<cond>...]) <fmt>", "set a variable of the check to a formatted string"},
    {"http-check unset-var", kBackends | kHealthcheck, 0, 0, Block::none, Inherit::copy, nullptr, "(<var-name>)",
     "remove a variable of the check"},
    // TCP checks
    {"tcp-check comment", kBackends | kHealthcheck, 1, -1, Block::none, Inherit::copy, nullptr, "<string>",
     "text shown in logs when the next step fails"},
    {"tcp-check connect", kBackends | kHealthcheck, 0, -1, Block::none, Inherit::copy, nullptr,
     "[default] [port <expr>] [addr <ip>] [send-proxy] [via-socks4] [ssl] [sni <sni>] [alpn <alpn>] [linger] [proto "
     "<name>] [comment <msg>]",
     "open the connection of the check"},
    {"tcp-check expect", kBackends | kHealthcheck, 2, -1, Block::none, Inherit::copy, nullptr,
     "[min-recv <int>] [comment <msg>] [ok-status <st>] [error-status <st>] [tout-status <st>] [on-success <fmt>] "
     "[on-error <fmt>] [status-code <expr>] [!] <match> <pattern>",
     "what the answer must look like"},
    {"tcp-check send", kBackends | kHealthcheck, 1, -1, Block::none, Inherit::copy, nullptr, "<data> [comment <msg>]",
     "text that the check sends"},
    {"tcp-check send-lf", kBackends | kHealthcheck, 1, -1, Block::none, Inherit::copy, nullptr, "<fmt> [comment <msg>]",
     "formatted text that the check sends"},
    {"tcp-check send-binary", kBackends | kHealthcheck, 1, -1, Block::none, Inherit::copy, nullptr,
     "<hexstring> [comment <msg>]", "bytes in hexadecimal that the check sends"},
    {"tcp-check send-binary-lf", kBackends | kHealthcheck, 1, -1, Block::none, Inherit::copy, nullptr,
     "<hexfmt> [comment <msg>]", "formatted hexadecimal bytes that the check sends"},
    {"tcp-check set-var", kBackends | kHealthcheck, 1, -1, Block::none, Inherit::copy, nullptr,
     "(<var-name>[,<cond>...]) <expr>", "set a variable of the check to an expression"},
    {"tcp-check set-var-fmt", kBackends | kHealthcheck, 1, 1, Block::none, Inherit::copy, nullptr,
     "(<var-name>[,<cond>...]) <fmt>", "set a variable of the check to a formatted string"},
    {"tcp-check unset-var", kBackends | kHealthcheck, 0, 0, Block::none, Inherit::copy, nullptr, "(<var-name>)",
     "remove a variable of the check"},
};

}  // namespace

const config::Table kPlannedChecks = kRows;

}  // namespace weir::haproxy
