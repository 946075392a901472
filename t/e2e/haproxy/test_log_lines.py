"""When HAProxy's log lines are written, and what their headers say: steps, profiles, `option logasap`, formats, levels."""

import contextlib
import re
import socket

import pytest


CONF = """
global
    stats socket {dir}/admin.sock mode 600 level admin
    {global}

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    log {syslog} {target} local3 {levels}
    {lines}
    default_backend b

backend b
    server s {origin}
    server gone {dead} disabled

{sections}
"""


@pytest.fixture
def start(weir, origin, syslog):
    def run(lines="", target="", levels="", sections="", wide=""):
        text = CONF
        for name, value in {"lines": lines, "target": target, "levels": levels, "sections": sections, "global": wide}.items():
            text = text.replace("{" + name + "}", value)
        return weir("haproxy", text=text, origin=origin, syslog=syslog)

    return run


HEADERS = {
    "": r"<158>\w{3} [ \d]\d \d\d:\d\d:\d\d haproxy\[\d+\]: ",
    "local": r"<158>\w{3} [ \d]\d \d\d:\d\d:\d\d haproxy\[\d+\]: ",
    "rfc3164": r"<158>\w{3} [ \d]\d \d\d:\d\d:\d\d localhost haproxy\[\d+\]: ",
    "rfc5424": r"<158>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d - haproxy \d+ - - ",
    "priority": "<158>",
    "short": "<6>",
    "timed": r"<6>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d ",
    "iso": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d ",
    "raw": "",
}


@pytest.mark.parametrize("name", HEADERS)
def test_the_header_of_each_format(start, syslog, name):
    proxy = start('log-format "text %HM"', target=f"format {name}" if name else "")
    proxy.get()
    assert re.fullmatch(HEADERS[name] + "text GET\n", syslog.wait_for("text")[0])


@pytest.mark.parametrize("name, expected", [("", "box "), ("rfc3164", "box "), ("local", "")])
def test_the_host_name_goes_with_the_format(start, syslog, name, expected):
    proxy = start('log-format "text %HM"', target=f"format {name}" if name else "", wide="log-send-hostname box")
    proxy.get()
    assert f"{expected}haproxy[" in syslog.wait_for("text")[0]
    assert ("box" in syslog.messages[0]) == bool(expected)


def test_lines_are_cut_to_their_length(start, syslog):
    proxy = start('log-format "%HU"', target="len 80 format raw")
    proxy.get("/" + "x" * 200)
    assert syslog.wait_for("x") == ["/" + "x" * 78 + "\n"]


def test_levels_filter_and_cap(start, syslog, origin):
    proxy = start('http-request set-log-level err if { path /err }\n    http-request set-log-level debug if { path /debug }\n'
                  '    log-format "%HU %ST"', target="format priority", levels="info warning")
    for path in ("/debug", "/err", "/plain"):
        proxy.get(path)
    syslog.wait_for("/plain")
    # local3 is 19: /err is capped to warning, /debug is below info.
    assert syslog.messages == [f"<{19 * 8 + 4}>/err 200\n", f"<{19 * 8 + 6}>/plain 200\n"]


def test_a_sample_takes_its_share(start, syslog):
    proxy = start('log-format "%HU"', target="format raw sample 1,3-4:5")
    for n in range(1, 11):
        proxy.get(f"/{n}")
    syslog.wait_for("/9")
    assert [m.strip() for m in syslog.messages] == ["/1", "/3", "/4", "/6", "/8", "/9"]


def test_without_a_format_the_connection_is_told(start, syslog):
    proxy = start(target="format raw")
    proxy.get()
    assert re.fullmatch(rf"Connect from 127\.0\.0\.1:\d+ to 127\.0\.0\.1:{proxy.port} \(web/HTTP\)\n",
                        syslog.wait_for("Connect")[0])


STEPS = ["txn_accept", "txn_request", "txn_connect", "txn_response", "txn_close"]


