"""Requests that HAProxy repeats, times and sends in their own version."""

import pytest

from rig.origin import Reply

CONF = """
global
    nbthread 1
    log {syslog} local0
defaults
    mode http
    log global
    option httplog
    retries {retries}
    timeout connect 5s
    timeout http-request {head}
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    http-reuse always
    server s {origin}
"""


@pytest.fixture
def start(weir, origin, syslog):
    return lambda retries=3, head="20s": weir("haproxy", text=CONF, origin=origin, syslog=syslog, retries=retries, head=head)


@pytest.mark.parametrize("method,retries,status", [("GET", 3, 200), ("GET", 0, 502), ("DELETE", 3, 502), ("PUT", 3, 502)])
def test_what_an_idle_connection_loses(start, origin, method, retries, status):
    """Only what changes nothing is sent again, and only where retries are allowed."""
    lose = [1]

    def once(exchange):
        if lose:
            lose.pop()
            return exchange.reset()
        return exchange.reply(body=b"again")

    proxy = start(retries)
    assert proxy.get("/warm").status == 200
    origin.on("/x", once)
    assert proxy.get("/x", method=method).status == status
    assert origin.paths().count("/x") == (2 if status == 200 else 1)


def test_the_heads_time_ends_with_the_head(start, origin):
    """timeout http-request is over when the head is there; without timeout client the body may take long."""
    proxy = start(head="1s")
    with proxy.client() as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        origin.wait_requests(1, complete=False)
        assert client.received(wait=1.3) == b""
        client.send("67890")
        assert client.response().status == 200
    assert origin.requests[0].body == b"1234567890"


def test_http10_without_host_stays_http10(start, origin):
    proxy = start()
    with proxy.client() as client:
        client.send("GET / HTTP/1.0\r\n\r\n")
        assert b" 200 " in client.read_all()
    request = origin.requests[0]
    assert request.version == "1.0" and request.header("Host") is None


def test_an_expectation_in_http10_means_nothing(start, origin):
    proxy = start()
    with proxy.client() as client:
        client.send("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
        assert b" 200 " in client.read_all()
    request = origin.requests[0]
    assert request.header("Expect") is None and request.body == b"hi"


def test_an_answer_instead_of_100_is_the_last_one(start, origin):
    """The client may send its body now or leave it out: what comes next could be either."""
    origin.default = Reply(status=403, body=b"no", early=True)
    proxy = start()
    with proxy.client() as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        response = client.response()
        assert (response.status, response.header("Connection")) == (403, "close")
        assert client.closed()


def test_times_of_a_bad_request(start, syslog):
    proxy = start()
    with proxy.client() as client:
        client.send("GET / HTTP/1.1\r\nBad header: x\r\n\r\n")
        assert client.response().status == 400
    syslog.wait_for(r" web web/<NOSRV> -1/-1/-1/-1/\d+ 400 .* PR-- ")
    syslog.wait_for(r"127\.0\.0\.1:\d+ \[\d\d/\w+/\d{4}:[\d:.]+\] web: request refused: space in header name")
