"""The peers protocol of HAProxy: a peer that says what a test wants, and the real HAProxy."""

import shutil
import socket
import struct

from rig.proxy import Weir

CONTROL, ERROR, TABLE = 0, 1, 10
REQUEST, FINISHED, PARTIAL, CONFIRMED, HEARTBEAT = range(5)
UPDATE, INCREMENTAL, DEFINE, SWITCH, ACK, TIMED, TIMED_INCREMENTAL = range(128, 135)
STRING = 6
GPC0 = 1 << 2


def number(n):
    if n < 240:
        return bytes([n])
    out = [n & 255 | 240]
    n = n - 240 >> 4
    while n >= 128:
        out.append(n & 255 | 128)
        n = n - 128 >> 7
    return bytes([*out, n])


def read_number(data, at):
    n, at = data[at], at + 1
    if n < 240:
        return n, at
    shift = 4
    while True:
        byte, at = data[at], at + 1
        n += byte << shift
        shift += 7
        if byte < 128:
            return n, at


def message(kind, body):
    return bytes([TABLE, kind]) + number(len(body)) + body


def definition(name, identity=1, kind=STRING, size=32, data=GPC0, expire=3600000, more=b""):
    body = number(identity) + number(len(name)) + name.encode() + number(kind) + number(size) + number(data)
    return message(DEFINE, body + number(expire) + more)


def update(key, *values, identity=1):
    return message(UPDATE, struct.pack("!I", identity) + number(len(key)) + key.encode() + b"".join(map(number, values)))


class Peer:
    """A connection with a weir, opened by this side."""

    def __init__(self, port, me="other", to="here", version="2.1", hello=None, timeout=15):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.data = b""
        self.send(f"HAProxyS {version}\n{to}\n{me} 1 1\n".encode() if hello is None else hello)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def _more(self):
        data = self.sock.recv(65536)
        self.data += data
        return bool(data)

    def status(self):
        while b"\n" not in self.data:
            if not self._more():
                return None
        line, self.data = self.data.split(b"\n", 1)
        return int(line)

    def _take(self):
        if len(self.data) < 2:
            return None
        head, at = (self.data[0], self.data[1]), 2
        body = b""
        if head[1] >= 128:
            try:
                size, at = read_number(self.data, at)
            except IndexError:
                return None
            if len(self.data) < at + size:
                return None
            body = self.data[at:at + size]
            at += size
        self.data = self.data[at:]
        return (*head, body)

    def next(self):
        """The next message as (class, type, body); None at the end of the connection."""
        while (found := self._take()) is None:
            if not self._more():
                return None
        return found

    def wait_for(self, kind, category=TABLE):
        """The body of the next message of that kind; others are passed over."""
        while (got := self.next()) is not None:
            if got[:2] == (category, kind):
                return got[2]
        raise AssertionError(f"the connection ended without a message {category}/{kind}")

    def is_closed(self):
        """Waits for the end of the connection; the messages before it."""
        messages = []
        while (got := self.next()) is not None:
            messages.append(got)
        return messages


class HAProxy(Weir):
    """The real one, under the same roof."""

    def command(self, *arguments):
        found = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
        assert found, "no haproxy: make deps"
        return [found, *(arguments or ("-db", "-f", str(self.conf)))]
