"""What the error log says of the master's doings, in nginx's words where nginx has some."""

import os
import signal

import pytest

from rig import net
from rig.generations import Generations

TEXT = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log notice;
events {}
http { access_log off; server { listen 127.0.0.1:{port}; location / { return 200 ok; } } }
"""


@pytest.fixture
def proxy(weir):
    return weir("nginx", text=TEXT)


def test_signals_and_workers(proxy):
    generations = Generations(proxy)
    worker = generations.worker()
    proxy.wait_log(rf"\[notice\].* start worker process {worker}$")
    assert "Loading success" not in proxy.log_text()
    generations.reload()
    proxy.wait_log(rf"\[notice\].* signal 1 \(SIGHUP\) received from {os.getpid()}, reconfiguring$")
    proxy.wait_log(rf"\[notice\] {worker}#\d+: gracefully shutting down$")
    proxy.signal(signal.SIGUSR1)
    proxy.wait_log(r"signal 10 \(SIGUSR1\) received from \d+, reopening logs$")
    proxy.signal(signal.SIGQUIT)
    proxy.wait_log(r"signal 3 \(SIGQUIT\) received from \d+, shutting down$")
    proxy.wait()


def test_an_address_that_overlaps_at_a_reload(proxy):
    Generations(proxy)
    port = proxy.port
    proxy.conf.write_text(proxy.conf.read_text().replace(f"listen 127.0.0.1:{port}", f"listen 0.0.0.0:{port}"))
    proxy.signal(signal.SIGHUP)
    proxy.wait_log(rf"\[notice\].* 0\.0\.0\.0:{port} overlaps with 127\.0\.0\.1:{port}, where what runs listens: that needs a restart")
    proxy.wait_log("the configuration that runs stays")
    assert proxy.log_text().count("overlaps with") == 1
    assert proxy.get().status == 200
    net.wait_until(lambda: len(proxy.children()) == 3, "nobody is left of the reload")
