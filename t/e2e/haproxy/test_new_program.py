"""A reload after an upgrade of the package: the master goes on as the new program, with everything that it has."""

import os
import shutil
import signal
import time

import pytest

from rig import net, proxy as rig_proxy
from rig.checking import Checkers
from rig.generations import Generations, link, listening_sockets, listens
from rig.master_cli import Chat, MasterSocket, processes

pytestmark = pytest.mark.threads

ORIGIN = """
daemon off;
master_process off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    keepalive_requests 1000000;
    server { listen 127.0.0.1:{port}; location / { return 200 $args; } }
}
"""

CONF = """
global
    nbthread 2
    stats socket {dir}/admin.sock mode 600 level admin
    {more}
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{tls_port} ssl crt {pem}
    default_backend b
backend b
    server s1 127.0.0.1:{origin} weight 10
    server s2 127.0.0.1:{origin} weight 20
"""


class Upgrades:
    """Puts copies of the program under the name that the proxy was started by, as a package manager does."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.name = proxy.dir / proxy.face
        self.folder = proxy.dir / "programs"  # what lies in the other one is looked through for reports
        self.folder.mkdir()
        self.generations = Generations(proxy)
        self.master = proxy.process.pid

    def put(self, path):
        fresh = self.proxy.dir / "fresh"
        fresh.symlink_to(path)
        os.replace(fresh, self.name)
        return path

    def copy(self, name="weir-2"):
        path = self.folder / name
        if not path.exists():
            shutil.copy(rig_proxy.binary(), path)
        return self.put(path)

    def script(self, text):
        path = self.folder / f"script-{time.monotonic_ns()}"
        path.write_text(text)
        path.chmod(0o755)
        return self.put(path)

    def runs(self, path):
        """Whether the master, and the worker that serves, run this file."""
        (worker,) = self.generations.workers()
        return all(os.path.samefile(f"/proc/{pid}/exe", path) for pid in (self.master, worker))

    def settles_with(self, path):
        """For when it is not known how many workers are yet to come."""
        pids = [self.master, *self.generations.workers()]
        return len(pids) == 2 and all(link(f"/proc/{pid}/exe") == str(path) for pid in pids)

    def reload(self, how=signal.SIGUSR2):
        before = self.generations.served()
        if how == "cli":
            assert MasterSocket(self.proxy.dir / "m.sock")("reload").startswith("Success=1")
        else:
            self.proxy.signal(how)
        net.wait_until(lambda: self.generations.served() > before, lambda: f"a new worker\n{self.proxy.log_text()}")

    def one_worker(self):
        net.wait_until(lambda: len(self.generations.workers()) == 1, "one worker")


@pytest.fixture
def make(weir, certs):
    origin = weir("nginx", text=ORIGIN)
    return lambda more="": weir("haproxy", text=CONF, origin=origin.port, pem=certs.leaf(), more=more, start=False)


@pytest.fixture
def proxy(make):
    made = make()
    made.start("-W", "-db", "-f", str(made.conf), "-S", f"{made.dir}/m.sock", "-p", f"{made.dir}/haproxy.pid")
    made.wait_log("Loading success")
    return made


@pytest.fixture
def upgrades(proxy):
    return Upgrades(proxy)


def held(pid):
    """How many descriptors and how many mappings the process has."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        return len(os.listdir(f"/proc/{pid}/fd")), len(maps.readlines())


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("how", [signal.SIGUSR2, signal.SIGHUP, "cli"])
def test_a_reload_takes_the_new_program(proxy, upgrades, how):
    sockets = listening_sockets(upgrades.master)
    assert len(sockets) == 2
    path = upgrades.copy()
    upgrades.reload(how)
    upgrades.one_worker()
    assert upgrades.runs(path)
    assert listening_sockets(upgrades.master) == sockets
    assert int((proxy.dir / "haproxy.pid").read_text()) == upgrades.master == proxy.process.pid
    assert proxy.get("/echo?a").body == b"a"


def test_the_same_program_is_not_executed_anew(proxy, upgrades):
    upgrades.reload()
    upgrades.one_worker()
    assert "new program" not in proxy.log_text()
    assert upgrades.runs(rig_proxy.binary())


def test_a_program_that_is_gone_is_not_needed(proxy, upgrades):
    upgrades.name.unlink()
    upgrades.reload()
    assert proxy.get("/echo?a").body == b"a"


def test_no_request_is_lost(proxy, upgrades):
    with Checkers(proxy.port) as checkers:
        for i in range(4):
            before = checkers.answered
            net.wait_until(lambda: checkers.answered >= before + 100, lambda: f"answers; lost {checkers.lost[:3]}")
            upgrades.copy(f"weir-{i % 2}")
            upgrades.reload()
    assert (checkers.lost, checkers.refused) == ([], [])
    upgrades.one_worker()
    assert upgrades.runs(upgrades.folder / "weir-1")


