// Rules: what their words are checked for, and which ruleset they land in.
#include <criterion/criterion.h>

#include "bound.h"

using namespace weir;
using namespace weir::haproxy;
using config::Severity;

namespace {

uint32_t count(const Bound& b, Ruleset set) {
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  return b.proxy("f").segment(set).size;
}

}  // namespace

Test(haproxy_rules, families) {
  Bound b(
      with_front(" http-request set-header X-A %[src] if { path_beg /a }\n"
                 " http-request add-header X-B b\n http-request del-header X-C -m beg\n"
                 " http-request replace-header X-D (.*) \\1\n http-request replace-value X-E a b\n"
                 " http-request set-path /x%[path]\n http-request set-query a=b\n http-request set-uri /u\n"
                 " http-request set-method PUT\n http-request replace-path (.*) /v\\1\n"
                 " http-request set-var(txn.a) path,lower\n http-request set-var-fmt(txn.b) %[path]\n"
                 " http-request unset-var(txn.a)\n http-request set-log-level silent if FALSE\n"
                 " http-request deny deny_status 429 if FALSE\n http-request tarpit if FALSE\n"
                 " http-request return status 200 content-type text/plain lf-string %[path] hdr X-Y z if FALSE\n"
                 " http-request redirect location /l code 301 if FALSE\n http-request allow\n"
                 " http-response set-header X-A 1\n http-response del-header X-B\n http-response set-status 202\n"
                 " http-after-response set-header X-A 1\n"));
  cr_expect_eq(count(b, Ruleset::request), 19u);
  cr_expect_eq(count(b, Ruleset::response), 3u);
  cr_expect_eq(count(b, Ruleset::after), 1u);
}

Test(haproxy_rules, tcp_families) {
  Bound b(
      with_front(" tcp-request connection reject if { src 10.0.0.0/8 }\n tcp-request session accept\n"
                 " tcp-request inspect-delay 5s\n tcp-request content accept if HTTP\n"
                 " tcp-request content set-var(sess.a) src\n"));
  cr_expect_eq(count(b, Ruleset::connection), 1u);
  cr_expect_eq(count(b, Ruleset::session), 1u);
  cr_expect_eq(count(b, Ruleset::content), 2u);
  cr_expect_eq(b.proxy("f").s.inspect_delay, 5000u);
}

Test(haproxy_rules, mistakes_have_places) {
  Bound b(with_front(" http-request set-header X-A"));
  cr_expect(b.diag.failed());
  Bound regex(with_front(" http-request replace-path ( x"));
  cr_expect(regex.error().starts_with("the regular expression does not compile"), "%s", regex.error().c_str());
  Bound acl(with_front(" http-request deny if nosuch"));
  cr_expect(acl.diag.failed());
  cr_expect_eq(acl.first(Severity::error).where.line, 9u);
  Bound variable(with_front(" http-request set-var(foo.a) path"));
  cr_expect(variable.diag.failed());
  Bound body(with_front(" http-request return status 200 string hello"));
  cr_expect_eq(body.product(), "a content type must be defined when non-empty payload is configured");
  Bound code(with_front(" http-request redirect location / code 404"));
  cr_expect(code.diag.failed());
}

Test(haproxy_rules, rules_in_tcp_mode_warn) {
  Bound b(
      "listen l\n mode tcp\n bind :1\n server s 127.0.0.1:1\n timeout client 1s\n timeout server 1s\n timeout connect "
      "1s\n"
      " http-request deny\n");
  cr_expect(!b.diag.failed(), "%s", b.said().c_str());
  cr_expect_eq(b.first(Severity::warning).product,
               "'http-request' rules ignored for proxy 'l' as they require HTTP mode.");
}

Test(haproxy_rules, captures_have_slots) {
  Bound b(
      with_front(" capture request header Host len 20\n declare capture request len 10\n"
                 " http-request capture req.hdr(x) id 1\n http-request capture path len 5\n"));
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  cr_expect_eq(b.proxy("f").request_captures.size(), 3u);
}

Test(haproxy_rules, http_errors_sections_are_resolved) {
  Bound b("http-errors mine\n errorfile 503 /dev/null\n" + with_front(" errorfiles mine"));
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  const Page* page = find_page(b.proxy("f"), 503);
  cr_assert(page);
  cr_expect(page->hidden);
  Bound missing(with_front(" errorfiles other"));
  cr_expect(missing.diag.failed());
}
