"""The two letters about how an exchange ended (configuration.txt 8.5), each made by a real client and a real server."""

import re
import socket

import pytest

from rig import net
from rig.origin import Reply

CONF = """
global
    log {syslog} len 4096 format raw local0
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    log global
    log-format "%ts %ST %HU"
    timeout connect {connect}
    timeout client {client}
    timeout server {server}
    timeout queue {queue}
    timeout tarpit {tarpit}
    timeout http-request {request}
    retries 0
    option abortonclose

frontend web
    bind 127.0.0.1:{port}
    http-request deny if { path /deny }
    http-request tarpit if { path_beg /tarpit }
    http-request redirect location /elsewhere if { path /redirect }
    http-request return status 200 if { path /return }
    http-request reject if { path /reject }
    http-response return status 200 if { path /answered }
    http-response deny if { path /hidden }
    use_backend none if { path /none }
    use_backend dead if { path /dead }
    use_backend nowhere if { path_beg /nowhere }
    use_backend full if { path_beg /full }
    default_backend b

backend b
    server s {origin}
backend none
    server s {origin} disabled
backend dead
    server s {dead}
backend nowhere
    server s {nowhere}
backend full
    server s {origin} maxconn 1
"""

SHORT = {"connect": "1s", "client": "1s", "server": "1s", "queue": "500ms", "tarpit": "400ms", "request": "500ms"}
# What has to pass before an exchange ends with these flags.
PASSES = {"sC": "connect", "cH": "client", "cD": "client", "sH": "server", "sD": "server", "sQ": "queue", "PT": "tarpit",
          "cR": "request"}


def times(passes=None):
    """The times of CONF, all but the one that is to pass so long that none of them ends anything."""
    return {name: short if name == passes else "60s" for name, short in SHORT.items()}


def head_only(exchange):
    exchange.read_body()
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbeginning")


def stall_in_body(exchange):
    head_only(exchange)
    exchange.stall()


def end_in_body(exchange):
    head_only(exchange)
    exchange.close()


def reset_in_body(exchange):
    head_only(exchange)
    exchange.reset()


def endless(exchange):
    exchange.read_body()
    exchange.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        exchange.send(b"x" * 65536)


ORIGIN = {
    "/stall-body": stall_in_body,
    "/end-body": end_in_body,
    "/reset-body": reset_in_body,
    "/endless": endless,
    "/stall": lambda e: e.stall(),
    "/close": lambda e: e.close(),
    "/reset": lambda e: e.reset(),
    "/junk": lambda e: (e.send(b"not http at all\r\n\r\n"), e.stall()),
    "/slow": lambda e: e.stall(),
    "/upload": lambda e: (e.read_body(), e.reply()),
    "/answered": Reply(body=b"hidden"),
    "/hidden": Reply(body=b"hidden"),
    "/full": lambda e: e.stall(),
}


def ask(path):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def waits(client, path):
    client.send(ask(path))
    client.sock.settimeout(10)
    while client.sock.recv(65536):
        pass


def answered(client, path):
    client.send(ask(path))
    client.response()


def slow_head(client, _):
    client.send(b"GET / HT")
    assert client.response().status == 408


def ends_in_head(client, _):
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
    client.sock.shutdown(socket.SHUT_WR)
    assert client.response().status == 400


def leaves_in_head(client, _):
    client.send(b"GET / HT")
    net.reset(client.sock)


def leaves_silently(client, _):
    client.sock.close()


def bad_head(client, _):
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n")
    assert client.response().status == 400


def leaves(client, path):
    """Goes as soon as the server has the request, or what stands in its place has begun."""
    client.send(ask(path))
    net.wait_until(lambda: client.seen(path), "the request on its way")
    net.reset(client.sock)


def leaves_in_body(client, path):
    client.send(ask(path))
    assert client.sock.recv(10)
    net.reset(client.sock)


def silent_reader(client, path):
    client.send(ask(path))
    client.ended.wait_for(path)


def silent_writer(client, path):
    client.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbeginning".encode())
    client.sock.settimeout(10)
    while client.sock.recv(65536):
        pass


