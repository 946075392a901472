"""Answers of the runtime socket that take many writes."""

import pathlib
import select
import socket

import pytest

from rig import net
from rig.proxy import FREED_IS_FREE, sanitized

CONF = """
global
    stats socket {dir}/admin.sock level admin
    stats timeout {timeout}
defaults
    mode http
    timeout client 5s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain lf-string "%[path,map_str({map},none)]"
"""
ENTRIES = 200_000


@pytest.fixture
def big(weir, tmp_path):
    """A proxy with a map of that many entries, and how it is called."""
    path = tmp_path / "big.map"
    path.write_text("".join(f"/entry/{i} value-of-entry-{i}\n" for i in range(ENTRIES)), "ascii")

    def start(timeout="20s"):
        proxy = weir("haproxy", text=CONF, map=path, timeout=timeout, environment=FREED_IS_FREE)
        proxy.runtime()
        return proxy, path

    return start


def ask(proxy, commands):
    """A client with a small buffer that has read nothing yet."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(str(proxy.dir / "admin.sock"))
    client.sendall(commands.encode() + b"\n")
    return client


def answer(client):
    got = bytearray()
    while piece := client.recv(50_000):
        got += piece
    lines = got.decode().split("\n")
    return [line.split(" ", 1)[1] for line in lines if line.startswith("0x")], lines


def memory(pid):
    """The most that the process has had, in KB."""
    return int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0])


ALL = [f"/entry/{i} value-of-entry-{i}" for i in range(ENTRIES)]


def test_a_big_map_arrives_whole_at_a_client_that_is_slow(big):
    proxy, path = big()
    with ask(proxy, f"prompt i; show map {path}; echo done; quit") as client:
        entries, lines = answer(client)
    assert entries == ALL
    assert "done" in lines[-5:]


def test_an_answer_is_made_as_it_is_read(big):
    proxy, path = big()
    (pid,) = proxy.pids()
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
    before = memory(pid)
    with ask(proxy, f"show map {path}") as client:
        assert client.recv(1, socket.MSG_PEEK) == b"0"
        assert proxy.runtime().info()["Name"] == "HAProxy"
        entries, _ = answer(client)
    assert entries == ALL
    assert memory(pid) - before < (8192 if sanitized() else 4096)  # the answer has 9 MB


def test_an_answer_tells_what_was_when_it_began(big):
    proxy, path = big()
    admin = proxy.runtime()
    with ask(proxy, f"show map {path}") as client, ask(proxy, f"show map {path}") as other:
        for one in (client, other):
            assert one.recv(1, socket.MSG_PEEK) == b"0"
        assert admin(f"del map {path} /entry/0") == ""
        assert admin(f"clear map {path}") == ""
        assert admin(f"add map {path} new value") == ""
        assert [answer(one)[0] for one in (client, other)] == [ALL, ALL]
    assert admin(f"show map {path}").split(" ", 1)[1] == "new value"


def test_who_does_not_read_an_answer_is_disconnected(big):
    proxy, path = big(timeout="500ms")
    with ask(proxy, f"show map {path}") as client:
        hung_up = select.poll()
        hung_up.register(client, 0)
        net.wait_until(lambda: hung_up.poll(0), "the end of the connection")
        assert len(answer(client)[0]) < ENTRIES
