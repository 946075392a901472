// Planned words: the HTTP core: servers, locations, files, TLS, HTTP/2 and HTTP/3. Their rows have no binder, so
// checks, help and completion know the words while starting refuses them. add_planned() puts the table into the index
// once at start; it is static data. A row moves to its feature's file once the feature is built, which is why rows
// stand by module.
#include "nginx/context.h"
#include "nginx/planned.h"

namespace weir::nginx {
namespace {

using config::as_harmless;
using config::Block;
using config::Inherit;
using config::without_effect;

constexpr Str kNoHttp2 = "HTTP/2 is not built yet";
constexpr Str kPools = "memory comes in pieces of one size";

constexpr config::Row kRows[] = {
    // ngx_http_core_module
    without_effect({"variables_hash_max_size", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "size",
                    "Largest size of the hash table of variables."},
                   "variables are found when the file is read"),
    without_effect({"variables_hash_bucket_size", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "size",
                    "Bucket size of the hash table of variables."},
                   "variables are found when the file is read"),
    without_effect({"connection_pool_size", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
                    "First allocation of memory per connection."},
                   kPools),
    without_effect({"request_pool_size", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
                    "First allocation of memory per request."},
                   kPools),
    {"client_body_early_read", kHttp | kServer, 1, -1, Block::none, Inherit::array, nullptr, "string ...",
     "Reads the body before the request is processed when a value is not empty and not 0."},
    without_effect({"subrequest_output_buffer_size", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr,
                    "size", "Size of the buffer for a subrequest's response kept in memory."},
                   "it keeps no response of a subrequest in memory"),
    as_harmless({"keepalive_min_timeout", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "timeout",
                 "How long an idle connection is kept at least, even when a worker shuts down."}),
    as_harmless({"msie_padding", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
                 "Pads error pages so that old Internet Explorer shows them."}),
    as_harmless({"msie_refresh", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
                 "Sends old Internet Explorer a refresh instead of a redirect."}),
    as_harmless({"early_hints", kHttpServerLocation, 1, -1, Block::none, Inherit::array, nullptr, "string ...",
                 "Passes 103 responses to the client when a value is not empty and not 0."}),
    // ngx_http_ssl_module
    {"ssl_ech_file", kHttp | kServer, 1, 1, Block::none, Inherit::array, nullptr, "file",
     "PEM file with a key and configuration for Encrypted Client Hello."},
    as_harmless({"ssl_certificate_compression", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr,
                 "on | off", "Whether server certificates are sent compressed to clients that offer it."}),
    without_effect({"ssl_buffer_size", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
                    "Size of the buffer for sending; small ones give the first byte sooner."},
                   "a record is as long as what is there to be sent, at most 16 kilobytes"),
    as_harmless({"ssl_early_data", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
                 "Whether TLS 1.3 early data is accepted; such requests can be replayed."}),
    // ngx_http_v2_module
    without_effect({"http2_recv_buffer_size", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "size",
                    "Size of each worker's buffer for reading HTTP/2 data."},
                   kNoHttp2),
    without_effect({"http2_pool_size", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
                    "First allocation of memory per HTTP/2 connection."},
                   kNoHttp2),
    without_effect({"http2_max_concurrent_streams", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr,
                    "number", "Most streams at a time on one HTTP/2 connection."},
                   kNoHttp2),
    without_effect({"http2_max_concurrent_pushes", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr,
                    "number", "Obsolete: nginx warns and ignores it, as server push is gone."},
                   kNoHttp2),
    without_effect({"http2_max_requests", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "number",
                    "Obsolete: nginx warns and ignores it; see keepalive_requests."},
                   kNoHttp2),
    without_effect({"http2_max_field_size", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
                    "Obsolete: nginx warns and ignores it; see large_client_header_buffers."},
                   kNoHttp2),
    without_effect({"http2_max_header_size", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
                    "Obsolete: nginx warns and ignores it; see large_client_header_buffers."},
                   kNoHttp2),
    without_effect({"http2_body_preread_size", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
                    "Size of the buffer per request for body data that arrives before it is asked for."},
                   kNoHttp2),
    without_effect({"http2_streams_index_size", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "number",
                    "Size of the index by which streams of a connection are found."},
                   kNoHttp2),
    without_effect({"http2_recv_timeout", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "time",
                    "Obsolete: nginx warns and ignores it; see client_header_timeout."},
                   kNoHttp2),
    without_effect({"http2_idle_timeout", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "time",
                    "Obsolete: nginx warns and ignores it; see keepalive_timeout."},
                   kNoHttp2),
    without_effect({"http2_chunk_size", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
                    "Largest piece into which response bodies are cut."},
                   kNoHttp2),
    without_effect({"http2_push_preload", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
                    "Obsolete: nginx warns and ignores it, as server push is gone."},
                   kNoHttp2),
    without_effect({"http2_push", kHttpServerLocation, 1, 1, Block::none, Inherit::scalar, nullptr, "uri | off",
                    "Obsolete: nginx warns and ignores it, as server push is gone."},
                   kNoHttp2),
    // ngx_http_v3_module
    as_harmless({"http3", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
                 "Whether HTTP/3 is negotiated on QUIC listeners of this server."}),
    as_harmless({"http3_hq", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
                 "Whether HTTP/0.9 over QUIC is negotiated, for interoperability tests."}),
    as_harmless({"http3_max_concurrent_streams", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "number",
                 "Most request streams at a time on one HTTP/3 connection."}),
    as_harmless({"http3_stream_buffer_size", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "size",
                 "Size of the buffers for reading and writing QUIC streams."}),
    as_harmless({"quic_retry", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
                 "Whether QUIC clients must prove their address before a connection is made."}),
    as_harmless({"quic_gso", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "on | off",
                 "Whether many QUIC packets are handed to the kernel in one call."}),
    as_harmless({"quic_host_key", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr, "file",
                 "File with the secret for stateless resets and address tokens of QUIC."}),
    as_harmless({"quic_active_connection_id_limit", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, nullptr,
                 "number", "Number of QUIC connection ids kept per connection."}),
};

}  // namespace

const config::Table kPlannedHttp = kRows;

}  // namespace weir::nginx
