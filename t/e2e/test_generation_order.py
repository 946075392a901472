"""Which of several generations counts: workers that die while a file is read, readers and workers that hang, and who is left."""

import contextlib
import os
import signal
import threading

import pytest

from rig import net
from rig.checking import Checkers
from rig.generations import Generations, listening_sockets
from rig.master_cli import MasterSocket
from test_master_troubles import HAPROXY, NGINX, QUIT, Reading, started
from test_survival import ORIGIN, upgraded, wait_for_answers

pytestmark = pytest.mark.threads


@pytest.fixture
def echo(weir):
    return weir("nginx", text=ORIGIN)


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(request, weir, echo, certs):
    text = NGINX if request.param == "nginx" else HAPROXY
    return started(weir, request.param, text, origin=echo.port, pem=certs.leaf())


class StoppedStandbys:
    """Those that wait to take the worker's place: stopped, so that the test chooses when they do."""

    def __init__(self, proxy, generations):
        def waiting():
            found = set(proxy.children()) - {generations.worker()}
            return len(found) == 2 and found

        self.pids = net.wait_until(waiting, "two standbys")
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


def test_a_stand_in_that_is_late_does_not_undo_the_reload(proxy):
    generations = Generations(proxy)
    worker = generations.worker()
    standbys = StoppedStandbys(proxy, generations)
    reading = Reading(proxy)
    os.kill(worker, signal.SIGKILL)
    proxy.wait_log(f"worker {worker} exited on signal 9")
    before = generations.served()
    reading.end(reading.text.replace("/me", "/you").replace("server s1", "server s1 127.0.0.1:1 weight 0\n    server s2"))
    net.wait_until(lambda: generations.served() > before, proxy.log_text)
    newest = generations.worker()
    if proxy.face == "haproxy":
        proxy.runtime()("set server b/s2 weight 9")
    standbys.go_on()
    net.wait_until(lambda: not standbys.pids & set(proxy.pids()), "the end of the standby")
    assert generations.worker() == newest
    assert proxy.get("/you").status == 200
    if proxy.face == "haproxy":
        assert proxy.runtime()("get weight b/s2").startswith("9 ")


def test_a_reload_is_answered_for_its_own_worker(weir, echo, certs):
    proxy = weir("haproxy", text=HAPROXY, origin=echo.port, pem=certs.leaf(), start=False)
    path = proxy.dir / "m.sock"
    proxy.start("-W", "-db", "-f", str(proxy.conf), "-S", str(path))
    generations = Generations(proxy)
    worker = generations.worker()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(MasterSocket(path)("reload")))
    reading = Reading(proxy, asking.start)
    before = generations.served()
    os.kill(worker, signal.SIGKILL)
    net.wait_until(lambda: generations.served() > before, proxy.log_text)
    proxy.wait_log("serves again, with the configuration that runs")
    reading.end("nonsense\n")
    asking.join(net.DEADLINE)
    assert answers and answers[0].startswith("Success=0\n")
    assert "nonsense" in answers[0]
    assert MasterSocket(path)("reload").startswith("Success=1\n")


def test_the_sockets_stay_when_worker_and_reader_die_together(proxy):
    generations = Generations(proxy)
    worker = generations.worker()
    standbys = StoppedStandbys(proxy, generations)
    before = listening_sockets(proxy.process.pid)
    reading = Reading(proxy)
    os.kill(worker, signal.SIGKILL)
    proxy.wait_log(f"worker {worker} exited on signal 9")
    reading.end("nonsense\n")
    proxy.wait_log("the configuration that runs stays")
    assert listening_sockets(proxy.process.pid) == before
    standbys.go_on()
    assert proxy.get("/echo?a").body == b"a"
    assert listening_sockets(proxy.process.pid) == before


def test_a_worker_that_hangs_keeps_no_others(proxy):
    generations = Generations(proxy)
    hung = generations.worker()
    os.kill(hung, signal.SIGSTOP)
    for _ in range(6):
        generations.reload()
    net.wait_until(lambda: len(generations.workers()) == 2, lambda: f"the end of those between\n{proxy.log_text()}")
    proxy.wait_log(f"worker {hung} was told to leave 5 s ago and does not answer")
    assert proxy.get("/echo?a").body == b"a"
    os.kill(hung, signal.SIGCONT)
    net.wait_until(lambda: hung not in proxy.pids(), proxy.log_text)


def test_the_hung_worker_makes_room_first(proxy):
    """There are 32 places: the generations between go by themselves, and the one that hangs goes when there is none."""
    generations = Generations(proxy)
    hung = generations.worker()
    with proxy.client() as running:
        running.send(b"GET /echo?late HTTP/1.1\r\n")
        net.wait_until(lambda: net.is_read(running.sock), "the worker to have half of the head")
        assert proxy.get("/echo?a").body == b"a"
        generations.reload()
        draining = hung
        hung = next(pid for pid in generations.workers() if pid != draining)
        os.kill(hung, signal.SIGSTOP)
        for _ in range(34):
            generations.reload()
        assert proxy.get("/echo?a").body == b"a"
        running.send(b"Host: a\r\n\r\n")
        assert running.response().body == b"late"
    if hung in proxy.pids():
        with contextlib.suppress(ProcessLookupError):  # killed meanwhile
            os.kill(hung, signal.SIGCONT)


