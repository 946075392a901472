"""Stick tables in the haproxy face: `stick` rules, what the runtime socket shows and changes, converters that look into tables."""

import re

import pytest

from rig import net
from rig.generations import Generations
from rig.origin import Reply

CONF = """
global
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode {mode}
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    retries 1

frontend web
    bind 127.0.0.1:{port}
    {front}
    default_backend b

backend b
    balance roundrobin
    {lines}
    {servers}

{more}
"""
SERVERS = ["server a {a}", "server b {b}"]


@pytest.fixture
def two(origins):
    made = {name: origins(name=name) for name in "ab"}
    for name, origin in made.items():
        origin.default = Reply(headers=[("X-Name", name)])
    return made


@pytest.fixture
def start(weir, two):
    def make(*lines, servers=SERVERS, front=(), more=(), mode="http", args=(), run=True):
        text = CONF.replace("{mode}", mode)
        for key, value in (("{lines}", lines), ("{servers}", servers), ("{front}", front), ("{more}", more)):
            text = text.replace(key, "\n    ".join(value))
        return weir("haproxy", text=text, args=args, start=run, **two)

    return make


def who(response):
    return response.header("X-Name")


def names(proxy, key, count=4, header="X-Key"):
    return "".join(who(proxy.get("/", headers=[(header, key)])) for _ in range(count))


def entries(proxy, table="b", rest=""):
    """The entries that `show table` lists, each as a dictionary."""
    head, *lines = proxy.runtime()(f"show table {table} {rest}".strip()).strip().split("\n")
    return [dict(re.findall(r"(\S+)=(\S*)", line)) for line in lines]


# --- sticking ---


def test_clients_stay_by_address(start):
    proxy = start("stick-table type ip size 1k expire 30m", "stick on src")
    first = who(proxy.get("/"))
    assert {who(proxy.get("/")) for _ in range(4)} == {first}
    (entry,) = entries(proxy)
    assert entry["key"] == "127.0.0.1" and entry["server_key"] == first and entry["use"] == "0"
    assert 0 < int(entry["exp"]) <= 1800000


def test_keys_of_texts_are_cut(start):
    proxy = start("stick-table type string len 8 size 100", "stick on hdr(X-Key)")
    first = who(proxy.get("/", headers=[("X-Key", "12345678")]))
    assert names(proxy, "12345678-and-more") == first * 4
    assert [e["key"] for e in entries(proxy)] == ["12345678"]
    assert sorted(names(proxy, "other", 1) + names(proxy, "another", 1)) == ["a", "b"]


def test_the_first_rule_that_finds_one_wins(start):
    proxy = start("stick-table type string size 100", "stick on hdr(X-Key) if { hdr(X-Key) -m found }",
                  "stick on hdr(X-Else)")
    first = names(proxy, "k")[0]
    assert names(proxy, "k") == first * 4
    assert names(proxy, "k", header="X-Else") == first * 4
    assert who(proxy.get("/")) in "ab"
    assert len(entries(proxy)) == 1


def test_application_cookies_are_learned(start, two):
    for name, origin in two.items():
        origin.on("/login", Reply(headers=[("X-Name", name), ("Set-Cookie", f"JSESSIONID=of-{name}; Path=/")]))
    proxy = start("stick-table type string len 52 size 2m expire 3h", "stick store-response res.cook(JSESSIONID)",
                  "stick match req.cook(JSESSIONID)")
    assert sorted(who(proxy.get("/login")) for _ in range(2)) == ["a", "b"]
    for name in "ab":
        assert names(proxy, f"JSESSIONID=of-{name}", header="Cookie") == name * 4
    assert sorted(names(proxy, "JSESSIONID=forged", header="Cookie")) == ["a", "a", "b", "b"]
    assert sorted(e["key"] for e in entries(proxy)) == ["of-a", "of-b"]


def test_a_server_that_is_down_is_replaced_in_the_table(start):
    proxy = start("stick-table type string size 100", "stick on hdr(X-Key)")
    first = names(proxy, "k", 2)[0]
    other = "b" if first == "a" else "a"
    runtime = proxy.runtime()
    runtime(f"set server b/{first} state maint")
    assert names(proxy, "k") == other * 4
    runtime(f"set server b/{first} state ready")
    assert names(proxy, "k") == other * 4
    runtime(f"set server b/{other} state drain")
    assert names(proxy, "k") == other * 4


def test_redispatch_is_remembered(start):
    servers = ["server a {dead}", "server b {b}"]
    proxy = start("option redispatch", "stick-table type string size 100", "stick on hdr(X-Key)", servers=servers)
    assert names(proxy, "k", 3) == "bbb"
    (entry,) = entries(proxy)
    assert entry["server_id"] == "2" and entry["server_key"] == "b"


