"""Scripts that do not end: each is stopped after its time, fails as any script does, and its thread serves on."""

import os
import re

import pytest

from rig.generations import workers


NGINX = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
worker_processes 1;
events {}
http {
    access_log off;
    {limit}
    lua_package_path "{dir}/?.lua;;";
    init_by_lua_block { {init} }
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://{origin}; }
        location /lua { {handler} { local path = "{dir}"
{code} } proxy_pass http://{origin}; }
    }
}
"""
HAPROXY = """
global
    nbthread 1
    log stdout format raw local0
    {limit}
    lua-prepend-path {dir}/?.lua
    lua-load {script}

defaults
    mode http
    log global
    timeout connect 1s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    http-request lua.act if { path_beg /lua }
    http-request set-header X-After yes
    http-request set-header X-Fetch %[lua.endless] if { path_beg /fetch }
    default_backend b

backend b
    balance {balance}
    server s1 {origin}
"""
SCRIPT = """local path = "{dir}" {init}
core.register_action("act", {{ "http-req" }}, function(txn)
{code}
end)
core.register_fetches("endless", function(txn) while true do end end)
weir.balance("endless", function(txn, servers) while true do end end)
"""
# Each by the line of the code where it is found.
ENDLESS = {
    "while": ("local x = 0\nwhile true do\nx = x + 1\nend", 2),
    "repeat": ("repeat until false", 1),
    "goto": ("::again::\ngoto again", 2),
    "tail call": ("local function f(n) return f(n + 1) end\nf(1)", 1),
    "caught": ("while true do\npcall(function() while true do end end)\nend", 1),
    "interpreted": ("while true do local f = function() end end", 1),
    "coroutine": ("coroutine.wrap(function()\nwhile true do end end)()", 2),
}
every_way = pytest.mark.parametrize("code, line", ENDLESS.values(), ids=ENDLESS)


@pytest.fixture
def nginx(weir, origin):
    def start(code, limit="lua_burst_timeout 100ms;", handler="access_by_lua_block", init="", run=True):
        text = NGINX.replace("{limit}", limit).replace("{handler}", handler).replace("{init}", init).replace("{code}", code)
        return weir("nginx", text=text, origin=origin, start=run)

    return start


@pytest.fixture
def haproxy(weir, origin):
    def start(code="", limit="tune.lua.burst-timeout 100ms", init="", balance="roundrobin"):
        text = HAPROXY.replace("{limit}", limit).replace("{balance}", balance)
        one = weir("haproxy", text=text, origin=origin, script="{dir}/act.lua", start=False)
        one.conf.write_text(one.conf.read_text().replace("{dir}", str(one.dir)))
        (one.dir / "act.lua").write_text(SCRIPT.format(dir=one.dir, init=init, code=code))
        return one.start()

    return start


# --- they end, and the next request is served


@every_way
def test_nginx_answers_500(nginx, origin, code, line):
    proxy = nginx(code)
    assert [proxy.get(path).status for path in ("/lua", "/")] == [500, 200]
    assert len(origin.requests) == 1
    proxy.wait_log(rf"\[error\].*runtime error: access_by_lua\(nginx.conf:\d+\):{line + 1}: burst timeout: it has run for 100 ms")


@every_way
def test_haproxy_goes_on_with_the_next_rule(haproxy, origin, code, line):
    proxy = haproxy(code)
    with proxy.client() as client:
        assert client.request("/lua").status == 200
        assert client.request("/").status == 200
    assert [request.header("X-After") for request in origin.requests] == ["yes", "yes"]
    proxy.wait_log(rf"Lua function 'act': \[state-id 0\] runtime error: .*act.lua:{line + 2}: burst timeout: it has run for 100 ms")


def test_a_module_and_a_text_that_a_script_compiles(nginx):
    proxy = nginx("if ngx.var.arg_module then require('endless')() else loadstring('while true do end', '=text')() end")
    (proxy.dir / "endless.lua").write_text("return function()\nwhile true do end\nend\n")
    assert [proxy.get(path).status for path in ("/lua", "/lua?module=1", "/")] == [500, 500, 200]
    proxy.wait_log(r"runtime error: text:1: burst timeout")
    proxy.wait_log(r"runtime error: .*/endless.lua:2: burst timeout")


def test_hooks_that_cannot_wait(nginx, haproxy):
    proxy = nginx("while true do end", handler="header_filter_by_lua_block")
    with proxy.client() as client:
        client.send("GET /lua HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.read_all() == b""
    assert proxy.get("/").status == 200
    proxy.wait_log(r"failed to run header_filter_by_lua\*: header_filter_by_lua\(nginx.conf:\d+\):2: burst timeout")
    proxy = haproxy(balance="lua.endless")
    assert proxy.get("/fetch").status == 200
    proxy.wait_log(r"Lua sample-fetch 'endless': .*act.lua:\d+: burst timeout")
    proxy.wait_log(r"Lua balance 'endless': .*act.lua:\d+: burst timeout")


def test_a_health_check(weir, origin):
    text = """
    daemon off; user {user}; pid nginx.pid; error_log error.log info; worker_processes 1; events {}
    http {
        access_log off; lua_burst_timeout 50ms;
        init_by_lua_block { weir.check("c", function(server) while true do end end) }
        upstream u { zone u 64k; server {origin}; }
        server { listen 127.0.0.1:{port}; location / { proxy_pass http://u; health_check lua=c interval=10ms; } }
    }
    """
    proxy = weir("nginx", text=text, origin=origin)
    proxy.wait_log(r'health check lua "c" of peer .* failed: .*init_by_lua\(.*:1: burst timeout.*the peer stays as it is')
    assert proxy.get("/").status == 200


# --- what is not stopped


def test_time_that_a_script_waits_is_not_counted(nginx, haproxy):
    assert nginx("for i = 1, 4 do ngx.sleep(0.1) end", limit="lua_burst_timeout 300ms;").get("/lua").status == 200
    proxy = haproxy("for i = 1, 4 do core.msleep(100) end", limit="tune.lua.burst-timeout 300ms")
    assert proxy.get("/lua").status == 200
    assert "burst timeout" not in proxy.log_text()


def slow(seconds):
    """Holds the thread for so long, and then comes to a check."""
    return f"local ffi = require 'ffi' ffi.cdef 'int usleep(unsigned);' ffi.C.usleep({int(seconds * 1e6)}) for i = 1, 2 do end"


def test_scripts_may_take_their_time_at_the_start(nginx, haproxy):
    assert nginx("", init=slow(0.3)).get("/lua").status == 200
    proxy = haproxy(init=f"{slow(0.3)} core.register_init(function() {slow(0.3)} end)")
    assert proxy.get("/lua").status == 200
    assert "burst timeout" not in proxy.log_text()


def test_a_second_without_a_word_and_no_limit_with_0(nginx, haproxy):
    proxy = nginx("while true do end", limit="")
    assert proxy.get("/lua").status == 500
    proxy.wait_log("burst timeout: it has run for 1000 ms")
    for proxy in (nginx(slow(1.6), limit="lua_burst_timeout 0;"), haproxy(slow(1.6), limit="tune.lua.burst-timeout 0")):
        assert proxy.get("/lua").status == 200
        assert "burst timeout" not in proxy.log_text() and "Lua holds" not in proxy.log_text()


# --- what cannot be stopped


def release(proxy, fifo):
    """Lets what waits in the reading of a pipe go on."""
    with open(fifo, "w", encoding="utf-8") as pipe:
        pipe.write("x")


HOLD = "io.open(path .. '/pipe'):read('*a')"


def test_a_function_that_holds_the_thread_is_named(nginx, haproxy):
    for proxy, name in ((nginx(HOLD), r"access_by_lua\(nginx.conf:\d+\)"),
                        (haproxy(HOLD), r"action/http-req/act \(.*act.lua:2\)")):
        os.mkfifo(proxy.dir / "pipe")
        with proxy.client() as client:
            client.send("GET /lua HTTP/1.1\r\nHost: h\r\n\r\n")
            line = proxy.wait_log(r"Lua holds shard 0 \(thread \d+\) for more than 200 ms: " + name)
            threads = {task for pid in workers(proxy) for task in os.listdir(f"/proc/{pid}/task")}
            assert re.search(r"thread (\d+)", line)[1] in threads
            release(proxy, proxy.dir / "pipe")
            assert client.response().status == 200
        assert proxy.log_text().count("Lua holds") == 1


# --- the word


@pytest.mark.parametrize("value", ["soon", "-1", "99999999999"])
def test_times_that_are_none(nginx, value):
    result = nginx("", limit=f"lua_burst_timeout {value};", run=False).run("-t")
    assert result.returncode == 1
    assert f'invalid value "{value}" in "lua_burst_timeout" directive' in result.stderr
