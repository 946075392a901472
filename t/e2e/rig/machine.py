"""A machine of its own for configurations with fixed names, addresses, ports and paths: a network and a mount namespace in
which a test's function runs, and a second network beside it with the servers. Needs root."""

import contextlib
import ctypes
import http.client
import http.server
import os
import pathlib
import pickle
import socket
import ssl
import subprocess
import sys
import threading

from rig import net

E2E = pathlib.Path(__file__).resolve().parent.parent


def can_be_made():
    return subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True).returncode == 0


def run(function, *arguments):
    """Runs module.function(*arguments) inside; what it raises fails the test."""
    code = ("import pickle, sys; sys.path.insert(0, sys.argv[1]); "
            "function, arguments = pickle.loads(bytes.fromhex(sys.argv[2])); function(*arguments)")
    done = subprocess.run(["unshare", "--net", "--mount", "--fork", "--kill-child", sys.executable, "-c", code, str(E2E),
                           pickle.dumps((function, arguments)).hex()], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def shell(*words):
    subprocess.run(words, check=True, capture_output=True)


SERVERS = "/run/netns/servers"


def set_up(addresses, files=(), names=()):
    """The addresses are the servers'; `files` are pairs of a path and its bytes, whose folders hold nothing else; `names` are pairs of
    an address and a name."""
    shell("ip", "link", "set", "lo", "up")
    shell("mount", "-t", "tmpfs", "tmpfs", "/run")
    shell("ip", "netns", "add", "servers")
    shell("ip", "link", "add", "there", "type", "veth", "peer", "name", "here", "netns", "servers")
    shell("ip", "address", "add", "10.255.0.1/32", "dev", "there")
    shell("ip", "link", "set", "there", "up")
    within = ("ip", "-n", "servers")
    shell(*within, "link", "set", "here", "up")
    shell(*within, "route", "add", "10.255.0.1/32", "dev", "here")
    for address in addresses:
        shell(*within, "address", "add", f"{address}/32", "dev", "here")
        shell("ip", "route", "add", f"{address}/32", "dev", "there", "src", "10.255.0.1")
    for folder in sorted({str(pathlib.Path(path).parent) for path, _ in files}):
        os.makedirs(folder, exist_ok=True)
        shell("mount", "-t", "tmpfs", "tmpfs", folder)
    for path, content in files:
        pathlib.Path(path).write_bytes(content)
    if names:
        shell("mount", "-t", "tmpfs", "tmpfs", "/mnt")
        pathlib.Path("/mnt/hosts").write_text("".join(f"{address} {name}\n" for address, name in names), "ascii")
        shell("mount", "--bind", "/mnt/hosts", "/etc/hosts")


def enter_servers_network():
    """For the thread that calls it, from here on."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(SERVERS, "rb") as there:
        assert libc.setns(there.fileno(), 0) == 0


CAP_SYS_NICE = 23  # capabilities(7)
_PR_CAPBSET_DROP = 24  # prctl(2)


def drop_capability(number):
    """For the programs that the calling thread starts from here on."""
    assert ctypes.CDLL(None, use_errno=True).prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) == 0


class Origin:
    """Answers with its name, and keeps what it was asked for; a health probe is asked for like anything else. `here`: in the network of
    the program under test, not in the servers' one."""

    def __init__(self, name, address, port, here=False):
        self.name, self.place, self.here = name, (address, port), here
        self.seen = []
        self.open = set()
        self.server = None
        self.start()

    def start(self):
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                origin.open.add(self.connection)

            def finish(self):
                origin.open.discard(self.connection)
                super().finish()

            def do_GET(self):
                origin.seen.append((self.path, dict(self.headers)))
                self.send_response(200)
                self.send_header("Content-Length", str(len(origin.name)))
                self.end_headers()
                self.wfile.write(origin.name.encode())

            def log_message(self, *_):
                pass

        ready = threading.Event()

        def serve():
            if not self.here:
                enter_servers_network()
            self.server = http.server.ThreadingHTTPServer(self.place, Handler)
            self.server.daemon_threads = True
            self.server.handle_error = lambda *_: None  # health checks leave as they like
            ready.set()
            self.server.serve_forever(0.05)

        threading.Thread(target=serve, daemon=True).start()
        assert ready.wait(20), self.name

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Running:
    """A program in the foreground until the block ends."""

    def __init__(self, command, port):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.port = port

    def __enter__(self):
        net.wait_until(self._listens, lambda: f"port {self.port}")
        return self

    def _listens(self):
        assert self.process.poll() is None, self.process.stdout.read()
        try:
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=5).connect()
        except OSError:
            return False
        return True

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def get_from_servers(path, port):
    """As get(), from the servers' network to this machine's address there."""
    answers = []

    def ask():
        enter_servers_network()
        answers.append(get(path, port, to="10.255.0.1"))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return answers[0]


def get(path, port=80, host="example.com", tls=False, to="127.0.0.1", headers=None):
    """The status and the body of one request on a connection of its own."""
    if tls:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(to, port, context=context, timeout=20)
    else:
        connection = http.client.HTTPConnection(to, port, timeout=20)
    connection.request("GET", path, headers={"Host": host, **(headers or {})})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body
