"""Where HAProxy's log lines go besides UDP: rings and their servers, TCP, log backends, log-forward sections, descriptors."""

import os
import re
import socket
import threading

import pytest

from rig import net
from rig.generations import Generations
from rig.syslog import Syslog, SyslogStream

FRONT = """
global
    stats socket {dir}/admin.sock mode 600 level admin
    {global}

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    log-format "%HU"
    {logs}
    http-request return status 200

{sections}
"""


@pytest.fixture
def start(weir):
    def run(logs, sections="", wide="", **places):
        text = FRONT.replace("{logs}", logs).replace("{sections}", sections).replace("{global}", wide)
        return weir("haproxy", text=text, **places)

    return run


@pytest.fixture
def stream():
    receiver = SyslogStream()
    yield receiver
    receiver.stop()


@pytest.fixture
def receivers():
    made = []

    def make():
        made.append(Syslog())
        return made[-1]

    yield make
    for receiver in made:
        receiver.stop()


@pytest.fixture
def udp():
    with net.PortReservation() as place:
        yield place.port


def ring(server="", kind="raw", maxlen=1200, size=32764):
    return f"""
ring events
    description "what happened"
    format {kind}
    maxlen {maxlen}
    size {size}
    timeout connect 1s
    timeout server 5s
    {server}
"""


def test_a_ring_keeps_what_the_runtime_socket_shows(start):
    proxy = start("log ring@events local0", ring())
    for n in range(3):
        proxy.get(f"/{n}")
    admin = proxy.runtime()
    net.wait_until(lambda: "/2" in admin("show events events"), "the last line")
    assert admin("show events events") == "/0\n/1\n/2"
    assert re.search(r"^    events     : type=buffer, 0 dropped, what happened$", admin("show events"), re.M)
    assert admin("show events events -0") == "/0\0/1\0/2\0"
    assert admin("show events nobody") == "No such event sink"
    assert admin("show events stdout") == "Nothing to report for this sink"
    assert admin("show events events -x") == "unknown option"


def test_show_events_follows_until_a_key(start):
    proxy = start("log ring@events local0", ring())
    proxy.get("/before")
    proxy.runtime()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(15)
        sock.connect(str(proxy.dir / "admin.sock"))
        sock.sendall(b"show events events -nw\n")
        seen = b""
        for n in range(200):
            proxy.get(f"/after{n}")
            sock.settimeout(0.05)
            try:
                seen += sock.recv(65536)
            except TimeoutError:
                pass
            if seen:
                break
        assert seen.startswith(b"/after") and b"/before" not in seen
        sock.settimeout(15)
        sock.sendall(b"\n")
        while data := sock.recv(65536):
            seen += data
    assert seen.endswith(b"\n")


def test_old_lines_make_room(start):
    proxy = start("log ring@events local0", ring(size=1024, maxlen=200))
    for n in range(100, 200):
        proxy.get(f"/{n}")
    shown = net.wait_until(lambda: (s := proxy.runtime()("show events events")).endswith("/199") and s, "the last line")
    lines = shown.splitlines()
    assert 50 < len(lines) < 100 and lines == [f"/{n}" for n in range(200 - len(lines), 200)]


@pytest.mark.parametrize("proto, expected", [("", r"/a\n/bb\n"), ("log-proto legacy", r"/a\n/bb\n"),
                                             ("log-proto octet-count", r"2 /a3 /bb")])
def test_a_ring_has_servers(start, stream, proto, expected):
    proxy = start("log ring@events local0", ring(f"server s {stream} {proto}"))
    proxy.get("/a")
    proxy.get("/bb")
    stream.wait_for(expected)


