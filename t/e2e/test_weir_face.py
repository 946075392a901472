"""The weir face's own command line: ports, words that are not understood, reloading."""

import os
import pathlib
import re
import signal

import pytest

from rig import net

CONF = "http { server { listen 127.0.0.1:{port}; location / { return 200 one; } } }\n"


@pytest.fixture
def face(weir):
    return weir("weir", text=CONF, start=False)


@pytest.mark.parametrize("name", ["PORT", "STATS_PORT"])
@pytest.mark.parametrize("value", ["abc", "0", "70000", "-1", "20105 "])
def test_a_bad_port_is_named(face, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    done = face.run("run")
    assert done.returncode == 1
    assert f'{name}="{value}" is not a port' in done.stderr


def test_equal_ports_are_refused(face, monkeypatch):
    monkeypatch.setenv("PORT", "8404")
    done = face.run("run")
    assert done.returncode == 1 and "PORT and STATS_PORT are both 8404" in done.stderr


@pytest.mark.parametrize("arguments, word", [(["chekc"], 'no command "chekc"; did you mean check?'),
                                             (["frobnicate"], 'no command "frobnicate"'),
                                             (["run", "--frobnicate"], "--frobnicate"), (["check"], "FILE")])
def test_a_command_line_that_is_not_understood(face, arguments, word):
    done = face.run(*arguments)
    assert done.returncode == 2
    assert word in done.stderr


def test_a_file_without_anything_is_refused_by_check_and_run(face):
    face.conf.write_text("# nothing\n", "utf-8")
    for done in (face.run("check", str(face.conf)), face.run("run", "-c", str(face.conf))):
        assert done.returncode == 1
        assert "the configuration listens nowhere" in done.stdout + done.stderr


def test_the_units_command_reloads(face):
    unit = (pathlib.Path(__file__).parents[2] / "contrib" / "systemd" / "weir.service").read_text("utf-8")
    words = re.search(r"^ExecStart=\S+ (.*) -c \S+$", unit, re.M)[1].split()
    proxy = face.start(*words, "-c", str(face.conf))
    assert proxy.get().body == b"one"
    proxy.conf.write_text(proxy.conf.read_text("utf-8").replace("one", "two"), "utf-8")
    proxy.signal(signal.SIGHUP)
    net.wait_until(lambda: proxy.get().body == b"two", "the new configuration")


def test_without_a_master_a_reload_does_nothing_and_says_so(face):
    proxy = face.start()
    proxy.signal(signal.SIGHUP)
    proxy.wait_log("SIGHUP does nothing: only a master process reloads")
    assert proxy.get().body == b"one"


def test_a_file_that_listens_nowhere_is_refused_at_a_reload_too(face):
    proxy = face.start("run", "-W", "-c", str(face.conf))
    proxy.conf.write_text("# nothing\n", "utf-8")
    proxy.signal(signal.SIGHUP)
    proxy.wait_log("the configuration listens nowhere")
    assert proxy.get().body == b"one"


PLANNED = """
defaults { mode http; timeout connect 2s; timeout client 20s; timeout server 20s; }
frontend web { bind 127.0.0.1:{port}; default_backend b; }
backend b { email-alert to x; server s1 127.0.0.1:1; }
"""


def test_a_strict_check_refuses_what_a_start_refuses(weir):
    face = weir("weir", text=PLANNED, start=False)
    assert face.run("check", str(face.conf)).returncode == 0
    strict = face.run("check", "--strict", str(face.conf))
    assert strict.returncode == 1 and "refused (0 errors, 0 warnings, 1 not yet built)" in strict.stdout
    assert face.run("check", "--strict", "--allow-planned", str(face.conf)).returncode == 0
    assert face.run("run", "-c", str(face.conf)).returncode == 1
    face.conf.write_text("upstream u { server 127.0.0.1:1; }\n", "utf-8")
    strict = face.run("check", "--strict", str(face.conf))
    assert strict.returncode == 1 and "the configuration listens nowhere" in strict.stdout


def test_the_unit_checks_what_it_starts():
    unit = (pathlib.Path(__file__).parents[2] / "contrib" / "systemd" / "weir.service").read_text("utf-8")
    assert len(re.findall(r"^Exec(StartPre|Reload)=\S+ check --strict \S+$", unit, re.M)) == 2


@pytest.fixture
def in_background(face):
    """Starts it with -D; what it said at the start is returned beside it."""
    started = []

    def make():
        face.places["port"]
        done = face.run("run", "-D", "-p", str(face.dir / "pid"), "-c", str(face.conf))
        assert done.returncode == 0, done.stderr
        started.append(int((face.dir / "pid").read_text("ascii")))
        return started[0], done.stderr

    yield make
    for pid in started:
        os.kill(pid, signal.SIGTERM)
        net.wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "its end")


def test_in_the_background_a_refused_reload_is_in_the_error_log(face, in_background):
    face.conf.write_text("error_log " + str(face.dir / "error.log") + ";\n" + face.conf.read_text("utf-8"), "utf-8")
    pid, said = in_background()
    assert "told nowhere" not in said
    face.conf.write_text("bogus;\n", "utf-8")
    os.kill(pid, signal.SIGHUP)
    face.wait_log(r'^\S+ \S+ \[emerg\] .*unknown directive "bogus" in .*weir.conf:1$')
    assert face.get().body == b"one"


def test_in_the_background_without_an_error_log_it_says_that_nothing_is_told(in_background):
    _, said = in_background()
    assert "is told nowhere: name an error_log" in said
