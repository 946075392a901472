"""Persistence by cookie in the haproxy face: `cookie`, servers' cookies, force-persist and their like, and what logs say of it."""

import re
import time

import pytest

from rig.generations import Generations
from rig.origin import Reply

CONF = """
global
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    log {syslog} local0
    option httplog
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    retries 2

frontend web
    bind 127.0.0.1:{port}
    {front}
    default_backend b

backend b
    balance roundrobin
    {lines}
"""
SERVERS = ["server a {a} cookie sa", "server b {b} cookie sb"]


@pytest.fixture
def two(origins):
    made = {name: origins(name=name) for name in "ab"}
    for name, origin in made.items():
        origin.default = Reply(headers=[("X-Name", name)])
    return made


@pytest.fixture
def start(weir, two, syslog):
    def make(*lines, servers=SERVERS, front="", begin=True, **places):
        lines = "\n    ".join([*lines, *servers])
        return weir("haproxy", text=CONF.replace("{lines}", lines).replace("{front}", front), syslog=syslog, start=begin,
                    **two, **places)

    return make


def ask(proxy, *cookies, **words):
    return proxy.get("/", headers=[("Cookie", c) for c in cookies], **words)


def who(response):
    return response.header("X-Name")


def set_cookies(response):
    return response.headers.all("Set-Cookie")


def states(syslog, number=1):
    """The letters that the log has for that request: termination, cookie sent, cookie set."""
    lines = syslog.wait_for(r" \d+/\d+/\d+/\d+/\+?\d+ \d+/\d+ ", number)
    return re.search(r" ([-A-Za-z]{4}) \d+/\d+/", lines[number - 1])[1]


# --- insert ---


def test_a_cookie_is_inserted_and_followed(start, syslog):
    proxy = start("cookie SRV insert")
    first = ask(proxy)
    assert set_cookies(first) == [f"SRV=s{who(first)}; path=/"]
    assert states(syslog) == "--NI"
    for server in "aabbab":
        again = ask(proxy, f"SRV=s{server}")
        assert who(again) == server and not set_cookies(again)
    assert states(syslog, 7) == "--VN"


def test_attributes_stand_in_haproxys_order(start):
    proxy = start("cookie SRV insert attr SameSite=Lax secure httponly domain .a.example domain b.example attr P=1")
    (cookie,) = set_cookies(ask(proxy))
    assert re.fullmatch(r"SRV=s.; path=/; domain=\.a\.example; domain=b\.example; HttpOnly; Secure; SameSite=Lax; P=1",
                        cookie)


def test_indirect_keeps_the_cookie_from_the_server(start, two):
    proxy = start("cookie SRV insert indirect")
    assert who(ask(proxy, "a=1; SRV=sb; b=2")) == "b"
    assert two["b"].requests[-1].header("Cookie") == "a=1; b=2"
    ask(proxy, "SRV=sb")
    assert two["b"].requests[-1].header("Cookie") is None
    ask(proxy, 'x="1;SRV=sa"; SRV=sb; $Path=/; y=2')
    assert two["b"].requests[-1].header("Cookie") == 'x="1;SRV=sa"; y=2'


def test_without_indirect_the_server_sees_it(start, two):
    proxy = start("cookie SRV insert")
    ask(proxy, "a=1; SRV=sb")
    assert two["b"].requests[-1].header("Cookie") == "a=1; SRV=sb"


def test_the_servers_own_cookie_gives_way_unless_preserved(start, two, syslog):
    two["a"].default = two["b"].default = Reply(headers=[("Set-Cookie", "SRV=mine; Path=/x"), ("Set-Cookie", "o=1")])
    plain = start("cookie SRV insert")
    assert set_cookies(ask(plain, "SRV=sa")) == ["o=1"]
    assert states(syslog) == "--VD"
    kept = start("cookie SRV insert preserve")
    assert set_cookies(ask(kept)) == ["SRV=mine; Path=/x", "o=1"]
    assert states(syslog, 2) == "--NP"