def test_a_reader_that_stands_still_holds_up_no_request(weir):
    # More lines than the pipe and what is kept for it have room for. Another thread's line could come between the parts of one.
    readable, writable = os.pipe()
    with open(readable, "rb") as reader:
        text = FRONT.replace("{logs}", f"log fd@{writable} len 4096 format raw local0").replace("{sections}", "")
        text = text.replace("{global}", "nbthread 1")
        proxy = weir("haproxy", text=text, start=False)
        proxy.start(pass_fds=(writable,))
        os.close(writable)
        target = "/" + "x" * 2000
        with proxy.client() as client:
            assert all(client.request(f"{target}{n}").status == 200 for n in range(200))
        net.wait_until(lambda: int(proxy.runtime().info()["DroppedLogs"]) > 0, "lines are dropped")
        lines = [reader.readline() for _ in range(50)]
        assert lines == [f"{target}{n}\n".encode() for n in range(50)]
        proxy.get("/late")
        while reader.readline() != b"/late\n":
            pass


def test_a_ring_formats_by_itself(start, stream):
    proxy = start("log ring@events format raw local3", ring(f"server s {stream}", kind="rfc5424"))
    proxy.get("/a")
    stream.wait_for(r"<158>1 \S+ - haproxy \d+ - - /a\n")


def test_a_lost_connection_comes_back(start, stream):
    proxy = start("log ring@events local0", ring(f"server s {stream}"))
    proxy.get("/a")
    stream.wait_for("/a")
    with stream.connections.pop() as first:
        first.shutdown(socket.SHUT_RDWR)
    net.wait_until(lambda: stream.connections, "another connection")
    proxy.get("/b")
    stream.wait_for("/b")


def test_what_no_server_takes_is_counted(start):
    proxy = start("log ring@events local0", ring("server s {dead}", size=1024, maxlen=200))
    for n in range(100, 200):
        proxy.get(f"/{n}")
    admin = proxy.runtime()
    assert re.search(r"events +: type=buffer, [1-9]\d* dropped", admin("show events"))
    assert int(admin.info()["DroppedLogs"]) > 0


def test_the_backing_file(start):
    file = "backing-file {dir}/events.ring"
    proxy = start("log ring@events local0", ring(file, size=4096))
    proxy.get("/marked")
    path = proxy.dir / "events.ring"
    net.wait_until(lambda: path.exists() and b"/marked\n" in path.read_bytes(), "the line in the file")
    assert path.stat().st_size == 4096 and path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("prefix", ["tcp", "tcp4"])
def test_a_target_may_be_a_stream(start, stream, prefix):
    proxy = start(f"log {prefix}@{stream} format raw local0")
    proxy.get("/a")
    stream.wait_for("/a\n")


def test_a_target_may_be_a_unix_socket(start, tmp_path):
    receiver = Syslog(unix=tmp_path / "log")
    try:
        proxy = start(f"log {tmp_path}/log format short local0")
        proxy.get("/a")
        assert receiver.wait_for("/a") == ["<6>/a\n"]
    finally:
        receiver.stop()


@pytest.mark.parametrize("target, file", [("stdout", "stdout"), ("stderr", "stderr"), ("fd@2", "stderr")])
def test_a_target_may_be_a_descriptor(start, target, file):
    proxy = start(f"log {target} format raw local0")
    proxy.get("/marked")
    proxy.wait_log("/marked")
    assert "/marked\n" in proxy.logs()[file]


def test_no_log_forgets_what_the_defaults_say(weir, syslog):
    proxy = weir("haproxy", syslog=syslog, text="""
global
    log {syslog} format raw local0
defaults
    mode http
    timeout client 20s
    log global
    log-format "%f"
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200
frontend silent
    bind 127.0.0.1:{silent_port}
    no log
    http-request return status 200
""")
    for port in ("silent_port", "port"):
        with proxy.client(port) as client:
            assert client.request("/").status == 200
    syslog.wait_for("web")
    assert syslog.messages == ["web\n"]


# --- log backends


def log_backend(lines):
    return "backend logs\n    mode log\n" + "".join(f"    {line}\n" for line in lines)


def test_a_log_backend_takes_turns(start, receivers):
    one, two = receivers(), receivers()
    proxy = start("log backend@logs format raw local0",
                  log_backend(["balance roundrobin", f"server a udp@{one} weight 2", f"server b {two}"]))
    for n in range(9):
        proxy.get(f"/{n}")
    one.wait_for("/", 6)
    two.wait_for("/", 3)


