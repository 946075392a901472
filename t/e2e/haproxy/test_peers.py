"""Stick tables that peers share: with other weirs, with HAProxy itself, and with peers that misbehave."""

import re
import signal
import socket
import subprocess
import threading

import pytest

from rig import net
from rig.generations import Generations
from rig.origin import Reply
from rig.peer import (ACK, CONFIRMED, CONTROL, DEFINE, ERROR, FINISHED, HEARTBEAT, INCREMENTAL, PARTIAL, REQUEST,
                      SWITCH, TABLE, TIMED, TIMED_INCREMENTAL, UPDATE, HAProxy, Peer, definition, message, number,
                      read_number, update)

CONF = """
global
    stats socket {dir}/admin.sock mode 600 level admin
    log stdout format raw local0
    {global}

defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s

peers group
    {lines}
    {table}

frontend web
    bind 127.0.0.1:{port}
    http-request track-sc0 hdr(X-Key) table group/t if {{ hdr(X-Key) -m found }}
    {front}
    http-request return status 200

{more}
"""
TABLE_LINE = "table t type string size 1k expire 1h store gpc0,conn_rate(10s),http_req_cnt"
ALL_DATA = ("server_id,gpc0_rate(10s),conn_cnt,conn_rate(10s),conn_cur,sess_cnt,sess_rate(10s),http_req_cnt,http_req_rate(10s),"
            "http_err_cnt,http_err_rate(10s),bytes_in_cnt,bytes_in_rate(10s),bytes_out_cnt,bytes_out_rate(10s),"
            "http_fail_cnt,http_fail_rate(10s),gpt(3),gpc(2)")


class Group:
    """Peers by name, each on its port."""

    def __init__(self, weir, home, names):
        self.weir, self.home = weir, home
        self.ports = {name: net.PortReservation() for name in names}
        self.real = []

    def port(self, name):
        return self.ports[name].port

    def _text(self, lines, table, front, more, **words):
        lines = lines or [f"peer {name} 127.0.0.1:{place.port}" for name, place in self.ports.items()]
        text = CONF.replace("{{", "\x01").replace("}}", "\x02")
        for key, value in (("{lines}", "\n    ".join(lines)), ("{table}", table), ("{front}", front),
                           ("{more}", "\n".join(more)), ("{global}", words.get("settings", ""))):
            text = text.replace(key, value)
        return text.replace("\x01", "{").replace("\x02", "}")

    def start(self, name, *args, lines=(), table=TABLE_LINE, front="", more=(), **words):
        run, environment = words.pop("run", True), words.pop("environment", None)
        proxy = self.weir("haproxy", text=self._text(lines, table, front, more, **words), start=False, environment=environment)
        if run:
            proxy.start("-L", name, *(args or ("-db",)), "-f", str(proxy.conf))
            net.wait_until(lambda: net.is_listening(self.port(name)), "the peers' port")
        return proxy

    def haproxy(self, name, lines=(), table=TABLE_LINE, front="", more=(), follows=None):
        directory = self.home / f"haproxy{len(self.real)}"
        directory.mkdir()
        proxy = HAProxy("haproxy", directory, self._text(lines, table, front, more), {})
        proxy.expect_exit = None
        self.real.append(proxy)
        following = ["-sf", str(follows)] if follows else []
        return proxy.start("-L", name, "-db", "-f", str(proxy.conf), *following)

    def stop(self):
        for proxy in self.real:
            proxy.stop()
        for place in self.ports.values():
            place.release()


@pytest.fixture
def group(weir, home):
    made = []

    def make(*names):
        made.append(Group(weir, home, names))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def entries(proxy, table="group/t"):
    """What `show table` lists, by key."""
    head, *lines = proxy.runtime()(f"show table {table}").strip().split("\n")
    found = [dict(re.findall(r"(\S+)=(\S*)", line)) for line in lines]
    return {entry["key"]: entry for entry in found}


