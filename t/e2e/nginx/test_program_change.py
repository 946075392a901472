"""USR2 and its way back, beyond what t/e2e/test_survival.py looks at: clients that keep their connections, and what is left behind."""

import os
import pathlib
import re
import resource
import signal

import pytest

from rig import net
from rig.generations import Generations

pytestmark = pytest.mark.threads

TEXT = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    keepalive_timeout 60s;
    server {
        listen 127.0.0.1:{port};
        location / { return 200 "$connection_requests"; }
    }
}
"""
KEPT = 16


@pytest.fixture
def proxy(weir):
    made = weir("nginx", text=TEXT, environment={"ASAN_OPTIONS": "detect_leaks=1"})
    Generations(made)
    return made


def written(path):
    try:
        return int(path.read_text() or 0)
    except FileNotFoundError:
        return 0


def upgraded(proxy):
    """USR2: the old and the new master, once the new one serves."""
    pid_file = proxy.dir / "nginx.pid"
    old = net.wait_until(lambda: written(pid_file), "the pid file")
    os.kill(old, signal.SIGUSR2)
    new = net.wait_until(lambda: written(pid_file) not in (0, old) and written(pid_file), proxy.log_text)
    net.wait_until(lambda: len(serving(proxy)) == 2, lambda: f"two workers\n{proxy.log_text()}")
    return old, new


def title(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
    except OSError:
        return ""


def serving(proxy):
    return [pid for pid in proxy.pids() if title(pid) == "nginx: worker process"]


class Kept:
    """Clients that stay connected."""

    def __init__(self, proxy):
        self.clients = [proxy.client() for _ in range(KEPT)]
        self.ask(1)

    def ask(self, expected, close=False):
        """`close`: whether the answers say that they are the last; None: either way."""
        for client in self.clients:
            reply = client.request("/")
            assert (reply.status, reply.body) == (200, str(expected).encode())
            assert close is None or (reply.header("Connection") == "close") == close

    def end(self):
        for client in self.clients:
            client.close()


def end(pid, proxy):
    os.kill(pid, signal.SIGQUIT)
    net.wait_until(lambda: pid not in proxy.pids(), lambda: f"{pid} to leave\n{proxy.log_text()}")


def test_idle_connections_go_to_the_new_program_and_back(proxy):
    kept = Kept(proxy)
    old, new = upgraded(proxy)
    os.kill(old, signal.SIGWINCH)
    proxy.wait_log(r"worker \d+ exited")
    kept.ask(2)
    os.kill(old, signal.SIGHUP)
    proxy.wait_log("serves again|serves the new configuration")  # who is slow to come does not get them: see below
    os.kill(new, signal.SIGQUIT)
    kept.ask(3)
    net.wait_until(lambda: new not in proxy.pids(), proxy.log_text)
    kept.end()
    net.wait_until(lambda: written(proxy.dir / "nginx.pid") == old, "the pid file to be the old program's again")


def test_the_old_program_calls_its_workers_back_for_them(proxy):
    """The old master has sent its workers away and is told nothing. A worker that is slow to come finds that they get one more
    answer where they are."""
    kept = Kept(proxy)
    old, new = upgraded(proxy)
    os.kill(old, signal.SIGWINCH)
    proxy.wait_log(r"worker \d+ exited")
    os.kill(new, signal.SIGQUIT)
    proxy.wait_log("starting the workers again")
    net.wait_until(lambda: len(serving(proxy)) == 1, proxy.log_text)
    kept.ask(2, close=None)
    kept.end()
    net.wait_until(lambda: new not in proxy.pids(), proxy.log_text)
    assert proxy.get().status == 200
    net.wait_until(lambda: written(proxy.dir / "nginx.pid") == old, "the pid file to be the old program's again")


def test_who_waits_for_nobody_is_not_waited_for(proxy):
    """Both go at once: nobody is there to take idle connections, which end as they do with one program."""
    kept = Kept(proxy)
    old, new = upgraded(proxy)
    os.kill(old, signal.SIGQUIT)
    proxy.wait_log(r"worker \d+ exited")
    proxy.expect_exit = None
    end(new, proxy)
    net.wait_until(lambda: not proxy.pids(), proxy.log_text)
    kept.end()


@pytest.mark.parametrize("first", ["old", "new"])
def test_no_pid_file_is_left_when_both_go(proxy, first):
    old, new = upgraded(proxy)
    for pid in (old, new) if first == "old" else (new, old):
        os.kill(pid, signal.SIGQUIT)
    net.wait_until(lambda: not proxy.pids(), proxy.log_text)
    assert sorted(path.name for path in proxy.dir.glob("nginx.pid*")) == []


def test_the_new_program_has_the_limit_that_the_old_one_was_started_with(weir):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard > 700
    resource.setrlimit(resource.RLIMIT_NOFILE, (700, hard))
    try:
        proxy = weir("nginx", text=TEXT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    Generations(proxy)

    def limits():
        return [re.search(r"Max open files\s+(\d+)", pathlib.Path(f"/proc/{pid}/limits").read_text("ascii"))[1]
                for pid in serving(proxy)]

    net.wait_until(lambda: len(serving(proxy)) == 1, "a standby to have its title")
    before = limits()
    old, new = upgraded(proxy)
    assert limits() == before * 2
    end(old, proxy)
    os.kill(new, signal.SIGTERM)


def test_the_log_says_how_a_program_ended_that_could_not_start(proxy):
    link = proxy.dir / "nginx"
    link.unlink()
    link.write_text("#!/nonexistent\n", "ascii")
    link.chmod(0o755)
    proxy.signal(signal.SIGUSR2)
    proxy.wait_log(r"the new program \d+ has ended: it exited with code 127; this one goes on")
    assert proxy.get().status == 200
    net.wait_until((proxy.dir / "nginx.pid").exists, "the pid file")


def test_a_worker_that_takes_anothers_place_reads_no_file_and_says_so(proxy):
    generations = Generations(proxy)
    generations.kill()
    proxy.wait_log(r"worker \d+ serves again, with the configuration that runs")
    assert "serves the new configuration" not in proxy.log_text()