def test_a_log_backend_sticks_to_a_server(start, receivers):
    all_three = [receivers() for _ in range(3)]
    backup = receivers()
    lines = ["balance sticky"] + [f"server s{n} udp@{r}" for n, r in enumerate(all_three)]
    proxy = start("log backend@logs format raw local0", log_backend([*lines, f"server last udp@{backup} backup"]))
    admin = proxy.runtime()
    steps = [([], all_three[0]), (["disable s0"], all_three[1]), (["disable s1", "enable s0"], all_three[2]),
             (["disable s0", "disable s2"], backup), (["enable s2", "enable s1"], all_three[2])]
    for n, (commands, expected) in enumerate(steps):
        for command in commands:
            word, server = command.split()
            admin(f"{word} server logs/{server}")
        proxy.get(f"/step{n}")
        expected.wait_for(f"/step{n}$")


def test_a_log_backend_hashes_a_part_of_the_message(start, receivers):
    one, two = receivers(), receivers()
    proxy = start("log backend@logs format raw local0",
                  log_backend(["balance log-hash 'field(2,/)'", "hash-type map-based none", f"server a udp@{one}",
                               f"server b udp@{two}"]))
    for n in range(6):
        proxy.get(f"/{n % 2}/{n}")
    one.wait_for("/", 3)
    two.wait_for("/", 3)
    assert [m.split("/")[1] for m in one.messages + two.messages] in (list("000111"), list("111000"))


def test_a_log_backend_over_tcp(start, stream):
    proxy = start("log backend@logs format raw local0",
                  log_backend([f"server a tcp@{stream} log-proto octet-count log-bufsize 65536"]))
    proxy.get("/a")
    stream.wait_for("2 /a")


def test_a_log_backend_without_servers_drops(start):
    proxy = start("log backend@logs format raw local0", log_backend(["server a udp@127.0.0.1:9 disabled"]))
    proxy.get("/a")
    net.wait_until(lambda: proxy.runtime().info()["DroppedLogs"] == "1", "the line is counted")


# --- log-forward


FORWARD = """
global
    stats socket {dir}/admin.sock mode 600 level admin

log-forward in
    dgram-bind 127.0.0.1:{udp}
    bind 127.0.0.1:{port}
    timeout client 20s
    {lines}
    log {syslog} {target} local7
"""


@pytest.fixture
def forward(weir, syslog, udp):
    def run(lines="", target="", **places):
        text = FORWARD.replace("{lines}", lines).replace("{target}", target)
        return weir("haproxy", text=text, syslog=syslog, udp=udp, **places)

    return run


def send(proxy, *messages):
    net.wait_until(lambda: net.takes_datagrams(proxy.places["udp"]), "a socket for datagrams, bound after those of TCP")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for message in messages:
            sock.sendto(message.encode(), ("127.0.0.1", proxy.places["udp"]))


OLD = "<13>Oct 11 22:14:15 box app[42]: said so"
NEW = '<13>1 2003-10-11T22:14:15.003Z box app 42 ID47 [x@1 a="b"] said so'


@pytest.mark.parametrize("target, sent, expected", [
    ("", OLD, OLD), ("", NEW, NEW), ("", "<13>no header", "<13>no header"), ("", "no priority", "no priority"),
    ("format rfc5424", OLD, r"<13>1 YEAR-10-11T22:14:15-00:00 box app 42 - - said so"),
    ("format rfc3164", NEW, OLD),
    ("format local", NEW, "<13>Oct 11 22:14:15 app[42]: said so"),
    ("format raw", NEW, "said so"),
    ("format short", NEW, "<5>said so"),
    ("format priority", NEW, "<13>said so"),
    ("format iso", NEW, "2003-10-11T22:14:15.003Z said so"),
    ("format priority", "no priority", f"<{23 * 8 + 6}>no priority"),
])
def test_messages_keep_their_form_or_get_another(forward, syslog, target, sent, expected):
    proxy = forward(target=target)
    send(proxy, sent)
    assert re.sub(r"1 \d{4}-10-11T22:14:15-00", "1 YEAR-10-11T22:14:15-00", syslog.wait_for(".")[0]) == expected + "\n"


