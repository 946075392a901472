// Planned variables: those of modules that are not built yet. They have no fetch, so checks know the names while starting
// refuses them. add_builtin_variables() registers them once at start, before the built ones, which win. A name leaves this
// table when its feature gets a file of its own.
#include "nginx/modules.h"

namespace weir::nginx {
namespace {

const VariableDef kRows[] = {
    // upstream caches
    {"upstream_cache_status", nullptr},
    {"upstream_cache_last_modified", nullptr},
    {"upstream_cache_etag", nullptr},
    {"upstream_cache_key", nullptr},
    {"upstream_last_server_name", nullptr},
    // FastCGI, gRPC, memcached
    {"fastcgi_script_name", nullptr},
    {"fastcgi_path_info", nullptr},
    {"grpc_internal_trailers", nullptr},
    {"memcached_key", nullptr},
    // slice, SSI, userid, browser
    {"slice_range", nullptr},
    {"date_local", nullptr},
    {"date_gmt", nullptr},
    {"uid_got", nullptr},
    {"uid_set", nullptr},
    {"uid_reset", nullptr},
    {"modern_browser", nullptr},
    {"ancient_browser", nullptr},
    {"msie", nullptr},
    {"image_filter", nullptr},
    // HTTP/2 and HTTP/3, QUIC
    {"http2", nullptr},
    {"http3", nullptr},
    {"quic", nullptr},
    // core
    {"request_body_file", nullptr},
    {"request_port", nullptr},
    {"is_request_port", nullptr},
    {"proxy_add_via", nullptr},
    {"realip_add_x_forwarded_for", nullptr},
    // TLS
    {"ssl_sigalg", nullptr},
    {"ssl_sigalgs", nullptr},
    {"ssl_client_sigalg", nullptr},
    {"ssl_ech_status", nullptr},
    {"ssl_ech_outer_server_name", nullptr},
    {"ssl_preread_protocol", nullptr},
    {"ssl_preread_server_name", nullptr},
    {"ssl_preread_alpn_protocols", nullptr},
    // GeoIP
    {"geoip_country_code", nullptr},
    {"geoip_country_code3", nullptr},
    {"geoip_country_name", nullptr},
    {"geoip_org", nullptr},
    {"geoip_city_continent_code", nullptr},
    {"geoip_city_country_code", nullptr},
    {"geoip_city_country_code3", nullptr},
    {"geoip_city_country_name", nullptr},
    {"geoip_region", nullptr},
    {"geoip_region_name", nullptr},
    {"geoip_city", nullptr},
    {"geoip_postal_code", nullptr},
    {"geoip_latitude", nullptr},
    {"geoip_longitude", nullptr},
    {"geoip_dma_code", nullptr},
    {"geoip_area_code", nullptr},
    // JWT, OpenID Connect, sessions, tracing
    {"jwt_header_", nullptr},
    {"jwt_claim_", nullptr},
    {"jwt_payload", nullptr},
    {"jwt_audience", nullptr},
    {"oidc_id_token", nullptr},
    {"oidc_access_token", nullptr},
    {"oidc_claim_", nullptr},
    {"session_log_id", nullptr},
    {"session_log_binary_id", nullptr},
    {"otel_trace_id", nullptr},
    {"otel_span_id", nullptr},
    {"otel_parent_id", nullptr},
    {"otel_parent_sampled", nullptr},
    {"acme_certificate", nullptr},
    {"acme_certificate_key", nullptr},
    // other authors' modules
    {"brotli_ratio", nullptr},
    {"zstd_ratio", nullptr},
    {"upload_file_name", nullptr},
    {"upload_field_name", nullptr},
    {"upload_content_type", nullptr},
    {"upload_tmp_path", nullptr},
    {"upload_file_size", nullptr},
    {"upload_file_md5", nullptr},
    {"upload_file_sha1", nullptr},
    {"upload_file_crc32", nullptr},
    {"upload_file_number", nullptr},
    {"echo_it", nullptr},
    {"echo_timer_elapsed", nullptr},
    {"echo_request_body", nullptr},
    {"echo_request_method", nullptr},
    {"echo_request_uri", nullptr},
    {"echo_cacheable_request_uri", nullptr},
    {"echo_response_status", nullptr},
    {"echo_client_request_headers", nullptr},
    {"echo_client_request_method", nullptr},
    {"echo_incr", nullptr},
};

}  // namespace

const std::span<const VariableDef> kPlannedVariables{kRows};

}  // namespace weir::nginx
