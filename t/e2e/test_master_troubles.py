"""When things go wrong in the middle of other things: workers that die during reloads, files that fail late, stops under way."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys

import pytest

from rig import net
from rig.checking import Checkers
from rig.generations import Generations
from rig.http1 import Client
from rig.proxy import FREED_IS_FREE
from test_survival import HAPROXY as PLAIN, NGINX, ORIGIN, upgraded, wait_for_answers

pytestmark = pytest.mark.threads

# A request is under way until its body is there, in both faces.
HAPROXY = PLAIN.replace("frontend web\n", "frontend web\n    option http-buffer-request\n")
QUIT = {"nginx": signal.SIGQUIT, "haproxy": signal.SIGUSR1}


@pytest.fixture
def echo(weir):
    return weir("nginx", text=ORIGIN)


def started(weir, face, text, *arguments, **places):
    made = weir(face, text=text, start=False, environment=FREED_IS_FREE, **places)
    return made.start(*(("-W", "-db", "-f", str(made.conf), *arguments) if face == "haproxy" else arguments))


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(request, weir, echo, certs):
    text = NGINX if request.param == "nginx" else HAPROXY
    return started(weir, request.param, text, origin=echo.port, pem=certs.leaf())


class Running:
    """A request that is under way until its body is sent."""

    def __init__(self, port, path="/echo"):
        self.client = Client(port)
        self.client.send(f"POST {path}?late HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        # Before that it may wait in a queue of the kernel, where a worker that comes later takes it.
        assert self.client.reader.until(b"\r\n\r\n", "the wish for the body").startswith(b"HTTP/1.1 100 ")

    def finish(self):
        self.client.send(b"done")
        answer = self.client.response()
        self.client.close()
        return answer.status, answer.body


def pending(pid, number):
    """Whether the process has not taken the signal yet."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return bool(int(re.search(r"ShdPnd:\s+(\w+)", status.read())[1], 16) >> (number - 1) & 1)


def is_refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def more_listeners(proxy, *ports):
    mark = f"listen 127.0.0.1:{proxy.port};" if proxy.face == "nginx" else f"bind 127.0.0.1:{proxy.port}\n"
    lines = "\n".join(f"listen 127.0.0.1:{p};" if proxy.face == "nginx" else f"bind 127.0.0.1:{p}" for p in ports)
    return proxy.conf.read_text().replace(mark, f"{mark}\n{lines}\n")


class Starved:
    """A worker whose main thread, which hears the master, hardly gets any of its processor; its shards get what they want."""

    def __init__(self, worker):
        self.worker = worker

    def __enter__(self):
        cpus = {min(os.sched_getaffinity(self.worker))}
        os.sched_setaffinity(self.worker, cpus)
        os.sched_setscheduler(self.worker, os.SCHED_IDLE, os.sched_param(0))
        self.burner = subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, {cpus})\nwhile True: pass"])

    def __exit__(self, *exc):
        self.burner.kill()
        self.burner.wait()


class Reading:
    """The configuration as a file whose reading, which begins by a signal or by `ask`, takes as long as the test wants."""

    def __init__(self, proxy, ask=None):
        self.conf, self.text = proxy.conf, proxy.conf.read_text()
        self.conf.unlink()
        os.mkfifo(self.conf)
        ask() if ask else proxy.signal(signal.SIGHUP)
        self.pipe = open(self.conf, "w", encoding="utf-8")  # waits for the reader
        self.conf.unlink()
        self.conf.write_text(self.text)

    def end(self, text):
        with self.pipe:
            self.pipe.write(text)


def test_a_worker_that_dies_while_a_file_is_read_is_replaced_at_once(proxy):
    generations = Generations(proxy)
    worker = generations.worker()
    before = generations.served()
    reading = Reading(proxy)
    os.kill(worker, signal.SIGKILL)
    net.wait_until(lambda: generations.served() > before, proxy.log_text)
    assert proxy.get("/echo?a").body == b"a"
    reading.end("nonsense\n")
    proxy.wait_log("the configuration that runs stays")
    assert proxy.get("/echo?a").body == b"a"
    generations.reload()
    assert proxy.get("/echo?a").body == b"a"


def test_a_reload_that_comes_during_one_that_fails_is_made(proxy):
    generations = Generations(proxy)
    before = generations.served()
    reading = Reading(proxy)
    proxy.conf.write_text(reading.text.replace("/me", "/you"))
    proxy.signal(signal.SIGHUP)
    reading.end("nonsense\n")
    net.wait_until(lambda: generations.served() > before, proxy.log_text)
    assert proxy.get("/you").status == 200


def test_a_graceful_stop_refuses_who_comes_later(proxy):
    Generations(proxy)
    running = Running(proxy.port)
    net.wait_until(lambda: proxy.get("/echo?a").body == b"a", "an answer")
    proxy.signal(QUIT[proxy.face])
    net.wait_until(lambda: is_refused(proxy.port), proxy.log_text)
    assert proxy.process.poll() is None
    assert running.finish() == (200, b"late")
    proxy.expect_exit = None
    proxy.wait()


