"""`sticky lua`: a function of a script says which requests belong together; the sample lua/samples/key.lua runs as it is."""

import re

import pytest

from rig import net
from rig.origin import Reply
from rig.proxy import E2E

SAMPLE = E2E.parent.parent / "lua" / "samples" / "key.lua"

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    {init}
    upstream app {
        server {a};
        server {b};
        {sticky}
    }
    server {
        listen 127.0.0.1:{port};
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        location / { proxy_pass http://app; proxy_next_upstream error http_502; }
    }
}
"""
WEIR_CONF = """
defaults { mode http; timeout connect 1s; timeout client 20s; timeout server 20s; }
frontend web {
    bind 127.0.0.1:{port};
    use_backend talks if { path /talks };
    default_backend app;
}
upstream talks {
    server {a};
    sticky lua talks zone=talks:1m;
}
init_by_lua_file {script};
error_log {dir}/error.log notice;
upstream app {
    server {a};
    server {b};
    sticky lua user zone=users:1m;
}
"""


def said_by_the_sample(word):
    """The line of the sample's head that begins with that word."""
    return re.search(rf"^-- +({word} .*)$", SAMPLE.read_text("utf-8"), re.M)[1]


@pytest.fixture
def two(origins):
    made = {name: origins(name=name) for name in "ab"}
    for name, origin in made.items():
        origin.default = Reply(headers=[("X-Name", name)])
    return made


@pytest.fixture
def start(weir, two):
    def make(code=None, init=None, sticky="sticky lua user zone=users:1m;", run=True):
        init = init if init is not None else f"init_by_lua_block {{ {code} }}"
        return weir("nginx", text=CONF.replace("{init}", init).replace("{sticky}", sticky), start=run, **two)

    return make


def names(proxy, count=4, **headers):
    lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return "".join(proxy.get(headers=lines).header("X-Name") for _ in range(count))


def key(body):
    return f'weir.key("user", function(req) {body} end)'


