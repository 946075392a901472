"""What HAProxy's command line and global section say about sockets and names, and what happens when it is said wrongly."""

import signal

import pytest

from rig import net

CONF = """
global
    stats socket {socket} level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s1 {server}
"""


@pytest.fixture
def make(weir):
    def build(socket="{dir}/admin.sock", server="127.0.0.1:1", **options):
        return weir("haproxy", text=CONF.replace("{socket}", socket).replace("{server}", server), start=False, **options)

    return build


@pytest.mark.parametrize("name, remedy", [("admin.sock", "begins with /"), ("127.0.0.1", "127.0.0.1:80")])
def test_a_runtime_socket_without_slash_or_port_is_refused(make, name, remedy):
    proxy = make(socket=name)
    result = proxy.run("-c", "-f", str(proxy.conf))
    assert result.returncode == 1
    assert f"'stats socket' : missing port specification in '{name}'" in result.stderr
    assert remedy in result.stderr


def test_a_runtime_socket_on_an_unknown_host_is_refused(make):
    proxy = make(socket="nosuch.invalid:9999")
    result = proxy.run("-c", "-f", str(proxy.conf))
    assert result.returncode == 1 and "nosuch.invalid" in result.stderr


@pytest.mark.parametrize("name", ["master.sock", "127.0.0.1"])
def test_a_master_socket_without_slash_or_port_is_refused(make, name):
    proxy = make()
    result = proxy.run("-W", "-db", "-S", name, "-f", str(proxy.conf))
    assert result.returncode == 1
    assert f"missing port specification in '{name}'" in result.stderr


def test_servers_that_cannot_be_resolved_are_disabled_with_dr(make):
    proxy = make(server="nosuch.invalid:80")
    refused = proxy.run("-c", "-f", str(proxy.conf))
    assert refused.returncode == 1
    result = proxy.run("-dr", "-c", "-f", str(proxy.conf))
    assert result.returncode == 0
    assert "'server b/s1' : could not resolve address 'nosuch.invalid', disabling server." in result.stderr
    assert proxy.run("-dr", "-dW", "-c", "-f", str(proxy.conf)).returncode == 0
    proxy.start("-dr", "-db", "-f", str(proxy.conf))
    assert proxy.get().status == 503
    assert proxy.runtime().stat()["b", "s1"]["status"] == "MAINT (resolution)"


def test_a_start_says_when_it_takes_a_runtime_socket_from_another_process(make):
    first = make().start()
    first.runtime()("show info")
    second = make(socket=str(first.dir / "admin.sock"))
    second.start()
    second.wait_log(rf"WARNING.*another process listens on .*{first.dir}/admin.sock; is -sf missing\?")
    third = make(socket=str(first.dir / "admin.sock"))
    third.start("-db", "-f", str(third.conf), "-sf", str(second.process.pid))
    net.wait_until(lambda: second.process.poll() is not None, second.log_text)
    second.expect_exit = None
    assert "another process" not in third.log_text()


def test_a_reload_says_nothing_of_its_own_runtime_socket(make):
    proxy = make()
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    proxy.runtime()("show info")
    proxy.signal(signal.SIGHUP)
    proxy.wait_log("serves the new configuration")
    assert "another process" not in proxy.log_text()
