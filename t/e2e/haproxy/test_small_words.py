"""Sentences about mistakes: each says one thing, once."""

import signal
import socket

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


def test_a_chroot_that_is_still_to_be_made(make):
    proxy = make(f"chroot {make().dir}/none")
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert checked.returncode == 0, checked.stderr
    started = proxy.run("-db", "-f", str(proxy.conf))
    assert started.returncode == 1
    assert "does not exist" in started.stderr


def test_balance_alone_is_the_default(make):
    proxy = make()
    proxy.conf.write_text(proxy.conf.read_text() + "backend b\n    balance\n    timeout connect 1s\n    timeout server 1s\n")
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert checked.returncode == 0 and "balance" not in checked.stderr


@pytest.mark.parametrize("word, remedy", [
    ("dispatch 127.0.0.1:9101", "write: server dispatch 127.0.0.1:9101"),
    ("transparent", "use: server with address 0.0.0.0"),
    ("option transparent", "use: server with address 0.0.0.0"),
    ("option http_proxy", "use: http-request do-resolve and http-request set-dst"),
])
def test_words_that_named_where_requests_go_are_refused(make, word, remedy):
    proxy = make()
    proxy.conf.write_text(proxy.conf.read_text() + f"listen b\n    bind 127.0.0.1:1\n    {word}\n")
    text = refused(proxy)
    assert "was removed in version 3.5" in text and remedy in text


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


def ask_master(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(15)
        client.connect(str(path))
        client.sendall(b"show proc\n")
        client.shutdown(socket.SHUT_WR)
        got = b""
        while piece := client.recv(4096):
            got += piece
    return got.decode()


def test_a_master_socket_that_was_removed_comes_back_with_a_reload(make):
    proxy = make()
    path = proxy.dir / "m.sock"
    proxy.start("-W", "-db", "-S", str(path), "-f", str(proxy.conf))
    proxy.wait_log("Loading success")
    assert "worker" in ask_master(path)
    path.unlink()
    proxy.signal(signal.SIGUSR2)
    proxy.wait_log("serves the new configuration")
    assert "worker" in ask_master(path)
    proxy.signal(signal.SIGUSR2)  # one that is there stays as it is
    net.wait_until(lambda: proxy.log_text().count("serves the new configuration") == 2, proxy.log_text)
    assert "worker" in ask_master(path)
