"""A process that takes over from one that runs: its listening sockets (-x), its place (-sf, -st), and what clients notice."""

import os
import socket
import struct
import threading

import pytest

from rig import net
from rig.generations import listening_sockets

CONF = """
global
    {threads}
    stats socket {dir}/admin.sock level admin {expose}

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    {more}
    http-request return status 200 content-type text/plain string {word}
"""
MORE = "bind {dir}/web.sock\n    bind abns@weir-{name}\n    bind [::1]:{port}"


@pytest.fixture
def start(weir):
    """start(word) is the first process; start(word, old, …) another one on the same addresses."""
    def make(word, old=None, *arguments, expose="expose-fd listeners", more="", threads="nbthread 2"):
        text = CONF.replace("{more}", more.replace("{name}", str(os.getpid())))
        places = {} if old is None else {"port": old.port, "dir": str(old.dir)}
        proxy = weir("haproxy", text=text, start=False, word=word, expose=expose, threads=threads, **places)
        proxy.start(*(arguments or ("-db",)), "-f", str(proxy.conf), wait=old is None)
        if old is None:
            proxy.runtime()  # others ask there for the sockets
        return proxy

    return make


def get_unix(address):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(net.DEADLINE)
        sock.connect(address)
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        data = b""
        while more := sock.recv(65536):
            data += more
    return data


def test_the_new_process_uses_the_sockets_of_the_old_one(start):
    old = start("one", more=MORE)
    assert old.get().body == b"one"
    before = listening_sockets(old.process.pid)
    assert len(before) == 2
    new = start("two", old, "-db", "-x", str(old.dir / "admin.sock"), "-sf", str(old.process.pid), more=MORE)
    assert old.wait() == 0
    assert listening_sockets(new.process.pid) == before
    assert new.get().body == b"two"
    assert get_unix(str(old.dir / "web.sock")).endswith(b"two")
    name = f"weir-{os.getpid()}".encode()
    assert get_unix(b"\0" + name.ljust(107, b"\0")).endswith(b"two")


def test_sockets_that_the_new_configuration_does_not_name_are_closed(start):
    old = start("one", more="bind 127.0.0.1:{more_port}")
    assert net.is_listening(old.places["more_port"])
    new = start("two", old, "-db", "-x", str(old.dir / "admin.sock"), "-sf", str(old.process.pid))
    assert old.wait() == 0
    net.wait_until(lambda: not net.is_listening(old.places["more_port"]), "the end of the other socket")
    assert new.get().body == b"two"


def test_with_a_master_the_sockets_are_taken_too(start):
    old = start("one")
    before = listening_sockets(old.process.pid)
    new = start("two", old, "-W", "-db", "-x", str(old.dir / "admin.sock"), "-sf", str(old.process.pid))
    assert old.wait() == 0
    assert listening_sockets(new.process.pid) == before
    assert new.get().body == b"two"