def test_a_reload_that_fails_late_leaves_nothing_behind(proxy):
    generations = Generations(proxy)
    good = proxy.conf.read_text()
    with net.PortReservation() as free, socket.create_server(("127.0.0.1", 0)) as busy:
        text = more_listeners(proxy, free.port, busy.getsockname()[1])
        if proxy.face == "haproxy":
            text = text.replace("server s1", "server s1 127.0.0.1:1 weight 7 disabled\n    server s2")
        proxy.conf.write_text(text)
        proxy.signal(signal.SIGHUP)
        proxy.wait_log("the configuration that runs stays")
        assert is_refused(free.port)
        assert proxy.get("/echo?a").body == b"a"
    proxy.conf.write_text(good)
    generations.reload()
    assert proxy.get("/echo?a").body == b"a"


def test_a_file_that_fails_late_changes_no_server(weir, echo, certs):
    proxy = started(weir, "haproxy", HAPROXY.replace("{origin}", "{origin} weight 20"), origin=echo.port, pem=certs.leaf())
    Generations(proxy)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        text = more_listeners(proxy, busy.getsockname()[1])
        proxy.conf.write_text(text.replace("weight 20", "weight 1 disabled"))
        proxy.signal(signal.SIGHUP)
        proxy.wait_log("the configuration that runs stays")
    assert proxy.runtime()("get weight b/s1").strip() == "20 (initial 20)"
    assert proxy.get("/echo?a").body == b"a"


def full_frontend(weir, echo, certs):
    """A weir with two requests under way on a frontend that takes no third one."""
    text = HAPROXY.replace("frontend web\n", "frontend web\n    maxconn 2\n")
    proxy = started(weir, "haproxy", text, origin=echo.port, pem=certs.leaf())
    generations = Generations(proxy)
    running = [Running(proxy.port) for _ in range(2)]
    stat = proxy.runtime().stat
    net.wait_until(lambda: stat()["web", "FRONTEND"]["req_tot"] == "2", lambda: f"two requests: {stat()}")
    return proxy, generations, running


def test_a_frontend_that_was_full_at_a_reload_serves(weir, echo, certs):
    proxy, generations, running = full_frontend(weir, echo, certs)
    generations.reload()
    assert proxy.get("/echo?a").body == b"a"
    assert [r.finish() for r in running] == [(200, b"late")] * 2
    assert proxy.get("/echo?a").body == b"a"


def test_a_frontend_that_is_full_leaves_nobody_in_the_queue(weir, echo, certs):
    # Each thread of the old worker can be woken once for a connection that it does not take.
    proxy, generations, running = full_frontend(weir, echo, certs)
    with Starved(generations.worker()):
        generations.reload()
        for word in ("a", "b", "c"):
            assert proxy.get(f"/echo?{word}").body == word.encode()
    assert [r.finish() for r in running] == [(200, b"late")] * 2


def test_a_worker_that_is_told_to_leave_is_replaced_before_it_has_gone(weir, echo, certs):
    proxy = started(weir, "nginx", NGINX, origin=echo.port, pem=certs.leaf())
    generations = Generations(proxy)
    worker = generations.worker()
    running = Running(proxy.port)
    assert proxy.get("/echo?a").body == b"a"
    before = generations.served()
    os.kill(worker, signal.SIGQUIT)
    net.wait_until(lambda: generations.served() > before, proxy.log_text)
    assert proxy.get("/echo?a").body == b"a"
    assert worker in proxy.pids()
    assert running.finish() == (200, b"late")


def test_many_generations_drain_at_once(proxy):
    generations = Generations(proxy)
    running = []
    for _ in range(12):
        running.append(Running(proxy.port))
        assert proxy.get("/echo?a").body == b"a"
        generations.reload()
    assert [r.finish() for r in running] == [(200, b"late")] * 12


def test_the_pid_file_follows_the_file(weir, echo, certs):
    proxy = started(weir, "nginx", NGINX, origin=echo.port, pem=certs.leaf())
    generations = Generations(proxy)
    proxy.conf.write_text(proxy.conf.read_text().replace("pid nginx.pid;", "pid other.pid;"))
    generations.reload()
    net.wait_until((proxy.dir / "other.pid").exists, "the new pid file")
    assert not (proxy.dir / "nginx.pid").exists()
    assert proxy.run("-s", "reload").returncode == 0


