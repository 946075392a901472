"""Numbers on the runtime socket: what is none is refused, and changes nothing."""

import pytest

CONF = """
global
    stats socket {dir}/admin.sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s1 {origin} maxconn 7
"""


@pytest.fixture
def proxy(weir, origin):
    return weir("haproxy", text=CONF, origin=origin)


@pytest.mark.parametrize("command, answer", [
    ("set maxconn frontend web abc", "Integer value expected."),
    ("set maxconn frontend web 5x", "Integer value expected."),
    ("set maxconn frontend web", "Integer value expected."),
    ("set maxconn frontend web -3", "Value out of range."),
    ("set maxconn frontend web 99999999999", "Value out of range."),
    ("set maxconn global many", "Expects an integer value."),
    ("set rate-limit connections global few", "Expects an integer value."),
    ("set rate-limit connections global -1", "Value out of range."),
    ("set maxconn server b/s1 -3", "Value out of range."),
    ("set maxconn server b/s1 abc", "maxconn string empty or preceded by garbage"),
    ("set maxconn server b/s1 3x", "Trailing garbage in maxconn string"),
    ("set server b/s1 addr 127.0.0.1 port 99999", "problem converting port '99999' to an int"),
    ("set server b/s1 addr 127.0.0.1 port 80x", "problem converting port '80x' to an int"),
    ("set server b/s1 addr 127.0.0.1 port -5", "port '-5' would follow the client's port, which only the file can say in weir"),
    ("set server b/s1 addr 127.0.0.1 port +5", "port '+5' would follow the client's port, which only the file can say in weir"),
])
def test_what_is_no_number_is_refused(proxy, origin, command, answer):
    admin = proxy.runtime()

    def look():
        stat = admin.stat()
        return stat["web", "FRONTEND"]["slim"], stat["b", "s1"]["slim"], admin.servers()["b", "s1"]["srv_port"]

    before = look()
    assert admin(command).strip() == answer
    assert look() == before
    assert proxy.get().status == 200


def test_numbers_are_taken(proxy):
    admin = proxy.runtime()
    for command in ("set maxconn frontend web 12", "set maxconn server b/s1 3", "set rate-limit connections global 0",
                    "set maxconn global -1"):
        assert admin(command).strip() == ""
    stat = admin.stat()
    assert (stat["web", "FRONTEND"]["slim"], stat["b", "s1"]["slim"]) == ("12", "3")
