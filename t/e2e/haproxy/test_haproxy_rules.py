"""What single words of HAProxy's configuration do to a request and its answer."""

import contextlib
import gzip
import socket
import threading
import time
import zlib

import pytest

from rig.generations import Generations
from rig.http1 import Client, Closed
from rig.origin import Reply

DEFAULTS = """
global
    {more}

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
"""


@pytest.fixture
def start(weir, origin):
    def make(text, more="", **places):
        return weir("haproxy", text=DEFAULTS.replace("{more}", more) + text, origin=origin, **places)

    return make


def echo(start, *lines, **places):
    """A proxy that answers by itself after the given lines."""
    body = "\n    ".join(lines)
    return start("frontend web\n    bind 127.0.0.1:{port}\n    " + body + "\n", **places)


# --- answers made here


def test_monitor_uri_is_a_path_or_the_whole_target(start):
    by_path = echo(start, "monitor-uri /health")
    assert by_path.get("/health").status == 200
    assert by_path.get("http://h/health", headers=[("Host", "h")]).status == 200
    assert by_path.get("/health?deep").status == 503
    assert by_path.get("/heALTH").status == 503
    by_target = echo(start, "monitor-uri http://h/health")
    assert by_target.get("http://h/health", headers=[("Host", "h")]).status == 200
    assert by_target.get("/health", headers=[("Host", "h")]).status == 503


def test_http_error_default_errorfiles_is_the_usual_page(start):
    proxy = echo(start, "http-error status 403 default-errorfiles", "http-error status 400",
                 "http-request deny deny_status 403 if { path /403 }",
                 "http-request deny deny_status 400")
    page = proxy.get("/403")
    assert page.status == 403
    assert b"403 Forbidden" in page.body
    empty = proxy.get("/")
    assert (empty.status, empty.body) == (400, b"")


def test_deny_status_has_a_page_and_status_alone_has_none(start):
    proxy = echo(start, "http-request deny status 403 if { path /status }", "http-request deny deny_status 403")
    assert b"403 Forbidden" in proxy.get("/").body
    bare = proxy.get("/status")
    assert (bare.status, bare.body) == (403, b"")


# --- expressions


def test_url_dec_and_header_values_keep_their_spaces(start):
    proxy = echo(start, 'http-request return status 200 hdr plain "<%[url,url_dec]>" hdr form "<%[url,url_dec(1)]>"')
    answer = proxy.get("/a+%20?b%3Dc%2B1+2%20")
    assert answer.header("plain") == "</a+ ?b=c+1 2 >"
    assert answer.header("form") == "</a  ?b=c+1 2 >"


def test_a_header_rule_keeps_trailing_space(start):
    proxy = echo(start, 'http-request return status 200 hdr x "%[url,url_dec] "')
    assert b"x: /a \r\n" in proxy.get("/a").raw_head


def test_flags_of_a_log_format_do_not_quote_samples_in_what_http_carries(start, origin):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    http-request redirect location /%{+Q,+json}[url_param(a)] if { path /location }
    http-request return status 200 content-type text/plain hdr x "%{+Q}[url_param(a)] %{+Q,+M}[url_param(none)]|%{+Q}HM" lf-string "%{+Q}[url_param(a)]" if { path /return }
    http-request set-header x %{+Q}[url_param(a)]
    http-request set-query q=%{+Q}[url_param(a)]
    http-response set-header line %{+Q}[str(a\\nb)]
    default_backend b
backend b
    server s {origin}
""")
    assert proxy.get("/location?a=b").header("location") == "/b"
    answer = proxy.get("/return?a=b")
    assert answer.header("x") == 'b |"GET"'
    assert answer.body == b'"b"'
    assert proxy.get("/?a=b").header("line") == "a%0Ab"
    (request,) = origin.requests
    assert request.target == "/?q=b"
    assert request.header("x") == "b"


def test_json_without_arguments(start):
    proxy = echo(start, 'http-request return status 200 hdr x "%[str(a\\\\b),json]"')
    assert proxy.get().header("x") == "a\\\\b"


def test_the_first_argument_may_be_left_out(start):
    proxy = echo(start, 'http-request return status 200 hdr x "%[url,url_enc]" hdr y "%[url,word(1,/,)]"')
    answer = proxy.get("/a?b=c")
    assert answer.header("x") == "%2Fa%3Fb%3Dc"
    assert answer.header("y") == "a?b=c"


# --- captures and logs


LOGGED = ["log {syslog} local0", "option httplog"]


def test_dontlognull_hides_connections_without_data_only(start, syslog):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{pp_port} accept-proxy
    log {syslog} local0
    option httplog
    option dontlognull
    timeout http-request 1s
""", syslog=syslog)
    with proxy.client() as silent, proxy.client() as partial:
        partial.send(b"GET / HT")
        assert b" 408 " in silent.read_all()
        assert b" 408 " in partial.read_all()
    with proxy.client(port="pp_port") as gone:
        gone.half_close()
        gone.read_all()
    with proxy.client(port="pp_port") as broken:
        broken.send(b"GET / HTTP/1.1\r\n\r\n")
        broken.read_all()
    syslog.wait_for("broken PROXY header")
    assert len(syslog.wait_for(" 408 ")) == 1
    assert len(syslog.messages) == 2