@pytest.mark.threads
def test_no_connection_is_refused_or_lost_while_processes_follow_one_another(start):
    processes = [start("w0")]
    stop, seen, failures = threading.Event(), set(), []

    def hammer():
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", processes[0].port), timeout=net.DEADLINE) as sock:
                    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    data = b""
                    while more := sock.recv(65536):
                        data += more
                seen.add(data[-2:])
            except OSError as error:
                failures.append(error)

    clients = [threading.Thread(target=hammer) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        for i in range(1, 5):
            last = processes[-1]
            processes.append(start(f"w{i}", processes[0], "-db", "-x", str(processes[0].dir / "admin.sock"), "-sf",
                                   str(last.process.pid)))
            assert last.wait() == 0
            net.wait_until(lambda: f"w{i}".encode() in seen, f"an answer of process {i}")
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert not failures, failures[:3]


def test_an_old_process_lets_go_of_its_sockets_while_it_finishes(start):
    """Without -x both have a socket on the port: one that is not served any more must not get connections."""
    old = start("one")
    with old.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
        net.wait_until(lambda: "CurrConns: 1\n" in old.runtime()("show info"), "the connection")
        new = start("two", old, "-db", "-sf", str(old.process.pid))
        net.wait_until(lambda: not listening_sockets(old.process.pid), "the end of listening")
        assert {new.get().body for _ in range(50)} == {b"two"}
        client.send(b"\r\n")
        assert client.response().body == b"one"
    assert old.wait() == 0


def test_st_ends_the_old_process_at_once(start):
    old = start("one")
    with old.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
        net.wait_until(lambda: "CurrConns: 1\n" in old.runtime()("show info"), "the connection")
        start("two", old, "-db", "-x", str(old.dir / "admin.sock"), "-st", str(old.process.pid))
        old.wait()
        assert client.closed()


@pytest.mark.parametrize("expose", ["", "expose-fd listeners"])
def test_sockets_are_given_only_where_that_is_allowed(start, expose):
    old = start("one", expose=expose)
    old.runtime()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(net.DEADLINE)
        sock.connect(str(old.dir / "admin.sock"))
        sock.sendall(b"_getsocks\n")
        count = sock.recv(4)
        if not expose:
            assert count == b""
            return
        assert struct.unpack("i", count) == (1,)
        data, fds, _, _ = socket.recv_fds(sock, 4096, 253)
        assert data == bytes(6) and len(fds) == 1
        given = socket.socket(fileno=fds[0])
        assert given.getsockname() == ("127.0.0.1", old.port)
        given.close()
        sock.sendall(struct.pack("i", 1))
        assert sock.recv(1) == b""
    assert old.get().body == b"one"


def test_a_receiver_that_says_nothing_holds_the_runtime_socket_up_for_a_second_only(start):
    old = start("one")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(old.dir / "admin.sock"))
        silent.sendall(b"_getsocks\n")
        assert "Name: HAProxy" in old.runtime()("show info")


def test_an_old_process_that_is_not_there(start):
    old = start("one", expose="")
    for path, words in ((f"{old.dir}/nobody.sock", "Failed to connect to the old process socket"),
                        (f"{old.dir}/admin.sock", "Failed to get the number of sockets")):
        done = old.run("-db", "-f", str(old.conf), "-x", path)
        assert done.returncode == 1
        assert words in done.stderr and "Failed to get the sockets from the old process!" in done.stderr
    new = start("two", old, "-db", "-x", "/dev/null", "-sf", str(old.process.pid))
    assert old.wait() == 0
    net.wait_until(lambda: new.get().body == b"two", "the new process")


def test_a_socket_pair_leads_to_the_old_process(weir):
    """-x sockpair@N, and `stats socket sockpair@N` at the other end: connections travel as descriptors."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with here, there:
        text = CONF.replace("{dir}/admin.sock", f"sockpair@{there.fileno()}")
        old = weir("haproxy", text=text, start=False, word="one", expose="expose-fd listeners", threads="", more="")
        old.start(pass_fds=[there.fileno()])
        before = listening_sockets(old.process.pid)
        new = weir("haproxy", text=CONF, start=False, word="two", expose="", threads="", more="", port=old.port)
        new.start("-db", "-f", str(new.conf), "-x", f"sockpair@{here.fileno()}", "-sf", str(old.process.pid), wait=False,
                  pass_fds=[here.fileno()])
        assert old.wait() == 0
        assert listening_sockets(new.process.pid) == before
        assert new.get().body == b"two"


def test_a_frontend_takes_connections_from_a_socket_pair(weir):
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with here, there:
        proxy = weir("haproxy", text=CONF, start=False, word="one", expose="", threads="nbthread 2",
                     more=f"bind sockpair@{there.fileno()}")
        proxy.start(pass_fds=[there.fileno()])
        for _ in range(3):
            mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            with mine:
                socket.send_fds(here, [b"\0\0"], [theirs.fileno()])
                theirs.close()
                mine.settimeout(net.DEADLINE)
                mine.sendall(b"GET / HTTP/1.0\r\n\r\n")
                data = b""
                while more := mine.recv(65536):
                    data += more
            assert data.endswith(b"one")
        here.close()
        assert proxy.get().body == b"one"
