"""How the worker runs beside others: processors, priority, limits, working directory, and when it goes."""

import os
import re
import select
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import machine, net
from rig.generations import Generations
from rig.http1 import Closed, build_request

NGINX = """
daemon off;
user {user};
worker_processes 2;
worker_cpu_affinity %s;
worker_priority 5;
worker_rlimit_core 12m;
working_directory {dir};
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {}
http { access_log off; server { listen 127.0.0.1:{port}; return 200 ok; } }
"""

HAPROXY = """
global
    nbthread 2
    %s
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200
"""


def haproxy(weir, word, *args):
    proxy = weir("haproxy", text=HAPROXY % word, start=False)
    return proxy.start(*args, "-db", "-f", str(proxy.conf))


def processors(pid):
    """The processors of each of its threads but the first, in the order of their making."""
    found = []
    tasks = [int(task) for task in os.listdir(f"/proc/{pid}/task") if int(task) != pid]
    for task in sorted(tasks, key=lambda task: (task < pid, task)):  # numbers begin anew behind the largest
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
            found.append(re.search(r"Cpus_allowed_list:\s*(\S+)", status.read())[1])
    return found


def limit(pid, name):
    with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
        return re.search(rf"^{name}\s+(\S+)\s+(\S+)", limits.read(), re.M).groups()


@pytest.mark.skipif(os.cpu_count() < 2, reason="one processor is no choice")
@pytest.mark.parametrize("words, expected", [("01 10", ["0", "1"]), ("10", ["1", "1"]), ("auto", ["0", "1"]),
                                             ("auto 10", ["1", "1"])])
def test_nginx_shards_have_their_processors(weir, words, expected):
    proxy = weir("nginx", text=NGINX % words)
    worker = Generations(proxy).worker()
    net.wait_until(lambda: processors(worker)[:2] == expected, lambda: f"{expected}, not {processors(worker)}")


def test_nginx_priority_core_files_and_directory(weir):
    proxy = weir("nginx", text=NGINX % "auto")
    worker = Generations(proxy).worker()
    assert os.getpriority(os.PRIO_PROCESS, worker) == 5
    assert limit(worker, "Max core file size") == (str(12 << 20),) * 2
    assert os.readlink(f"/proc/{worker}/cwd") == str(proxy.dir)
    Generations(proxy).reload()
    net.wait_until(lambda: worker not in proxy.children(), proxy.log_text)
    assert os.getpriority(os.PRIO_PROCESS, Generations(proxy).worker()) == 5


def test_root_that_may_not_raise_priorities_lowers_none(weir):
    if os.geteuid():
        pytest.skip("only root has capabilities that could be missing")
    proxy = weir("nginx", text="daemon off; user {user}; pid nginx.pid; error_log error.log info; events {}\n"
                 "http { access_log off; server { listen 127.0.0.1:{port}; return 200 ok; } }", start=False)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(machine.drop_capability, machine.CAP_SYS_NICE).result()
        pool.submit(proxy.start).result()
    generations = Generations(proxy)
    own = os.getpriority(os.PRIO_PROCESS, proxy.process.pid)
    old = generations.worker()
    generations.reload()
    net.wait_until(lambda: old not in proxy.children(), proxy.log_text)
    worker = generations.worker()
    assert [os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir(f"/proc/{worker}/task")] == [own] * 2


def test_a_file_is_read_at_a_lower_priority_than_requests_are_served(weir):
    if os.geteuid():
        pytest.skip("only root may raise a priority again")
    proxy = weir("nginx", text="daemon off; user {user}; pid nginx.pid; error_log error.log info; events {}\n"
                 "http { access_log off; include {dir}/part; server { listen 127.0.0.1:{port}; return 200 ok; } }", start=False)
    part = proxy.dir / "part"
    part.write_text("")
    proxy.start()
    generations = Generations(proxy)
    net.wait_until(lambda: len(proxy.children()) == 3, "the worker and its standbys")
    known = proxy.children()
    own = os.getpriority(os.PRIO_PROCESS, proxy.process.pid)
    part.unlink()
    os.mkfifo(part)  # the file takes as long as the test wants
    before = generations.served()
    proxy.signal(signal.SIGHUP)
    with open(part, "w", encoding="ascii"):
        (reader,) = set(proxy.children()) - set(known)
        assert os.getpriority(os.PRIO_PROCESS, reader) == min(own + 10, 19)
    net.wait_until(lambda: generations.served() > before, proxy.log_text)
    assert [os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir(f"/proc/{reader}/task")] == [own] * 2


