// See tools/nginx_modules.h. Modules that configure leaves out unless asked are listed when they are built, those that
// it puts in unless told not to when they are not.
#include "tools/nginx_modules.h"

#include <algorithm>
#include <iterator>

#include "nginx/context.h"
#include "nginx/nginx.h"

namespace weir::tools {
namespace {

using config::ContextMask;
namespace ng = nginx;

struct Mark {
  Str word;  // "http_ssl_module"
  Str directive;  // stands for the module
  bool by_default;  // configure builds it unless told not to
  ContextMask context;  // where the directive stands, when another module has the same name elsewhere
};

constexpr ContextMask kAnyHttp = ng::kHttpEverywhere | ng::kUpstream;
constexpr ContextMask kAnyStream = ng::kStream | ng::kStreamServer | ng::kStreamUpstream;

constexpr Mark kModules[] = {
    {"http_ssl_module", "ssl_certificate", false, kAnyHttp},
    {"http_v2_module", "http2_max_concurrent_streams", false, kAnyHttp},
    {"http_v3_module", "http3", false, kAnyHttp},
    {"http_realip_module", "set_real_ip_from", false, kAnyHttp},
    {"http_addition_module", "add_after_body", false, kAnyHttp},
    {"http_xslt_module", "xslt_stylesheet", false, kAnyHttp},
    {"http_image_filter_module", "image_filter", false, kAnyHttp},
    {"http_geoip_module", "geoip_country", false, kAnyHttp},
    {"http_sub_module", "sub_filter", false, kAnyHttp},
    {"http_dav_module", "dav_methods", false, kAnyHttp},
    {"http_flv_module", "flv", false, kAnyHttp},
    {"http_mp4_module", "mp4", false, kAnyHttp},
    {"http_gunzip_module", "gunzip", false, kAnyHttp},
    {"http_gzip_static_module", "gzip_static", false, kAnyHttp},
    {"http_auth_request_module", "auth_request", false, kAnyHttp},
    {"http_random_index_module", "random_index", false, kAnyHttp},
    {"http_secure_link_module", "secure_link", false, kAnyHttp},
    {"http_degradation_module", "degradation", false, kAnyHttp},
    {"http_slice_module", "slice", false, kAnyHttp},
    {"http_stub_status_module", "stub_status", false, kAnyHttp},
    {"http_perl_module", "perl", false, kAnyHttp},
    {"mail", "mail", false, ng::kMain},
    {"mail_ssl_module", "ssl_certificate", false, ng::kMail},
    {"stream", "stream", false, ng::kMain},
    {"stream_ssl_module", "ssl_certificate", false, kAnyStream},
    {"stream_realip_module", "set_real_ip_from", false, kAnyStream},
    {"stream_geoip_module", "geoip_country", false, kAnyStream},
    {"stream_ssl_preread_module", "ssl_preread", false, kAnyStream},
    {"http_charset_module", "charset", true, kAnyHttp},
    {"http_gzip_module", "gzip", true, kAnyHttp},
    {"http_ssi_module", "ssi", true, kAnyHttp},
    {"http_userid_module", "userid", true, kAnyHttp},
    {"http_access_module", "allow", true, kAnyHttp},
    {"http_auth_basic_module", "auth_basic", true, kAnyHttp},
    {"http_mirror_module", "mirror", true, kAnyHttp},
    {"http_autoindex_module", "autoindex", true, kAnyHttp},
    {"http_geo_module", "geo", true, kAnyHttp},
    {"http_map_module", "map", true, kAnyHttp},
    {"http_split_clients_module", "split_clients", true, kAnyHttp},
    {"http_referer_module", "valid_referers", true, kAnyHttp},
    {"http_rewrite_module", "rewrite", true, kAnyHttp},
    {"http_proxy_module", "proxy_pass", true, kAnyHttp},
    {"http_fastcgi_module", "fastcgi_pass", true, kAnyHttp},
    {"http_uwsgi_module", "uwsgi_pass", true, kAnyHttp},
    {"http_scgi_module", "scgi_pass", true, kAnyHttp},
    {"http_grpc_module", "grpc_pass", true, kAnyHttp},
    {"http_tunnel_module", "tunnel_pass", true, kAnyHttp},
    {"http_memcached_module", "memcached_pass", true, kAnyHttp},
    {"http_limit_conn_module", "limit_conn", true, kAnyHttp},
    {"http_limit_req_module", "limit_req", true, kAnyHttp},
    {"http_empty_gif_module", "empty_gif", true, kAnyHttp},
    {"http_browser_module", "ancient_browser", true, kAnyHttp},
    {"http_upstream_hash_module", "hash", true, ng::kUpstream},
    {"http_upstream_ip_hash_module", "ip_hash", true, ng::kUpstream},
    {"http_upstream_least_conn_module", "least_conn", true, ng::kUpstream},
    {"http_upstream_least_time_module", "least_time", true, ng::kUpstream},
    {"http_upstream_random_module", "random", true, ng::kUpstream},
    {"http_upstream_keepalive_module", "keepalive", true, ng::kUpstream},
    {"http_upstream_zone_module", "zone", true, ng::kUpstream},
    {"http_upstream_sticky_module", "sticky", true, ng::kUpstream},
    {"http-cache", "proxy_cache", true, kAnyHttp},
    {"mail_pop3_module", "pop3_auth", true, ng::kMail},
    {"mail_imap_module", "imap_auth", true, ng::kMail},
    {"mail_smtp_module", "smtp_auth", true, ng::kMail},
    {"stream_limit_conn_module", "limit_conn", true, kAnyStream},
    {"stream_access_module", "allow", true, kAnyStream},
    {"stream_geo_module", "geo", true, kAnyStream},
    {"stream_map_module", "map", true, kAnyStream},
    {"stream_split_clients_module", "split_clients", true, kAnyStream},
    {"stream_return_module", "return", true, kAnyStream},
    {"stream_pass_module", "pass", true, kAnyStream},
    {"stream_set_module", "set", true, kAnyStream},
    {"stream_upstream_hash_module", "hash", true, ng::kStreamUpstream},
    {"stream_upstream_least_conn_module", "least_conn", true, ng::kStreamUpstream},
    {"stream_upstream_least_time_module", "least_time", true, ng::kStreamUpstream},
    {"stream_upstream_random_module", "random", true, ng::kStreamUpstream},
    {"stream_upstream_zone_module", "zone", true, ng::kStreamUpstream},
};

bool built(const Mark& mark) {
  const auto& rows = ng::index().rows();
  return std::any_of(rows.begin(), rows.end(), [&](const config::Row* row) {
    return row->name == mark.directive && (row->contexts & mark.context) && row->bind && row->no_effect.empty();
  });
}

}  // namespace

bool nginx_module_built(Str configure_word) {
  return std::any_of(std::begin(kModules), std::end(kModules),
                     [&](const Mark& m) { return m.word == configure_word && built(m); });
}

std::string nginx_configure_arguments() {
  std::string with, without;
  for (const Mark& mark : kModules) {
    bool there = built(mark);
    if (there && !mark.by_default) with.append(" --with-").append(mark.word);
    if (!there && mark.by_default) without.append(" --without-").append(mark.word);
  }
  return " --with-threads --with-pcre-jit" + with + without;
}

}  // namespace weir::tools
