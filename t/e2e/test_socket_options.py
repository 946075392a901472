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
