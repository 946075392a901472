"""The words around the statistics page in HAProxy's sections: who sees it, what it shows, who may change servers."""

import base64
import re

import pytest

from rig import net
from rig.proxy import FREED_IS_FREE

CONF = """
global
    node here
    description all of it
    nbthread {threads}
    stats socket {dir}/admin.sock mode 600 level admin
    stats socket {dir}/user.sock mode 600 level user
    {more_global}

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    {more_defaults}

frontend web
    bind 127.0.0.1:{port}
    default_backend app
    {more_web}

listen page
    bind 127.0.0.1:{page_port}
    {more}

backend app
    balance roundrobin
    {more_app}
    server s1 {one}
    server s2 {two}

backend secret
    server s1 {two}
"""

ADMIN = "stats enable\n    stats admin if TRUE"


@pytest.fixture
def start(weir, origins):
    def make(more="stats enable", threads=1, **places):
        sections = ("more_global", "more_defaults", "more_web", "more_app")
        places = {**dict.fromkeys(sections, ""), **places}
        more = "\n    ".join(line.strip() for line in more.strip().splitlines())
        return weir("haproxy", text=CONF, more=more, threads=threads, one=origins(name="s1"), two=origins(name="s2"),
                    **places)

    return make


def page(proxy, target="/haproxy?stats", method="GET", port="page_port", **options):
    with proxy.client(port) as client:
        return client.request(target, method, **options)


def text_of(proxy, target="/haproxy?stats", **options):
    answer = page(proxy, target, **options)
    assert answer.status == 200
    return answer.body.decode()


def names(proxy, target="/haproxy?stats;csv", **options):
    return {tuple(line.split(",")[:2]) for line in text_of(proxy, target, **options).splitlines()[1:]}


def basic(user, password):
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


# --- where it is ---


def test_default_address(start):
    proxy = start()
    assert page(proxy).status == 200
    assert page(proxy, "http://localhost/haproxy?stats").status == 200
    assert page(proxy, "/haproxy").status == 503
    assert page(proxy, "/haproxy?stats", method="DELETE").status == 503


def test_address_is_a_prefix(start):
    proxy = start("stats uri /page")
    assert page(proxy, "/pages;up").status == 200
    assert page(proxy, "/other").status == 503


def test_in_a_frontend_and_a_backend(start):
    proxy = start(more_web="stats uri /front", more_app="stats uri /back")
    assert page(proxy, "/front", port="port").body.startswith(b"<!DOCTYPE html>")
    assert page(proxy, "/back", port="port").body.startswith(b"<!DOCTYPE html>")
    assert proxy.get("/").header("X-Origin") == "s1"


def test_rules_go_first_and_redirects_last(start):
    proxy = start("stats enable\nhttp-request deny if { path /haproxy } { src 127.0.0.2 }\nredirect location /x")
    assert page(proxy).status == 200
    assert page(proxy, "/else").status == 302
    denied = start("stats enable\nhttp-request deny if { path /haproxy }")
    assert page(denied).status == 403


def test_defaults_are_left_behind_with_the_first_line(start):
    inherited = start("", more_defaults="stats uri /page")
    assert page(inherited, "/page").status == 200
    assert page(inherited, "/page", port="port").status == 200
    own = start("stats refresh 5s", more_defaults="stats uri /page")
    assert page(own, "/page").status == 503
    assert page(own).status == 200


def test_tcp_mode_has_none(start):
    proxy = start("mode tcp\nstats enable", start=False)
    assert "requires HTTP mode" in proxy.run("-c", "-f", str(proxy.conf)).stderr


# --- what it shows ---