TABLE = [
    ("--", 200, "/plain", answered),
    ("LR", 302, "/redirect", answered),
    ("LR", 200, "/return", answered),
    ("LH", 200, "/answered", answered),
    ("PR", 403, "/deny", answered),
    ("PR", 0, "/reject", waits),
    ("PH", 502, "/hidden", answered),
    ("PH", 502, "/junk", answered),
    ("PT", 500, "/tarpit", answered),
    ("CT", 500, "/tarpit-left", leaves),
    ("SC", 503, "/none", answered),
    ("SC", 503, "/dead", answered),
    ("sC", 503, "/nowhere", answered),
    ("CC", 503, "/nowhere-left", leaves),
    ("SH", 502, "/close", answered),
    ("SH", 502, "/reset", answered),
    ("sH", 504, "/stall", answered),
    ("CH", 400, "/slow", leaves),
    ("cH", 408, "/upload", silent_writer),
    ("SD", 200, "/end-body", waits),
    ("SD", 200, "/reset-body", waits),
    ("sD", 200, "/stall-body", waits),
    ("CD", 200, "/endless", leaves_in_body),
    ("cD", 200, "/endless", silent_reader),
    ("cR", 408, "<BADREQ>", slow_head),
    ("CR", 400, "<BADREQ>", ends_in_head),
    ("CR", 400, "<BADREQ>", leaves_in_head),
    ("CR", 400, "<BADREQ>", leaves_silently),
    ("PR", 400, "<BADREQ>", bad_head),
    ("sQ", 503, "/full-waiting", answered),
    ("CQ", 503, "/full-left", leaves),
]


@pytest.fixture
def nowhere():
    """An address that answers no connection: its queue is full, and nobody accepts."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fill = [socket.socket() for _ in range(4)]
    for sock in fill:
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
    yield "127.0.0.1:%d" % listener.getsockname()[1]
    for sock in [*fill, listener]:
        sock.close()


@pytest.mark.parametrize("flags, status, path, behave", TABLE, ids=[f"{t[0]}-{t[2]}-{t[3].__name__}" for t in TABLE])
def test_flags(weir, origin, syslog, nowhere, flags, status, path, behave):
    for route, handler in ORIGIN.items():
        origin.on(route, handler)
    proxy = weir("haproxy", text=CONF, origin=origin, syslog=syslog, nowhere=nowhere, **times(PASSES.get(flags)))
    admin = proxy.runtime()
    holder = proxy.client() if path.startswith("/full") else None
    if holder:
        holder.send(ask("/full"))
        net.wait_until(lambda: origin.requests, "the server's one place taken")

    def seen(where):
        if where.startswith(("/tarpit", "/full", "/nowhere")):
            return len(re.findall(" fe=web ", admin("show sess all"))) > (holder is not None)
        return any(r.path == where for r in origin.requests)

    with proxy.client() as client:
        client.seen = seen
        client.ended = syslog
        behave(client, path)
        line = syslog.wait_for(re.escape(path) + "$")[0]
    if holder:
        holder.close()
    assert line.split()[0] == flags, line
    if flags[1] != "Q" or flags[0] == "s":
        assert int(line.split()[1]) in (status, -1), line


def test_a_tarpit_is_time_in_a_queue(weir, origin, syslog, nowhere):
    text = CONF.replace("%ts %ST %HU", "%HU %TR/%Tw/%Tc/%Tr/%Tq")
    proxy = weir("haproxy", text=text, origin=origin, syslog=syslog, nowhere=nowhere, **times("tarpit"))
    assert proxy.get("/tarpit").status == 500
    (line,) = syslog.wait_for("^/tarpit ")
    request, queue, *others = (int(number) for number in line.split()[1].split("/"))
    assert [request, *others] == [-1, -1, -1, -1]
    assert queue >= 400
    proxy = weir("haproxy", text=text, origin=origin, syslog=syslog, nowhere=nowhere, **times())
    with proxy.client() as client:
        client.send(ask("/tarpit-left"))
        net.wait_until(lambda: " fe=web " in proxy.runtime()("show sess all"), "the request held")
        net.reset(client.sock)
        (line,) = syslog.wait_for("^/tarpit-left ")
    assert re.fullmatch(r"/tarpit-left -1/\d+/-1/-1/-1\n?", line), line


def test_nothing_is_told_of_a_client_without_data(weir, origin, syslog, nowhere):
    proxy = weir("haproxy", text=CONF.replace("option abortonclose", "option abortonclose\n    option dontlognull"), origin=origin,
                 syslog=syslog, nowhere=nowhere, **times())
    proxy.client().sock.close()
    with proxy.client() as client:
        leaves_in_head(client, None)
    assert syslog.wait_for("BADREQ")[0].split()[0] == "CR"
    assert len(syslog.messages) == 1


def test_an_operator_ends_it(weir, origin, syslog, nowhere):
    origin.on("/stall-body", stall_in_body)
    proxy = weir("haproxy", text=CONF, origin=origin, syslog=syslog, nowhere=nowhere, **times())
    admin = proxy.runtime()
    with proxy.client() as client:
        client.send(ask("/stall-body"))
        assert client.sock.recv(10)
        session = re.match(r"(0x\w+)", admin("show sess"))[1]
        admin(f"shutdown session {session}")
        assert syslog.wait_for("/stall-body")[0].split()[0] == "KD"