def wait_entry(proxy, key, table="group/t", **values):
    """Waits until an entry has these values, and returns it."""

    def find():
        entry = entries(proxy, table).get(key)
        return entry if entry and all(entry.get(name) == str(value) for name, value in values.items()) else None

    return net.wait_until(find, lambda: f"{key} with {values}, not {entries(proxy, table)}\n{proxy.log_text()}")


def put(proxy, key, table="group/t", **values):
    words = " ".join(f"data.{name} {value}" for name, value in values.items())
    assert proxy.runtime()(f"set table {table} key {key} {words}") == ""


def wait_peers(proxy, *wanted):
    net.wait_until(lambda: all(re.search(wish, proxy.runtime()("show peers")) for wish in wanted),
                   lambda: f"{wanted} in\n{proxy.runtime()('show peers')}\n{proxy.log_text()}")


def wait_connected(*proxies):
    for proxy in proxies:
        wait_peers(proxy, r"\(remote,active\)[^\n]* last_status=ESTA")


# --- weir to weir ---


def test_changes_reach_the_other(group):
    g = group("a", "b")
    a, b = g.start("a"), g.start("b")
    put(a, "one", gpc0=5)
    put(b, "two", gpc0=7)
    assert 0 < int(wait_entry(b, "one", gpc0=5)["exp"]) <= 3600000
    wait_entry(a, "two", gpc0=7)
    put(a, "one", gpc0=6)
    wait_entry(b, "one", gpc0=6)
    for _ in range(3):
        a.get("/", headers=[("X-Key", "three")])
    wait_entry(b, "three", http_req_cnt=3)
    assert entries(b)["three"]["use"] == "0"


def test_who_comes_later_learns_all(group):
    g = group("a", "b")
    a = g.start("a")
    for i in range(500):
        put(a, f"k{i}", gpc0=i)
    b = g.start("b")
    net.wait_until(lambda: len(entries(b)) == 500, lambda: f"500 entries, not {len(entries(b))}")
    assert all(entry["gpc0"] == key[1:] for key, entry in entries(b).items())


def test_the_time_that_is_left_is_told(group):
    g = group("a", "b")
    a = g.start("a", table="table t type string size 1k expire 1h store gpc0")
    put(a, "k", gpc0=1)
    net.wait_until(lambda: int(entries(a)["k"]["exp"]) < 3599900, "some time to pass")
    b = g.start("b", table="table t type string size 1k expire 1h store gpc0")
    assert int(wait_entry(b, "k")["exp"]) < 3600000 - 90


def test_servers_are_found_by_name(group, origins):
    g = group("a", "b")
    made = {name: origins(name=name) for name in "xy"}
    for name, origin in made.items():
        origin.default = Reply(headers=[("X-Name", name)])
    lines = ["backend app", "    balance roundrobin", "    stick on hdr(X-Stick) table group/t"]
    servers = [f"    server {name} {origin}" for name, origin in made.items()]
    front = "http-request allow if { hdr(X-Stick) -m found }\n    use_backend app if { hdr(X-Stick) -m found }"
    a = g.start("a", table="table t type string size 100", front=front, more=lines + servers)
    # The same servers under other numbers.
    b = g.start("b", table="table t type string size 100", front=front, more=lines + ["    server z 127.0.0.1:1 weight 0"] + servers[::-1])
    where = a.get("/", headers=[("X-Stick", "k")]).header("X-Name")
    wait_entry(b, "k", server_key=where)
    assert {b.get("/", headers=[("X-Stick", "k")]).header("X-Name") for _ in range(4)} == {where}


def test_tables_of_proxies(group):
    g = group("a", "b")
    more = ["backend st", "    stick-table type ip size 100 store gpc0 peers group"]
    a, b = g.start("a", more=more), g.start("b", more=more)
    put(a, "10.0.0.1", "st", gpc0=4)
    wait_entry(b, "10.0.0.1", "st", gpc0=4)


def wait_taught(proxy):
    net.wait_until(lambda: "flags=0x3 resync" in proxy.runtime()("show peers"), "the end of the first lesson")