def test_csv_is_show_stat(start):
    proxy = start("stats enable\nstats show-legends", threads=2)
    for _ in range(4):
        proxy.get()

    def same():
        # The page's own connection and request move its frontend; uptimes may tick in between.
        ours = text_of(proxy, "/haproxy?stats;csv").splitlines()
        theirs = proxy.runtime()("show stat").splitlines()
        return [x for x in ours if not x.startswith("page,")] == [x for x in theirs if not x.startswith("page,")]

    net.wait_until(same, lambda: text_of(proxy, "/haproxy?stats;csv") + proxy.runtime()("show stat"))
    plain = text_of(start("stats enable"), "/haproxy?stats;csv").splitlines()
    assert plain[0].startswith("# pxname,svname,") and "127.0.0.1" not in "".join(plain)


def test_json_and_typed_are_those_of_show_stat(start):
    proxy = start("stats enable\nstats scope secret\nstats show-legends")
    whole = proxy.runtime()("show stat json")
    answer = text_of(proxy, "/haproxy?stats;json").strip()
    assert answer.startswith("[[{") and answer.endswith("}]]")
    volatile = re.compile(r'"value":\d+')
    assert volatile.sub("", answer)[2:-2] in volatile.sub("", whole)
    typed = text_of(proxy, "/haproxy?stats;typed").splitlines()
    assert "pxname.1:KNSV:str:secret" in typed[0]


def test_legends_addresses_only_when_asked(start):
    assert "127.0.0.1:" not in text_of(start())
    assert "127.0.0.1:" in text_of(start("stats enable\nstats show-legends"))


def test_version_only_when_asked(start):
    assert "3.5-dev5" not in text_of(start())
    assert "3.5-dev5" in text_of(start("stats show-version"))
    assert "3.5-dev5" not in text_of(start("stats show-version\nstats hide-version"))


def test_node_and_description(start):
    assert "<h1>Statistics Report for HAProxy</h1>" in text_of(start())
    shown = text_of(start("stats enable\nstats show-node\nstats show-desc"))
    assert "<h1>Statistics Report for HAProxy on here: all of it</h1>" in shown
    own = text_of(start("stats enable\nstats show-node Europe-1\nstats show-desc Master node, <b>1</b>"))
    assert "on Europe-1: Master node, &lt;b&gt;1&lt;/b&gt;</h1>" in own


def test_what_is_named_is_escaped(start):
    proxy = start("stats enable\nstats admin if TRUE\ndescription \"<script>alert('1')</script> & more\"",
                  more_app="description \"</table>\"")
    text = text_of(proxy, "/haproxy?stats;scope=%3Ci%3E;st=%3Cb%3E")
    assert "<script" not in text and "<i>;" not in text and "<b>" not in text
    text = text_of(proxy)
    assert "&lt;script&gt;alert('1')&lt;/script&gt; &amp; more" in text
    assert text.count("</table>") == 1


def test_refresh(start):
    proxy = start("stats refresh 1m")
    assert page(proxy).header("Refresh") == "60"
    assert page(proxy, "/haproxy?stats;norefresh").header("Refresh") is None
    assert "/haproxy?stats;norefresh" in text_of(proxy)
    assert page(start()).header("Refresh") is None


def test_hidden_servers(start):
    proxy = start()
    proxy.runtime()("set server app/s2 state maint")
    assert ("app", "s2") in names(proxy)
    assert ("app", "s2") not in names(proxy, "/haproxy?stats;csv;up")
    assert ("app", "s2") not in names(proxy, "/haproxy?stats;csv;no-maint")
    proxy.runtime()("set server app/s2 state ready")
    proxy.runtime()("set server app/s2 health down")
    assert ("app", "s2") not in names(proxy, "/haproxy?stats;csv;up")
    assert ("app", "s2") in names(proxy, "/haproxy?stats;csv;no-maint")


def test_scope(start):
    proxy = start("stats enable\nstats scope .\nstats scope app")
    assert {name for name, _ in names(proxy)} == {"page", "app"}
    inherited = start("", more_defaults="stats uri /page\n    stats scope .")
    assert {name for name, _ in names(inherited, "/page;csv")} == {"page"}
    assert {name for name, _ in names(inherited, "/page;csv", port="port")} == {"web"}