def test_an_idle_connection_goes_on(proxy, upgrades):
    with proxy.client() as client:
        assert client.request("/echo?a").body == b"a"
        upgrades.copy()
        upgrades.reload()
        upgrades.one_worker()
        reply = client.request("/echo?b")
        assert (reply.body, reply.header("Connection") == "close") == (b"b", False)
    assert upgrades.runs(upgrades.folder / "weir-2")


def test_counters_and_settings_stay(proxy, upgrades):
    admin = proxy.runtime()
    for _ in range(6):
        assert proxy.get("/echo?a").status == 200
    admin("set server b/s1 weight 5")
    admin("set server b/s2 state drain")

    def look():
        rows = {who: (row["stot"], row["bin"], row["hrsp_2xx"]) for who, row in admin.stat().items()}
        return rows, {who: (row["srv_admin_state"], row["srv_uweight"]) for who, row in admin.servers().items()}

    before = look()
    upgrades.copy()
    upgrades.reload()
    upgrades.one_worker()
    assert look() == before
    # Whatever the old worker counted is taken back with its own cells, also when it is killed.
    upgrades.generations.kill()
    assert look() == before
    assert upgrades.runs(upgrades.folder / "weir-2")


def test_workers_that_finish_keep_their_places(proxy, upgrades, certs):
    master = MasterSocket(proxy.dir / "m.sock")
    old = upgrades.generations.worker()
    with proxy.client("tls_port", tls=certs.client_context()) as client:
        assert client.request("/echo?a").body == b"a"
        upgrades.copy()
        upgrades.reload()
        found = processes(master)
        assert found["master"][0][0] == str(proxy.process.pid)
        assert found["master"][0][2] == "1 [failed: 0]"
        assert [row[0] for row in found["old"]] == [str(old)]
        assert found["old"][0][2] == "1"
        (worker,) = set(upgrades.generations.workers()) - {old}
        assert [row[0] for row in found["worker"]] == [str(worker)]
        assert f"Pid: {old}" in master(f"@!{old} show info")
        net.wait_until(lambda: not listens(old), "the old one to drain")
        reply = client.request("/echo?b")
        assert (reply.body, reply.header("Connection")) == (b"b", "close")
    upgrades.one_worker()
    net.wait_until(lambda: processes(master)["old"] == [], "the old one to be gone")
    assert upgrades.runs(upgrades.folder / "weir-2")


def test_sessions_of_the_command_line_stay(proxy, upgrades):
    with Chat(proxy.dir / "m.sock") as idle, Chat(proxy.dir / "m.sock") as asking:
        idle.send("prompt p")
        idle.until("master> ")
        upgrades.copy()
        asking.send("reload")
        answer = asking.rest()
        assert answer.startswith("Success=1\n--\n")
        assert "the new program" in answer
        assert "Loading success" in answer
        idle.send("show proc")
        assert f"\n{proxy.process.pid} " in idle.until("master> ")
    assert MasterSocket(proxy.dir / "m.sock")("show startup-logs") == answer.partition("--\n")[2].rstrip("\n")


