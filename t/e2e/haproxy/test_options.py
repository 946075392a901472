"""The options of `haproxy`: each does what HAProxy's manual says, or says why it has no effect here."""

import contextlib
import os
import re
import signal

import pytest

from rig import net
from rig.generations import Generations
from rig.proxy import sanitized

CONF = """
global
    nbthread 1
    stats socket {dir}/admin.sock level admin

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain string one
"""


@pytest.fixture
def face(weir):
    return weir("haproxy", text=CONF, start=False)


@pytest.mark.parametrize("option", ["-4", "-d", "-dA/tmp/x.tar", "-dC12", "-dF", "-dG", "-dI", "-dM", "-dM0x55,tag", "-dS",
                                    "-dT", "-dZ", "-dc", "-de", "-dk", "-dp", "-dt", "-dv", "-dX"])
def test_options_without_effect_say_so(face, option):
    done = face.run("-c", option, "-f", str(face.conf))
    assert done.returncode == 0 and done.stdout == ""
    warnings = [line for line in done.stderr.splitlines() if line.startswith("[WARNING]")]
    assert len(warnings) == 1 and re.search(r": -\S+( with a key)? has no effect in weir: ", warnings[0])
    assert face.run("-c", "-q", option, "-f", str(face.conf)).stderr == ""
    assert face.run("-c", "-dW", option, "-f", str(face.conf)).returncode == 0


@pytest.mark.parametrize("option", ["-V", "-dD", "-dR", "-dV", "-dW", "-dr", "-db", "-W", "-Ws", "-D"])
def test_options_that_a_check_takes_in_silence(face, option):
    done = face.run("-c", option, "-f", str(face.conf))
    assert (done.returncode, done.stderr) == (0, "")


def test_traces_may_name_what_is_traced(face):
    assert face.run("-dt", "h1:developer", "-c", "-f", str(face.conf)).returncode == 0


def test_a_dump_goes_without_a_start(face):
    plain = face.run("-dC", "-f", str(face.conf))
    assert plain.returncode == 0 and "frontend web" in plain.stdout
    hidden = face.run("-dC42", "-f", str(face.conf))
    assert hidden.returncode == 0 and hidden.stdout == ""
    assert "memory" in face.run("-dMhelp").stdout
    missing = face.run("-dA")
    assert missing.returncode == 1 and "-dA: missing output file name" in missing.stderr


def test_the_libraries_are_listed(face):
    done = face.run("-dL", "-q", "-c", "-f", str(face.conf))
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("/") and any("/libssl.so" in line for line in lines[1:])
    lines = face.run("-dL", "-V", "-c", "-f", str(face.conf)).stdout.splitlines()
    assert re.fullmatch(r"0x[0-9a-f]{12}-0x[0-9a-f]{12} \(0x[0-9a-f]+\) /\S+", lines[0])


NO_LIMIT = pytest.mark.skipif(sanitized(), reason="a sanitizer maps more memory than any limit would leave")


@NO_LIMIT
def test_a_limit_that_is_too_low_is_told(face):
    done = face.run("-db", "-m", "1", "-f", str(face.conf))
    assert done.returncode == 1 and "cannot start thread 1 of 1: " in done.stderr


@NO_LIMIT
@pytest.mark.parametrize("how, processes", [(("-db",), 1), (("-W", "-db"), 4)], ids=["alone", "master"])
def test_memory_is_limited(face, how, processes):
    face.start(*how, "-m", "512", "-f", str(face.conf))

    def limits():
        found = []
        for pid in face.pids():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/limits", encoding="ascii") as lines:
                found += [line.split()[3:5] for line in lines if line.startswith("Max data size")]
        return found

    net.wait_until(lambda: limits() == [[str(512 << 20)] * 2] * processes, lambda: f"the limit of all processes: {limits()}")
    assert face.runtime().info()["Memmax_MB"] == "512"
    assert face.get().body == b"one"


