"""Several shards at once while something changes under them: reloads, log files reopened, commands, limits, the end."""

import re
import signal
import threading
import time

import pytest

from rig import net
from rig.http1 import Closed
from rig.origin import Reply

pytestmark = pytest.mark.threads

SHARDS = 4

NGINX = """
daemon off;
user {user};
worker_processes 4;
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log access.log;
    limit_req_zone $arg_k zone=rate:1m rate=1r/m;
    limit_conn_zone $arg_k zone=few:1m;
    upstream b { zone b 64k; server {one}; server {two}; keepalive 8; }
    server {
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        location / { proxy_pass http://b; proxy_buffering off; }
        location /rate { limit_req zone=rate burst=9 nodelay; proxy_pass http://b; }
        location /few { limit_conn few 3; proxy_pass http://b; }
    }
}
"""

HAPROXY = """
global
    nbthread 4
    log stdout format raw local0
    stats socket {dir}/admin.sock mode 600 level admin
defaults
    mode http
    log global
    option httplog
    option dontlognull
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{tls_port} ssl crt {pem}
    http-request set-header X-Named %[path,map({dir}/names.map,none)]
    http-request deny if { src -f {dir}/denied.lst }
    default_backend b
backend b
    balance roundrobin
    server s1 {one} maxconn 3
    server s2 {two}
listen relay
    mode tcp
    bind 127.0.0.1:{relay_port}
    server s1 {one}
"""


@pytest.fixture
def one(origins):
    return origins(name="s1")


@pytest.fixture
def two(origins):
    return origins(name="s2")


@pytest.fixture
def nginx(weir, one, two, certs):
    return weir("nginx", text=NGINX, one=one, two=two, pem=certs.leaf())


@pytest.fixture
def prepared(weir, one, two, certs):
    proxy = weir("haproxy", text=HAPROXY, one=one, two=two, pem=certs.leaf(), start=False)
    (proxy.dir / "names.map").write_text("/a first\n")
    (proxy.dir / "denied.lst").write_text("192.0.2.1\n")
    return proxy


@pytest.fixture
def haproxy(prepared):
    return prepared.start()


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(request):
    return request.getfixturevalue(request.param)


class Load:
    """Clients that ask for `targets` until the block ends: half of them by TLS, half on a new connection each time."""

    def __init__(self, proxy, certs, targets=("/a", "/b"), clients=6):
        self.statuses = []
        self.problems = []
        self._proxy = proxy
        self._targets = targets
        self._context = certs.client_context()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number):
        options = {"port": "tls_port", "tls": self._context} if number % 2 else {}
        try:
            while not self._over.is_set():
                with self._proxy.client(**options) as client:
                    self._ask(client, keep=number % 4 < 2)
        except Exception as problem:  # pylint: disable=broad-except
            self.problems.append(problem)

    def _ask(self, client, keep):
        for turn in range(20 if keep else 1):
            if self._over.is_set():
                return
            try:
                response = client.request(self._targets[turn % len(self._targets)])
            except Closed:
                if turn == 0:
                    raise
                return  # a kept connection may end at any time
            self.statuses.append(response.status)
            if (response.header("Connection") or "").lower() == "close":
                return


