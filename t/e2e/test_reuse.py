"""Which server connections are used again: http-reuse, keepalive, and connections that lie idle on another shard."""

import contextlib
import time

import pytest

from rig import net
from rig.http1 import build_request

pytestmark = pytest.mark.threads

HAPROXY = """
global
    nbthread {threads}
    {settings}

defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    {rules}
    http-request return status 200 content-type text/plain lf-string "%[thread]" if { path /own /hold }
    default_backend b

backend b
    http-reuse {reuse}
    server s1 {origin}
"""

NGINX = """
daemon off;
user {user};
worker_processes {threads};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    upstream u { server {origin}; keepalive 8; }
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }
        location /own { return 200; }
    }
}
"""


def haproxy(weir, origin, threads, reuse, settings="", rules="", **places):
    text = HAPROXY.replace("{settings}", settings).replace("{rules}", rules)
    return weir("haproxy", text=text, origin=origin, threads=threads, reuse=reuse, **places)


PATIENCE = 0.2  # seconds; a shard waits a little longer for an idle connection of another one before it opens one of its own


def timed(client):
    """One request. Whether it took longer than PATIENCE."""
    began = time.monotonic()
    assert client.request("/").status == 200
    return time.monotonic() - began > PATIENCE


def ask(proxy, clients, requests=1):
    """So many clients one after the other, each with so many requests. How many of these took longer than PATIENCE."""
    slow = 0
    for _ in range(clients):
        with proxy.client() as client:
            slow += sum(timed(client) for _ in range(requests))
            # The shard answers that when it has put the server's connection back, which may be after its answer.
            assert client.request("/own").status == 200
    return slow


def assert_shared(origin, slow):
    """One connection has served all, but for a few requests whose shard had not the time to wait for it. A shard that never
    answers makes each of them slow."""
    assert slow <= 2 and 1 <= len(origin.connections) <= 1 + slow


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_idle_connection_is_found_on_any_shard(weir, origin, threads):
    proxy = haproxy(weir, origin, threads, "always")
    assert_shared(origin, ask(proxy, 20))


@pytest.mark.parametrize("threads", [1, 2])
def test_keepalive_of_an_upstream(weir, origin, threads):
    proxy = weir("nginx", text=NGINX, origin=origin, threads=threads)
    assert_shared(origin, ask(proxy, 20))


HOLD = """
core.register_action("hold", { "http-req" }, function(txn)
  local goal = tonumber(txn.sf:url_param("until"))
  repeat
    local now = core.now()
  until now.sec + now.usec / 1000000 >= goal
end)
"""


def client_on(proxy, stack, *, of=None, beside=None):
    """A client whose requests are served by the same thread as those of one client, or by another one than those of one."""
    wanted = (of or beside).request("/own").body
    while True:
        if beside:
            beside.send(build_request(f"/hold?until={time.time() + 0.05}"))
        client = stack.enter_context(proxy.client())
        served = client.request("/own").body
        if beside:
            assert beside.response().status == 200
        if (served == wanted) == bool(of):
            return client


def test_another_thread_has_its_time_however_soon_the_one_before_was(weir, origin, home):
    """A thread that asks for an idle connection waits for each answer as long as for the first one."""
    (home / "hold.lua").write_text(HOLD)
    rule = "http-request lua.hold if { path /hold }"
    proxy = haproxy(weir, origin, 2, "always", "lua-load {script}", rule, script=home / "hold.lua")
    with contextlib.ExitStack() as stack:
        owner = stack.enter_context(proxy.client())
        asker = client_on(proxy, stack, beside=owner)
        holder = client_on(proxy, stack, of=owner)
        slow = timed(owner)
        began = time.time()
        slow += timed(asker)  # waits for the owner's thread, if only for a moment
        slow += timed(owner)
        holder.send(build_request(f"/hold?until={began + 0.27}"))
        net.wait_until(lambda: time.time() > began + 0.1, "some of that time")
        slow += timed(asker)
        assert holder.response().status == 200
    assert_shared(origin, slow)


@pytest.mark.parametrize(
    ("reuse", "clients", "requests", "connections"),
    [
        ("never", 2, 2, 2),
        ("safe", 3, 1, 3),
        ("safe", 2, 3, 2),
        ("aggressive", 3, 2, 1),
        ("always", 3, 1, 1),
    ],
)
def test_modes(weir, origin, reuse, clients, requests, connections):
    proxy = haproxy(weir, origin, 1, reuse)
    ask(proxy, clients, requests)
    assert len(origin.connections) == connections


