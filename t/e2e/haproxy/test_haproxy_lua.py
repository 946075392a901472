"""Lua under HAProxy's words: actions that wait, what they see and change, fetches and converters, failing scripts."""

import time

import pytest

CONF = """
global
    nbthread 1
    log stdout format raw local0
    lua-prepend-path {dir}/?.lua
    lua-load{load} {script} argument

defaults
    mode http
    log global
    timeout connect 1s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    http-request lua.wait if { path_beg /sleep }
    http-request lua.{action} if { path_beg /act }
    http-request lua.two one two if { path_beg /two }
    http-request set-header X-Fetch %[lua.shout(hey)] if { path_beg /fetch }
    http-request set-header X-Convert %[path,lua.wrap(<,>)] if { path_beg /convert }
    http-request deny deny_status 429 if { path_beg /acl } { lua.is_odd -m bool }
    http-request set-header X-Var %[var(txn.lua)]
    http-response lua.mark
    default_backend b

backend b
    server s1 {origin}
"""

SCRIPT = """
local given = ...
local words = require "words"
local woken = false

core.register_action("wait", { "http-req" }, function(txn)
  local mine = txn.f:url_param("n")
  core.msleep(tonumber(txn.sf:url_param("t")) or 50)
  if mine == "slow" then core.Info("slow sleeps on") end
  while mine == "slow" and not woken do core.msleep(5) end
  txn.http:req_set_header("X-Slept", mine or "no number")
end)

core.register_action("two", { "http-req" }, function(txn, a, b)
  txn.http:req_set_header("X-Two", a .. "+" .. b .. "+" .. given)
end, 2)

core.register_action("mark", { "http-res" }, function(txn)
  txn.http:res_set_header("X-Lua", txn:get_var("txn.lua") or "none")
  txn.http:res_del_header("X-Origin")
end)

core.register_fetches("shout", function(txn, s) return words.loud(s) end)
core.register_fetches("is_odd", function(txn) return #txn.sf:path() % 2 == 1 end)
core.register_converters("wrap", function(v, left, right) return left .. v .. right end)

local function action(name, f) core.register_action(name, { "http-req" }, f) end

action("nothing", function() end)
action("wakes", function() woken = true end)
action("fails", function(txn) core.msleep(5) local t = nil return t.x end)
action("denies", function() return act.DENY end)
action("stops", function() return act.STOP end)
action("ends", function(txn) txn:done() end)
action("replies", function(txn)
  local reply = txn:reply { status = 402, reason = "Pay Me" }
  reply:add_header("X-Reply", "1")
  reply:add_header("X-Reply", "2")
  reply:set_body("pay")
  txn:done(reply)
end)
action("looks", function(txn)
  local h = txn.http:req_get_headers()
  txn.http:req_set_header("X-Seen", h["x-many"][0] .. h["x-many"][1] .. "," .. tostring(h["nope"]))
  txn.http:req_add_header("X-Many", "3")
  txn.http:req_set_header("X-Types", type(txn.f:src_port()) .. type(txn.sf:src_port()) .. tostring(txn.f:hdr("nope")))
  txn.http:req_set_header("X-Upper", txn.sc:upper(txn.sf:req_hdr("x-name")))
  txn.http:req_set_header("X-Evil-Value", "a\\r\\nX-Evil: 1")
  txn.http:req_set_path("/changed")
  txn.http:req_set_query("q=1")
end)
action("vars", function(txn)
  txn:set_var("txn.lua", "set")
  txn:set_var("req.number", 42)
  txn.note = "kept"
  txn:set_priv({ 7 })
  core.yield()
  txn.http:req_set_header("X-Vars", txn:get_var("req.number") .. txn.note .. txn:get_priv()[1])
end)
action("logs", function(txn)
  core.Info("from core")
  txn:Warning("from txn\\n")
  txn:log(core.notice, "level")
end)
action("wrong", function(txn) txn.http:res_set_header("X", "1") end)
"""


@pytest.fixture
def make(weir, origin):
    def start(action="nothing", load="", **options):
        one = weir("haproxy", text=CONF, origin=origin, action=action, load=load, script="{dir}/actions.lua", start=False)
        script = one.dir / "actions.lua"
        script.write_text(options.get("script", SCRIPT))
        (one.dir / "words.lua").write_text("return { loud = function(s) return s:upper() .. '!' end }\n")
        one.conf.write_text(one.conf.read_text().replace("{dir}/actions.lua", str(script)))
        return one.start() if options.get("run", True) else one

    return start


@pytest.fixture
def proxy(make):
    return make()


# --- waiting


@pytest.mark.parametrize("load", ["", "-per-thread"])
def test_sleep_then_header(make, origin, load):
    proxy = make(load=load)
    started = time.monotonic()
    assert proxy.get("/sleep?n=7", headers=[("X-Slept", "forged")]).status == 200
    assert time.monotonic() - started >= 0.048  # timers count whole milliseconds
    assert origin.requests[0].headers.all("X-Slept") == ["7"]