def test_servers_that_do_not_stick(start):
    servers = ["default-server non-stick", "server a {a}", "server b {b} stick"]
    proxy = start("stick-table type string size 100", "stick on hdr(X-Key)", servers=servers)
    for key in "1234":
        proxy.get("/", headers=[("X-Key", key)])
    assert {e["server_key"] for e in entries(proxy)} == {"b"}


def test_cookies_go_before_tables(start):
    servers = ["server a {a} cookie sa", "server b {b} cookie sb"]
    proxy = start("cookie SRV", "stick-table type string size 100", "stick on hdr(X-Key)", servers=servers)
    first = names(proxy, "k", 2)[0]
    other = "b" if first == "a" else "a"
    assert who(proxy.get("/", headers=[("X-Key", "k"), ("Cookie", f"SRV=s{other}")])) == other
    assert names(proxy, "k") == other * 4


def test_the_table_of_another_proxy(start):
    proxy = start("stick on hdr(X-Key) table shared", more=["backend shared", "    stick-table type string size 100"])
    first = names(proxy, "k", 1)
    assert names(proxy, "k") == first * 4
    assert [e["key"] for e in entries(proxy, "shared")] == ["k"]


def test_addresses_as_server_keys(start, two):
    proxy = start("stick-table type string size 100 srvkey addr", "stick on hdr(X-Key)")
    first = names(proxy, "k", 1)
    assert entries(proxy)[0]["server_key"] == str(two[first])
    assert names(proxy, "k") == first * 4


def test_write_to(start):
    proxy = start("stick-table type string size 100 write-to other", "stick on hdr(X-Key)",
                  more=["backend other", "    stick-table type string size 100"])
    # Only what peers tell goes there.
    first = names(proxy, "k", 1)
    assert names(proxy, "k") == first * 4
    assert [e["key"] for e in entries(proxy)] == ["k"] and not entries(proxy, "other")


def test_tcp(start, two):
    proxy = start("stick-table type ip size 100", "stick on src", mode="tcp")
    assert len({who(proxy.get("/")) for _ in range(4)}) == 1
    assert len(entries(proxy)) == 1


# --- limits of tables ---


def test_a_full_table_forgets_the_oldest(start):
    proxy = start("stick-table type string size 2", "stick on hdr(X-Key)")
    for key in "123":
        proxy.get("/", headers=[("X-Key", key)])
    assert sorted(e["key"] for e in entries(proxy)) == ["2", "3"]


def test_nopurge(start):
    proxy = start("stick-table type string size 2 nopurge expire 1h", "stick on hdr(X-Key)")
    for key in "123":
        assert proxy.get("/", headers=[("X-Key", key)]).status == 200
    assert [e["key"] for e in entries(proxy)] == ["1", "2"]


def test_entries_expire(start):
    proxy = start("stick-table type string size 100 expire 200ms", "stick on hdr(X-Key)")

    def is_listed():
        proxy.get("/", headers=[("X-Key", "k")])
        return len(entries(proxy)) == 1

    net.wait_until(is_listed, "the entry, before its time is over")
    net.wait_until(lambda: not entries(proxy), "the entry's end")


def test_tables_outlive_reloads_and_crashes(start, two):
    proxy = start("stick-table type string size 100", "stick on hdr(X-Key)", run=False)
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    generations = Generations(proxy)
    first = names(proxy, "k", 1)
    generations.reload()
    assert names(proxy, "k") == first * 4
    generations.worker()
    generations.kill()
    assert names(proxy, "k") == first * 4


# --- the runtime socket ---


def test_show_set_and_clear(start):
    proxy = start("stick-table type ip size 1k expire 1h store gpc0,conn_rate(30s),gpt(3) store http_req_cnt")
    runtime = proxy.runtime()
    assert runtime("show table").strip() == "# table: b, type: ip, size:1024, used:0"
    assert runtime("set table b key 10.0.0.1 data.gpc0 7 data.conn_rate 12 data.gpt[1] 5").strip() == ""
    runtime("set table b key 10.0.0.2 data.gpc0 1")
    line = runtime("show table b key 10.0.0.1").strip().split("\n")[1]
    assert re.fullmatch(r"0x[0-9a-f]+: key=10\.0\.0\.1 use=0 exp=\d+ shard=0 gpc0=7 conn_rate\(30000\)=12 http_req_cnt=0 "
                        r"gpt0=0 gpt1=5 gpt2=0", line)
    assert [e["key"] for e in entries(proxy, rest="data.gpc0 gt 1")] == ["10.0.0.1"]
    assert [e["key"] for e in entries(proxy, rest="data.gpc0 ge 1 data.gpt[1] eq 0")] == ["10.0.0.2"]
    pointer = line.split(":")[0]
    assert [e["key"] for e in entries(proxy, rest=f"ptr {pointer}")] == ["10.0.0.1"]
    runtime(f"set table b ptr {pointer} data.gpc0 8")
    assert entries(proxy, rest="key 10.0.0.1")[0]["gpc0"] == "8"
    runtime("clear table b data.gpc0 eq 8")
    assert [e["key"] for e in entries(proxy)] == ["10.0.0.2"]
    runtime("clear table b key 10.0.0.2")
    assert not entries(proxy)


