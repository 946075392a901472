// haproxy/log_format.h: parsing, flags, tags, encodings and the default formats.
#include <criterion/criterion.h>

#include "../expr/world.h"
#include "haproxy/log_format.h"

using weir::test::World;
using namespace weir;
using haproxy::FormatUse;

namespace {

struct Formats : World {
  model::Pool pool;
  model::PoolState pool_state;
  model::PoolLocal pool_local;
  model::ServerLocal server_local;
  model::Server server;
  model::ServerState server_state;

  Formats() {
    setenv("TZ", "UTC", 1);
    tzset();
    request("GET /p?q=\"1 HTTP/1.1\r\nHost: a\r\n\r\n");
    // 2009-02-13 23:31:30.500: 500 ms of idle time, 20 ms of head, 10 ms queue, 5 ms connect, 30 ms response, 35 ms
    // data.
    txn.times = {};
    txn.times.accept_ms = 1000;
    txn.times.idle_ms = 1500;
    txn.times.head_ms = 1520;
    txn.times.queue_ms = 1530;
    txn.times.connect_ms = 1535;
    txn.times.response_ms = 1565;
    txn.times.end_ms = 1600;
    txn.times.start_us = 1234567890500000 + 520000;
    pool.name = "app";
    pool.state = &pool_state;
    pool.local = &pool_local;
    server.name = "s1";
    server.state = &server_state;
    server.local = &server_local;
  }
  void answered() {
    response("HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 7\r\n\r\n");
    txn.pool = &pool;
    txn.server = &server;
    txn.head_sent_bytes = 40;
    txn.down.sent = 7;
  }
  std::string line(const std::string& format, FormatUse use = FormatUse::log,
                   const haproxy::Place& place = haproxy::kAtLog) {
    const haproxy::LogFormat* f = haproxy::compile_log_format(arena.dup(format), use, place, env);
    if (!f) return "[" + diag.all().back().text + "]";
    return std::string(haproxy::render(*f, ctx));
  }
};

#define expect_line(world, format, want)                                                                   \
  do {                                                                                                     \
    std::string got_ = (world).line(format);                                                               \
    cr_expect(got_ == (want), "%s: got <%s>, want <%s>", format, got_.c_str(), std::string(want).c_str()); \
  } while (0)

}  // namespace

Test(log_format, text_and_blanks) {
  Formats w;
  expect_line(w, "plain", "plain");
  expect_line(w, "100%% sure", "100% sure");
  expect_line(w, "a   b", "a b");
  expect_line(w, "  a %[var(txn.none)] b", "a - b");
  expect_line(w, "a %hr b", "a b");
  cr_expect(w.line("a   b", FormatUse::text) == "a   b");
  cr_expect(w.line("  %[var(txn.none)] b", FormatUse::text) == "   b");
}

Test(log_format, samples) {
  Formats w;
  expect_line(w, "%[src]:%[src_port]", "192.0.2.7:4321");
  expect_line(w, "<%[str(a]b),upper]>", "<A]B>");
  expect_line(w, "%[int(5)]", "5");
  expect_line(w, "%{+Q}[str(x)]", "\"x\"");
  expect_line(w, "%{+Q}[var(txn.none)]", "\"\"");
  expect_line(w, "%{-M}[var(txn.none)]|", "|");
  expect_line(w, "%{+E}[str('a]\"b')]", "a\\]\\\"b");
  cr_expect(w.line("v=%[str(a\\nb)]", FormatUse::header, haproxy::kAtFrontendRequest) == "v=a%0Ab");
  cr_expect(w.line("v=%[str(a\\nb)]", FormatUse::text, haproxy::kAtFrontendRequest) == "v=a\nb");
}

Test(log_format, request_tags) {
  Formats w;
  expect_line(w, "%{+Q}r", "\"GET /p?q=#221 HTTP/1.1\"");
  expect_line(w, "%HM %HU %HP %HPO %HQ %HV", "GET /p?q=#221 /p /p ?q=#221 HTTP/1.1");
  Formats none;
  none.txn.request.method_text = {};
  expect_line(none, "%{+Q}r %HM", "\"<BADREQ>\" <BADREQ>");
}

Test(log_format, timers_and_dates) {
  Formats w;
  w.answered();
  expect_line(w, "%Ti/%TR/%Tw/%Tc/%Tr/%Td/%Ta/%Tt/%Tu/%Tq/%Th", "500/20/10/5/30/35/100/600/100/520/0");
  expect_line(w, "%t", "13/Feb/2009:23:31:30.500");
  expect_line(w, "%tr", "13/Feb/2009:23:31:31.000");
  expect_line(w, "%T", "13/Feb/2009:23:31:30 +0000");
  expect_line(w, "%trg", "13/Feb/2009:23:31:31 +0000");
  expect_line(w, "%Ts.%ms", "1234567890.500");
  expect_line(w, "%{+X}Ts", "499602D2");
  Formats failed;
  failed.txn.times.queue_ms = failed.txn.times.connect_ms = failed.txn.times.response_ms = 0;
  expect_line(failed, "%TR/%Tw/%Tc/%Tr/%Ta", "20/-1/-1/-1/100");
}

