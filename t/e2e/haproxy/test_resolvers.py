"""`resolvers` sections: servers that follow names while the process runs, and what operators see and do about them."""

import re

import pytest

from rig import net
from rig.origin import Reply

CONF = """
global
    nbthread {threads}
    stats socket {dir}/admin.sock mode 600 level admin

resolvers dns
    nameserver one {dns}
    timeout resolve 100ms
    timeout retry 200ms
    resolve_retries 1
    hold valid 100ms
    hold nx {hold}
    hold timeout 1h
    {more}

defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    default_backend b

backend b
    {servers}
"""


@pytest.fixture
def start(weir, dns, origin):
    def make(servers, threads=1, hold="200ms", more=""):
        text = CONF.replace("{servers}", servers).replace("{more}", more)
        return weir("haproxy", text=text, dns=dns, origin_port=origin.port, threads=threads, hold=hold)

    return make


SERVER = "server s1 app.test:{origin_port} resolvers dns init-addr none resolve-prefer ipv4"


def address(proxy, server="s1"):
    return proxy.runtime().servers("b")["b", server]["srv_addr"]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_server_follows_its_name(start, dns, origin, threads):
    dns.set("app.test", "A", "127.0.0.1", ttl=1)
    proxy = start(SERVER, threads)
    net.wait_until(lambda: proxy.get("/").status == 200, "the first address")
    dns.set("app.test", "A", "127.0.0.3", ttl=1)
    net.wait_until(lambda: address(proxy) == "127.0.0.3", "the other address")
    dns.set("app.test", "A", "127.0.0.3", "127.0.0.1", ttl=1)
    dns.wait_asked("app.test", len(dns.asked("app.test")) + 4)
    assert address(proxy) == "127.0.0.3", "an address that is still good is kept"


def test_names_that_are_gone_take_servers_down_after_their_time(start, dns):
    dns.set("app.test", "A", "127.0.0.1", ttl=1)
    proxy = start(SERVER)
    net.wait_until(lambda: proxy.get("/").status == 200, "the first address")
    dns.fail("app.test", "NXDOMAIN")
    net.wait_until(lambda: proxy.runtime().stat()["b", "s1"]["status"] == "MAINT (resolution)", "no address")
    assert proxy.get("/").status == 503
    proxy.wait_log(r"Server b/s1 is going DOWN for maintenance \(DNS NX status\)\. 0 active and 0 backup servers left\.")
    proxy.wait_log(r"backend 'b' has no server available!")
    dns.set("app.test", "A", "127.0.0.1", ttl=1)
    net.wait_until(lambda: proxy.get("/").status == 200, "its return")
    again = r"Server b/s1 \('app.test'\) is UP/READY \(resolves again\)\."
    net.wait_until(lambda: len(re.findall(again, proxy.log_text())) == 2, proxy.log_text)  # the first answer is one too


def test_what_is_known_is_held(start, dns):
    dns.set("app.test", "A", "127.0.0.1", ttl=1)
    proxy = start(SERVER)
    net.wait_until(lambda: proxy.get("/").status == 200, "the first address")
    dns.silent.add("app.test")
    dns.wait_asked("app.test", len(dns.asked("app.test")) + 4)
    assert proxy.get("/").status == 200


def test_servers_of_a_template_share_the_addresses_out(start, dns):
    dns.set("app.test", "A", "127.0.0.1", "127.0.0.2", ttl=1)
    proxy = start("server-template s 3 app.test:{origin_port} resolvers dns init-addr none resolve-prefer ipv4")
    net.wait_until(lambda: {address(proxy, s) for s in ("s1", "s2")} == {"127.0.0.1", "127.0.0.2"}, "two addresses")
    assert proxy.runtime().stat()["b", "s3"]["status"] == "MAINT (resolution)"


