#pragma once
// All fetches and converters by name. Each file of fetch_*.cc and convert_*.cc has its table at the bottom and a
// function here that gives it out. The man pages and `weir check`'s suggestions are made from the same rows.
#include <span>
#include <vector>

#include "expr/fetch.h"

namespace weir::expr {

using FetchTable = std::span<const FetchDef>;
using ConvertTable = std::span<const ConvertDef>;

FetchTable internal_fetches();  // constants, process, time, variables
FetchTable proxy_fetches();  // frontends, backends, servers
FetchTable limit_fetches();  // timeouts and retries
FetchTable connection_fetches();  // addresses, ports, TCP
FetchTable tls_fetches();  // sessions and certificates of both sides
FetchTable client_hello_fetches();  // what was kept of the hello that began TLS here
FetchTable request_fetches();  // request line, path, URL
FetchTable header_fetches();  // headers and cookies of both directions
FetchTable auth_fetches();  // the Authorization header
FetchTable body_fetches();  // bodies and bytes
FetchTable hello_fetches();        // TLS hellos that pass through
FetchTable table_fetches();  // stick tables
FetchTable track_fetches();  // entries of stick tables
FetchTable log_fetches();  // timers, counters

ConvertTable number_converters();
ConvertTable text_converters();
ConvertTable code_converters();  // base64, hex, URL, JSON encodings
ConvertTable digest_converters();  // checksums, hashes, HMAC
ConvertTable time_converters();
ConvertTable misc_converters();  // variables, debug, addresses
ConvertTable json_converters();
ConvertTable forwarded_converters();  // RFC 7239
ConvertTable map_converters();
ConvertTable table_converters();  // stick tables

const FetchDef* find_fetch(Str name);
const ConvertDef* find_converter(Str name);
std::vector<Str> fetch_names();
std::vector<Str> converter_names();

}  // namespace weir::expr