@pytest.mark.parametrize("steps, expected", [
    ("all", STEPS),
    ("connect,close", ["txn_connect", "txn_close"]),
    ("accept", ["txn_accept"]),
])
def test_steps(start, syslog, steps, expected):
    proxy = start(f'log-format "%OG %HU"\n    log-steps {steps}', target="format raw")
    proxy.get("/a")
    proxy.get("/b")
    syslog.wait_for(f"{expected[-1]} /b")
    assert [m.split()[0] for m in syslog.messages if m.endswith("/a\n")] == expected


@pytest.mark.parametrize("tag, step", [("%HU", "txn_request"), ("%HU %ci", "txn_response"), ("%HU %ST", "txn_response"),
                                       ("%HU %Ta", "txn_close"), ("%HU %B", "txn_close")])
def test_a_line_is_written_when_its_values_are_there(start, syslog, tag, step):
    proxy = start(f'log-format "%OG {tag}"', target="format raw")
    proxy.get()
    assert syslog.wait_for("txn")[0].split()[0] == step


def test_logasap_does_not_wait_for_the_body(start, syslog, origin):
    begun = []

    def slow(exchange):
        exchange.read_body()
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        begun.append(exchange)
        exchange.origin.stopping.wait(20)

    origin.on("/slow", slow)
    proxy = start("option httplog\n    option logasap", target="format raw")
    with proxy.client() as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        line = syslog.wait_for("/slow")[0]
        assert re.search(r" web b/s \d+/\d+/\d+/\d+/\+\d+ 200 \+\d+ - - ---- ", line)
        assert int(re.search(r" 200 \+(\d+)", line)[1]) > 20  # the head alone
        origin.stopping.set()
    assert len(syslog.messages) == 1


def test_logasap_in_tcp_mode(weir, origin, syslog):
    proxy = weir("haproxy", origin=origin, syslog=syslog, text="""
defaults
    mode tcp
    timeout connect 2s
    timeout client 20s
    timeout server 20s
listen web
    bind 127.0.0.1:{port}
    log {syslog} format raw local0
    log-format "%OG %b/%s %B"
    option logasap
    server s {origin}
""")
    with proxy.client() as client:
        assert client.request("/").status == 200
        assert syslog.wait_for("txn") == ["txn_connect web/s +0\n"]


PROFILES = """
log-profile full
    log-tag mine
    on request drop
    on close format "closed %OG" sd '[w@1 a="%HM"]'
    on any format "any %OG"
log-profile quiet
    on error format "error %OG"
    on any drop
log-profile chosen
    on http-req format "by rule %OG"
"""


def test_a_profile_changes_lines_by_step(start, syslog):
    proxy = start('log-format "plain %OG"\n    log-steps all', target="format rfc5424 profile full", sections=PROFILES)
    proxy.get()
    syslog.wait_for("closed")
    bodies = [m.split(" ", 3)[3].strip() for m in syslog.messages]
    assert [re.sub(r" \d+ ", " PID ", b, count=1) for b in bodies] == [
        "mine PID - - any txn_accept", "mine PID - - any txn_connect", "mine PID - - any txn_response",
        'mine PID - [w@1 a="GET"] closed txn_close']


def test_do_log_says_where_it_stands(start, syslog):
    proxy = start('log-format "%OG %HU"\n    tcp-request connection do-log\n    tcp-request session do-log\n'
                  '    tcp-request content do-log\n    http-request do-log profile chosen\n    http-response do-log\n'
                  '    http-after-response do-log', target="format raw", sections=PROFILES)
    proxy.get("/x")
    syslog.wait_for("http-after-res")
    steps = [m.strip() for m in syslog.messages]
    assert steps == ["tcp-req-conn <BADREQ>", "tcp-req-sess <BADREQ>", "txn_request /x", "tcp-req-cont /x",
                     "by rule http-req", "http-res /x", "http-after-res /x"]


