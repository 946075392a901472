"""How many connections are taken from a listening socket before those that are open have their turn."""

import os
import pathlib
import re
import resource
import signal

import pytest

from rig import net
from rig.generations import workers

NGINX = """
daemon off;
user {user};
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events { %s }
http { access_log off; server { listen 127.0.0.1:{port}; return 200 "$connections_active "; } }
"""

HAPROXY = """
global
    nbthread 1
    %s
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain lf-string "%%[fe_conn] "
"""

WAITING = 24


def stopped(pid):
    states = [task.read_text().rsplit(")", 1)[1].split()[0] for task in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


@pytest.mark.parametrize("face, text, fewest, most", [
    ("nginx", NGINX % "", 1, 2),
    ("nginx", NGINX % "multi_accept off;", 1, 2),
    ("nginx", NGINX % "multi_accept on;", WAITING, WAITING),
    ("haproxy", HAPROXY % "", 4, 8),
    ("haproxy", HAPROXY % "tune.maxaccept 1", 1, 2),
    ("haproxy", HAPROXY % "tune.maxaccept -1", WAITING, WAITING),
], ids=["nginx", "nginx-off", "nginx-on", "haproxy", "haproxy-1", "haproxy-any"])
def test_what_is_open_comes_first(weir, face, text, fewest, most):
    proxy = weir(face, text=text)
    (worker,) = net.wait_until(lambda: workers(proxy), "the worker")
    os.kill(worker, signal.SIGSTOP)
    net.wait_until(lambda: stopped(worker), "all its threads to stand still")
    clients = [proxy.client() for _ in range(WAITING)]
    for client in clients:
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    os.kill(worker, signal.SIGCONT)
    open_then = [int(client.response().body) for client in clients]
    for client in clients:
        client.close()
    assert fewest <= max(open_then) <= most


def room(pid):
    return int(re.search(r"FDSize:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


@pytest.mark.parametrize("face, text", [("nginx", NGINX % ""), ("haproxy", HAPROXY % "")], ids=["nginx", "haproxy"])
def test_the_table_of_descriptors_does_not_grow(weir, face, text):
    """With threads each growth keeps who accepts, and so all its connections, waiting for all processors."""
    proxy = weir(face, text=text)
    (worker,) = net.wait_until(lambda: workers(proxy), "the worker")
    limit, _ = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    net.wait_until(lambda: room(worker) >= min(limit, 65536), lambda: f"room for {limit} descriptors, not {room(worker)}")


def test_prealloc_fd_is_taken(weir):
    """Without a word; where the limit allows more than usual, there is room for it."""
    proxy = weir("haproxy", text=HAPROXY % "prealloc-fd", start=False)
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert (checked.returncode, checked.stderr) == (0, "")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard <= 65536:
        return  # as much as without the word
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    (worker,) = net.wait_until(lambda: workers(proxy), "the worker")
    limit, _ = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    net.wait_until(lambda: room(worker) >= limit, lambda: f"room for {limit} descriptors, not {room(worker)}")


@pytest.mark.parametrize("value", ["0", "-2", "many"])
def test_a_number_that_is_none(weir, value):
    proxy = weir("haproxy", text=HAPROXY % f"tune.maxaccept {value}", start=False)
    found = proxy.run("-c", "-f", str(proxy.conf))
    assert found.returncode == 1
    assert "tune.maxaccept" in found.stderr
