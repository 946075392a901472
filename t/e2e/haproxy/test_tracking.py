"""Counting in stick tables: track-sc rules, sc_ and src_ fetches, actions that change tracked entries."""

import re
import threading

import pytest

from rig import net
from rig.http1 import Closed
from rig.origin import Reply

CONF = """
global
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    {front}
    default_backend b

backend b
    {back}
    server s {origin}

backend t
    stick-table type {type} size 1k expire 1h store {store}
"""


@pytest.fixture
def start(weir, origin):
    def make(*front, back=(), type="ip", store="conn_cnt,conn_cur,conn_rate(1h),http_req_cnt,http_req_rate(1h)"):
        text = CONF.replace("{front}", "\n    ".join(front)).replace("{back}", "\n    ".join(back))
        return weir("haproxy", text=text, origin=origin, type=type, store=store)

    return make


def entry(proxy):
    (line,) = proxy.runtime()("show table t").strip().split("\n")[1:]
    return {name: value for name, value in re.findall(r"([a-z_0-9]+)(?:\(\d+\))?=(\S*)", line)}


@pytest.fixture
def go(origin):
    """Until it is set, /slow has no answer."""
    event = threading.Event()
    origin.on("/slow", lambda exchange: (event.wait(net.DEADLINE), exchange.reply()))
    yield event
    event.set()


def test_a_request_counts_until_it_ends(start, origin, go):
    proxy = start("http-request track-sc0 src table t")
    with proxy.client() as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        net.wait_until(lambda: any(r.path == "/slow" for r in origin.requests), "the request")
        now = entry(proxy)
        assert now["key"] == "127.0.0.1" and now["use"] == "1" and now["conn_cur"] == "1"
        go.set()
        client.response()
        net.wait_until(lambda: entry(proxy)["use"] == "0", "the end")
        client.request("/")
    net.wait_until(lambda: entry(proxy)["use"] == "0", "the end of the second one")
    now = entry(proxy)
    assert (now["conn_cnt"], now["http_req_cnt"], now["http_req_rate"], now["conn_cur"]) == ("2", "2", "2", "0")


def test_a_connection_counts_once_with_all_its_requests(start):
    proxy = start("tcp-request connection track-sc1 src table t", store="conn_cnt,conn_cur,sess_cnt,http_req_cnt")
    with proxy.client() as client:
        for _ in range(3):
            client.request("/")
        now = entry(proxy)
        assert (now["conn_cnt"], now["sess_cnt"], now["http_req_cnt"], now["conn_cur"]) == ("1", "1", "3", "1")
    net.wait_until(lambda: entry(proxy)["conn_cur"] == "0", "the connection's end")


def test_clients_are_refused_by_their_rate(start):
    proxy = start("http-request track-sc0 hdr(X-User) table t", "http-request deny deny_status 429 if { sc_http_req_rate(0) gt 3 }",
                  type="string")
    assert [proxy.get("/", headers=[("X-User", "u")]).status for _ in range(5)] == [200, 200, 200, 429, 429]
    assert proxy.get("/", headers=[("X-User", "v")]).status == 200
    assert proxy.get("/").status == 200


def test_connections_are_refused_by_their_rate(start):
    proxy = start("tcp-request connection track-sc0 src table t", "tcp-request connection reject if { sc0_conn_rate gt 2 }")
    assert [proxy.get("/").status for _ in range(2)] == [200, 200]
    with pytest.raises(Closed):
        proxy.get("/")


def test_errors_failures_and_bytes(start, origin):
    origin.on("/missing", Reply(status=404))
    origin.on("/broken", Reply(status=503))
    origin.on("/not", Reply(status=501))
    origin.on("/big", Reply(body=b"x" * 3000))
    proxy = start("http-request track-sc0 src table t", "http-request deny if { path /no }",
                  store="http_err_cnt,http_fail_cnt,bytes_in_cnt,bytes_out_cnt")
    for path in ("/missing", "/broken", "/not", "/no"):
        proxy.get(path)
    net.wait_until(lambda: entry(proxy)["use"] == "0", "the end of the last one")
    now = entry(proxy)
    assert (now["http_err_cnt"], now["http_fail_cnt"]) == ("2", "1")
    before = int(now["bytes_out_cnt"])
    proxy.get("/big", "POST", body=b"y" * 2000)
    net.wait_until(lambda: entry(proxy)["use"] == "0", "the end of the big one")
    now = entry(proxy)
    assert int(now["bytes_out_cnt"]) > before + 3000 and int(now["bytes_in_cnt"]) > 2000


def test_fetches_and_actions(start):
    proxy = start("http-request track-sc0 src table t", "http-request sc-inc-gpc0(0)", "http-request sc-inc-gpc(1,0)",
                  "http-request sc-set-gpt0(0) int(7) if { path /tag }", "http-request sc-add-gpc(1,0) 5 if { path /add }",
                  "http-request return hdr X-T %[sc_get_gpc0(0)],%[sc0_get_gpc1],%[sc_get_gpc(1,0)],%[sc_get_gpt0(0)],"
                  "%[sc_conn_cnt(0)],%[sc_conn_cnt(1)],%[sc0_key],%[sc_tracked(0)],%[sc1_tracked],%[src_get_gpc0(t)],"
                  "%[src_conn_cnt(t)],%[sc_trackers(0)],%[sc_key(2)]", store="gpc(2),gpt0,conn_cnt")
    assert proxy.get("/").header("X-T") == "1,1,1,0,1,,127.0.0.1,1,0,1,1,1,"
    assert proxy.get("/add").header("X-T") == "2,7,7,0,2,,127.0.0.1,1,0,2,2,1,"
    assert proxy.get("/tag").header("X-T").split(",")[3] == "7"


def test_the_first_track_of_a_counter_wins(start):
    proxy = start("http-request track-sc0 str(one) table t", "http-request track-sc0 str(two) table t", type="string")
    proxy.get("/")
    assert entry(proxy)["key"] == "one"


def test_a_tracked_entry_is_not_cleared(start, origin, go):
    proxy = start("http-request track-sc0 src table t")
    with proxy.client() as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        net.wait_until(lambda: any(r.path == "/slow" for r in origin.requests), "the request")
        assert "Entry currently in use, cannot remove" in proxy.runtime()("clear table t key 127.0.0.1")
        proxy.runtime()("clear table t")
        assert entry(proxy)["use"] == "1"
        go.set()
        client.response()