@pytest.mark.parametrize("words", ["worker_cpu_affinity 012;", "worker_priority 21;", "worker_rlimit_core many;"])
def test_nginx_words_with_bad_values_are_refused(weir, words):
    name = words.split()[0]
    text = re.sub(rf"{name} [^;]*;", words, NGINX % "auto")
    result = weir("nginx", text=text, start=False).run("-t")
    assert result.returncode == 1 and name in result.stderr


@pytest.mark.skipif(os.cpu_count() < 2, reason="one processor is no choice")
@pytest.mark.parametrize("words, expected", [("cpu-map 1/1 1\n    cpu-map 1/2 0", ["1", "0"]),
                                             ("cpu-map auto:1/all 0-1", ["0", "1"]),
                                             ("nbproc 2\n    cpu-map 1 1\n    cpu-map 2 0", ["1", "0"]), ("cpu-map 1/odd 1", ["1", None])])
def test_haproxy_threads_have_their_processors(weir, words, expected):
    proxy = haproxy(weir, words)

    def as_expected():
        got = processors(proxy.process.pid)[:2]
        return len(got) == 2 and all(want in (None, have) for want, have in zip(expected, got))

    net.wait_until(as_expected, lambda: f"{expected}, not {processors(proxy.process.pid)}")


def test_haproxy_descriptors_have_an_upper_bound(weir):
    proxy = haproxy(weir, "fd-hard-limit 300")
    net.wait_until(lambda: limit(proxy.process.pid, "Max open files")[0] == "300", "the limit, set behind the ports")


def test_haproxy_core_files_are_not_limited(weir):
    proxy = haproxy(weir, "set-dumpable")
    hard = limit(os.getpid(), "Max core file size")[1]
    net.wait_until(lambda: limit(proxy.process.pid, "Max core file size")[0] in ("unlimited", hard), "the limit")


def test_haproxy_accepts_for_a_while_after_the_order_to_stop(weir):
    proxy = haproxy(weir, "grace 2s")
    proxy.expect_exit = None
    proxy.signal(signal.SIGUSR1)
    ordered = time.monotonic()
    while proxy.process.poll() is None:
        try:
            assert proxy.get().status == 200
            answered = time.monotonic()
        except (Closed, OSError):  # it was in the queue when that was closed
            pass
    assert answered - ordered > 0.7
    assert proxy.wait() == 0


def test_haproxy_ends_workers_that_live_through_too_many_reloads(weir):
    proxy = haproxy(weir, "mworker-max-reloads 1", "-W")
    generations = Generations(proxy)
    with proxy.client() as client:
        client.send(build_request("/") + build_request("/")[:-2])  # a head that does not end keeps the first worker
        assert client.response().status == 200  # which has that head too
        generations.reload()
        assert len(generations.workers()) == 2
        generations.reload()
        proxy.wait_log("lived through 2 reloads")
        assert client.closed()
    net.wait_until(lambda: len(generations.workers()) == 1, "one worker")


def conclusion(reply):
    return (reply.header("Connection") or "keep-alive").lower()


def conclusion_or_close(client):
    try:
        return conclusion(client.request("/"))
    except (Closed, OSError):
        return "closed"


def test_haproxy_spreads_the_end_of_idle_connections(weir):
    """Most of them are there shortly after the order, all are gone at the end of the time."""
    proxy = haproxy(weir, "close-spread-time 3s")
    proxy.expect_exit = None
    clients = [proxy.client() for _ in range(40)]
    try:
        assert all(client.request("/").status == 200 for client in clients)
        proxy.signal(signal.SIGUSR1)
        net.wait_until(lambda: not net.is_listening(proxy.port), "the listener to close")
        assert "keep-alive" in [conclusion_or_close(client) for client in clients[:5]]
        idle, closed = {client.sock for client in clients[5:]}, []
        while idle:
            readable, _, _ = select.select(idle, [], [], net.DEADLINE)
            assert readable and all(sock.recv(1) == b"" for sock in readable)
            idle -= set(readable)
            closed += [time.monotonic()] * len(readable)
        assert closed[-1] - closed[0] > 0.5
        assert proxy.wait() == 0
    finally:
        for client in clients:
            client.close()