def test_filter_by_a_part_of_the_name(start):
    assert {name for name, _ in names(start(), "/haproxy?stats;csv;scope=ECR")} == {"secret"}


def test_the_filter_is_a_form(start):
    text = text_of(start(), "/haproxy?stats;st=DONE")
    assert '<form action="/haproxy"><input type=hidden name="stats"><input name=scope ' in text
    # What a browser makes of it.
    assert {name for name, _ in names(start(), "/haproxy?stats=&scope=secret;csv")} == {"secret"}


def test_colours_by_state(start):
    proxy = start()
    states = {"drain": "dr", "maint": "mt", "ready": "no"}
    for state, style in states.items():
        proxy.runtime()(f"set server app/s2 state {state}")
        row = re.search(r"<tr class='(\w+)'><th scope=row>s2<", text_of(proxy))
        assert row[1] == style
    proxy.runtime()("set server app/s1 health down; set server app/s2 health down")
    assert "<td class='c bad'>" in text_of(proxy)


def test_compressed(start):
    proxy = start("stats enable\ncompression algo gzip\ncompression type text/html")
    answer = page(proxy, headers=[("Accept-Encoding", "gzip")])
    assert answer.header("Content-Encoding") == "gzip"
    assert len(answer.body) < 5000


def test_counted_and_logged(start, syslog):
    proxy = start("stats enable\nlog global\noption httplog", more_global=f"log {syslog} local0")
    page(proxy)
    assert re.search(r" page page/<STATS> [\d/+-]+ 200 \d+ - - LR-- ", syslog.wait_for("<STATS>")[0])
    assert proxy.runtime().stat()["page", "FRONTEND"]["intercepted"] == "1"


