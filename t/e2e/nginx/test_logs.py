"""Access and error logs of the nginx face."""

import gzip
import re
import signal

import pytest

from rig import net
from rig.origin import Reply

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log notice;
events {}
http {
    access_log access.log;
    log_format short "$uri:$status:$body_bytes_sent";
    log_format json escape=json '{"agent":"$http_user_agent","missing":"$arg_nothing"}';
    log_format sent "$uri:$sent_http_content_length:$sent_http_transfer_encoding:$sent_http_connection:$sent_http_keep_alive";
    log_format raw escape=none '$http_user_agent';
    server {
        listen 127.0.0.1:{port};
        location / { return 200 hello; }
        location /none { access_log short.log short; return 444; }
        location /sent {
            access_log sent.log sent;
            proxy_pass http://{origin};
            location /sent/here { return 200 hello; }
            location /sent/empty { return 200; }
            location /sent/none { return 204; }
            location /sent/kept { keepalive_timeout 5 6; return 200 hello; }
        }
        location /during {
            add_trailer X-Sent "$sent_http_transfer_encoding $sent_http_connection";
            proxy_pass http://{origin};
        }
        location /off { access_log off; return 200 x; }
        location /short { access_log short.log short; return 200 hello; }
        location /two { access_log short.log short; access_log json.log json; access_log raw.log raw; return 200 x; }
        location /if { access_log if.log short if=$arg_log; return 200 x; }
        location /buffer { access_log buffer.log short buffer=4k flush=200ms; return 200 x; }
        location /kept { access_log kept.log short buffer=4k flush=1h; return 200 x; }
        location /gzip { access_log gzip.log short gzip flush=100ms; return 200 x; }
        location /named { root {dir}; access_log named-$arg_n.log short; return 200 x; }
        location /cached { root {dir}; open_log_file_cache max=2 min_uses=1; access_log cached-$arg_n.log short; return 200 x; }
        location /syslog { access_log syslog:server={syslog},tag=probe,facility=user,severity=debug short; return 200 x; }
        location /errors { error_log own.log error; error_log syslog:server={syslog},nohostname; root /nowhere; }
        location /quiet { error_log own.log crit; root /nowhere; }
    }
}
"""


@pytest.fixture
def proxy(weir, origin, syslog):
    return weir("nginx", text=CONF, origin=origin, syslog=syslog)


def wait_text(proxy, name, text):
    path = proxy.dir / name
    net.wait_until(lambda: path.exists() and path.read_text() == text,
                   lambda: f"{text!r} in {name}, which is {path.read_text() if path.exists() else None!r}")


def test_combined(proxy):
    proxy.get("/a?b", headers=[("Referer", "http://r/"), ("User-Agent", 'x"y')])
    line = proxy.wait_log('"GET /a')
    stamp = r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.fullmatch(r'127\.0\.0\.1 - - ' + stamp + r' "GET /a\?b HTTP/1\.1" 200 5 "http://r/" "x\\x22y"', line)


def test_formats_and_escapes(proxy):
    proxy.get("/two", headers=[("User-Agent", 'a"b\\c')])
    wait_text(proxy, "short.log", "/two:200:1\n")
    wait_text(proxy, "json.log", '{"agent":"a\\"b\\\\c","missing":""}\n')
    wait_text(proxy, "raw.log", 'a"b\\c\n')


def test_an_answer_that_nobody_gets_has_its_status(proxy):
    with proxy.client() as client:
        client.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.read_all() == b""
    wait_text(proxy, "short.log", "/none:444:0\n")


def test_framing_that_was_sent(proxy, origin):
    """It is no line of the answer's own. The connection has left the request before the log, so it is "close" there."""
    origin.on("/sent/length", Reply(body=b"hello"))
    origin.on("/sent/chunked", Reply(body=b"hello", chunked=True))
    origin.on("/sent/close", Reply(body=b"hello", until_close=True))
    origin.on("/during", Reply(body=b"hello", chunked=True))
    for target in ("here", "empty", "none", "kept", "length", "chunked", "close"):
        proxy.get("/sent/" + target)
    proxy.get("/sent/here", method="HEAD")
    wait_text(proxy, "sent.log", """/sent/here:5:-:close:-
/sent/empty:0:-:close:-
/sent/none:-:-:close:-
/sent/kept:5:-:close:-
/sent/length:5:-:close:-
/sent/chunked:-:chunked:close:-
/sent/close:-:chunked:close:-
/sent/here:5:-:close:-
""")
    with proxy.client() as client:
        assert client.request("/during").trailers.get("X-Sent") == "chunked keep-alive"
        assert client.request("/during", headers=[("Connection", "close")]).trailers.get("X-Sent") == "chunked close"