def test_connections_are_learned_where_nobody_counts_them(group):
    g = group("a", "b", "c")
    table = "table t type string size 100 store conn_cur,conn_cnt"
    front = "tcp-request connection track-sc1 src table group/t"
    a, b = g.start("a", table=table, front=front), g.start("b", table=table + " recv-only")
    c = g.start("c", table=table)
    for proxy in (a, b, c):
        wait_taught(proxy)  # what others know at the start counts more than what has come since
    with a.client() as client:
        client.request("/")
        wait_entry(b, "127.0.0.1", conn_cur=1, conn_cnt=1)
        wait_entry(c, "127.0.0.1", conn_cur=0, conn_cnt=1)
    wait_entry(b, "127.0.0.1", conn_cur=0, conn_cnt=1)


def test_a_lost_connection_is_opened_again(group):
    g = group("a", "b")
    a, b = g.start("a"), g.start("b")
    put(a, "one", gpc0=1)
    wait_entry(b, "one")
    b.stop()
    put(a, "two", gpc0=2)
    b = g.start("b")
    wait_entry(b, "one", gpc0=1)
    wait_entry(b, "two", gpc0=2)
    put(b, "three", gpc0=3)
    wait_entry(a, "three", gpc0=3)


def test_listeners_with_servers_and_tls(group, certs):
    g = group("a", "b")
    cert = certs.leaf("peer.test")
    for name, other in (("a", "b"), ("b", "a")):
        lines = ["default-server ssl verify none", f"default-bind ssl crt {cert}", f"bind 127.0.0.1:{g.port(name)}",
                 f"server {name}", f"server {other} 127.0.0.1:{g.port(other)}"]
        proxy = g.start(name, lines=lines)
        if name == "a":
            a = proxy
    put(a, "one", gpc0=5)
    wait_entry(proxy, "one", gpc0=5)
    assert "xprt=SSL" in a.runtime()("show peers")


def test_localpeer_names_this_one(group):
    g = group("a", "b")
    a = g.start("b", settings="localpeer a")  # -L wins
    assert "id=b(local" in a.runtime()("show peers")


def test_a_section_without_this_one_does_nothing(group):
    g = group("a", "b")
    proxy = g.start("a", run=False)
    proxy.start("-L", "nobody", "-db", "-f", str(proxy.conf))
    put(proxy, "k", gpc0=1)
    assert proxy.runtime()("show peers") == ""
    assert "Removing incomplete section 'peers group' (no peer named 'nobody')." in proxy.log_text()


def test_shards_divide_the_keys(group):
    g = group("a", "b", "c")
    lines = ["shards 2", f"peer a 127.0.0.1:{g.port('a')}", f"peer b 127.0.0.1:{g.port('b')} shard 1",
             f"peer c 127.0.0.1:{g.port('c')} shard 2"]
    a, b, c = (g.start(name, lines=lines) for name in "abc")
    wait_connected(b, c)
    for i in range(40):
        put(a, f"k{i}", gpc0=i)
    net.wait_until(lambda: len(entries(b)) + len(entries(c)) == 40, lambda: f"{len(entries(b))} {len(entries(c))}")
    assert not set(entries(b)) & set(entries(c)) and entries(b) and entries(c)


# --- reloads ---


def test_reloads_go_on_where_they_were(group):
    g = group("a", "b")
    a, b = g.start("a", "-W"), g.start("b")
    generations = Generations(a)
    # While one learns after its start, what the other one tells takes the place of what has changed here.
    wait_taught(a)
    put(a, "one", gpc0=1)
    wait_entry(b, "one")
    for i in range(3):
        generations.reload_and_drain() if i == 0 else generations.reload()
        put(a, "one", gpc0=10 + i)
        wait_entry(b, "one", gpc0=10 + i)
        put(b, f"two{i}", gpc0=i)
        wait_entry(a, f"two{i}", gpc0=i)
    # One of the workers speaks.
    net.wait_until(lambda: b.runtime()("show peers").count("(remote,active)") == 1, lambda: b.runtime()("show peers"))