def test_what_is_wrong_with_a_request_is_logged_below_errors(start, syslog):
    proxy = echo(start, *LOGGED, syslog=syslog)
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
        client.read_all()
    (reason,) = syslog.wait_for("request refused: ")
    assert reason.startswith("<134>")  # local0.info, as requests are
    (line,) = syslog.wait_for(" 400 ")
    assert line.startswith("<134>")


def test_a_log_line_counts_the_exchanges_beside_its_own(start, syslog, origin):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    log {syslog} local0
    log-format "%ac/%fc/%bc/%sc %HP"
    http-request return status 200 if { path /local }
    use_backend gone if { path /gone }
    default_backend b

backend b
    server s {origin}

backend gone
    retries 0
    server s {dead}
""", syslog=syslog)
    reached, go_on = threading.Event(), threading.Event()

    def held(exchange):
        reached.set()
        assert go_on.wait(15)
        exchange.reply()

    origin.on("/held", held)
    with proxy.client() as client:  # one for all: a connection counts until its end was seen
        for path in "/", "/local", "/gone":
            client.request(path)
            syslog.wait_for(f" 1/1/0/0 {path}$")
        with proxy.client() as other:
            other.send(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
            assert reached.wait(15)
            client.request("/beside")
            syslog.wait_for(" 2/2/1/1 /beside$")
            go_on.set()
            other.response()
            syslog.wait_for(" 2/2/0/0 /held$")


@pytest.mark.threads
def test_connections_of_all_threads_are_counted(start, syslog):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    log {syslog} local0
    log-format "%ac/%fc/%[act_conn] %HP"
    http-request return status 200
""", syslog=syslog, more="nbthread 4")
    with contextlib.ExitStack() as stack:
        for n in range(1, 9):
            stack.enter_context(proxy.client()).request(f"/{n}")
            syslog.wait_for(f" {n}/{n}/{n} /{n}$")


def test_a_line_before_the_end_counts_its_own_exchange(start, syslog, origin):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    log {syslog} local0
    option httplog
    option logasap
    default_backend b
backend b
    server s {origin}
""", syslog=syslog)
    proxy.get()
    syslog.wait_for(" 1/1/1/1/0 ")


def test_logurilen_cuts_the_line_of_a_request(start, syslog):
    proxy = echo(start, "log {syslog} local0", 'log-format "%{+Q}r %HU|%HP|%HQ|"', "http-request return status 200",
                 syslog=syslog, more="tune.http.logurilen 12")
    proxy.get("/a?b=cdefghijkl")
    syslog.wait_for(r'"GET /a\?b=cde" /a\?b=cde\|/a\|\?b=cde\|$')


CUT = """
global
    tune.http.logurilen 8
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port}
    log {syslog} local0
    log-format "<%HU %HPO>"
    http-request return status 200