def test_postonly(start):
    proxy = start("cookie SRV insert postonly")
    assert not set_cookies(ask(proxy))
    assert set_cookies(proxy.get("/", "POST", body=b"x"))


def test_nocache_tells_caches_where_they_might_keep_it(start, two):
    proxy = start("cookie SRV insert nocache")
    for origin in two.values():
        origin.on("/kept", Reply(headers=[("ETag", '"1"')]))
        origin.on("/lives", Reply(headers=[("Cache-Control", "max-age=60")]))
        origin.on("/no", Reply(headers=[("Cache-Control", "no-store"), ("ETag", '"1"')]))
        origin.on("/error", Reply(status=500, headers=[("ETag", '"1"')]))
    assert proxy.get("/kept").headers.all("Cache-Control") == ["private"]
    assert proxy.get("/lives").headers.all("Cache-Control") == ["max-age=60", "private"]
    assert proxy.get("/no").headers.all("Cache-Control") == ["no-store"]
    assert not proxy.get("/error").headers.all("Cache-Control")
    assert not proxy.get("/").headers.all("Cache-Control")
    assert not proxy.get("/kept", "POST", body=b"").headers.all("Cache-Control")
    assert not proxy.get("/kept", headers=[("Cookie", "SRV=sa")]).headers.all("Cache-Control")


def test_a_server_without_cookie_takes_the_clients_away(start):
    proxy = start("cookie SRV insert", servers=["server a {a}"])
    assert set_cookies(ask(proxy)) == ["SRV=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"]
    assert who(ask(proxy, "SRV=")) == "a"


# --- rewrite and prefix ---


def test_rewrite_changes_only_what_the_server_sets(start, two, syslog):
    proxy = start("cookie SRV rewrite")
    two["a"].default = Reply(headers=[("Set-Cookie", "SRV=x; Path=/"), ("Set-Cookie", "SRVX=y")])
    assert set_cookies(ask(proxy, "SRV=sa")) == ["SRV=sa; Path=/", "SRVX=y"]
    assert states(syslog) == "--VR"
    two["a"].default = Reply()
    assert not set_cookies(ask(proxy, "SRV=sa"))


def test_prefix_goes_round(start, two, syslog):
    proxy = start("cookie JSESSIONID prefix")
    two["b"].default = Reply(headers=[("X-Name", "b"), ("Set-Cookie", "JSESSIONID=abc~d; Path=/")])
    assert set_cookies(ask(proxy, "JSESSIONID=sb~old; k=v")) == ["JSESSIONID=sb~abc~d; Path=/"]
    assert states(syslog) == "--VR"
    assert two["b"].requests[-1].header("Cookie") == "JSESSIONID=old; k=v"
    assert who(ask(proxy, "JSESSIONID=sb~abc~d")) == "b"
    assert two["b"].requests[-1].header("Cookie") == "JSESSIONID=abc~d"


def test_a_cookie_without_mode_is_read_only(start, two, syslog):
    proxy = start("cookie SRV")
    assert [who(ask(proxy, "SRV=sb")) for _ in range(3)] == ["b", "b", "b"]
    assert not set_cookies(ask(proxy))
    assert states(syslog, 4) == "----"


# --- dates ---


