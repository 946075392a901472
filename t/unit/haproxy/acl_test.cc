// haproxy/acl.h: criteria, flags, operators, named and anonymous ACLs, conditions.
#include <criterion/criterion.h>

#include <fstream>

#include "../expr/world.h"
#include "haproxy/acl.h"

using weir::test::World;
using namespace weir;
using haproxy::Outcome;

namespace {

struct Rules : World {
  haproxy::Acls acls;

  bool acl(const std::string& line) {
    config::Directive d;
    d.words = test::words_of(arena, "acl " + line);
    return acls.define(d, env);
  }
  const haproxy::Condition* condition(const std::string& line,
                                      const haproxy::Place& place = haproxy::kAtFrontendRequest) {
    return acls.condition(test::words_of(arena, line), place, env);
  }
  // "yes", "no", "unknown", or the first error.
  std::string test(const std::string& line) {
    const haproxy::Condition* c = condition(line);
    if (!c) return "[" + error() + "]";
    Outcome o = c->test(ctx);
    return o == Outcome::yes ? "yes" : o == Outcome::no ? "no" : "unknown";
  }
  std::string error() const {
    for (auto& d : diag.all())
      if (d.severity == config::Severity::error) return d.text;
    return {};
  }
  std::string warning() const {
    for (auto& d : diag.all())
      if (d.severity == config::Severity::warning) return d.text;
    return {};
  }
};

const std::string kRequest =
    "GET /api/v1/img/a.JPG?x=1 HTTP/1.1\r\nHost: www.Example.com\r\nX-Number: 12\r\nX-List: a, b\r\nX-List: c\r\n\r\n";

#define expect_test(rules, line, want)                                          \
  do {                                                                          \
    std::string got_ = (rules).test(line);                                      \
    cr_expect(got_ == (want), "%s: got %s, want %s", line, got_.c_str(), want); \
  } while (0)

}  // namespace

Test(acl, keywords_bring_their_method) {
  Rules r;
  r.request(kRequest);
  expect_test(r, "if { path_beg /api }", "yes");
  expect_test(r, "if { path_end .jpg }", "no");
  expect_test(r, "if { path_end -i .jpg }", "yes");
  expect_test(r, "if { path_dir img }", "yes");
  expect_test(r, "if { path_sub v1 }", "yes");
  expect_test(r, "if { path_reg ^/api/v[0-9]/ }", "yes");
  expect_test(r, "if { path_len 17 }", "yes");
  expect_test(r, "if { hdr_dom(host) -i example.com }", "yes");
  expect_test(r, "if { hdr(host) www.Example.com }", "yes");
  expect_test(r, "if { hdr(host),lower www.example.com }", "yes");
  expect_test(r, "if { hdr_beg(host),lower www.example.com }", "yes");
  expect_test(r, "if { method GET POST }", "yes");
  expect_test(r, "if { urlp(x) 1 }", "yes");
  expect_test(r, "if { url_beg /api }", "yes");
}

Test(acl, methods_can_be_forced) {
  Rules r;
  r.request(kRequest);
  expect_test(r, "if { path -m beg /api }", "yes");
  expect_test(r, "if { hdr(host) -m found }", "yes");
  expect_test(r, "if { hdr(nobody) -m found }", "no");
  expect_test(r, "if { hdr(x-number) -m int gt 10 }", "yes");
  expect_test(r, "if { hdr(x-number) -m int gt 12 }", "no");
  expect_test(r, "if { hdr_cnt(x-list) ge 3 le 3 }", "yes");
  expect_test(r, "if { hdr_val(x-number) 5:9 11:13 }", "yes");
  expect_test(r, "if { hdr_val(x-number) lt 12 }", "no");
  expect_test(r, "if { hdr_val(x-number) le 12 }", "yes");
  expect_test(r, "if { src 192.0.2.0/24 }", "yes");
  expect_test(r, "if { src 10.0.0.0/8 2001:db8::/32 }", "no");
  expect_test(r, "if { src -m str 192.0.2.7 }", "yes");
  expect_test(r, "if { path -m bin 2F }", "no");
  expect_test(r, "if { always_true }", "yes");
  expect_test(r, "if { int(0) -m bool }", "no");
  expect_test(r, "if { var(txn.x) -m found }", "no");
}