"""


def test_logurilen_ends_with_the_file_that_has_it(weir, syslog):
    proxy = weir("haproxy", text=CUT, syslog=syslog, start=False)
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    proxy.get("/abcdefgh")
    syslog.wait_for("</abc /abc>")
    proxy.conf.write_text(proxy.conf.read_text().replace("    tune.http.logurilen 8\n", ""))
    Generations(proxy).reload_and_drain()
    proxy.get("/abcdefgh")
    syslog.wait_for("</abcdefgh /abcdefgh>")


def test_capture_takes_the_last_value(start, syslog):
    proxy = echo(start, "log {syslog} local0", "option httplog", "capture request header a len 10",
                 "http-request return status 200", syslog=syslog)
    proxy.get(headers=[("a", "one"), ("a", "two")])
    syslog.wait_for(r"\{two\}")


def test_last_rule_is_the_one_that_ended_its_ruleset(start, syslog, origin):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    log {syslog} local0
    log-format "%HU %[last_rule_line]"
    http-request set-var(txn.a) path
    http-request allow if { path /allow }
    http-request deny if { path /deny }
    default_backend b
backend b
    tcp-response content accept if { var(txn.a) -m str /accept }
    server s {origin}
""", syslog=syslog)
    lines = proxy.conf.read_text().splitlines()
    number = {word: 1 + next(i for i, line in enumerate(lines) if f"/{word}" in line) for word in
              ("allow", "deny", "accept")}
    for word in number:
        proxy.get(f"/{word}")
        syslog.wait_for(rf"/{word} {number[word]}$")
    proxy.get("/none")
    syslog.wait_for(r"/none -$")


# --- replacement by expression


@pytest.mark.parametrize("rule, target, after", [
    (r"replace-path /v1/(.*) /api/\1", "/x/v1/show?q", "/api/show?q"),
    (r"replace-path /v1/(.*) /api/\1", "/x/v2/show", "/x/v2/show"),
    (r"replace-pathq q=([0-9]) /p?\1", "/x?q=12", "/p?1"),
    (r"replace-uri u=([0-9]) /uri/\1", "/x?u=45", "/uri/4"),
])
def test_a_target_that_matches_somewhere_is_replaced_as_a_whole(start, rule, target, after):
    proxy = echo(start, f"http-request {rule}", "http-request return status 200 hdr x %[url]")
    assert proxy.get(target).header("x") == after


def test_a_header_that_matches_somewhere_is_replaced_as_a_whole(start, origin):
    proxy = start(r"""
frontend web
    bind 127.0.0.1:{port}
    http-request replace-header a foo=([^;]*) foo=<\1>
    http-request replace-value b b(.) <\1>
    http-request set-header c %[req.hdr(c),regsub(o,0)]
    http-response replace-header location http://[^/]*/ https://pub.test/
    default_backend b
backend b
    server s {origin}
""")
    origin.default = Reply(status=302, headers=[("Location", "http://127.0.0.1:1/back?x=1")])
    answer = proxy.get(headers=[("a", "k=1; foo=bar; z=2"), ("b", "a, xbcd ,b"), ("c", "foo")])
    assert answer.header("location") == "https://pub.test/"
    (request,) = origin.requests
    assert [request.header(name) for name in "abc"] == ["foo=<bar>", "a,<c>,b", "f0o"]


# --- the request target


@pytest.mark.parametrize("rule, before, after", [
    ("path-merge-slashes", "///a//b/?q=//", "/a/b/?q=//"),
    ("path-strip-dot", "/./a/./b/.", "/a/b/"),
    ("path-strip-dot", "/.well-known/a.", "/.well-known/a."),
    ("path-strip-dotdot", "/a//../../b/", "/b/"),
    ("path-strip-dotdot", "/a/../../b/", "/../b/"),
    ("path-strip-dotdot full", "/a/../../b/?x=/../", "/b/?x=/../"),
    ("path-strip-dotdot", "/a/..", "/"),
    ("percent-decode-unreserved", "/%61%3F?%61=%%36%36", "/a%3F?a=%66"),
    ("percent-to-uppercase", "/%aa%zz?%ab", "/%AA%zz?%AB"),
    ("query-sort-by-name", "/?c&aaa=3&a=1&aa&a=0", "/?a=1&a=0&aa&aaa=3&c"),
    ("query-sort-by-name", "/?", "/?"),
])
def test_normalize_uri(start, rule, before, after):
    proxy = echo(start, f"http-request normalize-uri {rule}", "http-request return status 200 hdr x %[url]")
    assert proxy.get(before).header("x") == after
    assert proxy.get("*", method="OPTIONS").header("x") == "*"


@pytest.mark.parametrize("rule", ["percent-decode-unreserved strict", "percent-to-uppercase strict"])
def test_normalize_uri_strict_refuses_broken_encodings(start, rule):
    proxy = echo(start, f"http-request normalize-uri {rule}", "http-request return status 200 hdr x %[url]")
    assert proxy.get("/%61%ff").status == 200
    assert proxy.get("/%zz").status == 400


