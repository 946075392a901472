"""weir's own Lua words, by the samples in lua/samples: each runs as its first lines say."""

import pytest

from rig.proxy import E2E

SAMPLES = E2E.parent.parent / "lua" / "samples"

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
    log-format "%HU %b/%s"
    {front}
    default_backend app

backend app
    balance {balance}
    server a {one}
    server b {two}

backend shop
    http-request return status 200 hdr X-Shop yes
"""


@pytest.fixture
def start(weir, origins, syslog):
    def run(script, balance="roundrobin", front=""):
        one, two = origins(name="a"), origins(name="b")
        text = CONF.replace("{front}", front).replace("{balance}", balance)
        return weir("haproxy", text=text, script=script, syslog=syslog, one=one, two=two)

    return run


def own(weir_dir, code):
    script = weir_dir / "own.lua"
    script.write_text(code, "utf-8")
    return script


def test_balance(start):
    proxy = start(SAMPLES / "balance.lua", "lua.fewest")
    assert [proxy.get().header("X-Origin") for _ in range(4)] == ["a"] * 4
    proxy.runtime()("disable server app/a")
    assert proxy.get().header("X-Origin") == "b"
    proxy.runtime()("disable server app/b")
    assert proxy.get().status == 503


def test_balance_sees_what_it_chooses_from(start, tmp_path):
    proxy = start(own(tmp_path, """
weir.balance("last", function(txn, servers)
  local wanted = txn.sf:req_hdr("wanted")
  for i = 1, servers:count() do
    if servers:name(i) == wanted and servers:weight(i) == 1 and servers:limit(i) == 0 then return i end
  end
end)
"""), "lua.last")
    assert [proxy.get(headers=[("Wanted", name)]).header("X-Origin") for name in "abba"] == list("abba")


@pytest.mark.parametrize("body, said", [("error('no idea')", "Lua balance 'bad': .*no idea"),
                                        ("return nil", "Lua balance 'bad' named no server"),
                                        ("return 7", "Lua balance 'bad' named no server")])
def test_a_script_that_fails_leaves_the_default(start, syslog, tmp_path, body, said):
    proxy = start(own(tmp_path, f'weir.balance("bad", function(txn, servers) {body} end)'), "lua.bad")
    assert proxy.get().status == 200
    syslog.wait_for(said)
    syslog.wait_for("/ app/")
    assert len(syslog.messages) == 2


def test_route(start):
    proxy = start(SAMPLES / "route.lua", front="use_backend %[lua.first_part]")
    assert proxy.get("/shop/cart").header("X-Shop") == "yes"
    assert proxy.get("/other").header("X-Origin")


def test_deny(start):
    proxy = start(SAMPLES / "deny.lua", front="http-request lua.need_agent")
    assert proxy.get().status == 403
    assert proxy.get(headers=[("User-Agent", "x")]).status == 200


def test_words_that_are_not_there_are_told_with_their_line(weir):
    face = weir("haproxy", text="x", start=False)
    (face.dir / "own.lua").write_text('weir.unheard("user", function(txn) return "a" end)\n', "utf-8")
    face.conf.write_text(f"global\n    lua-load {face.dir / 'own.lua'}\nfrontend f\n    mode http\n    bind 127.0.0.1:1\n", "utf-8")
    done = face.run("-c", "-f", str(face.conf))
    assert done.returncode == 1 and "own.lua:1:" in done.stderr


def test_unknown_names_are_told(weir, origins):
    face = weir("weir", text="x", start=False)
    conf = face.dir / "bad.cfg"
    conf.write_text(f"global\n    lua-load {SAMPLES / 'balance.lua'}\nbackend b\n    mode http\n    balance lua.fewist\n"
                    "    server s 127.0.0.1:1\n", "utf-8")
    done = face.run("check", str(conf))
    assert done.returncode == 1
    assert "no Lua file registered 'fewist' with weir.balance" in done.stdout + done.stderr
    assert "did you mean 'lua.fewest'?" in done.stdout + done.stderr
