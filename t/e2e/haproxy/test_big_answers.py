"""Answers of the runtime socket that take many writes."""

import socket

CONF = """
global
    stats socket {dir}/admin.sock level admin
defaults
    mode http
    timeout client 5s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain lf-string "%[path,map_str({map},none)]"
"""
ENTRIES = 200_000


def test_a_big_map_arrives_whole_at_a_client_that_is_slow(weir, tmp_path):
    path = tmp_path / "big.map"
    path.write_text("".join(f"/entry/{i} value-of-entry-{i}\n" for i in range(ENTRIES)), "ascii")
    proxy = weir("haproxy", text=CONF, map=path)
    proxy.runtime()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(str(proxy.dir / "admin.sock"))
        client.sendall(f"prompt i; show map {path}; echo done; quit\n".encode())
        got = bytearray()
        while piece := client.recv(50_000):
            got += piece
    lines = got.decode().split("\n")
    entries = [line.split(" ", 1)[1] for line in lines if line.startswith("0x")]
    assert entries == [f"/entry/{i} value-of-entry-{i}" for i in range(ENTRIES)]
    assert "done" in lines[-5:]
