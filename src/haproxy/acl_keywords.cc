// The ACL keywords that stand for a fetch and a way of matching, and the predefined ACLs (configuration.txt 7.4).
#include "haproxy/acl_keywords.h"

#include <array>

namespace weir::haproxy {
namespace {

using expr::Method;

// clang-format off
constexpr AclKeyword kKeywords[] = {
    {"base", "base", Method::str}, {"base_beg", "base", Method::beg}, {"base_dir", "base", Method::dir},
    {"base_dom", "base", Method::dom}, {"base_end", "base", Method::end}, {"base_len", "base", Method::len},
    {"base_reg", "base", Method::reg}, {"base_sub", "base", Method::sub},
    {"cook", "req.cook", Method::str}, {"cook_beg", "req.cook", Method::beg}, {"cook_dir", "req.cook", Method::dir},
    {"cook_dom", "req.cook", Method::dom}, {"cook_end", "req.cook", Method::end}, {"cook_len", "req.cook", Method::len},
    {"cook_reg", "req.cook", Method::reg}, {"cook_sub", "req.cook", Method::sub},
    {"hdr", "req.hdr", Method::str}, {"hdr_beg", "req.hdr", Method::beg}, {"hdr_dir", "req.hdr", Method::dir},
    {"hdr_dom", "req.hdr", Method::dom}, {"hdr_end", "req.hdr", Method::end}, {"hdr_len", "req.hdr", Method::len},
    {"hdr_reg", "req.hdr", Method::reg}, {"hdr_sub", "req.hdr", Method::sub},
    {"http_auth_group", "http_auth_group", Method::group},
    {"method", "method", Method::verb},
    {"path", "path", Method::str}, {"path_beg", "path", Method::beg}, {"path_dir", "path", Method::dir},
    {"path_dom", "path", Method::dom}, {"path_end", "path", Method::end}, {"path_len", "path", Method::len},
    {"path_reg", "path", Method::reg}, {"path_sub", "path", Method::sub},
    {"payload", "req.payload", Method::bin}, {"payload_lv", "req.payload_lv", Method::bin},
    {"req_rdp_cookie", "req.rdp_cookie", Method::str}, {"req_rdp_cookie_cnt", "req.rdp_cookie_cnt", Method::integer},
    {"req.ssl_ver", "req.ssl_ver", Method::version}, {"req_ssl_ver", "req.ssl_ver", Method::version},
    {"req_ssl_sni", "req.ssl_sni", Method::str},
    {"req_ver", "req.ver", Method::str}, {"resp_ver", "res.ver", Method::str},
    {"scook", "res.cook", Method::str}, {"scook_beg", "res.cook", Method::beg}, {"scook_dir", "res.cook", Method::dir},
    {"scook_dom", "res.cook", Method::dom}, {"scook_end", "res.cook", Method::end}, {"scook_len", "res.cook", Method::len},
    {"scook_reg", "res.cook", Method::reg}, {"scook_sub", "res.cook", Method::sub},
    {"shdr", "res.hdr", Method::str}, {"shdr_beg", "res.hdr", Method::beg}, {"shdr_dir", "res.hdr", Method::dir},
    {"shdr_dom", "res.hdr", Method::dom}, {"shdr_end", "res.hdr", Method::end}, {"shdr_len", "res.hdr", Method::len},
    {"shdr_reg", "res.hdr", Method::reg}, {"shdr_sub", "res.hdr", Method::sub},
    {"ssl_fc_sni_end", "ssl_fc_sni", Method::end}, {"ssl_fc_sni_reg", "ssl_fc_sni", Method::reg},
    {"url", "url", Method::str}, {"url_beg", "url", Method::beg}, {"url_dir", "url", Method::dir},
    {"url_dom", "url", Method::dom}, {"url_end", "url", Method::end}, {"url_len", "url", Method::len},
    {"url_reg", "url", Method::reg}, {"url_sub", "url", Method::sub},
    {"urlp", "urlp", Method::str}, {"urlp_beg", "urlp", Method::beg}, {"urlp_dir", "urlp", Method::dir},
    {"urlp_dom", "urlp", Method::dom}, {"urlp_end", "urlp", Method::end}, {"urlp_len", "urlp", Method::len},
    {"urlp_reg", "urlp", Method::reg}, {"urlp_sub", "urlp", Method::sub},
};

constexpr PredefinedAcl kPredefined[] = {
    {"TRUE", {"always_true"}}, {"FALSE", {"always_false"}},
    {"LOCALHOST", {"src", "127.0.0.1/8", "::1"}},
    {"HTTP", {"req.proto_http"}},
    {"HTTP_1.0", {"req.ver", "1.0"}}, {"HTTP_1.1", {"req.ver", "1.1"}},
    {"HTTP_2.0", {"req.ver", "2.0"}}, {"HTTP_3.0", {"req.ver", "3.0"}},
    {"METH_CONNECT", {"method", "CONNECT"}}, {"METH_DELETE", {"method", "DELETE"}},
    {"METH_GET", {"method", "GET", "HEAD"}}, {"METH_HEAD", {"method", "HEAD"}},
    {"METH_OPTIONS", {"method", "OPTIONS"}}, {"METH_POST", {"method", "POST"}},
    {"METH_PUT", {"method", "PUT"}}, {"METH_TRACE", {"method", "TRACE"}},
    {"HTTP_URL_ABS", {"url_reg", "^[^/:]*://"}}, {"HTTP_URL_SLASH", {"url_beg", "/"}}, {"HTTP_URL_STAR", {"url", "*"}},
    {"HTTP_CONTENT", {"req.hdr_val(content-length)", "gt", "0"}},
    {"RDP_COOKIE", {"req.rdp_cookie_cnt", "gt", "0"}},
    {"REQ_CONTENT", {"req.len", "gt", "0"}},
    {"WAIT_END", {"wait_end"}},
};
// clang-format on

}  // namespace

std::span<const AclKeyword> acl_keywords() {
  return kKeywords;
}

const AclKeyword* find_acl_keyword(Str name) {
  for (const AclKeyword& k : kKeywords)
    if (k.name == name) return &k;
  return nullptr;
}

std::span<const PredefinedAcl> predefined_acls() {
  return kPredefined;
}

}  // namespace weir::haproxy
