"""What people are told about load balancing in examples, with the examples' figures and times scaled down: which server is next, what
marks one down and up again, how a slow start grows, what keeps clients on their servers, whose word about the client counts.
Orders of round robin, `wrr` and least connections, drains with a deadline and nginx's real addresses are tested where they belong:
haproxy/test_balance.py, haproxy/test_runtime_drain.py, nginx/test_access.py."""

import threading
import time

import pytest

from rig import net
from rig.http1 import build_request
from rig.origin import Reply

CONF = {"haproxy": """
global
    log {syslog} format raw local0
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    log global
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    retries 1
    option redispatch

frontend web
    bind 127.0.0.1:{port}
    {front}
    default_backend app

backend app
    {lines}
""", "nginx": """
daemon off;
user {user};
pid nginx.pid;
error_log error.log notice;
events {}
http {
    access_log off;
    upstream app {
        {servers}
    }
    server {
        listen 127.0.0.1:{port};
        {server}
        location / { proxy_pass http://app; {location} }
    }
}
""", "weir": """
defaults { mode http; timeout connect 1s; timeout client 20s; timeout server 20s; }
frontend web { bind 127.0.0.1:{port}; {front} default_backend app; }
backend app { {lines} }
"""}


@pytest.fixture
def three(origins):
    made = {f"server-{letter}": origins(name=f"server-{letter}") for letter in "abc"}
    for name, origin in made.items():
        origin.default = Reply(headers=[("X-Name", name)])
    return made


@pytest.fixture
def start(weir, three, syslog):
    def make(face, **parts):
        text = CONF[face]
        for key in ("front", "lines", "servers", "server", "location"):
            text = text.replace("{%s}" % key, parts.get(key, ""))
        return weir(face, text=text, syslog=syslog, **{name[-1]: origin for name, origin in three.items()})

    return make


def who(answer):
    return answer.header("X-Name")


def names(proxy, count, **request):
    return [who(proxy.get(**request)) for _ in range(count)]


# --- least connections with weights ---


@pytest.mark.parametrize("face", ["haproxy", "weir"])
def test_connections_divided_by_weight(start, three, face):
    """10/5, 6/2 and 4/1: the first is the least loaded."""
    gate, held = threading.Event(), []

    def hold(exchange):
        held.append(exchange.origin)
        gate.wait(20)
        exchange.reply(Reply())

    for origin in three.values():
        origin.on("/held", hold)
    end = ";" if face == "weir" else ""
    lines = [f"balance leastconn{end}"] + [f"use-server {x} if {{ hdr(X-To) {x} }}{end}" for x in "abc"]
    lines += [f"server {x} {{{x}}} weight {weight}{end}" for x, weight in zip("abc", (5, 2, 1))]
    proxy = start(face, lines="\n    ".join(lines))
    clients = []
    for name, count in (("a", 10), ("b", 6), ("c", 4)):
        for _ in range(count):
            clients.append(proxy.client())
            clients[-1].send(build_request("/held", headers=[("X-To", name)]))
    net.wait_until(lambda: len(held) == 20, "twenty requests on the servers")
    assert names(proxy, 3) == ["server-a"] * 3
    gate.set()
    for client in clients:
        assert client.response().status == 200
        client.close()


# --- health ---


class Ready:
    """A readiness path: 503 while something is not there, as a row of statuses says; when it ends, the last one stays."""

    def __init__(self, origin, path, statuses):
        self.statuses, self.given = statuses, []
        origin.on(path, self.serve)

    def serve(self, exchange):
        status = self.statuses[min(len(self.given), len(self.statuses) - 1)]
        self.given.append(status)
        exchange.reply(status=status)

    def wait(self, count):
        net.wait_until(lambda: len(self.given) >= count, lambda: f"{count} checks, not {self.given}")


def start_checks(start, face):
    """Checks of /ready, as in `check inter 5s fall 3 rise 2` with `timeout check 2s`, or `health_check interval=5s fails=3 passes=2`, in
    less time; `inter` is how long connecting may take. server-b serves in any case."""
    if face == "haproxy":
        return start("haproxy", lines="option httpchk GET /ready\n    timeout check 2s\n"
                     "    server a {a} check inter 500ms fastinter 50ms downinter 50ms fall 3 rise 2\n    server b {b}")
    return start("nginx", servers="zone app 64k; server {a}; server {b};", location="health_check uri=/ready interval=50ms fails=3 passes=2;")


