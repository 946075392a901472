"""Sentences about mistakes: each says one thing, once."""

import signal

import pytest

from rig import net

CONF = """
global
    {more}
defaults
    mode http
    timeout client {time}
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200
"""


@pytest.fixture
def make(weir):
    return lambda more="", time="5s": weir("haproxy", text=CONF, start=False, more=more, time=time)


def refused(proxy, *arguments):
    result = proxy.run(*(arguments or ("-c", "-f", str(proxy.conf))))
    assert result.returncode == 1
    return result.stderr


def test_a_chroot_that_is_a_file(make):
    assert "'/etc/passwd' is no folder" in refused(make("chroot /etc/passwd"))


def test_a_time_that_is_none_is_said_once(make):
    text = refused(make(time="abc"))
    assert text.count("'abc' is not a time") == 1


def test_a_wrong_level_is_no_planned_word(make):
    text = refused(make("stats socket /tmp/none.sock level adm"))
    assert "'adm' is not a level of rights" in text and "not built yet" not in text


def test_a_folder_without_configurations(make):
    proxy = make()
    folder = proxy.dir / "empty"
    folder.mkdir()
    assert f"there is no *.cfg in the folder {folder}" in refused(proxy, "-c", "-f", str(folder))


def test_a_master_socket_that_was_removed_comes_back_with_a_reload(make):
    proxy = make()
    path = proxy.dir / "m.sock"
    proxy.start("-W", "-db", "-S", str(path), "-f", str(proxy.conf))
    assert "worker" in proxy.runtime("m.sock")("show proc")
    path.unlink()
    proxy.signal(signal.SIGUSR2)
    proxy.wait_log("serves the new configuration")
    assert "worker" in proxy.runtime("m.sock")("show proc")
    proxy.signal(signal.SIGUSR2)  # one that is there stays as it is
    net.wait_until(lambda: proxy.log_text().count("serves the new configuration") == 2, proxy.log_text)
    assert "worker" in proxy.runtime("m.sock")("show proc")
