"""A client that reads slowly holds neither the server nor the disk: limit_rate, and proxy_max_temp_file_size."""

import os
import pathlib
import time

from rig import net
from rig.origin import Reply, pattern

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    proxy_temp_path {dir}/temp;
    server {
        listen 127.0.0.1:{port};
        location /slow { limit_rate 1m; proxy_pass http://{origin}; }
        location /file { proxy_max_temp_file_size 1m; proxy_pass http://{origin}; }
    }
}
"""
SIZE = 40 << 20  # more than the kernel keeps between the two


def test_limit_rate_lets_the_server_go(weir, origin):
    proxy = weir("nginx", text=CONF, origin=origin)
    origin.default = Reply(body=pattern(SIZE), length=SIZE, until_close=True)
    with proxy.client() as client:
        started = time.monotonic()
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        net.wait_until(lambda: origin.connections and not origin.open_connections, "the server to be done")
        assert time.monotonic() - started < 15  # the client has a third of it by then


def temporary_files(pids):
    sizes = []
    for pid in pids:
        try:
            links = list(pathlib.Path(f"/proc/{pid}/fd").iterdir())
        except OSError:
            continue  # it forked another one and has gone
        for link in links:
            try:
                if "/temp/" in os.readlink(link) or "(deleted)" in os.readlink(link):
                    sizes.append(os.stat(link).st_size)
            except FileNotFoundError:
                pass
    return sizes


def test_the_temporary_file_keeps_its_size(weir, origin):
    """It is not written on and on while it is read, either."""
    proxy = weir("nginx", text=CONF, origin=origin)
    origin.default = Reply(body=pattern(24 << 20), length=24 << 20, until_close=True)
    largest, pids = 0, proxy.pids()
    with proxy.client(receive_buffer=4096) as client:
        client.send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
        got, pause = 0, 0.002
        while got < 20 << 20:
            got += len(client.sock.recv(65536))
            largest = max([largest, *temporary_files(pids)])
            time.sleep(pause)
    assert 0 < largest < (1 << 20) + 512 * 1024
