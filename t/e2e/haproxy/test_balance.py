"""`balance` and the words around it: which server gets a request. Equality with HAProxy over many keys is
t/diff/balancing's."""

import collections
import threading

import pytest

from rig import net
from rig.http1 import build_request
from rig.origin import Reply

CONF = """
global
    nbthread {threads}
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode {mode}
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    timeout queue 10s

frontend web
    bind 127.0.0.1:{port}
    {front}
    default_backend b

backend b
    {lines}
    server a {a} {more}
    server b {b} {more}
    server c {c} {more}
"""


@pytest.fixture
def three(origins):
    made = {name: origins(name=name) for name in "abc"}
    for name, origin in made.items():
        origin.default = Reply(headers=[("X-Name", name)])
    return made


@pytest.fixture
def start(weir, three):
    def make(lines, face="haproxy", mode="http", threads=1, front="", more=""):
        text = CONF
        if face == "weir":
            text = CONF.split("global")[0] + "".join(
                f"{name} {{ {body} }}\n" for name, body in [
                    ("defaults", "mode http; timeout connect 2s; timeout client 20s; timeout server 20s;"),
                    ("frontend web", "bind 127.0.0.1:{port}; default_backend b;"),
                    ("backend b", f"{lines}; server a {{a}}; server b {{b}}; server c {{c}};")])
        return weir(face, text=text, lines=lines, mode=mode, threads=threads, front=front, more=more, **three)

    return make


def names(proxy, count, target="/", **request):
    return "".join(proxy.get(target, **request).header("X-Name") for _ in range(count))


# --- turns ---


@pytest.mark.parametrize("lines, order", [
    ("balance roundrobin", "abcabcabca"),
    ("balance static-rr", "abcabcabca"),
    ("balance wrr", "abcabcabca"),
    ("balance leastconn", "abcabcabca"),
    ("balance first", "aaaaaaaaaa"),
    ("balance sticky", "aaaaaaaaaa"),
])
def test_turns(start, lines, order):
    assert names(start(lines), 10) == order


@pytest.mark.parametrize("weights, order", [((2, 1, 1), "aabcaabcaa"), ((3, 2, 1), "aaabbcaaab")])
def test_wrr_gives_rows(weir, three, weights, order):
    text = CONF
    for name, weight in zip("abc", weights):
        text = text.replace(f"server {name} {{{name}}} {{more}}", f"server {name} {{{name}}} weight {weight}")
    proxy = weir("haproxy", text=text, lines="balance wrr", mode="http", threads=1, front="", **three)
    assert names(proxy, 10) == order


def test_a_backend_without_balance_draws_servers(start):
    assert len(set(names(start(""), 40))) == 3


def test_changes_at_run_time_are_followed(start):
    proxy = start("balance roundrobin")
    runtime = proxy.runtime()
    runtime("set server b/b state maint")
    assert names(proxy, 4) == "acac"
    runtime("set server b/b state ready")
    runtime("set server b/a weight 0%")
    assert set(names(proxy, 6)) == {"b", "c"}
    runtime("set server b/a weight 100%")
    counts = collections.Counter(names(proxy, 30))
    assert min(counts[name] for name in "abc") >= 9


# --- loads ---


class Held:
    """Requests that stay on their servers until they are let go."""

    def __init__(self, proxy, three):
        self.proxy, self.three, self.gates, self.lock = proxy, three, [], threading.Lock()
        self.came = collections.deque()
        for name, origin in three.items():
            origin.on("/held", lambda exchange, name=name: self._hold(exchange, name))

    def _hold(self, exchange, name):
        gate = threading.Event()
        with self.lock:
            self.gates.append(gate)
            self.came.append(name)
        gate.wait(20)
        exchange.reply(Reply(headers=[("X-Name", name)]))

    def begin(self):
        client = self.proxy.client()
        client.send(build_request("/held"))
        return client, net.wait_until(lambda: self.came and self.came.popleft(), "a request at a server")

    def end(self, number, client):
        self.gates[number].set()
        return client.response()


def test_ties_go_to_the_first_server_in_the_weir_face(start, three):
    held = Held(start("balance leastconn", face="weir"), three)
    clients, order = [], ""

    def begin(count):
        nonlocal order
        for _ in range(count):
            client, name = held.begin()
            clients.append(client)
            order += name

    begin(4)
    held.end(0, clients[0])
    begin(3)
    held.end(2, clients[2])
    begin(1)
    assert order == "abca" + "abc" + "c"
    for number, client in enumerate(clients):
        if number not in (0, 2):
            held.end(number, client)
        client.close()


def test_first_goes_on_when_a_server_is_full(start, three):
    proxy = start("balance first", more="maxconn 1")
    held = Held(proxy, three)
    clients = [held.begin() for _ in range(3)]
    assert "".join(name for _, name in clients) == "abc"
    held.end(1, clients[1][0])
    clients.append(held.begin())
    assert clients[3][1] == "b"
    for number in (0, 2, 3):
        held.end(number, clients[number][0])
    for client, _ in clients:
        client.close()


# --- hashes ---


