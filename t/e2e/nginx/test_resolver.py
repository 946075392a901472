"""Names that are looked up while requests run: resolver, proxy_pass with variables, server … resolve [service=]."""

import hashlib
import struct

import pytest

from rig import net
from rig.dns import CODES, TYPES, encode_name
from rig.origin import Reply

CONF = """
daemon off;
worker_processes {workers};
pid nginx.pid;
error_log error.log info;
events {}
http {
    resolver {dns} {more};
    resolver_timeout 2s;
    {upstreams}
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://$arg_host:{origin_port}; }
        location /group { proxy_pass http://u; add_header X-Address $upstream_addr; }
    }
}
"""


@pytest.fixture
def start(weir, dns, origin):
    def make(workers=1, more="ipv6=off", upstreams="upstream u { server 127.0.0.1:1; }", **places):
        text = CONF.replace("{upstreams}", upstreams).replace("{more}", more)
        return weir("nginx", text=text, dns=dns, origin_port=origin.port, workers=workers, **places)

    return make


@pytest.mark.parametrize("workers", [1, 3])
def test_a_host_of_a_variable_is_looked_up_once(start, dns, origin, workers):
    origin.default = Reply(body=b"found")
    dns.set("app.test", "A", "127.0.0.1")
    proxy = start(workers)
    for _ in range(6):
        assert proxy.get("/?host=app.test").body == b"found"
    assert proxy.get("/?host=APP.test").body == b"found"
    assert len(dns.asked("app.test")) == 1


def test_an_answer_is_good_for_its_time(start, dns, origin):
    dns.set("app.test", "A", "127.0.0.1", ttl=1)
    proxy = start()
    assert proxy.get("/?host=app.test").status == 200
    net.wait_until(lambda: proxy.get("/?host=app.test").status == 200 and len(dns.asked("app.test")) > 1,
                   "another question")


def test_valid_overrides_the_time_of_answers(start, dns, origin):
    dns.set("app.test", "A", "127.0.0.1", ttl=3600)
    proxy = start(more="ipv6=off valid=1s")
    assert proxy.get("/?host=app.test").status == 200
    net.wait_until(lambda: proxy.get("/?host=app.test").status == 200 and len(dns.asked("app.test")) > 1,
                   "another question")


def test_aliases_are_followed(start, dns, origin):
    dns.set("app.test", "A", "127.0.0.1")
    dns.set("www.test", "CNAME", "app.test")
    assert start().get("/?host=www.test").status == 200


def answer_aaaa(dns, name, code=0, alias=None):
    """Questions for the name's AAAA records get a code and no record, or an alias."""
    def raw(query, question):
        if (question.name, question.type) != (name, TYPES["AAAA"]):
            return None
        target = encode_name(alias) if alias else b""
        record = struct.pack("!HHHIH", 0xC00C, TYPES["CNAME"], 1, 60, len(target)) + target if alias else b""
        return query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, bool(record), 0, 0) + query[12:] + record

    dns.raw = raw


def test_an_error_about_one_kind_of_address_is_one_about_the_name(start, dns, origin):
    dns.set("app.test", "A", "127.0.0.1")
    answer_aaaa(dns, "app.test", code=CODES["SERVFAIL"])
    proxy = start(more="ipv6=on")
    assert proxy.get("/?host=app.test").status == 502
    proxy.wait_log(r"app\.test could not be resolved \(2: Server failure\)")
    dns.raw = None
    assert proxy.get("/?host=app.test").status == 200


def test_an_alias_counts_where_there_are_no_addresses(start, dns, origin):
    dns.set("app.test", "A", "127.0.0.1")
    answer_aaaa(dns, "app.test", alias="other.test")
    assert start(more="ipv6=on").get("/?host=app.test").status == 200
    assert not dns.asked("other.test")


def test_long_answers_come_over_tcp(start, dns, origin):
    dns.set("app.test", "A", "127.0.0.1")
    dns.truncate_udp = True
    assert start().get("/?host=app.test").status == 200
    assert any(question.tcp for question in dns.asked("app.test"))


@pytest.mark.parametrize("code,text", [("NXDOMAIN", "3: Host not found"), ("SERVFAIL", "2: Server failure"),
                                       ("REFUSED", "5: Operation refused")])
def test_names_that_are_not_known(start, dns, code, text):
    dns.fail("gone.test", code)
    proxy = start()
    assert proxy.get("/?host=gone.test").status == 502
    proxy.wait_log(rf"gone\.test could not be resolved \({text}\)")
    dns.set("gone.test", "A", "127.0.0.1")
    assert proxy.get("/?host=gone.test").status == 200, "failures are not remembered"


def test_silent_name_servers(start, dns):
    dns.silent.add("slow.test")
    proxy = start()
    assert proxy.get("/?host=slow.test").status == 502
    proxy.wait_log(r"slow\.test could not be resolved \(110: Operation timed out\)")


def test_the_next_address_is_tried(start, dns, origin):
    dns.set("app.test", "A", "127.0.0.1", "127.0.0.2")  # nobody listens on the second one
    proxy = start()
    for _ in range(4):
        assert proxy.get("/?host=app.test").status == 200


def test_without_a_resolver_names_are_errors(weir, origin, dns):
    proxy = weir("nginx", text=CONF.replace("resolver {dns} {more};", "").replace(
        "{upstreams}", "upstream u { server 127.0.0.1:1; }"), origin_port=origin.port, workers=1)
    assert proxy.get("/?host=app.test").status == 502
    proxy.wait_log("no resolver defined to resolve app.test")


