"""One weir.conf with both vocabularies: a request runs the rules of its listener until it enters a pool; entering a HAProxy
backend runs that backend's rules, and the pool's vocabulary decides retries and counts."""

import pathlib
import re

import pytest

from rig import net
from rig.http1 import Client
from rig.origin import Reply


@pytest.fixture
def proxy(weir, origin):
    return weir("weir", "mixed", origin=origin)


def servers(proxy, backend):
    return {server: row for (pool, server), row in proxy.runtime().stat().items() if pool == backend}


def test_nginx_location_enters_haproxy_backend(proxy, origin):
    origin.default = Reply(headers=[("X-Secret", "s")], body=b"ok")
    response = proxy.get("/api/item?x=1", headers=[("X-Client", "me")])
    assert response.status == 200 and response.body == b"ok"
    seen = origin.requests[0]
    # proxy_pass's URI and headers first, the backend's rules on top of them.
    assert seen.target == "/backend/mapped/item?x=1"
    assert seen.headers.all("X-Client") == ["nginx"]
    assert seen.header("X-From") == "nginx"
    assert seen.header("X-Seen-Host") == "api"
    # The backend's response rules run, then the location's; the location sees what the client asked.
    assert response.header("X-Backend") == "api"
    assert "X-Secret" not in response.headers
    assert response.header("X-Front") == "me;api"
    proxy.wait_log(re.escape("/api/item?x=1|me|200|"))


def test_backend_refuses_for_nginx(proxy, origin):
    response = proxy.get("/api/item", headers=[("X-Refuse", "1")])
    assert response.status == 429
    assert not origin.requests
    assert proxy.get("/api/item").status == 200


def test_backend_is_counted(proxy, origin):
    for _ in range(3):
        assert proxy.get("/api/a").status == 200

    def counts():
        rows = servers(proxy, "api")
        return [rows["BACKEND"][name] for name in ("req_tot", "hrsp_2xx", "scur")] + [rows["s1"]["hrsp_2xx"]]

    # A request is counted when its log line is written, which may be after its answer.
    net.wait_until(lambda: counts() == ["3", "3", "0", "3"], lambda: str(counts()))


def test_post_body_through_both(proxy, origin):
    response = proxy.get("/api/upload", method="POST", headers=[("Content-Length", "100000")], body=b"x" * 100000)
    assert response.status == 200
    assert origin.requests[0].body == b"x" * 100000


def test_haproxy_retries_for_nginx(proxy, origin):
    for _ in range(4):
        assert proxy.get("/retried").status == 200
    rows = servers(proxy, "retried")
    assert rows["bad"]["wredis"] == rows["BACKEND"]["wredis"] != "0"


def test_backend_timeout_holds_for_nginx(proxy, origin):
    origin.on("/slow", Reply(delay=5))
    assert proxy.get("/slow").status == 504


def test_error_page_enters_the_backend(proxy, origin):
    response = proxy.get("/lost")
    assert response.status == 502
    assert origin.requests[0].target == "/backend/fallback"


def test_a_client_that_leaves_is_the_locations_business(proxy, origin):
    """proxy_ignore_client_abort is off: the server is let go, which a HAProxy frontend would not do any more."""
    origin.on("/slow", lambda exchange: exchange.stall())
    with proxy.client() as client:
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        origin.wait_requests(1, complete=False)
    proxy.wait_log(re.escape("/slow|-|499|"))


def test_haproxy_frontend_enters_upstream(proxy, origin):
    """max_fails and proxy_next_upstream's default hold for a frontend's request too."""
    with Client(proxy.places["haport"]) as client:
        for _ in range(6):
            assert client.request("/classic").status == 200
    rows = servers(proxy, "classic")
    assert sum(int(row["econ"] or 0) for name, row in rows.items() if name != "BACKEND") <= 1
    assert len(origin.requests) == 6


NAMED = """
error_log stderr info;
defaults { mode http; timeout connect 1s; timeout client 20s; timeout server 20s; }
frontend web {
    bind 127.0.0.1:{port};
    use_backend %[path,field(2,/)];
    default_backend other;
}
backend other { http-request return status 404; }
upstream classic { server {origin}; }
server {
    listen 127.0.0.1:{inner_port};
    location / { proxy_pass http://{origin}; }
}
"""


def test_requests_name_upstreams_and_no_addresses(weir, origin):
    """What a location's proxy_pass goes to has no name that clients could reach it by."""
    proxy = weir("weir", text=NAMED, origin=origin)
    assert proxy.get("/classic/a").status == 200
    assert proxy.get(f"/{origin}/a").status == 404
    assert proxy.get("/nobody/a").status == 404
    assert [r.target for r in origin.requests] == ["/classic/a"]


def test_an_address_is_no_backend(weir, origin):
    more = "frontend more { bind 127.0.0.1:{more_port}; use_backend {origin} if { path /a }; default_backend {origin}; }"
    proxy = weir("weir", text=NAMED + more, origin=origin, start=False)
    done = proxy.run("check", str(proxy.conf))
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert said.count(f"error: '{origin}' is an address that proxy_pass names, and no upstream") == 2
    assert f"write upstream NAME {{ server {origin}; }} and name that" in said


def test_haproxy_frontend_uses_its_backend(proxy, origin):
    with Client(proxy.places["haport"]) as client:
        assert client.request("/a").status == 200
    assert origin.requests[0].target == "/backend/a"


def test_the_example_runs(weir, origins):
    text = (pathlib.Path(__file__).parents[2] / "conf.d" / "mixed.conf").read_text("utf-8")
    text = text.replace("8080;", "{port};").replace("8081;", "{other_port};")
    for name in ("9001", "9003"):
        text = text.replace("127.0.0.1:" + name, str(origins(name=name)))
    proxy = weir("weir", text=text.replace(":9004", ":9003").replace("127.0.0.1:9003", "{dead}"))
    assert proxy.get("/item").header("X-Origin") == "9001"
    assert proxy.get("/static/a").header("X-Origin") == "9003"
    assert proxy.get("/private").status == 200
    with proxy.client(port="other_port") as client:
        assert client.request("/api/x").header("X-Origin") == "9001"
        assert client.request("/y").header("X-Origin") == "9003"
        assert client.request("/ping").body == b"pong\n"


LISTEN = """
error_log stderr info;
defaults { mode http; timeout connect 1s; timeout client 20s; timeout server 20s; }
listen api {
    bind 127.0.0.1:{haport};
    http-request set-timeout client 5s;
    server s1 {origin};
}
server {
    listen 127.0.0.1:{port};
    location / { proxy_pass http://api; }
}
"""


def test_a_clients_timeout_is_the_listeners(weir, origin):
    """What a guest's rules say of it is gone with the request, and the connection goes on."""
    proxy = weir("weir", text=LISTEN, origin=origin)
    with proxy.client() as client:
        for _ in range(3):
            assert client.request("/").status == 200


CLOSED = """
error_log stderr info;
defaults { mode http; timeout connect 1s; timeout client 20s; timeout server 20s; }
backend closed {
    email-alert to x;
    server s1 {origin};
}
server {
    listen 127.0.0.1:{port};
    location / { proxy_pass http://closed; }
    location /open { return 200 open; }
}
"""


def test_a_backend_with_a_planned_word_is_closed_for_locations_too(weir, origin):
    proxy = weir("weir", text=CLOSED, origin=origin, start=False)
    proxy.start("run", "--allow-planned", "-c", str(proxy.conf))
    for _ in range(2):
        assert proxy.get("/").status == 501
    assert proxy.get("/open").body == b"open"
    assert not origin.requests
