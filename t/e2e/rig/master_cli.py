"""The master's command line (-S): connections that stay open, single commands, and what `show proc` says."""

import re
import socket

from rig import net
from rig.haproxy_socket import RuntimeSocket


class Chat:
    """One connection to a command line that stays open: text in, text out."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(net.DEADLINE)
        self.socket.connect(str(path))
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def until(self, end):
        """What comes until the text `end`, which is cut off."""
        while end not in self.text:
            data = self.socket.recv(65536)
            assert data, f"closed before {end!r}; got {self.text!r}"
            self.text += data.decode()
        head, _, self.text = self.text.partition(end)
        return head

    def rest(self):
        while data := self.socket.recv(65536):
            self.text += data.decode()
        return self.text


class MasterSocket(RuntimeSocket):
    """One command, then the end of input: the master's command line has no mode that closes after a line."""

    def __call__(self, command):
        with Chat(self.path) as chat:
            chat.send(command)
            chat.socket.shutdown(socket.SHUT_WR)
            return chat.rest().rstrip("\n")


def processes(master):
    """`show proc` as {"master": [row], "worker": [rows], "old": [rows]}; a row is pid, reloads, uptime, version."""
    out = {"master": [], "worker": [], "old": []}
    kind = "master"
    for line in master("show proc").splitlines():
        if line.startswith("# "):
            kind = {"# workers": "worker", "# old workers": "old"}[line]
        elif not line.startswith("#") and line:
            out[kind].append(re.split(r"\s{2,}", line.strip()))
    return out