def wait_told(face, proxy, syslog, three, state):
    if face == "haproxy":
        return syslog.wait_for(f"Server app/a is {state}")
    words = {"DOWN": "unhealthy while", "UP": "healthy, "}[state]
    return proxy.wait_log(f'peer is {words}.* of peer {three["server-a"]} ')


def told(face, proxy, syslog, three, state):
    if face == "haproxy":
        return len(syslog.matching(f"Server app/a is {state}"))
    words = {"DOWN": "peer is unhealthy", "UP": "peer is healthy"}[state]
    return sum(words in line and str(three["server-a"]) in line for line in proxy.log_text().splitlines())


@pytest.mark.parametrize("face", ["haproxy", "nginx"])
def test_two_failures_are_not_enough(start, three, syslog, face):
    ready = Ready(three["server-a"], "/ready", [200, 503, 503, 200, 503, 503, 200])
    proxy = start_checks(start, face)
    ready.wait(8)
    assert told(face, proxy, syslog, three, "DOWN") == 0
    assert set(names(proxy, 6)) == {"server-a", "server-b"}, (ready.given, syslog.matching("Server"), proxy.log_text())


@pytest.mark.parametrize("face", ["haproxy", "nginx"])
def test_three_failures_mark_down_and_two_successes_up(start, three, syslog, face):
    ready = Ready(three["server-a"], "/ready", [200, 503, 503, 503])
    proxy = start_checks(start, face)
    wait_told(face, proxy, syslog, three, "DOWN")
    assert names(proxy, 4) == ["server-b"] * 4
    # One success is not enough.
    ready.statuses = ready.given + [503, 200, 503, 503]
    ready.wait(len(ready.statuses))
    assert told(face, proxy, syslog, three, "UP") == 0
    ready.statuses = ready.given + [200]
    wait_told(face, proxy, syslog, three, "UP")
    assert ready.given.count(200) >= 2
    net.wait_until(lambda: set(names(proxy, 6)) == {"server-a", "server-b"}, "both again")
    assert told(face, proxy, syslog, three, "DOWN") == 1


def test_errors_in_a_time_window(start, three):
    """Passive: three errors within fail_timeout, and the server is left alone for as long."""
    three["server-a"].default = lambda exchange: exchange.reset()
    proxy = start("nginx", servers="server {a} max_fails=3 fail_timeout=300s; server {b} max_fails=0;")
    assert names(proxy, 20) == ["server-b"] * 20
    assert len(three["server-a"].requests) == 3


# --- slow starts ---


def growth(proxy, begin, seconds):
    """How many of a hundred requests go to server-a in each third of the time, which begins when it may come back at the earliest.
    Asks without a pause: few requests reach a server that is still cold."""
    thirds = [[], [], []]
    time.sleep(max(0, begin - time.monotonic()))
    while (third := int(3 * (time.monotonic() - begin) / seconds)) < 3:
        thirds[third].append(who(proxy.get()))
    return [100 * third.count("server-a") / len(third) for third in thirds]


def test_a_weight_grows_from_near_nothing_to_all(start):
    proxy = start("haproxy", lines="balance roundrobin\n    default-server weight 32\n    server a {a} slowstart 4s\n    server b {b}")
    runtime = proxy.runtime()
    runtime("set server app/a health down")
    begin = time.monotonic()
    runtime("set server app/a health up")
    first, second, third = growth(proxy, begin, 3.8)
    assert first < second < third and first < 25 < third
    net.wait_until(lambda: names(proxy, 20).count("server-a") == 10, "its full share")


def test_a_weight_grows_in_nginxs_words(start, three):
    proxy = start("nginx", servers="server {a} weight=32 max_fails=1 fail_timeout=1s slow_start=4s; server {b} weight=32;")
    three["server-a"].default = lambda exchange: exchange.reset()
    begin = time.monotonic() + 1
    net.wait_until(lambda: who(proxy.get()) == "server-b" and three["server-a"].requests, "a failure")
    three["server-a"].default = Reply(headers=[("X-Name", "server-a")])
    first, second, third = growth(proxy, begin, 3.8)
    assert first < second < third and first < 25 < third
    net.wait_until(lambda: names(proxy, 20).count("server-a") == 10, "its full share")


# --- stickiness ---


def test_a_cookie_that_the_proxy_inserts(start, three):
    proxy = start("haproxy", lines="balance roundrobin\n    cookie SERVERID insert indirect nocache\n    server a {a} cookie server-a\n"
                                 "    server b {b} cookie server-b")
    follow_the_cookie(proxy, three)