def test_long_page_takes_no_memory_while_the_client_does_not_read(weir):
    servers = "".join(f"    server {i}{'-spare' * 160} 127.0.0.1:9 disabled\n" for i in range(3000))
    proxy = weir("haproxy", text=CONF.split("backend secret")[0] + servers, threads=1, more=ADMIN, one="127.0.0.1:9",
                 two="127.0.0.1:9", more_global="", more_defaults="", more_web="", more_app="",
                 environment=FREED_IS_FREE)
    assert len(page(proxy).body) > 6_000_000
    before = proxy.rss()
    with proxy.client("page_port", receive_buffer=4096) as client:
        client.send("GET /haproxy?stats HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(50):  # the loop has all the time it could want
            page(proxy, "/none")
        assert proxy.rss() - before < 1_000_000


# --- who sees it ---


def test_users(start):
    proxy = start("stats auth admin:pass:word\nstats auth other:x\nstats realm My\\ Page")
    refused = page(proxy)
    assert refused.status == 401
    assert refused.header("WWW-Authenticate") == 'Basic realm="My Page"'
    assert page(proxy, headers=basic("admin", "wrong")).status == 401
    assert page(proxy, headers=basic("admin", "pass:word")).status == 200
    assert page(proxy, headers=basic("other", "x")).status == 200
    assert page(proxy, "/haproxy?stats;csv").status == 401
    assert page(proxy, "/else").status == 503


def test_users_of_defaults(start):
    proxy = start("", more_defaults="stats auth a:b")
    assert page(proxy).header("WWW-Authenticate") == 'Basic realm="HAProxy Statistics"'
    assert page(proxy, headers=basic("a", "b")).status == 200
    assert page(proxy, port="port").status == 401


def test_access_rules(start):
    proxy = start("""
        acl known hdr(x-who) known
        acl banned hdr(x-who) banned
        stats http-request allow if known
        stats http-request deny if banned
        stats http-request auth realm Elsewhere""")
    assert page(proxy, headers=[("X-Who", "known")]).status == 200
    assert page(proxy, headers=[("X-Who", "banned")]).status == 403
    asked = page(proxy)
    assert asked.status == 401 and asked.header("WWW-Authenticate") == 'Basic realm="Elsewhere"'
    assert page(proxy, "/else", headers=[("X-Who", "banned")]).status == 503


def test_http_request_auth(start):
    proxy = start("http-request auth unless { hdr(x-who) known }\nhttp-request return status 200")
    asked = page(proxy, "/")
    assert asked.status == 401 and asked.header("WWW-Authenticate") == 'Basic realm="page"'
    assert page(proxy, "/", headers=[("X-Who", "known")]).status == 200


# --- who changes servers ---

BROWSER = [("User-Agent", "Mozilla/5.0"), ("Host", "localhost:8404"), ("Origin", "http://localhost:8404"),
           ("Sec-Fetch-Site", "same-origin")]


def form(proxy, body, headers=(), target="/haproxy?stats"):
    """The outcome that the answer to a form tells."""
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    answer = page(proxy, target, "POST", headers=[kind, *headers], body=body.encode())
    assert answer.status == 303
    assert answer.header("Content-Length") == "0"
    return re.fullmatch(r"/haproxy\?stats;st=(\w{4})(.*)", answer.header("Location"))


def token(proxy):
    return re.search(r"name=t value=(\w{32})>", text_of(proxy))[1]


def state(proxy, server="s1", backend="app"):
    return proxy.runtime().stat()[backend, server]["status"]


def test_actions(start):
    proxy = start(ADMIN)
    for action, status in (("maint", "MAINT"), ("ready", "no check"), ("drain", "DRAIN"), ("start", "no check"),
                           ("disable", "MAINT"), ("enable", "no check"), ("stop", "DRAIN"), ("ready", "no check"),
                           ("hdown", "DOWN"), ("hrunn", "no check"), ("hnolb", "NOLB")):
        assert form(proxy, f"s=s1&action={action}&b=app")[1] == "DONE", action
        assert state(proxy) == status, action
    assert state(proxy, "s2") == "no check"


def test_outcomes(start):
    proxy = start(ADMIN)
    assert form(proxy, "s=s1&s=s2&action=maint&b=app")[1] == "DONE"
    assert state(proxy) == state(proxy, "s2") == "MAINT"
    assert form(proxy, "s=s1&s=nobody&action=ready&b=app")[1] == "PART"
    assert form(proxy, "s=nobody&action=ready&b=app")[1] == "ERRP"
    assert form(proxy, "s=s1&action=explode&b=app")[1] == "ERRP"
    assert form(proxy, "s=s1&action=ready&b=nowhere")[1] == "ERRP"
    assert form(proxy, "s=s1&action=&b=app")[1] == "NONE"
    assert form(proxy, "action=ready&b=app")[1] == "NONE"
    assert form(proxy, "s=s1&action=ehlth&b=app")[1] == "NONE"
    assert form(proxy, "s=%zz&action=ready&b=app")[1] == "ERRP"
    assert form(proxy, "s=s1&" * 5000 + "action=ready&b=app")[1] == "EXCD"
    iid = proxy.runtime().stat()["app", "BACKEND"]["iid"]
    assert form(proxy, f"s=s2&action=ready&b=%23{iid}")[1] == "DONE"
    assert state(proxy, "s2") == "no check"
    assert "Done." in text_of(proxy, "/haproxy?stats;st=DONE")


def test_the_page_comes_back_as_it_was(start):
    proxy = start(ADMIN + "\nstats refresh 5")
    assert form(proxy, "", target="/haproxy?stats;up;norefresh;scope=app")[2] == ";up;norefresh;scope=app"


@pytest.fixture
def busy(start):
    """A proxy whose only server in service has a place for one request, and that one waits for its answer."""
    proxy = start(ADMIN, threads=2, more_defaults="timeout queue 20s")
    proxy.places["one"].on("/wait", lambda exchange: exchange.stall())
    proxy.runtime()("set server app/s2 state maint; set maxconn server app/s1 1")
    with proxy.client() as client:
        client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        net.wait_until(lambda: proxy.runtime().stat()["app", "s1"]["scur"] == "1", lambda: proxy.runtime()("show sess"))
        yield proxy, client


def test_waiting_requests_go_to_a_server_that_is_ready(busy):
    proxy, _ = busy
    with proxy.client() as second:
        second.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        net.wait_until(lambda: proxy.runtime().stat()["app", "BACKEND"]["qcur"] == "1", "one in the queue")
        assert form(proxy, "s=s2&action=ready&b=app")[1] == "DONE"
        assert second.response().header("X-Origin") == "s2"


def test_kill_sessions(busy):
    proxy, client = busy
    assert form(proxy, "s=s1&action=shutdown&b=app")[1] == "DONE"
    assert client.response().status == 502


def test_only_where_admin_is_allowed(start):
    proxy = start("stats enable")
    assert form(proxy, "s=s1&action=maint&b=app")[1] == "DENY"
    assert state(proxy) == "no check"
    assert "<form method=post" not in text_of(proxy)
    some = start("stats enable\nstats admin if { hdr(x-who) boss }")
    assert form(some, "s=s1&action=maint&b=app")[1] == "DENY"
    assert form(some, "s=s1&action=maint&b=app", [("X-Who", "boss")])[1] == "DONE"


def test_only_in_scope(start):
    proxy = start(ADMIN + "\nstats scope app")
    assert form(proxy, "s=s1&action=maint&b=secret")[1] == "DENY"
    assert form(proxy, "s=s1&action=maint&b=nowhere")[1] == "DENY"
    assert state(proxy, "s1", "secret") == "no check"
    assert form(proxy, "s=s1&action=maint&b=app")[1] == "DONE"


def test_a_browser_brings_the_token(start):
    proxy = start(ADMIN)
    assert form(proxy, "s=s1&action=maint&b=app", BROWSER)[1] == "STAL"
    assert form(proxy, f"s=s1&action=maint&b=app&t={'0' * 32}", BROWSER)[1] == "STAL"
    assert form(proxy, "s=s1&action=maint&b=app&t=guess")[1] == "STAL"
    assert form(proxy, "s=s1&action=maint&b=app", [("User-Agent", "Mozilla/4.0")])[1] == "STAL"
    assert state(proxy) == "no check"
    assert form(proxy, f"s=s1&action=maint&b=app&t={token(proxy)}", BROWSER)[1] == "DONE"
    assert state(proxy) == "MAINT"


@pytest.mark.parametrize("headers", [
    [("Origin", "http://evil.example")],
    [("Origin", "null")],
    [("Origin", "http://localhost.evil.example")],
    [("Referer", "http://evil.example/localhost")],
    [("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "same-site"), ("Origin", "http://localhost")],
    [("Sec-Fetch-Site", "cross-site"), ("Origin", "http://localhost")],
], ids=str)
def test_other_sites_are_refused(start, headers):
    proxy = start(ADMIN)
    assert form(proxy, f"s=s1&action=maint&b=app&t={token(proxy)}", headers)[1] == "DENY"
    assert state(proxy) == "no check"


# --- mistakes in the configuration ---


@pytest.mark.parametrize("lines, message", [
    ("stats auth", "stats auth"),
    ("stats admin TRUE TRUE", "requires either 'if' or 'unless'"),
    ("stats refresh soon", "stats refresh interval"),
    ("stats show-node a/b", "invalid node name"),
    ("stats http-request explode", "explode"),
    ("stats auth a:b\nstats http-request auth", "can't be used at the same time"),
])
def test_refused(start, lines, message):
    proxy = start(lines, start=False)
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert checked.returncode == 1 and message in checked.stderr


def test_rule_that_is_never_reached(start):
    proxy = start("stats http-request deny\nstats http-request allow", start=False)
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert checked.returncode == 0 and "further entries are NOOP" in checked.stderr
