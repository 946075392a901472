"""`health_check` and `match`: servers that answer wrongly are left out, and come back."""

import threading

import pytest

from rig import net
from rig.origin import Reply

CONF = """
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log notice;
worker_processes 2;
events {{ worker_connections 100; }}
http {{
    access_log off;
    {http}
    upstream u {{
        zone u 64k;
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        server_name www.example.com;
        location / {{
            proxy_pass http://u;
            proxy_connect_timeout 1s;
            proxy_read_timeout {patience};
            proxy_set_header Host checked.example.com;
            proxy_set_header X-Real-IP $remote_addr;
            health_check {check};
        }}
    }}
}}
"""

pytestmark = pytest.mark.threads


@pytest.fixture
def start(weir):
    def make(servers, check="interval=50ms", http="", patience="5s"):
        text = CONF.replace("{{", "{").replace("}}", "}")
        return weir("nginx", text=text, servers=servers, check=check, http=http, patience=patience)

    return make


def names(proxy, count=6):
    return {proxy.get("/").headers.get("X-Origin") for _ in range(count)}


def test_a_failing_server_is_left_out_and_comes_back(start, origins):
    one, two = origins(name="one"), origins(name="two")
    proxy = start(f"server {one}; server {two};", "interval=50ms uri=/alive fails=2 passes=2")
    net.wait_until(lambda: "/alive" in one.paths() and "/alive" in two.paths(), "checks of both")
    check = next(r for r in one.requests if r.path == "/alive")
    assert check.method == "GET" and check.header("Host") == "checked.example.com"
    assert check.header("Connection") == "close"
    assert names(proxy) == {"one", "two"}
    two.on("/alive", Reply(status=500))
    proxy.wait_log(rf'peer is unhealthy while reading response header from upstream, health check "" of peer {two} in upstream "u"')
    assert names(proxy) == {"one"}
    two.on("/alive", Reply(status=204))
    proxy.wait_log(rf'peer is healthy, health check "" of peer {two} in upstream "u"')
    net.wait_until(lambda: names(proxy) == {"one", "two"}, "both again")


def test_no_server_is_left(start):
    proxy = start("server 127.0.0.1:1;")
    proxy.wait_log(r"peer is unhealthy while connecting to upstream")
    assert proxy.get("/").status == 502
    proxy.wait_log(r"no live upstreams")


def test_a_match(start, origin):
    match = ('match good {\n status 200-299;\n header Content-Type = text/plain;\n header ! X-Broken;\n'
             ' header X-Version ~ "^2";\n body ~ "welcome";\n}')
    origin.on("/m", Reply(body=b"you are welcome", headers=[("Content-Type", "text/plain"), ("X-Version", "2.1")]))
    proxy = start(f"server {origin};", "interval=50ms uri=/m match=good", match)
    net.wait_until(lambda: origin.paths().count("/m") > 2, "some checks")
    assert proxy.get("/").status == 200
    origin.on("/m", Reply(body=b"you are welcome", headers=[("Content-Type", "text/plain"), ("X-Version", "1.9")]))
    proxy.wait_log(r'unexpected header "X-Version" while reading response header from upstream, health check "good" of peer')
    net.wait_until(lambda: proxy.get("/").status == 502, "the server left out")


def test_mandatory_servers_wait_for_their_first_check(start, origin):
    go = threading.Event()
    origin.on("/slow", lambda exchange: (go.wait(net.DEADLINE), exchange.reply()))
    proxy = start(f"server {origin};", "interval=50ms uri=/slow mandatory", patience="60s")
    assert proxy.get("/").status == 502
    go.set()
    net.wait_until(lambda: proxy.get("/").status == 200, "a good check")


def test_a_silent_server_is_given_up(start, origin):
    origin.on("/quiet", lambda exchange: exchange.stall())
    proxy = start(f"server {origin};", "interval=50ms uri=/quiet", patience="200ms")
    proxy.wait_log(r"upstream timed out while reading response header from upstream, health check")
    proxy.wait_log(r"peer is unhealthy while reading response header from upstream, health check")
    assert proxy.get("/").status == 502


@pytest.mark.parametrize("check, text", [
    ("interval=never", 'invalid parameter "interval=never"'),
    ("match=nobody", 'match "nobody" not found'),
    ("fails=0", 'invalid parameter "fails=0"'),
])
def test_mistakes(weir, check, text):
    conf = CONF.replace("{{", "{").replace("}}", "}")
    proxy = weir("nginx", text=conf, start=False, servers="server 127.0.0.1:1;", check=check, http="", patience="1s")
    result = proxy.run("-t")
    assert result.returncode == 1
    assert text in result.stderr