def test_normalize_uri_unknown(weir):
    text = DEFAULTS.replace("{more}", "") + "frontend f\n    bind 127.0.0.1:{port}\n    http-request normalize-uri path-strip-dots\n"
    proxy = weir("haproxy", text=text, start=False)
    refused = proxy.run("-c", "-f", str(proxy.conf))
    assert refused.returncode == 1
    assert "path-strip-dot'?" in refused.stderr


@pytest.mark.parametrize("rule, host", [
    ("set-uri http://other.test%[path]", "other.test"),
    ("set-uri http://me@other.test:81?q", "other.test:81"),
    ("replace-uri (.*) https://new.test\\1", "new.test"),
    ("set-uri /elsewhere", "old.test"),
    ("set-path http://other.test/", "old.test"),
])
def test_host_follows_an_absolute_target(start, origin, rule, host):
    proxy = start(f"""
frontend web
    bind 127.0.0.1:{{port}}
    http-request {rule}
    default_backend b
backend b
    server s {{origin}}
""")
    proxy.get("/x", headers=[("Host", "old.test")])
    (request,) = origin.requests
    assert request.headers.all("host") == [host]


def test_a_new_path_leaves_a_host_that_a_rule_has_set(start, origin):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    http-request set-header host new.test
    http-request set-path /b
    default_backend b
backend b
    server s {origin}
""")
    proxy.get("http://old.test/a", headers=[("Host", "old.test")])
    (request,) = origin.requests
    assert (request.target, request.header("host")) == ("http://old.test/b", "new.test")


# --- limits of one exchange

LIMITS = ("client", "server", "connect", "queue", "tunnel", "tarpit")


def limits_header():
    values = " ".join(f"%[{'fe' if name == 'client' else 'be'}_{name}_timeout]/%[cur_{name}_timeout]" for name in LIMITS)
    return f'http-after-response set-header x "{values} %[be_max_retries]/%[cur_max_retries]"'


def test_limits_follow_rules_and_are_forgotten_in_another_backend(start):
    setting = "\n    ".join(f"http-request set-timeout {name} 3s" for name in LIMITS)
    proxy = start(f"""
listen here
    bind 127.0.0.1:{{port}}
    timeout tunnel 7s
    {setting}
    http-request set-retries 5
    {limits_header()}
    use_backend there if {{ path /there }}
    server s {{origin}}
backend there
    timeout server 9s
    server s {{origin}}
""")
    assert proxy.get("/").header("x") == "20000/3000 20000/3000 2000/3000 2000/3000 7000/3000 2000/3000 3/5"
    assert proxy.get("/there").header("x") == "20000/3000 9000/9000 2000/2000 2000/2000 0/0 2000/3000 3/3"


def test_set_timeout_client_holds_for_one_request(start):
    proxy = echo(start, "http-request set-timeout client 300 if { path /short }",
                 "option http-buffer-request", "http-request return status 200 hdr x %[cur_client_timeout]")
    with proxy.client() as client:
        assert client.request("/short").header("x") == "300"
        assert client.request("/").header("x") == "20000"


def test_set_retries_limits_attempts(start):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    timeout connect 100
    http-request set-retries 0
    http-after-response set-header x %[txn.conn_retries]
    server s {dead}
""")
    answer = proxy.get()
    assert (answer.status, answer.header("x")) == (503, "0")


# --- responses


def test_tcp_response_content_rules_run_before_http_response(start, origin):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    http-request set-var(txn.path) path
    default_backend b
backend b
    tcp-response inspect-delay 1s
    tcp-response content set-var(txn.seen) status
    tcp-response content reject if { var(txn.path) -m str /reject }
    tcp-response content accept
    tcp-response content reject
    http-response set-header seen %[var(txn.seen)]
    server s {origin}
""")
    assert proxy.get("/").header("seen") == "200"
    with proxy.client() as client:
        with pytest.raises(Closed):
            client.request("/reject")


def test_original_to_names_the_destination_of_a_rule(start, origin):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    http-request set-dst hdr(x-dst)
    default_backend b
backend b
    option originalto except 10.0.0.0/8
    server s {origin}
""")
    proxy.get("/a", headers=[("x-dst", "2001:db8::2")])
    proxy.get("/b", headers=[("x-dst", "10.1.2.3")])
    seen = {r.path: r.header("X-Original-To") for r in origin.wait_requests(2)}
    assert seen == {"/a": "2001:db8::2", "/b": None}


