"""Limits of servers that vary (minconn, fullconn, slowstart), limits of their queues, and who goes first there."""

import re

import pytest

from rig import net
from rig.held import Held
from rig.origin import Reply

HEAD = """
global
    nbthread {threads}
    log stdout format raw local0
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    timeout queue 10s

frontend web
    bind 127.0.0.1:{port}
    {rules}
    default_backend b

backend b
    {backend}
"""


@pytest.fixture
def start(weir, origins):
    def make(backend, rules="", threads=1, **origin_names):
        text = HEAD.replace("{backend}", backend).replace("{rules}", rules)
        return weir("haproxy", text=text, threads=threads, **origin_names)

    return make


class Clients:
    def __init__(self, proxy):
        self.proxy = proxy
        self.all = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.all:
            client.close()

    def ask(self, path="/", headers=""):
        client = self.proxy.client()
        client.__enter__()
        self.all.append(client)
        client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n{headers}\r\n".encode())
        return client


def column(proxy, who, name):
    return proxy.runtime().stat()["b", who][name]


def test_minconn_grows_with_the_load(start, origin):
    held = Held(origin)
    proxy = start("fullconn 10\n    server s1 {origin} minconn 2 maxconn 10", origin=origin)
    with Clients(proxy) as clients:
        for n in range(4):
            clients.ask(f"/{n}")
        # 4 of 10: four places.
        held.wait(2)
        net.wait_until(lambda: column(proxy, "BACKEND", "scur") == "4", "4 requests in the backend")
        net.wait_until(lambda: column(proxy, "s1", "scur") == "4", "all of them on the server")
        for n in range(6):
            clients.ask(f"/more{n}")
        net.wait_until(lambda: column(proxy, "s1", "scur") == "10", "the full limit at fullconn")
        assert column(proxy, "BACKEND", "slim") == "10"
        held.free(10)
        for client in clients.all:
            assert client.response().status == 200


def test_minconn_alone_is_maxconn(start, origin):
    held = Held(origin)
    proxy = start("server s1 {origin} minconn 1", origin=origin)
    assert column(proxy, "s1", "slim") == "1"
    with Clients(proxy) as clients:
        clients.ask()
        held.wait(1)
        clients.ask()
        net.wait_until(lambda: column(proxy, "BACKEND", "qcur") == "1", "one in the queue")
        held.free(2)


def test_fullconn_is_a_tenth_of_the_frontends(start, origin):
    proxy = start("server s1 {origin}", rules="maxconn 205", origin=origin)
    assert column(proxy, "BACKEND", "slim") == "21"


@pytest.mark.parametrize("threads", [1, 2])
def test_classes_go_first_and_offsets_within_them(start, origin, threads):
    held = Held(origin)
    rules = ("http-request set-priority-class int(-5) if { path_beg /vip }\n"
             "    http-request set-priority-offset int(-5000) if { path_beg /early }\n"
             "    http-request set-priority-offset req.hdr(x-late) if { path_beg /late }\n"
             "    http-response set-header x-prio %[prio_class],%[prio_offset]")
    proxy = start("server s1 {origin} maxconn 1", rules=rules, threads=threads, origin=origin)
    with Clients(proxy) as clients:
        clients.ask("/first")
        held.wait(1)
        for n, path in enumerate(["/late", "/plain", "/early", "/vip2", "/vip3"]):
            clients.ask(path, "X-Late: 9999999\r\n")
            net.wait_until(lambda: column(proxy, "BACKEND", "qcur") == str(n + 1), f"{n + 1} in the queue")
        held.free(6)
        answers = [client.response() for client in clients.all]
    assert held.paths == ["/first", "/vip2", "/vip3", "/early", "/plain", "/late"]
    assert [a.header("x-prio") for a in answers] == ["0,0", "0,524287", "0,0", "0,-5000", "-5,0", "-5,0"]
    assert column(proxy, "BACKEND", "qmax") == "5"


