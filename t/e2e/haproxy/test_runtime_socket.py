"""The runtime socket under traffic: what commands change is seen by the next request, what they show is what happened."""

import json
import os
import re
import resource
import socket
import stat
import subprocess
import threading
import time

import pytest

from rig import net
from rig.origin import Reply

CONF = """
global
    nbthread {threads}
    node here
    stats socket {dir}/admin.sock mode 600 level admin
    stats socket {dir}/user.sock mode 666 level user
    {more}

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    default_backend b

frontend other
    bind 127.0.0.1:{other_port}
    default_backend b

backend b
    {log}
    balance roundrobin
    server s1 {one}
    server s2 {two} weight 2
    server off {dead} disabled
"""


@pytest.fixture
def one(origins):
    return origins(name="s1")


@pytest.fixture
def two(origins):
    return origins(name="s2")


@pytest.fixture
def start(weir, one, two):
    def make(more="", threads=1, log="", **options):
        return weir("haproxy", text=CONF, one=one, two=two, more=more, threads=threads, log=log, **options)

    return make


@pytest.fixture
def proxy(start):
    return start(threads=2)


@pytest.fixture
def admin(proxy):
    return proxy.runtime()


def names(proxy, count):
    return [proxy.get().header("X-Origin") for _ in range(count)]


def settled(admin, key, column, value):
    """Waits for a counter: a request is counted when its log line is due, maybe after its answer."""
    net.wait_until(lambda: admin.stat()[key][column] == value, lambda: f"{column} {value} of {key}\n{admin('show stat')}")


def begin_slow(client, one, admin):
    """Sends a request that the origin answers late, and returns its line of `show sess`."""
    one.on("/slow", Reply(delay=6))
    client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    return net.wait_until(lambda: admin("show sess server b/s1"), "a session on s1")


# --- servers


def test_states(proxy, admin):
    assert admin.stat()["b", "off"]["status"] == "MAINT"
    assert admin.servers()["b", "off"]["srv_admin_state"] == "5"
    assert admin("set server b/s1 state drain") == ""
    assert set(names(proxy, 4)) == {"s2"}
    assert admin("set server b/s2 state maint") == ""
    assert proxy.get().status == 503
    assert admin.stat()["b", "BACKEND"]["status"] == "DOWN"
    assert admin("set server b/s1 state ready") == ""
    assert set(names(proxy, 4)) == {"s1"}


def test_health(proxy, admin):
    admin("set server b/s2 health down")
    assert set(names(proxy, 4)) == {"s1"}
    assert admin.servers("b")["b", "s2"]["srv_op_state"] == "0"
    admin("set server b/s2 health stopping")
    assert set(names(proxy, 4)) == {"s1"}
    assert admin.stat()["b", "s2"]["status"] == "NOLB"
    admin("set server b/s2 health up")
    assert set(names(proxy, 6)) == {"s1", "s2"}


def test_news_of_servers_go_to_stderr_and_the_logs(start, syslog):
    proxy = start(f"log {syslog} local0", log="log global")
    admin = proxy.runtime()
    stderr = lambda: (proxy.dir / "stderr").read_text()

    def news(commands, level, text, on_stderr=None):
        admin(commands)
        (line,) = syslog.wait_for(re.escape(text))
        assert line.startswith(f"<{128 + level}>") and line.endswith(".\n" if text.endswith(".") else line[-1:])
        assert f"{on_stderr or '[WARNING] '}" in stderr() and text in stderr()
        syslog.messages.clear()

    left = "%d active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
    online = "%d active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
    news("set server b/s1 state drain", 5, "Server b/s1 enters drain state. " + online % 1)
    news("set server b/s1 state ready", 5, "Server b/s1 is UP (leaving forced drain).")
    news("set server b/s1 state maint", 1, "Server b/s1 is going DOWN for maintenance. " + left % 1)
    news("set server b/s1 state drain", 5, "Server b/s1 is UP/DRAIN (leaving forced maintenance).")
    news("disable server b/s1", 5, "Server b/s1 is going DOWN for maintenance. " + left % 1)
    news("enable server b/s1", 5, "Server b/s1 is UP/READY (leaving forced maintenance).")
    news("set server b/s1 health stopping", 5, "Server b/s1 is stopping, changed from CLI. " + online % 1)
    news("set server b/s1 health down", 5, "Server b/s1 is DOWN, changed from CLI. " + left % 1)
    news("set server b/s1 state maint", 5, "Server b/s1 was DOWN and now enters maintenance. " + left % 1)
    admin("set server b/s2 health down")
    syslog.wait_for("Server b/s2 is DOWN")
    syslog.wait_for("backend b has no server available!")
    assert "[ALERT]" in stderr() and "backend 'b' has no server available!" in stderr()
    count = len(syslog.messages)
    admin("set server b/s1 state maint; set server b/s2 health down")
    assert proxy.get().status == 503
    assert len([m for m in syslog.messages[count:] if "Server b/" in m]) == 0