def test_what_an_old_worker_counts_is_told_by_the_new_one(group):
    g = group("a", "b")
    a, b = g.start("a", "-W"), g.start("b")
    generations = Generations(a)
    with a.client() as client:
        client.request("/", headers=[("X-Key", "early")])
        wait_entry(b, "early", http_req_cnt=1)
        generations.reload()
        client.request("/", headers=[("X-Key", "late")])
    wait_entry(b, "late", http_req_cnt=1)


# --- HAProxy itself ---


def test_haproxy_and_weir_tell_each_other(group):
    g = group("a", "b")
    a, b = g.haproxy("a"), g.start("b")
    put(b, "one", gpc0=5)
    put(a, "two", gpc0=7)
    wait_entry(a, "one", gpc0=5)
    wait_entry(b, "two", gpc0=7)
    for proxy, key in ((a, "three"), (b, "four")):
        for _ in range(3):
            proxy.get("/", headers=[("X-Key", key)])
    wait_entry(b, "three", http_req_cnt=3)
    wait_entry(a, "four", http_req_cnt=3)


@pytest.mark.parametrize("weir_first", [True, False])
def test_haproxy_and_weir_teach_each_other(group, weir_first):
    g = group("a", "b")
    first = g.start("a") if weir_first else g.haproxy("a")
    first.runtime()("; ".join(f"set table group/t key k{i} data.gpc0 {i}" for i in range(100)))
    net.wait_until(lambda: len(entries(first)) == 100, "100 entries")
    second = g.haproxy("b") if weir_first else g.start("b")
    net.wait_until(lambda: len(entries(second)) == 100, lambda: f"100 entries, not {len(entries(second))}\n{second.log_text()}")
    assert all(entry["gpc0"] == key[1:] and int(entry["exp"]) <= 3600000 for key, entry in entries(second).items())


KEYS = {"string len 40": ("word", "other"), "integer": ("17", "4000000000"), "ip": ("10.1.2.3", "127.0.0.1"),
        "ipv6": ("2001:db8::1", "::1")}


@pytest.mark.parametrize("kind", KEYS)
def test_all_kinds_of_keys_and_data_with_haproxy(group, kind):
    g = group("a", "b")
    table = f"table t type {kind} size 1k expire 1h store {ALL_DATA}"
    front = "http-request sc-set-gpt(1,0) 7\n    http-request sc-inc-gpc(0,0)"
    a, b = g.haproxy("a", table=table, front=front), g.start("b", table=table, front=front)
    names = [re.sub(r"\(.*", "", name) for name in ALL_DATA.split(",")]
    plain = [name for name in names if not name.endswith("_rate") and name not in ("gpt", "gpc", "conn_cur", "server_id")]
    for proxy, other, key in ((a, b, KEYS[kind][0]), (b, a, KEYS[kind][1])):
        values = {name: 100 + i for i, name in enumerate(plain)}
        proxy.get("/", headers=[("X-Key", key)])
        wait_entry(proxy, key, conn_cur=0)  # HAProxy counts bytes behind the answer
        put(proxy, key, **values, bytes_in_rate=5000)
        got = wait_entry(other, key, **values, gpt1=7, gpc0=1)
        assert int(got["bytes_in_rate(10000)"]) > 2000


def test_binary_keys_and_servers_with_haproxy(group, origins):
    g = group("a", "b")
    origin = origins(name="x")
    more = ["backend app", "    stick-table type binary len 8 size 100 peers group", "    stick on hdr(X-Stick),sha1",
            "    server first 127.0.0.1:1 weight 0", f"    server x {origin}"]
    front = "http-request allow if { hdr(X-Stick) -m found }\n    use_backend app if { hdr(X-Stick) -m found }"
    a, b = g.haproxy("a", front=front, more=more), g.start("b", front=front, more=more)
    for proxy, other, key in ((a, b, "one"), (b, a, "two")):
        proxy.get("/", headers=[("X-Stick", key)])
        before = entries(proxy, "app")
        net.wait_until(lambda: set(before) <= set(entries(other, "app")), lambda: f"{before} in {entries(other, 'app')}")
        for name, entry in entries(other, "app").items():
            assert entry["server_key"] == "x" and entry["server_id"] == "2", name


