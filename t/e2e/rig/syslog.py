"""A syslog receiver on UDP or a unix datagram socket: keeps every message as text, in order of arrival."""

import re
import socket
import threading

from rig import net


class Syslog:
    def __init__(self, unix=None):
        self.sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(str(unix) if unix else ("127.0.0.1", 0))
        self.unix = unix
        self.messages = []
        self._stopped = False
        threading.Thread(target=self._run, daemon=True).start()

    def __str__(self):
        return str(self.unix) if self.unix else "127.0.0.1:%d" % self.sock.getsockname()[1]

    def _run(self):
        while True:
            data = self.sock.recv(65536)
            if self._stopped:
                self.sock.close()
                return
            self.messages.append(data.decode("utf-8", "replace"))

    def matching(self, pattern):
        return [message for message in self.messages if re.search(pattern, message)]

    def wait_for(self, pattern, count=1, timeout=net.DEADLINE):
        """Waits for `count` messages that match and returns them."""

        def enough():
            found = self.matching(pattern)
            return found if len(found) >= count else None

        return net.wait_until(enough, lambda: f"{count} of /{pattern}/ in {self.messages}", timeout)

    def stop(self):
        address = self.sock.getsockname()
        self._stopped = True
        with socket.socket(self.sock.family, socket.SOCK_DGRAM) as sender:
            try:
                sender.sendto(b"", address)
            except OSError:
                pass  # a late message has ended the receiver already
