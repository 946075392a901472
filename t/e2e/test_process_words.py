"""How the worker runs beside others: processors, priority, limits, working directory, and when it goes."""

import os
import re
import signal
import time

import pytest

from rig import net
from rig.generations import Generations
from rig.http1 import build_request

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
    """The processors of each of its threads but the first."""
    found = []
    for task in sorted(os.listdir(f"/proc/{pid}/task"), key=int)[1:]:
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


def test_a_file_is_read_at_a_lower_priority_than_requests_are_served(weir):
    if os.geteuid():
        pytest.skip("only root may raise a priority again")
    proxy = weir("nginx", text="daemon off; user {user}; pid nginx.pid; error_log error.log info; events {}\n"
                 "http { access_log off; include {dir}/part; server { listen 127.0.0.1:{port}; return 200 ok; } }", start=False)
    part = proxy.dir / "part"
    part.write_text("")
    proxy.start()
    generations = Generations(proxy)
    net.wait_until(lambda: len(proxy.pids()) == 3, "the worker and its standby")
    known = proxy.pids()
    part.unlink()
    os.mkfifo(part)  # the file takes as long as the test wants
    before = generations.served()
    proxy.signal(signal.SIGHUP)
    with open(part, "w", encoding="ascii"):
        (reader,) = set(proxy.pids()) - set(known)
        assert os.getpriority(os.PRIO_PROCESS, reader) == 10
    net.wait_until(lambda: generations.served() > before, proxy.log_text)
    assert [os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir(f"/proc/{reader}/task")] == [0, 0]


@pytest.mark.parametrize("words", ["worker_cpu_affinity 012;", "worker_priority 21;", "worker_rlimit_core many;"])
def test_nginx_words_with_bad_values_are_refused(weir, words):
    name = words.split()[0]
    text = re.sub(rf"{name} [^;]*;", words, NGINX % "auto")
    result = weir("nginx", text=text, start=False).run("-t")
    assert result.returncode == 1 and name in result.stderr


@pytest.mark.skipif(os.cpu_count() < 2, reason="one processor is no choice")
@pytest.mark.parametrize("words, expected", [("cpu-map 1/1 1\n    cpu-map 1/2 0", ["1", "0"]),
                                             ("cpu-map auto:1/all 0-1", ["0", "1"]), ("cpu-map 1/odd 1", ["1", None])])
def test_haproxy_threads_have_their_processors(weir, words, expected):
    proxy = haproxy(weir, words)

    def as_expected():
        got = processors(proxy.process.pid)[:2]
        return len(got) == 2 and all(want in (None, have) for want, have in zip(expected, got))

    net.wait_until(as_expected, lambda: f"{expected}, not {processors(proxy.process.pid)}")


def test_haproxy_descriptors_have_an_upper_bound(weir):
    proxy = haproxy(weir, "fd-hard-limit 300")
    assert limit(proxy.process.pid, "Max open files")[0] == "300"


def test_haproxy_core_files_are_not_limited(weir):
    proxy = haproxy(weir, "set-dumpable")
    hard = limit(os.getpid(), "Max core file size")[1]
    assert limit(proxy.process.pid, "Max core file size")[0] in ("unlimited", hard)


def test_haproxy_accepts_for_a_while_after_the_order_to_stop(weir):
    proxy = haproxy(weir, "grace 1s")
    proxy.expect_exit = None
    proxy.signal(signal.SIGUSR1)
    ordered = time.monotonic()
    while proxy.process.poll() is None:
        try:
            assert proxy.get().status == 200
            answered = time.monotonic()
        except OSError:
            pass
    assert answered - ordered > 0.7
    assert proxy.wait() == 0


def test_haproxy_ends_workers_that_live_through_too_many_reloads(weir):
    proxy = haproxy(weir, "mworker-max-reloads 1", "-W")
    generations = Generations(proxy)
    with proxy.client() as client:
        client.send(build_request("/")[:-2])  # a head that does not end keeps the first worker
        generations.reload()
        assert len(generations.workers()) == 2
        generations.reload()
        proxy.wait_log("lived through 2 reloads")
        assert client.closed()
    net.wait_until(lambda: len(generations.workers()) == 1, "one worker")
