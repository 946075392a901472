"""`sticky` in the nginx face: by cookie, by route, by identifiers that are learned; `server … route=` and `drain`."""

import email.utils
import hashlib
import re
import time

import pytest

from rig import net
from rig.http1 import build_request
from rig.origin import Reply

CONF = """
daemon off;
master_process {master};
user {user};
pid nginx.pid;
error_log error.log info;
events {{}}
http {{
    access_log off;
    {http}
    server {{
        listen 127.0.0.1:{{port}};
        {server}
        location / {{ proxy_pass http://$arg_to; }}
    }}
}}
"""


@pytest.fixture
def three(origins):
    made = {name: origins(name=name) for name in "abc"}
    for name, origin in made.items():
        origin.default = Reply(headers=[("X-Name", name)])
    return made


@pytest.fixture
def start(weir, three):
    def make(http, server="", master="off", face="nginx", args=()):
        text = CONF
        for key, value in (("{master}", master), ("{http}", http), ("{server}", server)):
            text = text.replace(key, value)
        text = text.replace("{{", "{").replace("}}", "}")
        return weir(face, text=text, args=args, **three)

    return make


def who(response):
    return response.header("X-Name")


def names(proxy, target, count=3, **words):
    return "".join(who(proxy.get(target, **words)) for _ in range(count))


def cookie(text):
    return [("Cookie", text)]


# --- cookies ---


def test_the_cookie_is_the_md5_of_the_servers_address(start, three):
    proxy = start("upstream u { server {a}; server {b}; sticky cookie s; }")
    for name in "ab":
        digest = hashlib.md5(str(three[name]).encode()).hexdigest()
        for _ in range(3):
            answer = proxy.get("/?to=u", headers=cookie(f"x=1; s={digest}"))
            assert who(answer) == name and answer.header("Set-Cookie") == f"s={digest}"
    answer = proxy.get("/?to=u")
    assert answer.header("Set-Cookie") == "s=" + hashlib.md5(str(three[who(answer)]).encode()).hexdigest()


def test_attributes(start):
    proxy = start("""
        upstream all { server {a} route=r; sticky cookie s path=/p secure "expires=1h 3m" httponly domain=.x.y samesite=Lax; }
        upstream max { server {a} route=r; sticky cookie s-1 expires=max; }
        upstream var { server {a} route=r; sticky cookie s domain=$arg_d samesite=$arg_s; }
        """)
    value = proxy.get("/?to=all").header("Set-Cookie")
    found = re.fullmatch(r"s=r; expires=(.*) GMT; max-age=3780; domain=\.x\.y; httponly; secure; samesite=Lax; path=/p", value)
    then = email.utils.parsedate_to_datetime(found[1].replace("-", " ") + " +0000").timestamp()
    assert abs(then - time.time() - 3780) < 10
    assert proxy.get("/?to=max").header("Set-Cookie") == "s-1=r; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"
    assert proxy.get("/?to=var").header("Set-Cookie") == "s=r"
    assert proxy.get("/?to=var&d=e.f&s=none").header("Set-Cookie") == "s=r; domain=e.f; samesite=none"
    assert proxy.get("/?to=var&s=wrong").header("Set-Cookie") == "s=r; samesite=strict"


@pytest.mark.parametrize("method", ["", "least_conn;", "ip_hash;", "hash $request_uri;", "random;", "hash $uri consistent;"])
def test_every_method_heeds_sessions(start, method):
    proxy = start("upstream u { %s server {a} route=1; server {b} route=2; server {c} route=3; sticky cookie s; }" % method)
    for route, name in zip("123", "abc"):
        assert names(proxy, "/?to=u", headers=cookie(f"s={route}")) == name * 3
    for bad in ("s=", "s=4", "s=11", "s", "s=1 2", "s=" + "9" * 5000):
        answer = proxy.get("/?to=u", headers=cookie(bad))
        assert answer.header("Set-Cookie") == "s=" + str("abc".index(who(answer)) + 1)


def test_sessions_count_as_turns(start):
    proxy = start("upstream u { server {a} route=1; server {b} route=2; server {c} route=3; sticky route $arg_r; }")
    assert names(proxy, "/?to=u&r=1", 6) == "aaaaaa"
    assert names(proxy, "/?to=u", 6)[:2] == "bc"


def test_a_failed_server_gives_its_clients_to_another(start):
    proxy = start("upstream u { server {a} route=1; server {dead} route=2 max_fails=0; sticky cookie s; }")
    answer = proxy.get("/?to=u", headers=cookie("s=2"))
    assert who(answer) == "a" and answer.header("Set-Cookie") == "s=1"


