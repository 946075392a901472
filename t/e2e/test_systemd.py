"""What weir and its service manager say to each other: readiness, reloads, signs of life, sockets that are passed."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

from rig import net
from rig.generations import Generations

TEXT = {
    "haproxy": """
global
    nbthread 2
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain string one
""",
    "nginx": """
events {{}}
daemon off;
pid DIR/nginx.pid;
http {{ server {{ listen 127.0.0.1:{port}; location / {{ return 200 one; }} }} }}
""".replace("{{", "{").replace("}}", "}").replace("DIR", "{dir}"),
    "weir": "server { listen 127.0.0.1:{port}; location / { return 200 one; } }\n",
}
MASTER = {"haproxy": ("-Ws", "-f", "{conf}"), "nginx": (), "weir": ("run", "-W", "-c", "{conf}")}
ALONE = {"haproxy": ("-db", "-f", "{conf}"), "nginx": ("-g", "master_process off;"), "weir": ("run", "-c", "{conf}")}
SYSTEMD = pathlib.Path(__file__).parents[2] / "contrib" / "systemd"


class Manager:
    """The socket of a service manager: every message is a dictionary."""

    def __init__(self, directory):
        self.path = str(directory / "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(net.DEADLINE)

    def next(self, name):
        """The next message in which the variable stands."""
        while True:
            message = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())
            if name in message:
                return message

    def silent(self, seconds):
        self.socket.settimeout(seconds)
        try:
            return not self.socket.recv(4096)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(net.DEADLINE)


@pytest.fixture
def manager(home):
    one = Manager(home)
    yield one
    one.socket.close()


@pytest.fixture
def start(weir, manager):
    def make(face, how, **environment):
        proxy = weir(face, text=TEXT[face], start=False, environment={"NOTIFY_SOCKET": manager.path, **environment})
        return proxy.start(*[word.replace("{conf}", str(proxy.conf)) for word in how[face]])

    return make


@pytest.mark.parametrize("face", TEXT)
def test_ready_reloading_and_stopping_with_a_master(start, manager, face):
    proxy = start(face, MASTER)
    ready = manager.next("READY")
    assert (ready["READY"], ready["MAINPID"], ready["STATUS"]) == ("1", str(proxy.process.pid), "Ready.")
    before = time.monotonic_ns() // 1000
    proxy.signal(signal.SIGUSR2 if face == "haproxy" else signal.SIGHUP)
    reloading = manager.next("RELOADING")
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert reloading["STATUS"].startswith("Reloading")
    assert manager.next("READY")["STATUS"] == "Ready."
    proxy.signal(signal.SIGTERM)
    assert manager.next("STOPPING")["STOPPING"] == "1"


@pytest.mark.parametrize("face", TEXT)
def test_a_reload_that_fails_ends_all_the_same(start, manager, face):
    proxy = start(face, MASTER)
    manager.next("READY")
    proxy.conf.write_text("nonsense", "utf-8")
    proxy.signal(signal.SIGUSR2 if face == "haproxy" else signal.SIGHUP)
    manager.next("RELOADING")
    assert manager.next("READY")["STATUS"] == "Reload failed!"
    assert proxy.get().body == b"one"


@pytest.mark.parametrize("face", TEXT)
def test_ready_and_stopping_without_a_master(start, manager, face):
    proxy = start(face, ALONE)
    assert manager.next("READY")["MAINPID"] == str(proxy.process.pid)
    proxy.signal(signal.SIGTERM)
    manager.next("STOPPING")


@pytest.mark.parametrize("how", [MASTER, ALONE], ids=["master", "alone"])
@pytest.mark.parametrize("face", TEXT)
def test_signs_of_life(start, manager, face, how):
    start(face, how, WATCHDOG_USEC="200000")
    for _ in range(3):
        assert manager.next("WATCHDOG")["WATCHDOG"] == "1"


def test_no_signs_of_life_while_no_worker_lives(start, manager):
    """A worker that cannot be started again is no reason to call the service alive."""
    proxy = start("haproxy", MASTER, WATCHDOG_USEC="200000")
    manager.next("WATCHDOG")
    (proxy.dir / "haproxy.cfg").write_text("nonsense", "utf-8")
    net.wait_until(lambda: len(proxy.children()) == 3, "the worker and its standbys")  # one still in the making would be left
    for pid in sorted(proxy.children(), reverse=True):  # the standbys first, then the worker
        os.kill(pid, signal.SIGKILL)
    proxy.wait_log("starting another one")
    while not manager.silent(1.0):
        pass
    proxy.expect_exit = None


def test_no_signs_of_life_while_the_worker_hangs(start, manager):
    proxy = start("haproxy", MASTER, WATCHDOG_USEC="200000")
    manager.next("WATCHDOG")
    worker = Generations(proxy).worker()
    os.kill(worker, signal.SIGSTOP)
    try:
        while not manager.silent(1.0):
            pass
    finally:
        os.kill(worker, signal.SIGCONT)
    manager.next("WATCHDOG")


def test_signs_of_life_are_for_the_process_that_is_named(start, manager):
    start("weir", MASTER, WATCHDOG_USEC="20000", WATCHDOG_PID="1")
    manager.next("READY")
    assert manager.silent(0.5)


PASSED = {
    "haproxy": TEXT["haproxy"].replace("bind 127.0.0.1:{port}", "bind fd@{socket}\n    bind 127.0.0.1:{port}"),
    "weir": """