@pytest.mark.parametrize("command, answer", [
    ("show table none", "No such table"),
    ("show table b what", "Optional argument only supports"),
    ("show table b data.none eq 1", "Filter entry #1: Unknown data type"),
    ("show table b data.gpc1 eq 1", "Data type not stored in this table"),
    ("show table b data.gpc0 is 1", "Require and operator among"),
    ("show table b data.gpc0 eq x", "Require a valid integer value to compare against"),
    ("show table b data.gpc0 eq 1 more", "Filter entry #2: Unknown data type"),
    ("show table b ptr 12", "Pointer expected"),
    ("show table b ptr 0xzz", "Malformed ptr"),
    ("show table b ptr 0x123", "No entry can be found matching ptr"),
    ("clear table", "Required arguments"),
    ("clear table b key", "Key value expected"),
    ("clear table b key nowhere", "Invalid key"),
    ("set table b", "Required arguments"),
    ("set table b key 1.2.3.4 data.gpc0", "Require a valid integer value to store"),
    ("set table b key 1.2.3.4 gpc0 1", 'followed by a value expected'),
    ("set table b data.gpc0 eq 1", "content-based lookup is only supported"),
])
def test_wrong_commands(start, command, answer):
    proxy = start("stick-table type ip size 1k store gpc0")
    assert answer in proxy.runtime()(command)
    assert not entries(proxy)


# --- expressions ---


def test_converters(start):
    proxy = start("stick-table type string size 100 expire 1h store gpc(2),gpt0,server_id", "stick on hdr(X-Key)",
                  "http-response set-header X-In %[hdr(X-Key),in_table]",
                  "http-request set-header X-N %[hdr(X-Key),table_inc_gpc(1)]-%[hdr(X-Key),table_gpc(1,b)]",
                  front=["http-request return hdr X-T %[hdr(X-Key),table_server_id(b)],%[hdr(X-Key),table_inc_gpc1(b)],"
                         "%[hdr(X-Key),table_clr_gpc(1,b)],%[hdr(X-Key),table_gpc1(b)],%[hdr(X-Key),table_conn_cnt(b)],"
                         "%[str(no),table_expire(b,-1)],%[table_cnt(b)],%[table_avl(b)] if { path /t }"])
    key = [("X-Key", "k")]
    assert proxy.get("/t", headers=key).header("X-T") == "0,1,1,0,,-1,1,99"
    server = who(proxy.get("/", headers=key))
    answer = proxy.get("/t", headers=key).header("X-T")
    assert answer == f"{'ab'.index(server) + 1},2,2,0,,-1,1,99"


def test_what_haproxy_refuses(start):
    def refused(*lines, **words):
        proxy = start(*lines, run=False, **words)
        run = proxy.run("-c", "-f", str(proxy.conf))
        return run.returncode and run.stderr

    table = "stick-table type ip size 1k"
    assert "missing size" in refused("stick-table type ip expire 1m")
    assert "missing type" in refused("stick-table size 1k expire 1m")
    assert "unknown store option 'gpx'" in refused(f"{table} store gpx")
    assert "missing argument to store option 'conn_rate'" in refused(f"{table} store conn_rate")
    assert "unexpected argument to store option 'conn_cnt'" in refused(f"{table} store conn_cnt(1)")
    assert "array size is out of allowed range" in refused(f"{table} store gpc(101)")
    assert "simultaneous usage of 'gpc' and 'gpc0'" in refused(f"{table} store gpc(2),gpc0")
    assert "unable to find stick-table 'nowhere'" in refused("stick on src table nowhere")
    assert "unable to find stick-table 'nowhere'" in refused("http-request deny if { src,in_table(nowhere) }")
    assert not refused(f"{table} store gpc0,conn_rate(3s)", "stick on src")
