"""A strict HTTP/1.1 response reader and a raw client. What is not exactly RFC 9112 raises ProtocolError."""

import re
import select
import socket
import ssl
import time
from dataclasses import dataclass, field

from rig import net

TIMEOUT = 15.0


class ProtocolError(AssertionError):
    """The peer sent something that HTTP/1.1 does not allow."""


class Closed(AssertionError):
    """The peer closed or reset the connection where more had to come; `data` is what was left unread."""

    def __init__(self, what, data=b""):
        super().__init__(f"connection closed {what}; unread: {data[:200]!r}")
        self.data = data


class Fields(list):
    """Header or trailer fields: (name, value) in the order of arrival."""

    def all(self, name):
        return [value for key, value in self if key.lower() == name.lower()]

    def get(self, name, default=None):
        """The only value of `name`; a field that comes twice is an error here: use all()."""
        values = self.all(name)
        if len(values) > 1:
            raise ProtocolError(f"{name} comes {len(values)} times: {values}")
        return values[0] if values else default

    def __contains__(self, name):
        return bool(self.all(name))


@dataclass
class Response:
    status: int
    reason: str
    version: str
    headers: Fields
    raw_head: bytes
    body: bytes = b""
    trailers: Fields = field(default_factory=Fields)
    interim: list = field(default_factory=list)  # the 1xx responses that came before

    def header(self, name, default=None):
        return self.headers.get(name, default)


_STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")


def parse_fields(lines):
    fields = Fields()
    for line in lines:
        match = _FIELD.fullmatch(line)
        if not match:
            raise ProtocolError(f"bad field line {line!r}")
        fields.append((match[1].decode("latin-1"), match[2].decode("latin-1")))
    return fields


class Reader:
    """Buffers a byte source: `source()` returns bytes, b"" at the end. The origin reads requests with it as well."""

    def __init__(self, source):
        self._source = source
        self.buffer = b""

    def _fill(self, what):
        data = self._source()
        if not data:
            raise Closed(what, self.buffer)
        self.buffer += data

    def until(self, mark, what, limit=1 << 20):
        while mark not in self.buffer:
            if len(self.buffer) > limit:
                raise ProtocolError(f"{what} is longer than {limit} bytes")
            self._fill(f"within {what}")
        data, self.buffer = self.buffer.split(mark, 1)
        return data

    def exactly(self, size, what):
        pieces, have = [], 0
        while have < size:
            if not self.buffer:
                self._fill(f"within {what}, {size - have} of {size} bytes missing")
            piece, self.buffer = self.buffer[: size - have], self.buffer[size - have :]
            pieces.append(piece)
            have += len(piece)
        return b"".join(pieces)

    def rest(self):
        pieces = [self.buffer]
        self.buffer = b""
        while data := self._source():
            pieces.append(data)
        return b"".join(pieces)

    def chunked(self):
        """Body and trailers of a chunked message, every line end CR LF."""
        pieces = []
        while True:
            line = self.until(b"\r\n", "a chunk size", 4096)
            size = line.split(b";", 1)[0]
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", size) or b"\r" in line or b"\n" in line:
                raise ProtocolError(f"bad chunk size line {line!r}")
            if not int(size, 16):
                break
            pieces.append(self.exactly(int(size, 16), "a chunk"))
            if self.exactly(2, "a chunk's end") != b"\r\n":
                raise ProtocolError("chunk data is not followed by CR LF")
        lines = []
        while line := self.until(b"\r\n", "the trailers"):
            lines.append(line)
        return b"".join(pieces), parse_fields(lines)


def read_response(reader, method="GET"):
    """Reads one final response with its interim ones; the body by the framing of RFC 9112 6.3."""
    interim = []
    while True:
        head = reader.until(b"\r\n\r\n", "the response head")
        first, *lines = head.split(b"\r\n")
        match = _STATUS_LINE.fullmatch(first)
        if not match:
            raise ProtocolError(f"bad status line {first!r}")
        response = Response(int(match[2]), match[3].decode("latin-1"), match[1].decode(), parse_fields(lines), head)
        if 100 <= response.status < 200 and response.status != 101:
            interim.append(response)
            continue
        break
    response.interim = interim
    _read_body(reader, response, method)
    return response