# --- compression


@pytest.fixture
def compressing(start, origin):
    origin.on("/", Reply(body=b"text " * 100, headers=[("Content-Type", "text/plain")]))
    return start("""
frontend web
    bind 127.0.0.1:{port}
    use_backend offload if { path /offload }
    default_backend b
backend b
    compression algo gzip deflate
    compression type text/plain
    server s {origin}
backend offload
    compression algo gzip
    compression offload
    server s {origin}
""")


@pytest.mark.parametrize("accepts, coding", [
    ("gzip", "gzip"),
    ("*;q=0, gzip;q=0.5, deflate;q=0.75", "deflate"),
    ("gzip;q=0.75, deflate;q=0.5", "gzip"),
    ("gzip;q=0", None),
    ("br", None),
    ("*", "gzip"),
])
def test_compression_takes_what_the_client_likes_best(compressing, accepts, coding):
    answer = compressing.get("/", headers=[("Accept-Encoding", accepts)])
    assert answer.header("Content-Encoding") == coding
    assert answer.header("Vary") == ("Accept-Encoding" if coding else None)
    plain = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding]
    assert plain(answer.body) == b"text " * 100


def test_compression_spares_old_browsers(compressing):
    old = [("Accept-Encoding", "gzip"), ("User-Agent", "Mozilla/4.0 (compatible; MSIE 5.5; Windows NT 5.0)")]
    assert compressing.get("/", headers=old).header("Content-Encoding") is None


@pytest.mark.parametrize("vary, result", [
    ("Other", "Other,Accept-Encoding"),
    ("accept-encoding,Other", "accept-encoding,Other"),
    ("", "Accept-Encoding"),
])
def test_compression_extends_vary(compressing, origin, vary, result):
    origin.on("/", Reply(body=b"text", headers=[("Content-Type", "text/plain"), ("Vary", vary)]))
    assert compressing.get("/", headers=[("Accept-Encoding", "gzip")]).header("Vary") == result


@pytest.mark.parametrize("etags, coding", [
    (['"a"'], "gzip"), (['W/"a"'], "gzip"), (['""'], "gzip"), (['"a'], None), (["a"], None), (['"a"', '"b"'], None),
])
def test_compression_needs_one_valid_etag(compressing, origin, etags, coding):
    origin.on("/", Reply(body=b"text", headers=[("Content-Type", "text/plain"), *(("ETag", tag) for tag in etags)]))
    answer = compressing.get("/", headers=[("Accept-Encoding", "gzip")])
    assert answer.header("Content-Encoding") == coding
    assert answer.headers.all("ETag")[0].startswith("W/") == (coding is not None)


def test_compression_offload_hides_what_the_client_accepts(compressing, origin):
    origin.on("/offload", Reply(body=b"text", headers=[("Content-Type", "text/plain")]))
    assert compressing.get("/offload", headers=[("Accept-Encoding", "gzip")]).header("Content-Encoding") == "gzip"
    assert origin.wait_requests(1)[-1].header("Accept-Encoding") is None


# --- proxies


def test_free_numbers_are_given_in_the_order_of_the_file(start):
    proxy = start("""
frontend one
    bind 127.0.0.1:{port}
    http-request return status 200 hdr x %[fe_id]
frontend two
    id 1
    bind 127.0.0.1:{two_port}
    http-request return status 200 hdr x %[fe_id]
frontend three
    id 2
    bind 127.0.0.1:{three_port}
    http-request return status 200 hdr x %[fe_id]
""")
    assert [proxy.get(port=port).header("x") for port in ("port", "two_port", "three_port")] == ["3", "1", "2"]


def test_two_proxies_share_an_inherited_socket(weir):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        text = DEFAULTS.replace("{more}", "") + f"""
frontend one
    bind fd@{listening.fileno()}
    http-request return status 200
frontend two
    bind fd@{listening.fileno()}
    http-request return status 200
"""
        proxy = weir("haproxy", text=text, start=False)
        proxy.start(wait=False, pass_fds=[listening.fileno()])
        with Client(port=listening.getsockname()[1]) as client:
            assert client.request("/").status == 200


@pytest.mark.threads
@pytest.mark.parametrize("how, most", [("full", 1), ("on", 1), ("off", 4)])
def test_idle_connections_of_other_threads(start, origin, how, most):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    http-reuse always
    server s {origin}
