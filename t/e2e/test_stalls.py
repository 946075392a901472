"""A shard that one thing keeps from all others is named, and a worker whose shard does not come back ends."""

import pytest

from rig import net
from rig.generations import Generations

# Tries all ways to match, which the pattern's author did not mean: code in C, which nothing interrupts.
FOR_EVER = 'string.find(("a"):rep(50), ("a?"):rep(50) .. ("a"):rep(50))'
A_WHILE = "local t = os.clock() while os.clock() - t < 0.3 do end"

HAPROXY = """
global
    nbthread 2
    lua-load {dir}/stall.lua
    warn-blocked-traffic-after 50ms
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain lf-string "%[lua.long]" if { path /long }
    http-request return status 200 content-type text/plain lf-string "%[lua.ever]" if { path /ever }
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
    server {
        listen 127.0.0.1:{port};
        location / { return 200; }
        location /ever { content_by_lua_block { ngx.say(STALL) } }
    }
}
"""


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(request, weir):
    if request.param == "nginx":
        return weir("nginx", text=NGINX.replace("STALL", FOR_EVER))
    made = weir("haproxy", text=HAPROXY, start=False)
    (made.dir / "stall.lua").write_text(f"""
        core.register_fetches("ever", function() return tostring({FOR_EVER}) end)
        core.register_fetches("long", function() {A_WHILE} return "done" end)
    """)
    return made.start("-W", "-db", "-f", str(made.conf))


def test_a_worker_whose_shard_does_not_come_back_is_replaced(proxy):
    generations = Generations(proxy)
    stuck = generations.worker()
    with proxy.client() as client:
        client.send(b"GET /ever HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.wait_log(r"shard \d has done one thing for \d+ ms, in \S")
        assert client.closed()
    proxy.wait_log(r"shard \d has not come back for \d{4,} ms, in .*: this process ends itself")
    net.wait_until(lambda: proxy.get().status == 200, "an answer of the next worker")
    assert generations.worker() != stuck


@pytest.mark.parametrize("proxy", ["haproxy"], indirect=True)
def test_what_takes_long_is_named_once_and_goes_on(proxy):
    assert proxy.get("/long").body == b"done"
    proxy.wait_log(r"WARNING.*shard \d has done one thing for 50 ms, in \S")
    assert proxy.log_text().count("has done one thing") == 1