def _read_body(reader, response, method):
    length = response.header("Content-Length")
    coding = response.header("Transfer-Encoding")
    if length is not None and coding is not None:
        raise ProtocolError("Content-Length and Transfer-Encoding in one response")
    if length is not None and not re.fullmatch(r"\d+", length):
        raise ProtocolError(f"bad Content-Length {length!r}")
    if method == "HEAD" or response.status in (101, 204, 304):
        return
    if coding is not None:
        if coding.lower() != "chunked":
            raise ProtocolError(f"unexpected Transfer-Encoding {coding!r}")
        response.body, response.trailers = reader.chunked()
    elif length is not None:
        response.body = reader.exactly(int(length), "the body")
    else:
        response.body = reader.rest()


class Client:
    """One client connection: raw bytes out, strictly parsed responses in."""

    def __init__(self, port=None, unix=None, tls=None, server_name="localhost", timeout=TIMEOUT, receive_buffer=None):
        self.timeout = timeout
        self.sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.connect(str(unix) if unix else ("127.0.0.1", port))
        if not unix:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=server_name)
        self.reader = Reader(self._receive)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def _receive(self):
        try:
            return self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return b""
        except TimeoutError:
            raise AssertionError(f"nothing came for {self.timeout} s; unread: {self.reader.buffer[:200]!r}") from None

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def send_some(self, data):
        """Like send(), but a peer that has closed already is fine: its answer is what counts."""
        try:
            self.send(data)
        except (ConnectionError, ssl.SSLError):
            pass

    def request(self, target="/", method="GET", headers=(), body=None, version="1.1"):
        """Sends a well-formed request and reads its response. A body gets Content-Length unless framed in `headers`."""
        self.send(build_request(target, method, headers, body, version))
        return self.response(method)

    def response(self, method="GET"):
        return read_response(self.reader, method)

    def read_all(self):
        """Everything until the peer closes."""
        return self.reader.rest()

    def drain(self, silence=5.0):
        """Everything until the peer closes or is silent for that long, and whether it has closed."""
        data, self.reader.buffer = bytearray(self.reader.buffer), b""
        while select.select([self.sock], [], [], silence)[0]:
            piece = self._receive()
            if not piece:
                return bytes(data), True
            data += piece
        return bytes(data), False

    def received(self, wait=0.0):
        """What has come so far, without waiting for more than `wait` seconds of silence; does not consume it."""
        while select.select([self.sock], [], [], wait)[0]:
            data = self._receive()
            if not data:
                break
            self.reader.buffer += data
        return self.reader.buffer

    def closed(self, timeout=net.DEADLINE):
        """True when the peer closes within `timeout`, and nothing but that comes."""
        self.sock.settimeout(timeout)
        try:
            return not self.reader.buffer and self.sock.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        finally:
            self.sock.settimeout(self.timeout)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        net.reset(self.sock)

    def close(self):
        self.sock.close()


def build_request(target="/", method="GET", headers=(), body=None, version="1.1"):
    names = {name.lower() for name, _ in headers}
    lines = [f"{method} {target} HTTP/{version}"]
    if "host" not in names:
        lines.append("Host: localhost")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def chunk(body, size=8192, trailers=(), extension=b""):
    """`body` in chunked coding."""
    pieces = []
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        pieces.append(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece))
    lines = "".join(f"{name}: {value}\r\n" for name, value in trailers).encode("latin-1")
    return b"".join(pieces) + b"0\r\n" + lines + b"\r\n"


def trickle(client, pieces, pause):
    """Sends pieces with a pause before each but the first; stops when the peer has closed."""
    for number, piece in enumerate(pieces):
        if number:
            time.sleep(pause)
        client.send_some(piece)