""", more=f"nbthread 4\n    tune.idle-pool.shared {how}")
    slow = 0
    for _ in range(20):
        began = time.monotonic()
        assert proxy.get().status == 200
        slow += time.monotonic() - began > 0.2  # a thread that is slow to give one away is not waited for
    assert slow <= 2 and 1 <= len(origin.connections) <= most + slow


def test_idle_pool_shared_takes_three_words(weir):
    text = DEFAULTS.replace("{more}", "tune.idle-pool.shared some") + "listen l\n    bind 127.0.0.1:{port}\n"
    proxy = weir("haproxy", text=text, start=False)
    refused = proxy.run("-c", "-f", str(proxy.conf))
    assert refused.returncode == 1
    assert "'tune.idle-pool.shared' expects either 'on', 'full' or 'off' but got 'some'." in refused.stderr


# --- variables on the runtime socket


def test_process_variables_on_the_runtime_socket(start):
    proxy = echo(start, "http-request return status 200 hdr x %[var(proc.text)]",
                 more="stats socket {dir}/admin.sock level admin\n    set-var proc.number int(5)\n"
                      "    set-var-fmt proc.text before")
    admin = proxy.runtime()
    assert admin("get var proc.number") == "proc.number: type=sint value=<5>"
    assert admin("get var proc.none") == "Variable not found."
    assert "experimental" in admin("set var proc.text str(x)")
    admin(r"experimental-mode on; set var proc.text str(updating); set var proc.text fmt %[var(proc.text),regsub(ing,ed)]")
    assert proxy.get().header("x") == "updated"
    assert "type=str value=<updated>" in admin("get var proc.text")
    assert admin("experimental-mode on; set var txn.a str(x)").strip() == "Only process-wide variables can be set."
    assert "nosuch" in admin("experimental-mode on; set var proc.text nosuch()")


# --- the PROXY protocol's fields


def test_fields_of_the_proxy_header(start):
    proxy = start("""
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    unique-id-format ID-%[req.hdr(in)]
listen sender
    bind 127.0.0.1:{port}
    unique-id-header id
    server s 127.0.0.1:{other_port} send-proxy-v2 proxy-v2-options unique-id set-proxy-v2-tlv-fmt(0xE1) %[str(foo)] \
set-proxy-v2-tlv-fmt(226)
listen receiver
    bind 127.0.0.1:{other_port} accept-proxy
    http-after-response set-header id %[fc_pp_unique_id]
    http-after-response set-header named %[fc_pp_tlv(UNIQUE_ID)]
    http-after-response set-header custom <%[fc_pp_tlv(0xE1)],%[fc_pp_tlv(226),length],%[fc_pp_tlv(227),length]>
    http-after-response set-header authority <%[fc_pp_authority]>
    http-request return status 200
""")
    with proxy.client() as client:
        for name in ("one", "two"):
            answer = client.request("/", headers=[("in", name)])
            assert answer.header("id") == answer.header("named") == f"ID-{name}"
            assert answer.header("custom") == "<foo,0,>"
            assert answer.header("authority") == "<>"


def test_all_tlvs_of_a_type_are_compared(start):
    proxy = start("""
frontend web
    bind 127.0.0.1:{port} accept-proxy
    http-request return status 200 if { fc_pp_tlv(0xE0) -m str second }
    http-request deny
""")
    header = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11" + (12 + 8 + 9).to_bytes(2, "big") + bytes([127, 0, 0, 1] * 2) + bytes(4)
    with Client(port=proxy.port) as client:
        client.send(header + b"\xe0\x00\x05first" + b"\xe0\x00\x06second")
        assert client.request("/").status == 200
    with Client(port=proxy.port) as client:
        client.send(header + b"\xe0\x00\x05first" + b"\xe1\x00\x06second")
        assert client.request("/").status == 403


def test_tlv_names_are_checked(weir):
    text = DEFAULTS.replace("{more}", "") + "listen l\n    bind 127.0.0.1:{port}\n"
    for line in ("http-request set-header a %[fc_pp_tlv(256)]", "server s 127.0.0.1:1 set-proxy-v2-tlv-fmt(0x100) a",
                 "server s 127.0.0.1:1 proxy-v2-options nosuch"):
        proxy = weir("haproxy", text=text + f"    {line}\n", start=False)
        assert proxy.run("-c", "-f", str(proxy.conf)).returncode == 1, line
