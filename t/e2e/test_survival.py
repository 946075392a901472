"""It never goes away: reloads and killed workers under clients that check every answer."""

import contextlib
import os
import re
import signal

import pytest

from rig import net
from rig.checking import Checkers
from rig.generations import Generations, listens

pytestmark = pytest.mark.threads

ORIGIN = """
daemon off;
master_process off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    keepalive_requests 1000000;
    server { listen 127.0.0.1:{port}; location / { return 200 $args; } }
}
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
    keepalive_requests 1000000;
    upstream b { server 127.0.0.1:{origin}; keepalive 32; }
    server {
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        listen 127.0.0.1:{told_port} proxy_protocol;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        location / { proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ""; }
        location /me { return 200 "$remote_addr $proxy_protocol_addr $connection_requests"; }
    }
}
"""

HAPROXY = """
global
    nbthread 2
    stats socket {dir}/admin.sock mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{tls_port} ssl crt {pem}
    bind 127.0.0.1:{told_port} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src]" if { path /me }
    default_backend b
backend b
    server s1 127.0.0.1:{origin}
"""


@pytest.fixture
def echo(weir):
    return weir("nginx", text=ORIGIN)


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(request, weir, echo, certs):
    text = NGINX if request.param == "nginx" else HAPROXY
    made = weir(request.param, text=text, origin=echo.port, pem=certs.leaf(), start=False)
    return made.start(*(("-W", "-db", "-f", str(made.conf)) if request.param == "haproxy" else ()))


def wait_for_answers(checkers, count):
    before = checkers.answered
    net.wait_until(lambda: checkers.answered >= before + count, lambda: f"answers; lost {checkers.lost[:3]}")


def test_reloads_lose_nothing(proxy):
    generations = Generations(proxy)
    with Checkers(proxy.port) as checkers:
        for _ in range(5):
            wait_for_answers(checkers, 100)
            generations.reload()
        wait_for_answers(checkers, 100)
    assert (checkers.lost, checkers.refused) == ([], [])


def test_reloads_during_reloads_lose_nothing(proxy):
    generations = Generations(proxy)
    with Checkers(proxy.port, pause=0.005) as checkers:
        for _ in range(4):
            served = generations.served()
            for _ in range(3):
                proxy.signal(signal.SIGHUP)
            net.wait_until(lambda: generations.served() > served, "a new worker")
        wait_for_answers(checkers, 100)
    assert (checkers.lost, checkers.refused) == ([], [])
    net.wait_until(lambda: len(generations.workers()) == 1, "one worker")


def test_killed_workers_lose_what_was_in_flight_only(proxy):
    generations = Generations(proxy)
    keep, fresh = 12, 4
    with Checkers(proxy.port, keep=keep, fresh=fresh) as checkers:
        for _ in range(3):
            wait_for_answers(checkers, 100)
            lost = len(checkers.lost)
            generations.kill()
            wait_for_answers(checkers, 100)
            assert len(checkers.lost) - lost <= keep + fresh
    assert checkers.refused == []


def test_an_idle_connection_goes_on_in_the_new_worker(proxy):
    generations = Generations(proxy)
    with proxy.client() as client:
        assert client.request("/echo?a").body == b"a"
        old = generations.workers()
        generations.reload()
        net.wait_until(lambda: len(generations.workers()) == 1, "one worker")
        assert generations.workers() != old
        reply = client.request("/echo?b")
        assert (reply.body, reply.header("Connection") == "close") == (b"b", False)


def test_a_connection_keeps_what_its_proxy_header_said(proxy):
    generations = Generations(proxy)
    with proxy.client("told_port") as client:
        client.send("PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n")
        first = client.request("/me").body
        generations.reload()
        net.wait_until(lambda: len(generations.workers()) == 1, "one worker")
        second = client.request("/me").body
    assert b"192.0.2.7" in first
    assert second == (first if proxy.face == "haproxy" else first[:-1] + b"2")


def test_a_tls_connection_is_answered_once_more(proxy, certs):
    generations = Generations(proxy)
    with proxy.client("tls_port", tls=certs.client_context()) as client:
        assert client.request("/echo?a").body == b"a"
        generations.reload_and_drain()
        assert len(generations.workers()) == 2  # the old one stays for it
        reply = client.request("/echo?b")
        assert (reply.body, reply.header("Connection")) == (b"b", "close")
        assert client.closed()
    net.wait_until(lambda: len(generations.workers()) == 1, "one worker")


def test_an_idle_tls_connection_holds_up_no_end(proxy, certs):
    """After a reload it waits for one more answer; when all ends it does not."""
    generations = Generations(proxy)
    with proxy.client("tls_port", tls=certs.client_context()) as client:
        assert client.request("/echo?a").body == b"a"
        generations.reload_and_drain()
        proxy.expect_exit = None
        proxy.signal(signal.SIGUSR1 if proxy.face == "haproxy" else signal.SIGQUIT)
        assert client.closed()
    proxy.wait()


def test_a_connection_of_a_listener_that_is_gone_is_answered_once_more(proxy):
    generations = Generations(proxy)
    with proxy.client("told_port") as client:
        client.send("PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n")
        assert client.request("/echo?a").body == b"a"
        lines = proxy.conf.read_text().splitlines()
        proxy.conf.write_text("\n".join(line for line in lines if str(proxy.places["told_port"]) not in line) + "\n")
        generations.reload_and_drain()
        reply = client.request("/echo?b")
        assert (reply.body, reply.header("Connection")) == (b"b", "close")
    net.wait_until(lambda: not net.is_listening(proxy.places["told_port"]), "the listener closed")




