"""What outlives a worker: counters and how servers were set at run time, through reloads and crashes."""

import re
import signal
import threading

import pytest

from rig import net
from rig.generations import Generations
from rig.http1 import build_request
from rig.origin import Reply

HAPROXY = """
global
    stats socket {dir}/admin.sock mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    timeout queue 20s
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s1 {one} weight 10
    server s2 {two} weight 20
    server s3 {one} disabled
backend narrow
    server s1 {one} maxconn 1
listen small
    bind 127.0.0.1:{small_port}
    server s1 {one} maxconn 1
"""

NGINX = """
daemon off;
user {user};
worker_processes 2;
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    upstream b { zone b 64k; server {one}; server {dead} max_fails=1 fail_timeout=300s; }
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://b; }
        location /status { stub_status; }
    }
}
"""


REPLACE = pytest.mark.parametrize("replace", [Generations.reload, Generations.kill], ids=["reload", "kill"])


@pytest.fixture
def one(origins):
    return origins(name="s1")


@pytest.fixture
def two(origins):
    return origins(name="s2")


@pytest.fixture
def haproxy(weir, one, two):
    proxy = weir("haproxy", text=HAPROXY, one=one, two=two, start=False)
    return proxy.start("-W", "-db", "-f", str(proxy.conf))


COUNTED = ("stot", "bin", "bout", "hrsp_2xx", "lbtot", "req_tot", "smax")
SET = ("srv_op_state", "srv_admin_state", "srv_uweight", "srv_addr", "srv_port")


@REPLACE
def test_haproxy_counters_and_settings_stay(haproxy, two, replace):
    admin = haproxy.runtime()
    for _ in range(6):
        assert haproxy.get().status == 200
    admin("set server b/s1 weight 5")
    admin("set server b/s2 state drain")
    admin("set server b/s3 state ready")
    admin(f"set server narrow/s1 addr 127.0.0.1 port {two.port}")

    def look():
        rows = {who: {name: row[name] for name in COUNTED} for who, row in admin.stat().items()}
        states = {who: {name: row[name] for name in SET} for who, row in admin.servers().items()}
        return rows, states

    # All is counted when the connections have ended.
    net.wait_until(lambda: admin.stat()["web", "FRONTEND"]["scur"] == "0", "nobody")
    before = look()
    assert before[0]["web", "FRONTEND"]["req_tot"] == "6"
    assert before[1]["b", "s1"]["srv_uweight"] == "5"
    replace(Generations(haproxy))
    assert look() == before
    assert {haproxy.get().header("X-Origin") for _ in range(4)} == {"s1"}
    assert admin.stat()["web", "FRONTEND"]["req_tot"] == "10"


@REPLACE
def test_nobody_is_counted_twice(haproxy, origins, replace):
    """What a worker held that is gone, killed or not, is not held any more."""
    admin = haproxy.runtime()
    with haproxy.client() as client:
        assert client.request("/").status == 200
        assert admin.stat()["web", "FRONTEND"]["scur"] == "1"
        replace(Generations(haproxy))
    generations = Generations(haproxy)
    net.wait_until(lambda: len(generations.workers()) == 1, "one worker")

    def current():
        rows = admin.stat()
        return [rows[who]["scur"] for who in (("web", "FRONTEND"), ("b", "BACKEND"), ("b", "s1"))]

    net.wait_until(lambda: current() == ["0"] * 3, lambda: f"nobody, not {current()}")  # the connection may have gone along


def test_what_is_said_of_frontends_and_limits_outlives_a_crash_only(haproxy):
    admin = haproxy.runtime()
    usual = admin.stat()["small", "FRONTEND"]["slim"], admin.info()["Maxconn"]
    said = "disable frontend web; shutdown frontend small; set maxconn frontend small 7; set maxconn global 400"
    assert admin(f"{said}; set rate-limit sessions global 9000") == ""

    def limits():
        return admin.stat()["small", "FRONTEND"]["slim"], admin.info()["Maxconn"], admin.info()["SessRateLimit"]

    generations = Generations(haproxy)
    for _ in range(2):
        generations.kill()
        assert limits() == ("7", "400", "9000")
        assert [admin.stat()[name, "FRONTEND"]["status"] for name in ("web", "small")] == ["PAUSED", "STOP"]
        for port in ("port", "small_port"):
            with pytest.raises(ConnectionRefusedError):
                haproxy.get(port=port)
    assert admin("enable frontend web") == "" and haproxy.get().status == 200
    assert admin("disable frontend web") == ""
    generations.reload_and_drain()
    assert limits() == (*usual, "0")
    assert haproxy.get().status == 200 and haproxy.get(port="small_port").status == 200