def test_one_order_for_those_who_want_a_server_and_those_who_do_not(start, origins):
    one, two = origins(name="one"), origins(name="two")
    held_one, held_two = Held(one), Held(two)
    rules = ("http-request set-priority-class int(-5) if { path_end /vip }\n"
             "    http-request set-priority-offset int(-5000) if { path_end /early }")
    backend = ("balance roundrobin\n    use-server s1 if { path_beg /one }\n    use-server s2 if { path_beg /two }\n"
               "    server s1 {one} maxconn 1\n    server s2 {two} maxconn 1")
    proxy = start(backend, rules=rules, one=one, two=two)
    with Clients(proxy) as clients:
        clients.ask("/one/first")
        held_one.wait(1)
        clients.ask("/two/first")
        held_two.wait(1)
        for n, path in enumerate(["/two/early", "/one/2", "/two/3", "/one/vip", "/one/early", "/one/gone", "/any/1", "/any/early", "/any/4"]):
            clients.ask(path)
            net.wait_until(lambda: sum(int(column(proxy, who, "qcur")) for who in ("BACKEND", "s1", "s2")) == n + 1,
                           f"{n + 1} in the queues")
        clients.all[7].reset()
        net.wait_until(lambda: column(proxy, "s1", "qcur") == "3", "one has left")
        for n in range(2, 8):
            held_one.free()
            held_one.wait(n)
        assert held_one.paths == ["/one/first", "/one/vip", "/one/early", "/any/early", "/one/2", "/any/1", "/any/4"]
        for n in range(2, 4):
            held_two.free()
            held_two.wait(n)
        assert held_two.paths == ["/two/first", "/two/early", "/two/3"]
        held_one.free()
        held_two.free()
        net.wait_until(lambda: column(proxy, "BACKEND", "scur") == "0", "nobody is left")


def test_a_chosen_server_has_a_queue_of_its_own(start, origins):
    one, two = origins(name="one"), origins(name="two")
    held = Held(one)
    two.default = Reply(body=b"two")
    backend = ("balance roundrobin\n    use-server s1 if { path_beg /one }\n"
               "    server s1 {one} maxconn 1 maxqueue 1\n    server s2 {two}")
    proxy = start(backend, one=one, two=two)
    with Clients(proxy) as clients:
        first = clients.ask("/one/a")
        held.wait(1)
        second = clients.ask("/one/b")
        net.wait_until(lambda: column(proxy, "s1", "qcur") == "1", "one in the server's queue")
        assert column(proxy, "BACKEND", "qcur") == "0" and column(proxy, "s1", "qlimit") == "1"
        # Nobody stands in the way of those who go anywhere.
        assert proxy.get("/two").body == b"two"
        third = clients.ask("/one/c")
        assert third.response().status == 503
        proxy.wait_log(r" SQ-- .*/one/c")
        held.free(2)
        assert first.response().status == 200 and second.response().status == 200
    proxy.wait_log(r" 1/0 .*/one/b")
    assert column(proxy, "s1", "qmax") == "1"


def test_a_full_queue_is_left_with_redispatch(start, origins):
    one, two = origins(name="one"), origins(name="two")
    held = Held(one)
    two.default = Reply(body=b"two")
    backend = ("balance roundrobin\n    option redispatch\n    use-server s1 if { path_beg /one }\n"
               "    server s1 {one} maxconn 1 maxqueue 1\n    server s2 {two}")
    proxy = start(backend, one=one, two=two)
    with Clients(proxy) as clients:
        clients.ask("/one/a")
        held.wait(1)
        clients.ask("/one/b")
        net.wait_until(lambda: column(proxy, "s1", "qcur") == "1", "one in the server's queue")
        assert clients.ask("/one/c").response().body == b"two"
        held.free(2)