# --- a peer of our own ---


@pytest.fixture
def here(group):
    g = group("here", "other")
    proxy = g.start("here")
    proxy.peers_port = g.port("here")
    return proxy


def greet(proxy, **words):
    peer = Peer(proxy.peers_port, **words)
    assert peer.status() == 200
    return peer


def test_the_greeting(here):
    for words, status in (({"hello": b"GET / HTTP/1.0\r\n\r\n"}, 501), ({"version": "3.0"}, 502), ({"version": "2.2"}, 502),
                          ({"to": "there"}, 503), ({"me": "stranger"}, 504), ({"hello": b"HAProxyS 2.1\nhere\nother\n"}, 501),
                          ({"hello": b"x" * 2000}, 501)):
        with Peer(here.peers_port, **words) as peer:
            assert peer.status() == status, words
            assert peer.next() is None
    here.wait_log("peers group: a connection from 127.0.0.1 is refused: 'stranger' is no peer")
    for version in ("2.0", "2.1"):
        with Peer(here.peers_port, version=version) as peer:
            assert peer.status() == 200


def test_a_lesson(here):
    put(here, "k", gpc0=300)
    with greet(here) as peer:
        assert peer.wait_for(REQUEST, CONTROL) == b""
        peer.send(definition("/t") + update("learned", 9) + bytes([CONTROL, FINISHED]))
        # What has changed here is told before the lesson is confirmed.
        assert peer.wait_for(DEFINE)[1:4] == b"\x02/t"
        peer.wait_for(CONFIRMED, CONTROL)
        wait_entry(here, "learned", gpc0=9)
        peer.send(bytes([CONTROL, REQUEST]))
        keys = set()
        while (got := peer.next())[:2] != (CONTROL, FINISHED):
            assert got[:2] in ((TABLE, TIMED), (TABLE, TIMED_INCREMENTAL), (TABLE, DEFINE)), got
            if got[1] != DEFINE:
                start = 8 if got[1] == TIMED else 4
                size, at = read_number(got[2], start)
                keys.add(got[2][at:at + size])
        assert keys == {b"k", b"learned"}
        peer.send(bytes([CONTROL, CONFIRMED]))
        put(here, "later", gpc0=1)
        while b"later" not in (peer.wait_for(TIMED)):
            pass


def test_who_is_not_up_to_date_is_not_asked_again(here):
    with greet(here) as peer:
        peer.wait_for(REQUEST, CONTROL)
        peer.send(bytes([CONTROL, PARTIAL]))
        peer.wait_for(CONFIRMED, CONTROL)
        peer.send(bytes([CONTROL, REQUEST]))
        peer.wait_for(PARTIAL, CONTROL)


def test_updates_of_the_older_version(here):
    with greet(here, version="2.0") as peer:
        peer.wait_for(REQUEST, CONTROL)
        peer.send(bytes([CONTROL, FINISHED]))
        put(here, "k", gpc0=1)
        assert b"\x01k\x01" in peer.wait_for(UPDATE)


def test_acknowledgements_and_heartbeats(here):
    with greet(here) as peer:
        peer.wait_for(REQUEST, CONTROL)
        peer.send(bytes([CONTROL, FINISHED]) + definition("/t", identity=300) + update("a", 1, identity=70000))
        assert peer.wait_for(ACK) == number(300) + (70000).to_bytes(4, "big")
        peer.send(message(SWITCH, number(300)) + message(INCREMENTAL, b"\x01b\x02"))
        assert peer.wait_for(ACK) == number(300) + (70001).to_bytes(4, "big")
        wait_entry(here, "b", gpc0=2)
        peer.send(bytes([CONTROL, HEARTBEAT]))
        peer.wait_for(HEARTBEAT, CONTROL)
        wait_peers(here, "tx_hbt=1 rx_hbt=1")


def test_a_silent_peer_is_left(here):
    with greet(here) as peer:
        peer.is_closed()
    here.wait_log("peer other: it is silent")