def test_a_killed_workers_place_is_filled_whatever_the_file_says(haproxy):
    haproxy.conf.write_text("nonsense\n")
    Generations(haproxy).kill()
    assert haproxy.get().status == 200
    haproxy.conf.unlink()
    Generations(haproxy).kill()
    assert haproxy.get().status == 200


def test_what_the_file_changes_wins(haproxy):
    admin = haproxy.runtime()
    admin("set server b/s1 weight 5")
    admin("set server b/s2 state maint")
    haproxy.conf.write_text(haproxy.conf.read_text().replace("weight 10", "weight 30"))
    Generations(haproxy).reload()
    servers = admin.servers()
    assert servers["b", "s1"]["srv_uweight"] == "30"
    assert servers["b", "s2"]["srv_admin_state"] == "1"


def test_a_file_that_fails_sets_nothing(haproxy):
    admin = haproxy.runtime()
    admin("set server b/s1 weight 5")
    haproxy.conf.write_text(haproxy.conf.read_text().replace("weight 10", "weight 30") + "nonsense\n")
    haproxy.signal(signal.SIGUSR2)
    haproxy.wait_log("the configuration that runs stays")
    assert admin.servers()["b", "s1"]["srv_uweight"] == "5"


def test_a_limit_holds_for_both_generations(haproxy, one):
    """The old worker has the server's only place; who waits in the new one gets it when it is given back."""
    arrived, go_on = threading.Event(), threading.Event()

    def hold(exchange):
        arrived.set()
        assert go_on.wait(15)
        exchange.reply(body=b"first")

    one.on("/hold", hold)
    one.on("/next", Reply(body=b"second"))
    with haproxy.client("small_port") as old, haproxy.client("small_port") as new:
        old.send(build_request("/hold"))
        assert arrived.wait(15)
        Generations(haproxy).reload()
        new.send(build_request("/next"))
        admin = haproxy.runtime()
        net.wait_until(lambda: admin.stat()["small", "BACKEND"]["qcur"] == "1", "somebody in the queue")
        assert not [request for request in one.requests if request.path == "/next"]
        go_on.set()
        assert old.response().body == b"first"
        assert new.response().body == b"second"


@REPLACE
def test_nginx_counters_and_health_stay(weir, one, replace):
    proxy = weir("nginx", text=NGINX, one=one)
    for _ in range(4):
        assert proxy.get().status == 200
    refused = len(re.findall("Connection refused", proxy.log_text()))
    assert refused == 1  # and the server is left out for the rest of the test

    def requests():
        return int(proxy.get("/status").body.split()[9])

    before = requests()
    replace(Generations(proxy))
    assert requests() == before + 1
    for _ in range(4):
        assert proxy.get().status == 200
    assert len(re.findall("Connection refused", proxy.log_text())) == refused


def test_nginx_limits_are_given_back_by_a_killed_worker(weir, one):
    arrived = threading.Event()

    def hold(exchange):
        arrived.set()
        exchange.origin.stopping.wait(15)

    one.on("/hold", hold)
    text = NGINX.replace("upstream b", "limit_conn_zone $host zone=one:1m;\n    upstream b")
    proxy = weir("nginx", text=text.replace("proxy_pass", "limit_conn one 1; proxy_pass"), one=one)
    with proxy.client() as client:
        client.send(build_request("/hold"))
        assert arrived.wait(15)
        assert proxy.get().status == 503
        Generations(proxy).kill()
        assert proxy.get().status == 200
