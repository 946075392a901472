"""Lua under nginx words: waiting, refusing, answering, changing heads, and what happens when a script fails."""

import time

import pytest

from rig import net

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
worker_processes 1;
events {}
http {
    access_log access.log;
    lua_package_path "{dir}/?.lua;;";
    init_by_lua_block { greeting = "hello" }
    init_worker_by_lua_block { worker_greeting = greeting .. " worker" }

    server {
        listen 127.0.0.1:{port};

        location / { proxy_pass http://{origin}; }

        location /sleep {
            access_by_lua_block {
                local mine = ngx.var.arg_n
                ngx.sleep(tonumber(ngx.var.arg_t) or 0.05)
                ngx.req.set_header("X-Slept", mine or "no number")
            }
            proxy_pass http://{origin};
        }
        location /held {
            access_by_lua_block {
                local mine = ngx.var.arg_n
                ngx.log(ngx.INFO, "holds ", mine)
                repeat ngx.sleep(0.01) until require("gate").open
                ngx.req.set_header("X-Slept", mine)
            }
            proxy_pass http://{origin};
        }
        location /let-go { content_by_lua_block { require("gate").open = true } }
        location /guard {
            access_by_lua_block {
                local t = ngx.var.http_x_tenant
                if t == "blocked" then return ngx.exit(403) end
                if t == "gone" then ngx.status = 410 ngx.say("gone, " .. t) return ngx.exit(410) end
                ngx.req.set_header("X-Route", t or "none")
                ngx.req.clear_header("X-Secret")
                ngx.ctx.tenant = t
            }
            header_filter_by_lua_block {
                ngx.header["X-Lua"] = ngx.ctx.tenant or "none"
                ngx.header.x_origin = nil
                if ngx.status == 200 and ngx.var.arg_teapot then ngx.status = 418 end
            }
            log_by_lua_block { ngx.log(ngx.INFO, "logged ", ngx.ctx.tenant, " ", ngx.status) }
            proxy_pass http://{origin};
        }
        location /error-access { access_by_lua_block { ngx.sleep(0.01) error("oops") } proxy_pass http://{origin}; }
        location /error-nil {
            access_by_lua_block {
                local t = nil
                t.x = 1
            }
            proxy_pass http://{origin};
        }
        location /error-syntax { content_by_lua_block { return return } }
        location /error-filter { header_filter_by_lua_block { error("late") } proxy_pass http://{origin}; }
        location /error-page {
            error_page 500 /sorry;
            access_by_lua_block { error("oops") }
            proxy_pass http://{origin};
        }
        location = /sorry { internal; return 200 "sorry\\n"; }
        location /missing { content_by_lua_file nothing.lua; }
        location /file { content_by_lua_file $arg_name.lua; }

        location /say { content_by_lua_block { ngx.say("a", 1, true, { "b", { 2 } }) ngx.print("end") } }
        location /json {
            default_type text/plain;
            content_by_lua_block {
                ngx.status = ngx.HTTP_CREATED
                ngx.header.content_type = "application/json"
                ngx.header["X-Many"] = { "1", "2" }
                ngx.say('{"ok":true}')
            }
        }
        location /empty { content_by_lua_block { ngx.exit(204) } }
        location /nothing { content_by_lua_block { } }
        location /redirect { content_by_lua_block { ngx.redirect("/elsewhere", 301) } }
        location /exec { content_by_lua_block { ngx.exec("/say", "x=1") } }
        location /slow-say {
            content_by_lua_block { ngx.print("one ") ngx.sleep(0.03) ngx.print("two ") ngx.sleep(0.03) ngx.print("three") }
        }
        location /args {
            content_by_lua_block {
                local args = ngx.req.get_uri_args()
                ngx.say(args.a, " ", type(args.b) == "table" and table.concat(args.b, "+"), " ", tostring(args.c))
                ngx.say(ngx.req.get_method(), " ", ngx.req.get_headers()["X_Some"], " ", ngx.var.uri)
            }
        }
        location /body {
            content_by_lua_block {
                ngx.req.read_body()
                ngx.print(ngx.req.get_body_data() or "nothing")
            }
        }
        location /body-then-proxy {
            access_by_lua_block { ngx.req.read_body() ngx.req.set_header("X-Size", #(ngx.req.get_body_data() or "")) }
            proxy_pass http://{origin};
        }
        location /set {
            set_by_lua_block $sum { return 1 + 2 }
            set $name "x";
            rewrite_by_lua_block { ngx.var.name = ngx.var.name .. "y" }
            return 200 "$sum $name";
        }
        location /vars {
            set $name "x";
            access_by_lua_block { ngx.var.name = "set by lua" }
            proxy_set_header X-Name $name;
            proxy_pass http://{origin};
        }
        location /bad-var { access_by_lua_block { ngx.var.nope = 1 } proxy_pass http://{origin}; }
        location /jump { rewrite_by_lua_block { ngx.req.set_uri("/say", true) } }
        location /rewrite-refuses { rewrite_by_lua_block { ngx.exit(ngx.HTTP_FORBIDDEN) } proxy_pass http://{origin}; }
        location /start { content_by_lua_block { ngx.say(worker_greeting) } }
        location /module { content_by_lua_block { ngx.say(require("shout").loud("hey")) } }
        location /coroutine {
            content_by_lua_block {
                local numbers = coroutine.wrap(function()
                    for i = 1, 3 do ngx.sleep(0.005) coroutine.yield(i) end
                end)
                ngx.say(numbers() + numbers() + numbers())
            }
        }
        location /inject {
            access_by_lua_block { ngx.req.set_header("X-Value", "a\\r\\nX-Evil: 1") }
            header_filter_by_lua_block { ngx.header["X-Back"] = "b\\r\\nX-Evil: 1" }
            proxy_pass http://{origin};
        }
        location /either {
            satisfy any;
            deny all;
            access_by_lua_block { if ngx.var.arg_key ~= "k" then ngx.exit(403) end }
            proxy_pass http://{origin};
        }
        location /filter-sleeps { header_filter_by_lua_block { ngx.sleep(1) } proxy_pass http://{origin}; }
        location /if {
            if ($arg_refuse) { access_by_lua_block { ngx.exit(402) } }
            proxy_pass http://{origin};
        }
    }
}
"""


@pytest.fixture
def proxy(weir, origin):
    one = weir("nginx", text=CONF, origin=origin, start=False)
    (one.dir / "shout.lua").write_text("return { loud = function(s) return s:upper() .. '!' end }\n")
    (one.dir / "gate.lua").write_text("return {}\n")
    (one.dir / "page.lua").write_text("ngx.say('from a file')\n")
    (one.dir / "broken.lua").write_text("\nlocal x = nil\nreturn x.y\n")
    return one.start()


# --- waiting


def test_sleep_then_header(proxy, origin):
    started = time.monotonic()
    assert proxy.get("/sleep?n=7", headers=[("X-Slept", "forged")]).status == 200
    assert time.monotonic() - started >= 0.05
    assert origin.requests[0].headers.all("X-Slept") == ["7"]


def test_two_sleepers_are_interleaved(proxy, origin):
    with proxy.client() as slow, proxy.client() as fast:
        slow.send("GET /held?n=slow HTTP/1.1\r\nHost: h\r\n\r\n")
        proxy.wait_log("holds slow")
        assert fast.request("/sleep?n=fast").status == 200
        assert proxy.get("/let-go").status == 200
        assert slow.response().status == 200
    assert [request.header("X-Slept") for request in origin.requests] == ["fast", "slow"]


def test_many_requests_on_one_connection(proxy, origin):
    with proxy.client() as client:
        for number in range(50):
            assert client.request(f"/sleep?n={number}&t=0").status == 200
    assert [request.header("X-Slept") for request in origin.requests] == [str(n) for n in range(50)]


def test_client_leaves_while_lua_sleeps(proxy, origin):
    with proxy.client() as client:
        client.send("GET /held?n=gone HTTP/1.1\r\nHost: h\r\n\r\n")
        proxy.wait_log("holds gone")
    proxy.wait_log('"GET /held.* 499 ')
    assert proxy.get("/let-go").status == 200
    assert proxy.get("/sleep?n=after").status == 200
    assert [request.header("X-Slept") for request in origin.requests] == ["after"]


def test_stop_while_lua_sleeps(proxy):
    with proxy.client() as client:
        client.send("GET /sleep?t=30 HTTP/1.1\r\nHost: h\r\n\r\n")
        time.sleep(0.1)


def test_wait_inside_a_coroutine_of_the_script(proxy):
    assert proxy.get("/coroutine").body == b"6\n"


# --- access


def test_guard(proxy, origin):
    answer = proxy.get("/guard", headers=[("X-Tenant", "t1"), ("X-Secret", "s")])
    assert (answer.status, answer.header("X-Lua"), answer.header("X-Origin")) == (200, "t1", None)
    assert origin.requests[0].header("X-Route") == "t1"
    assert "X-Secret" not in origin.requests[0].headers
    proxy.wait_log(r"\[info\].*log_by_lua\(nginx.conf:\d+\):1: logged t1 200")
    assert proxy.get("/guard").header("X-Lua") == "none"


def test_refusals(proxy, origin):
    assert proxy.get("/guard", headers=[("X-Tenant", "blocked")]).status == 403
    gone = proxy.get("/guard", headers=[("X-Tenant", "gone")])
    assert (gone.status, gone.body) == (410, b"gone, gone\n")
    assert proxy.get("/rewrite-refuses").status == 403
    assert origin.requests == []


def test_status_in_a_header_filter(proxy):
    assert proxy.get("/guard?teapot=1").status == 418


def test_satisfy_any(proxy):
    assert proxy.get("/either?key=k").status == 200
    assert proxy.get("/either").status == 403


def test_if_block_has_its_own_handler(proxy):
    assert proxy.get("/if").status == 200
    assert proxy.get("/if?refuse=1").status == 402


def test_values_cannot_make_lines(proxy, origin):
    answer = proxy.get("/inject")
    assert "X-Evil" not in answer.headers and "X-Evil" not in origin.requests[0].headers
    assert origin.requests[0].header("X-Value") == "a%0D%0AX-Evil: 1"
    assert answer.header("X-Back") == "b%0D%0AX-Evil: 1"


# --- content


def test_say(proxy):
    answer = proxy.get("/say")
    assert answer.body == b"a1trueb2\nend"
    assert answer.header("Transfer-Encoding") == "chunked"
    assert proxy.get("/slow-say").body == b"one two three"


def test_say_over_http_1_0(proxy):
    with proxy.client() as client:
        client.send("GET /say HTTP/1.0\r\n\r\n")
        assert client.read_all().endswith(b"\r\n\r\na1trueb2\nend")


def test_head_of_a_lua_page(proxy):
    answer = proxy.get("/json", "HEAD")
    assert (answer.status, answer.body) == (201, b"")


def test_status_type_and_headers(proxy):
    answer = proxy.get("/json")
    assert (answer.status, answer.body) == (201, b'{"ok":true}\n')
    assert answer.header("Content-Type") == "application/json"
    assert answer.headers.all("X-Many") == ["1", "2"]
    assert answer.headers.all("Content-Type") == ["application/json"]


def test_other_ends(proxy):
    assert proxy.get("/empty").status == 204
    assert (proxy.get("/nothing").status, proxy.get("/nothing").body) == (200, b"")
    moved = proxy.get("/redirect")
    assert moved.status == 301 and moved.header("Location").endswith("/elsewhere")
    assert proxy.get("/exec").body == b"a1trueb2\nend"
    assert proxy.get("/jump").body == b"a1trueb2\nend"


def test_request_data(proxy):
    body = proxy.get("/args?a=1%202&b=x&b=y&c", headers=[("X-Some", "thing")]).body
    assert body == b"1 2 x+y true\nGET thing /args\n"


def test_read_body(proxy, origin):
    assert proxy.get("/body", "POST", body=b"payload").body == b"payload"
    assert proxy.get("/body").body == b"nothing"
    with proxy.client() as client:
        client.send("POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc")
        time.sleep(0.05)
        client.send("def")
        assert client.response().body == b"abcdef"
    assert proxy.get("/body-then-proxy", "POST", body=b"12345").status == 200
    assert (origin.requests[0].header("X-Size"), origin.requests[0].body) == ("5", b"12345")


def test_variables(proxy, origin):
    assert proxy.get("/set").body == b"3 x"
    proxy.get("/vars")
    assert origin.requests[0].header("X-Name") == "set by lua"
    assert proxy.get("/bad-var").status == 500
    proxy.wait_log(r'variable "nope" not found for writing')


def test_start_and_modules(proxy):
    assert proxy.get("/start").body == b"hello worker\n"
    assert proxy.get("/module").body == b"HEY!\n"
    assert proxy.get("/file?name=page").body == b"from a file\n"


# --- errors


@pytest.mark.parametrize("path, log", [
    ("/error-access", r"lua entry thread aborted: runtime error: access_by_lua\(nginx.conf:\d+\):1: oops"),
    ("/error-nil", r"lua entry thread aborted: runtime error: access_by_lua\(nginx.conf:\d+\):3: attempt to index local 't'"),
    ("/error-syntax", r"failed to load inlined Lua code: content_by_lua\(nginx.conf:\d+\):1: unexpected symbol near 'return'"),
    ("/file?name=broken", r"lua entry thread aborted: runtime error: .*/broken.lua:3: attempt to index local 'x'"),
])
def test_errors_are_500(proxy, origin, path, log):
    assert proxy.get(path).status == 500
    proxy.wait_log(r"\[error\].*" + log)
    assert origin.requests == []
    assert proxy.get("/").status == 200


def test_a_script_that_is_not_there(proxy):
    assert proxy.get("/missing").status == 404
    proxy.wait_log("failed to load external Lua file: cannot open .*/nothing.lua")


def test_error_page_of_a_failed_script(proxy):
    answer = proxy.get("/error-page")
    assert (answer.status, answer.body) == (500, b"sorry\n")


def test_error_in_a_header_filter_closes(proxy):
    with proxy.client() as client:
        client.send("GET /error-filter HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.closed()
    proxy.wait_log(r"failed to run header_filter_by_lua\*: header_filter_by_lua\(nginx.conf:\d+\):1: late")


def test_no_wait_in_a_header_filter(proxy):
    with proxy.client() as client:
        client.send("GET /filter-sleeps HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.closed()
    proxy.wait_log(r"API disabled in the context of header_filter_by_lua\*")


def test_configuration_problems(weir, origin):
    bad = weir("nginx", text=CONF.replace('greeting = "hello"', "error('no start')"), origin=origin, start=False)
    done = bad.run("-t")
    assert done.returncode != 0 and "init_by_lua error: init_by_lua(nginx.conf" in done.stderr
    good = weir("nginx", text=CONF, origin=origin, start=False)
    done = good.run("-t")
    assert done.returncode == 0, done.stderr


def test_the_shard_is_free_while_lua_sleeps(proxy):
    with proxy.client() as client:
        client.send("GET /sleep?t=5 HTTP/1.1\r\nHost: h\r\n\r\n")
        net.wait_until(lambda: proxy.get("/").status == 200, "an answer meanwhile", 1)
