"""limit_req and limit_conn, and mirror, whose copies run beside a request."""

import re
import threading
import time

import pytest

from rig import net

CONF = """
daemon off;
user {user};
worker_processes 2;
pid nginx.pid;
error_log error.log info;
events {}
http {
    log_format limits "$uri $status $limit_req_status $limit_conn_status";
    access_log access.log limits;
    limit_req_zone $arg_k zone=burst:1m rate=2r/s;
    limit_req_zone $arg_k zone=slow:1m rate=1r/m;
    limit_conn_zone $arg_k zone=conns:1m;
    server {
        listen 127.0.0.1:{port};
        location /req { limit_req zone=slow; limit_req_status 429; proxy_pass http://{origin}; }
        location /burst { limit_req zone=burst burst=1; proxy_pass http://{origin}; }
        location /nodelay { limit_req zone=slow burst=2 nodelay; proxy_pass http://{origin}; }
        location /dry { limit_req zone=slow; limit_req_dry_run on; proxy_pass http://{origin}; }
        location /conn { limit_conn conns 2; proxy_pass http://{origin}; }
        location /mirror { mirror /copy; proxy_pass http://{origin}; }
        location /nobody { mirror /copy; mirror_request_body off; proxy_pass http://{origin}; }
        location /lost { mirror /gone; proxy_pass http://{origin}; }
        location = /gone { internal; proxy_pass http://{dead}; }
        location = /copy { internal; proxy_pass http://{origin}/copied$request_uri; }
    }
}
"""


@pytest.fixture
def proxy(weir, origin):
    return weir("nginx", text=CONF, origin=origin)


def statuses(proxy, target, count):
    return [proxy.get(target).status for _ in range(count)]


def test_a_rate_is_kept_for_each_key(proxy):
    assert statuses(proxy, "/req?k=a", 3) == [200, 429, 429]
    assert statuses(proxy, "/req?k=b", 2) == [200, 429]
    assert statuses(proxy, "/req", 3) == [200, 200, 200], "an empty key is not limited"
    assert 'limiting requests, excess: 1.000 by zone "slow"' in proxy.log_text() or "by zone \"slow\"" in proxy.log_text()


def test_a_burst_waits(proxy):
    begin = time.monotonic()
    assert statuses(proxy, "/burst?k=a", 2) == [200, 200]
    assert 0.3 < time.monotonic() - begin < 10


def test_a_burst_without_delay(proxy):
    begin = time.monotonic()
    assert statuses(proxy, "/nodelay?k=a", 4) == [200, 200, 200, 503]
    assert time.monotonic() - begin < 15, "a minute each"


def test_dry_run(proxy):
    assert statuses(proxy, "/dry?k=a", 3) == [200, 200, 200]
    net.wait_until(lambda: proxy.log_text().count("REJECTED_DRY_RUN") == 2, "two marks in the log")


def test_connections_at_a_time(proxy, origin):
    go = threading.Event()
    origin.on("/conn", lambda exchange: (go.wait(net.DEADLINE), exchange.reply(body=b"slow")))
    found = []

    def ask():
        found.append(proxy.get("/conn?k=a").status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    net.wait_until(lambda: len(found) == 2, lambda: f"two refusals, not {found}")
    go.set()
    for thread in threads:
        thread.join()
    assert found == [503, 503, 200, 200]
    net.wait_until(lambda: proxy.get("/conn?k=a").status == 200, "a place that was given back")
    assert 'limiting connections by zone "conns"' in proxy.log_text()


@pytest.mark.parametrize(("target", "size"), [("/mirror", 100000), ("/mirror", 10), ("/nobody", 0)])
def test_mirror(proxy, origin, target, size):
    answered = threading.Event()
    origin.on(f"/copied{target}", lambda exchange: (answered.wait(60), exchange.reply()))
    with proxy.client() as client:
        assert client.request(target, method="POST", body=b"x" * (size or 10)).status == 200, "which waits for no copy"
        answered.set()

    def copies():
        return [r for r in origin.requests if r.target.startswith("/copied") and len(r.body) == size]

    net.wait_until(copies, "the copy at the origin")
    assert copies()[0].method == "POST"


def test_a_copy_is_of_its_requests_connection(proxy):
    with proxy.client() as client:
        assert client.request("/lost").status == 200
    line = proxy.wait_log(r"connect\(\) failed")
    assert re.search(r"\*[12] connect\(\) failed", line), line


@pytest.mark.parametrize(
    ("where", "line", "complaint"),
    [
        ("http", "limit_req_zone $uri zone=a rate=1r/s;", 'invalid zone size "zone=a"'),
        ("http", "limit_req_zone $uri zone=a:1k rate=1r/s;", "is too small"),
        ("http", "limit_req_zone $uri zone=a:1m rate=fast;", 'invalid rate "rate=fast"'),
        ("location", "limit_req zone=nowhere;", 'zero size shared memory zone "nowhere"'),
        ("location", "limit_req burst=5;", 'must have "zone" parameter'),
        ("location", "limit_conn nowhere 1;", 'zero size shared memory zone "nowhere"'),
        ("location", "limit_conn x 0;", 'invalid number of connections "0"'),
    ],
)
def test_what_is_refused(weir, where, line, complaint):
    http, location = (line, "") if where == "http" else ("", line)
    text = f"events {{}} http {{ {http} server {{ listen 127.0.0.1:{{port}}; location / {{ {location} }} }} }}"
    result = weir("nginx", text=text, start=False).run("-t")
    assert result.returncode == 1
    assert complaint in result.stderr
