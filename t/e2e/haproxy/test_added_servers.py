"""Servers that come and go while a backend serves: add server, del server, and what they start from."""

import threading

import pytest

from rig import net
from rig.checking import Checkers
from rig.generations import Generations
from rig.origin import Reply

pytestmark = pytest.mark.threads

CONF = """
global
    nbthread {threads}
    log {syslog} local0
    stats socket {dir}/admin.sock mode 600 level admin
    {globals}

defaults
    mode http
    log global
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    timeout check 5s

frontend web
    bind 127.0.0.1:{port}
    {front}
    default_backend b

backend b
    {rules}
    {servers}
{more}
"""

REGISTERED, DELETED = "New server registered.", "Server deleted."
BUSY = "Server still has connections attached to it, cannot remove it."


@pytest.fixture
def one(origins):
    return origins(name="s1")


@pytest.fixture
def two(origins):
    return origins(name="s2")


@pytest.fixture
def start(weir, syslog):
    def make(servers="", rules="balance roundrobin", threads=2, globals="", more="", front="", **options):
        return weir("haproxy", text=CONF, servers=servers, rules=rules, threads=threads, globals=globals, more=more,
                    front=front, syslog=syslog, **options)

    return make


def names(proxy, count=6):
    return {proxy.get().header("X-Origin") for _ in range(count)}


def add(admin, words, ready=True):
    assert admin(f"add server {words}") == REGISTERED
    if ready:
        admin(f"enable server {words.split()[0]}")


def remove(admin, path):
    """A shard that had chosen the server just before may begin with it when the wait is over: then it is waited for again."""
    admin(f"disable server {path}")

    def gone():
        assert admin(f"wait 5s srv-removable {path}") == "Done."
        answer = admin(f"del server {path}")
        assert answer in (DELETED, BUSY)
        return answer == DELETED

    net.wait_until(gone, f"{path} to be deleted")


