"""The workers of one weir with a master, one after the other."""

import contextlib
import os
import re
import signal

from rig import net
from rig.proxy import sanitized


def _threads(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""  # closed meanwhile


def listening_sockets(pid):
    """Inodes of the TCP sockets that the process holds and that listen."""
    held = (link(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
    return {target[8:-1] for target in held if target.startswith("socket:[")} & {inode for _, inode in net.listeners()}


def listens(pid):
    """Whether the process lives and has a listening TCP socket."""
    try:
        return bool(listening_sockets(pid))
    except OSError:
        return False


def workers(proxy):
    """Those that serve. What has one thread is the master, a standby, or not that far yet; ThreadSanitizer adds one."""
    return [pid for pid in proxy.pids() if _threads(pid) > 1 + sanitized(b"libtsan")]


class Generations:
    """A weir with a master, whose worker is replaced."""

    def __init__(self, proxy):
        self.proxy = proxy
        proxy.wait_log("Loading success|start worker process")  # it listens before

    def served(self):
        return len(re.findall("serves the new configuration|serves again", self.proxy.log_text()))

    def workers(self):
        return workers(self.proxy)

    def worker(self):
        """The only one, when it serves."""

        def only():
            found = self.workers()
            return len(found) == 1 and found[0]

        return net.wait_until(only, lambda: f"one worker, not {self.workers()}")

    def reload(self):
        before = self.served()
        self.proxy.signal(signal.SIGHUP)
        net.wait_until(lambda: self.served() > before, lambda: f"a new worker\n{self.proxy.log_text()}")

    def reload_and_drain(self):
        """Until the old worker, which stays, does not listen any more."""
        old = self.worker()
        self.reload()
        net.wait_until(lambda: not listens(old), lambda: f"{old} to drain\n{self.proxy.log_text()}")

    def kill(self):
        before = self.served()
        for pid in self.workers():
            with contextlib.suppress(ProcessLookupError):  # an old one that has just ended
                os.kill(pid, signal.SIGKILL)
        net.wait_until(lambda: self.served() > before, lambda: f"a new worker\n{self.proxy.log_text()}")