@pytest.mark.parametrize("rule, expected", [("replace", "127.0.0.1"), ("fill", "box"), ("keep", "box"),
                                            ("append", "box,127.0.0.1")])
def test_the_host_rule(forward, syslog, rule, expected):
    proxy = forward(f"option host {rule}", "format rfc5424")
    send(proxy, NEW)
    assert syslog.wait_for("said")[0].split()[2] == expected


@pytest.mark.parametrize("rule, expected", [("fill", "127.0.0.1"), ("keep", "-")])
def test_the_host_rule_without_a_host(forward, syslog, rule, expected):
    proxy = forward(f"option host {rule}", "format rfc5424")
    send(proxy, "<13>no header")
    assert syslog.wait_for("no header")[0].split()[2] == expected


def test_streams_are_framed_either_way(forward, syslog):
    proxy = forward()
    with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
        sock.sendall(b"<13>one\n<13>two\r\n7 <13>")
        sock.sendall(b"six8 <13>four")
        syslog.wait_for("four")
    assert syslog.messages == [f"<13>{m}\n" for m in ("one", "two", "six", "four")]


def test_lines_only_and_unread(forward, syslog):
    proxy = forward("option assume-rfc6587-ntf\n    option dont-parse-log", "format raw")
    with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
        sock.sendall(b"7 words\n" + OLD.encode() + b"\n")
        syslog.wait_for("said")
    assert syslog.messages == ["7 words\n", OLD + "\n"]


def test_what_is_no_syslog_ends_its_stream(forward):
    proxy = forward()
    with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        assert sock.recv(10) == b""


def test_no_more_connections_than_may_be(forward, syslog):
    proxy = forward("maxconn 1")
    with socket.create_connection(("127.0.0.1", proxy.port)) as first:
        first.sendall(b"<13>x\n")
        syslog.wait_for("x")
        with socket.create_connection(("127.0.0.1", proxy.port)) as second:
            assert second.recv(10) == b""


def test_udp_to_tcp_and_back(weir, syslog, udp):
    """A line goes over UDP to a log-forward section, from there through a ring to another one over TCP."""
    proxy = weir("haproxy", syslog=syslog, udp=udp, text="""
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port}
    log 127.0.0.1:{udp} format rfc3164 local0
    log-format "%HU"
    http-request return status 200
ring middle
    format rfc5424
    server s 127.0.0.1:{tcp_port}
log-forward first
    dgram-bind 127.0.0.1:{udp}
    log ring@middle local0
log-forward second
    bind 127.0.0.1:{tcp_port}
    log {syslog} local0
""")
    for n in range(20):
        proxy.get(f"/{n}")
    lines = syslog.wait_for(r"/\d+$", 20)
    assert [re.fullmatch(r"<134>1 \S+ localhost haproxy \d+ - - /(\d+)\n", m)[1] for m in lines] == [
        str(n) for n in range(20)]


def test_datagrams_outlive_a_reload(weir, syslog, udp):
    text = FORWARD.replace("{lines}", "").replace("{target}", "")
    proxy = weir("haproxy", start=False, syslog=syslog, udp=udp, text=text)
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    generations = Generations(proxy)
    over = threading.Event()
    sent = []

    def keep_sending():
        while not over.is_set():
            sent.append(f"<13>number {len(sent)}")
            send(proxy, sent[-1])
            over.wait(0.01)  # what is sent in half a second fits the socket's buffer

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        syslog.wait_for("number", 3)
        generations.reload_and_drain()
        drained = len(sent)
        net.wait_until(lambda: len(sent) > drained + 3, "some that the new worker gets")
    finally:
        over.set()
        sender.join()
    syslog.wait_for("number", len(sent))
    assert sorted(m.strip() for m in syslog.messages) == sorted(sent)