def test_limits_of_connections(face):
    face.start("-db", "-n", "77", "-N", "33", "-f", str(face.conf))
    assert face.runtime().info()["Maxconn"] == "77"
    assert face.runtime().stat()["web", "FRONTEND"]["slim"] == "33"


@pytest.mark.parametrize("arguments, words", [
    ([], "Usage : "), (["-x"], "Unix socket path expected with the -x flag"),
    (["-S"], "Socket and optional bind parameters expected with the -S flag"), (["-f"], "Usage : "), (["-z"], "Usage : "),
    (["-sf", "12x"], "some bytes unconsumed in PID list {x}"), (["what"], "Usage : "), (["-C", "/none", "-f", "x"],
                                                                       "Could not change to directory /none")])
def test_command_lines_that_are_refused(face, arguments, words):
    if arguments:
        done = face.run(*arguments)
        assert done.returncode == 1 and words in done.stderr


def test_without_reuseport_the_port_cannot_be_shared(face, weir):
    face.start("-db", "-dR", "-f", str(face.conf))
    other = weir("haproxy", text=CONF, start=False, port=face.port)
    done = other.run("-db", "-dR", "-f", str(other.conf))
    assert done.returncode == 1 and "cannot bind socket (Address already in use)" in done.stderr


def test_the_last_of_several_old_sockets_counts(face):
    done = face.run("-db", "-x", "/none/a", "-x", "/none/b", "-f", str(face.conf))
    assert "-x option already set, overwriting the value" in done.stderr and "'/none/b'" in done.stderr


def test_startup_logs_are_shown_by_the_process_that_was_started(face):
    face.start("-db", "-dS", "-f", str(face.conf))
    log = face.runtime()("show startup-logs")
    assert "haproxy version is 3.5" in log and "-dS has no effect in weir" in log
    face.signal(signal.SIGTERM)
    assert face.wait() in (0, -signal.SIGTERM)
    net.wait_until(lambda: not face.pids(), "the end")


DAEMON = CONF.replace("    nbthread 1\n", "    nbthread 1\n    daemon\n    pidfile {dir}/pid\n")


@pytest.mark.parametrize("how", [("-db",), ("-d",), ("-Ws",), ("-W", "-db")], ids=" ".join)
def test_the_command_line_keeps_in_the_foreground_what_the_file_sends_away(weir, how):
    face = weir("haproxy", text=DAEMON, start=False)
    face.start(*how, "-f", str(face.conf))
    pid_file = face.dir / "pid"
    net.wait_until(lambda: pid_file.exists() and pid_file.read_text("ascii").endswith("\n"), "the pid file")
    assert int(pid_file.read_text("ascii")) == face.process.pid


@pytest.mark.parametrize("how", [("-D", "-db"), ("-d", "-D"), ("-Ws", "-D"), ()], ids=" ".join)
def test_into_the_background(weir, how):
    """-D wins over what would keep it in the foreground."""
    face = weir("haproxy", text=DAEMON if not how else DAEMON.replace("    daemon\n", ""), start=False)
    face.places["port"]
    done = face.run(*how, "-f", str(face.conf), timeout=20)
    assert done.returncode == 0, done.stderr
    pid = int((face.dir / "pid").read_text("ascii"))
    try:
        assert face.get().body == b"one"
    finally:
        os.kill(pid, signal.SIGTERM)
        net.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "its end")


def test_limits_of_connections_hold_after_a_reload(face):
    face.start("-W", "-db", "-n", "77", "-f", str(face.conf))
    generations = Generations(face)
    before = str(generations.worker())
    generations.reload_and_drain()
    info = face.runtime().info()
    assert info["Pid"] != before and info["Maxconn"] == "77"


def test_warnings_refuse_a_reload_too(face):
    face.start("-W", "-db", "-dW", "-f", str(face.conf))
    face.conf.write_text(face.conf.read_text("utf-8").replace("string one", "string two") + "frontend idle\n", "utf-8")
    face.signal(signal.SIGUSR2)
    face.wait_log("Some warnings were found and 'zero-warning' is set. Aborting.")
    assert face.get().body == b"one"