def test_the_cookie_goes_with_errors_and_stays_out_of_other_groups(start, three):
    proxy = start("""upstream u { server {a} route=1; sticky cookie s; } upstream plain { server {a}; }""",
                  "error_page 404 /gone; location = /gone { return 200 gone; } proxy_intercept_errors on; "
                  "proxy_hide_header Set-Cookie; add_header X-Upstream-Cookie $upstream_http_set_cookie;")
    three["a"].on("/x", Reply(status=404))
    three["a"].default = Reply(headers=[("Set-Cookie", "own=1")])
    assert proxy.get("/?to=u").headers.all("Set-Cookie") == ["s=1"]
    assert proxy.get("/?to=u").header("X-Upstream-Cookie") == "own=1"
    assert proxy.get("/x?to=u").header("Set-Cookie") == "s=1"
    assert not proxy.get("/?to=plain").headers.all("Set-Cookie")


def test_no_server_no_cookie(start):
    proxy = start("upstream u { server {a} down route=1; sticky cookie s; }")
    answer = proxy.get("/?to=u", headers=cookie("s=1"))
    assert answer.status == 502 and not answer.headers.all("Set-Cookie")


# --- routes, backups, drain ---


def test_routes_come_from_the_first_variable_that_has_one(start):
    proxy = start("""map $cookie_j $route { ~\\.(?P<r>\\w+)$ $r; }
        upstream u { server {a} route=1; server {b} route=2; server {c} route=3; sticky route $route $arg_r; }""")
    assert names(proxy, "/?to=u&r=3", headers=cookie("j=abc.2")) == "bbb"
    assert names(proxy, "/?to=u&r=3", headers=cookie("j=abc")) == "ccc"
    assert set(names(proxy, "/?to=u&r=x", 6)) == {"a", "b", "c"}
    assert not proxy.get("/?to=u&r=3").headers.all("Set-Cookie")


def test_backups_serve_sessions_when_nobody_else_does(start):
    proxy = start("""upstream up { server {a} route=1; server {b} backup route=2; sticky route $arg_r; }
        upstream down { server {a} down; server {b} backup route=1; server {c} backup route=2; sticky route $arg_r; }""")
    assert names(proxy, "/?to=up&r=2") == "aaa"
    assert names(proxy, "/?to=down&r=1") == "bbb"
    assert names(proxy, "/?to=down&r=2") == "ccc"


def test_a_draining_server_serves_its_sessions_only(start):
    proxy = start("upstream u { server {a} route=1 drain; server {b} route=2; sticky route $arg_r; }")
    assert names(proxy, "/?to=u", 4) == "bbbb"
    assert names(proxy, "/?to=u&r=1") == "aaa"


def test_a_full_server_lets_its_clients_go(start, three):
    proxy = start("upstream u { server {a} route=1 max_conns=1; server {b} route=2; sticky route $arg_r; }")
    three["a"].on("/slow", Reply(delay=net.DEADLINE))
    with proxy.client() as slow:
        slow.send(build_request("/slow?to=u&r=1"))
        net.wait_until(lambda: any(r.path == "/slow" for r in three["a"].requests), "the slow request")
        assert names(proxy, "/?to=u&r=1") == "bbb"


def test_a_backup_that_was_passed_over_for_the_sessions_own_has_no_request(start, three):
    proxy = start("""upstream u { server {a} down; server {b} backup route=1; server {c} backup route=2;
        least_time header inflight; sticky route $arg_r; }""")
    three["b"].on("/late", Reply(headers=[("X-Name", "b")], delay=0.1))
    assert names(proxy, "/late?to=u&r=1", 3) == "bbb"
    assert names(proxy, "/?to=u", 1) == "c"


# --- learn ---

LEARN = """upstream u { server {a}; server {b}; server {c};
    sticky learn zone=z:1m timeout=%s create=$upstream_cookie_sid lookup=$cookie_sid %s; }"""


def test_sessions_are_learned_from_answers(start, three):
    for name, origin in three.items():
        origin.on("/login", Reply(headers=[("X-Name", name), ("Set-Cookie", f"sid=of-{name}; Path=/")]))
    proxy = start(LEARN % ("1h", ""), "proxy_hide_header Set-Cookie;")
    assert sorted(names(proxy, "/login?to=u")) == ["a", "b", "c"]
    for name in "abc":
        assert names(proxy, "/?to=u", headers=cookie(f"sid=of-{name}")) == name * 3
    assert set(names(proxy, "/?to=u", 6, headers=cookie("sid=forged"))) == {"a", "b", "c"}


