// http/h1_parser.h, heads: one test for each row of the framing table and each rule of RFC 9112 that weir takes a side on.
#include <criterion/criterion.h>

#include <random>
#include <string>

#include "http/h1_parser.h"

using namespace weir;
using http::Body;
using http::H1Error;
using http::H1Limits;
using http::Message;
using http::Method;
using http::Name;

namespace {

const H1Limits kNginx;
const H1Limits kHaproxy = [] {
  H1Limits limits;
  limits.strict_names = true;
  return limits;
}();
const H1Limits kHaproxyUnsafe = [] {
  H1Limits limits = kHaproxy;
  limits.accept_unsafe_request = limits.accept_unsafe_response = true;
  return limits;
}();

// A parsed request or response with everything it points into.
struct Parsed {
  Arena arena;
  Message m{arena};
  H1Error error;

  Parsed(const std::string& head, const H1Limits& limits) {
    error = http::parse_request_head(arena.dup(head), limits, m);
  }
  Parsed(const std::string& head, Method method, bool asked = false, const H1Limits& limits = kNginx) {
    error = http::parse_response_head(arena.dup(head), limits, method, asked, m);
  }
};

int status(const std::string& head, const H1Limits& limits = kNginx) {
  return Parsed(head, limits).error.status;
}

// Status of a request with these header lines behind Host.
int with(const std::string& lines, const H1Limits& limits = kNginx) {
  return status("POST / HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n\r\n", limits);
}
std::string get(const std::string& target, const std::string& host = "h") {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}
int response(const std::string& head, Method method = Method::get, bool asked = false) {
  return Parsed(head, method, asked).error.status;
}

#define EXPECT_BOTH(expected, head)                               \
  do {                                                            \
    const std::string& bytes = head;                              \
    cr_expect_eq(status(bytes, kNginx), expected, "%s", #head);   \
    cr_expect_eq(status(bytes, kHaproxy), expected, "%s", #head); \
  } while (0)
#define EXPECT_WITH(expected, lines)                             \
  do {                                                           \
    const std::string& bytes = lines;                            \
    cr_expect_eq(with(bytes, kNginx), expected, "%s", #lines);   \
    cr_expect_eq(with(bytes, kHaproxy), expected, "%s", #lines); \
  } while (0)

}  // namespace

Test(head_end, found_at_every_split) {
  for (std::string head : {"GET / HTTP/1.1\r\nHost: a-rather-long-name.example\r\n\r\n", "GET / HTTP/1.1\nA: b\n\n",
                           "GET / HTTP/1.0\r\n\n", "GET / HTTP/1.0\n\r\n", "\n\n"}) {
    std::string data = head + "GET /next HTTP/1.1\r\n\r\n";
    for (size_t first = 0; first <= head.size(); first++) {
      size_t scanned = 0;
      size_t early = http::find_head_end(Str(data).substr(0, first), scanned);
      cr_expect_eq(early, first == head.size() ? head.size() : 0);
      if (!early) cr_expect_eq(http::find_head_end(data, scanned), head.size());
    }
    size_t scanned = 0;
    for (size_t n = 0; n < head.size(); n++) cr_expect_eq(http::find_head_end(Str(data).substr(0, n), scanned), 0u);
    cr_expect_eq(http::find_head_end(Str(data).substr(0, head.size()), scanned), head.size());
  }
}

Test(head_end, no_end) {
  size_t scanned = 0;
  cr_expect_eq(http::find_head_end("\n\r\r\n\na", scanned), 5u);
  scanned = 0;
  cr_expect_eq(http::find_head_end("abc\r\r\n\rx\n \r\n x", scanned), 0u);
  cr_expect_eq(http::find_head_end(Str(), scanned = 0), 0u);
}

Test(head_end, empty_lines) {
  cr_expect_eq(http::skip_empty_lines("GET"), 0u);
  cr_expect_eq(http::skip_empty_lines("\r\nGET"), 2u);
  cr_expect_eq(http::skip_empty_lines("\n\r\nGET"), 3u);
  cr_expect_eq(http::skip_empty_lines("\r"), 0u);
  cr_expect_eq(http::skip_empty_lines("\r\r\n"), 0u);
  cr_expect_eq(http::skip_empty_lines("\n\n\n\n\n\n\n"), 4u);
}

Test(request, splits_a_browser_request) {
  std::string head =
      "GET /a/b?c=d HTTP/1.1\r\nHost: www.example.com:8080\r\nUser-Agent:  Mozilla/5.0 (X11)\t \r\n"
      "accept: */*\r\nX-Own:v\r\nEmpty:\r\nConnection: keep-alive\r\nCookie: a=b; c=\xc3\xa4\r\n\r\n";
  for (const H1Limits* limits : {&kNginx, &kHaproxy}) {
    Parsed p(head, *limits);
    cr_assert(p.error.ok(), "%s", p.error.reason.data());
    cr_expect(p.m.method == Method::get && p.m.method_text == "GET" && p.m.version == 11);
    cr_expect(p.m.target == "/a/b?c=d" && p.m.path == "/a/b?c=d" && p.m.scheme.empty());
    cr_expect(p.m.authority == "www.example.com:8080");
    cr_expect(p.m.raw_head == head && p.m.header_bytes == head.size());
    cr_expect(p.m.headers.size() == 7);
    cr_expect(p.m.headers.value(Name::user_agent) == "Mozilla/5.0 (X11)");
    cr_expect(p.m.headers.find(Name::accept)->name == "accept");
    cr_expect(p.m.headers.find("x-own")->value == "v");
    cr_expect(p.m.headers.find("empty")->value.empty());
    cr_expect(p.m.headers.value(Name::cookie) == "a=b; c=\xc3\xa4");
    cr_expect(p.m.headers.find(Name::connection)->hop && !p.m.headers.find(Name::host)->hop);
    cr_expect(p.m.body == Body::none && p.m.keep_alive && !p.m.upgrade && !p.m.expect_continue);
  }
}

Test(request, says_where_it_is_wrong) {
  auto at = [](const std::string& head) { return Parsed(head, kHaproxy).error.at; };
  const std::string line = "GET / HTTP/1.1\r\n", host = "Host: h\r\n", end = "\r\n";
  cr_expect_eq(at("GE(T / HTTP/1.1\r\n" + host + end), 2u);
  cr_expect_eq(at("GET /a\x01 HTTP/1.1\r\n" + host + end), 6u);
  cr_expect_eq(at("GET ftp:x HTTP/1.1\r\n" + host + end), 4u);
  cr_expect_eq(at("GET / HTTX/1.1\r\n" + host + end), 6u);
  cr_expect_eq(at(line + host + "bad name: 1\r\n" + end), line.size() + host.size() + 3);
  cr_expect_eq(at(line + host + "na/me: 1\r\n" + end), line.size() + host.size() + 2);
  cr_expect_eq(at(line + host +
                  "a: b\x01"
                  "c\r\n" +
                  end),
               line.size() + host.size() + 4);
  cr_expect_eq(at(line + host + "Content-Length: x\r\n" + end), line.size() + host.size() + 16);
  cr_expect_eq(Parsed("HTTP/1.1 20x OK\r\n\r\n", Method::get).error.at, 11u);
}

Test(request, line_ends) {
  EXPECT_BOTH(0, "GET / HTTP/1.1\nHost: h\n\n");
  EXPECT_BOTH(0, "GET / HTTP/1.1\r\nHost: h\n\r\n");
  EXPECT_BOTH(400, "GET / HTTP/1.1\rHost: h\r\r\n\n");
  EXPECT_BOTH(400, "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n");
  EXPECT_BOTH(400, "GET / HTTP/1.1\r\nHost: h\r\n\r\r\n\n");
  EXPECT_WITH(400, "A: b\rContent-Length: 5");
  EXPECT_WITH(400, "A: b\r");
}

Test(request, heads_that_do_not_end) {
  EXPECT_BOTH(400, "");
  EXPECT_BOTH(400, "\n");
  EXPECT_BOTH(400, "\r\n\r\n");
  EXPECT_BOTH(400, "GET / HTTP/1.1");
  EXPECT_BOTH(400, "GET / HTTP/1.1\r\n");
  EXPECT_BOTH(400, "GET / HTTP/1.1\r\nHost: h\r\n");
  EXPECT_BOTH(400, "GET / HTTP/1.1\r\nHost: h\r\n\r\nx\n");
  EXPECT_BOTH(400, "GET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n");
}

Test(request, start_line) {
  EXPECT_BOTH(400, " GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "GET /  HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "GET / HTTP/1.1 \r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "GET / b HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "G(T / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "GET /\r\n\r\n");
  EXPECT_BOTH(400, "GET\r\n\r\n");
  EXPECT_BOTH(400, "GET / \r\n\r\n");
  EXPECT_BOTH(0, "PURGE / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(0, "M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n");
}

Test(request, versions) {
  auto version = [](const std::string& v) { return Parsed("GET / " + v + "\r\nHost: h\r\n\r\n", kNginx); };
  cr_expect_eq(version("HTTP/1.1").m.version, 11);
  cr_expect_eq(version("HTTP/1.0").m.version, 10);
  cr_expect_eq(version("HTTP/1.2").m.version, 11);
  for (std::string v : {"HTTP/2.0", "HTTP/3.0", "HTTP/9.9"})
    cr_expect_eq(version(v).error.status, 505, "%s", v.c_str());
  for (std::string v : {"HTTP/0.9", "http/1.1", "HTTP/1.10", "HTTP/1", "HTTP/1.", "HTTP/1.x", "HTTP1.1", "HTTP/11.1",
                        "HTTP/ 1.1", "HTP/1.1", "HTTP/1,1", "RTSP/1.0", "HTTP/2.00x"})
    cr_expect_eq(version(v).error.status, 400, "%s", v.c_str());
}

Test(request, target_forms) {
  EXPECT_BOTH(0, get("/"));
  EXPECT_BOTH(0, get("//x"));
  EXPECT_BOTH(400, get("foo"));
  EXPECT_BOTH(400, get("admin/a/b"));
  EXPECT_BOTH(400, get("h:80"));
  EXPECT_BOTH(400, get("*"));
  EXPECT_BOTH(400, get("*x"));
  EXPECT_BOTH(400, get("?a"));
  EXPECT_BOTH(400, get("http:/h"));
  EXPECT_BOTH(400, get("http:"));
  EXPECT_BOTH(400, get("://h"));
  EXPECT_BOTH(400, get("1http://h/"));
  EXPECT_BOTH(0, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(0, "OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "OPTIONS *x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "OPTIONS */test HTTP/1.1\r\nHost: h\r\n\r\n");
  cr_expect_eq(status("PRI * HTTP/2.0\r\n\r\n", kNginx), 505);
  cr_expect_eq(status("PRI * HTTP/2.0\r\n\r\n", kHaproxy), 400);
}

Test(request, target_bytes) {
  for (int c = 0; c < 256; c++) {
    std::string head = get("/a" + std::string(1, static_cast<char>(c)) + "b-and-some-more-bytes");
    bool control = c <= 0x20 || c == 0x7f;
    cr_expect_eq(status(head, kNginx), control ? 400 : 0, "nginx %d", c);
    cr_expect_eq(status(head, kHaproxy), control || c == '#' || c >= 0x80 ? 400 : 0, "haproxy %d", c);
    cr_expect_eq(status(head, kHaproxyUnsafe), control ? 400 : 0, "haproxy unsafe %d", c);
  }
}

Test(request, fragment_is_left_out) {
  for (const char* target : {"/a?b#c", "/a?b#c#d?e", "http://h/a?b#c"}) {
    Parsed p(get(target), kNginx);
    cr_assert(p.error.ok());
    cr_expect(p.m.path == "/a?b", "%s", target);
    cr_expect(p.m.target.find('#') == Str::npos);
  }
  cr_expect(Parsed(get("http://h#frag"), kNginx).m.path == "/");
  EXPECT_BOTH(400, get("#/a"));
}

Test(request, single_headers) {
  for (std::string name : {"If-Modified-Since", "If-Unmodified-Since", "If-Match", "If-None-Match", "If-Range",
                           "Expect", "Content-Range", "Authorization", "Proxy-Authorization"}) {
    std::string line = name + ": x";
    EXPECT_WITH(0, line);
    cr_expect_eq(with(line + "\r\n" + line, kNginx), 400, "%s", name.c_str());
    cr_expect_eq(with(line + "\r\n" + line, kHaproxy), 0, "%s", name.c_str());
  }
  EXPECT_WITH(0, "If-Match: x\r\nIf-Range: x");
  cr_expect_eq(response("HTTP/1.1 200 OK\r\nContent-Range: x\r\nContent-Range: x\r\n\r\n"), 0);
}

Test(request, absolute_target) {
  Parsed p(get("http://Www.Example.com:8080/a?b", "www.example.com:8080"), kNginx);
  cr_assert(p.error.ok());
  cr_expect(p.m.scheme == "http" && p.m.authority == "Www.Example.com:8080" && p.m.path == "/a?b");
  cr_expect(p.m.target == "http://Www.Example.com:8080/a?b");
  cr_expect(Parsed(get("http://h"), kNginx).m.path == "/");
  cr_expect(Parsed(get("http://h?x=1"), kNginx).m.path == "/?x=1");
  cr_expect(Parsed("OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", kHaproxy).m.path == "*");
  cr_expect(Parsed("OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", kNginx).m.path == "/");
  EXPECT_BOTH(400, get("http:///a"));
  EXPECT_BOTH(400, get("http://h:99999/"));
  EXPECT_BOTH(400, get("http://h:8x/"));
  EXPECT_BOTH(400, get("http://[::1/", "[::1]"));
  EXPECT_BOTH(400, get("http://h\\x/"));
  cr_expect_eq(status(get("ftp://h/"), kNginx), 0);
  cr_expect_eq(status(get("ftp://h/"), kHaproxy), 400);
  cr_expect_eq(status(get("http://u:p@h/"), kNginx), 400);
  Parsed user(get("http://u:p@h:80/c1", "h:80"), kHaproxy);
  cr_expect(user.error.ok() && user.m.authority == "h:80");
  cr_expect_eq(status(get("http://h#frag"), kHaproxyUnsafe), 0);
  cr_expect(Parsed(get("http://h#frag"), kHaproxyUnsafe).m.authority == "h");
}

Test(request, absolute_target_against_host) {
  struct Row {
    const char* target;
    const char* host;
    int status;
  };
  const Row rows[] = {
      {"http://h1/", "h2", 400},     {"http://h:80/", "h:81", 400}, {"http://h:8080/", "h", 400},
      {"http://h/", "h:81", 400},    {"http://h:80/", "h", 0},      {"https://h:443/", "h", 0},
      {"https://h:80/", "h", 400},   {"https://h:80/", "h:80", 0},  {"http://h/", "h:80", 0},
      {"https://h/", "h:443", 0},    {"http://h:/", "h", 0},        {"http://h/", "h:", 0},
      {"http://h:80/", "h:", 0},     {"http://h:/", "h:80", 0},     {"https://h:443/", "h:", 0},
      {"http://H/", "h", 0},         {"http://h:81/", "h:81", 0},   {"http://h?x", "x", 400},
      {"http://[::1]/", "[::1]", 0}, {"http://[::1]/", "h", 400},   {"http://h/@x", "h", 0},
  };
  for (const Row& row : rows) {
    cr_expect_eq(status(get(row.target, row.host), kHaproxy), row.status, "%s %s", row.target, row.host);
    Parsed p(get(row.target, row.host), kNginx);
    cr_assert(p.error.ok(), "%s %s", row.target, row.host);
    cr_expect(p.m.headers.value(Name::host) == (row.status ? p.m.authority : Str(row.host)), "%s %s", row.target,
              row.host);
  }
  cr_expect_eq(status(get("http://:", ":80"), kHaproxy), 0);
  cr_expect_eq(status(get("https://:", ":"), kHaproxy), 0);
  cr_expect_eq(status(get("http://:", ":80"), kNginx), 400);
  cr_expect_eq(status(get("http://h1/", "h2"), kHaproxyUnsafe), 0);
}

Test(request, connect) {
  auto connect = [](const std::string& target, const std::string& host, const H1Limits& limits) {
    return status("CONNECT " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n", limits);
  };
  for (const H1Limits* limits : {&kNginx, &kHaproxy}) {
    cr_expect_eq(connect("h:80", "h:80", *limits), 0);
    cr_expect_eq(connect("h:80", "h", *limits), 0);
    cr_expect_eq(connect("h:443", "h:", *limits), 0);
    cr_expect_eq(connect("h:8443", "h:8443", *limits), 0);
    cr_expect_eq(connect("[::1]:80", "[::1]", *limits), 0);
    cr_expect_eq(connect("h", "h", *limits), 400);
    cr_expect_eq(connect("h:", "h", *limits), 400);
    cr_expect_eq(connect(":80", ":80", *limits), 400);
    cr_expect_eq(connect("/", "h", *limits), 400);
    cr_expect_eq(connect("*", "h", *limits), 400);
    cr_expect_eq(connect("http://h:80", "h", *limits), 400);
    cr_expect_eq(connect("u@h:80", "h", *limits), 400);
    cr_expect_eq(connect("h1:80", "h2:80", *limits), 400);
    cr_expect_eq(connect("h:80", "h:443", *limits), 400);
  }
  cr_expect_eq(connect("h:8080", "h", kHaproxy), 400);
  cr_expect_eq(connect("h:8080", "h", kNginx), 0);
  Parsed p("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", kNginx);
  cr_expect(p.m.method == Method::connect && p.m.path == "h:443" && p.m.authority == "h:443");
}

Test(request, host) {
  EXPECT_BOTH(400, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_BOTH(0, "GET / HTTP/1.0\r\n\r\n");
  EXPECT_BOTH(400, "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n");
  EXPECT_BOTH(400, "GET / HTTP/1.0\r\nHost: h\r\nhost: g\r\n\r\n");
  for (std::string bad :
       {"a,b",      "a, b",    "u@h",   "a b",  "a/b",  "a\\b",  "a?b",   "a#b",    "h:x",    "h:65536",
        "h:123456", "h:80:80", "h:1.2", "h:-1", "h:+1", "[::1",  "::1]",  "[::1].", "x[::1]", "[]",
        "[::1]x",   ".",       "a..b",  "a..",  "<a>",  "h\x02", "h\x80", "[a\\b]", "h:8 0"})
    EXPECT_BOTH(400, get("/", bad));
  for (std::string good : {"h", "H", "a.b", "a.b.", "a.b:", "a.b.:88", "127.0.0.1:65535", "[::1]",
                           "[::ffff:1.2.3.4]:80", "a_b", "a%20b", "[v1.a:b]", "xn--bcher-kva.example", "h:080"})
    EXPECT_BOTH(0, get("/", good));
  cr_expect_eq(status(get("/", ""), kNginx), 400);
  cr_expect_eq(status(get("/", ""), kHaproxy), 0);
  cr_expect_eq(status(get("/", "[v1.a,b]"), kHaproxy), 400);
}

Test(request, values) {
  for (int c = 0; c < 256; c++) {
    for (std::string lead : {"", "0123456789abcdef"}) {
      std::string line = "X: " + lead + "a" + std::string(1, static_cast<char>(c)) + "b";
      bool control = (c < 0x20 && c != '\t') || c == 0x7f;
      int expected = control ? 400 : 0;
      cr_expect_eq(with(line, kNginx), expected, "nginx %d", c);
      cr_expect_eq(with(line, kHaproxy), expected, "haproxy %d", c);
      cr_expect_eq(with(line, kHaproxyUnsafe), c == '\n' || c == '\r' ? 400 : 0, "haproxy unsafe %d", c);
    }
  }
  Parsed p("GET / HTTP/1.1\r\nHost: h\r\nA: \t x\ty \t \r\n\r\n", kNginx);
  cr_expect(p.m.headers.find("a")->value == "x\ty");
}

Test(request, names) {
  EXPECT_WITH(400, ": v");
  EXPECT_WITH(400, ":v\r\nA: b");
  EXPECT_WITH(400, "Name : v");
  EXPECT_WITH(400, "Name\t: v");
  EXPECT_WITH(400, "Na me: v");
  EXPECT_WITH(400, "Name");
  EXPECT_WITH(400, "Name v");
  EXPECT_WITH(400, "Na\rme: v");
  EXPECT_WITH(400, std::string("Na\0me: v", 8));
  EXPECT_WITH(400, "Na\x7fme: v");
  EXPECT_WITH(400, "Content-Length : 5");
  EXPECT_WITH(400, "Transfer-Encoding : chunked");
  EXPECT_WITH(400, "A: b\r\n c");
  EXPECT_WITH(400, "A: b\r\n\tc: d");
  EXPECT_WITH(400, "A: b\r\n : d");
  EXPECT_BOTH(400, "GET / HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n");
  EXPECT_WITH(0, "A: b\r\nVery-Long-" + std::string(300, 'n') + ": v");
}

Test(request, invalid_names_by_option) {
  H1Limits keep = kNginx;
  keep.ignore_invalid_headers = false;
  H1Limits underscores = kNginx;
  underscores.underscores_in_headers = true;
  auto listed = [](const std::string& name, const H1Limits& limits) {
    Parsed p("GET / HTTP/1.0\r\n" + name + ": v\r\n\r\n", limits);
    return p.error.ok() ? static_cast<int>(p.m.headers.size()) : -static_cast<int>(p.error.status);
  };
  for (std::string name : {"x_foo", "_foo", "x.foo", ".foo"}) {
    bool underscore = name.find('_') != std::string::npos;
    cr_expect_eq(listed(name, kNginx), 0);
    cr_expect_eq(listed(name, keep), 1);
    cr_expect_eq(listed(name, underscores), underscore ? 1 : 0);
    cr_expect_eq(listed(name, kHaproxy), 1);
  }
  for (std::string name : {"</kie>", "a(b", "a\xc3\xa4", "\"a\""}) {
    cr_expect_eq(listed(name, kNginx), 0);
    cr_expect_eq(listed(name, keep), -400);
    cr_expect_eq(listed(name, kHaproxy), -400);
    cr_expect_eq(listed(name, kHaproxyUnsafe), 0);
  }
  for (std::string name : {"Content-Length\x80", "(Host", "Transfer.-Encoding(", "Connection\""}) {
    cr_expect_eq(listed(name, kNginx), -400, "%s", name.c_str());
    cr_expect_eq(listed(name, kHaproxyUnsafe), -400, "%s", name.c_str());
  }
  cr_expect_eq(listed("Content-Length ", kHaproxyUnsafe), -400);
  cr_expect_eq(listed(std::string("Content\0-Length", 15), kHaproxyUnsafe), -400);
  cr_expect_eq(listed("", kHaproxyUnsafe), -400);
}

Test(request, limits) {
  H1Limits limits;
  limits.max_line = 40;
  limits.max_header = 30;
  limits.max_head = 200;
  limits.max_headers = 3;
  limits.big_header_status = 431;
  cr_expect_eq(status(get("/" + std::string(20, 'a')), limits), 0);
  cr_expect_eq(status(get("/" + std::string(30, 'a')), limits), 414);
  cr_expect_eq(with("A: " + std::string(27, 'a'), limits), 0);
  cr_expect_eq(with("A: " + std::string(28, 'a'), limits), 431);
  cr_expect_eq(with("A: b\r\nA: b", limits), 0);
  cr_expect_eq(with("A: b\r\nA: b\r\nA: b", limits), 431);
  limits.max_headers = 1000;
  std::string many = "A: 0123456789";
  for (int i = 0; i < 15; i++) many += "\r\nA: 0123456789";
  cr_expect_eq(with(many, limits), 431);
}

Test(request, cve_2021_40346_long_names) {
  for (size_t n : {255, 256, 270, 300}) {
    std::string name = "Content-Length0" + std::string(n - 15, 'a');
    EXPECT_WITH(400, name + ":\r\nContent-Length: 5\r\nContent-Length: 6");
    EXPECT_WITH(0, name + ":\r\nContent-Length: 5");
  }
}

Test(request, content_length) {
  for (std::string bad : {"",
                          " ",
                          "+5",
                          "-5",
                          "0x5",
                          "5,5",
                          "5, 5",
                          "5 5",
                          "5x",
                          "x",
                          "5;",
                          "5.0",
                          "1e3",
                          "\"5\"",
                          "5_0",
                          "00000000000000000005",
                          "12345678901234567890",
                          "18446744073709551621",
                          "9223372036854775808",
                          "99999999999999999999999999"})
    EXPECT_WITH(400, "Content-Length: " + bad);
  EXPECT_WITH(400, "Content-Length: 5\r\nContent-Length: 5");
  EXPECT_WITH(400, "Content-Length: 5\r\ncontent-length: 6");
  EXPECT_WITH(400, "Content-Length:\r\nContent-Length: 5");
  for (const auto& [text, n] :
       {std::pair<std::string, uint64_t>{"0", 0}, {"5", 5}, {"005", 5}, {"9223372036854775807", INT64_MAX}}) {
    Parsed p("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \t" + text + " \r\n\r\n", kNginx);
    cr_expect(p.error.ok() && p.m.body == Body::length && p.m.content_length == n, "%s", text.c_str());
    cr_expect(!p.m.headers.find(Name::content_length)->hop);
  }
}

Test(request, transfer_encoding) {
  for (std::string good : {"chunked", "Chunked", "CHUNKED \t"}) {
    Parsed p("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: " + good + "\r\n\r\n", kNginx);
    cr_expect(p.error.ok() && p.m.body == Body::chunked && p.m.headers.find(Name::transfer_encoding)->hop);
  }
  EXPECT_WITH(400, "Content-Length: 5\r\nTransfer-Encoding: chunked");
  EXPECT_WITH(400, "Transfer-Encoding: chunked\r\nContent-Length: 5");
  EXPECT_WITH(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked");
  EXPECT_WITH(400, "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked");
  EXPECT_WITH(400, "Transfer-Encoding:");
  EXPECT_WITH(400, "Transfer-Encoding: chunked\x0b");
  EXPECT_WITH(400,
              "Transfer-Encoding: \x0b"
              "chunked");
  EXPECT_WITH(400, "Transfer-Encoding: chunked;q=1");
  EXPECT_WITH(400, "Transfer-Encoding: \"chunked\"");
  EXPECT_WITH(400, "Transfer-Encoding: ,chunked");
  EXPECT_BOTH(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (std::string unknown : {"gzip", "identity", "xchunked", "chunked, identity", "chunked,chunked"}) {
    cr_expect_eq(with("Transfer-Encoding: " + unknown, kNginx), 501, "%s", unknown.c_str());
    cr_expect_eq(with("Transfer-Encoding: " + unknown, kHaproxy), 400, "%s", unknown.c_str());
  }
  cr_expect_eq(with("Transfer-Encoding: chunked, gzip, chunked", kHaproxy), 400);
  cr_expect_eq(with("Transfer-Encoding: gzip, chunked", kHaproxy), 422);
}

Test(request, keep_alive) {
  auto keeps = [](const std::string& version, const std::string& lines) {
    Parsed p("GET / HTTP/" + version + "\r\nHost: h\r\n" + lines + "\r\n", kNginx);
    cr_assert(p.error.ok());
    return p.m.keep_alive;
  };
  cr_expect(keeps("1.1", ""));
  cr_expect(!keeps("1.1", "Connection: close\r\n"));
  cr_expect(!keeps("1.1", "Connection: foo , CLOSE\r\n"));
  cr_expect(!keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  cr_expect(keeps("1.1", "Connection: closed\r\n"));
  cr_expect(!keeps("1.0", ""));
  cr_expect(keeps("1.0", "Connection: Keep-Alive\r\n"));
  cr_expect(!keeps("1.0", "Connection: keep-alive, close\r\n"));
}

Test(request, hop_by_hop) {
  Parsed p(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop, x-forwarded-for, X-Forwarded-Port, Host, "
      "content-length\r\n"
      "Connection: cookie,,authorization , True-Client-IP\r\nX-Hop: 1\r\nx-hop: 2\r\nX-Forwarded-For: 1\r\n"
      "X-Forwarded-Port: 1\r\nContent-Length: 0\r\nCookie: a\r\nAuthorization: b\r\nTrue-Client-IP: c\r\nTE: "
      "trailers\r\n"
      "Keep-Alive: 5\r\nProxy-Connection: x\r\nTrailer: A\r\nUpgrade: a\r\nHTTP2-Settings: x\r\n\r\n",
      kNginx);
  cr_assert(p.error.ok());
  for (Str name : {"Connection", "X-Hop", "TE", "Keep-Alive", "Proxy-Connection", "Upgrade", "HTTP2-Settings"})
    cr_expect(p.m.headers.find(name)->hop, "%s", name.data());
  cr_expect(p.m.headers.find("x-hop", p.m.headers.find("x-hop"))->hop);
  for (Str name : {"Host", "X-Forwarded-For", "X-Forwarded-Port", "Content-Length", "Cookie", "Authorization",
                   "True-Client-IP", "Trailer"})
    cr_expect(!p.m.headers.find(name)->hop, "%s", name.data());
  std::string many = "Connection: a";
  for (int i = 0; i < 100; i++) many += ",a";
  EXPECT_WITH(400, many);
}

Test(request, upgrade) {
  auto upgrade = [](const std::string& version, const std::string& lines) {
    Parsed p("GET / HTTP/" + version + "\r\nHost: h\r\n" + lines + "\r\n", kNginx);
    cr_assert(p.error.ok());
    return p.m.upgrade ? std::string(p.m.headers.value(Name::upgrade)) : std::string("no");
  };
  cr_expect(upgrade("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n") == "websocket");
  cr_expect(upgrade("1.1", "Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n") == "websocket");
  cr_expect(upgrade("1.1", "Upgrade: websocket\r\n") == "no");
  cr_expect(upgrade("1.1", "Connection: upgrade\r\n") == "no");
  cr_expect(upgrade("1.1", "Connection: upgrade\r\nUpgrade:\r\n") == "no");
  cr_expect(upgrade("1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n") == "no");
  cr_expect(upgrade("1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n") == "no");
  cr_expect(upgrade("1.1", "Connection: Upgrade\r\nUpgrade: h2C, a/1 ,H2,b\r\n") == "a/1, b");
}

Test(request, expect) {
  auto expects = [](const std::string& version, const std::string& value) {
    Parsed p("POST / HTTP/" + version + "\r\nHost: h\r\nContent-Length: 1\r\nExpect: " + value + "\r\n\r\n", kNginx);
    cr_assert(p.error.ok());
    return p.m.expect_continue;
  };
  cr_expect(expects("1.1", "100-continue"));
  cr_expect(expects("1.1", "100-Continue"));
  cr_expect(!expects("1.0", "100-continue"));
  cr_expect(!expects("1.1", "100-continue, x"));
  cr_expect(!expects("1.1", "y 100-continue"));
  cr_expect(!expects("1.1", ""));
}

Test(response, status_line) {
  struct Row {
    const char* line;
    int status;
    const char* reason;
  };
  for (Row row : {Row{"HTTP/1.1 200 OK", 200, "OK"},
                  {"HTTP/1.1 200", 200, ""},
                  {"HTTP/1.1 200 ", 200, ""},
                  {"HTTP/1.0 404 Not Found \t\xc3\xa4", 404, "Not Found \t\xc3\xa4"},
                  {"HTTP/1.1 999 x", 999, "x"}}) {
    Parsed p(std::string(row.line) + "\r\nContent-Length: 0\r\n\r\n", Method::get);
    cr_expect(p.error.ok() && p.m.status == row.status && p.m.reason == row.reason, "%s", row.line);
  }
  for (std::string bad :
       {"HTTP/1.1 099 x", "HTTP/1.1 20 x", "HTTP/1.1 2000 x", "HTTP/1.1 2x0 x", "HTTP/1.1 200x", "HTTP/1.1",
        "HTTP/1.1 ", "HTTP/1.1  200 OK", "HTTP/2.0 200 OK", "HTTP/1.1\t200 OK", "200 OK", "HTTP/1.1 -20 x",
        "HTTP/1.1 200 O\x01K", "HTTP/1.1 200 OK\rX", "http/1.1 200 OK", "ICY 200 OK"})
    cr_expect_eq(response(bad + "\r\nContent-Length: 0\r\n\r\n"), 502, "%s", bad.c_str());
  Parsed big("HTTP/1.1 1234 x\r\nContent-Length: 0\r\n\r\n", Method::get, false, kHaproxyUnsafe);
  cr_expect(big.error.ok() && big.m.status == 1234);
  Parsed bigger("HTTP/1.1 65536 x\r\nContent-Length: 0\r\n\r\n", Method::get, false, kHaproxyUnsafe);
  cr_expect_eq(bigger.error.status, 502);
}

Test(response, framing) {
  struct Row {
    const char* head;
    Method method;
    Body body;
    bool keep_alive;
  };
  const Row rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::get, Body::length, true},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Method::get, Body::length, false},
      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n", Method::get, Body::length, true},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", Method::get, Body::length, false},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::get, Body::chunked, true},
      {"HTTP/1.1 200 OK\r\n\r\n", Method::get, Body::close, false},
      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", Method::get, Body::close, false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::head, Body::none, true},
      {"HTTP/1.1 200 OK\r\n\r\n", Method::head, Body::none, true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::head, Body::none, true},
      {"HTTP/1.1 100 Continue\r\n\r\n", Method::get, Body::none, true},
      {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", Method::get, Body::none, true},
      {"HTTP/1.1 204 No Content\r\n\r\n", Method::get, Body::none, true},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Method::get, Body::none, true},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Method::get, Body::none, true},
      {"HTTP/1.1 200 OK\r\n\r\n", Method::connect, Body::tunnel, false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::connect, Body::tunnel, false},
      {"HTTP/1.1 407 No\r\nContent-Length: 5\r\n\r\n", Method::connect, Body::length, true},
  };
  for (const Row& row : rows) {
    Parsed p(row.head, row.method);
    cr_expect(p.error.ok() && p.m.body == row.body && p.m.keep_alive == row.keep_alive, "%s", row.head);
  }
}

Test(response, refused_framing) {
  for (std::string lines :
       {"Content-Length: 0\r\nContent-Length: 0", "Content-Length: foo", "Content-Length:", "Content-Length: 5,5",
        "Content-Length: +5", "Transfer-Encoding: foo", "Transfer-Encoding:",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: gzip, chunked", "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0", "A : b", ": b", "A", "A: b\r\n c", "A: b\rc", "A: b\x01"}) {
    std::string head = "HTTP/1.1 200 OK\r\n" + lines + "\r\n\r\n";
    cr_expect_eq(response(head), 502, "%s", lines.c_str());
    cr_expect_eq(Parsed(head, Method::get, false, kHaproxy).error.status, 502, "%s", lines.c_str());
  }
  cr_expect_eq(response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), 502);
  cr_expect_eq(response(std::string("HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n", 26)), 502);
}

Test(response, upgrade) {
  std::string head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  Parsed asked(head, Method::get, true);
  cr_expect(asked.error.ok() && asked.m.body == Body::tunnel && asked.m.upgrade);
  cr_expect_eq(response(head), 502);
  Parsed refused("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nUpgrade: websocket\r\n\r\n", Method::get, true);
  cr_expect(refused.error.ok() && refused.m.body == Body::length && !refused.m.upgrade);
}

Test(response, names_that_are_no_tokens_are_dropped) {
  Parsed p("HTTP/1.1 200 OK\r\nx.y: 1\r\nx_y: 2\r\na(b: 3\r\nContent-Length: 0\r\n\r\n", Method::get);
  cr_expect(p.error.ok() && p.m.headers.size() == 3 && p.m.headers.find("x.y") && p.m.headers.find("x_y"));
}

// Random and mutated heads: no crash, and what is accepted has no byte that could split a line.
Test(fuzz, heads) {
  std::mt19937 random(7);
  const std::string seeds[] = {
      "GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\nConnection: upgrade, x\r\nUpgrade: h2c, y\r\nX: y\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 10\r\nExpect: 100-continue\r\nX_y: \t z \t\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nSet-Cookie: a=b\r\n\r\n",
  };
  const std::string dictionary[] = {"\r\n", "\n",      "\r", ":", " ", "\t", ",", std::string(1, '\0'),
                                    "\x80", "chunked", "#",  "@"};
  for (int round = 0; round < 60000; round++) {
    std::string head = seeds[random() % 3];
    for (unsigned edits = random() % 5; edits; edits--) {
      size_t at = random() % (head.size() + 1);
      switch (random() % 4) {
        case 0: head.insert(at, dictionary[random() % std::size(dictionary)]); break;
        case 1: head.erase(at, random() % 4); break;
        case 2: head.insert(at, 1, static_cast<char>(random())); break;
        default: head.resize(at); break;
      }
    }
    size_t scanned = 0;
    size_t n = http::find_head_end(head, scanned);
    std::string exact = n && random() % 4 ? head.substr(0, n) : head;
    const H1Limits& limits = random() % 3 == 0 ? kNginx : kHaproxy;
    Parsed request(exact, limits);
    Parsed answer(exact, Method::get, random() % 2, limits);
    for (const Parsed* p : {&request, &answer}) {
      if (!p->error.ok()) {
        cr_assert(!p->error.reason.empty());
        continue;
      }
      for (const http::Header& h : p->m.headers) {
        cr_assert(!h.name.empty() && h.name.find_first_of(" \t\r\n:") == Str::npos);
        cr_assert(h.value.find_first_of(Str("\r\n\0", 3)) == Str::npos && trim(h.value) == h.value);
      }
    }
  }
}
