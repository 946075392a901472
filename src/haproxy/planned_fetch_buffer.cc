// Sample fetches on raw buffer contents (manual 7.3.5). The rows know the words, for checks, lists and man pages; those that
// expr/fetch_*.cc has need none and may have one. The table lives as long as the program; planned.cc adds it to the index.
#include "haproxy/planned.h"

#include "haproxy/context.h"

namespace weir::haproxy {
namespace {

using config::Block;
using config::Inherit;
using config::Row;

constexpr Row kRows[] = {
    {"distcc_body", kFetch, 1, 2, Block::none, Inherit::none, nullptr, "(<token>[,<occ>]) : binary",
     "body of a token in a distcc message"},
    {"distcc_param", kFetch, 1, 2, Block::none, Inherit::none, nullptr, "(<token>[,<occ>]) : integer",
     "parameter of a token in a distcc message"},
    {"payload", kFetch, 2, 2, Block::none, Inherit::none, nullptr, "(<offset>,<length>) : binary",
     "deprecated; replaced by: req.payload or res.payload"},
    {"payload_lv", kFetch, 2, 3, Block::none, Inherit::none, nullptr, "(<offset1>,<length>[,<offset2>]) : binary",
     "deprecated; replaced by: req.payload_lv or res.payload_lv"},
    {"req.len", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": integer", "bytes in the request buffer"},
    {"req_len", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": integer", "deprecated; replaced by: req.len"},
    {"req.payload", kFetch, 2, 2, Block::none, Inherit::none, nullptr, "(<offset>,<length>) : binary",
     "a block of the request buffer"},
    {"req.payload_lv", kFetch, 2, 3, Block::none, Inherit::none, nullptr, "(<offset1>,<length>[,<offset2>]) : binary",
     "a block of the request buffer whose length stands in it"},
    {"req.proto_http", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": boolean",
     "whether the request buffer holds HTTP"},
    {"req_proto_http", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": boolean",
     "deprecated; replaced by: req.proto_http"},
    {"req.rdp_cookie", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>]) : string", "an RDP cookie"},
    {"rdp_cookie", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([<name>]) : string",
     "deprecated; replaced by: req.rdp_cookie"},
    {"req.rdp_cookie_cnt", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([name]) : integer",
     "number of RDP cookies"},
    {"rdp_cookie_cnt", kFetch, 0, 1, Block::none, Inherit::none, nullptr, "([name]) : integer",
     "deprecated; replaced by: req.rdp_cookie_cnt"},
    {"req.ssl_alpn", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": string",
     "ALPN protocols of a client hello in the buffer"},
    {"req.ssl_ec_ext", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": boolean",
     "whether a client hello in the buffer names curves"},
    {"req.ssl_hello_type", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": integer",
     "type of the TLS hello in the request buffer"},
    {"req_ssl_hello_type", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": integer",
     "deprecated; replaced by: req.ssl_hello_type"},
    {"req.ssl_sni", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": string",
     "server name of a client hello in the buffer"},
    {"req_ssl_sni", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": string",
     "deprecated; replaced by: req.ssl_sni"},
    {"req.ssl_st_ext", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": integer",
     "whether a client hello in the buffer has a session ticket"},
    {"req.ssl_ver", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": integer",
     "TLS version of a client hello in the buffer"},
    {"req_ssl_ver", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": integer",
     "deprecated; replaced by: req.ssl_ver"},
    {"res.len", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": integer", "bytes in the response buffer"},
    {"res.payload", kFetch, 2, 2, Block::none, Inherit::none, nullptr, "(<offset>,<length>) : binary",
     "a block of the response buffer"},
    {"res.payload_lv", kFetch, 2, 3, Block::none, Inherit::none, nullptr, "(<offset1>,<length>[,<offset2>]) : binary",
     "a block of the response buffer whose length stands in it"},
    {"res.ssl_hello_type", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": integer",
     "type of the TLS hello in the response buffer"},
    {"rep_ssl_hello_type", kFetch, 0, 0, Block::none, Inherit::none, nullptr, ": integer",
     "deprecated; replaced by: res.ssl_hello_type"},
};

}  // namespace

const config::Table kPlannedFetchBuffer = kRows;

}  // namespace weir::haproxy
