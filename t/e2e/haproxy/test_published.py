"""Backends that rules may not choose, and servers that get another name while they are served."""

import pytest

from rig import net

CONF = """
global
    stats socket {dir}/admin.sock mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port}
    force-be-switch if { req.hdr(x-force) 1 }
    use_backend %[req.hdr(x-target)] if { req.hdr(x-dynamic) 1 }
    use_backend first if { path /first }
    use_backend off if { path /off }
    use_backend second if { path /second }
    default_backend last
backend first
    {first}
    http-request return status 200 content-type text/plain string first
backend second
    http-request return status 200 content-type text/plain string second
backend off
    disabled
    http-request return status 200 content-type text/plain string off
backend last
    balance roundrobin
    server s1 {origin} check inter 50ms
    server s2 {origin} disabled
    server s3 {origin}
    use-server s3 if { path /three }
{more}
"""


@pytest.fixture
def start(weir, origin):
    def make(first="", more=""):
        return weir("haproxy", text=CONF.replace("{first}", first).replace("{more}", more), origin=origin)

    return make


def chosen(proxy, path="/first", **headers):
    fields = [(f"X-{name}", value) for name, value in headers.items()]
    body = proxy.get(path, headers=fields).body.decode()
    return "last" if body == "ok\n" else body


def test_rules_pass_over_a_hidden_backend(start):
    proxy = start()
    admin = proxy.runtime()
    assert chosen(proxy) == "first"
    assert "Backend unpublished." in admin("unpublish backend first")
    assert chosen(proxy) == "last" and chosen(proxy, "/second") == "second"
    assert chosen(proxy, dynamic="1", target="first") == "last"
    assert chosen(proxy, "/second", dynamic="1", target="first") == "second", "the rules behind it are asked"
    assert chosen(proxy, force="1") == "first"
    assert admin.stat()["first", "BACKEND"]["status"] == "UP (UNPUB)"
    assert "Backend published." in admin("publish backend first")
    assert chosen(proxy) == "first"
    assert admin.stat()["first", "BACKEND"]["status"] == "UP"


def test_a_backend_that_starts_hidden(start):
    proxy = start("be-unpublished")
    assert chosen(proxy) == "last"
    proxy.runtime()("publish backend first")
    assert chosen(proxy) == "first"


def test_a_disabled_backend(start):
    proxy = start()
    assert chosen(proxy, "/off") == "last" and chosen(proxy, "/off", force="1") == "off"
    assert "No effect on a disabled backend." in proxy.runtime()("publish backend off")
    assert "No such backend." in proxy.runtime()("publish backend nobody")


def test_a_server_gets_another_name(start, origin):
    proxy = start()
    admin = proxy.runtime()
    assert "must be in maintenance" in admin("set server last/s1 name blue")
    admin("set server last/s1 state maint")
    assert "invalid characters" in admin("set server last/s1 name b!ue")
    assert "already exists" in admin("set server last/s1 name s2")
    assert "Server name updated." in admin("set server last/s1 name blue")
    assert "No such server." in admin("set server last/s1 state ready")
    admin("set server last/blue state ready")
    rows = admin.stat()
    assert ("last", "blue") in rows and ("last", "s1") not in rows
    net.wait_until(lambda: admin.stat()["last", "blue"]["status"] == "UP", "the check goes on")
    admin("set server last/s3 state maint")
    before = int(admin.stat()["last", "blue"]["stot"])
    for _ in range(3):
        assert proxy.get("/x").status == 200
    assert int(admin.stat()["last", "blue"]["stot"]) == before + 3


def test_the_old_name_is_free_for_another_server(start, origin):
    proxy = start()
    admin = proxy.runtime()
    assert "New server registered." in admin(f"add server last/green {origin}")
    assert "Server name updated." in admin("set server last/green name blue")
    for name in ("s1", "s3"):
        admin(f"set server last/{name} state maint")
    admin("set server last/blue state ready")
    for _ in range(2):
        assert proxy.get("/x").status == 200
    assert admin.stat()["last", "blue"]["stot"] == "2"
    assert "New server registered." in admin(f"add server last/green {origin}")
    rows = admin.stat()
    assert (rows["last", "blue"]["stot"], rows["last", "green"]["stot"]) == ("2", "0")
    assert rows["last", "blue"]["status"] != "MAINT" and rows["last", "green"]["status"] == "MAINT"


def test_a_name_that_the_file_needs(start):
    admin = start().runtime()
    admin("set server last/s3 state maint")
    assert "statically referenced" in admin("set server last/s3 name x")
