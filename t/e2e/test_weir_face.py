"""The weir face's own command line: ports, words that are not understood, reloading."""

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
