"""The process under test: starts the real binary in one of its faces on a configuration made from a template, and
checks at the end that it left in peace: exit code, no sanitizer report, no process left over."""

import contextlib
import functools
import getpass
import grp
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from rig import net
from rig.haproxy_socket import RuntimeSocket
from rig.http1 import Client

E2E = pathlib.Path(__file__).resolve().parent.parent
CONF = E2E / "conf"
FACES = ("nginx", "haproxy", "weir")
# For tests that measure memory: AddressSanitizer would keep what was freed, up to 256 MiB of it.
FREED_IS_FREE = {"ASAN_OPTIONS": "quarantine_size_mb=0:thread_local_quarantine_size_kb=0"}
CONF_FILE = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "weir": "weir.conf"}

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_SANITIZER = re.compile(r"(ERROR|WARNING): \w+Sanitizer|SUMMARY: \w+Sanitizer|:\d+:\d+: runtime error: ")
_NO_LOGS = re.compile(r"\.(conf|cfg|pem|key|crt|lua)$")


def binary():
    """The weir to test. A missing one is an error, never a skip."""
    path = pathlib.Path(os.environ.get("WEIR_BINARY") or E2E.parent.parent / "build" / "weir").absolute()
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"no weir to test at {path}: build it or set WEIR_BINARY")
    return path


@functools.cache
def sanitized(library=b"san.so"):
    """Whether the weir to test was built with a sanitizer, or with the one that `library` belongs to."""
    return library in subprocess.run(["ldd", binary()], capture_output=True, check=True).stdout


def faces(*names, only=FACES):
    """Parametrises `face` over the faces that have a conf/NAME.FACE for every name."""
    found = [face for face in only if all((CONF / f"{name}.{face}").exists() for name in names)]
    assert found, f"no face has conf files for {names}"
    return pytest.mark.parametrize("face", found)


def _user():
    return f"{getpass.getuser()} {grp.getgrgid(os.getgid()).gr_name}"


