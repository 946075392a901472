// Fetches on a request, a response and a connection that are made by hand.
#include <criterion/criterion.h>

#include <regex>

#include "world.h"

using weir::test::World;
using namespace weir;

namespace {

const std::string kRequest =
    "GET /a/b.html?x=1&y=2&X=3&x=4 HTTP/1.1\r\nHost: Example.com\r\nX-List: one, \"two, three\" ,four\r\nX-List: "
    "five\r\n"
    "X-Forwarded-For: nonsense, 10.0.0.1:80, [2001:db8::1]\r\nCookie: a=1; b=two; a=3\r\nContent-Length: 5\r\n\r\n";
const std::string kResponse =
    "HTTP/1.1 404 Not Found\r\nServer: s\r\nSet-Cookie: sid=abc; path=/\r\nSet-Cookie: other=1\r\nContent-Length: "
    "7\r\n\r\n";

// All values that a condition would see, with `|` between them.
std::string each(World& w, const std::string& sample) {
  haproxy::SampleError error;
  const expr::Expr* e = haproxy::parse_sample_text(w.arena.dup(sample), w.env, {}, error);
  if (!e) return "[" + error.text + "]";
  expr::Iteration it;
  expr::Ctx ctx = w.ctx;
  ctx.iteration = &it;
  std::string out;
  do {
    it.more = false;
    expr::Value v;
    if (!e->eval(ctx, v)) continue;
    if (!out.empty()) out += '|';
    out += expr::to_text(v, w.arena);
  } while (it.more);
  return out;
}

}  // namespace