def test_what_never_was_a_request(start, syslog):
    proxy = start('option httplog\n    log-format "usual %ts"\n    error-log-format "failed %OG %ci %f"\n'
                  '    option log-separate-errors', target="format priority")
    with proxy.client() as client:
        client.send(b"nonsense\r\n\r\n")
        assert client.response().status == 400
    assert f"<{19 * 8 + 3}>failed sess_error 127.0.0.1 web\n" in syslog.wait_for("failed")


def test_profiles_see_errors(weir, origin, syslog):
    proxy = weir("haproxy", syslog=syslog, text="""
defaults
    mode http
    timeout client 1s
frontend web
    bind 127.0.0.1:{port}
    log {syslog} format raw profile quiet local0
    log-format "usual"
    http-request return status 200
log-profile quiet
    on error format "error %OG"
    on any drop
""")
    assert proxy.get().status == 200
    with proxy.client() as client:
        client.send(b"GET / HT")
        assert client.response().status == 408
    assert syslog.wait_for("error") == ["error sess_error\n"]
    assert syslog.messages == ["error sess_error\n"]


@pytest.mark.parametrize("own, expected", [("", "127.0.0.1:PORT [DATE] web/in: broken PROXY header"),
                                           ('error-log-format "%OG %ci %f %ft"', "sess_killed 127.0.0.1 web web")])
def test_connections_that_never_had_an_exchange(weir, syslog, own, expected):
    proxy = weir("haproxy", syslog=syslog, text="""
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} accept-proxy name in
    log {syslog} format raw local0
    {own}
    http-request return status 200
""".replace("{own}", own))
    with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):  # what was not read resets it
            assert sock.recv(100) == b""
    line = syslog.wait_for("web")[0].strip()
    line = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", re.sub(r"\[\S+\]", "[DATE]", line))
    assert line == expected


def test_dontlognull_and_dontlog_normal(start, syslog):
    proxy = start("option httplog\n    option dontlognull\n    option dontlog-normal\n    "
                  "http-request return status 500 if { path /bad }\n    http-request deny if { path /no }",
                  target="format raw")
    socket.create_connection(("127.0.0.1", proxy.port)).close()
    for path in ("/good", "/bad", "/no"):
        proxy.get(path)
    syslog.wait_for("/no")
    assert [re.search(r'"GET (\S+)', m)[1] for m in syslog.messages] == ["/bad", "/no"]


@pytest.mark.parametrize("text, said", [
    ("log-profile p\n    on nowhere format x\n", "'nowhere' is not a step of logging"),
    ("log-profile p\n    on close\n", "'drop', 'format' or 'sd'"),
    ("frontend f\n    mode http\n    bind :1\n    log-steps close,never\n", "'never' is not a step of logging"),
    ("frontend f\n    mode http\n    bind :1\n    log stdout profile nobody local0\n", "no log-profile section 'nobody'"),
    ("frontend f\n    mode http\n    bind :1\n    http-request do-log profile nobody\n", "no log-profile section 'nobody'"),
    ("global\n    log ring@nobody local0\n", "there is no ring 'nobody'"),
    ("global\n    log backend@nobody local0\n", "no backend in mode log 'nobody'"),
    ("backend b\n    mode log\n    balance source\n    server s 127.0.0.1:1\n", "cannot balance so in mode log"),
    ("backend b\n    mode http\n    balance log-hash lower\n    server s 127.0.0.1:1\n", "cannot balance so in mode tcp or http"),
    ("frontend f\n    mode log\n    bind :1\n", "only backends can be in mode log"),
])
def test_mistakes_are_told(weir, text, said):
    face = weir("weir", text="x", start=False)
    conf = face.dir / "bad.cfg"
    conf.write_text(text, "utf-8")
    done = face.run("check", str(conf))
    assert done.returncode == 1 and said in done.stdout + done.stderr