def at_once(count, function):
    """The results of function(number), all called at the same time."""
    results = [None] * count
    gate = threading.Barrier(count)

    def run(number):
        gate.wait()
        results[number] = function(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_reload_under_load(nginx, certs):
    with Load(nginx, certs) as load:
        for _ in range(4):
            time.sleep(0.3)
            nginx.signal(signal.SIGHUP)
        time.sleep(0.3)
    assert not load.problems
    assert set(load.statuses) == {200}


def test_reload_of_a_master_under_load(prepared, certs):
    prepared.start("-W", "-db", "-f", str(prepared.conf))
    prepared.expect_exit = None
    with Load(prepared, certs) as load:
        for _ in range(3):
            time.sleep(0.3)
            prepared.signal(signal.SIGUSR2)
        time.sleep(0.3)
    assert not load.problems
    assert set(load.statuses) == {200}


def test_reopened_logs_lose_no_line(nginx, certs):
    logs = [nginx.dir / "access.log"]
    with Load(nginx, certs) as load:
        for number in range(5):
            time.sleep(0.2)
            logs.append((nginx.dir / "access.log").rename(nginx.dir / f"access.{number}.log"))
            nginx.signal(signal.SIGUSR1)
            net.wait_until((nginx.dir / "access.log").exists, "a new access.log")
    assert set(load.statuses) == {200}

    def lines():
        return [line for log in logs for line in log.read_text().splitlines()]

    net.wait_until(lambda: len(lines()) == len(load.statuses), lambda: f"{len(load.statuses)} lines, not {len(lines())}")
    assert all(re.search(r'"GET /[ab] HTTP/1\.1" 200 ', line) for line in lines())


def test_log_lines_of_all_threads_stay_whole(haproxy, certs):
    with Load(haproxy, certs) as load:
        time.sleep(0.8)

    def lines():
        return [line for line in (haproxy.dir / "stdout").read_text().splitlines() if " web" in line]

    net.wait_until(lambda: len(lines()) >= len(load.statuses), lambda: f"{len(load.statuses)} lines, not {len(lines())}")
    assert all(re.search(r' b/s[12] .* 200 .*"GET (https://localhost)?/[ab] HTTP/1\.1"$', line) for line in lines())


def test_servers_change_under_load(haproxy, certs, one):
    admin = haproxy.runtime()
    host, port = str(one).rsplit(":", 1)
    with Load(haproxy, certs) as load:
        for _ in range(12):
            for command in ("disable server b/s1", "set server b/s2 weight 10", "enable server b/s1",
                            f"set server b/s2 addr {host} port {port}", "set maxconn frontend web 500",
                            "set server b/s1 maxconn 2", "show servers state", "show stat", "show info", "show sess"):
                admin(command)
    assert not load.problems
    assert set(load.statuses) == {200}


def test_maps_and_lists_change_under_load(haproxy, certs, one, two):
    admin = haproxy.runtime()
    names, denied = f"{haproxy.dir}/names.map", f"{haproxy.dir}/denied.lst"
    with Load(haproxy, certs) as load:
        for number in range(20):
            for command in (f"set map {names} /a n{number}", f"add map {names} /b m{number}", f"del map {names} /b",
                            f"add acl {denied} 192.0.2.{number}", f"show map {names}", f"clear acl {denied}"):
                admin(command)
    assert not load.problems
    assert set(load.statuses) == {200}
    named = {request.header("X-Named") for request in one.requests + two.requests}
    assert named <= {"first", "none"} | {f"{letter}{number}" for letter in "nm" for number in range(20)}


def test_counters_of_all_threads_add_up(haproxy, certs):
    with Load(haproxy, certs) as load:
        time.sleep(0.6)
    stat = haproxy.runtime().stat
    net.wait_until(lambda: {row["scur"] for row in stat().values() if row["pxname"] == "b"} == {"0"},
                   "no current session at the backend")
    answered = len(load.statuses)
    # A request is counted when its log line is written, which may be after its answer.
    net.wait_until(lambda: int(stat()["web", "FRONTEND"]["hrsp_2xx"]) >= answered, lambda: f"{answered} answers: {stat()}")
    rows = stat()
    assert int(rows["web", "FRONTEND"]["hrsp_2xx"]) == answered
    assert int(rows["b", "s1"]["hrsp_2xx"]) + int(rows["b", "s2"]["hrsp_2xx"]) == answered


def test_a_rate_is_one_for_all_workers(nginx):
    statuses = at_once(24, lambda number: nginx.get("/rate?k=a").status)
    assert sorted(statuses) == [200] * 10 + [503] * 14


def test_a_connection_limit_is_one_for_all_workers(nginx, one, two):
    refused, all_refused = [], threading.Event()

    def hold(exchange):
        all_refused.wait(net.DEADLINE)
        exchange.reply()

    def ask(number):
        status = nginx.get("/few?k=a").status
        if status == 503:
            refused.append(number)
        if len(refused) == 9:
            all_refused.set()
        return status

    for origin in (one, two):
        origin.on("/few", hold)
    statuses = at_once(12, ask)
    assert sorted(statuses) == [200] * 3 + [503] * 9
    net.wait_until(lambda: nginx.get("/few?k=a").status == 200, "a place that is given back")


def test_a_drain_under_load_ends_every_request(nginx, certs, one, two):
    for origin in (one, two):
        origin.on("/slow", Reply(delay=0.5, body=b"x" * 100000))
    results = []

    def ask():
        results.append(nginx.get("/slow").status)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    net.wait_until(lambda: len(one.requests) + len(two.requests) == 12, "all requests at the origins")
    nginx.signal(signal.SIGQUIT)
    for thread in threads:
        thread.join()
    assert results == [200] * 12
    assert nginx.wait() == 0


def open_everything(proxy, certs):
    """Connections in every state that a stop can meet; the caller closes them."""
    context = certs.client_context()
    clients = [proxy.client() for _ in range(3)]
    clients[1].send(b"GET / HTTP/1.1\r\nHo")  # half a head
    clients[2].request("/a")  # kept alive
    for options in ({}, {"port": "tls_port", "tls": context}):
        waiting, uploading, reading = (proxy.client(**options) for _ in range(3))
        waiting.send(b"GET /stall HTTP/1.1\r\nHost: h\r\n\r\n")
        uploading.send(b"POST /stall HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc")
        reading.send(b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
        reading.send(b"GET /pipelined HTTP/1.1\r\nHost: h\r\n\r\n")
        clients += [waiting, uploading, reading]
    return clients


def endless():
    while True:
        yield b"x" * 50000


def start_and_fill(proxy, certs, origins):
    for origin in origins:
        origin.on("/stall", lambda exchange: exchange.stall())
        origin.on("/endless", Reply(body=endless(), chunked=True))
    clients = open_everything(proxy, certs)
    net.wait_until(lambda: sum(len(origin.requests) for origin in origins) >= 5, "the requests at the origins")
    return clients


def test_a_stop_frees_what_still_runs(nginx, certs, one, two):
    clients = start_and_fill(nginx, certs, (one, two))
    nginx.signal(signal.SIGTERM)
    assert nginx.wait() == 0
    for client in clients:
        client.close()


def test_a_hard_stop_frees_what_still_runs(prepared, certs, one, two):
    prepared.conf.write_text(prepared.conf.read_text().replace("nbthread 4", "nbthread 4\n    hard-stop-after 300ms"))
    haproxy = prepared.start()
    clients = start_and_fill(haproxy, certs, (one, two))
    clients.append(haproxy.client("relay_port"))
    clients[-1].send(b"GET /stall HTTP/1.1\r\nHost: h\r\n\r\n")
    haproxy.signal(signal.SIGUSR1)
    assert haproxy.wait() == 0
    for client in clients:
        client.close()