class Weir:
    """One running weir. Made by the `weir` fixture, which also stops it."""

    def __init__(self, face, directory, template, places, environment=None):
        self.face = face
        self.environment = environment or {}
        self.dir = pathlib.Path(directory)
        self.process = None
        # Exit codes that are in order; None: any. HAProxy without a master has no handler for SIGTERM and dies of it.
        self.expect_exit = (0, -signal.SIGTERM) if face == "haproxy" else (0,)
        self._reservations = {}
        self.places = {"dir": str(self.dir), "conf": str(CONF), "user": _user(), **places}
        self.conf = self.dir / CONF_FILE[face]
        self.conf.write_text(self.render(template), "utf-8")

    def render(self, template):
        """Fills in the {placeholders}. Ones ending in `port` that have no value are reserved ports, and `dead` is an
        address where nobody listens."""
        return _PLACEHOLDER.sub(lambda match: str(self._place(match[1])), template)

    def _place(self, name):
        if name not in self.places:
            if not name.endswith("port") and name != "dead":
                raise KeyError(f"no value for placeholder {{{name}}}")
            reservation = self._reservations[name] = net.PortReservation()
            self.places[name] = f"127.0.0.1:{reservation.port}" if name == "dead" else reservation.port
        return self.places[name]

    @property
    def port(self):
        return self.places["port"]

    # --- running

    def command(self, *arguments):
        """The command line of this face; without arguments the one that runs the configuration in the foreground."""
        if self.face == "weir":
            return [str(binary()), *(arguments or ("run", "-c", str(self.conf)))]
        link = self.dir / self.face
        if not link.is_symlink():
            link.symlink_to(binary())
        if self.face == "nginx":
            own = ["-p", f"{self.dir}/", "-c", str(self.conf), "-e", str(self.dir / "startup.log")]
            return [str(link), *own, *arguments]
        return [str(link), *(arguments or ("-db", "-f", str(self.conf)))]

    def run(self, *arguments, timeout=60):
        """Runs the binary to its end, as for `-t`, `-v` or `check`; returns the CompletedProcess."""
        return subprocess.run(self.command(*arguments), cwd=self.dir, env=self._environment(), capture_output=True,
                              text=True, timeout=timeout, check=False)

    def start(self, *arguments, wait=True, pass_fds=()):
        with open(self.dir / "stdout", "ab") as out, open(self.dir / "stderr", "ab") as err:
            self.process = subprocess.Popen(self.command(*arguments), cwd=self.dir, env=self._environment(),
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
                                            pass_fds=pass_fds)
        if wait:
            net.wait_until(self._is_up, lambda: f"{self.face} listening on its ports\n{self.log_text()}")
        return self

    def _environment(self):
        environment = {**os.environ, **self.environment}
        for kind in ("ASAN", "UBSAN", "TSAN"):  # a worker's stderr may be closed: reports go to files of this directory
            name = f"{kind}_OPTIONS"
            options = [os.environ.get(name), self.environment.get(name), f"log_path={self.dir}/sanitizer.{kind.lower()}"]
            environment[name] = ":".join(filter(None, options))
        return environment

    def _is_up(self):
        if self.process.poll() is not None:
            self.expect_exit = None
            raise AssertionError(f"{self.face} exited with {self.process.returncode} at start\n{self.log_text()}")
        ports = [value for name, value in self.places.items() if name in self._reservations and name.endswith("port")]
        return all(net.is_listening(port) for port in ports)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=net.DEADLINE):
        """Waits for the first process to end and returns its exit code."""
        return self.process.wait(timeout)

    def stop(self):
        """SIGTERM, then the checks. Returns a list of complaints; what still runs afterwards is killed."""
        complaints = []
        if self.process:
            complaints += self._end_process()
            complaints += self._end_leftovers()
        if report := next((text for text in self.logs().values() if _SANITIZER.search(text)), None):
            complaints.append(f"a sanitizer reported:\n{report}")
        for reservation in self._reservations.values():
            reservation.release()
        return complaints

    def _end_process(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(net.DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return [f"did not stop within {net.DEADLINE} s of SIGTERM"]
        if self.expect_exit is not None and code not in self.expect_exit:
            return [f"exit code {code}, not one of {self.expect_exit}"]
        return []

    def _end_leftovers(self):
        deadline = time.monotonic() + 5
        while (left := self.pids()) and time.monotonic() < deadline:
            time.sleep(0.01)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return [f"processes left over: {left}"] if left else []

    # --- looking at it

    def pids(self):
        """The live processes of this weir: its session's members, so also orphans of a killed master."""
        return [pid for pid, _ in self._members()]

    def children(self):
        """Those whose parent is the first process: no helper that one of them forked for a moment."""
        return [pid for pid, parent in self._members() if parent == self.process.pid]

    def _members(self):
        session, found = str(self.process.pid), []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[3] == session and fields[0] != "Z":
                found.append((int(entry.name), int(fields[1])))
        return found

    def rss(self):
        """Resident bytes of all its processes together that belong to no file, pages that they share counted once (the sum of
        Pss_Anon). Pages of the program count less while another test runs the same one."""
        total = 0
        for pid in self.pids():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
            except OSError:
                continue
            total += int(re.search(r"^Pss_Anon:\s+(\d+) kB", text, re.M)[1]) * 1024
        return total

    def logs(self):
        """{file name: text} of everything that it wrote into its directory and to stdout and stderr."""
        texts = {}
        for path in sorted(self.dir.iterdir()):
            if path.is_file() and not path.is_symlink() and not _NO_LOGS.search(path.name):
                with contextlib.suppress(FileNotFoundError):  # moved or removed meanwhile
                    texts[path.name] = path.read_text("utf-8", "replace")
        return texts

    def log_text(self):
        return "".join(f"--- {name}\n{text}" for name, text in self.logs().items() if text)

    def wait_log(self, pattern, flags=re.IGNORECASE, timeout=net.DEADLINE):
        """Waits for a log line that matches, and returns it."""

        def find():
            return next((line for line in self.log_text().splitlines() if re.search(pattern, line, flags)), None)

        return net.wait_until(find, lambda: f"a log line /{pattern}/ in\n{self.log_text()}", timeout)

    # --- talking to it

    def client(self, port=None, **options):
        """A raw client connection to its port (`port`: the name of another placeholder)."""
        return Client(self.places[port or "port"], **options)

    def get(self, target="/", method="GET", headers=(), body=None, **options):
        """One request on a connection of its own."""
        with self.client(**options) as client:
            return client.request(target, method, headers, body)

    def runtime(self, name="admin.sock"):
        """The HAProxy runtime socket at {dir}/NAME, which is bound after the ports are."""
        net.wait_until((self.dir / name).exists, lambda: f"{name}\n{self.log_text()}")
        return RuntimeSocket(self.dir / name)

    def url(self, target="/", scheme="http", port="port"):
        return f"{scheme}://127.0.0.1:{self.places[port]}{target}"


def remove(directory):
    shutil.rmtree(directory, ignore_errors=True)