def test_the_sample(start):
    init = said_by_the_sample("init_by_lua_file").replace("/usr/share/weir/lua/samples/key.lua", str(SAMPLE))
    proxy = start(init=init, sticky=said_by_the_sample("sticky"))
    assert names(proxy, Cookie="session=one") == "aaaa"
    assert names(proxy, Cookie="x=1; session=two") == "bbbb"
    assert names(proxy, Cookie="session=one") == "aaaa"
    # Without a session its client's address counts, as a trusted proxy tells it.
    homes = {client: names(proxy, X_Real_IP=client) for client in ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")}
    assert set(homes.values()) == {"aaaa", "bbbb"}
    assert all(names(proxy, X_Real_IP=client) == home for client, home in homes.items())


def test_what_a_function_sees(start, two):
    proxy = start(key("return table.concat({req.method, req.target, req.path, req.query, req.host, req.client, "
                      "req:header('x-one'), req:cookie('c'), req:argument('q'), tostring(req:header('none')), tostring(req:cookie('q')), "
                      "tostring(req:argument('c')), tostring(req.unknown), ngx.var.uri}, ' ') == "
                      "'GET /a%20b?p=1&q=x%20y /a%20b p=1&q=x%20y h:80 127.0.0.1 1 2 x%20y nil nil nil nil /a b' and 'seen' or nil"))
    for _ in range(2):
        answer = proxy.get("/a%20b?p=1&q=x%20y", headers=[("Host", "h:80"), ("X-One", "1"), ("X-One", "3"), ("Cookie", 'b=0; c=2')])
        assert answer.header("X-Name") == "a"
    assert "returned nil" not in proxy.log_text()


def test_numbers_are_keys_and_an_empty_text_is_none(start):
    proxy = start(key("return tonumber(req:header('X-Key')) or ''"))
    assert names(proxy, X_Key="1") == "aaaa"
    assert names(proxy, X_Key="2") == "bbbb"
    assert names(proxy) == "abab"
    assert "sticky lua" not in proxy.log_text()


@pytest.mark.parametrize("body, said", [("error('no idea')", r'sticky lua "user": .*:\d+: no idea; the server is chosen as without it'),
                                        ("return nil", 'sticky lua "user": the function returned nil, not a text; the server'),
                                        ("return {}", 'sticky lua "user": the function returned table, not a text; the server'),
                                        ("ngx.sleep(1)", 'sticky lua "user": .*API disabled'),
                                        ("ngx.exit(403)", 'sticky lua "user": .*API disabled')])
def test_a_function_that_fails_leaves_the_usual_way(start, body, said):
    proxy = start(key(body))
    assert names(proxy, 1) == "a"
    line = proxy.wait_log(said)
    assert 'request: "GET / HTTP/1.1"' in line
    assert len(re.findall("sticky lua", proxy.log_text())) == 1
    assert names(proxy, 3) == "bab"


def test_a_session_moves_with_its_server(start, two):
    proxy = start(key("return req:header('X-Key')"))
    assert names(proxy, X_Key="1") == "aaaa"
    two["a"].default = Reply(status=502)
    assert names(proxy, X_Key="1") == "bbbb"
    two["a"].default = Reply(headers=[("X-Name", "a")])
    assert names(proxy, X_Key="1") == "bbbb"


def test_sessions_outlive_a_reload(start):
    proxy = start(key("return req:header('X-Key')"))
    assert names(proxy, X_Key="1") == "aaaa"
    pid_file = proxy.dir / "nginx.pid"
    net.wait_until(lambda: pid_file.exists() and pid_file.read_text(), "the pid file")
    assert proxy.run("-s", "reload").returncode == 0
    proxy.wait_log("former worker .* exited")
    assert names(proxy, X_Key="1") == "aaaa"


def test_a_request_of_the_other_vocabulary(weir, two, tmp_path):
    script = tmp_path / "key.lua"
    script.write_text(SAMPLE.read_text("utf-8") + "weir.key('talks', function(req) print('asked for ' .. req.path) error('enough') end)", "utf-8")
    proxy = weir("weir", text=WEIR_CONF, script=script, **two)
    assert names(proxy, Cookie="session=one") == "aaaa"
    assert names(proxy, Cookie="session=two") == "bbbb"
    proxy.get("/talks")
    proxy.wait_log("asked for /talks")
    assert '"talks": ' in proxy.wait_log("enough; the server is chosen")


@pytest.mark.parametrize("code, sticky, said", [
    ('weir.key("user", function() end)', "sticky lua usr zone=z:1m;", 'no Lua script registered "usr" with weir.key'),
    ('weir.key("user", function() end)', "sticky lua usr zone=z:1m;", "did you mean 'user'?"),
    ("", "sticky lua user zone=z:1m;", "init_by_lua_file"),
    (key(""), "sticky lua user;", '"zone" parameter is not specified'),
    (key(""), "sticky lua user zone=z:1m header;", 'unknown parameter "header"'),
    (key(""), "sticky lua user zone=z:1m timeout=0;", "invalid timeout"),
    ("weir.key(1, print)", "", "bad argument #1 to 'key' (string expected)"),
    ("weir.key('x')", "", "bad argument #2 to 'key' (function expected)"),
    ("weir.balance('x', print)", "", "load the script with lua-load"),
])
def test_mistakes(start, code, sticky, said):
    proxy = start(code, sticky=sticky, run=False)
    done = proxy.run("-t")
    assert done.returncode == 1 and said in done.stderr


def test_a_mistake_is_told_with_its_place_and_a_caret(start):
    proxy = start(key("return ''"), sticky="sticky lua usr zone=z:1m;", run=False)
    done = proxy.run("-t")
    assert re.search(r"nginx\.conf:13:20: error: .*\n.*sticky lua usr zone=z:1m;\n +\| +\^~~\n", done.stderr), done.stderr