def test_the_latest_connection_counts(here):
    with greet(here) as first, greet(here) as second:
        first.is_closed()
        second.wait_for(HEARTBEAT, CONTROL)
        wait_peers(here, "coll=1")


MALFORMED = {
    "a class that is reserved": (bytes([255, 0]), 0),
    "an endless length": (bytes([TABLE, UPDATE]) + b"\xff" * 10, 0),
    "a message that is too long": (bytes([TABLE, UPDATE]) + number(1 << 20), 1),
    "a definition that ends early": (message(DEFINE, b"\x01\x02/t"), 0),
    "a definition without a name": (message(DEFINE, b"\x01\x00\x06\x20\x04\x00"), 0),
    "no key": (definition("/t") + message(UPDATE, b"\0\0\0\1"), 0),
    "a key that is longer than its message": (definition("/t") + message(UPDATE, b"\0\0\0\1\x7fabc"), 0),
    "an update without data": (definition("/t") + message(UPDATE, b"\0\0\0\1\1k"), 0),
    "an endless value": (definition("/t") + message(UPDATE, b"\0\0\0\1\1k" + b"\xff" * 12 + b"\1"), 0),
    "an acknowledgement of nothing": (message(ACK, b"\1\0"), 0),
    "no table to change to": (message(SWITCH, b""), 0),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_messages(here, what):
    data, kind = MALFORMED[what]
    with greet(here) as peer:
        peer.wait_for(REQUEST, CONTROL)
        peer.send(bytes([CONTROL, FINISHED]))
        peer.wait_for(CONFIRMED, CONTROL)
        peer.send(data)
        assert peer.is_closed()[-1] == (ERROR, kind, b"")
    here.wait_log("peers group: peer other: it(s| sends| changes) ")
    assert not entries(here)
    wait_peers(here, "proto_err=1")


def test_tables_that_do_not_fit_are_passed_over(here):
    with greet(here) as peer:
        peer.wait_for(REQUEST, CONTROL)
        peer.send(definition("/other") + update("x", 1) + definition("/t", size=40) + update("x", 1) +
                  definition("/t", kind=2, size=4) + update("x", 1) + message(UPDATE, b"\xff" * 20) +
                  message(140, b"later versions") + bytes([20, 3]) + definition("/t") + update("y", 1))
        wait_entry(here, "y", gpc0=1)
        assert set(entries(here)) == {"y"}
    here.wait_log("peer other: its table '/other' is not known here")


def test_memory_does_not_grow(here):
    with greet(here) as peer:
        peer.wait_for(REQUEST, CONTROL)
        peer.send(definition("/t"))

        def flood(rounds):
            for i in range(rounds):
                peer.send(b"".join(definition(f"/t{i}x{n}", identity=n + 5) for n in range(50)) + definition("/t") +
                          b"".join(update(f"k{i}x{n}", n) for n in range(50)))
            peer.send(update(f"end{rounds}", 1))
            wait_entry(here, f"end{rounds}")

        flood(50)
        before = here.rss()
        flood(500)
        assert here.rss() < before + (1 << 20) * 4


def test_show_peers(here):
    with greet(here) as peer:
        peer.wait_for(REQUEST, CONTROL)
        text = here.runtime()("show peers group")
        assert re.search(r"^0x[0-9a-f]+: id=group disabled=0 ", text)
        assert "id=here(local,inactive)" in text and "id=other(remote,active) addr=127.0.0.1:" in text
        assert "learn_state=PROCESSING last_status=ESTA" in text and "id=group/t update=" in text
        assert "TX dictionary cache" in here.runtime()("show peers dict")
        assert here.runtime()("show peers nothing") == "No such peers"
        info = here.runtime().info()
        assert (info["ActivePeers"], info["ConnectedPeers"]) == ("1", "1")


def test_many_strangers(here):
    crowd = [socket.create_connection(("127.0.0.1", here.peers_port), 10) for _ in range(100)]
    # Those that are too many are closed at once.
    assert crowd[-1].recv(1) == b""
    for sock in crowd:
        sock.close()

    def is_let_in():
        try:
            with Peer(here.peers_port) as peer:
                return peer.status() == 200
        except ConnectionError:
            return False

    net.wait_until(is_let_in, "a place")


def test_an_old_haproxy_teaches_who_takes_over(group):
    g = group("a", "b")
    old = g.haproxy("a")
    for i in range(10):
        put(old, f"k{i}", gpc0=i)
    # It teaches once it has given up finding somebody to learn from.
    net.wait_until(lambda: re.search(r"id=group disabled=0 flags=0x[0-9a-f]*[37bf] ", old.runtime()("show peers")),
                   lambda: old.runtime()("show peers"))
    new = g.start("a", "-db", "-sf", str(old.process.pid))
    net.wait_until(lambda: len(entries(new)) == 10, lambda: f"10 entries, not {entries(new)}\n{new.log_text()}")
    old.wait()


def follow(g, old, *args, **words):
    new = g.start("a", run=False, **words)
    new.start("-L", "a", *(args or ("-db",)), "-f", str(new.conf), "-sf", str(old.process.pid))
    return new


@pytest.mark.parametrize("names, args", [("a", ["-db"]), ("ab", ["-db"]), ("a", ["-W", "-db"])],
                         ids=["alone", "with others", "masters"])
def test_who_takes_over_is_taught(group, names, args):
    """Its own host may be the only peer: then the section is there for this."""
    g = group(*names)
    old = g.start("a", *args)
    for i in range(300):
        put(old, f"k{i}", gpc0=i)
    new = follow(g, old, *args)
    old.wait()
    found = entries(new)
    assert len(found) == 300 and found["k299"]["gpc0"] == "299"


def test_who_takes_over_is_taught_over_tls(group, certs):
    g = group("a")
    lines = ["default-server ssl verify none", f"default-bind ssl crt {certs.leaf('peer.test')}",
             f"bind 127.0.0.1:{g.port('a')}", "server a"]
    old = g.start("a", lines=lines)
    put(old, "k", gpc0=7)
    new = follow(g, old, lines=lines)
    old.wait()
    assert entries(new)["k"]["gpc0"] == "7"


def test_what_the_old_process_counts_reaches_the_new_one(group, origin):
    g = group("a")
    front = "http-request allow\n    http-response sc-inc-gpc0(0)\n    default_backend b"
    old = g.start("a", front=front, more=["backend b", f"    server s 127.0.0.1:{origin.port}"])
    put(old, "k", gpc0=1)
    asked, answer = threading.Event(), threading.Event()

    def slow(exchange):
        asked.set()
        answer.wait(20)
        exchange.reply()

    origin.default = slow
    with old.client() as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Key: k\r\n\r\n")
        assert asked.wait(5)
        new = follow(g, old)
        wait_entry(new, "k", gpc0=1)
        answer.set()
        assert client.response().status == 200
    old.wait()
    wait_entry(new, "k", gpc0=2)


def test_haproxy_that_takes_over_is_taught(group):
    g = group("a")
    old = g.start("a")
    for i in range(10):
        put(old, f"k{i}", gpc0=i)
    new = g.haproxy("a", follows=old.process.pid)
    net.wait_until(lambda: len(entries(new)) == 10, lambda: f"10 entries, not {entries(new)}\n{old.log_text()}")
    old.wait()


def test_nobody_follows(group):
    """Then the process ends when it is told so, and does not ask for seconds. Its own socket may take a first connection or two."""
    g = group("a", "b")
    old = g.start("a", environment={"ASAN_OPTIONS": "detect_leaks=0"})  # LeakSanitizer cannot look at who is traced
    put(old, "k", gpc0=1)
    trace = old.dir / "trace"
    watcher = subprocess.Popen(["strace", "-f", "-e", "trace=connect", "-o", str(trace), "-p", str(old.process.pid)],
                               stderr=subprocess.PIPE, text=True)
    try:
        assert "attached" in watcher.stderr.readline()
        old.signal(signal.SIGUSR1)
        old.wait()
    finally:
        watcher.terminate()
        watcher.wait()
    assert 1 <= trace.read_text().count(f"htons({g.port('a')})") <= 5