defaults { mode http; timeout connect 2s; timeout client 20s; timeout server 20s; }
frontend web {
    bind fd@{socket};
    bind 127.0.0.1:{port};
    http-request return status 200 content-type text/plain string one;
}
""",
}


@pytest.fixture
def listen_fds(weir):
    """Starts a face with listening sockets on the descriptors from 3 on, as systemd does."""
    made = []

    def make(face, count=1, names="web", which="web", how=MASTER):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        made.extend(sockets)
        proxy = weir(face, text=PASSED[face], start=False, socket=which)
        command = proxy.command(*[word.replace("{conf}", str(proxy.conf)) for word in how[face]])
        fds = " ".join(f"{3 + i}<&{s.fileno()}" for i, s in enumerate(sockets))
        script = f'export LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES={names}; exec "$@" {fds}'
        launcher = proxy.dir / "launch"
        launcher.write_text(f"#!/bin/bash\n{script}\n", "utf-8")
        launcher.chmod(0o755)
        proxy.command = lambda *_: [str(launcher), *command]
        proxy.start(pass_fds=[s.fileno() for s in sockets])
        return proxy, [s.getsockname()[1] for s in sockets]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("how", [MASTER, ALONE], ids=["master", "alone"])
@pytest.mark.parametrize("face", PASSED)
def test_a_passed_socket_by_its_name(listen_fds, face, how):
    proxy, (other, port) = listen_fds(face, 2, "admin:web", "web", how)
    with proxy.client() as client, type(client)(port) as passed:
        assert client.request("/").body == passed.request("/").body == b"one"
    proxy.wait_log(r"the descriptor 3 \(admin\) was passed and nothing listens on it")
    assert other != port


def test_a_passed_socket_by_its_number_after_a_reload(listen_fds):
    proxy, (port,) = listen_fds("haproxy", 1, "", "3")
    with proxy.client() as client:
        client.request("/")
        proxy.conf.write_text(proxy.conf.read_text("utf-8").replace("string one", "string two"), "utf-8")
        proxy.signal(signal.SIGUSR2)

        def answer():
            with type(client)(port) as passed:
                return passed.request("/").body

        net.wait_until(lambda: answer() == b"two", "the new configuration on the passed socket")


def test_a_name_that_was_not_passed(weir):
    proxy = weir("haproxy", text=PASSED["haproxy"], start=False, socket="web")
    done = proxy.run("-c", "-f", str(proxy.conf))
    assert done.returncode == 1 and "'web' is not a file descriptor's number" in done.stderr


def verified_units():
    return sorted(p for p in SYSTEMD.iterdir() if p.suffix in (".service", ".socket") and ".d-" not in p.name)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", verified_units(), ids=lambda p: p.name)
def test_units_are_well_formed(unit, home):
    for one in verified_units():
        text = one.read_text("utf-8").replace("/usr/local/sbin/weir", "/bin/true")
        (home / one.name).write_text(text, "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(home / unit.name)], capture_output=True,
                          text=True, timeout=60, check=False)
    about_it = [line for line in done.stderr.splitlines() if str(home) in line or unit.name in line]
    assert about_it == []
