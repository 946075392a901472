"""A shard that one thing keeps from all others is named, and a worker whose shard does not come back ends."""

import pytest

from rig import net
from rig.generations import Generations

# Tries all ways to match, which the pattern's author did not mean: code in C, which nothing interrupts.
FOR_EVER = 'string.find(("a"):rep(50), ("a?"):rep(50) .. ("a"):rep(50))'
A_SECOND_OR_TWO = "local t = os.clock() while os.clock() - t < 2.2 do end"
A_WHILE = "local t = os.clock() while os.clock() - t < 0.3 do end"

HAPROXY = """
global
    nbthread 2
    lua-load {dir}/stall.lua
    warn-blocked-traffic-after 50ms
    tune.lua.burst-timeout 0
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain lf-string "%[lua.long]" if { path /long }
    http-request return status 200 content-type text/plain lf-string "%[lua.ever]" if { path /ever }
    http-request return status 200 content-type text/plain lf-string "%[lua.errors]" if { path /errors }
    http-request return status 200
"""

NGINX = """
daemon off;
user {user};
worker_processes 2;
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    lua_burst_timeout 0;
    server {
        listen 127.0.0.1:{port};
        location / { return 200; }
        location /long { content_by_lua_block { STALL ngx.say("done") } }
    }
}
"""


@pytest.fixture
def haproxy(weir):
    made = weir("haproxy", text=HAPROXY, start=False)
    (made.dir / "stall.lua").write_text(f"""
        core.register_fetches("ever", function() return tostring({FOR_EVER}) end)
        core.register_fetches("long", function() {A_WHILE} return "done" end)
        core.register_fetches("errors", function()
            local t = os.clock()
            while os.clock() - t < 0.2 do pcall(error, "x") end
            return "done"
        end)
    """)
    return made.start("-W", "-db", "-f", str(made.conf))


def test_a_worker_whose_shard_does_not_come_back_is_replaced(haproxy):
    generations = Generations(haproxy)
    stuck = generations.worker()
    with haproxy.client() as client:
        client.send(b"GET /ever HTTP/1.1\r\nHost: a\r\n\r\n")
        haproxy.wait_log(r"shard \d has done one thing for \d+ ms, in \S")
        assert client.closed(timeout=90)
    haproxy.wait_log(r"shard \d has not come back for \d{4,} ms, in .*: this process ends itself")
    net.wait_until(lambda: haproxy.get().status == 200, "an answer of the next worker")
    assert generations.worker() != stuck


def test_what_takes_long_is_named_and_goes_on(haproxy):
    assert haproxy.get("/long").body == b"done"
    haproxy.wait_log(r"WARNING.*shard \d has done one thing for 50 ms, in \S")


def test_who_is_named_may_hold_the_locks_of_errors(haproxy):
    worker = Generations(haproxy).worker()
    with haproxy.client() as client:
        for _ in range(20):
            assert client.request("/errors").body == b"done"
    assert Generations(haproxy).worker() == worker


def test_the_nginx_face_names_stalls_too(weir):
    proxy = weir("nginx", text=NGINX.replace("STALL", A_SECOND_OR_TWO))
    assert proxy.get("/long").body == b"done\n"
    proxy.wait_log(r"\[warn\].*shard \d has done one thing for 1000 ms, in \S")
