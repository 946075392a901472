// bind, server, log, stats socket and error page lines, and addresses.
#include <criterion/criterion.h>

#include "balance/balancer.h"
#include "bound.h"
#include "haproxy/address.h"

using namespace weir;
using namespace weir::haproxy;
using config::Severity;

namespace {

Address address(Str text) {
  static Arena arena;
  Address a;
  std::string problem;
  cr_assert(parse_address(text, a, problem, arena), "%s: %s", std::string(text).c_str(), problem.c_str());
  return a;
}
bool refused(Str text) {
  Arena arena;
  Address a;
  std::string problem;
  return !parse_address(text, a, problem, arena) && !problem.empty();
}
const model::Listener& listener(const Bound& b, size_t i) {
  return *b.model->listeners.at(i);
}

}  // namespace

Test(haproxy_address, families_and_ports) {
  cr_expect_eq(address("127.0.0.1:80").port, 80);
  cr_expect_eq(address("*:80").host, "*");
  cr_expect_eq(address(":80").host, "");
  cr_expect_eq(address("[::1]:81").host, "::1");
  cr_expect_eq(address("::1:81").host, "::1");
  cr_expect_eq(address("ipv6@:82").port, 82);
  cr_expect(address("/run/x.sock").family == Address::Family::path);
  cr_expect(address("unix@/run/x.sock").family == Address::Family::path);
  cr_expect(address("abns@name").family == Address::Family::abstract);
  cr_expect_eq(address("fd@7").fd, 7);
  cr_expect_eq(address("10.0.0.1").port, -1);
  cr_expect_eq(address("10.0.0.1:8000-8003").last_port, 8003);
  cr_expect(address("10.0.0.1:+5").port_offset);
  cr_expect(address("quic4@:443").quic);
}

Test(haproxy_address, mistakes) {
  cr_expect(refused("127.0.0.1:http"));
  cr_expect(refused("127.0.0.1:70000"));
  cr_expect(refused("127.0.0.1:90-80"));
  cr_expect(refused("[::1"));
  cr_expect(refused("fd@x"));
  cr_expect(refused("unix@"));
}

Test(haproxy_bind_line, several_addresses_and_ranges) {
  Bound b(with_front(" bind 127.0.0.1:81,[::1]:82\n bind :9000-9002 name many"));
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  cr_assert_eq(b.model->listeners.size(), 6u);
  cr_expect_eq(listener(b, 1).addr.port, 81);
  cr_expect_eq(listener(b, 2).addr.family, AF_INET6);
  cr_expect_eq(listener(b, 5).addr.port, 9002);
  cr_expect_eq(listener(b, 5).name, "many");
}

Test(haproxy_bind_line, unix_sockets_and_descriptors) {
  Bound b(with_front(" bind unix@/tmp/x.sock mode 600\n bind abns@weir\n bind fd@9"));
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  cr_expect_eq(listener(b, 1).unix_mode, 0600);
  cr_expect(listener(b, 2).addr.abstract);
  cr_expect_eq(listener(b, 3).fd, 9);
}

Test(haproxy_bind_line, mistakes) {
  Bound port(with_front(" bind 127.0.0.1"));
  cr_expect_eq(port.error(), "'127.0.0.1' lacks the port to listen on");
  Bound word(with_front(" bind :81 acept-proxy"));
  cr_expect_eq(word.first(Severity::error).remedy, "did you mean 'accept-proxy'?");
  Bound planned(with_front(" bind :81 idle-ping 1s"));
  cr_expect_eq(planned.first(Severity::planned).text, "not yet: bind … idle-ping");
  Bound tls(with_front(" bind :81 ssl crt /nonexistent.pem"));
  cr_expect(tls.diag.failed());
  Bound offline(with_front(" bind :81 ssl crt /nonexistent.pem"), true);
  cr_expect(!offline.diag.failed(), "%s", offline.said().c_str());
}

Test(haproxy_server_line, options_and_defaults) {
  Bound b(
      "backend b\n mode http\n timeout connect 1s\n timeout server 1s\n default-server weight 10 maxconn 5\n"
      " server a 127.0.0.1:1\n server c 127.0.0.1:2 weight 3 backup disabled\nlisten l\n bind :1\n mode http\n"
      " timeout client 1s\n");
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  const auto& servers = b.proxy("b").pool->servers;
  cr_assert_eq(servers.size(), 2u);
  cr_expect_eq(servers[0]->weight, 10);
  cr_expect_eq(servers[0]->max_conns, 5);
  cr_expect_eq(servers[1]->weight, 3);
  cr_expect(servers[1]->backup);
  cr_expect(servers[1]->disabled);
}