def test_workers_that_come_back_after_an_upgrade_do_not_read_the_file(weir, echo, certs):
    """nginx.org, control: HUP to the old master starts new workers without reading the configuration again."""
    proxy = started(weir, "nginx", NGINX, origin=echo.port, pem=certs.leaf())
    old, new = upgraded(proxy)
    os.kill(old, signal.SIGWINCH)
    proxy.wait_log("worker \\d+ exited")
    good = proxy.conf.read_text()
    proxy.conf.write_text(good + "word_of_the_new_program;\n")
    with Checkers(proxy.port) as checkers:
        wait_for_answers(checkers, 100)
        os.kill(old, signal.SIGHUP)
        proxy.wait_log("serves again")
        os.kill(new, signal.SIGQUIT)
        net.wait_until(lambda: new not in proxy.pids(), proxy.log_text)
        wait_for_answers(checkers, 100)
    assert checkers.refused == []


@pytest.mark.parametrize("face", ["nginx", "haproxy"])
def test_a_changed_window_ends_nobody(weir, echo, certs, face):
    proxy = started(weir, face, NGINX if face == "nginx" else HAPROXY, origin=echo.port, pem=certs.leaf())
    generations = Generations(proxy)
    proxy.signal(signal.SIGWINCH)
    net.wait_until(lambda: not pending(proxy.process.pid, signal.SIGWINCH), "the master to look at it")
    generations.kill()  # of workers that were sent away none is replaced
    assert proxy.get("/echo?a").body == b"a"


def test_a_process_that_cannot_open_its_runtime_socket_takes_nobodys_place(weir, echo, certs):
    old = weir("haproxy", text=HAPROXY, origin=echo.port, pem=certs.leaf())
    text = old.conf.read_text().replace("stats socket", f"stats socket {old.dir}/missing/x.sock\n    stats socket")
    new = weir("haproxy", text=text, start=False)
    result = new.run("-f", str(new.conf), "-sf", str(old.process.pid))
    assert result.returncode == 1
    assert old.get("/echo?a").body == b"a"
    assert old.process.poll() is None


def test_a_second_socket_that_fails_gives_the_first_one_back(weir, echo, certs):
    proxy = started(weir, "haproxy", HAPROXY, origin=echo.port, pem=certs.leaf())
    Generations(proxy)
    proxy.conf.write_text(proxy.conf.read_text().replace("defaults\n", f"    stats socket {proxy.dir}/missing/x.sock\ndefaults\n", 1))
    proxy.signal(signal.SIGHUP)
    proxy.wait_log("the configuration that runs stays")
    assert "Uptime" in proxy.runtime()("show info")


def test_the_next_program_finds_its_pid_in_the_file(weir, echo, certs):
    first = weir("haproxy", text=HAPROXY, origin=echo.port, pem=certs.leaf(), start=False)
    pid_file = first.dir / "pid"
    first.start("-W", "-db", "-f", str(first.conf), "-p", str(pid_file))
    first.wait_log("Loading success")
    second = weir("haproxy", text=first.conf.read_text(), start=False)
    second.places["port"] = first.port
    second.start("-W", "-db", "-f", str(second.conf), "-p", str(pid_file), "-sf", pid_file.read_text().strip())
    second.wait_log("Loading success")
    first.expect_exit = None
    first.wait()
    assert int(pid_file.read_text()) == second.process.pid
    assert second.get("/echo?a").body == b"a"


def test_a_runtime_socket_over_tcp_answers_while_an_old_worker_drains(weir, echo, certs):
    text = HAPROXY.replace("global\n", "global\n    stats socket ipv4@127.0.0.1:{cli_port} level admin\n", 1)
    proxy = started(weir, "haproxy", text, origin=echo.port, pem=certs.leaf())
    generations = Generations(proxy)
    running = Running(proxy.port)
    assert proxy.get("/echo?a").body == b"a"
    generations.reload_and_drain()
    for _ in range(16):
        with socket.create_connection(("127.0.0.1", proxy.places["cli_port"]), timeout=10) as client:
            client.sendall(b"show version\n")
            assert client.recv(100)
    assert running.finish() == (200, b"late")


def test_a_client_that_does_not_read_is_not_listened_to_for_ever(weir, echo, certs):
    proxy = started(weir, "haproxy", HAPROXY, origin=echo.port, pem=certs.leaf())
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(proxy.runtime().path)
        client.sendall(b"prompt\n")
        client.settimeout(1)
        sent = 0
        try:
            while sent < 4 << 20:
                sent += client.send(b"show info\n" * 6000)
        except TimeoutError:
            pass
        assert sent < 4 << 20  # what was read would have been answered with two hundred times as much


def test_more_listeners_than_the_soft_limit_of_descriptors(weir, echo, certs):
    proxy = weir("haproxy", text=HAPROXY, origin=echo.port, pem=certs.leaf(), start=False)
    lines = "".join(f"    bind {proxy.dir}/s{i}\n" for i in range(300))
    proxy.conf.write_text(proxy.conf.read_text().replace("frontend web\n", "frontend web\n" + lines))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        proxy.start("-W", "-db", "-f", str(proxy.conf))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert proxy.get("/echo?a").body == b"a"