Test(acl, every_value_of_a_header_is_tried) {
  Rules r;
  r.request(kRequest);
  expect_test(r, "if { hdr(x-list) b }", "yes");
  expect_test(r, "if { hdr(x-list) c }", "yes");
  expect_test(r, "if { hdr(x-list) d }", "no");
  expect_test(r, "if { hdr(x-list,1) b }", "no");
}

Test(acl, names_join_and_combine) {
  Rules r;
  r.request(kRequest);
  cr_assert(r.acl("is_api path_beg /api") && r.acl("is_api path_beg /rest") && r.acl("is_post method POST"));
  expect_test(r, "if is_api", "yes");
  expect_test(r, "if is_api is_post", "no");
  expect_test(r, "if is_api !is_post", "yes");
  expect_test(r, "if is_post || is_api", "yes");
  expect_test(r, "if is_post or !is_api", "no");
  expect_test(r, "unless is_post", "yes");
  expect_test(r, "unless is_api", "no");
  expect_test(r, "if ! is_post", "yes");
  expect_test(r, "if !!is_api", "yes");
  expect_test(r, "if !{ path_beg /x } is_api", "yes");
}

Test(acl, predefined_ones_can_be_overridden) {
  Rules r;
  r.request(kRequest);
  expect_test(r, "if TRUE", "yes");
  expect_test(r, "if FALSE", "no");
  expect_test(r, "if METH_GET HTTP_1.1 HTTP HTTP_URL_SLASH", "yes");
  expect_test(r, "if HTTP_URL_ABS or HTTP_URL_STAR or LOCALHOST or HTTP_CONTENT", "no");
  Rules own;
  cr_assert(own.acl("TRUE always_false"));
  expect_test(own, "if TRUE", "no");
}

Test(acl, files_and_large_sets) {
  Rules r;
  r.request(kRequest);
  char name[] = "/tmp/weir-acl-XXXXXX";
  close(mkstemp(name));
  {
    std::ofstream out(name);
    out << "# hosts\n";
    for (int i = 0; i < 100; i++) out << "host" << i << ".example\n";
    out << "  www.Example.com\n";
  }
  std::string f = name;
  expect_test(r, ("if { hdr(host) -f " + f + " }").c_str(), "yes");
  expect_test(r, ("if { hdr(host) -i -f " + f + " other }").c_str(), "yes");
  expect_test(r, ("if { hdr(x-number) -f " + f + " 12 }").c_str(), "yes");
  expect_test(r, ("if { hdr(x-number) -f " + f + " }").c_str(), "no");
  unlink(name);
  expect_test(r, "if { hdr(host) -f /nowhere/x }",
              "[failed to open pattern file </nowhere/x>: No such file or directory]");
}

Test(acl, mistakes) {
  auto error = [](const std::string& line) {
    Rules r;
    r.condition(line);
    return r.error();
  };
  auto expect_error = [&](const std::string& line, const std::string& want) {
    std::string got = error(line);
    cr_expect(got == want, "%s: got %s", line.c_str(), got.c_str());
  };
  expect_error("if nobody", "no such ACL : 'nobody'");
  expect_error("if { path_beg /x", "missing closing '}' in condition");
  expect_error("if", "missing condition after 'if'");
  expect_error("maybe x", "conditions must start after an 'if' or 'unless' statement");
  expect_error("if { pathh /x }", "unknown fetch method 'pathh' in ACL expression 'pathh'");
  expect_error("if { path -m frob /x }", "unknown matching method 'frob' when parsing ACL expression");
  expect_error("if { path -q /x }", "'-q' is not a valid ACL option");
}