ALGORITHMS = ["roundrobin", "leastconn", "first", "random", "sticky", "wrr", "maglev", "peak-ewma",
              "uri\n    hash-type consistent"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_empty_backend_gets_servers(start, one, two, algorithm):
    proxy = start(rules=f"balance {algorithm}")
    admin = proxy.runtime()
    assert proxy.get().status == 503
    add(admin, f"b/a {one}", ready=False)
    assert proxy.get().status == 503
    assert admin.stat()["b", "a"]["status"] == "MAINT"
    admin("enable server b/a")
    assert names(proxy) == {"s1"}
    add(admin, f"b/c {two} weight 100")
    admin("disable server b/a")
    assert names(proxy) == {"s2"}
    assert admin("del server b/a") == DELETED
    assert ("b", "a") not in admin.servers("b")
    assert names(proxy) == {"s2"}


def test_servers_share_the_load_with_those_of_the_file(start, one, two):
    proxy = start(f"server f {one}")
    admin = proxy.runtime()
    add(admin, f"b/a {two} weight 3")
    got = [proxy.get().header("X-Origin") for _ in range(16)]
    assert got.count("s2") == 12
    assert admin("get weight b/a") == "3 (initial 3)"
    assert admin.servers("b")["b", "a"]["srv_id"] == "2"
    rows = admin.stat()
    assert rows["b", "a"]["stot"] == "12" and rows["b", "BACKEND"]["act"] == "2"


def test_what_is_refused(start, one):
    proxy = start(f"server f {one}", more="""
backend fixed
    balance static-rr
backend mapped
    balance uri
backend words
    mode tcp
""")
    admin = proxy.runtime()
    asked = {
        "add server": "Require 'backend/server'.",
        "add server b": "Require 'backend/server'.",
        "add server x/a 127.0.0.1:1": "No such backend.",
        "add server b/a": "'server' expects <name> and <addr>[:<port>] as arguments.",
        "add server b/f 127.0.0.1:1": "Already exists a server with the same name in backend.",
        "add server fixed/a 127.0.0.1:1":
            "Backend does not support dynamic servers : backend 'fixed' uses a non dynamic load balancing method.",
        "add server mapped/a 127.0.0.1:1":
            "Backend does not support dynamic servers : backend 'mapped' uses a non dynamic load balancing method.",
        "add server b/a%b 127.0.0.1:1": "character '%' is not permitted in server name 'a%b'.",
        "add server b/a 127.0.0.1:1 init-addr none": "'init-addr' option is not accepted for dynamic server.",
        "add server b/a 127.0.0.1:1 id 1": "'id' : custom id 1 already used ('server f').",
        "add server b/a 127.0.0.1:1 track b/no": "unable to find required server 'no' for tracking.",
        "add server b/a 127.0.0.1:1 from b": "invalid 'b' value for 'from' keyword.",
        "add server b/a 127.0.0.1:1 from srv:no": "from: unknown server 'no' in backend 'b'.",
        "add server b/a 127.0.0.1:1 from be:no": "from: unknown backend instance 'no'.",
        "add server b/a 127.0.0.1:1 weight 1 from none": "'from' option is not accepted for dynamic server.",
        "add server b/a 127.0.0.1:1 proto h2": "'proto h2' is not built in weir.",
        "add server words/a 127.0.0.1:1 proto h2": "MUX protocol is not usable for server.",
        "del server b": "Require 'backend/server'.",
        "del server x/a": "No such backend.",
        "del server b/a": "No such server.",
        "del server b/f": "Only servers in maintenance mode can be deleted.",
    }
    for command, answer in asked.items():
        assert admin(command) == answer, command
    assert "unknown keyword 'wieght'; did you mean 'weight' maybe ?" in admin("add server b/a 127.0.0.1:1 wieght 3")
    assert list(admin.servers("b")) == [("b", "f")]
    add(admin, "b/a 127.0.0.1:1 proto h1", ready=False)
    helped = admin("add server help").splitlines()
    assert helped[0] == "List of keywords supported for dynamic server:"
    assert {"check", "weight", "ssl", "send-proxy"} <= set(helped)
    assert not {"init-addr", "resolvers", "no-check", "redir"} & set(helped)


def test_what_the_file_names_stays(start, one):
    proxy = start(f"server f {one}\n    server g {one} check\n    server t {one} track g\n    server h {one}",
                  rules="use-server f if { path /f }\n    http-request deny if { srv_is_up(b/h) -m bool false }")
    admin = proxy.runtime()
    for server in "fgh":
        admin(f"disable server b/{server}")
        answer = admin(f"del server b/{server}")
        assert answer == "This server cannot be removed at runtime due to other configuration elements pointing to it."
    admin("disable server b/t")
    assert admin("del server b/t") == DELETED
    assert admin("del server b/g") == DELETED


def test_a_server_with_a_request_stays(start, one):
    over = threading.Event()
    one.on("/slow", lambda exchange: (over.wait(net.DEADLINE), exchange.reply()))
    proxy = start()
    admin = proxy.runtime()
    add(admin, f"b/a {one}")
    with proxy.client() as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        net.wait_until(lambda: admin("show sess server b/a"), "a session")
        admin("disable server b/a")
        assert admin("del server b/a") == BUSY
        threading.Timer(0.2, over.set).start()
        assert admin("wait 10s srv-removable b/a; del server b/a").split("\n")[0] == "Done."
        assert client.response().status == 200
    assert ("b", "a") not in admin.servers("b")


def test_a_name_comes_back_as_another_server(start, one, two):
    proxy = start()
    admin = proxy.runtime()
    add(admin, f"b/a {one} weight 7")
    assert names(proxy) == {"s1"}
    remove(admin, "b/a")
    add(admin, f"b/a {two}")
    assert admin("get weight b/a") == "1 (initial 1)"
    assert admin.stat()["b", "a"]["stot"] == "0"
    assert names(proxy) == {"s2"}
    one.stop()
    assert names(proxy) == {"s2"}


def test_a_server_of_the_file_may_go_and_come_back(start, one, two):
    proxy = start(f"server f {one}\n    server g {one}")
    admin = proxy.runtime()
    remove(admin, "b/f")
    add(admin, f"b/f {two}")
    assert names(proxy) == {"s1", "s2"}
    assert admin.servers("b")["b", "f"]["srv_id"] == "1"


def test_origins_of_options(start, one):
    proxy = start(f"default-server weight 10\n    server f {one} weight 20\n    default-server name other weight 5\n"
                  f"    server n {one} from none\n    server o {one} from srv:other\n    server p {one} from srv:f",
                  more="\nbackend c\n    default-server from be:b maxconn 3\n    balance roundrobin\n"
                       f"    server q {one}\nbackend d\n    default-server check\n    default-server from none\n")
    admin = proxy.runtime()
    for words in (f"b/a {one}", f"b/b {one} from be:", f"b/c {one} from srv:other", f"b/d {one} from srv:f maxconn 2",
                  f"c/e {one} from srv:b/d"):
        add(admin, words)
    weights = {server: admin(f"get weight {server}").split()[0] for server in
               ("b/f", "b/n", "b/o", "b/p", "c/q", "b/a", "b/b", "b/c", "b/d", "c/e")}
    assert weights == {"b/f": "20", "b/n": "1", "b/o": "5", "b/p": "20", "c/q": "10", "b/a": "1", "b/b": "10",
                       "b/c": "5", "b/d": "20", "c/e": "20"}
    assert admin.stat()["c", "e"]["slim"] == "2"
    assert admin("show default-server").splitlines() == ["* b", "  b/other", "* c"]
    assert admin("show default-server b").splitlines() == ["* b", "  b/other"]
    assert admin("show default-server x") == "Can't find backend."


def test_checks_wait_for_an_operator(start, one, syslog):
    proxy = start(rules="option httpchk GET /health\n    balance roundrobin")
    admin = proxy.runtime()
    add(admin, f"b/a {one} check inter 30ms rise 1 fall 1")
    assert names(proxy) == {"s1"}
    assert "/health" not in one.paths()
    admin("enable health b/a")
    net.wait_until(lambda: "/health" in one.paths(), "a check")
    one.on("/health", Reply(status=500))
    net.wait_until(lambda: admin.stat()["b", "a"]["status"] == "DOWN", "the server down")
    one.on("/health", Reply())
    net.wait_until(lambda: admin.stat()["b", "a"]["status"] == "UP", "the server up")
    remove(admin, "b/a")
    seen = one.paths().count("/health")
    add(admin, f"b/other {one} check inter 30ms")
    admin("enable health b/other")
    net.wait_until(lambda: one.paths().count("/health") >= seen + 3, "checks of another server")


def test_tracking_and_agents(start, one, two):
    health = net.PortReservation()
    proxy = start(f"server g {one} check inter 30ms fall 1 rise 1 port {health.port}")
    admin = proxy.runtime()
    add(admin, f"b/a {two} track g")
    net.wait_until(lambda: admin.stat()["b", "g"]["status"].startswith("DOWN"), "the tracked server down")
    net.wait_until(lambda: admin.stat()["b", "a"]["status"].startswith("DOWN"), "its tracker down")
    remove(admin, "b/a")
    assert admin("add server b/a 127.0.0.1:1 agent-check") != REGISTERED


def test_tls_by_the_words_of_a_command(start, origins, certs):
    origin = origins(name="tls", tls=certs.server_context())
    proxy = start()
    admin = proxy.runtime()
    add(admin, f"b/a {origin} ssl verify none sni str(localhost)")
    assert names(proxy) == {"tls"}
    remove(admin, "b/a")
    add(admin, f"b/a {origin} ssl ca-file {certs.ca} verify required verifyhost localhost")
    assert names(proxy) == {"tls"}
    answer = admin(f"add server b/c {origin} ssl")
    assert answer.startswith("verify is enabled by default but no CA file specified.")


def test_a_reload_knows_the_file_alone(start, one, two):
    proxy = start(f"server f {one}", start=False)
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    proxy.wait_log("Loading success")
    admin = proxy.runtime()
    add(admin, f"b/a {two} weight 9")
    add(admin, f"b/kept {two} check inter 50ms")
    assert names(proxy) == {"s1", "s2"}
    text = proxy.conf.read_text()
    proxy.conf.write_text(text.replace("    server f", f"    server kept {two} weight 2 check inter 50ms\n    server f"))
    Generations(proxy).reload_and_drain()  # commands go to the new worker alone
    admin = proxy.runtime()
    servers = admin.servers("b")
    assert set(servers) == {("b", "f"), ("b", "kept")}
    assert servers["b", "kept"]["srv_uweight"] == "2"
    net.wait_until(lambda: admin.stat()["b", "kept"]["check_status"] == "L4OK", "checks that nobody turned on")
    add(admin, f"b/a {two}")
    assert admin("get weight b/a") == "1 (initial 1)"


@pytest.mark.parametrize("algorithm", ["roundrobin", "leastconn", "uri whole\n    hash-type consistent", "random"])
def test_no_request_is_lost_while_servers_come_and_go(start, one, two, algorithm):
    for origin in (one, two):
        origin.on("/echo", lambda exchange: exchange.reply(body=exchange.request.target.partition("?")[2].encode()))
    proxy = start(f"server f {one}", rules=f"balance {algorithm}\n    http-reuse always", threads=4)
    admin = proxy.runtime()
    with Checkers(proxy.port, keep=6, fresh=2) as checkers:
        for _ in range(3):
            for i in range(4):
                add(admin, f"b/d{i} {two} weight {i + 1} check inter 20ms")
                admin(f"enable health b/d{i}")
            before = checkers.answered
            net.wait_until(lambda: checkers.answered >= before + 50, lambda: f"answers; lost {checkers.lost[:3]}")
            admin("show stat; show servers conn; show servers state; show sess")
            for i in range(4):
                remove(admin, f"b/d{i}")
    assert (checkers.lost, checkers.refused) == ([], [])
    assert list(admin.servers("b")) == [("b", "f")]
    assert any(request.path == "/echo" for request in list(two.requests))