def test_a_failed_servers_session_moves(start, three):
    three["a"].on("/login", Reply(headers=[("Set-Cookie", "sid=1")]))
    proxy = start("""upstream u { server {a}; server {b}; server {c}; sticky learn zone=z:1m create=$upstream_cookie_sid
        create=$cookie_sid lookup=$cookie_sid; }""", "proxy_next_upstream http_503;")
    while not any(r.path == "/login" for r in three["a"].requests):
        proxy.get("/login?to=u")
    assert names(proxy, "/?to=u", headers=cookie("sid=1")) == "aaa"
    three["a"].default = Reply(status=503)
    (moved,) = set(names(proxy, "/?to=u", headers=cookie("sid=1")))
    three["a"].default = Reply(headers=[("X-Name", "a")])
    assert names(proxy, "/?to=u", headers=cookie("sid=1")) == moved * 3


def test_sessions_end_after_their_timeout(start, three):
    three["a"].default = Reply(headers=[("X-Name", "a"), ("Set-Cookie", "sid=1")])
    proxy = start(LEARN % ("100ms", ""))
    while who(proxy.get("/?to=u")) != "a":
        pass
    net.wait_until(lambda: names(proxy, "/x?to=u", 1, headers=cookie("sid=2")) and _forgotten(proxy), "the session's end")


def _forgotten(proxy):
    """Asks for the session until it is not followed; a request that follows it makes it live longer."""
    time.sleep(0.15)  # the timeout is what is tested
    return len({who(proxy.get("/y?to=u", headers=cookie("sid=1"))) for _ in range(3)} | {"a"}) > 1


def test_header_learns_before_the_body_is_over(start, three):
    three["a"].on("/long", lambda exchange: _slowly(exchange, "a"))
    three["b"].on("/long", lambda exchange: _slowly(exchange, "b"))
    three["c"].on("/long", lambda exchange: _slowly(exchange, "c"))
    proxy = start(LEARN % ("1h", "header"), "proxy_buffering off;")
    with proxy.client() as first:
        first.send(build_request("/long?to=u"))
        net.wait_until(lambda: b"X-Name" in first.received(0.1) or None, "the head")
        asked = [name for name in "abc" if three[name].requests]
        assert names(proxy, "/?to=u", headers=cookie("sid=new")) == asked[0] * 3


def _slowly(exchange, name):
    exchange.send(f"HTTP/1.1 200 OK\r\nX-Name: {name}\r\nSet-Cookie: sid=new\r\nContent-Length: 5\r\n\r\n".encode())
    exchange.origin.stopping.wait(10)


@pytest.mark.parametrize("face", ["nginx"])
def test_learned_sessions_outlive_reloads_and_crashes(start, three, face):
    three["b"].on("/login", Reply(headers=[("Set-Cookie", "sid=1")]))
    proxy = start(LEARN % ("1h", ""), master="on")
    while not any(r.path == "/login" for r in three["b"].requests):
        proxy.get("/login?to=u")
    assert names(proxy, "/?to=u", headers=cookie("sid=1")) == "bbb"
    workers = _workers(proxy)
    proxy.signal(1)
    net.wait_until(lambda: (found := _workers(proxy)) and not set(workers) & set(found), "a new worker")
    assert names(proxy, "/?to=u", headers=cookie("sid=1")) == "bbb"


def _workers(proxy):
    return proxy.children()


# --- from the other vocabulary ---


def test_requests_of_a_haproxy_frontend_belong_too(weir, three):
    proxy = weir("weir", text="""
        upstream u { server {a} route=1; server {b} route=2; sticky cookie s; }
        defaults { mode http; timeout connect 1s; timeout client 5s; timeout server 5s; }
        frontend web { bind 127.0.0.1:{port}; default_backend u; }
        """, **three)
    answer = proxy.get("/", headers=cookie("s=2"))
    assert who(answer) == "b" and answer.headers.all("Set-Cookie") == ["s=2"]


def test_what_nginx_refuses(weir):
    def refused(line, server="server 127.0.0.1:1;"):
        text = "pid nginx.pid; events {} http { upstream u { %s %s } }" % (server, line)
        proxy = weir("nginx", text=text, start=False)
        run = proxy.run("-t")
        return run.returncode and run.stderr

    assert '"sticky" directive is duplicate' in refused("sticky cookie a; sticky cookie b;")
    assert 'unknown parameter "cooky"' in refused("sticky cooky a;")
    assert 'invalid variable name "a"' in refused("sticky route a;")
    assert 'parameter "path" is duplicate' in refused("sticky cookie a path=/ path=/b;")
    assert 'invalid "samesite" parameter value' in refused("sticky cookie a samesite=x;")
    assert 'invalid "expires" parameter value' in refused("sticky cookie a expires=x;")
    assert "zone is too small" in refused("sticky learn create=$a lookup=$a zone=z:8k;")
    assert '"create" parameter is not specified' in refused("sticky learn lookup=$uri zone=z:1m;")
    assert "route is longer than 32" in refused("", f"server 127.0.0.1:1 route={'x' * 33};")
    assert not refused("sticky learn create=$uri lookup=$uri zone=z:1m timeout=1h;")
