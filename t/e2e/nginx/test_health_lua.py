"""`health_check lua=NAME`: a function of a script judges the servers; the sample lua/samples/check.lua runs as it is."""

import re

import pytest

from rig import net
from rig.origin import Reply
from rig.proxy import E2E

SAMPLE = E2E.parent.parent / "lua" / "samples" / "check.lua"

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log notice;
worker_processes {workers};
events {}
http {
    access_log off;
    {init}
    upstream u {
        zone u 64k;
        {servers}
    }
    server {
        listen 127.0.0.1:{port};
        server_name www.example.com;
        location / {
            proxy_pass http://u;
            proxy_connect_timeout 1s;
            proxy_read_timeout {patience};
            proxy_set_header Host checked.example.com;
            proxy_set_header X-Uri $request_uri;
            {check}
        }
    }
}
"""

pytestmark = pytest.mark.threads


def said_by_the_sample(word):
    """The line of the sample's head that begins with that word."""
    return re.search(rf"^-- +({word} .*)$", SAMPLE.read_text("utf-8"), re.M)[1]


@pytest.fixture
def start(weir):
    def make(servers, code=None, init=None, check="health_check lua=c interval=30ms;", patience="5s", workers=2, run=True):
        init = init if init is not None else f"init_by_lua_block {{ weir.check('c', function(server) {code} end) }}"
        text = CONF
        for key, value in (("init", init), ("servers", servers), ("patience", patience), ("check", check), ("workers", str(workers))):
            text = text.replace("{%s}" % key, value)
        return weir("nginx", text=text, start=run)

    return make


def names(proxy, count=6):
    return {proxy.get("/").header("X-Origin") for _ in range(count)}


def checks(origin, path):
    return origin.paths().count(path)


def wait_for_checks(origin, path, count=2):
    """Waits until that many more checks have come."""
    before = checks(origin, path)
    net.wait_until(lambda: checks(origin, path) >= before + count, f"{count} checks of {path}")


def test_the_sample(start, origins):
    one, two = origins(name="one"), origins(name="two")
    for origin in (one, two):
        origin.on("/health", Reply(body=b"I am ready"))
        origin.on("/health/dependencies", Reply())
    init = said_by_the_sample("init_by_lua_file").replace("/usr/share/weir/lua/samples/check.lua", str(SAMPLE))
    check = said_by_the_sample("health_check").replace("interval=5s", "interval=50ms")
    proxy = start(f"server {one}; server {two};", init=init, check=check)
    wait_for_checks(one, "/health/dependencies")
    wait_for_checks(two, "/health/dependencies")
    assert names(proxy) == {"one", "two"}
    for path, bad, said in (("/health", Reply(status=503), "status 503"), ("/health", Reply(body=b"not yet"), "not ready"),
                            ("/health/dependencies", Reply(status=500), "dependencies: status 500")):
        good = Reply(body=b"ready")
        two.on(path, bad)
        proxy.wait_log(rf'{said} while judging it in Lua, health check lua "ready" of peer {two} in upstream "u"')
        net.wait_until(lambda: names(proxy) == {"one"}, "the server left out")
        two.on(path, good)
        net.wait_until(lambda: names(proxy) == {"one", "two"}, "both again")
    net.wait_until(lambda: proxy.log_text().count("peer is healthy") == 3, proxy.log_text)  # said once it counts
    assert len(re.findall("peer is unhealthy while judging it in Lua", proxy.log_text())) == 3


def test_what_a_function_sees(start, origin):
    origin.on("/one", Reply(body=b"chunked body", chunked=True))
    origin.on("/two?x=1", Reply(status=404))
    origin.on("/two", Reply(status=404))
    proxy = start(f"server {origin};", f"""
        local status, body = server:get("/one")
        local other, none = coroutine.wrap(function() return server:get("/two?x=1") end)()
        return status == 200 and body == "chunked body" and other == 404 and none == "" and
            server.address == "{origin}" and server.name == "{origin}" and server.port == nil and false, "all seen" """)
    proxy.wait_log("all seen while judging it in Lua")
    one = next(r for r in origin.requests if r.path == "/one")
    two = next(r for r in origin.requests if r.path == "/two")
    assert one.connection != two.connection and two.target == "/two?x=1"
    for request in (one, two):
        assert request.method == "GET" and request.header("Host") == "checked.example.com"
        assert request.header("X-Uri") == request.target and request.header("Connection") == "close"