def test_a_stop_ends_a_reader_that_hangs(proxy):
    Generations(proxy)
    reading = Reading(proxy)
    proxy.signal(QUIT[proxy.face])
    proxy.expect_exit = None
    proxy.wait()
    net.wait_until(lambda: not proxy.pids(), "the end of the reader")
    reading.pipe.close()


def test_a_reader_that_hangs_makes_way_for_the_next_reload(proxy):
    generations = Generations(proxy)
    before = generations.served()
    reading = Reading(proxy)
    proxy.conf.write_text(reading.text.replace("/me", "/you"))
    proxy.signal(signal.SIGHUP)
    proxy.wait_log("a reload is under way: the one that is asked for follows it")
    net.wait_until(lambda: generations.served() > before, proxy.log_text)
    assert proxy.get("/you").status == 200
    reading.pipe.close()


def test_an_upgrade_that_is_taken_back_loses_nothing(weir, echo, certs):
    """Idle connections of the new program's worker go back to the old one's."""
    proxy = started(weir, "nginx", NGINX, origin=echo.port, pem=certs.leaf())
    with Checkers(proxy.port, pause=0.002) as checkers:
        wait_for_answers(checkers, 100)
        old, new = upgraded(proxy)
        os.kill(old, signal.SIGWINCH)
        proxy.wait_log("worker \\d+ exited")
        wait_for_answers(checkers, 100)
        with proxy.client() as idle:
            assert idle.request("/echo?a").body == b"a"
            os.kill(old, signal.SIGHUP)
            proxy.wait_log("serves again")
            os.kill(new, signal.SIGQUIT)
            net.wait_until(lambda: new not in proxy.pids(), proxy.log_text)
            reply = idle.request("/echo?b")
            assert (reply.body, reply.header("Connection") == "close") == (b"b", False)
        wait_for_answers(checkers, 100)
    assert (checkers.lost, checkers.refused) == ([], [])


def test_the_old_programs_workers_come_back_when_the_new_ones_leave(weir, echo, certs):
    """WINCH to the old master, QUIT to the new one, and no HUP between: nobody is refused, nothing idle is closed."""
    proxy = started(weir, "nginx", NGINX, origin=echo.port, pem=certs.leaf())
    with Checkers(proxy.port, pause=0.002) as checkers:
        old, new = upgraded(proxy)
        os.kill(old, signal.SIGWINCH)
        proxy.wait_log("worker \\d+ exited")
        wait_for_answers(checkers, 100)
        os.kill(new, signal.SIGQUIT)
        net.wait_until(lambda: new not in proxy.pids(), proxy.log_text)
        wait_for_answers(checkers, 100)
    assert (checkers.lost, checkers.refused) == ([], [])


@pytest.mark.parametrize("taking", [[], ["-x"]], ids=["bound", "taken"])
def test_processes_that_follow_one_another_lose_nothing(weir, echo, certs, taking):
    text = HAPROXY.replace("level admin", "level admin expose-fd listeners")
    first = weir("haproxy", text=text, origin=echo.port, pem=certs.leaf(), start=False)
    first.start("-db", "-f", str(first.conf))
    last = first
    with Checkers(first.port, pause=0.002) as checkers:
        for _ in range(3):
            wait_for_answers(checkers, 100)
            following = weir("haproxy", text=first.conf.read_text(), start=False)
            following.places["port"] = first.port
            more = [*taking, str(first.dir / "admin.sock")] if taking else []
            following.start("-db", "-f", str(following.conf), *more, "-sf", str(last.process.pid), wait=False)
            assert last.wait() == 0
            last = following
        wait_for_answers(checkers, 100)
    assert (checkers.lost, checkers.refused) == ([], [])


def test_a_connection_that_stays_idle_does_not_keep_a_process_for_ever(weir, echo, certs):
    proxy = weir("haproxy", text=HAPROXY, origin=echo.port, pem=certs.leaf(), start=False)
    proxy.start("-db", "-f", str(proxy.conf))
    with proxy.client() as idle, proxy.client() as asks:
        assert idle.request("/echo?a").body == asks.request("/echo?a").body == b"a"
        proxy.signal(signal.SIGUSR1)
        net.wait_until(lambda: not net.is_listening(proxy.port), "the end of listening")
        reply = asks.request("/echo?b")
        assert (reply.body, reply.header("Connection")) == (b"b", "close")
        assert proxy.process.poll() is None
        assert proxy.wait() == 0
        assert idle.closed()
