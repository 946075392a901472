"""`show errors`: the last request and response that broke the protocol, as programs parse it."""

import re

import pytest

from rig import net
from rig.origin import raw

CONF = """
global
    nbthread {threads}
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{second_port}
    default_backend b

backend b
    server s1 {origin}

listen both
    bind 127.0.0.1:{both_port}
    server s2 {origin}
"""

STAMP = r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\]"


@pytest.fixture(params=[1, 2])
def proxy(weir, origin, request):
    return weir("haproxy", text=CONF, origin=origin, threads=request.param)


def send(proxy, data, port="port"):
    with proxy.client(port) as client:
        client.send(data)
        return client.sock.getsockname()[1], client.response().status


def events(admin, words=""):
    """The number of events ever, and the reports as lists of lines."""
    head, *reports = re.split(r"\n \n", admin(f"show errors {words}".rstrip()))
    total = re.fullmatch(f"Total events captured on {STAMP} : (\\d+)", head)
    assert total, head
    return int(total[1]), [report.splitlines() for report in reports]


def test_nothing_yet(proxy):
    proxy.get()
    assert events(proxy.runtime()) == (0, [])


def test_a_broken_request(proxy):
    admin = proxy.runtime()
    data = b"GET /a\\b HTTP/1.1\r\nHost: x\r\nbad header: \x1b\xff\t1\r\n\r\n"
    port, status = send(proxy, data)
    assert status == 400
    count, [lines] = events(admin)
    assert count == 1
    web = admin.stat()["web", "FRONTEND"]["iid"]
    assert re.fullmatch(f"{STAMP} frontend web \\(#{web}\\): invalid request", lines[0])
    assert lines[1] == f"  backend <NONE> (#-1), server <NONE> (#-1), event #0, src 127.0.0.1:{port}"
    position = data.index(b" header:")
    assert lines[2] == f"  buffer starts at 0 (including 0 out), {16384 - len(data)} free,"
    assert lines[3] == f"  len {len(data)}, wraps at 16384, error at position {position}"
    assert lines[4] == "  space in header name :"
    assert lines[5:] == [
        "  ",
        r"  00000  GET /a\\b HTTP/1.1\r\n",
        r"  00019  Host: x\r\n",
        r"  00028  bad header: \e\xFF\t1\r\n",
        r"  00046  \r\n",
    ]


def test_long_lines_are_folded(proxy):
    admin = proxy.runtime()
    send(proxy, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a" * 100 + b" b\r\n\r\n")
    _, [lines] = events(admin)
    dumped = lines[lines.index("  ") + 1:]
    assert max(map(len, dumped)) == 79
    assert dumped[2] == "  00025  " + "a" * 70
    assert dumped[3] == "  00095+ " + "a" * 30 + r" b\r\n"


def test_a_broken_response(proxy, origin):
    admin = proxy.runtime()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nhead er: 1\r\n\r\nabc"
    origin.default = raw(answer)
    port, status = send(proxy, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status == 502
    _, [lines] = events(admin)
    stat = admin.stat()
    assert lines[0].endswith(f" backend b (#{stat['b', 'BACKEND']['iid']}): invalid response")
    assert lines[1] == (f"  frontend web (#{stat['web', 'FRONTEND']['iid']}), "
                        f"server s1 (#{stat['b', 's1']['sid']}), event #0, src 127.0.0.1:{port}")
    assert lines[3].endswith(f"error at position {answer.index(b' er')}")
    assert r"  00036  head er: 1\r\n" in lines


def test_a_broken_body(proxy):
    admin = proxy.runtime()
    with proxy.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"3\r\nabc\r\nnothing\r\n")
        client.read_all()
    _, [lines] = net.wait_until(lambda: events(admin) if events(admin)[1] else None, "an event")
    assert "invalid request" in lines[0]
    assert r"nothing\r\n" in lines[-1]


def test_the_last_one_of_each_proxy_and_side(proxy, origin):
    admin = proxy.runtime()
    bad = b"GET / HTTP/1.1\r\nHost: %s\r\n: x\r\n\r\n"
    for port, host in (("port", b"first"), ("second_port", b"second"), ("both_port", b"third"), ("second_port", b"last")):
        send(proxy, bad % host, port)
    origin.default = raw(b"HTTP/1.1 abc\r\n\r\n")
    send(proxy, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "both_port")
    count, reports = events(admin)
    assert count == 5
    text = ["\n".join(lines) for lines in reports]
    assert len(text) == 3
    assert "frontend web" in text[0] and "Host: last" in text[0]
    assert "frontend both" in text[1] and "Host: third" in text[1]
    assert "backend both" in text[2] and "HTTP/1.1 abc" in text[2]
    both = admin.stat()["both", "FRONTEND"]["iid"]
    assert len(events(admin, "both")[1]) == len(events(admin, both)[1]) == len(events(admin, f"#{both}")[1]) == 2
    assert ["response" in lines[0] for lines in events(admin, "both response")[1]] == [True]
    assert ["response" in lines[0] for lines in events(admin, "-1 request")[1]] == [False, False]
    assert admin("show errors nosuch") == "No such proxy."