@pytest.mark.parametrize("code, said", [
    ("error('no idea')", r":\d+: no idea"),
    ("error({})", "error object is not a string"),
    ("return", "the function returned nothing, not true or false"),
    ("return 1", "the function returned number, not true or false"),
    ("coroutine.yield()", "it waited for something else than an answer"),
    ("ngx.sleep(1) return true", "API disabled"),
    ("return ngx.var.uri == '/'", "no request found"),
    ("server:get()", "bad argument #1 to 'get'"),
    ("server:get('no')", "'get' takes a path that begins with /"),
    (r"server:get('/a HTTP/1.1\r\nX: y')", "has no blanks"),
    ("server:get('/x') error('afterwards')", "afterwards"),
])
def test_a_function_that_fails_leaves_the_server_as_it_is(start, origin, code, said):
    proxy = start(f"server {origin};", code)
    line = proxy.wait_log(rf'health check lua "c" of peer {origin} in upstream "u" failed: .*{said}')
    assert line.endswith("; the peer stays as it is")
    assert proxy.get("/").status == 200
    assert "unhealthy" not in proxy.log_text()


def test_a_server_that_is_down_stays_down_while_the_function_fails(start, origin):
    origin.on("/state", Reply(body=b"bad"))
    proxy = start(f"server {origin};", """
        local _, body = server:get("/state")
        if body == "bad" then return false end
        if body == "good" then return true end
        error(body)""")
    proxy.wait_log("not well while judging it in Lua")
    net.wait_until(lambda: proxy.get("/").status == 502, "the server left out")
    origin.on("/state", Reply(body=b"confusing"))
    proxy.wait_log("failed: .*confusing; the peer stays as it is")
    wait_for_checks(origin, "/state")
    assert proxy.get("/").status == 502
    origin.on("/state", Reply(body=b"good"))
    net.wait_until(lambda: proxy.get("/").status == 200, "the server back")


def test_a_server_that_cannot_be_asked_is_ill(start, origins):
    one = origins(name="one")
    proxy = start(f"server {one}; server 127.0.0.1:1;", "server:get('/x') return true")
    proxy.wait_log('while connecting to upstream, health check lua "c" of peer 127.0.0.1:1')
    assert names(proxy) == {"one"}


@pytest.mark.parametrize("behave, said", [
    (lambda exchange: exchange.stall(), "upstream timed out while"),
    (lambda exchange: exchange.reset(), "while"),
    (lambda exchange: exchange.sock.sendall(b"nonsense\r\n\r\n"), "upstream sent invalid header while"),
])
def test_a_server_that_does_not_answer_is_ill(start, origin, behave, said):
    origin.on("/quiet", behave)
    proxy = start(f"server {origin};", "server:get('/quiet') return true", patience="300ms")
    proxy.wait_log(rf'{said} reading response header from upstream, health check lua "c" of peer')
    net.wait_until(lambda: proxy.get("/").status == 502, "the server left out")


def test_a_function_that_asks_without_end_runs_out_of_time(start, origin):
    proxy = start(f"server {origin};", "while true do server:get('/again') end", patience="100ms", check="health_check lua=c interval=50ms;")
    proxy.wait_log('upstream timed out while reading response header from upstream, health check lua "c"', timeout=40)


def test_requests_go_on_while_a_check_waits(start, origin):
    asked = []

    def slow(exchange):
        asked.append(exchange)
        exchange.stall()

    origin.on("/slow", slow)
    proxy = start(f"server {origin};", "server:get('/slow') return true", patience="10s")
    net.wait_until(lambda: asked, "a check")
    assert all(proxy.get("/").status == 200 for _ in range(20))
    assert len(asked) == 1, "a check runs once, on one of the workers"


def test_a_reload_in_the_middle_of_a_check(start, origin):
    origin.on("/slow", lambda exchange: exchange.stall())
    proxy = start(f"server {origin};", "server:get('/slow') return true", patience="10s")
    net.wait_until(lambda: checks(origin, "/slow"), "a check")
    assert proxy.run("-s", "reload").returncode == 0
    proxy.wait_log("former worker .* exited with code 0")
    net.wait_until(lambda: checks(origin, "/slow") == 2, "a check by the new worker")
    assert proxy.get("/").status == 200


@pytest.mark.parametrize("code, check, said", [
    ("return true", "health_check lua=d;", 'no Lua script registered "d" with weir.check'),
    ("return true", "health_check lua=c uri=/x;", '"uri=/x" has no place beside "lua="'),
    ("return true", "health_check match=m lua=c;", '"match=m" has no place beside "lua="'),
    ("return true", "health_check lua=;", 'invalid parameter "lua="'),
])
def test_mistakes(start, code, check, said):
    proxy = start("server 127.0.0.1:1;", code, check=check, run=False)
    done = proxy.run("-t")
    assert done.returncode == 1 and said in done.stderr


def test_get_works_in_checks_only(start, origin):
    init = "init_by_lua_block { weir.check('c', function(server) kept = server return true end) }"
    check = "health_check lua=c interval=30ms; access_by_lua_block { if kept then ngx.log(ngx.NOTICE, select(2, pcall(kept.get, kept, '/'))) end }"
    proxy = start(f"server {origin};", init=init, check=check, workers=1)

    def told():
        proxy.get("/")
        return "'get' works in health checks only" in proxy.log_text()

    net.wait_until(told, "a request after a check")