def test_two_sleepers_are_interleaved(make, origin):
    """One of them sleeps until it is woken, which happens when the other has its answer."""
    proxy = make("wakes")
    with proxy.client() as slow, proxy.client() as fast:
        slow.send("GET /sleep?n=slow HTTP/1.1\r\nHost: h\r\n\r\n")
        proxy.wait_log("slow sleeps on")
        fast.send("GET /sleep?n=fast HTTP/1.1\r\nHost: h\r\n\r\n")
        assert fast.response().status == 200
        assert proxy.get("/act").status == 200
        assert slow.response().status == 200
    assert [request.header("X-Slept") for request in origin.requests if request.path == "/sleep"] == ["fast", "slow"]


def test_client_leaves_while_lua_sleeps(proxy, origin):
    with proxy.client() as client:
        client.send("GET /sleep?t=200 HTTP/1.1\r\nHost: h\r\n\r\n")
        time.sleep(0.05)
        client.sock.close()
    time.sleep(0.3)
    assert proxy.get("/sleep?n=after").status == 200
    assert "after" in [request.header("X-Slept") for request in origin.requests]


def test_stop_while_lua_sleeps(proxy):
    with proxy.client() as client:
        client.send("GET /sleep?t=30000 HTTP/1.1\r\nHost: h\r\n\r\n")
        time.sleep(0.1)


# --- what actions see and change


def test_arguments(proxy, origin):
    proxy.get("/two")
    assert origin.requests[0].header("X-Two") == "one+two+argument"


def test_headers_fetches_converters(make, origin):
    proxy = make("looks")
    proxy.get("/act?x=y", headers=[("X-Many", "1"), ("X-Many", "2"), ("X-Name", "bob")])
    request = origin.requests[0]
    assert request.header("X-Seen") == "12,nil"
    assert request.headers.all("X-Many") == ["1", "2", "3"]
    assert request.header("X-Types") == "numberstringnil"
    assert request.header("X-Upper") == "BOB"
    assert "X-Evil" not in request.headers
    assert request.target == "/changed?q=1"


def test_variables_and_private_data(make, origin):
    proxy = make("vars")
    assert proxy.get("/act").header("X-Lua") == "set"
    assert origin.requests[0].header("X-Vars") == "42kept7"
    assert origin.requests[0].header("X-Var") == "set"
    assert proxy.get("/other").header("X-Lua") == "none"


def test_response_action(proxy):
    answer = proxy.get("/")
    assert (answer.header("X-Lua"), answer.header("X-Origin")) == ("none", None)


def test_registered_fetches_and_converters(proxy, origin):
    proxy.get("/fetch")
    assert origin.requests[0].header("X-Fetch") == "HEY!"
    proxy.get("/convert")
    assert origin.requests[1].header("X-Convert") == "</convert>"
    assert proxy.get("/acl").status == 200
    assert proxy.get("/acl1").status == 429


# --- how actions end


@pytest.mark.parametrize("action, status", [("nothing", 200), ("denies", 403), ("stops", 200), ("replies", 402)])
def test_results(make, origin, action, status):
    answer = make(action).get("/act")
    assert answer.status == status
    assert len(origin.requests) == (status == 200)
    if action == "replies":
        assert (answer.reason, answer.body, answer.headers.all("X-Reply")) == ("Pay Me", b"pay", ["1", "2"])


def test_done_without_a_reply_closes(make, origin):
    with make("ends").client() as client:
        client.send("GET /act HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.closed()
    assert origin.requests == []


def test_a_failing_action_is_skipped(make, origin):
    proxy = make("fails")
    assert proxy.get("/act").status == 200
    assert len(origin.requests) == 1
    proxy.wait_log(r"Lua function 'fails': \[state-id 0\] runtime error: .*actions.lua:\d+: attempt to index local 't'.* from .*")


def test_the_wrong_direction(make):
    proxy = make("wrong")
    assert proxy.get("/act").status == 200
    proxy.wait_log("Lua function 'wrong': .*'res_set_header' works in http-response rules only")


def test_logs(make):
    proxy = make("logs")
    proxy.get("/act")
    proxy.wait_log("from core")
    proxy.wait_log(r"from txn\.")
    proxy.wait_log("level")


# --- configuration


@pytest.mark.parametrize("script, text", [
    ("error('no')", "error in Lua file .*actions.lua:1: no"),
    ("x = = 1", "error in Lua file .*actions.lua:1: unexpected symbol"),
    (SCRIPT.replace('"nothing"', '"nothink"'), "nothing"),
    (SCRIPT.replace("end, 2)", "end, 3)"), "3 arguments"),
    ("core.register_action('a', { 'nowhere' }, function() end)", "action type 'nowhere' not supported"),
])
def test_refused(make, script, text):
    import re

    done = make(script=script, run=False).run("-c", "-f", "haproxy.cfg")
    assert done.returncode != 0
    assert re.search(text, done.stderr + done.stdout), done.stderr + done.stdout