def test_bytes_count_heads(start, one):
    proxy = start("", threads=1)
    admin = proxy.runtime()
    admin("disable server b/s2")
    one.on("/sized", Reply(body=b"x" * 1000))
    sizes = lambda answer: len(answer.raw_head) + len(b"\r\n\r\n") + len(answer.body)
    size = sizes(proxy.get("/sized"))
    settled(admin, ("b", "BACKEND"), "bout", str(size))  # counted behind the frontend
    assert int(admin.stat()["web", "FRONTEND"]["bout"]) == size
    assert int(admin.stat()["b", "s1"]["bout"]) > 1000
    assert int(admin.stat()["web", "FRONTEND"]["bin"]) > 20
    admin("disable server b/s1")
    size += sizes(proxy.get())
    settled(admin, ("web", "FRONTEND"), "bout", str(size))


def test_weights(proxy, admin):
    assert admin("get weight b/s2") == "2 (initial 2)"
    admin("set server b/s1 weight 3; set server b/s2 weight 50%")
    assert admin("get weight b/s2") == "1 (initial 2)"
    assert sorted(names(proxy, 8)) == ["s1"] * 6 + ["s2"] * 2
    admin("set weight b/s2 0")
    assert set(names(proxy, 4)) == {"s1"}


def test_a_connection_in_use_does_not_outlive_its_address(proxy, admin, one, origins):
    admin("disable server b/s2")
    third = origins(name="third")
    third.default = Reply(body=b"third")
    go = threading.Event()
    one.on("/slow", lambda exchange: (go.wait(20), exchange.reply(body=b"one")))
    with proxy.client() as client:
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        one.wait_requests(1, complete=False)
        admin(f"set server b/s1 addr 127.0.0.1 port {third.port}")
        go.set()
        assert client.response().body == b"one"
    assert [proxy.get("/").body for _ in range(3)] == [b"third"] * 3


def test_address(proxy, admin, origins):
    third = origins(name="s3")
    admin("disable server b/s2")
    names(proxy, 2)
    answer = admin(f"set server b/s1 addr 127.0.0.1 port {third.port}")
    assert answer.startswith("port changed from '") and answer.endswith("by 'stats socket command'")
    net.wait_until(lambda: names(proxy, 1) == ["s3"], "the new place of s1")
    assert set(names(proxy, 4)) == {"s3"}
    assert admin.servers()["b", "s1"]["srv_port"] == str(third.port)
    admin(f"set server b/off addr 127.0.0.1 port {third.port}; enable server b/off; disable server b/s1")
    assert set(names(proxy, 4)) == {"s3"}


def test_server_limit(proxy, admin, one):
    admin("disable server b/s2; set maxconn server b/s1 1")
    with proxy.client() as client:
        begin_slow(client, one, admin)
        assert proxy.get("/").status == 503
        admin("set maxconn server b/s1 0")
        assert proxy.get("/").status == 200


# --- frontends


def test_disable_and_enable_frontend(proxy, admin):
    assert admin("disable frontend web") == ""
    assert admin.stat()["web", "FRONTEND"]["status"] == "PAUSED"
    with pytest.raises(ConnectionRefusedError):
        proxy.get()
    with proxy.client("other_port") as client:
        assert client.request().status == 200
    assert admin("disable frontend web") == "All sockets are already disabled."
    assert admin("enable frontend web") == ""
    assert proxy.get().status == 200
    assert admin("enable frontend web") == "All sockets are already enabled."


def test_shutdown_frontend(proxy, admin):
    with proxy.client() as client:
        assert client.request().status == 200
        assert admin("shutdown frontend web") == ""
        assert client.request().status == 200, "what is connected goes on"
    with pytest.raises(ConnectionRefusedError):
        proxy.get()
    assert admin("enable frontend web") == "Frontend was previously shut down, cannot enable."
    assert admin("shutdown frontend nothing") == "No such frontend."


