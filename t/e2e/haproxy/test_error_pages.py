"""errorfile, errorloc, errorfiles and http-error: which page is sent, and what is logged and counted of it."""

import csv
import io

import pytest

from rig.origin import Reply

CONF = """
global
    log {syslog} len 4096 format raw local0
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    log global
    log-format "%HU %ST"
    timeout connect 1s
    timeout client 20s
    timeout server 20s

http-errors own
    errorfile 404 {dir}/page

frontend web
    bind 127.0.0.1:{port}
    errorloc 504 /elsewhere
    errorfile 502 {dir}/page
    errorfiles own 404 502 503
    http-error status 403 errorfile {dir}/page
    http-request deny if { path /403 }
    http-request deny deny_status 404 if { path /404 }
    http-request return status 410 errorfile {dir}/page if { path /410 }
    http-request return status 404 errorfiles own if { path /section }
    http-request deny deny_status 404 if { path /changed }
    http-after-response set-status 299 if { capture.req.uri /changed }
    default_backend b

backend b
    http-request set-timeout server 300ms if { path /504 }
    server s {origin}
"""


@pytest.fixture
def proxy(weir, origin, syslog):
    origin.on("/502", lambda exchange: exchange.reset())
    origin.on("/504", Reply(delay=10))
    proxy = weir("haproxy", text=CONF, origin=origin, syslog=syslog, start=False)
    (proxy.dir / "page").write_bytes(b"HTTP/1.0 503 Mine\r\nContent-Type: text/plain\r\n\r\nown")
    proxy.start()
    return proxy


@pytest.mark.parametrize("path, sent, logged", [
    ("/403", 503, 403), ("/404", 503, 404), ("/410", 503, 410), ("/section", 503, 404), ("/502", 503, 502),
    ("/504", 302, 504), ("/changed", 299, 299),
])
def test_a_page_with_another_status_is_logged_and_counted_as_what_happened(proxy, syslog, path, sent, logged):
    answer = proxy.get(path)
    assert answer.status == sent
    if sent == 302:
        assert answer.header("location") == "/elsewhere"
    else:
        assert answer.body == b"own"
    syslog.wait_for(f"{path} {logged}$")
    rows = csv.DictReader(io.StringIO(proxy.runtime()("show stat").lstrip("# ")))
    (web,) = [row for row in rows if row["pxname"] == "web"]
    assert web[f"hrsp_{logged // 100}xx"] == "1"


def test_a_section_without_the_page_leaves_the_one_before_and_is_told_so(proxy):
    assert proxy.get("/502").body == b"own"
    assert "status '502' not declared in http-errors section 'own'" in proxy.log_text()
    assert "status '404'" not in proxy.log_text()