def test_a_closing_client_leaves_the_server_connection(weir, origin):
    proxy = haproxy(weir, origin, 1, "always")
    for _ in range(5):
        with proxy.client() as client:
            assert client.request("/", headers=[("Connection", "close")]).status == 200
    assert len(origin.connections) == 1
    assert all(r.header("Connection") is None for r in origin.requests)


OWN = """
global
    nbthread 1
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    http-reuse never
    timeout connect 1s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    use_backend %[path,field(2,/)]

backend one
    server s1 {one} pool-purge-delay 60s

backend two
    server s1 {two} pool-purge-delay 60s {words}
"""


@pytest.mark.parametrize("words", ["", "pool-conn-name req.hdr(x-name)"])
def test_what_clients_have_for_themselves(weir, origins, words):
    """Each finds its own connections again, to each server and for each name; they end with it, and others' do not."""
    one, two = origins(name="one"), origins(name="two")
    proxy = weir("haproxy", text=OWN, one=one, two=two, words=words)
    clients = [proxy.client() for _ in range(40)]
    used = []
    for _ in range(3):
        for client in clients:
            seen = []
            for path, origin in [("/one", one), ("/two", two)]:
                for name in ("a", "b"):
                    assert client.request(path, headers=[("X-Name", name)]).status == 200
                    seen.append((path, origin.requests[-1].connection))
            used.append(seen)
    assert used[:40] == used[40:80] == used[80:]
    each = 2 if words else 1
    assert (len(one.connections), len(two.connections)) == (40, 40 * each)
    assert len({connection for seen in used for connection in seen}) == 40 * (1 + each)

    for client in clients[::2]:
        client.close()
    left = [seen for i, seen in enumerate(used[:40]) if i % 2]
    for path, origin in [("/one", one), ("/two", two)]:
        expected = {number for seen in left for where, number in seen if where == path}
        net.wait_until(lambda: {c.number for c in origin.open_connections} == expected, f"the others' connections to {path}")
    assert clients[1].request("/one").status == 200
    assert one.requests[-1].connection == left[0][0][1]
    # A server that goes takes its connections from all clients.
    assert proxy.runtime()("set server two/s1 state maint").strip() == ""
    net.wait_until(lambda: not two.open_connections, "none to the server that is gone")
    assert len(one.open_connections) == 20
    for client in clients[1::2]:
        client.close()
    net.wait_until(lambda: not one.open_connections, "none without its client")


def test_many_kinds_of_connections_to_one_server(weir, origins):
    """Whoever asks for one of them gets it, and whichever was used last of those that are alike."""
    one, two = origins(name="one"), origins(name="two")
    conf = OWN.replace("http-reuse never", "http-reuse always")
    proxy = weir("haproxy", text=conf, one=one, two=two, words="pool-conn-name req.hdr(x-name)")
    with proxy.client() as client:
        for _ in range(2):
            for n in range(60):
                assert client.request("/two", headers=[("X-Name", f"n{n}")]).status == 200
    numbers = [request.connection for request in two.requests]
    assert numbers[:60] == numbers[60:] and len(set(numbers)) == 60


TOLD = """
global
    nbthread 1

defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port} accept-proxy
    default_backend b

backend b
    http-reuse {reuse}
    server s1 127.0.0.1:{inner_port} send-proxy

frontend inner
    bind 127.0.0.1:{inner_port} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src_port] %[http_first_req]"
"""


@pytest.mark.parametrize("reuse, other", [("always", b"0"), ("safe", b"1")])
def test_what_a_proxy_header_opened_is_for_clients_with_the_same(weir, reuse, other):
    proxy = weir("haproxy", text=TOLD, reuse=reuse)
    said = []
    for port, requests in ((4001, 2), (4002, 1), (4001, 1)):
        with proxy.client() as client:
            client.send(f"PROXY TCP4 192.0.2.1 192.0.2.2 {port} 80\r\n")
            said += [client.request("/").body for _ in range(requests)]
    assert said == [b"4001 1", b"4001 0", b"4002 1", b"4001 " + other]
