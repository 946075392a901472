"""The fault-injection build: what it can make fail, and traffic of every kind to drive it with."""

import os
import pathlib
import re
import signal
import subprocess
import time
import zlib
from dataclasses import dataclass, field

from rig import net
from rig.generations import link, listening_sockets, workers
from rig.http1 import Closed, ProtocolError, build_request, chunk
from rig.origin import Reply
from rig.proxy import binary

TIMEOUT = 2  # seconds, of everything in conf/fault.FACE
HUGE_PIECES = 80  # of 64 KiB: more than sockets hold
PROCESSES = {"nginx": 4, "haproxy": 1}  # master, worker and two that wait; no master


def sites():
    """The names of all places where a call of the program under test can be made to fail: none in the usual build."""
    done = subprocess.run([binary(), "version"], env={**os.environ, "WEIR_FAULT": "sites"}, capture_output=True, text=True)
    return done.stdout.split() if done.stdout.startswith("accept\n") else []


@dataclass
class Outcome:
    """What a client saw: `right`, `refused` (an error status) or `cut` (the connection ended early)."""

    name: str
    result: str
    status: int = 0
    seconds: float = 0.0


@dataclass
class Traffic:
    """One exchange of each kind against a weir on conf/fault.FACE. `run` gives the outcomes by name; what hangs past the
    configured timeouts or is wrong without an error fails the test. `size` is that of the large bodies."""

    proxy: object
    origin: object
    certs: object
    size: int = 256 * 1024
    kinds: dict = field(default_factory=dict)

    def __post_init__(self):
        self.large = large = bytes(range(256)) * (self.size // 256)
        self.upload = large[: self.size // 6]
        self.pieces = [large[: self.size // 8]] * 4
        self.huge = [large[: self.size // 4]] * HUGE_PIECES
        self.make_files(self.proxy.places["www"] / "static")
        self.origin.on("/large", Reply(body=large))
        self.origin.on("/chunked", lambda exchange: exchange.reply(body=self.pieces, chunked=True))
        self.origin.on("/unbuffered", lambda exchange: exchange.reply(body=exchange.read_body() + large))
        self.origin.on("/huge", lambda exchange: exchange.reply(body=self.huge, length=sum(map(len, self.huge))))
        for path in ("/echo", "/rate", "/limited/echo", "/collected"):
            self.origin.on(path, lambda exchange: exchange.reply(body=exchange.read_body()))
        upload = self.upload
        self.kinds = {
            "small": lambda: self.get("/small", b"ok\n"),
            "large": lambda: self.get("/large", large),
            "chunked": lambda: self.get("/chunked", b"".join(self.pieces)),
            "small upload": lambda: self.post("/echo", upload[:1000]),
            "upload": lambda: self.post("/echo", upload),
            "chunked upload": lambda: self.post("/echo", upload, chunked=True),
            "both ways": lambda: self.post("/unbuffered", upload, upload + large),
            "keep-alive": self.keep_alive,
            "slow reader": self.slow_reader,
            "Lua": lambda: self.get("/lua", b"ok\n"),
            "TLS": lambda: self.get("/large", large, **self.tls()),
            "TLS upload": lambda: self.post("/echo", upload, **self.tls()),
            "TLS to the origin": lambda: self.get("/secure", b"ok\n"),
        }
        if self.proxy.face == "nginx":
            self.kinds |= {
                "file": lambda: self.get("/static/large.bin", large),
                "file over TLS": lambda: self.get("/static/large.bin", large, **self.tls()),
                "small file": lambda: self.get("/static/small.txt", b"small"),
                "packed file": self.packed,
                "limited rate": lambda: self.post("/rate", upload),
                "limited": lambda: self.get("/limited/small", b"ok\n"),
                "log by name": lambda: self.get("/variable?name=x", b"ok\n"),
                "syslog": lambda: self.get("/syslog", b"ok\n"),
            }
        else:
            self.kinds |= {
                "collected": lambda: self.post("/collected", upload),
                "runtime socket": self.runtime,
            }

    def make_files(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "large.bin").write_bytes(self.large)
        (folder / "small.txt").write_bytes(b"small")
        (folder / "some.packed").write_bytes(self.upload)

    def tls(self):
        return {"port": "tls_port", "tls": self.certs.client_context()}

    # --- one exchange each: the response, after comparing what is right

    def exchange(self, send, body, **options):
        with self.proxy.client(timeout=3 * TIMEOUT, **options) as client:
            client.send_some(send)
            response = client.response()
        assert response.status >= 400 or response.body == body, f"wrong body of {len(response.body)} bytes"
        return response.status

    def get(self, target, body, headers=(), **options):
        return self.exchange(build_request(target, headers=headers), body, **options)

    def post(self, target, body, answer=None, chunked=False, **options):
        headers = [("Transfer-Encoding", "chunked")] if chunked else []
        request = build_request(target, "POST", headers, None if chunked else body)
        return self.exchange(request + (chunk(body) if chunked else b""), answer or body, **options)

    def keep_alive(self):
        with self.proxy.client(timeout=3 * TIMEOUT) as client:
            for _ in range(3):
                response = client.request("/small")
                assert response.status >= 400 or response.body == b"ok\n"
        return response.status

    def slow_reader(self):
        with self.proxy.client(timeout=3 * TIMEOUT, receive_buffer=32768) as client:
            client.send_some(build_request("/huge"))
            time.sleep(0.1)
            response = client.response()
        assert response.status >= 400 or response.body == b"".join(self.huge)
        return response.status

    def packed(self):
        with self.proxy.client(timeout=3 * TIMEOUT) as client:
            response = client.request("/static/some.packed", headers=[("Accept-Encoding", "gzip")])
        if response.status < 400:
            assert zlib.decompress(response.body, 31) == self.upload
        return response.status

    def runtime(self):
        return 200 if "Uptime" in self.proxy.runtime()("show info") else 599

    # --- all of them

    def run(self, without=()):
        return {name: self.one(name) for name in self.kinds if name not in without}

    def one(self, name):
        began = time.monotonic()
        status = 0
        try:
            status = self.kinds[name]()
            result = "right" if status < 400 else "refused"
        except (Closed, ConnectionError, OSError) as problem:
            assert not isinstance(problem, TimeoutError), f"{name}: {problem}"
            result = "cut"
        except ProtocolError as problem:
            raise AssertionError(f"{name}: {problem}") from None
        seconds = time.monotonic() - began
        assert seconds < 2 * TIMEOUT + 1, f"{name} took {seconds:.1f} s"
        return Outcome(name, result, status, seconds)


def _takes_signals(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text("ascii")
    except OSError:
        return False
    return bool(int(re.search(r"SigCgt:\s+(\w+)", status)[1], 16) >> (signal.SIGUSR2 - 1) & 1)


def _channels(pid):
    """How many sockets that do not listen a process has."""
    held = {link(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    return len([target for target in held if target.startswith("socket:[")]) - len(listening_sockets(pid))


def wait_complete(proxy):
    """Until it has all its processes and descriptors: the second standby, whose channel goes to the master, is made while the
    worker serves already, and the worker takes signals last."""

    def complete():
        serving, others = workers(proxy), PROCESSES[proxy.face] - 1
        return (len(proxy.pids()) == others + 1 and len(serving) == 1 and _takes_signals(serving[0])
                and (not others or _channels(proxy.process.pid) >= others))

    net.wait_until(complete, lambda: f"the processes of {proxy.face}, not {proxy.pids()}\n{proxy.log_text()}")


def _open_in(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0  # it was there for a moment only


def _all_open(proxy):
    return {pid: sorted(link(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")) for pid in proxy.pids()}


def descriptors(proxy):
    """How many descriptors its processes have open, together; asked until two answers agree."""
    last, count = None, -1
    while count != last:
        last = count
        time.sleep(0.02)
        count = sum(_open_in(pid) for pid in proxy.pids())
    return count


def assert_no_leak(proxy, origins, before):
    """All connections gone, as many descriptors are open as were before the first."""
    for origin in origins:
        origin.drop_connections()
    net.wait_until(lambda: descriptors(proxy) <= before,
                   lambda: f"{descriptors(proxy)} descriptors, {before} before: {_all_open(proxy)}", 8)


def injected(proxy, site):
    """How many lines the injector wrote about this site (it tells the first eight)."""
    return proxy.log_text().count(f"weir fault: {site}")
