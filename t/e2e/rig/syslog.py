"""Syslog receivers: on UDP or a unix datagram socket, one message each; on TCP, the bytes of all connections as they come.
They keep everything as text, in order of arrival."""

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

        assert count > 0, "what to wait for?"
        return net.wait_until(enough, lambda: f"{count} of /{pattern}/ in {self.messages}", timeout)

    def stop(self):
        address = self.sock.getsockname()
        self._stopped = True
        with socket.socket(self.sock.family, socket.SOCK_DGRAM) as sender:
            try:
                sender.sendto(b"", address)
            except OSError:
                pass  # a late message has ended the receiver already


class SyslogStream:
    """Listens on TCP at a free port. `text` is what came, over all connections."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.text = ""
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __str__(self):
        return f"127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(sock)
            threading.Thread(target=self._read, args=(sock,), daemon=True).start()

    def _read(self, sock):
        try:
            while data := sock.recv(65536):
                self.text += data.decode("utf-8", "replace")
        except OSError:
            pass  # the test has cut it

    def wait_for(self, pattern, timeout=net.DEADLINE):
        """Waits until the text has a match, and returns that."""
        return net.wait_until(lambda: re.search(pattern, self.text), lambda: f"/{pattern}/ in {self.text!r}", timeout)

    def drop(self):
        """Cuts the connections that there are; new ones are taken."""
        for sock in self.connections:
            sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self.connections.clear()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop()
