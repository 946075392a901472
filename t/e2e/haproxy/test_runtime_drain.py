"""Taking servers out of service on the runtime socket and the page: what becomes of the requests that are on them."""

import re

import pytest

from rig import net
from rig.generations import Generations
from rig.origin import Reply

pytestmark = pytest.mark.threads

CONF = """
global
    nbthread 2
    log {syslog} local0
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    log global
    log-format "%ts %s"
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    stats uri /stats
    stats admin if TRUE
    default_backend b

backend b
    default-server weight 1 {words}
    server s1 {one}
    server s2 {two} backup
"""


@pytest.fixture
def one(origins):
    return origins(name="s1")


@pytest.fixture
def two(origins):
    return origins(name="s2")


@pytest.fixture
def start(weir, one, two, syslog):
    for origin in (one, two):
        origin.on("/slow", Reply(delay=15))
    return lambda words="": weir("haproxy", text=CONF, one=one, two=two, syslog=syslog, words=words)


def begin_slow(client, admin, server):
    client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    return net.wait_until(lambda: admin(f"show sess server b/{server}"), f"a session on {server}")


def is_ended(client):
    """Nothing had come yet: the client is told."""
    return client.response().status == 502


def served(admin, server):
    return admin.stat()["b", server]["scur"]


# --- drain with a deadline


def test_a_drain_ends_at_its_deadline(start, syslog):
    proxy = start()
    admin = proxy.runtime()
    with proxy.client() as client:
        begin_slow(client, admin, "s1")
        assert admin("set server b/s1 state drain deadline 1500ms") == ""
        assert admin.stat()["b", "s1"]["status"] == "DRAIN"
        head, line = admin("show servers drain").splitlines()
        assert head == "# bkname/svname served deadline_ms"
        assert re.fullmatch(r"b/s1 1 \d+", line) and 0 < int(line.split()[2]) <= 1500
        assert "DRAIN" in proxy.get("/stats").body.decode()
        assert proxy.get().header("X-Origin") == "s2", "it takes nothing new"
        assert client.received() == b"", "what is on it goes on"
        assert is_ended(client)
    syslog.wait_for("Server b/s1 has drained for long enough, 1 sessions are shut down.")
    net.wait_until(lambda: served(admin, "s1") == "0", "no request on s1")
    assert admin.stat()["b", "s1"]["status"] == "DRAIN"
    assert admin("show servers drain").splitlines()[1:] == ["b/s1 0 -"]


@pytest.mark.parametrize("change", [
    "set server b/s1 state ready", "set server b/s1 state drain", "set server b/s1 state maint", "enable server b/s1"])
def test_another_state_ends_the_deadline(start, one, change):
    proxy = start()
    admin = proxy.runtime()
    one.on("/slow", Reply(delay=2, body=b"late"))
    with proxy.client() as client:
        begin_slow(client, admin, "s1")
        assert admin(f"set server b/s1 state drain deadline 1000; {change}") == ""
        assert client.response().body == b"late"


def test_a_deadline_is_moved(start, one):
    proxy = start()
    admin = proxy.runtime()
    with proxy.client() as client:
        begin_slow(client, admin, "s1")
        admin("set server b/s1 state drain deadline 1h")
        assert int(admin("show servers drain").split()[-1]) > 3_500_000
        admin("set server b/s1 state drain deadline 100")
        assert is_ended(client)


def test_wrong_deadlines(start):
    admin = start().runtime()
    answer = lambda words: admin(f"set server b/s1 state drain {words}")
    assert answer("until").startswith("'set server <srv> state drain' may be followed by 'deadline <delay>' only")
    assert answer("deadline") == "Expects a duration in milliseconds."
    assert answer("deadline 0") == answer("deadline soon") == "Invalid duration."
    assert admin.stat()["b", "s1"]["status"] == "no check", "a wrong command does nothing"


def test_a_drain_without_deadline_waits(start, one):
    proxy = start()
    admin = proxy.runtime()
    one.on("/slow", Reply(delay=1.5, body=b"late"))
    with proxy.client() as client:
        begin_slow(client, admin, "s1")
        admin("set server b/s1 state drain")
        assert admin("show servers drain").splitlines()[1] == "b/s1 1 -"
        assert client.response().body == b"late"
        assert client.request().header("X-Origin") == "s2"


# --- on-marked-down, on-marked-up


@pytest.mark.parametrize("change", ["set server b/s1 health down", "set server b/s1 state maint", "disable server b/s1"])
@pytest.mark.parametrize("words", ["", "on-marked-down shutdown-sessions"])
def test_a_server_goes_down(start, one, syslog, words, change):
    proxy = start(words)
    admin = proxy.runtime()
    one.on("/slow", Reply(delay=1.5, body=b"late"))
    with proxy.client() as client:
        begin_slow(client, admin, "s1")
        assert admin(change) == ""
        if words:
            assert is_ended(client)
            syslog.wait_for(r"D[HC] s1")
        else:
            assert client.response().body == b"late"
    assert proxy.get().header("X-Origin") == "s2"


