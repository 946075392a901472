"""Balancing methods of the nginx face besides round robin."""

import collections
import zlib

import pytest

from rig import net
from rig.http1 import build_request
from rig.origin import Reply

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    upstream least { zone least 64k; least_conn; server {a}; server {b} weight=2; server {dead} backup; }
    upstream random { random; server {a}; server {b}; }
    upstream two { random two least_conn; server {a}; server {b}; }
    upstream ip { ip_hash; server {a}; server {b}; server {c}; }
    upstream downs { random; server {a} down; server {b}; }
    upstream time { least_time header; server {a}; server {b}; }
    upstream whole { least_time last_byte inflight; server {a}; server {b} backup; }
    upstream quick { random two least_time=header; server {a}; server {b}; }
    upstream hash { hash $arg_k; server {a}; server {b}; server {c}; }
    upstream ketama { hash $arg_k consistent; server {a}; server {b} weight=2; server {c}; }
    upstream next { hash $arg_k consistent; server {a} max_fails=0; server {dead} max_fails=0; server {b} max_fails=0; }
    upstream maglev { hash $arg_k maglev 251; server {a}; server {b}; server {c} down; }
    upstream peak { peak_ewma; server {a}; server {b}; server {dead} backup; }
    server {
        listen 127.0.0.1:{port};
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        location / { proxy_pass http://$arg_to; }
    }
}
"""


@pytest.fixture
def three(origins):
    made = {name: origins(name=name) for name in "abc"}
    for name, origin in made.items():
        origin.default = Reply(headers=[("X-Name", name)])
    return made


@pytest.fixture
def proxy(weir, three):
    return weir("nginx", text=CONF, **three)


def names(proxy, to, count, **request):
    return [proxy.get(f"/?to={to}", **request).header("X-Name") for _ in range(count)]


def test_least_conn_shares_by_weight_when_idle(proxy):
    assert collections.Counter(names(proxy, "least", 9)) == {"a": 3, "b": 6}


def test_least_conn_avoids_the_busy(proxy, three):
    three["b"].on("/slow", lambda exchange: exchange.stall())
    with proxy.client() as client:
        client.send(build_request("/slow?to=least"))
        net.wait_until(lambda: three["b"].requests, "a request that waits")
        assert names(proxy, "least", 3) == ["a"] * 3


@pytest.mark.parametrize("to", ["random", "two"])
def test_random_uses_all(proxy, to):
    assert set(names(proxy, to, 40)) == {"a", "b"}


def test_random_skips_what_is_down(proxy):
    assert set(names(proxy, "downs", 10)) == {"b"}


def test_ip_hash_keeps_the_server(proxy):
    """The first three bytes of an IPv4 address decide."""
    seen = set()
    for i in range(12):
        found = {name for last in (1, 2) for name in names(proxy, "ip", 2, headers=[("X-Real-IP", f"10.0.{i}.{last}")])}
        assert len(found) == 1
        seen |= found
    assert seen == {"a", "b", "c"}


def by_key(proxy, to, count=60):
    return [names(proxy, f"{to}&k={i}", 1)[0] for i in range(count)]


@pytest.mark.parametrize("to", ["hash", "ketama", "maglev", "next"])
def test_a_key_keeps_its_server(proxy, to):
    first = by_key(proxy, to)
    assert by_key(proxy, to) == first
    assert set(first) == ({"a", "b"} if to in ("maglev", "next") else {"a", "b", "c"})


def test_hash_has_the_numbers_of_memcached(proxy):
    for i in range(10):
        assert names(proxy, f"hash&k={i}", 1) == ["abc"[(zlib.crc32(str(i).encode()) >> 16 & 0x7FFF) % 3]]


@pytest.mark.parametrize("to", ["hash", "ketama", "maglev"])
def test_without_a_key_all_servers_are_used(proxy, to):
    assert len(set(names(proxy, to, 30))) >= 2


@pytest.mark.parametrize("to", ["time", "quick", "peak"])
def test_slow_servers_are_left_alone(proxy, three, to):
    """Each server is measured; then the one that answers at once gets the requests."""
    three["a"].default = Reply(headers=[("X-Name", "a")], delay=0.3)
    for _ in range(20):  # until a has been measured
        if "a" in names(proxy, to, 1):
            break
    # A moment in which everything stands still makes b look slow as well, until it is measured again.
    net.wait_until(lambda: names(proxy, to, 20).count("b") >= 19, "b to be preferred")


def test_least_time_takes_backups(proxy):
    assert set(names(proxy, "whole", 5)) == {"a"}


def test_peak_ewma_leaves_who_fails_fast(proxy, three):
    three["a"].default = Reply(status=503, headers=[("X-Name", "a")])
    assert names(proxy, "peak", 20).count("b") >= 18


@pytest.mark.parametrize("line, text", [
    ("hash $arg_k sticky;", 'invalid parameter "sticky"'),
    ("hash $arg_k maglev 100;", 'invalid parameter "100"'),
    ("least_time first;", 'invalid value "first"'),
    ("least_time header fast;", 'invalid parameter "fast"'),
    ("random two least_time;", 'invalid parameter "least_time"'),
])
def test_mistakes(weir, line, text):
    proxy = weir("nginx", text=CONF.replace("ip_hash;", line), start=False, a="127.0.0.1:1", b="127.0.0.1:1",
                 c="127.0.0.1:1")
    done = proxy.run("-t")
    assert done.returncode == 1 and text in done.stderr


def test_ip_hash_takes_no_backups(weir):
    proxy = weir("nginx", text=CONF.replace("ip_hash; server {a};", "ip_hash; server {a} backup;"), start=False,
                 a="127.0.0.1:1", b="127.0.0.1:1", c="127.0.0.1:1")
    done = proxy.run("-t")
    assert done.returncode == 1 and 'balancing method does not support parameter "backup"' in done.stderr


def test_addresses_that_only_variables_name(proxy, three):
    assert set(names(proxy, f"{three['a']}", 3)) == {"a"}
    assert names(proxy, f"{three['b']}", 1) == ["b"]
    assert proxy.get("/?to=[::1]:1").status == 502
    assert proxy.get("/?to=nobody.example:80").status == 502
    proxy.wait_log(r"\[error\].* no resolver defined to resolve nobody\.example while connecting to upstream, client: ")