def test_leastconn_fills_queues_that_have_a_limit(start, origins):
    one, two = origins(name="one"), origins(name="two")
    held_one, held_two = Held(one), Held(two)
    backend = ("balance leastconn\n    server s1 {one} maxconn 1 maxqueue 1\n    server s2 {two} maxconn 1 maxqueue 1")
    proxy = start(backend, one=one, two=two)
    with Clients(proxy) as clients:
        for _ in range(5):
            clients.ask()
        net.wait_until(lambda: column(proxy, "BACKEND", "qcur") == "1", "one for whom there is no room with the servers")
        assert [column(proxy, s, "qcur") for s in ("s1", "s2")] == ["1", "1"]
        held_one.free(5)
        held_two.free(5)
        assert [client.response().status for client in clients.all] == [200] * 5


def test_a_client_that_leaves_the_queue_is_told_by_the_log(start, origin):
    held = Held(origin)
    proxy = start("server s1 {origin} maxconn 1", origin=origin)
    with Clients(proxy) as clients:
        clients.ask("/first")
        held.wait(1)
        gone = clients.ask("/gone")
        net.wait_until(lambda: column(proxy, "BACKEND", "qcur") == "1", "one in the queue")
        gone.reset()
        proxy.wait_log(r" CQ-- .*/gone")
        held.free(1)


def test_strict_maxconn_counts_idle_connections(start, origin):
    proxy = start("http-reuse never\n    server s1 {origin} maxconn 2 strict-maxconn", origin=origin)
    with Clients(proxy) as clients:
        for n in range(4):
            assert clients.ask(f"/{n}").response().status == 200
            net.wait_until(lambda: len(origin.open_connections) <= 2, "no more connections than may be")
    assert len(origin.requests) == 4


def weights(proxy, count=160):
    before = {s: int(column(proxy, s, "stot")) for s in ("s1", "s2")}
    for _ in range(count):
        assert proxy.get("/").status == 200
    return {s: int(column(proxy, s, "stot")) - before[s] for s in ("s1", "s2")}


@pytest.mark.parametrize("balance", ["roundrobin", "random", "leastconn"])
def test_a_server_that_comes_back_starts_slowly(start, origins, balance):
    one, two = origins(name="one"), origins(name="two")
    backend = f"balance {balance}\n    default-server weight 16\n" + (
        "    server s1 {one} slowstart 600s maxconn 200\n    server s2 {two}")
    proxy = start(backend, one=one, two=two)
    if balance != "leastconn":  # one after the other, all go to idle servers there
        assert weights(proxy)["s1"] > 50, "nothing is slow at first"
    assert column(proxy, "s1", "throttle") == ""
    proxy.runtime()("set server b/s1 state maint")
    proxy.runtime()("set server b/s1 state ready")
    assert column(proxy, "s1", "throttle") == "1"
    if balance != "leastconn":
        assert weights(proxy)["s1"] < 40
    starting = 1
    states = {line.split()[3]: int(line.split()[5]) for line in proxy.runtime()("show servers state b").splitlines()[2:]}
    assert states == {"s1": starting, "s2": 2}


def test_a_slow_start_ends(start, origins):
    one, two = origins(name="one"), origins(name="two")
    proxy = start("balance roundrobin\n    server s1 {one} slowstart 1s\n    server s2 {two}", one=one, two=two)
    begun = proxy.runtime()("set server b/s1 health down; set server b/s1 health up; show servers state b")
    starting = 1
    assert re.search(rf" s1 127\.0\.0\.1 {starting} ", begun)
    net.wait_until(lambda: column(proxy, "s1", "throttle") == "", "the end of the slow start")
    assert weights(proxy, 40) == {"s1": 20, "s2": 20}


def test_static_algorithms_say_that_weights_stay(start, origin, weir):
    text = HEAD.replace("{backend}", "balance static-rr\n    server s1 {origin} slowstart 10s maxconn 10").replace(
        "{rules}", "")
    proxy = weir("haproxy", text=text, start=False, origin=origin, threads=1)
    checked = weir("weir", text="", start=False).run("check", str(proxy.conf))
    assert "slowstart of server 'b/s1' concerns its maxconn alone" in checked.stdout + checked.stderr