Test(haproxy_server_line, templates) {
  Bound b(with_front("") + " server-template t 2-4 127.0.0.1:80\n");
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  cr_assert_eq(b.proxy("b").pool->servers.size(), 4u);
  cr_expect_eq(b.proxy("b").pool->servers[1]->name, "t2");
}

Test(haproxy_server_line, mistakes) {
  Bound twice(with_front("") + " server s1 127.0.0.1:2\n");
  cr_expect_eq(twice.product(), "backend 'b', another server named 's1' was already defined, names must be unique.");
  Bound weight(with_front("") + " server s2 127.0.0.1:2 weight 300\n");
  cr_expect(weight.diag.failed());
  Bound host(with_front("") + " server s2 no.such.host.invalid:2\n");
  cr_expect_eq(host.product(), "'server b/s2' : could not resolve address 'no.such.host.invalid'.");
  Bound later(with_front("") + " server s2 no.such.host.invalid:2 init-addr none\n");
  cr_expect(!later.diag.failed());
  Bound later_words(with_front("") + " server s2 127.0.0.1:2 cc cubic ws h1\n");
  cr_expect_eq(later_words.diag.count(Severity::planned), 2u);
}

Test(haproxy_log_line, targets) {
  Bound b("global\n log stdout format raw local0\n log 127.0.0.1:5514 len 2048 format rfc5424 daemon notice\n" +
          with_front(" log global\n option httplog"));
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  const Proxy& f = b.proxy("f");
  cr_assert_eq(f.targets.size(), 2u);
  cr_expect_eq(f.targets[0]->fd, 1);
  cr_expect(f.targets[0]->format == SyslogFormat::raw);
  cr_expect_eq(f.targets[1]->addr.port, 5514);
  cr_expect_eq(f.targets[1]->level, 5);
  cr_expect_eq(f.targets[1]->max_length, 2048u);
  cr_expect(f.log_format != nullptr);
}

Test(haproxy_log_line, mistakes) {
  Bound facility(with_front(" log stdout nowhere"));
  cr_expect_eq(facility.product(), "'log' : unknown log facility 'nowhere'");
  Bound format(with_front(" log stdout format pretty local0"));
  cr_expect_eq(format.product(), "'log' : unknown log format 'pretty'");
}

Test(haproxy_runtime_socket, options) {
  Bound b("global\n stats socket /run/x.sock mode 660 level admin expose-fd listeners\n stats timeout 30s\n" +
          with_front(""));
  cr_assert(!b.diag.failed(), "%s", b.said().c_str());
  cr_assert_eq(b.global().sockets.size(), 1u);
  const RuntimeSocketConf& s = b.global().sockets[0];
  cr_expect_eq(s.address, "/run/x.sock");
  cr_expect_eq(s.mode, 0660);
  cr_expect_eq(s.level, "admin");
  cr_expect(s.expose_fd);
  cr_expect_eq(b.global().socket_timeout_ms, 30000u);
}

Test(haproxy_pages, standard_texts_and_messages) {
  const Page* p = standard_page(503);
  cr_assert(p);
  cr_expect_eq(p->body.size(), 107u);
  cr_expect(standard_page(418) == nullptr);
  Arena arena;
  std::string problem;
  Page* m = parse_message(arena, "HTTP/1.0 404 Gone fishing\r\nX-A: b\r\nConnection: close\r\n\r\nbody\n", problem);
  cr_assert(m, "%s", problem.c_str());
  cr_expect_eq(m->status, 404);
  cr_expect_eq(m->reason, "Gone fishing");
  cr_expect_eq(m->fields.size, 1u);
  cr_expect(m->close);
  cr_expect_eq(m->body, "body\n");
  cr_expect(parse_message(arena, "hello", problem) == nullptr);
}

Test(haproxy_balance, retries_may_return_to_a_tried_server) {
  Bound b(with_front(""));
  const model::Pool& pool = *b.proxy("b").pool;
  cr_expect_eq(pool.servers.size(), 1u);
  cr_expect_eq(pool.balancer->name(), "random");
}
