"""Which server connections are used again: http-reuse, keepalive, and connections that lie idle on another shard."""

import pytest

pytestmark = pytest.mark.threads

HAPROXY = """
global
    nbthread {threads}

defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    default_backend b

backend b
    http-reuse {reuse}
    server s1 {origin}
"""

NGINX = """
daemon off;
user {user};
worker_processes {threads};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    upstream u { server {origin}; keepalive 8; }
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
}
"""


def ask(proxy, clients, requests=1):
    """So many clients one after the other, each with so many requests."""
    for _ in range(clients):
        with proxy.client() as client:
            for _ in range(requests):
                assert client.request("/").status == 200


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_idle_connection_is_found_on_any_shard(weir, origin, threads):
    proxy = weir("haproxy", text=HAPROXY, origin=origin, threads=threads, reuse="always")
    ask(proxy, 20)
    assert len(origin.connections) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_keepalive_of_an_upstream(weir, origin, threads):
    proxy = weir("nginx", text=NGINX, origin=origin, threads=threads)
    ask(proxy, 20)
    assert len(origin.connections) == 1


@pytest.mark.parametrize(
    ("reuse", "clients", "requests", "connections"),
    [
        ("never", 2, 2, 2),
        ("safe", 3, 1, 3),
        ("safe", 2, 3, 2),
        ("aggressive", 3, 2, 1),
        ("always", 3, 1, 1),
    ],
)
def test_modes(weir, origin, reuse, clients, requests, connections):
    proxy = weir("haproxy", text=HAPROXY, origin=origin, threads=1, reuse=reuse)
    ask(proxy, clients, requests)
    assert len(origin.connections) == connections


def test_a_closing_client_leaves_the_server_connection(weir, origin):
    proxy = weir("haproxy", text=HAPROXY, origin=origin, threads=1, reuse="always")
    for _ in range(5):
        with proxy.client() as client:
            assert client.request("/", headers=[("Connection", "close")]).status == 200
    assert len(origin.connections) == 1
    assert all(r.header("Connection") is None for r in origin.requests)