REFUSALS = {
    "refuses the configuration": "#!/bin/sh\necho no such word >&2\nexit 1\n",
    "none that could go on": "#!/bin/sh\nexit 0\n",
    "cannot be executed": "#!/no/such/shell\n",
    "ended on signal": "#!/bin/sh\nkill -SEGV $$\n",
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_program_that_cannot_go_on_changes_nothing(proxy, upgrades, why):
    master = MasterSocket(proxy.dir / "m.sock")
    worker = upgrades.generations.worker()
    upgrades.script(REFUSALS[why])
    answer = master("reload")
    assert answer.startswith("Success=0\n--\n")
    assert why in answer
    assert "the configuration that runs stays" in answer
    assert ("no such word" in answer) == (why == "refuses the configuration")
    assert upgrades.generations.workers() == [worker]
    assert os.path.samefile(f"/proc/{proxy.process.pid}/exe", rig_proxy.binary())
    assert processes(master)["master"][0][2] == "1 [failed: 1]"
    assert proxy.get("/echo?a").body == b"a"
    path = upgrades.copy()
    upgrades.reload()
    upgrades.one_worker()
    assert upgrades.runs(path)
    assert processes(master)["master"][0][2] == "2 [failed: 0]"


def test_a_file_that_the_new_program_refuses_changes_nothing(proxy, upgrades):
    text = proxy.conf.read_text()
    upgrades.copy()
    proxy.conf.write_text(text + "nonsense\n")
    answer = MasterSocket(proxy.dir / "m.sock")("reload")
    assert answer.startswith("Success=0")
    assert "unknown keyword 'nonsense'" in answer
    assert os.path.samefile(f"/proc/{proxy.process.pid}/exe", rig_proxy.binary())
    assert proxy.get("/echo?a").body == b"a"
    proxy.conf.write_text(text)
    upgrades.reload()
    upgrades.one_worker()
    assert upgrades.runs(upgrades.folder / "weir-2")


def test_a_reload_that_fails_afterwards_leaves_the_old_worker_with_the_new_master(proxy, upgrades, origins):
    """The file is good, and one of its addresses is taken."""
    old = upgrades.generations.worker()
    taken = origins()
    path = upgrades.copy()
    text = proxy.conf.read_text()
    proxy.conf.write_text(text.replace("frontend web\n", f"frontend web\n    bind 127.0.0.1:{taken.port}\n"))
    assert MasterSocket(proxy.dir / "m.sock")("reload").startswith("Success=0")
    assert os.path.samefile(f"/proc/{proxy.process.pid}/exe", path)
    assert upgrades.generations.workers() == [old]
    assert proxy.get("/echo?a").body == b"a"
    upgrades.generations.kill()  # the place of the old program's worker is filled
    assert proxy.get("/echo?a").body == b"a"
    proxy.conf.write_text(text)
    upgrades.reload()
    upgrades.one_worker()
    assert upgrades.runs(path)


def test_reloads_while_the_new_program_tries(proxy, upgrades):
    path = upgrades.copy()
    for _ in range(5):
        proxy.signal(signal.SIGUSR2)
    proxy.wait_log("serves the new configuration")
    net.wait_until(lambda: upgrades.settles_with(path), "one worker of the new program")
    assert proxy.get("/echo?a").body == b"a"


def test_stopping_while_the_new_program_tries(proxy, upgrades):
    upgrades.script("#!/bin/sh\nexec sleep 60\n")
    proxy.signal(signal.SIGUSR2)
    proxy.wait_log("trying the new program")
    proxy.signal(signal.SIGTERM)
    assert proxy.wait() == 0


def test_twenty_new_programs_leak_nothing(proxy, upgrades):
    upgrades.copy("weir-0")
    upgrades.reload()
    proxy.wait_log(r"former worker \d+ exited")
    net.wait_until(lambda: len(proxy.pids()) == 4, "a master, a worker and two that wait")
    before = held(upgrades.master)
    for i in range(1, 21):
        path = upgrades.copy(f"weir-{i % 2}")
        upgrades.reload()
        upgrades.one_worker()
        assert upgrades.runs(path)

    def is_as_before():
        descriptors, mappings = held(upgrades.master)
        # Some belong to processes that come and go, of the first worker and the last; a leak would have left twenty. The heap's
        # mappings may differ.
        return descriptors <= before[0] + 3 and abs(mappings - before[1]) < 10

    net.wait_until(is_as_before, lambda: f"{held(upgrades.master)}, not {before}")
    assert proxy.get("/echo?a").body == b"a"


def test_the_environment_is_that_of_the_start(proxy, upgrades):
    master = MasterSocket(proxy.dir / "m.sock")

    def environment(worker):
        text = master(f"{worker}show env")
        return sorted(line for line in text.splitlines() if line)

    before = environment(""), environment("@1 ")
    upgrades.copy()
    upgrades.reload()
    upgrades.one_worker()
    assert (environment(""), environment("@1 ")) == before
    assert upgrades.runs(upgrades.folder / "weir-2")
    assert any(line.startswith("HAPROXY_MASTER_CLI=") for line in before[0])


def test_relative_names_mean_what_they_meant(make):
    made = make()
    made.start("-W", "-db", "-C", "../" + made.dir.name, "-f", made.conf.name)
    upgrades = Upgrades(made)
    made.wait_log("Loading success")
    path = upgrades.copy()
    upgrades.reload()
    upgrades.one_worker()
    assert upgrades.runs(path)


def test_a_master_in_the_background_stays_there(make):
    made = make("daemon\n    master-worker")
    made.start("-f", str(made.conf), "-S", f"{made.dir}/m.sock", "-p", f"{made.dir}/haproxy.pid",
               wait=False)
    assert made.wait() == 0
    pid = int((made.dir / "haproxy.pid").read_text())
    master = MasterSocket(made.dir / "m.sock")
    path = Upgrades(made).copy()
    try:
        assert master("reload").startswith("Success=1")
        assert os.path.samefile(f"/proc/{pid}/exe", path)
        assert int((made.dir / "haproxy.pid").read_text()) == pid
        assert made.get("/").status == 200
    finally:
        os.kill(pid, signal.SIGTERM)
        net.wait_until(lambda: gone(pid), "the master to end")