def test_services_give_ports(start, dns, origins, origin):
    origin.default = Reply(body=b"service")
    dns.set("app.test", "A", "127.0.0.1", ttl=1)
    dns.set("_http._tcp.app.test", "SRV", (1, 65535, origin.port, "app.test"), ttl=1)
    proxy = start("server-template s 2 _http._tcp.app.test resolvers dns init-addr none resolve-prefer ipv4")
    net.wait_until(lambda: proxy.get("/").status == 200, "the service")
    assert proxy.runtime().stat()["b", "s1"]["weight"] == "256"


def test_preferred_families_and_networks(start, dns):
    dns.set("app.test", "A", "127.0.0.1", "127.9.0.1", ttl=1)
    dns.set("app.test", "AAAA", "::1", ttl=1)
    proxy = start("server s1 app.test:{origin_port} resolvers dns init-addr none\n"
                  "    server s2 app.test:{origin_port} resolvers dns init-addr none resolve-prefer ipv4\n"
                  "    server s3 app.test:{origin_port} resolvers dns init-addr none resolve-net 127.9.0.0/16")
    net.wait_until(lambda: [address(proxy, s) for s in ("s1", "s2", "s3")] == ["::1", "127.0.0.1", "127.9.0.1"],
                   "the best address of each")


def test_operators_rename_servers(start, dns, origin):
    dns.set("app.test", "A", "127.0.0.3", ttl=1)
    dns.set("other.test", "A", "127.0.0.1", ttl=1)
    proxy = start(SERVER)
    net.wait_until(lambda: address(proxy) == "127.0.0.3", "the first address")
    assert "changed its FQDN from app.test to other.test" in proxy.runtime()("set server b/s1 fqdn other.test")
    net.wait_until(lambda: proxy.get("/").status == 200, "the other name's address")
    assert proxy.runtime().servers("b")["b", "s1"]["srv_fqdn"] == "other.test"
    assert "invalid fqdn" in proxy.runtime()("set server b/s1 fqdn a/b")


def test_what_name_servers_said(start, dns):
    dns.set("app.test", "A", "127.0.0.1", ttl=1)
    proxy = start(SERVER)
    net.wait_until(lambda: proxy.get("/").status == 200, "the first address")
    shown = proxy.runtime()("show resolvers dns")
    assert "Resolvers section dns\n nameserver one:\n  sent:" in shown
    assert int(shown.split("valid:")[1].split()[0]) > 0
    assert "Can't find" in proxy.runtime()("show resolvers other")


def test_ways_to_a_first_address(start, dns):
    dns.fail("app.test", "SERVFAIL")
    proxy = start("server s1 app.test:{origin_port} resolvers dns init-addr libc,127.0.0.1", hold="1h")
    assert proxy.get("/").status == 200


def test_sections_have_to_be_there(weir, dns):
    text = "resolvers dns\n    nameserver one 127.0.0.1:53\nbackend b\n    server s1 127.0.0.1:80 resolvers dsn\n"
    checked = weir("haproxy", text=text, start=False)
    checked = checked.run("-c", "-f", str(checked.conf))
    assert checked.returncode and "unable to find required resolvers 'dsn'" in checked.stderr


RULES = """
resolvers dns
    nameserver one {dns}
resolvers hasty
    nameserver one {dns}
    timeout retry 200ms
    resolve_retries 1
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port}
    http-request do-resolve(txn.ip,hasty,ipv4) hdr(host),lower if { hdr(host) slow.test }
    http-request do-resolve(txn.ip,dns,ipv4) hdr(host),lower unless { hdr(host) slow.test }
    http-request return status 200 hdr x-ip %[var(txn.ip)]
"""


def test_rules_look_names_up(weir, dns):
    dns.set("app.test", "A", "10.1.2.3")
    dns.silent.add("slow.test")
    proxy = weir("haproxy", text=RULES, dns=dns)
    for _ in range(2):
        assert proxy.get("/", headers=[("Host", "App.test")]).header("x-ip") == "10.1.2.3"
    assert proxy.get("/", headers=[("Host", "slow.test")]).header("x-ip") in (None, "")
    assert proxy.get("/", headers=[("Host", "gone.test")]).header("x-ip") in (None, "")
