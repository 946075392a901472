"""Who the client is: rules that set addresses, the Forwarded header, and what servers are told in a PROXY header."""

import contextlib
import socket
import struct

import pytest

from rig.http1 import Client

CONF = """
global
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    {rules}
    http-after-response set-header X-Seen "%[src] %[src_port] %[dst] %[dst_port] %[fc_src] %[fc_dst]"
    default_backend b

backend b
    {options}
    server s {server}
"""


@pytest.fixture
def start(weir, origin):
    def run(rules="", options="", **places):
        text = CONF.replace("{rules}", rules).replace("{options}", options)
        return weir("haproxy", text=text, **{"server": origin, **places})

    return run


def seen(response):
    return response.header("X-Seen").split()


@pytest.mark.parametrize("place, wire", [("tcp-request connection", True), ("tcp-request session", False),
                                         ("tcp-request content", False), ("http-request", False)])
def test_rules_set_addresses(start, place, wire):
    proxy = start(f"""{place} set-src ipv4(10.0.0.1)
    {place} set-dst ipv4(10.0.0.2)""", "option forwardfor")
    with proxy.client() as client:
        for _ in range(2):  # connection and session rules hold for all requests
            src, src_port, dst, dst_port, fc_src, fc_dst = seen(client.request("/"))
            assert (src, dst) == ("10.0.0.1", "10.0.0.2")
            assert int(src_port) == client.sock.getsockname()[1] and int(dst_port) == proxy.port
            assert (fc_src, fc_dst) == (("10.0.0.1", "10.0.0.2") if wire else ("127.0.0.1", "127.0.0.1"))


@pytest.mark.parametrize("place", ["tcp-request connection", "tcp-request session", "tcp-request content",
                                   "http-request"])
def test_rules_set_ports(start, place):
    proxy = start(f"{place} set-src-port int(4711)\n    {place} set-dst-port int(80)")
    assert seen(proxy.get())[:4] == ["127.0.0.1", "4711", "127.0.0.1", "80"]


def test_another_family_and_nothing_of_use(start):
    proxy = start("http-request set-src req.hdr(x-src)\n    http-request set-dst ipv6(2001:db8::1)")
    assert seen(proxy.get(headers=[("X-Src", "2001:db8::2")]))[0:3:2] == ["2001:db8::2", "2001:db8::1"]
    assert seen(proxy.get(headers=[("X-Src", "nobody")]))[0] == "127.0.0.1"
    assert seen(proxy.get())[0] == "127.0.0.1"


def test_forwardfor_tells_what_the_rule_says(start, origin):
    proxy = start("http-request set-src req.hdr(x-src)", "option forwardfor except 10.0.0.0/8 if-none")
    proxy.get(headers=[("X-Src", "192.0.2.9")])
    proxy.get(headers=[("X-Src", "10.9.9.9")])
    proxy.get(headers=[("X-Src", "192.0.2.9"), ("X-Forwarded-For", "there")])
    assert [r.headers.all("X-Forwarded-For") for r in origin.requests] == [["192.0.2.9"], [], ["there"]]


FORWARDED = [
    ("", "proto=http;for=192.0.2.9"),
    ("proto host by by_port for for_port", 'proto=http;host="h.test";by="192.0.2.1:PORT";for="192.0.2.9:PORT"'),
    ("for for_port-expr str(id)", 'for="192.0.2.9:_id"'),
    ("for-expr str(hidden)", "for=_hidden"),
    ("for-expr str(unknown)", "for=unknown"),
    ("for-expr str(2001:db8::1)", 'for="[2001:db8::1]"'),
    ("for-expr ipv6(2001:db8::1)", 'for="[2001:db8::1]"'),
    ("for-expr 'str(no name)'", "for=unknown"),
    ("by by_port-expr int(10)", 'by="192.0.2.1:10"'),
    ("host-expr str(other.test:80)", 'host="other.test:80"'),
    ("host-expr 'str(no host)'", 'host=""'),
]


@pytest.mark.parametrize("words, expected", FORWARDED)
def test_the_forwarded_header(start, origin, words, expected):
    proxy = start("http-request set-src ipv4(192.0.2.9)\n    http-request set-dst ipv4(192.0.2.1)",
                  f"option forwarded {words}")
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: h.test\r\n\r\n")
        client.response()
        ours = client.sock.getsockname()[1]
    value = origin.requests[0].header("Forwarded")
    assert value.replace(str(ours), "PORT").replace(str(proxy.port), "PORT") == expected


@pytest.mark.parametrize("there, expected", [
    ("for=192.0.2.60;proto=http", ["for=192.0.2.60;proto=http, for=127.0.0.1"]),
    ('for="[2001:db8::1]:80", for=_x', ['for="[2001:db8::1]:80", for=_x, for=127.0.0.1']),
    ("for=nonsense", ["for=nonsense", "for=127.0.0.1"]),
    ('for="192.0.2.1', ['for="192.0.2.1', "for=127.0.0.1"]),
])
def test_a_forwarded_header_that_is_there(start, origin, there, expected):
    proxy = start("", "option forwarded for")
    proxy.get(headers=[("Forwarded", there)])
    assert origin.requests[0].headers.all("Forwarded") == expected


