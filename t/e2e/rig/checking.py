"""Clients that check every answer while the proxy under them is replaced: one complete and right reply to each request, no close
that was not announced with `Connection: close`, no connection attempt refused."""

import threading
import time

from rig.http1 import Client, Closed, ProtocolError


class Checkers:
    """`keep` clients that stay connected and ask one request after the other, and `fresh` ones with a new connection for
    each. The server answers /echo?N with N."""

    def __init__(self, port, keep=16, fresh=4, pause=0.0):
        self.port = port
        self.answered = 0
        self.lost = []  # (time, what) of requests without their reply and closes without notice
        self.refused = []  # (time, what) of connection attempts
        self.longest = 0.0  # seconds without any answer at all
        self._pause = pause
        self._last = time.monotonic()
        self._lock = threading.Lock()
        self._over = threading.Event()
        jobs = [self._stay] * keep + [self._come_and_go] * fresh
        self._threads = [threading.Thread(target=self._run, args=(job, i), daemon=True) for i, job in enumerate(jobs)]

    def __enter__(self):
        self._last = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self._over.set()
        for thread in self._threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in self._threads), "a client hangs"

    def _run(self, job, number):
        while not self._over.is_set():
            try:
                client = Client(self.port)
            except OSError as problem:
                self._note(self.refused, repr(problem))
                self._over.wait(0.01)
                continue
            try:
                with client:
                    job(client, number)
            except (Closed, ProtocolError, OSError, AssertionError) as problem:
                self._note(self.lost, repr(problem))

    def _stay(self, client, number):
        for i in range(1 << 30):
            if self._over.is_set() or not self._ask(client, f"{number}.{i}"):
                return
            if self._pause:
                self._over.wait(self._pause)

    def _come_and_go(self, client, number):
        self._ask(client, f"{number}.{time.monotonic_ns()}", [("Connection", "close")])

    def _ask(self, client, word, headers=()):
        """False: the server has announced the end of the connection, and closed it."""
        reply = client.request(f"/echo?{word}", headers=headers)
        assert (reply.status, reply.body) == (200, word.encode()), f"{reply.status} {reply.body!r} for {word}"
        now = time.monotonic()
        with self._lock:
            self.answered += 1
            self.longest = max(self.longest, now - self._last)
            self._last = now
        if (reply.header("Connection") or "").lower() != "close":
            return True
        assert client.closed(), "open behind Connection: close"
        return False

    def _note(self, where, what):
        with self._lock:
            where.append((time.monotonic(), what))