def encoded(seconds):
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return "".join(digits[(int(seconds) // 4 >> shift) & 63] for shift in (24, 18, 12, 6, 0))


def decoded(text):
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = 0
    for character in text:
        value = value * 64 + digits.index(character)
    return value * 4


def test_dates_are_set_refreshed_and_heeded(start, syslog):
    proxy = start("cookie SRV insert maxidle 1m maxlife 1h")
    now = time.time()
    first = ask(proxy)
    last, born = re.fullmatch(r"SRV=s.\|(.{5})\|(.{5}); path=/", set_cookies(first)[0]).groups()
    assert abs(decoded(last) - now) < 10 and last == born
    assert not set_cookies(ask(proxy, f"SRV=sa|{encoded(now + 100)}|{born}"))
    (fresh,) = set_cookies(ask(proxy, f"SRV=sa|{encoded(now - 30)}|{encoded(now - 300)}"))
    assert fresh.startswith("SRV=sa|") and fresh.endswith(f"|{encoded(now - 300)}; path=/")
    assert states(syslog, 3) == "--VU"
    cases = [(f"{encoded(now - 90)}|{encoded(now - 300)}", "E"), (f"{encoded(now - 9)}|{encoded(now - 4000)}", "O"),
             (encoded(now + 90000), "E")]
    for number, (late, letter) in enumerate(cases, 4):
        assert set_cookies(ask(proxy, f"SRV=sb|{late}"))
        assert states(syslog, number) == f"--{letter}I", late


def test_cookies_without_dates_get_them(start):
    proxy = start("cookie SRV insert maxidle 60")
    answer = ask(proxy, "SRV=sb")
    assert who(answer) == "b" and re.fullmatch(r"SRV=sb\|.{5}; path=/", set_cookies(answer)[0])


# --- servers that come and go ---


def test_a_server_that_is_down_loses_its_clients(start, syslog):
    proxy = start("cookie SRV insert")
    runtime = proxy.runtime()
    runtime("set server b/b state maint")
    answer = ask(proxy, "SRV=sb")
    assert who(answer) == "a" and set_cookies(answer) == ["SRV=sa; path=/"]
    assert states(syslog) == "--DI"
    runtime("set server b/b state ready")
    assert who(ask(proxy, "SRV=sb")) == "b"


def test_a_draining_server_keeps_its_clients(start):
    proxy = start("cookie SRV insert")
    proxy.runtime()("set server b/b state drain")
    assert [who(ask(proxy)) for _ in range(3)] == ["a", "a", "a"]
    assert who(ask(proxy, "SRV=sb")) == "b"


def test_a_weight_of_nothing_keeps_its_clients(start):
    proxy = start("cookie SRV insert")
    proxy.runtime()("set server b/b weight 0")
    assert [who(ask(proxy)) for _ in range(3)] == ["a", "a", "a"]
    assert who(ask(proxy, "SRV=sb")) == "b"


def test_redispatch_brings_another_server_and_its_cookie(start, syslog):
    servers = ["server a {a} cookie sa", "server b {dead} cookie sb"]
    proxy = start("option redispatch", "cookie SRV insert", "retries 1", servers=servers)
    answer = ask(proxy, "SRV=sb")
    assert who(answer) == "a" and set_cookies(answer) == ["SRV=sa; path=/"]
    assert states(syslog) == "--DI"
    (line,) = syslog.matching(r"\+1 ")
    assert " web b/a " in line


def test_without_redispatch_the_client_stays(start):
    servers = ["server a {a} cookie sa", "server b {dead} cookie sb"]
    proxy = start("cookie SRV insert", "retries 1", servers=servers)
    assert ask(proxy, "SRV=sb").status == 503
    assert ask(proxy, "SRV=sa").status == 200


def test_option_persist_sends_clients_to_servers_that_are_down(start, syslog):
    proxy = start("option persist", "cookie SRV insert")
    proxy.runtime()("set server b/b state maint")
    assert who(ask(proxy, "SRV=sb")) == "b"
    assert states(syslog) == "--DN"
    assert [who(ask(proxy)) for _ in range(3)] == ["a", "a", "a"]


def test_force_persist_and_ignore_persist(start, syslog):
    proxy = start("cookie SRV insert", "force-persist if { hdr(X-Probe) 1 }", "ignore-persist unless { path / }")
    proxy.runtime()("set server b/b state maint")
    assert who(proxy.get("/", headers=[("Cookie", "SRV=sb"), ("X-Probe", "1")])) == "b"
    assert who(ask(proxy, "SRV=sb")) == "a"
    proxy.runtime()("set server b/b state ready")
    names = [who(proxy.get("/other", headers=[("Cookie", "SRV=sb")])) for _ in range(4)]
    assert sorted(names) == ["a", "a", "b", "b"]
    assert states(syslog, 6) == "--UN"


def test_a_rule_goes_before_the_cookie(start, syslog):
    proxy = start("cookie SRV insert", "use-server a if { path /a }", "use-server b if { path /a }")
    assert who(proxy.get("/a", headers=[("Cookie", "SRV=sb")])) == "a"
    assert states(syslog) == "--UN"
    proxy.runtime()("set server b/a state maint")
    assert who(proxy.get("/a")) == "b"


def test_a_full_server_is_waited_for(start, two):
    servers = ["server a {a} cookie sa maxconn 1", "server b {b} cookie sb maxconn 1"]
    proxy = start("timeout queue 10s", "cookie SRV insert", servers=servers)
    two["b"].on("/slow", Reply(headers=[("X-Name", "b")], delay=0.5))
    with proxy.client() as slow:
        slow.send(b"GET /slow HTTP/1.1\r\nHost: x\r\nCookie: SRV=sb\r\n\r\n")
        while not any(r.path == "/slow" for r in two["b"].requests):
            time.sleep(0.01)
        assert who(ask(proxy, "SRV=sb")) == "b"
        assert slow.response().status == 200


# --- what clients may send ---


@pytest.mark.parametrize("cookie", [
    "SRV=sz", "SRV=", "SRV", "SRV=\"sb", "SRV=sb\x80", "SRV==sb", "srv=sb", "SRV =", "=sb", ";;;", "SRV=sb extra", "SRV=sbb",
    "SRV=s", "SRV=sb~", "$SRV=sb", "x=\"SRV=sb", "SRV=../../sb", "SRV=sb%00",
])
def test_forged_cookies_are_balanced_and_replaced(start, cookie):
    proxy = start("cookie SRV insert indirect")
    names = [who(ask(proxy, cookie)) for _ in range(4)]
    assert sorted(names) == ["a", "a", "b", "b"]
    assert len(set_cookies(ask(proxy, cookie))) == 1


def test_the_first_good_one_of_duplicates_counts(start, two, syslog):
    proxy = start("cookie SRV insert indirect")
    assert who(ask(proxy, "SRV=sb; SRV=sa")) == "b"
    assert who(ask(proxy, "SRV=none; SRV=sa")) == "a"
    assert states(syslog, 2) == "--VN"
    assert who(ask(proxy, "SRV=sb", "x=1; SRV=sa")) == "b"
    assert two["b"].requests[-1].headers.all("Cookie") == ["x=1"]


def test_thousands_of_cookies(start, two):
    proxy = start("cookie SRV insert indirect")
    many = "; ".join(f"k{i}=v" for i in range(1200))
    assert who(ask(proxy, f"{many}; SRV=sb")) == "b"
    assert two["b"].requests[-1].header("Cookie") == many
    assert who(ask(proxy, "; ".join(["SRV=no"] * 1500) + "; SRV=sa")) == "a"
    assert two["a"].requests[-1].header("Cookie") is None


# --- dynamic cookies and captures ---


def test_dynamic_cookies_come_from_key_and_address(start, two):
    servers = ["server a {a}", "server b {b}", "server c {b} cookie own disabled"]
    proxy = start("cookie SRV insert dynamic", "dynamic-cookie-key secret", servers=servers)
    seen = {who(answer): set_cookies(answer)[0] for answer in (ask(proxy), ask(proxy))}
    for name, cookie in seen.items():
        value = re.fullmatch(r"SRV=([0-9a-f]{16}); path=/", cookie)[1]
        assert [who(ask(proxy, f"SRV={value}")) for _ in range(3)] == [name] * 3
    other = start("cookie SRV insert dynamic", "dynamic-cookie-key other", servers=servers)
    assert set_cookies(ask(other))[0] not in seen.values()


def test_dynamic_cookies_change_at_run_time(start, two):
    """The value of cookies is HAProxy's hash of key, address and port; servers with a cookie of their own keep it."""
    servers = ["server a {a}", "server b {b} cookie own"]
    proxy = start("cookie SRV insert", "dynamic-cookie-key secret", servers=servers)
    admin = proxy.runtime()

    def cookies():
        answers = [ask(proxy), ask(proxy)]
        return {who(answer): set_cookies(answer)[0].split(";")[0] for answer in answers}

    assert cookies() == {"a": "SRV=", "b": "SRV=own"}
    assert admin("enable dynamic-cookie backend b") == ""
    first = cookies()
    assert re.fullmatch(r"SRV=[0-9a-f]{16}", first["a"]) and first["b"] == "SRV=own"
    configured = start("cookie SRV insert dynamic", "dynamic-cookie-key secret", servers=servers)
    assert set_cookies(ask(configured))[0].split(";")[0] == first["a"]
    assert admin("set dynamic-cookie-key backend b another") == ""
    second = cookies()
    assert re.fullmatch(r"SRV=[0-9a-f]{16}", second["a"]) and second["a"] != first["a"]
    assert [who(ask(proxy, second["a"])) for _ in range(3)] == ["a"] * 3
    assert admin("disable dynamic-cookie backend b") == ""
    assert cookies() == {"a": "SRV=", "b": "SRV=own"}


def test_keys_of_cookies_outlive_reloads_until_the_file_changes(start, two):
    proxy = start("cookie SRV insert dynamic", "dynamic-cookie-key secret", servers=["server a {a}"], begin=False)
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    generations = Generations(proxy)

    def value():
        return set_cookies(ask(proxy))[0]

    first = value()
    assert proxy.runtime()("set dynamic-cookie-key backend b another") == ""
    second = value()
    generations.reload_and_drain()
    assert value() == second != first
    proxy.conf.write_text(proxy.conf.read_text().replace("key secret", "key third"))
    generations.worker()  # the old one has ended
    generations.reload_and_drain()
    assert value() not in (first, second)


@pytest.mark.parametrize("command, answer", [
    ("enable dynamic-cookie backend", "A backend name is expected."),
    ("disable dynamic-cookie backend nobody", "No such backend."),
    ("set dynamic-cookie-key backend b", "String value expected."),
    ("set dynamic-cookie-key backend b " + 128 * "k", "The key may have 127 bytes."),
])
def test_what_commands_about_dynamic_cookies_refuse(start, command, answer):
    assert start("cookie SRV insert").runtime()(command) == answer


def test_cookies_are_captured(start, two, syslog):
    proxy = start("http-request deny if { path /no }", front="capture cookie ASPSESS len 12")
    two["a"].default = two["b"].default = Reply(headers=[("Set-Cookie", "x=1"), ("Set-Cookie", "ASPSESSION=new; Path=/")])
    ask(proxy, "a=1; ASPSESSIONID=abc; ASPSESS=2")
    (line,) = syslog.wait_for(r'"GET / HTTP/1.1"')
    assert " ASPSESSIONID ASPSESSION=n ---- " in line
    proxy.get("/no", headers=[("Cookie", "ASPSESS=z")])
    (line,) = syslog.wait_for(r'"GET /no HTTP/1.1"')
    assert " ASPSESS=z - PR-- " in line


def test_what_haproxy_refuses(weir):
    def refused(line):
        proxy = weir("haproxy", start=False,
                     text=f"listen b\n    mode http\n    bind 127.0.0.1:1\n    {line}\n    server s 127.0.0.1:1\n")
        run = proxy.run("-c", "-f", str(proxy.conf))
        return run.returncode and run.stderr

    assert "'rewrite' and 'indirect' modes are incompatible" in refused("cookie C rewrite indirect")
    assert "'rewrite', 'insert' and 'prefix' modes are incompatible" in refused("cookie C insert prefix")
    assert "'preserve' requires at least 'insert' or 'indirect'" in refused("cookie C preserve")
    assert "not permitted in domain name" in refused("cookie C insert domain a;b.c")
    assert "not permitted in attribute value" in refused('cookie C insert attr "a;b"')
    assert "supports 'rewrite'" in refused("cookie C inserted")
    assert "requires either 'if' or 'unless'" in refused("force-persist when it")
    assert not refused("cookie C insert maxidle 30m maxlife 8h")