def test_a_cookie_that_nginx_inserts(start, three):
    proxy = start("nginx", servers="server {a} route=server-a; server {b} route=server-b; sticky cookie SERVERID path=/;")
    follow_the_cookie(proxy, three)


def follow_the_cookie(proxy, three):
    answer = proxy.get()
    assert who(answer) == "server-a" and answer.header("Set-Cookie").lower() == "serverid=server-a; path=/"
    with_cookie = {"headers": [("Cookie", "SERVERID=server-a")]}
    assert names(proxy, 4, **with_cookie) == ["server-a"] * 4
    three["server-a"].stop()
    answer = proxy.get(**with_cookie)
    assert who(answer) == "server-b" and answer.header("Set-Cookie").lower() == "serverid=server-b; path=/"


@pytest.mark.parametrize("face, parts", [
    ("haproxy", {"lines": "balance source\n    hash-type consistent\n    default-server check inter 500ms fastinter 50ms\n    server a {a}\n    server b {b}\n"
                        "    server c {c}"}),
    ("haproxy", {"lines": "balance roundrobin\n    stick-table type ip size 1k\n    stick on src\n    server a {a}\n    server b {b}\n    server c {c}"}),
    ("nginx", {"servers": "ip_hash; server {a}; server {b}; server {c};"}),
], ids=["source", "stick", "ip_hash"])
def test_a_clients_address_keeps_it_on_a_server(start, three, face, parts):
    proxy = start(face, **parts)
    home = names(proxy, 1)[0]
    assert names(proxy, 5) == [home] * 5
    three[home].stop()
    other = names(proxy, 1)[0]
    assert other not in (home, None)
    assert names(proxy, 5) == [other] * 5


@pytest.mark.parametrize("face, parts", [
    ("haproxy", {"lines": "balance roundrobin\n    stick-table type string len 52 size 1k\n    stick store-response res.cook(JSESSIONID)\n"
                        "    stick match req.cook(JSESSIONID)\n    server a {a}\n    server b {b}"}),
    ("nginx", {"servers": "server {a}; server {b}; sticky learn create=$upstream_cookie_JSESSIONID lookup=$cookie_JSESSIONID zone=z:1m;"}),
], ids=["haproxy", "nginx"])
def test_an_applications_session_is_learned(start, three, face, parts):
    for name, origin in three.items():
        origin.on("/login", Reply(headers=[("X-Name", name), ("Set-Cookie", f"JSESSIONID=of-{name}; Path=/; HttpOnly")]))
    proxy = start(face, **parts)
    homes = {who(answer): answer.header("Set-Cookie").split(";")[0] for answer in (proxy.get("/login"), proxy.get("/login"))}
    assert set(homes) == {"server-a", "server-b"}
    for home, cookie in homes.items():
        assert names(proxy, 4, headers=[("Cookie", cookie)]) == [home] * 4
    three["server-a"].stop()
    assert names(proxy, 4, headers=[("Cookie", homes["server-a"])]) == ["server-b"] * 4


# --- who the client is ---

TRUST = {
    "nginx": lambda network: {
        "server": f"set_real_ip_from {network}; real_ip_header X-Forwarded-For; real_ip_recursive on;", "servers": "server {a};",
        "location": "proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"},
    "haproxy": lambda network: {
        "front": f"http-request set-src hdr_ip(x-forwarded-for,-1) if {{ src {network} }}\n    http-request set-header X-Real-IP %[src]\n"
                 "    option forwardfor", "lines": "server a {a}"},
}


@pytest.mark.parametrize("face", ["nginx", "haproxy"])
@pytest.mark.parametrize("network, client", [("127.0.0.0/8", "192.0.2.7"), ("10.0.0.0/8", "127.0.0.1")])
def test_chains_are_believed_of_trusted_peers_only(start, three, face, network, client):
    proxy = start(face, **TRUST[face](network))
    proxy.get(headers=[("X-Forwarded-For", "198.51.100.1, 192.0.2.7"), ("X-Real-IP", "203.0.113.1")])
    request = three["server-a"].requests[0]
    assert request.headers.all("X-Real-IP") == [client]
    # The chain grows by what the proxy holds the client for.
    assert ", ".join(request.headers.all("X-Forwarded-For")) == f"198.51.100.1, 192.0.2.7, {client}"
