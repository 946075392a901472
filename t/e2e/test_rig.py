"""The rig itself: the peers and readers that the other tests trust. Needs no weir."""

import socket
import struct

import pytest

from rig import net
from rig.dns import CODES, TYPES, encode_name
from rig.http1 import Client, Closed, ProtocolError, Reader, build_request, chunk, read_response
from rig.origin import Reply
from rig.syslog import Syslog


def parse(data, method="GET"):
    reader = Reader(lambda: b"")
    reader.buffer = data
    return read_response(reader, method)


def test_reader_takes_proper_responses():
    response = parse(b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     + chunk(b"hello", trailers=[("X-A", "b")]))
    assert (response.status, response.body, response.trailers) == (200, b"hello", [("X-A", "b")])
    assert [interim.status for interim in response.interim] == [103]


@pytest.mark.parametrize("data", [
    b"HTTP/1.1 20 OK\r\n\r\n", b"HTTP/1.1 200 OK\nX: y\n\r\n\r\n", b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n0\r\n\r\n",
])
def test_reader_refuses_the_rest(data):
    with pytest.raises(ProtocolError):
        parse(data)


def test_reader_notices_a_cut_body():
    with pytest.raises(Closed):
        parse(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell")


def test_origin_records_and_answers(origin):
    origin.on("/late", Reply(body=b"late", chunked=True, delay=0.01))
    with Client(origin.port) as client:
        assert client.request("/a?b", "POST", body=b"x").status == 200
        assert client.request("/late").body == b"late"
    with Client(origin.port) as client:
        client.send(b"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n")
        assert client.response().status == 400
    assert [(r.target, r.body, r.connection) for r in origin.requests] == [("/a?b", b"x", 1), ("/late", b"", 1)]
    assert len(origin.errors) == 1


def test_origin_resets(origin):
    origin.on("/reset", lambda exchange: exchange.reset())
    with Client(origin.port) as client:
        client.send(build_request("/reset"))
        with pytest.raises(ConnectionResetError):
            client.sock.recv(1)


def test_origin_on_tls_and_unix(origins, certs, home):
    secure = origins(tls=certs.server_context("a.test"))
    with Client(secure.port, tls=certs.client_context(), server_name="a.test") as client:
        assert client.request().status == 200
    with Client(unix=origins(unix=home / "o.sock").unix) as client:
        assert client.request().status == 200


def ask(dns, name, kind, tcp=False):
    """The code and the number of answers, and whether the answer was cut."""
    query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + encode_name(name) + struct.pack("!HH", TYPES[kind], 1)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", dns.port))
        sock.sendall(struct.pack("!H", len(query)) + query if tcp else query)
        answer = sock.recv(4096)[2 if tcp else 0 :]
    identity, flags, _, count, _, _ = struct.unpack("!HHHHHH", answer[:12])
    assert identity == 7 and flags & 0x8000
    return flags & 15, count, bool(flags & 0x0200)


def test_dns(dns):
    dns.set("app.test", "A", "127.0.0.1", "127.0.0.2", ttl=1)
    dns.set("www.test", "CNAME", "app.test")
    dns.set("_http._tcp.test", "SRV", (10, 5, 8080, "app.test"))
    dns.fail("broken.test", "SERVFAIL")
    assert ask(dns, "APP.test", "A") == ask(dns, "app.test", "A", tcp=True) == (0, 2, False)
    assert ask(dns, "www.test", "A") == (0, 3, False)
    assert ask(dns, "app.test", "AAAA") == (0, 0, False)
    assert ask(dns, "_http._tcp.test", "SRV") == (0, 1, False)
    assert ask(dns, "none.test", "A")[0] == CODES["NXDOMAIN"]
    assert ask(dns, "broken.test", "A")[0] == CODES["SERVFAIL"]
    dns.truncate_udp = True
    assert ask(dns, "app.test", "A") == (0, 0, True)
    assert len(dns.asked("app.test")) == 4


def test_syslog(syslog, home):
    local = Syslog(unix=home / "log.sock")
    for receiver in (syslog, local):
        with socket.socket(receiver.sock.family, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"<134>one", receiver.sock.getsockname())
        assert receiver.wait_for("one") == ["<134>one"]
    local.stop()


def test_reserved_ports_differ():
    reservations = [net.PortReservation() for _ in range(20)]
    assert len({reservation.port for reservation in reservations}) == 20
    for reservation in reservations:
        reservation.release()