# --- streams


def test_sessions_are_shown_and_ended(proxy, admin, one):
    admin("disable server b/s2")
    with proxy.client() as client:
        line = begin_slow(client, one, admin)
        assert "fe=web be=b srv=s1" in line
        identity = line.split(":")[0]
        assert re.search(r" age=\d+s", line)
        assert 'uri="GET /slow HTTP/1.1"' in admin(f"show sess {identity} show-uri")
        assert admin("show sess backend b").startswith(identity)
        assert admin("show sess frontend other") == ""
        assert admin("show sess 0x999999") == "Session not found."
        assert admin("shutdown session 0x999999") == "No such session (use 'show sess')."
        assert admin("shutdown sessions server b/s1") == ""
        assert client.response().status == 502
    assert admin("show sess") == ""
    settled(admin, ("b", "s1"), "scur", "0")


# --- statistics


def test_counters(proxy, admin, one):
    one.on("/no", Reply(status=404))
    admin("disable server b/s2")
    with proxy.client() as client:
        for _ in range(3):
            assert client.request().status == 200
        assert client.request("/no").status == 404
        settled(admin, ("web", "FRONTEND"), "hrsp_4xx", "1")
        front = admin.stat()["web", "FRONTEND"]
        assert (front["scur"], front["stot"], front["req_tot"]) == ("1", "1", "4")
        assert int(front["req_rate_max"]) > 0
        server = admin.stat()["b", "s1"]
        assert (server["stot"], server["connect"], server["reuse"]) == ("4", "1", "3")
        assert server["srv_icur"] == "1"
        assert (server["hrsp_2xx"], server["hrsp_4xx"]) == ("3", "1")
    settled(admin, ("web", "FRONTEND"), "scur", "0")
    back = admin.stat()["b", "BACKEND"]
    assert (back["scur"], back["stot"], back["status"], back["algo"]) == ("0", "4", "UP", "roundrobin")
    assert int(back["smax"]) >= 1
    admin("clear counters all")
    cleared = admin.stat()
    assert cleared["web", "FRONTEND"]["req_tot"] == cleared["b", "s1"]["stot"] == "0"


def test_forms(admin):
    columns = {row["field"]["name"] for line in json.loads(admin("show stat json")) for row in line}
    assert {"pxname", "status", "weight"} <= columns
    info = {row["field"]["name"]: row["value"]["value"] for row in json.loads(admin("show info json"))}
    assert (info["Name"], info["Nbthread"], info["node"]) == ("HAProxy", 2, "here")
    assert any(line.endswith(".17.status.1:SGPV:str:no check") for line in admin("show stat b 4 1 typed").splitlines())


def test_client_aborts_are_counted(proxy, admin, one):
    admin("disable server b/s2; set server b/s1 weight 1")
    with proxy.client() as client:
        begin_slow(client, one, admin)
        client.reset()
    settled(admin, ("b", "BACKEND"), "cli_abrt", "1")


# --- the socket itself


def test_levels_and_modes(proxy, admin):
    assert stat.S_IMODE(os.stat(proxy.dir / "admin.sock").st_mode) == 0o600
    user = proxy.runtime("user.sock")
    assert user("set server b/s1 state drain") == "Permission denied"
    assert user.stat()["b", "s1"]["addr"] == ""
    assert admin("show cli sockets").splitlines()[1:] == [
        f"unix@{proxy.dir}/admin.sock admin all",
        f"unix@{proxy.dir}/user.sock user all",
    ]


def test_interactive_session(proxy):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(proxy.runtime().path)
        for command, answer in ((b"prompt\n", b"\n> "), (b"show version\n", b"3.5-dev5\n\n> "), (b"quit\n", b"")):
            sock.sendall(command)
            assert sock.recv(100) == answer


def test_timeout(start):
    proxy = start("stats timeout 200ms")
    proxy.runtime()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        begin = time.monotonic()
        sock.connect(proxy.runtime().path)
        assert sock.recv(1) == b""
        assert 0.1 < time.monotonic() - begin < 5


