"""Keys of stick tables from Lua in HAProxy's words: fetches of core.register_fetches and, by the sample, of weir.key."""

import re

import pytest

from rig.origin import Reply
from rig.proxy import E2E

SAMPLE = E2E.parent.parent / "lua" / "samples" / "key.lua"

CONF = """
global
    log {syslog} format raw local0
    lua-load {script}
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    log global
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    default_backend app

backend app
    {stick}
    balance roundrobin
    server a {a}
    server b {b}
"""
TABLE = "stick-table type string len 64 size 100k expire 1h"


@pytest.fixture
def start(weir, origins, syslog, tmp_path):
    def make(*stick, code=None, run=True):
        script = SAMPLE
        if code:
            script = tmp_path / "own.lua"
            script.write_text(code, "utf-8")
        made = {name: origins(name=name) for name in "ab"}
        for name, origin in made.items():
            origin.default = Reply(headers=[("X-Name", name)])
        return weir("haproxy", text=CONF.replace("{stick}", "\n    ".join(stick)), script=script, syslog=syslog, start=run, **made)

    return make


def names(proxy, count=4, **headers):
    lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return "".join(proxy.get(headers=lines).header("X-Name") for _ in range(count))


def said_by_the_sample(word):
    return re.search(rf"^-- +({word} .*)$", SAMPLE.read_text("utf-8"), re.M)[1]


def test_the_sample(start):
    proxy = start(said_by_the_sample("stick-table"), said_by_the_sample("stick on"))
    assert names(proxy, Cookie="session=one") == "aaaa"
    assert names(proxy, Cookie="session=two") == "bbbb"
    assert names(proxy, Cookie="session=one") == "aaaa"
    assert names(proxy, 2) == "aa"
    shown = proxy.runtime()("show table app")
    assert "key=one" in shown and "key=two" in shown and "key=127.0.0.1" in shown


@pytest.mark.parametrize("register", ["core.register_fetches('user', function(txn) return txn.sf:req_hdr('x-key') end)",
                                      "weir.key('user', function(req) return req:header('x-key') or '' end)"])
def test_rules(start, register):
    proxy = start(TABLE, "stick match lua.user", "stick store-request lua.user", code=register)
    assert names(proxy, X_Key="1") == "aaaa"
    assert names(proxy, X_Key="2") == "bbbb"
    assert names(proxy, X_Key="1") == "aaaa"


def test_an_empty_text_is_no_key(start, syslog):
    proxy = start(TABLE, "stick on lua.user", code="weir.key('user', function(req) return '' end)")
    assert names(proxy) == "abab"
    assert "used:0" in proxy.runtime()("show table app")
    assert not any("Lua" in line for line in syslog.messages)


@pytest.mark.parametrize("body, said", [("error('no idea')", r"Lua sample-fetch 'user': .*own\.lua:1: no idea"),
                                        ("return nil", "Lua sample-fetch 'user': .*the function returned nil, not a text")])
def test_a_function_that_fails_leaves_the_usual_way(start, syslog, body, said):
    proxy = start(TABLE, "stick on lua.user", code=f"weir.key('user', function(req) {body} end)")
    assert names(proxy, 1) == "a"
    syslog.wait_for(said)
    assert sum("Lua" in str(line) for line in syslog.messages) == 1
    assert names(proxy, 3) == "bab"


def test_a_fetch_of_that_name_stays(start):
    proxy = start(TABLE, "stick on lua.user", code="core.register_fetches('user', function(txn) return 'one' end)\n"
                                                   "weir.key('user', function(req) return 'two' end)")
    names(proxy, 1)
    assert "key=one" in proxy.runtime()("show table app")


def test_an_unknown_function_is_told(start):
    proxy = start(TABLE, "stick on lua.usr", run=False)
    done = proxy.run("-c", "-f", str(proxy.conf))
    assert done.returncode == 1 and "lua.usr" in done.stderr
