"""Ports, deadlines and sockets. Used by every other helper; keeps nothing but the reservations of this process."""

import os
import random
import socket
import struct
import time

DEADLINE = 20.0  # seconds until a condition that should hold at once is given up; generous for sanitizer builds


def wait_until(condition, what, timeout=DEADLINE):
    """Polls until condition() is true and returns its value; fails naming `what`, which may be a function."""
    deadline = time.monotonic() + timeout
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


class PortReservation:
    """A TCP and UDP port that no other test gets, in any run on this machine, until release(); or `count` of them in a row.

    The reservation is an abstract unix socket named after the port: it vanishes with the process, and the port itself
    stays free for the program under test. Ports lie below the kernel's ephemeral range.
    """

    def __init__(self, count=1):
        while True:
            self.port = random.randrange(10000, 32000)
            self._locks = []
            if all(self._take(port) for port in range(self.port, self.port + count)):
                return
            self.release()

    def _take(self, port):
        self._locks.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        try:
            self._locks[-1].bind(f"\0weir-e2e-port-{port}")
        except OSError:
            return False
        return is_free(port)

    def release(self):
        for lock in self._locks:
            lock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.release()


def is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


def listeners():
    """(port, inode) of every TCP socket that listens, from /proc, so that no connection has to be made. The kernel's tables
    begin with them; the rest, every connection of every test at once, costs more than most tests and is not read."""
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(name):
            continue
        with open(name, encoding="ascii") as table:
            next(table)
            for line in table:
                fields = line.split()
                if fields[3] != "0A":
                    break
                yield int(fields[1].rsplit(":", 1)[1], 16), fields[9]


def is_read(sock):
    """Whether the other end of a TCP connection, on this machine, has been accepted and all that came there has been read."""
    ends = sock.getpeername()[1], sock.getsockname()[1]
    with open("/proc/net/tcp", encoding="ascii") as table:
        next(table)
        for line in table:
            _, here, there, _, queues, *_, inode = line.split()[:10]
            if tuple(int(end.rsplit(":", 1)[1], 16) for end in (here, there)) == ends:
                return inode != "0" and int(queues.split(":")[1], 16) == 0
    return False


def takes_datagrams(port):
    """Whether a UDP socket of this machine is bound to it."""
    with open("/proc/net/udp", encoding="ascii") as table:
        next(table)
        return any(int(line.split()[1].rsplit(":", 1)[1], 16) == port for line in table)


def is_listening(port):
    return any(found == port for found, _ in listeners())


def reset(sock):
    """Closes with a TCP reset instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