def test_haproxy_leaves_the_end_to_the_clients(weir):
    proxy = haproxy(weir, "close-spread-time infinite")
    proxy.expect_exit = None
    with proxy.client() as client:
        assert client.request("/").status == 200
        proxy.signal(signal.SIGUSR1)
        net.wait_until(lambda: not net.is_listening(proxy.port), "the listener to close")
        for _ in range(3):
            assert conclusion(client.request("/")) == "keep-alive"
    assert proxy.wait() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="a privileged port is root's to bind")
@pytest.mark.parametrize("switch", ["on", "off"])
def test_haproxy_refuses_clients_on_privileged_ports(weir, switch):
    proxy = haproxy(weir, f"harden.reject-privileged-ports.tcp {switch}")
    with socket.socket() as sock:
        sock.settimeout(net.DEADLINE)
        for port in range(1023, 900, -1):
            try:
                sock.bind(("127.0.0.1", port))
                break
            except OSError:
                continue
        sock.connect(("127.0.0.1", proxy.port))
        try:
            sock.sendall(build_request("/"))
            answer = sock.recv(65536)
        except ConnectionError:
            answer = b""
        assert answer.startswith(b"HTTP/1.1 200") == (switch == "off")
    assert proxy.get().status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("words, kept", [("setcap cap_net_raw,cap_net_bind_service", 1 << 13 | 1 << 10), ("", 0)])
def test_haproxy_keeps_capabilities(weir, words, kept):
    proxy = haproxy(weir, f"uid 65534\n    gid 65534\n    {words}")

    def read():
        with open(f"/proc/{proxy.process.pid}/status", encoding="ascii") as status:
            return dict(line.split(":\t", 1) for line in status.read().splitlines())

    net.wait_until(lambda: len(os.listdir(f"/proc/{proxy.process.pid}/task")) > 2, "its threads, after the change")
    fields = read()
    assert fields["Uid"].split() == ["65534"] * 4
    assert [int(fields[name], 16) for name in ("CapPrm", "CapEff")] == [kept, kept]


def check(weir, word, *arguments):
    proxy = weir("haproxy", text=HAPROXY % word, start=False)
    return proxy.run("-c", "-V", "-f", str(proxy.conf), *arguments)


def test_haproxy_capabilities_are_checked(weir):
    checked = check(weir, "setcap cap_net_raw,cap_chown")
    assert checked.returncode == 1
    assert "unsupported capability 'cap_chown'" in checked.stderr


def test_haproxy_threads_are_limited(weir):
    checked = check(weir, "thread-hard-limit 1")
    assert checked.returncode == 0
    assert "nbthread forced to a higher value (2) than the configured thread-hard-limit (1)" in checked.stderr
    proxy = haproxy(weir, "thread-hard-limit 1\n    stats socket {dir}/admin.sock level admin")
    assert proxy.runtime().info()["Nbthread"] == "1"


def test_haproxy_takes_warnings_for_errors(weir):
    checked = check(weir, "zero-warning\n    thread-hard-limit 1")
    assert checked.returncode == 1
    assert "Some warnings were found and 'zero-warning' is set. Aborting." in checked.stderr


def test_haproxy_is_quiet(weir):
    word = "quiet\n    thread-hard-limit 1"
    proxy = weir("haproxy", text=HAPROXY % word, start=False)
    assert proxy.run("-c", "-f", str(proxy.conf)).stderr == ""
    assert "nbthread forced" in proxy.run("-c", "-V", "-f", str(proxy.conf)).stderr


def test_haproxy_names_the_local_peer(weir):
    word = 'localpeer here\n    description "${HAPROXY_LOCALPEER}"\n    stats socket {dir}/admin.sock level admin'
    proxy = haproxy(weir, word)
    assert proxy.runtime().info()["description"] == "here"
    checked = check(weir, "localpeer here", "-L", "there")
    assert "'localpeer' ignored since it is already set by using the '-L' command line argument." in checked.stderr
    proxy = haproxy(weir, word, "-L", "there")
    assert proxy.runtime().info()["description"] == "there"