def test_inherited_descriptor(start):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")
        listener.listen()
        number = listener.fileno()
        proxy = start(f"stats socket fd@{number} level admin", start=False)
        proxy.process = subprocess.Popen(proxy.command(), cwd=proxy.dir, pass_fds=(number,), start_new_session=True)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(net.DEADLINE)
            sock.connect(listener.getsockname())
            sock.sendall(b"show version\n")
            assert sock.makefile().read() == "3.5-dev5\n\n"


def test_tcp_socket_and_an_address_in_use(start):
    with net.PortReservation() as place:
        proxy = start(f"stats socket ipv4@127.0.0.1:{place.port} level user", start=False)
        with socket.create_server(("127.0.0.1", place.port)):
            result = proxy.run()
        assert result.returncode == 1
        assert "GLOBAL" in result.stderr and "Address already in use" in result.stderr
        proxy.start()
        net.wait_until(lambda: net.is_listening(place.port), "the socket, which is bound after the ports")
    with socket.create_connection(("127.0.0.1", place.port), timeout=10) as sock:
        sock.sendall(b"show cli level\n")
        assert sock.makefile().read() == "user\n\n"


def test_it_comes_back_with_the_worker(start):
    proxy = start(threads=2, start=False)
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    admin = proxy.runtime()
    worker = net.wait_until(lambda: (proxy.dir / "admin.sock").exists() and admin.info()["Pid"], "the worker")
    os.kill(int(worker), 9)

    def other():
        try:
            return admin.info().get("Pid", worker) != worker  # one that is dying says nothing
        except OSError:
            return False

    net.wait_until(other, "another worker")


@pytest.mark.threads
def test_commands_under_load(proxy, admin):
    end = time.monotonic() + 1.5
    statuses = []

    def load():
        with proxy.client() as client:
            statuses.append(client.request().status)
            while time.monotonic() < end:
                statuses.append(client.request().status)

    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    while time.monotonic() < end:
        for command in ("set server b/s1 state drain", "show stat", "set server b/s1 state ready", "show sess",
                        "set server b/s2 weight 1", "show servers conn", "clear counters"):
            admin(command)
    for client in clients:
        client.join()
    assert set(statuses) == {200}


def test_lookups_in_maps_and_acls(weir, home):
    (home / "a.map").write_text("/a one\n/ab two\n")
    (home / "n.acl").write_text("10.0.0.0/8\n")
    proxy = weir("haproxy", text="""
global
    stats socket {dir}/admin.sock level admin

defaults
    mode http
    timeout client 20s

frontend web
    bind 127.0.0.1:{port}
    acl near src -f {home}/n.acl
    acl img path_end -i .png .jpg
    acl both path,map_end({home}/a.map) -m found
    http-request return status 200 hdr x %[path,map_beg({home}/a.map)] if near || img || both
""", home=home)
    admin = proxy.runtime()
    conf = proxy.conf
    acls, maps = admin("show acl"), admin("show map")
    assert f"({home}/n.acl) pattern loaded from file '{home}/n.acl' used by acl at file '{conf}' line 11. curr_ver=0" in acls
    assert f"() acl 'path_end' file '{conf}' line 12. curr_ver=0 next_ver=0 entry_cnt=2" in acls
    assert f"used by map at file '{conf}' line 13, by map at file '{conf}' line 14. curr_ver=0" in maps
    assert admin(f"get map {home}/a.map /abc").splitlines() == [
        "type=end, case=sensitive, found=no",
        'type=beg, case=sensitive, found=yes, idx=tree, key="/ab", value="two", type="str"']
    assert admin(f"get acl {home}/n.acl 10.1.2.3") == 'type=ip, case=sensitive, match=yes, idx=tree, pattern="10.0.0.0/8"'
    assert admin(f"get acl {home}/n.acl 11.1.2.3") == "type=ip, case=sensitive, match=no"
    assert admin("get map nosuch x") == "Unknown map identifier. Please use #<id> or <file>."
    assert admin("show fd") == "'show fd' is not built in weir."


def first_free(pid):
    taken = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    return next(fd for fd in range(len(taken) + 1) if fd not in taken)


def test_without_descriptors_clients_are_turned_away_at_once(proxy):
    admin = proxy.runtime()
    assert "Uptime" in admin("show info")
    soft, hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (first_free(proxy.process.pid), hard))
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(proxy.dir / "admin.sock"))
            assert client.recv(1) == b""
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert "Uptime" in admin("show info")