def upgraded(proxy):
    """USR2, and the process ids of the old and the new master once the new one serves."""
    def written():
        try:
            return int((proxy.dir / "nginx.pid").read_text() or 0)
        except FileNotFoundError:
            return 0

    old = net.wait_until(written, "the pid file")
    os.kill(old, signal.SIGUSR2)
    return old, net.wait_until(lambda: written() not in (0, old) and written(), proxy.log_text)


@pytest.fixture
def nginx(weir, echo, certs):
    return weir("nginx", text=NGINX, origin=echo.port, pem=certs.leaf())


def test_a_binary_upgrade_loses_nothing(nginx):
    with Checkers(nginx.port) as checkers:
        for _ in range(2):
            wait_for_answers(checkers, 100)
            old, new = upgraded(nginx)
            assert int((nginx.dir / "nginx.pid.oldbin").read_text()) == old
            wait_for_answers(checkers, 100)
            os.kill(old, signal.SIGQUIT)
            net.wait_until(lambda: old not in nginx.pids(), lambda: f"the old one to leave\n{nginx.log_text()}")
            assert not (nginx.dir / "nginx.pid.oldbin").exists()
        wait_for_answers(checkers, 100)
    assert (checkers.lost, checkers.refused) == ([], [])
    os.kill(new, signal.SIGTERM)


def test_an_upgrade_is_taken_back(nginx):
    """WINCH sends the old workers away; HUP calls new ones, and the new program may go."""
    with Checkers(nginx.port) as checkers:
        old, new = upgraded(nginx)
        os.kill(old, signal.SIGWINCH)
        nginx.wait_log("worker \\d+ exited")
        wait_for_answers(checkers, 100)
        os.kill(old, signal.SIGHUP)
        nginx.wait_log("serves again")
        os.kill(new, signal.SIGQUIT)
        nginx.wait_log("this one goes on")
        assert int((nginx.dir / "nginx.pid").read_text()) == old
        wait_for_answers(checkers, 100)
    assert checkers.refused == []


def test_a_new_program_that_fails_changes_nothing(nginx):
    text = nginx.conf.read_text()
    nginx.conf.write_text(text + "nonsense;\n")
    nginx.wait_log("start worker process")
    nginx.signal(signal.SIGUSR2)
    nginx.wait_log("the new program \\d+ has ended")
    pid_file = nginx.dir / "nginx.pid"
    net.wait_until(pid_file.exists, "the pid file in its place")
    assert int(pid_file.read_text()) == nginx.process.pid
    assert nginx.get("/echo?a").body == b"a"


def test_shards_come_and_go_without_a_reset(proxy):
    generations = Generations(proxy)
    with Checkers(proxy.port, keep=4, fresh=12) as checkers:
        for count in (8, 2, 8):
            text = re.sub(r"(worker_processes|nbthread) \d+", rf"\1 {count}", proxy.conf.read_text())
            proxy.conf.write_text(text)
            generations.reload()
            wait_for_answers(checkers, 200)
    assert (checkers.lost, checkers.refused) == ([], [])


def test_listeners_come_and_go(proxy):
    """A reload that adds a listener, one that changes the address of another, one that takes both away."""
    generations = Generations(proxy)
    text = proxy.conf.read_text()
    with net.PortReservation() as first, net.PortReservation() as second:
        with Checkers(proxy.port) as checkers:
            for ports in ([first.port], [first.port, second.port], [second.port], []):
                lines = "\n".join(f"listen 127.0.0.1:{p};" if proxy.face == "nginx" else f"bind 127.0.0.1:{p}"
                                  for p in ports)
                mark = f"listen 127.0.0.1:{proxy.port};" if proxy.face == "nginx" else f"bind 127.0.0.1:{proxy.port}\n"
                proxy.conf.write_text(text.replace(mark, f"{mark}\n{lines}\n"))
                generations.reload()
                for reservation in (first, second):
                    wanted = reservation.port in ports
                    net.wait_until(lambda r=reservation, w=wanted: net.is_listening(r.port) == w, f"{ports} alone")
            wait_for_answers(checkers, 50)
    assert (checkers.lost, checkers.refused) == ([], [])


@pytest.mark.parametrize("proxy", ["haproxy"], indirect=True)
def test_a_connection_that_came_over_counts_once(proxy):
    """A limit set afterwards is not reached by what came from the old worker and has gone since."""
    generations = Generations(proxy)
    with proxy.client() as client:
        assert client.request("/echo?a").body == b"a"
        generations.reload()
        net.wait_until(lambda: len(generations.workers()) == 1, "one worker")
        assert client.request("/echo?b").body == b"b"
    admin = proxy.runtime()
    admin("set maxconn global 1")
    assert proxy.get("/echo?c").body == b"c"


def test_an_upgrade_to_a_program_that_takes_no_connections(nginx):
    """nginx itself, say: the old workers answer what is idle there once more, and go."""
    link = nginx.dir / "nginx"
    link.unlink()
    link.write_text("#!/bin/sh\nexec sleep 60\n")
    link.chmod(0o755)
    with nginx.client() as client:
        assert client.request("/echo?a").body == b"a"
        nginx.signal(signal.SIGUSR2)
        nginx.wait_log("started the new program")
        (old,) = Generations(nginx).workers()
        nginx.signal(signal.SIGQUIT)
        net.wait_until(lambda: not listens(old), nginx.log_text)
        reply = client.request("/echo?b")
        assert (reply.body, reply.header("Connection")) == (b"b", "close")
    net.wait_until(lambda: old not in nginx.pids(), nginx.log_text)
    nginx.wait()
    for pid in nginx.pids():  # the other program; who waited with the master ends with it
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