Test(acl, more_mistakes) {
  Rules r;
  cr_expect(!r.acl("a/b path /x"));
  cr_expect(r.error() == "invalid character in ACL name : '/'");
  Rules n;
  cr_expect(!n.condition("if { src -n 300.1.1.1 }"));
  cr_expect(n.error() == "'300.1.1.1' is not a valid IPv4 or IPv6 address", "%s", n.error().c_str());
  Rules b;
  cr_expect(!b.condition("if { req.body xx }"));
  cr_expect(b.error().starts_with("matching method must be specified first"), "%s", b.error().c_str());
  Rules i;
  cr_expect(!i.condition("if { dst_port x }"));
  cr_expect(i.error() == "'x' is not a number", "%s", i.error().c_str());
  Rules m;
  cr_expect(!m.condition("if { src -m ip -m str 1.2.3.4 }"));
  cr_expect(m.error() == "only one explicit matching method can be defined with '-m' parameter", "%s",
            m.error().c_str());
}

Test(acl, warnings) {
  Rules r;
  r.condition("if { path /x }", haproxy::kAtBackendResponse);
  cr_expect(r.warning() ==
                "anonymous acl will never match because it uses keyword 'path' which is incompatible with 'backend's "
                "http-response header rule'",
            "%s", r.warning().c_str());
  Rules n;
  n.acl("p path /x");
  n.condition("if p", haproxy::kAtBackendResponse);
  cr_expect(n.warning().starts_with("acl 'p' will never match because it only involves keywords"), "%s",
            n.warning().c_str());
  Rules e;
  e.acl("p path");
  cr_expect(e.warning().starts_with("no pattern to match against were provided"), "%s", e.warning().c_str());
  Rules f;
  f.acl("p path_beg -m str /x");
  cr_expect(f.warning().starts_with("original matching method 'path_beg' was overwritten"), "%s", f.warning().c_str());
  Rules ok;
  ok.acl("p always_true");
  ok.condition("if p", haproxy::kAtBackendResponse);
  cr_expect(ok.diag.all().empty());
}

Test(acl, what_is_not_there_yet_is_unknown) {
  Rules r;
  r.ctx.final = false;
  expect_test(r, "if { path /x }", "unknown");
  expect_test(r, "unless { path /x }", "unknown");
  expect_test(r, "if { always_true } or { path /x }", "yes");
  expect_test(r, "if { always_false } { path /x }", "no");
  expect_test(r, "if WAIT_END", "unknown");
  r.ctx.final = true;
  expect_test(r, "if WAIT_END", "yes");
  expect_test(r, "if { path /x }", "no");
}

Test(acl, groups_of_users) {
  Rules r;
  r.request("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic dXNlcjpw\r\n\r\n");
  expr::hooks.authenticate = [](const expr::Ctx&, Str, Str user, Str password, Str* groups) {
    *groups = "admin,dev";
    return user == "user" && password == "p";
  };
  expect_test(r, "if { http_auth(users) }", "yes");
  expect_test(r, "if { http_auth_group(users) dev }", "yes");
  expect_test(r, "if { http_auth_group(users) ops }", "no");
}

Test(acl, evaluation_takes_nothing_from_the_arena_for_plain_matches) {
  Rules r;
  r.request(kRequest);
  const haproxy::Condition* c =
      r.condition("if { path_beg /api } { hdr(host) -i www.example.com } { src 192.0.2.0/24 } METH_GET");
  cr_assert(c && c->eval(r.ctx));
  char* before = r.txn.arena.alloc_chars(1);
  for (int i = 0; i < 100; i++) cr_assert(c->eval(r.ctx));
  cr_expect(r.txn.arena.alloc_chars(1) == before + 1);
}

Test(acl, an_operator_before_a_range_does_not_count) {
  Rules r;
  r.request(kRequest);
  expect_test(r, "if { hdr(x-number) -m int ge -60 }", "yes");
  expect_test(r, "if { hdr(x-number) -m int ge -6 }", "no");
  expect_test(r, "if { hdr(x-number) -m int gt 5:12 }", "yes");
  cr_expect(r.warning().find("the operator before it does not count") != std::string::npos, "%s", r.warning().c_str());
  cr_expect(r.error().empty(), "%s", r.error().c_str());
}

Test(acl, a_refused_acl_is_reported_once) {
  Rules r;
  cr_expect(!r.acl("broken pth /x"));
  cr_expect(r.condition("if broken") != nullptr);
  cr_expect(r.diag.count(config::Severity::error) == 1);
}
