"""A slice through everything on two shards: TLS, compression, subrequests, Lua, the runtime socket."""

import gzip
import threading
import time

import pytest

from rig import net
from rig.curl import curl
from rig.origin import Reply

pytestmark = pytest.mark.threads

TEXT = b"compress me, please. " * 500


@pytest.fixture
def one(origins):
    return origins(name="s1")


@pytest.fixture
def two(origins):
    return origins(name="s2")


@pytest.fixture
def nginx(weir, one, certs):
    return weir("nginx", "slice", origin=one, pem=certs.leaf())


@pytest.fixture
def haproxy(weir, one, two, certs):
    return weir("haproxy", "slice", one=one, two=two, pem=certs.leaf())


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(request):
    return request.getfixturevalue(request.param)


def serve(origins, path, **reply):
    for origin in origins:
        origin.on(path, Reply(**reply))


def in_parallel(count, function):
    """Calls function(number) in `count` threads at once and returns the results; an exception in one fails the test."""
    results = [None] * count

    def run(number):
        results[number] = function(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in results
    return results


# --- what both faces do


def test_tls(proxy, certs):
    url = f"https://localhost:{proxy.places['tls_port']}/"
    result = curl(url, "--cacert", str(certs.ca), "--ipv4")
    assert (result.status, result.body) == (200, b"ok\n")
    assert result.info["ssl_verify_result"] == 0


def test_tls_session_resumption(proxy, certs):
    context = certs.client_context()
    with proxy.client("tls_port", tls=context) as client:
        assert client.request().status == 200
        session = client.sock.session
    resumed = []
    for _ in range(8):
        with proxy.client("tls_port") as client:
            client.sock = context.wrap_socket(client.sock, server_hostname="localhost", session=session)
            assert client.request().status == 200
            resumed.append(client.sock.session_reused)
    assert any(resumed)


def test_plain_http_on_the_tls_port(proxy):
    with proxy.client("tls_port") as client:
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        data, closed = client.drain()
    assert closed and (data == b"" or b" 400 " in data or data[0] == 0x15)


def test_gzip(proxy, one, two):
    serve((one, two), "/text", body=TEXT, headers=[("Content-Type", "text/plain"), ("ETag", '"x"')])
    zipped = proxy.get("/text", headers=[("Accept-Encoding", "gzip")])
    assert zipped.header("Content-Encoding") == "gzip"
    assert gzip.decompress(zipped.body) == TEXT and len(zipped.body) < len(TEXT) / 2
    assert zipped.header("ETag") in (None, 'W/"x"')
    plain = proxy.get("/text")
    assert "Content-Encoding" not in plain.headers and plain.body == TEXT


def test_gzip_leaves_the_rest_alone(proxy, one, two):
    serve((one, two), "/image", body=TEXT, headers=[("Content-Type", "image/png")])
    serve((one, two), "/done", body=gzip.compress(TEXT),
          headers=[("Content-Type", "text/plain"), ("Content-Encoding", "gzip")])
    accept = [("Accept-Encoding", "gzip")]
    assert proxy.get("/image", headers=accept).body == TEXT
    assert gzip.decompress(proxy.get("/done", headers=accept).body) == TEXT
    assert proxy.get("/image", "HEAD", headers=accept).body == b""


def test_gzip_of_a_large_chunked_response(proxy, one, two):
    body = bytes(range(256)) * 20000
    serve((one, two), "/large", body=body, chunked=True, headers=[("Content-Type", "text/plain")])
    assert gzip.decompress(proxy.get("/large", headers=[("Accept-Encoding", "gzip")]).body) == body


def test_lua_waits_and_sets_a_header(proxy, one, two):
    started = time.monotonic()
    assert proxy.get("/lua", headers=[("X-Lua", "forged")]).status == 200
    assert time.monotonic() - started >= 0.05
    assert (one.requests + two.requests)[0].headers.all("X-Lua") == ["1"]


def test_waiting_lua_blocks_nobody(proxy):
    count = 100
    started = time.monotonic()
    assert set(in_parallel(count, lambda number: proxy.get("/lua").status)) == {200}
    assert time.monotonic() - started < count * 0.05 / 2  # what two shards would take that wait for one after the other


def test_many_clients_at_once(proxy, one, two, certs):
    context = certs.client_context()
    body = b"x" * 20000

    def work(number):
        options = {"port": "tls_port", "tls": context} if number % 2 else {}
        with proxy.client(**options) as client:
            return [client.request(f"/{number}", "POST", body=body).status for _ in range(10)]

    assert in_parallel(8, work) == [[200] * 10] * 8
    assert len(one.requests) + len(two.requests) == 80
    assert all(request.body == body for request in one.requests + two.requests)


# --- nginx: auth_request


def test_auth_request_allows(nginx, one):
    one.on("/auth", Reply(status=204, headers=[("X-User", "ann")]))
    assert nginx.get("/private", "POST", body=b"secret").status == 200
    auth, private = one.requests
    assert (auth.target, auth.header("X-Original-URI"), auth.body) == ("/auth", "/private", b"")
    assert (private.header("X-User"), private.body) == ("ann", b"secret")


@pytest.mark.parametrize("status, shown", [(401, 401), (403, 403), (500, 500), (302, 500)])
def test_auth_request_denies(nginx, one, status, shown):
    one.on("/auth", Reply(status=status, headers=[("WWW-Authenticate", "Basic")] if status == 401 else []))
    response = nginx.get("/private")
    assert response.status == shown
    assert response.header("WWW-Authenticate") == ("Basic" if status == 401 else None)
    assert one.paths() == ["/auth"]


def test_internal_location_is_not_for_clients(nginx, one):
    assert nginx.get("/auth").status == 404
    assert one.paths() == []


# --- haproxy: the runtime socket


def test_drain_and_ready(haproxy, one, two):
    admin = haproxy.runtime()
    assert admin("set server b/s1 state drain") == ""
    net.wait_until(lambda: admin.stat()["b", "s1"]["status"] == "DRAIN", "s1 to drain")
    assert [haproxy.get().header("X-Origin") for _ in range(6)] == ["s2"] * 6
    assert admin("set server b/s1 state ready") == ""
    net.wait_until(lambda: haproxy.get().header("X-Origin") == "s1", "traffic on s1")


def test_maintenance(haproxy):
    admin = haproxy.runtime()
    admin("disable server b/s1")
    assert admin.stat()["b", "s1"]["status"] == "MAINT"
    assert {haproxy.get().header("X-Origin") for _ in range(4)} == {"s2"}
    admin("disable server b/s2")
    assert haproxy.get().status == 503
    admin("enable server b/s1; enable server b/s2")
    assert haproxy.get().status == 200


def test_show_servers_state(haproxy, one):
    servers = haproxy.runtime().servers("b")
    assert set(servers) == {("b", "s1"), ("b", "s2")}
    assert servers["b", "s1"]["srv_addr"] == "127.0.0.1"
    assert servers["b", "s1"]["srv_port"] == str(one.port)
    assert servers["b", "s1"]["srv_op_state"] == "2"


def test_show_stat(haproxy):
    for _ in range(4):
        haproxy.get()
    admin = haproxy.runtime()
    # A request is counted when its log line is written, which may be after its answer.
    net.wait_until(lambda: admin.stat()["web", "FRONTEND"]["hrsp_2xx"] == "4", lambda: admin("show stat"))
    stat = admin.stat()
    assert {("web", "FRONTEND"), ("b", "s1"), ("b", "s2"), ("b", "BACKEND")} <= set(stat)
    assert stat["web", "FRONTEND"]["req_tot"] == "4"
    assert int(stat["b", "s1"]["stot"]) + int(stat["b", "s2"]["stot"]) == 4


def test_show_info(haproxy):
    info = haproxy.runtime().info()
    assert info["Name"] == "HAProxy"
    assert info["Nbthread"] == "2"
    assert info["Pid"] in {str(pid) for pid in haproxy.pids()}


def test_unknown_command(haproxy):
    assert "unknown command" in haproxy.runtime()("frobnicate").lower()