Test(fetch, constants_and_process) {
  World w;
  setenv("WEIR_TEST_WORD", "here", 1);
  expect_value(w, "always_true", "1");
  expect_value(w, "str('a b')", "a b");
  expect_value(w, "int(-3)", "-3");
  expect_value(w, "bool(no)", "[invalid args in fetch method 'bool': a boolean is expected: true, false, 1 or 0]");
  expect_value(w, "bin(0aFF)", "0x0AFF");
  expect_value(w, "ipv6(::1)", "::1");
  expect_value(w, "meth(PUT)", "PUT");
  expect_value(w, "env(WEIR_TEST_WORD)", "here");
  expect_value(w, "env(WEIR_TEST_NO_SUCH)", "(none)");
  expect_value(w, "nbproc", "1");
  expect_value(w, "thread", "0");
  expect_value(w, "rand(1)", "0");
  cr_expect(std::regex_match(w.value("uuid"),
                             std::regex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")),
            "%s", w.value("uuid").c_str());
  cr_expect(std::regex_match(w.value("uuid(7)"),
                             std::regex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")));
  cr_expect(std::stoll(w.value("date(3600)")) >= time(nullptr) + 3599);
}

Test(fetch, connection) {
  World w;
  expect_value(w, "src", "192.0.2.7");
  expect_value(w, "src_port", "4321");
  expect_value(w, "src,ipmask(24)", "192.0.2.0");
  expect_value(w, "src_is_local", "0");
  expect_value(w, "ssl_fc", "0");
  expect_value(w, "ssl_fc_sni", "(none)");
  expect_value(w, "fc_http_major", "1");
  expect_value(w, "fe_name", "web");
  expect_value(w, "be_name", "web");
  expect_value(w, "bc_src", "(none)");
  expr::hooks.source = [](const expr::Ctx&, expr::Endpoint& out) {
    out.address = expr::Value::of(in_addr{htonl(0x0a000001)});
    out.port = 9;
    return true;
  };
  expect_value(w, "src", "10.0.0.1");
  expect_value(w, "fc_src", "192.0.2.7");
}

Test(fetch, request_line) {
  World w;
  expect_value(w, "path", "(none)");
  w.request(kRequest);
  expect_value(w, "method", "GET");
  expect_value(w, "path", "/a/b.html");
  expect_value(w, "pathq", "/a/b.html?x=1&y=2&X=3&x=4");
  expect_value(w, "query", "x=1&y=2&X=3&x=4");
  expect_value(w, "query(with_qm)", "?x=1&y=2&X=3&x=4");
  expect_value(w, "url", "/a/b.html?x=1&y=2&X=3&x=4");
  expect_value(w, "base", "Example.com/a/b.html");
  expect_value(w, "baseq,length", "36");
  expect_value(w, "req.ver", "1.1");
  expect_value(w, "capture.req.ver", "HTTP/1.1");
  expect_value(w, "urlp(y)", "2");
  expect_value(w, "urlp(x)", "1");
  expect_value(w, "urlp(X)", "3");
  expect_value(w, "urlp(Y)", "(none)");
  expect_value(w, "urlp(Y,,i)", "2");
  expect_value(w, "urlp_val(y),add(1)", "3");
  expect_value(w, "base32+src,hex,length", "16");
  expect_value(w, "req.proto_http", "1");
  cr_expect(each(w, "urlp(x)") == "1|4", "%s", each(w, "urlp(x)").c_str());
}

Test(fetch, parameters_end_at_semicolons_too) {
  World w;
  w.request("GET /?a=1;c=2&c2=3;x?y=4 HTTP/1.1\r\nHost: h\r\n\r\n");
  expect_value(w, "urlp(a)", "1");
  expect_value(w, "urlp(c)", "2");
  expect_value(w, "urlp(c2)", "3");
  expect_value(w, "urlp(x)", "(none)");
  expect_value(w, "urlp(y)", "4");
}

Test(fetch, absolute_targets) {
  World w;
  w.request("GET http://10.9.8.7:81/p?q HTTP/1.1\r\nHost: 10.9.8.7:81\r\n\r\n");
  expect_value(w, "url_ip", "10.9.8.7");
  expect_value(w, "url_port", "81");
  expect_value(w, "path", "/p");
  expect_value(w, "url", "http://10.9.8.7:81/p?q");
}

Test(fetch, headers) {
  World w;
  w.request(kRequest);
  expect_value(w, "req.hdr(x-list)", "five");
  expect_value(w, "req.hdr(x-list,1)", "one");
  expect_value(w, "req.hdr(X-List,2)", "\"two, three\"");
  expect_value(w, "req.hdr(x-list,-2)", "four");
  expect_value(w, "req.hdr(x-list,9)", "(none)");
  expect_value(w, "req.hdr(x-list,-11)", "[invalid args in fetch method 'req.hdr': header occurrence must be >= -10]");
  expect_value(w, "req.fhdr(x-list,1)", "one, \"two, three\" ,four");
  expect_value(w, "req.hdr_cnt(x-list)", "4");
  expect_value(w, "req.fhdr_cnt(x-list)", "2");
  expect_value(w, "req.hdr_val(content-length)", "5");
  expect_value(w, "req.hdr_ip(x-forwarded-for)", "2001:db8::1");
  expect_value(w, "req.hdr_ip(x-forwarded-for,2)", "10.0.0.1");
  expect_value(w, "req.hdr_names(|)", "host|x-list|x-list|x-forwarded-for|cookie|content-length");
  expect_value(w, "hdr(host)", "Example.com");
  expect_value(w, "req.hdr()", "(none)");
  cr_expect(each(w, "req.hdr(x-list)") == "one|\"two, three\"|four|five", "%s", each(w, "req.hdr(x-list)").c_str());
  cr_expect(each(w, "req.hdr_ip(x-forwarded-for)") == "10.0.0.1|2001:db8::1", "%s",
            each(w, "req.hdr_ip(x-forwarded-for)").c_str());
  w.txn.request.headers.remove("x-list");
  expect_value(w, "req.hdr_cnt(x-list)", "0");
  expect_value(w, "req.fhdr_cnt", "4");
}

Test(fetch, cookies) {
  World w;
  w.request(kRequest);
  w.response(kResponse);
  expect_value(w, "req.cook(a)", "3");
  expect_value(w, "req.cook(b)", "two");
  expect_value(w, "req.cook(c)", "(none)");
  expect_value(w, "req.cook_cnt(a)", "2");
  expect_value(w, "req.cook_val(a)", "3");
  expect_value(w, "req.cook_names", "a,b,a");
  expect_value(w, "res.cook(sid)", "abc");
  expect_value(w, "res.cook(path)", "(none)");
  expect_value(w, "scook_cnt", "2");
  cr_expect(each(w, "cook(a)") == "1|3", "%s", each(w, "cook(a)").c_str());
}

Test(fetch, response) {
  World w;
  expect_value(w, "status", "(none)");
  w.request(kRequest);
  w.response(kResponse);
  expect_value(w, "status", "404");
  expect_value(w, "res.hdr(server)", "s");
  expect_value(w, "res.ver", "1.1");
  expect_value(w, "hdr(server)", "(none)");
  w.ctx.response = true;
  expect_value(w, "hdr(server)", "s");
  expect_value(w, "res.body_size", "7");
}

Test(fetch, authentication) {
  World w;
  w.request("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic dXNlcjpwYTpzcw==\r\n\r\n");
  expect_value(w, "http_auth_type", "Basic");
  expect_value(w, "http_auth_user", "user");
  expect_value(w, "http_auth_pass", "pa:ss");
  expect_value(w, "http_auth(list)", "0");
  expr::hooks.authenticate = [](const expr::Ctx&, Str list, Str user, Str password, Str* groups) {
    *groups = "admin,dev";
    return list == "list" && user == "user" && password == "pa:ss";
  };
  expect_value(w, "http_auth(list)", "1");
  expect_value(w, "http_auth_group(list)", "admin,dev");
  World b;
  b.request("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer abc.def\r\nX-T: bearer   t\r\n\r\n");
  expect_value(b, "http_auth_bearer", "abc.def");
  expect_value(b, "http_auth_bearer(x-t)", "t");
  expect_value(b, "http_auth_user", "(none)");
}

Test(fetch, variables) {
  World w;
  expect_value(w, "var(txn.a)", "(none)");
  expect_value(w, "var(txn.a,7)", "7");
  expect_value(w, "str(x),set-var(txn.a)", "x");
  expect_value(w, "var(txn.a)", "x");
  expect_value(w, "var(req.a)", "(none)");
  expect_value(w, "str(y),set-var(txn.a,ifnotexists)", "y");
  expect_value(w, "var(txn.a)", "x");
  expect_value(w, "str(),set-var(txn.a,ifnotempty)", "");
  expect_value(w, "var(txn.a)", "x");
  expect_value(w, "str(z),unset-var(txn.a)", "z");
  expect_value(w, "var(txn.a)", "(none)");
  expect_value(w, "int(5),set-var(proc.count)", "5");
  expect_value(w, "var(proc.count),add(1)", "6");
  expect_value(w, "int(9),set-var(proc.count,iflt)", "9");
  expect_value(w, "var(proc.count)", "9");
  expect_value(w, "int(1),set-var(proc.count,iflt)", "1");
  expect_value(w, "var(proc.count)", "9");
  cr_expect(w.value("var(foo.a)").find("A variable name must start with its scope") != std::string::npos);
  cr_expect(w.value("var(txn.a-b)").find("invalid syntax at char '-'") != std::string::npos);
}

Test(fetch, session_tables_reuse_their_memory) {
  expr::VarTable table;
  for (int i = 0; i < 100; i++) {
    std::string text(static_cast<size_t>(i % 40), 'x');
    table.set(3, expr::Value::of(Str(text)));
    cr_assert(table.get(3)->str == text);
  }
  table.set(3, expr::Value::of(Str("hello")));
  table.set(3, expr::Value::of(table.get(3)->str.substr(2)));
  cr_expect(table.get(3)->str == "llo");
  cr_expect(table.get(2) == nullptr);
  table.unset(3);
  cr_expect(table.get(3) == nullptr && table.exists(3));
}

Test(fetch, bytes_that_may_still_come) {
  World w;
  w.txn.tcp = true;
  static Str bytes;
  expr::hooks.inspect = [](const expr::Ctx&, bool) { return bytes; };
  bytes = Str("\x03\x00\x00\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=me\r\n", 32);
  expect_value(w, "req.len", "32");
  expect_value(w, "req.payload(0,2)", "0x0300");
  expect_value(w, "req.payload(40,1)", "(none)");
  expect_value(w, "req.payload_lv(3,1)", "(none)");
  expect_value(w, "rdp_cookie(mstshash)", "me");
  bool may_change = false;
  w.ctx.final = false;
  w.ctx.may_change = &may_change;
  expect_value(w, "req.payload(40,1)", "(none)");
  cr_expect(may_change);
}

Test(fetch, tls_hellos) {
  World w;
  w.txn.tcp = true;
  static std::string bytes;
  expr::hooks.inspect = [](const expr::Ctx&, bool) { return Str(bytes); };
  std::string name(
      "\0\0\0\x10\0\x0e\0\0\x0b"
      "example.com",
      20);
  std::string alpn("\0\x10\0\x0e\0\x0c\x02h2\x08http/1.1", 18);
  std::string extensions = name + alpn;
  std::string body = std::string("\x03\x03", 2) + std::string(32, 'r') + std::string("\0\0\x02\x13\x01\x01\0", 7) +
                     std::string(1, '\0') + static_cast<char>(extensions.size()) + extensions;
  std::string handshake = std::string("\x01\0\0", 3) + static_cast<char>(body.size()) + body;
  bytes = std::string("\x16\x03\x01\0", 4) + static_cast<char>(handshake.size()) + handshake;
  expect_value(w, "req.ssl_hello_type", "1");
  expect_value(w, "req.ssl_ver", "196611");
  expect_value(w, "req.ssl_sni", "example.com");
  expect_value(w, "req.ssl_alpn", "h2");
  expect_value(w, "req.ssl_st_ext", "0");
  cr_expect(each(w, "req.ssl_alpn") == "h2|http/1.1", "%s", each(w, "req.ssl_alpn").c_str());
  std::string whole = bytes;
  w.ctx.final = false;
  for (size_t n = 0; n < whole.size(); n++) {
    bool may_change = false;
    w.ctx.may_change = &may_change;
    bytes = whole.substr(0, n);
    expect_value(w, "req.ssl_sni", "(none)");
    cr_expect(may_change, "after %zu bytes", n);
  }
  bool may_change = false;
  w.ctx.may_change = &may_change;
  bytes = "GET / HTTP/1.1\r\n";
  expect_value(w, "req.ssl_hello_type", "(none)");
  cr_expect(!may_change);
}
