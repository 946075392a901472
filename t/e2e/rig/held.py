"""Requests that an origin answers when it is told to, in the order that they came."""

import threading

from rig import net


class Held:
    def __init__(self, origin):
        self._freed = threading.Semaphore(0)
        self.paths = []
        origin.default = self._serve

    def _serve(self, exchange):
        self.paths.append(exchange.request.path)
        assert self._freed.acquire(timeout=net.DEADLINE)
        exchange.reply(body=b"done")

    def free(self, count=1):
        self._freed.release(count)

    def wait(self, count):
        net.wait_until(lambda: len(self.paths) >= count, f"{count} requests on the origin")
