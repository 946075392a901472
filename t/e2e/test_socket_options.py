"""Options of sockets, as the kernel has them."""

import socket

import pytest

RUNTIME = """
global
    stats socket ipv6@:::{runtime_port} level admin {word}
frontend web
    mode http
    timeout client 20s
    bind 127.0.0.1:{port}
"""


@pytest.mark.parametrize("word, families", [("", 2), ("v4v6", 2), ("v6only", 1)])
def test_a_runtime_socket(weir, word, families):
    proxy = weir("haproxy", text=RUNTIME.replace("{word}", word))
    answered = []
    for address in ("::1", "127.0.0.1"):
        try:
            with socket.create_connection((address, proxy.places["runtime_port"]), timeout=10) as client:
                client.sendall(b"show version\n")
                answered.append(client.makefile("rb").read())
        except ConnectionRefusedError:
            pass
    assert len(answered) == families


# --- a listener's own limit

LIMITED = """
global
    nbthread {threads}
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} maxconn 2
    bind 127.0.0.1:{other_port}
    http-request return status 200 content-type text/plain lf-string "%[fe_conn]"
"""


@pytest.mark.parametrize("threads", [1, 3])
def test_one_listener_is_full(weir, threads):
    """Who comes then waits in its backlog, while others are served elsewhere, and has its turn when a place is free."""
    proxy = weir("haproxy", text=LIMITED.replace("{threads}", str(threads)))
    with proxy.client() as first, proxy.client() as second:
        assert first.request("/").body == b"2"
        assert second.request("/").body == b"2"
        with proxy.client() as third:
            third.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            with proxy.client("other_port") as other:
                assert other.request("/").body == b"3"  # the third one is not among them
                assert first.request("/").body == b"3"
            assert second.request("/").status == 200
            first.close()
            assert third.response().status == 200