@pytest.mark.parametrize("kind", ["map-based", "consistent", "consistent wt6 avalanche", "map-based crc32 avalanche"])
@pytest.mark.parametrize("balance, requests", [
    ("uri", [dict(target=f"/item{i}?x={{}}") for i in range(20)]),
    ("url_param id", [dict(target=f"/{{}}?a=1&id=u{i}") for i in range(20)]),
    ("hdr(X-Key)", [dict(headers=[("X-Key", f"k{i}")]) for i in range(20)]),
    ("hash req.hdr(x-key),lower", [dict(headers=[("X-Key", f"K{i}")]) for i in range(20)]),
    ("maglev req.hdr(x-key)", [dict(headers=[("X-Key", f"k{i}")]) for i in range(20)]),
])
def test_a_key_keeps_its_server(start, kind, balance, requests):
    proxy = start(f"balance {balance}\n    hash-type {kind}")

    def reached(extra):
        return [names(proxy, 1, **{**r, "target": r.get("target", "/").format(extra)}) for r in requests]

    first = reached(1)
    assert reached(2) == first
    assert len(set(first)) == 3


def test_source_is_the_address_that_rules_set(start):
    proxy = start("balance source\n    http-request set-src hdr(X-Src)")
    seen = {i: names(proxy, 3, headers=[("X-Src", f"10.0.0.{i}")]) for i in range(1, 20)}
    assert all(len(set(reached)) == 1 for reached in seen.values())
    assert len(set(seen.values())) == 3


def test_url_param_is_found_in_posted_forms(start):
    proxy = start("balance url_param id check_post")
    seen = {}
    for i in range(20):
        body = f"a=1&id=u{i}".encode()
        posted = {names(proxy, 1, method="POST", body=body) for _ in range(2)}
        assert posted == {names(proxy, 1, target=f"/?id=u{i}")}
        seen[i] = posted.pop()
    assert len(set(seen.values())) == 3


def test_rdp_cookie(start, three):
    proxy = start("balance rdp-cookie", mode="tcp",
                  front="tcp-request inspect-delay 5s\n    tcp-request content accept if RDP_COOKIE")

    def reached(user):
        before = {name: len(origin.connections) for name, origin in three.items()}
        cookie = f"Cookie: mstshash={user}\r\n".encode()
        with proxy.client() as client:
            client.send(b"\x03\x00\x00" + bytes([11 + len(cookie)]) + b"\x06\xe0" + b"\x00" * 5 + cookie + b"\r\n")
            return net.wait_until(
                lambda: next((name for name in three if len(three[name].connections) > before[name]), None),
                "a connection to a server")

    seen = {user: {reached(user) for _ in range(3)} for user in ("alice", "bob", "carol", "dave", "eve", "frank")}
    assert all(len(servers) == 1 for servers in seen.values())
    assert len(set().union(*seen.values())) >= 2


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.threads
def test_a_key_waits_for_its_full_server(start, three, threads):
    """hash-preserve-affinity always, the default: others have places, yet the request waits."""
    proxy = start("balance uri", more="maxconn 1", threads=threads)
    held = Held(proxy, three)
    client, name = held.begin()
    second = proxy.client()
    second.send(build_request("/held"))
    runtime = proxy.runtime()
    waiting = lambda: [line.split(",")[1] for line in runtime("show stat").splitlines()
                       if line.startswith("b,") and line.split(",")[2] == "1"]
    net.wait_until(lambda: len(waiting()) == 1, "a request in the queue")
    assert waiting() != ["BACKEND"], "it waits for its own server, in that server's queue"
    assert not held.came
    assert held.end(0, client).header("X-Name") == name
    net.wait_until(lambda: held.came, "the request that waited")
    assert held.end(1, second).header("X-Name") == name
    client.close()
    second.close()


def test_a_key_leaves_its_full_server_where_it_may(start, three):
    proxy = start("balance uri\n    hash-type consistent\n    hash-preserve-affinity maxconn", more="maxconn 1")
    held = Held(proxy, three)
    (one, first), (two, second) = held.begin(), held.begin()
    assert first != second
    for number, client in enumerate((one, two)):
        held.end(number, client)
        client.close()


def test_a_key_goes_elsewhere_when_its_server_is_down(start):
    proxy = start("balance uri\n    hash-type consistent")
    name = names(proxy, 1)
    proxy.runtime()(f"set server b/{name} state maint")
    other = names(proxy, 1)
    assert other != name
    proxy.runtime()(f"set server b/{name} state ready")
    assert names(proxy, 1) == name


def test_the_ring_is_there_before_the_first_request(start, three):
    """13 megabytes of it, which the first client would wait for."""
    proxy = start("balance uri\n    hash-type consistent\n"
                  f"    server-template s 400 127.0.0.1:{three['a'].port} weight 256",
                  front="http-request return status 200 if { path /ready }")
    assert proxy.get("/ready").status == 200
    before = proxy.rss()
    names(proxy, 1)
    assert proxy.rss() - before < 6 << 20


def test_balance_factor_spreads_a_busy_key(start, three):
    held = Held(start("balance uri\n    hash-type consistent\n    hash-balance-factor 125"), three)
    begun = [held.begin() for _ in range(6)]
    assert max(collections.Counter(name for _, name in begun).values()) <= 3
    for number, (client, _) in enumerate(begun):
        held.end(number, client)
        client.close()