GROUP = "upstream u { zone u 64k; server app.test:{origin_port} resolve {options}; }"


def test_a_group_follows_its_name(start, dns, origin):
    dns.set("app.test", "A", "127.0.0.1", ttl=1)
    proxy = start(more="ipv6=off valid=1s", upstreams=GROUP.replace("{options}", "max_fails=0"))
    net.wait_until(lambda: proxy.get("/group").status == 200, "the first address")
    dns.set("app.test", "A", "127.0.0.3", ttl=1)
    net.wait_until(lambda: proxy.get("/group").status == 502, "another address, where nobody is")
    dns.set("app.test", "A", "127.0.0.3", "127.0.0.1", ttl=1)
    net.wait_until(lambda: all(proxy.get("/group").status == 200 for _ in range(4)), "both addresses")
    dns.fail("app.test", "SERVFAIL")
    before = len(dns.asked("app.test"))
    dns.wait_asked("app.test", before + 2)
    assert proxy.get("/group").status == 200, "what is known stays while name servers are broken"
    dns.fail("app.test", "NXDOMAIN")
    net.wait_until(lambda: proxy.get("/group").status == 502, "no address")


def test_addresses_without_a_place_are_told_once(start, dns):
    def addresses(count):
        dns.set("app.test", "A", *(f"127.0.1.{i}" for i in range(count)), ttl=1)

    addresses(40)
    proxy = start(more="ipv6=off valid=1s", upstreams=GROUP.replace("{options}", "max_fails=0"))
    proxy.wait_log(r'\[error\].*app\.test has 40 addresses in upstream "u", which uses 32 of them')
    dns.wait_asked("app.test", len(dns.asked("app.test")) + 3)
    addresses(41)
    proxy.wait_log("app.test has 41 addresses")
    assert proxy.log_text().count("app.test has 40 addresses") == 1
    addresses(32)
    dns.wait_asked("app.test", len(dns.asked("app.test")) + 2)
    assert "has 32" not in proxy.log_text()


def test_sessions_go_with_the_address(start, dns, origin):
    dns.set("app.test", "A", "127.0.0.1", ttl=1)
    proxy = start(more="ipv6=off valid=1s", upstreams=GROUP.replace("{options}", "max_fails=0; sticky cookie s"))

    def cookie_of(address, status):
        answer = proxy.get("/group")
        digest = hashlib.md5(f"{address}:{origin.port}".encode()).hexdigest()
        return answer.status == status and answer.headers.all("Set-Cookie") == [f"s={digest}"]

    for _ in range(2):
        dns.set("app.test", "A", "127.0.0.1", ttl=1)
        net.wait_until(lambda: cookie_of("127.0.0.1", 200), "the first address")
        dns.set("app.test", "A", "127.0.0.3", ttl=1)
        net.wait_until(lambda: cookie_of("127.0.0.3", 502), "the other one")


def test_services_have_ports_and_weights(start, dns, origins, origin):
    other = origins(name="other")
    origin.default, other.default = Reply(body=b"a"), Reply(body=b"b")
    dns.set("app.test", "A", "127.0.0.1", ttl=1)
    dns.set("_http._tcp.app.test", "SRV", (1, 1, origin.port, "app.test"), (1, 3, other.port, "app.test"), ttl=1)
    proxy = start(more="ipv6=off valid=1s", upstreams="upstream u { zone u 64k; server app.test resolve service=http; }")
    net.wait_until(lambda: proxy.get("/group").status == 200, "the first addresses")
    bodies = [proxy.get("/group").body for _ in range(40)]
    assert 9 <= bodies.count(b"a") <= 11 and 29 <= bodies.count(b"b") <= 31
    # A worse priority is for when nobody else is left.
    dns.set("_http._tcp.app.test", "SRV", (1, 1, origin.port, "app.test"), (2, 3, other.port, "app.test"), ttl=1)
    net.wait_until(lambda: {proxy.get("/group").body for _ in range(8)} == {b"a"}, "the better priority alone")


def test_names_need_a_zone_and_a_resolver(weir, dns):
    for group, problem in (("server app.test resolve;", "to be in shared memory"),
                           ("zone u 64k; server app.test:80 service=http;", 'requires "resolve" parameter'),
                           ("zone u 64k; server app.test:80 resolve service=http;", "may not have port")):
        text = "events {}\nhttp { resolver 127.0.0.1; upstream u { %s } }" % group
        tested = weir("nginx", text=text, start=False).run("-t")
        assert tested.returncode and problem in tested.stderr, tested.stderr
    tested = weir("nginx", text="events {}\nhttp { upstream u { zone u 64k; server app.test resolve; } }",
                  start=False).run("-t")
    assert "no resolver defined to resolve names at run time" in tested.stderr


def test_a_name_without_a_port_is_not_another_ports_group(weir):
    """`localhost` stands in the file for port 443; a request that asks for port 80 does not mean that."""
    text = CONF.replace("resolver {dns} {more};", "").replace("{upstreams}", "").replace("http://u;", "https://localhost;").replace(
        "http://$arg_host:{origin_port};", "http://$arg_host;")
    proxy = weir("nginx", text=text, workers=1)
    assert proxy.get("/?host=localhost").status == 502
    proxy.wait_log("no resolver defined to resolve localhost")
