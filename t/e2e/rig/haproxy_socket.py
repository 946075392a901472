"""The client of HAProxy's runtime socket: one command per connection, the answer until the other side closes."""

import csv
import io
import socket


class RuntimeSocket:
    def __init__(self, path, timeout=15):
        self.path = str(path)
        self.timeout = timeout

    def __call__(self, command):
        """Sends a command (or several with `;`) and returns the answer without its final empty line."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(self.timeout)
            sock.connect(self.path)
            sock.sendall(command.encode() + b"\n")
            pieces = []
            while data := sock.recv(65536):
                pieces.append(data)
        return b"".join(pieces).decode().rstrip("\n")

    def stat(self):
        """`show stat` as {(proxy, service): {column: value}}."""
        rows = csv.DictReader(io.StringIO(self("show stat").removeprefix("# ")))
        return {(row["pxname"], row["svname"]): row for row in rows}

    def info(self):
        """`show info` as {name: value}."""
        return dict(line.split(": ", 1) for line in self("show info").splitlines() if ": " in line)

    def servers(self, backend=""):
        """`show servers state` as {(backend, server): {column: value}}."""
        version, names, *lines = self(f"show servers state {backend}".rstrip()).splitlines()
        assert version == "1", version
        columns = names.removeprefix("# ").split()
        rows = [dict(zip(columns, line.split())) for line in lines if line]
        return {(row["be_name"], row["srv_name"]): row for row in rows}
