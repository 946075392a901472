"""`queue`, `max_conns` and `slow_start` of upstreams, words of the commercial nginx."""

import pytest

from rig import net
from rig.held import Held
from rig.origin import Reply

CONF = """
daemon off;
pid nginx.pid;
error_log error.log info;
events {}
http {
    log_format values "$uri $status queue=$upstream_queue_time addr=$upstream_addr";
    access_log access.log values;
    upstream u {
        zone u 64k;
        {upstream}
    }
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://u; }
        location /stats { stats_page; }
    }
}
"""


@pytest.fixture
def start(weir):
    def make(upstream, **places):
        return weir("nginx", text=CONF.replace("{upstream}", upstream), **places)

    return make


def queued(proxy):
    """How many requests wait in the group, as the statistics page has it."""
    names, *lines = proxy.get("/stats;csv").body.decode().splitlines()
    columns = names.removeprefix("# ").split(",")
    rows = [dict(zip(columns, line.split(","))) for line in lines]
    return [row["qcur"] for row in rows if (row["pxname"], row["svname"]) == ("u", "BACKEND")][0]


def ask(proxy, path):
    client = proxy.client()
    client.__enter__()
    client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    return client


def test_a_full_server_is_waited_for(start, origin):
    held = Held(origin)
    proxy = start("server {origin} max_conns=1;\n queue 1 timeout=30s;", origin=origin)
    first = ask(proxy, "/first")
    held.wait(1)
    second = ask(proxy, "/second")
    net.wait_until(lambda: queued(proxy) == "1", "the second in the queue")
    assert proxy.get("/third").status == 502
    held.free(2)
    assert first.response().status == 200 and second.response().status == 200
    first.close()
    second.close()
    proxy.wait_log(r"/first 200 queue=- ")
    proxy.wait_log(r"/second 200 queue=\d+\.\d{3} ")


def test_the_queue_has_a_time(start, origin):
    held = Held(origin)
    proxy = start("server {origin} max_conns=1;\n queue 10 timeout=200ms;", origin=origin)
    first = ask(proxy, "/first")
    held.wait(1)
    assert proxy.get("/late").status == 502
    held.free(1)
    assert first.response().status == 200
    first.close()
    proxy.wait_log(r"/late 502 queue=\d+\.\d{3} addr=u")


def test_without_a_queue_a_full_group_is_an_error(start, origin):
    held = Held(origin)
    proxy = start("server {origin} max_conns=1;", origin=origin)
    first = ask(proxy, "/first")
    held.wait(1)
    assert proxy.get("/").status == 502
    held.free(1)
    assert first.response().status == 200
    first.close()


def test_a_backup_is_used_before_anybody_waits(start, origins):
    one, two = origins(name="one"), origins(name="two")
    held = Held(one)
    two.default = Reply(body=b"backup")
    proxy = start("server {one} max_conns=1;\n server {two} backup;\n queue 10;", one=one, two=two)
    first = ask(proxy, "/first")
    held.wait(1)
    assert proxy.get("/").body == b"backup"
    held.free(1)
    assert first.response().status == 200
    first.close()


def test_a_server_comes_back_slowly_after_failures(start, origins):
    one, two = origins(name="one"), origins(name="two")
    one.default = Reply(body=b"one")
    two.default = Reply(body=b"two")
    proxy = start("server {one} weight=3 max_fails=1 fail_timeout=1s slow_start=600s;\n"
                  " server {two} weight=3;", one=one, two=two)
    count = lambda: [proxy.get("/").body for _ in range(60)].count(b"one")
    assert count() == 30
    one.default = lambda exchange: exchange.reset()
    asked = len(one.requests)
    net.wait_until(lambda: proxy.get("/").body == b"two" and len(one.requests) > asked, "a failure")
    one.default = Reply(body=b"one")
    net.wait_until(lambda: proxy.get("/").body == b"one", "the server's return")
    assert count() < 20


def test_methods_without_slow_starts_say_so(weir, origin):
    proxy = weir("nginx", text=CONF.replace("{upstream}", "ip_hash;\n server {origin} slow_start=30s;"), start=False,
                 origin=origin)
    tested = proxy.run("-t")
    assert 'balancing method does not support parameter "slow_start"' in tested.stderr
