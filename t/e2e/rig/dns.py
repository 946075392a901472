"""A DNS server that answers from a table, on UDP and TCP of one port.

    dns.set("app.test", "A", "127.0.0.1", "127.0.0.2", ttl=1)
    dns.set("www.test", "CNAME", "app.test")
    dns.set("_http._tcp.test", "SRV", (10, 5, 8080, "app.test"))
    dns.fail("gone.test", "NXDOMAIN")
Names that are not in the table are NXDOMAIN; a name with other types only is an empty answer.
"""

import ipaddress
import socket
import struct
import threading
from dataclasses import dataclass

from rig import net

TYPES = {"A": 1, "CNAME": 5, "AAAA": 28, "SRV": 33}
CODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}


@dataclass
class Question:
    name: str
    type: int
    tcp: bool


def encode_name(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _encode_data(kind, value):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "CNAME":
        return encode_name(value)
    priority, weight, port, target = value
    return struct.pack("!HHH", priority, weight, port) + encode_name(target)


class Dns:
    def __init__(self):
        self._records = {}  # name -> {type: (values, ttl)}
        self._codes = {}
        self.delays = {}  # name -> seconds before the answer
        self.silent = set()  # names that get no answer
        self.truncate_udp = False  # answers over UDP are empty with TC set, so that the client comes back over TCP
        self.raw = None  # a function (query, question) -> packet or None, before the table: for malformed answers
        self.queries = []
        self._reservation = net.PortReservation()
        self.port = self._reservation.port
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp = socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind(("127.0.0.1", self.port))
        self._tcp.listen(16)
        self._stopped = threading.Event()
        threading.Thread(target=self._serve_udp, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()

    def __str__(self):
        return f"127.0.0.1:{self.port}"

    def set(self, name, kind, *values, ttl=60):
        """Replaces the records of a name and type; without values removes them."""
        self._codes.pop(name.lower(), None)
        entry = self._records.setdefault(name.lower(), {})
        entry.pop(kind, None)
        if values:
            entry[kind] = (values, ttl)

    def fail(self, name, code):
        self._codes[name.lower()] = CODES[code]

    def asked(self, name):
        return [question for question in self.queries if question.name == name.lower()]

    def wait_asked(self, name, count=1, timeout=net.DEADLINE):
        net.wait_until(lambda: len(self.asked(name)) >= count, f"{count} DNS queries for {name}", timeout)

    def stop(self):
        self._stopped.set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        self._reservation.release()

    def _serve_udp(self):
        while True:
            query, client = self._udp.recvfrom(4096)
            if self._stopped.is_set():
                self._udp.close()
                return
            threading.Thread(target=self._answer_udp, args=(query, client), daemon=True).start()

    def _answer_udp(self, query, client):
        answer = self._answer(query, tcp=False)
        if answer and not self._stopped.is_set():
            self._udp.sendto(answer, client)

    def _serve_tcp(self):
        while True:
            try:
                sock, _ = self._tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._answer_tcp, args=(sock,), daemon=True).start()

    def _answer_tcp(self, sock):
        with sock, sock.makefile("rb") as stream:
            while len(size := stream.read(2)) == 2:
                answer = self._answer(stream.read(*struct.unpack("!H", size)), tcp=True)
                if answer:
                    sock.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, query, tcp):
        question, raw_question = _parse_question(query, tcp)
        self.queries.append(question)
        if question.name in self.silent:
            return None
        self._stopped.wait(self.delays.get(question.name, 0))
        if self.raw and (packet := self.raw(query, question)) is not None:
            return packet
        code, records = self._look_up(question)
        flags = 0x8180 | code  # response, recursion desired and available
        if self.truncate_udp and not tcp:
            flags, records = flags | 0x0200, []
        counts = struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        return query[:2] + counts + raw_question + b"".join(records)

    def _look_up(self, question):
        """Follows CNAMEs within the table; returns the code and the encoded records."""
        name, records = question.name, []
        for _ in range(8):
            if name in self._codes:
                return self._codes[name], records
            entry = self._records.get(name)
            if entry is None:
                return CODES["NXDOMAIN"], records
            for kind, (values, ttl) in entry.items():
                if TYPES[kind] == question.type or kind == "CNAME":
                    records += [_record(name, kind, value, ttl) for value in values]
            if "CNAME" not in entry or question.type == TYPES["CNAME"]:
                return CODES["NOERROR"], records
            name = entry["CNAME"][0][0].lower()
        return CODES["SERVFAIL"], []


def _record(name, kind, value, ttl):
    data = _encode_data(kind, value)
    return encode_name(name) + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data


def _parse_question(query, tcp):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace").lower())
        at += 1 + query[at]
    kind = struct.unpack("!H", query[at + 1 : at + 3])[0]
    return Question(".".join(labels), kind, tcp), query[12 : at + 5]