@pytest.mark.parametrize("value, valid, name, port", [
    ('for="unknown:132";host="[::1]:65535";by="_obfs:_port";proto=https', "1", "unknown", "132"),
    ("for=127.0.0.1;host=v-1.test", "1", "127.0.0.1", ""),
    ('proto=http;for="[::1]:_id"', "1", "::1", "_id"),
    ('For=127.9.0.1', "1", "127.9.0.1", ""),
    ('fore="unknown:132"', "0", "", ""),
    ("proto=http;proto=http", "0", "", ""),
    ('"', "0", "", ""),
    ("by=[::1]", "0", "", ""),
    ('by="[::1]:"', "0", "", ""),
    ("for=1.2.3.4:80", "0", "", ""),
    ('for="1.2.3.4:0"', "0", "", ""),
    ("for=1.2.3.4;", "0", "", ""),
])
def test_converters_read_it(weir, value, valid, name, port):
    proxy = weir("haproxy", text="""
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port}
    http-request set-var(txn.node) req.hdr(forwarded),rfc7239_field(for)
    http-request return status 200 hdr Seen "%[req.fhdr(forwarded),rfc7239_is_valid,add(0)]|%[var(txn.node),rfc7239_n2nn]|%[var(txn.node),rfc7239_n2np]" hdr Made "%[src,rfc7239_nn] %[str(::1),rfc7239_nn] %[ipv6(::1),rfc7239_nn] %[int(80),rfc7239_np] %[str(a),rfc7239_np]"
""")
    answer = proxy.get(headers=[("Forwarded", value)])
    assert answer.header("Seen").split("|") == [valid, name, port]
    assert answer.header("Made") == "127.0.0.1  [::1] 80 _a"


# --- PROXY headers for servers


class Listener:
    """Takes one connection and keeps what comes first."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.settimeout(15)

    def __str__(self):
        return "127.0.0.1:%d" % self.sock.getsockname()[1]

    def header(self):
        conn, _ = self.sock.accept()
        with conn:
            data = b""
            while b"GET /" not in data:
                data += conn.recv(65536)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return data.partition(b"GET /")[0]


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.sock.close()


def tlvs(data):
    found = []
    while data:
        kind, size = struct.unpack("!BH", data[:3])
        found.append((kind, data[3:3 + size]))
        data = data[3 + size:]
    return dict(found)


def crc32c(data):
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


TLS = """
global
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port} ssl crt {pem} ca-file {ca} verify optional alpn http/1.1
    bind 127.0.0.1:{plain_port}
    unique-id-format id-%rt
    http-request set-src ipv4(192.0.2.9)
    default_backend b

backend b
    server s {server} {words}
"""


@pytest.fixture
def tell(weir, certs, listener):
    """Starts it and gives the PROXY header of one request as (source address, TLVs, the header's bytes)."""

    def run(words, plain=False, certificate=None):
        proxy = weir("haproxy", text=TLS.replace("{words}", words), server=listener, pem=certs.leaf(), ca=certs.ca)
        tls = None if plain else certs.client_context(certificate, alpn=["http/1.1"])
        with proxy.client("plain_port" if plain else "port", tls=tls) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            header = listener.header()
        if header.startswith(b"PROXY"):
            return header.split()[2].decode(), {}, header
        assert header[:12] == b"\r\n\r\n\0\r\nQUIT\n" and len(header) == 16 + struct.unpack("!H", header[14:16])[0]
        return socket.inet_ntoa(header[16:20]), tlvs(header[28:]), header

    return run


def test_version_1_tells_the_address_of_rules(tell):
    assert tell("send-proxy", plain=True)[0] == "192.0.2.9"


def test_version_2_and_no_tls(tell):
    assert tell("send-proxy-v2", plain=True)[:2] == ("192.0.2.9", {})


def test_what_is_told_about_no_tls(tell):
    assert tell("send-proxy-v2-ssl-cn", plain=True)[1] == {0x20: bytes(5)}


def test_what_is_told_about_tls(tell):
    found = tell("send-proxy-v2-ssl")[1]
    assert found[0x01] == b"http/1.1"
    assert found[0x20][:5] == b"\x01" + bytes(4) and tlvs(found[0x20][5:]) == {0x21: b"TLSv1.3"}


def test_all_options(tell):
    words = "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id"
    address, found, header = tell(words, certificate="client")
    inner = tlvs(found[0x20][5:])
    assert address == "192.0.2.9"
    assert found[0x20][0] == 7 and found[0x20][1:5] == bytes(4)
    assert inner[0x22] == b"client" and inner[0x21] == b"TLSv1.3" and inner[0x23].startswith(b"TLS_")
    assert inner[0x24] in (b"RSA-SHA256", b"ecdsa-with-SHA256") and inner[0x25].startswith((b"RSA", b"EC"))
    assert found[0x02] == b"localhost" and found[0x05].startswith(b"id-")
    zeroed = header.replace(b"\x03\x00\x04" + found[0x03], b"\x03\x00\x04\0\0\0\0")
    assert struct.unpack("!I", found[0x03])[0] == crc32c(zeroed)


def test_own_fields_come_first(tell):
    _, found, _ = tell("send-proxy-v2 proxy-v2-options unique-id set-proxy-v2-tlv-fmt(0xE1) %[src] "
                       "set-proxy-v2-tlv-fmt(0xE2)", plain=True)
    assert list(found) == [0xE1, 0xE2, 0x05] and found[0xE1] == b"192.0.2.9" and found[0xE2] == b""


def test_only_who_may_is_believed(weir, origin):
    """A PROXY header on a port that expects none is no request, and without one nobody gets through where it is expected."""
    proxy = weir("haproxy", origin=origin, text="""
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{proxy_port} accept-proxy
    option forwardfor
    default_backend b
backend b
    server s {origin}
""")
    header = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"
    with Client(proxy.places["proxy_port"]) as client:
        client.send(header)
        assert client.response().status == 200
    assert origin.requests[-1].header("X-Forwarded-For") == "192.0.2.7"
    with proxy.client() as client:
        client.send(header)
        assert client.response().status == 400
    with socket.create_connection(("127.0.0.1", proxy.places["proxy_port"])) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):  # what was not read resets it
            assert sock.recv(10) == b""
    assert len(origin.requests) == 1
