// Section openers, and the words of every section other than `global` and the proxies. All of them are planned: they
// are known to checks and man pages and nothing binds them yet. When a feature is built, its row moves to the table
// at the bottom of the feature's own file. The table lives as long as the program; planned.cc adds it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    // section openers
    {"namespace_list", kTop, 0, 0, Block::required, Inherit::none, nullptr, "", "network namespaces that may be named"},
    // userlist
    // mailers
    {"mailer", kMailers, 2, 2, Block::none, Inherit::none, nullptr, "<mailername> <ip>:<port>", "a mail server"},
    {"timeout mail", kMailers, 1, 1, Block::none, Inherit::none, nullptr, "<time>", "time for sending a mail"},
    // cache
    {"total-max-size", kCache, 1, 1, Block::none, Inherit::none, nullptr, "<megabytes>",
     "memory of the cache in megabytes"},
    {"max-object-size", kCache, 1, 1, Block::none, Inherit::none, nullptr, "<bytes>", "largest object that is stored"},
    {"max-age", kCache, 1, 1, Block::none, Inherit::none, nullptr, "<seconds>", "longest time an object is kept"},
    {"max-secondary-entries", kCache, 1, 1, Block::none, Inherit::none, nullptr, "<number>",
     "variants of one object that are kept"},
    {"process-vary", kCache, 1, 1, Block::none, Inherit::none, nullptr, "<on/off>", "heed the Vary header"},
    {"early-hints", kCache, 1, 3, Block::none, Inherit::none, nullptr, "<on/off/only> [ratio <integer>]",
     "send 103 Early Hints learned from responses"},
    // http-errors
    // fcgi-app
    {"docroot", kFcgiApp, 1, 1, Block::none, Inherit::none, nullptr, "<path>",
     "document root on the application's side"},
    {"index", kFcgiApp, 1, 1, Block::none, Inherit::none, nullptr, "<script-name>",
     "script appended to a path that ends in a slash"},
    {"log-stderr", kFcgiApp, 1, -1, Block::none, Inherit::none, nullptr,
     "{ global | <target> [len <length>] [format <format>] [sample <ranges>:<sample_size>] <facility> [<level> "
     "[<minlevel>]] }",
     "where the application's error output is logged"},
    {"pass-header", kFcgiApp, 1, -1, Block::none, Inherit::none, nullptr, "<name> [ { if | unless } <condition> ]",
     "pass a request header that is normally dropped"},
    {"hide-header", kFcgiApp, 1, -1, Block::none, Inherit::none, nullptr, "<name> [ { if | unless } <condition> ]",
     "drop a request header that is normally passed"},
    {"path-info", kFcgiApp, 1, 1, Block::none, Inherit::none, nullptr, "<regex>",
     "expression that splits script name and path info"},
    {"set-param", kFcgiApp, 2, -1, Block::none, Inherit::none, nullptr, "<name> <fmt> [ { if | unless } <condition> ]",
     "set a FastCGI parameter"},
    {"unset-param", kFcgiApp, 1, -1, Block::none, Inherit::none, nullptr, "<name> [ { if | unless } <condition> ]",
     "leave a FastCGI parameter out"},
    // traces
    {"trace", kTraces, 1, -1, Block::none, Inherit::none, nullptr, "<source> <args...>",
     "settings of one trace source, as on the runtime socket"},
    // acme
    {"account-key", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<filename>",
     "file with the account's private key"},
    {"acme-vars", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<string>",
     "variables for the DNS provider's program"},
    {"bits", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<number>", "size of RSA keys"},
    {"challenge", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<string>", "kind of challenge"},
    {"challenge-ready", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<value>[,<value>]*",
     "how the challenge is known to be in place"},
    {"contact", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<string>", "contact address of the account"},
    {"curves", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<string>", "curve of ECDSA keys"},
    {"directory", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<string>", "URL of the authority's directory"},
    {"dns-delay", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<time>",
     "pause before DNS records are looked for"},
    {"dns-timeout", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<time>", "how long DNS records are looked for"},
    {"eab-key-id", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<filename>",
     "file with the key identifier of external account binding"},
    {"eab-mac-key", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<filename>",
     "file with the MAC key of external account binding"},
    {"eab-mac-alg", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "{ HS256 | HS384 | HS512 }",
     "MAC algorithm of external account binding"},
    {"keytype", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<string>", "RSA or ECDSA keys"},
    {"map", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<map>", "map that stores tokens of HTTP challenges"},
    {"profile", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<string>", "profile of certificate to order"},
    {"provider-name", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "<string>", "DNS provider of DNS challenges"},
    {"reuse-key", kAcme, 1, 1, Block::none, Inherit::none, nullptr, "{ on | off }", "keep the private key at renewal"},
    // healthcheck
};

}  // namespace

const config::Table kPlannedSections = kRows;

}  // namespace weir::haproxy