def test_off_and_conditions(proxy):
    for target in ("/off", "/if", "/if?log=0", "/if?log=1", "/if?log=yes", "/short"):
        proxy.get(target)
    wait_text(proxy, "if.log", "/if:200:1\n/if:200:1\n")
    wait_text(proxy, "short.log", "/short:200:5\n")
    assert "/off" not in (proxy.dir / "access.log").read_text()


def test_buffers(proxy):
    for _ in range(3):
        proxy.get("/buffer")
    wait_text(proxy, "buffer.log", "/buffer:200:1\n" * 3)
    for _ in range(300):
        proxy.get("/kept")
    assert (proxy.dir / "kept.log").read_text() == ""
    for _ in range(50):
        proxy.get("/kept")
    net.wait_until(lambda: (proxy.dir / "kept.log").stat().st_size > 4000, "a full buffer to be written")


def test_buffered_lines_are_written_at_the_end(proxy):
    proxy.get("/buffer")
    proxy.signal(signal.SIGQUIT)
    assert proxy.wait() == 0
    assert (proxy.dir / "buffer.log").read_text() == "/buffer:200:1\n"


def test_compressed(proxy):
    proxy.get("/gzip")
    path = proxy.dir / "gzip.log"
    net.wait_until(lambda: path.stat().st_size > 0, "compressed lines")
    assert gzip.decompress(path.read_bytes()) == b"/gzip:200:1\n"


@pytest.mark.parametrize("place", ["named", "cached"])
def test_variables_in_the_name(proxy, place):
    for name in ("a", "b", "c", "a"):
        proxy.get(f"/{place}?n={name}")
    wait_text(proxy, f"{place}-a.log", f"/{place}:200:1\n" * 2)
    wait_text(proxy, f"{place}-c.log", f"/{place}:200:1\n")


def test_syslog(proxy, syslog):
    proxy.get("/syslog")
    message = syslog.wait_for("/syslog:200:1")
    message = message[0] if isinstance(message, list) else message
    assert re.match(r"<15>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ probe: /syslog:200:1$", message)


def test_error_levels_and_places(proxy, syslog):
    proxy.get("/errors")
    proxy.get("/quiet")
    own = proxy.dir / "own.log"
    net.wait_until(lambda: own.exists() and own.read_text().count("[error]") == 1, "one line in own.log")
    assert re.match(r'\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[error\] \d+#\d+: \*\d+ open\(\) "/nowhere/errors" failed \(2: No such '
                    r'file or directory\), client: 127\.0\.0\.1, server: , request: "GET /errors HTTP/1\.1", host: '
                    r'"localhost"\n$', own.read_text())
    assert syslog.wait_for("nginx: .*open\\(\\) \"/nowhere/errors\" failed")
    assert "/nowhere" not in (proxy.dir / "error.log").read_text()


def test_reopen(proxy):
    proxy.get("/short")
    wait_text(proxy, "short.log", "/short:200:5\n")
    (proxy.dir / "short.log").rename(proxy.dir / "short.old.log")
    proxy.signal(signal.SIGUSR1)
    sent = 1

    def written_anew():
        nonlocal sent
        proxy.get("/short")
        sent += 1
        fresh = proxy.dir / "short.log"
        return fresh.exists() and "/short:200:5\n" in fresh.read_text()

    net.wait_until(written_anew, "a line in the new short.log")
    logs = [proxy.dir / "short.old.log", proxy.dir / "short.log"]
    net.wait_until(lambda: sum(log.read_text().count("/short:200:5\n") for log in logs) == sent, "no line lost")


def test_why_a_reload_is_refused_stands_in_the_log_that_is_in_use(weir):
    text = "daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log; events {} http { server { listen 127.0.0.1:{port}; return 200; } }"
    proxy = weir("nginx", text=text)
    proxy.conf.write_text("error_log other.log;\n", "utf-8")
    proxy.signal(signal.SIGHUP)
    net.wait_until(lambda: 'no "events" section' in (proxy.dir / "error.log").read_text("utf-8"), proxy.log_text)
