"""The processes that wait to take a worker's place: what becomes of them, and that there is always one."""

import os
import pathlib
import signal

import pytest

from rig import net
from rig.generations import Generations, link

pytestmark = pytest.mark.threads

TEXT = {
    "nginx": """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http { access_log access.log; server { listen 127.0.0.1:{port}; location / { return 200 ok; } } }
""",
    "haproxy": """
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain string ok
"""}


class Family:
    """A weir with a master, its worker and those that wait."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.generations = Generations(proxy)
        self.wait_for_two()

    def waiting(self):
        return sorted(set(self.proxy.children()) - set(self.generations.workers()))

    def wait_for_two(self):
        net.wait_until(lambda: len(self.generations.workers()) == 1 and len(self.waiting()) == 2,
                       lambda: f"a worker and two that wait: {self.proxy.pids()}\n{self.proxy.log_text()}")

    def end(self, pid):
        os.kill(pid, signal.SIGKILL)
        net.wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), f"nothing to be left of {pid}")
        self.proxy.wait_log(f"standby process {pid} has ended")


@pytest.fixture(params=TEXT)
def proxy(request, weir):
    made = weir(request.param, text=TEXT[request.param], start=False)
    return made.start(*(("-W", "-db", "-f", str(made.conf)) if request.param == "haproxy" else ()))


@pytest.fixture
def family(proxy):
    return Family(proxy)


@pytest.mark.parametrize("which", [0, 1])
def test_one_that_is_killed_is_replaced(proxy, family, which):
    for _ in range(3):
        family.end(family.waiting()[which])
        family.wait_for_two()
    proxy.conf.write_text("nonsense\n")
    for _ in range(2):
        family.generations.kill()
        assert proxy.get().status == 200
        family.wait_for_two()


def test_a_crash_right_after_its_end_is_survived(proxy, family):
    proxy.conf.write_text("nonsense\n")
    family.end(family.waiting()[0])
    family.generations.kill()
    assert proxy.get().status == 200
    family.wait_for_two()


def test_when_none_is_left_a_reload_makes_new_ones(proxy, family):
    for pid in family.waiting():
        os.kill(pid, signal.SIGKILL)
    proxy.wait_log("none is left: should worker .*a reload makes new ones")
    family.generations.reload()
    family.wait_for_two()
    proxy.conf.unlink()
    family.generations.kill()
    assert proxy.get().status == 200


def test_a_worker_that_drains_keeps_none(proxy, family):
    (old,) = family.generations.workers()
    with proxy.client() as client:
        head = "GET / HTTP/1.1\r\nHost: a\r\n"
        client.send(f"{head}\r\n{head}")
        assert client.response().status == 200  # and the old worker has the head that does not end
        family.generations.reload_and_drain()
        children = pathlib.Path(f"/proc/{old}/task/{old}/children").read_text("ascii").split()
        assert children == []
        client.send("\r\n")
        assert client.response().status == 200


def test_it_holds_no_log_that_was_rotated(weir):
    proxy = weir("nginx", text=TEXT["nginx"])
    family = Family(proxy)
    assert proxy.get().status == 200
    for pid in family.waiting():
        assert [fd for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir() if link(fd).endswith(".log")] == []
    for name in ("access.log", "error.log"):
        os.rename(proxy.dir / name, proxy.dir / f"{name}.1")
    assert proxy.run("-s", "reopen").returncode == 0
    net.wait_until((proxy.dir / "access.log").exists, "a new log")
    family.generations.kill()
    assert proxy.get().status == 200
    net.wait_until(lambda: "GET / " in (proxy.dir / "access.log").read_text(), "a line in the new log")