Test(log_format, names_and_states) {
  Formats w;
  expect_line(w, "%ft %b/%s %ST %B %ts %tsc", "web web/<NOSRV> -1 0 -- ----");
  w.answered();
  w.txn.termination = {'C', 'D'};
  expect_line(w, "%f %b/%s %ST %B %ts %tsc %CC %CS", "web app/s1 200 47 CD CD-- - -");
  expect_line(w, "%ci:%cp %{+X}ci:%{+X}cp", "192.0.2.7:4321 C0000207:10E1");
  expect_line(w, "%ac/%fc/%bc/%sc/%rc %sq/%bq", "0/0/0/0/0 0/0");
}

Test(log_format, captures) {
  Formats w;
  expr::hooks.capture_count = [](const expr::Ctx&, bool response) { return response ? 1u : 3u; };
  expr::hooks.capture = [](const expr::Ctx&, bool, uint32_t slot, Str& out) {
    out = slot == 0 ? "a|b" : "two";
    return slot != 1;
  };
  expect_line(w, "%hr %hs", "{a#7Cb||two} {a#7Cb}");
  expect_line(w, "%hrl", "a#7Cb - two");
  expect_line(w, "%{+Q}hrl", "\"a#7Cb\" \"\" \"two\"");
  expect_line(w, "%[capture.req.hdr(2)]", "two");
}

Test(log_format, default_formats) {
  Formats w;
  w.answered();
  expect_line(w, std::string(haproxy::kHttpLogFormat).c_str(),
              "192.0.2.7:4321 [13/Feb/2009:23:31:31.000] web app/s1 20/10/5/30/100 200 47 - - ---- 0/0/0/0/0 0/0 "
              "\"GET /p?q=#221 HTTP/1.1\"");
  expect_line(w, std::string(haproxy::kTcpLogFormat).c_str(),
              "192.0.2.7:4321 [13/Feb/2009:23:31:30.500] web app/s1 10/5/600 47 -- 0/0/0/0/0 0/0");
  expect_line(w, std::string(haproxy::kClfLogFormat).c_str(),
              "192.0.2.7 - - [13/Feb/2009:23:31:31 +0000] \"GET /p?q=#221 HTTP/1.1\" 200 47 \"\" \"\" 4321 500 \"web\" "
              "\"app\" \"s1\" 20 "
              "10 5 30 100 ---- 0 0 0 0 0 0 0 \"\" \"\" ");
  cr_expect(!w.line(std::string(haproxy::kHttpsLogFormat)).starts_with("["));
}

Test(log_format, encodings) {
  Formats w;
  expect_line(
      w, "%{+json}o %(client)ci %(port)cp anonymous %ci %(n:sint)[str(5)] %(b)[bool(1)] %(none)[var(txn.none)] %(r)r",
      "{\"client\": \"192.0.2.7\", \"port\": 4321, \"n\": 5, \"b\": true, \"none\": null, \"r\": \"GET /p?q=#221 "
      "HTTP/1.1\"}");
  expect_line(w, "%{+cbor}o %(a)[int(500)] %(s)[str(hi)] %(m)[int(-1)]", "BF61611901F46173626869616D20FF");
}

Test(log_format, mistakes) {
  Formats w;
  expect_line(w, "a %zz b", "[no such format alias 'zz']");
  cr_expect(w.diag.all().back().remedy.find("'%%'") != std::string::npos);
  expect_line(w, "a % b", "[unexpected alias name near ' ']");
  expect_line(w, "a %", "[truncated line after 'a ']");
  expect_line(w, "%{+Q b", "[missing '}' after the flags]");
  expect_line(w, "%[src", "[missing ']' after 'src']");
  expect_line(w, "%[src x]", "[expected ']' after 'src', but found ' ']");
  expect_line(w, "%[path]",
              "[sample fetch <path> may not be reliably used here because it needs 'HTTP request headers' which is not "
              "available here]");
  expect_line(w, "%[srcc]", "[failed to parse sample expression <srcc> : unknown fetch method 'srcc']");
}

Test(log_format, mistakes_are_pointed_at) {
  Formats w;
  config::Source source{"x.cfg", "  log-format \"%ci %[srcc]\"\n"};
  config::Word word{"%ci %[srcc]", config::Quote::double_quoted, {&source, 1, 14, 13}};
  cr_expect(!haproxy::compile_log_format(word, FormatUse::log, haproxy::kAtLog, w.env));
  cr_expect(w.diag.all()[0].where.column == 14 + 1 + 6 && w.diag.all()[0].where.length == 4, "%u %u",
            w.diag.all()[0].where.column, w.diag.all()[0].where.length);
}

Test(log_format, constants_are_not_copied) {
  Formats w;
  const haproxy::LogFormat* f =
      haproxy::compile_log_format("same", FormatUse::header, haproxy::kAtFrontendRequest, w.env);
  cr_assert(f && f->constant);
  cr_expect(haproxy::render(*f, w.ctx).data() == haproxy::render(*f, w.ctx).data());
  const haproxy::LogFormat* http = haproxy::compile_log_format("%r", FormatUse::log, haproxy::kAtLog, w.env);
  cr_expect(http->http_tag == "r");
}