def test_a_drain_marks_nothing_down(start, one):
    proxy = start("on-marked-down shutdown-sessions")
    admin = proxy.runtime()
    one.on("/slow", Reply(delay=1, body=b"late"))
    with proxy.client() as client:
        begin_slow(client, admin, "s1")
        admin("set server b/s1 state drain; set server b/s1 health stopping")
        assert client.response().body == b"late"


@pytest.mark.parametrize("down, up", [
    ("set server b/s1 health down", "set server b/s1 health up"),
    ("disable server b/s1", "enable server b/s1"),
])
@pytest.mark.parametrize("words", ["", "on-marked-up shutdown-backup-sessions"])
def test_a_server_comes_back(start, two, syslog, words, down, up):
    proxy = start(words)
    admin = proxy.runtime()
    two.on("/slow", Reply(delay=1.5, body=b"late"))
    admin(down)
    with proxy.client() as client:
        begin_slow(client, admin, "s2")
        assert admin(up) == ""
        if words:
            assert is_ended(client)
            syslog.wait_for(r"U[HC] s2")
        else:
            assert client.response().body == b"late"
    assert proxy.get().header("X-Origin") == "s1"


def test_the_page_marks_servers_too(start):
    proxy = start("on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions")
    admin = proxy.runtime()

    def send(action):
        form = f"b=b&s=s1&action={action}".encode()
        answer = proxy.get("/stats", method="POST", body=form,
                           headers=[("Content-Type", "application/x-www-form-urlencoded")])
        assert answer.header("Location").endswith("st=DONE"), answer.header("Location")

    with proxy.client() as client:
        begin_slow(client, admin, "s1")
        send("hdown")
        assert is_ended(client)
    with proxy.client() as client:
        begin_slow(client, admin, "s2")
        send("hrunn")
        assert is_ended(client)


def test_maintenance_closes_idle_connections(start, one):
    proxy = start()
    admin = proxy.runtime()
    assert proxy.get().header("X-Origin") == "s1"
    net.wait_until(lambda: admin.stat()["b", "s1"]["srv_icur"] == "1", "an idle connection")
    assert admin("disable server b/s1; wait 10s srv-removable b/s1").strip() == "Done."
    assert admin.stat()["b", "s1"]["srv_icur"] == "0"


def test_wrong_words(weir, one, two, syslog):
    for words, text in (
        ("on-marked-down nothing", "'on-marked-down' expects 'shutdown-sessions' but got 'nothing'"),
        ("on-marked-up shutdown-sessions", "'on-marked-up' expects 'shutdown-backup-sessions' but got 'shutdown-sessions'"),
    ):
        proxy = weir("haproxy", text=CONF, one=one, two=two, syslog=syslog, words=words, start=False)
        result = proxy.run("-c", "-f", str(proxy.conf))
        assert result.returncode == 1 and text in result.stderr


@pytest.mark.parametrize("words, said", [
    ("maint deadline 2s", "A deadline belongs to the state 'drain' only."),
    ("ready deadline 2s", "A deadline belongs to the state 'drain' only."),
    ("drain deadline 2s extra", "'deadline <delay>' ends the command.")])
def test_a_deadline_where_none_belongs_changes_nothing(start, words, said):
    admin = start().runtime()
    assert admin(f"set server b/s1 state {words}").strip() == said
    assert admin.stat()["b", "s1"]["status"] == "no check"


def test_a_deadline_outlives_changes_of_health(start):
    admin = start().runtime()
    admin("set server b/s1 state drain deadline 90s")
    for health in ("down", "up"):
        # The date of a change has seconds: only one that differs shows whether the deadline goes on.
        before = admin("show servers state b").splitlines()[2].split()[9]
        net.wait_until(lambda: admin("show servers state b").splitlines()[2].split()[9] != before, "another second")
        admin(f"set server b/s1 health {health}")
        assert re.fullmatch(r"b/s1 0 \d+", admin("show servers drain").splitlines()[1])
    admin("set server b/s1 state ready")
    assert admin("show servers drain").splitlines()[1:] == []


def test_a_deadline_outlives_a_reload(weir, one, two, syslog):
    one.on("/slow", Reply(delay=15))
    proxy = weir("haproxy", text=CONF, start=False, one=one, two=two, syslog=syslog, words="")
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    admin = proxy.runtime()
    generations = Generations(proxy)
    before = str(generations.worker())
    admin("set server b/s1 state drain deadline 6s")
    generations.reload_and_drain()
    assert admin.info()["Pid"] != before
    assert 0 < int(admin("show servers drain").splitlines()[1].split()[2]) <= 6000
    syslog.wait_for("Server b/s1 has drained for long enough")
    admin("set server b/s1 state ready")
    admin("set server b/s1 state drain")
    assert admin("show servers drain").splitlines()[1:] == ["b/s1 0 -"]
