"""Options of sockets, as the kernel has them: those of connections, of sockets that listen, and of those that a reload keeps."""

import os
import pathlib
import signal
import socket
import subprocess

import pytest

from rig import inside, machine, net
from rig.generations import workers

SOL, TCP = socket.SOL_SOCKET, socket.IPPROTO_TCP
SO_BUF_LOCK, SO_BINDTODEVICE = 72, 25
TCP_FASTOPEN, TCP_FASTOPEN_CONNECT, TCP_USER_TIMEOUT = 23, 30, 18

HAPROXY = """
global
    {more}
defaults
    mode http
    timeout client 20s
    timeout connect 5s
    timeout server 20s
    {defaults}
frontend web
    bind {address}:{port} {options}
    http-request return status 200 content-type text/plain string ok if {{ path /own }}
    default_backend servers
backend servers
    server s1 {origin} {server}
"""

NGINX = """
daemon off;
user {user};
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {{ }}
http {{
    access_log off;
    {more}
    upstream servers {{ server {origin}; }}
    server {{
        listen 127.0.0.1:{port} {options};
        location /own {{ return 200 ok; }}
        location / {{ proxy_pass http://servers; {location} }}
    }}
}}
"""


def haproxy_text(**places):
    return HAPROXY.format_map({"address": "127.0.0.1", "port": "{port}", "origin": "{origin}", "more": "", "defaults": "",
                               "options": "", "server": "", **places})


def nginx_text(**places):
    return NGINX.format_map({**{name: "{" + name + "}" for name in ("user", "dir", "port", "origin")}, "more": "",
                             "options": "", "location": "", **places})


TEXTS = {"haproxy": haproxy_text, "nginx": nginx_text}


@pytest.fixture
def make(weir, origin):
    return lambda face, start=True, args=(), **places: weir(face, text=TEXTS[face](**places), origin=origin, start=start,
                                                            args=args)


def given(sock, level, name):
    return sock.getsockopt(level, name)


def probes(sock):
    """Whether silence is probed; after how long, how often and how many times."""
    return (given(sock, SOL, socket.SO_KEEPALIVE), given(sock, TCP, socket.TCP_KEEPIDLE),
            given(sock, TCP, socket.TCP_KEEPINTVL), given(sock, TCP, socket.TCP_KEEPCNT))


def buffers(sock):
    return given(sock, SOL, socket.SO_RCVBUF), given(sock, SOL, socket.SO_SNDBUF)


def usual():
    with socket.socket() as fresh:
        return probes(fresh)


def client_socket(proxy, question):
    """What `question` says of the proxy's end of a client's connection."""
    with proxy.client() as client:
        assert client.request("/own").body == b"ok"
        with inside.sockets(*proxy.pids()) as found:
            return question(inside.connection_with(found, client.sock.getsockname()[1]))


def server_socket(proxy, origin, question):
    """The same of its connection to the server, which stays open."""
    assert proxy.get("/").status == 200
    with inside.sockets(*proxy.pids()) as found:
        return question(inside.connection_with(found, origin.port))


def listening(proxy, question):
    with inside.sockets(*proxy.pids()) as found:
        return question(inside.listener(found, proxy.port))


CLIENT_WORDS = {
    "haproxy": {"defaults": "option tcpka\n clitcpka-idle 1m\n clitcpka-intvl 7\n clitcpka-cnt 4",
                "more": "tune.rcvbuf.client 70000\n tune.sndbuf.client 40000"},
    "nginx": {"options": "so_keepalive=1m:7s:4 rcvbuf=70000 sndbuf=40000"},
}


@pytest.mark.parametrize("face", CLIENT_WORDS)
def test_clients_have_what_is_said(make, face):
    proxy = make(face, **CLIENT_WORDS[face])
    assert client_socket(proxy, lambda s: (probes(s), buffers(s))) == ((1, 60, 7, 4), (140000, 80000))


@pytest.mark.parametrize("face", CLIENT_WORDS)
def test_without_words_the_system_decides(make, origin, face):
    proxy = make(face)
    assert client_socket(proxy, lambda s: (probes(s), given(s, SOL, SO_BUF_LOCK))) == (usual(), 0)
    assert server_socket(proxy, origin, lambda s: (probes(s), given(s, SOL, SO_BUF_LOCK))) == (usual(), 0)


@pytest.mark.parametrize("face, words, expected", [
    ("haproxy", {"defaults": "option clitcpka\n clitcpka-cnt 3"}, (1, None, None, 3)),
    ("haproxy", {"defaults": "option srvtcpka\n clitcpka-cnt 3"}, (0, None, None, None)),
    ("haproxy", {"defaults": "option tcpka\n no option clitcpka"}, (0, None, None, None)),
    ("haproxy", {"defaults": "option clitcpka\n clitcpka-idle 2500ms"}, (1, 3, None, None)),
    ("nginx", {"options": "so_keepalive=on"}, (1, None, None, None)),
    ("nginx", {"options": "so_keepalive=off"}, (0, None, None, None)),
    ("nginx", {"options": "so_keepalive=30m::10"}, (1, 1800, None, 10)),
    ("nginx", {"options": "so_keepalive=:5"}, (1, None, 5, None)),
], ids=str)
def test_how_clients_are_probed(make, face, words, expected):
    proxy = make(face, **words)
    assert client_socket(proxy, probes) == tuple(u if e is None else e for e, u in zip(expected, usual()))


@pytest.mark.parametrize("face", CLIENT_WORDS)
def test_accepting_costs_no_calls_for_them(make, face):
    """They stand on the socket that listens: a connection has them from the kernel."""
    proxy = make(face, **CLIENT_WORDS[face])
    (worker,) = net.wait_until(lambda: workers(proxy), "its threads")
    trace = proxy.dir / "trace"
    watcher = subprocess.Popen(["strace", "-f", "-e", "trace=accept4,setsockopt", "-o", str(trace), "-p", str(worker)],
                               stderr=subprocess.PIPE, text=True)
    try:
        assert "attached" in watcher.stderr.readline()
        for _ in range(5):
            assert proxy.get("/own").body == b"ok"
        net.wait_until(lambda: trace.read_text().count("accept4(") >= 5, "five connections")
    finally:
        watcher.terminate()
        watcher.wait()
    assert "setsockopt" not in trace.read_text()


def test_a_unix_socket_has_its_buffers_too(weir, home):
    text = haproxy_text(more="tune.sndbuf.client 40000", origin="127.0.0.1:9").replace(
        "bind 127.0.0.1:{port}", f"bind 127.0.0.1:{{port}}\n bind unix@{home}/web.sock")
    proxy = weir("haproxy", text=text)
    path = str(home / "web.sock")
    net.wait_until((home / "web.sock").exists, "the socket, bound behind the port")
    with proxy.client(unix=path) as client:
        assert client.request("/own").body == b"ok"
        with inside.sockets(*proxy.pids()) as found:
            sizes = [given(s, SOL, socket.SO_SNDBUF) for s in found
                     if s.family == socket.AF_UNIX and not inside.listens(s) and s.getsockname().startswith(path)]
    assert sizes == [80000]


@pytest.mark.parametrize("face, words, expected", [
    ("haproxy", {"defaults": "option srvtcpka\n srvtcpka-idle 90\n srvtcpka-intvl 5s\n srvtcpka-cnt 6",
                 "more": "tune.rcvbuf.server 70000\n tune.sndbuf.server 40000"}, ((1, 90, 5, 6), (140000, 80000))),
    ("nginx", {"location": "proxy_socket_keepalive on; proxy_socket_rcvbuf 70000; proxy_socket_sndbuf 40000;",
               "more": "proxy_socket_keepalive off;"}, ((1, None, None, None), (140000, 80000))),
], ids=["haproxy", "nginx"])
def test_servers_have_what_is_said(make, origin, face, words, expected):
    proxy = make(face, **words)
    found = server_socket(proxy, origin, lambda s: (probes(s), buffers(s)))
    assert found == (tuple(u if e is None else e for e, u in zip(expected[0], usual())), expected[1])


def test_user_timeouts(make, origin):
    proxy = make("haproxy", options="tcp-ut 30s", server="tcp-ut 4s")
    assert client_socket(proxy, lambda s: given(s, TCP, TCP_USER_TIMEOUT)) == 30000
    assert server_socket(proxy, origin, lambda s: given(s, TCP, TCP_USER_TIMEOUT)) == 4000


def test_segments(make):
    proxy = make("haproxy", options="mss 1000")
    with proxy.client() as client:
        assert client.request("/own").body == b"ok"
        assert given(client.sock, TCP, socket.TCP_MAXSEG) <= 1000


@pytest.mark.parametrize("face, options, expected", [
    ("haproxy", "tfo", 4096), ("haproxy", "tfo backlog 77", 77), ("haproxy", "", 0), ("nginx", "fastopen=12", 12),
], ids=str)
def test_fast_open_of_sockets_that_listen(make, face, options, expected):
    assert listening(make(face, options=options), lambda s: given(s, TCP, TCP_FASTOPEN)) == expected


@pytest.mark.parametrize("server, expected", [("tfo", 1), ("", 0)])
def test_fast_open_to_servers(make, origin, server, expected):
    proxy = make("haproxy", server=server)
    assert server_socket(proxy, origin, lambda s: given(s, TCP, TCP_FASTOPEN_CONNECT)) == expected


def test_small_pieces_may_wait(make):
    assert client_socket(make("nginx"), lambda s: given(s, TCP, socket.TCP_NODELAY)) == 1
    assert client_socket(make("nginx", more="tcp_nodelay off;"), lambda s: given(s, TCP, socket.TCP_NODELAY)) == 0


# --- interfaces

def device(sock):
    return sock.getsockopt(SOL, SO_BINDTODEVICE, 16).rstrip(b"\0")


def test_an_interface(make):
    assert listening(make("haproxy", address="0.0.0.0", options="interface lo"), device) == b"lo"
    assert listening(make("haproxy"), device) == b""


def test_an_interface_that_is_not_there(make):
    proxy = make("haproxy", options="interface nosuch0", start=False)
    done = proxy.run()
    assert done.returncode == 1
    assert "cannot bind socket (No such device)" in done.stderr


def test_a_name_that_no_interface_can_have(make):
    proxy = make("haproxy", options="interface sixteen-bytes-ab", start=False)
    done = proxy.run("-c", "-f", str(proxy.conf))
    assert done.returncode == 1 and "has at most 15 bytes" in done.stderr


def connected(address):
    try:
        return socket.create_connection((address, 8080), timeout=10)
    except ConnectionRefusedError:
        return None


def two_interfaces(binary, directory):
    machine.shell("ip", "link", "set", "lo", "up")
    for name, address in (("d0", "192.0.2.1/24"), ("d1", "198.51.100.1/24")):
        machine.shell("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}-end")
        machine.shell("ip", "address", "add", address, "dev", name)
        machine.shell("ip", "link", "set", name, "up")
    conf = pathlib.Path(directory) / "haproxy.cfg"
    front = "frontend {0}\n bind *:8080 interface {0}\n http-request return status 200 content-type text/plain string {0}\n"
    conf.write_text("defaults\n mode http\n timeout client 5s\n" + "".join(front.format(n) for n in ("d0", "lo", "d1")))
    link = pathlib.Path(directory) / "haproxy"
    link.symlink_to(binary)
    process = subprocess.Popen([link, "-db", "-f", conf])
    try:
        # What a machine sends to itself counts as coming from the interface that has the address.
        for name, address in (("lo", "127.0.0.1"), ("d0", "192.0.2.1"), ("d1", "198.51.100.1")):
            with net.wait_until(lambda to=address: connected(to), f"a listener for {address}") as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                answer = client.makefile("rb").read()
            assert answer.endswith(b"\r\n\r\n" + name.encode()), answer
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(not machine.can_be_made(), reason="needs root")
def test_one_address_on_several_interfaces(make, home):
    machine.run(two_interfaces, str(make("haproxy", start=False).command()[0]), str(home))


# --- Fast Open on the wire

def fast_open(binary, directory):
    machine.shell("ip", "link", "set", "lo", "up")
    pathlib.Path("/proc/sys/net/ipv4/tcp_fastopen").write_text("3")
    origin = socket.create_server(("127.0.0.2", 8081))
    origin.setsockopt(TCP, TCP_FASTOPEN, 16)
    conf = pathlib.Path(directory) / "haproxy.cfg"
    conf.write_text("""
defaults
    mode http
    timeout client 5s
    timeout connect 5s
    timeout server 5s
listen web
    bind 127.0.0.1:8080 tfo
    server s1 127.0.0.2:8081 tfo
""")
    link = pathlib.Path(directory) / "haproxy"
    link.symlink_to(binary)
    process = subprocess.Popen([link, "-db", "-f", conf])
    request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    syn_data = 32  # TCPI_OPT_SYN_DATA: the peer took what came in the SYN
    seen = []
    try:
        net.wait_until(lambda: net.is_listening(8080), "a listener")
        for _ in range(2):  # the first connection to an address brings a cookie
            with socket.socket() as client:
                client.sendto(request, socket.MSG_FASTOPEN, ("127.0.0.1", 8080))
                server, _ = origin.accept()
                with server:
                    server.settimeout(10)
                    assert server.recv(4096).startswith(b"GET / HTTP/1.1\r\n")
                    server.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    assert client.makefile("rb").read().endswith(b"\r\n\r\nok")
                    options = [s.getsockopt(TCP, socket.TCP_INFO, 8)[5] & syn_data for s in (client, server)]
                    seen.append([bool(o) for o in options])
    finally:
        process.terminate()
        process.wait()
    assert seen == [[False, False], [True, True]], seen


@pytest.mark.skipif(not machine.can_be_made(), reason="needs root")
def test_the_first_request_goes_in_the_syn(make, home):
    machine.run(fast_open, str(make("haproxy", start=False).command()[0]), str(home))


# --- a listener's own limit

LIMITED = """
global
    nbthread {threads}
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} maxconn 2
    bind 127.0.0.1:{other_port}
    http-request return status 200 content-type text/plain lf-string "%[fe_conn]"
"""


@pytest.mark.parametrize("threads", [1, 3])
def test_one_listener_is_full(weir, threads):
    """Who comes then waits in its backlog, while others are served elsewhere, and has its turn when a place is free."""
    proxy = weir("haproxy", text=LIMITED.replace("{threads}", str(threads)))
    with proxy.client() as first, proxy.client() as second:
        net.wait_until(lambda: first.request("/").body == b"2", "both to be accepted")
        assert second.request("/").body == b"2"
        with proxy.client() as third:
            third.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            with proxy.client("other_port") as other:
                assert other.request("/").body == b"3"  # the third one is not among them
                assert first.request("/").body == b"3"
            assert second.request("/").status == 200
            first.close()
            assert third.response().status == 200


# --- sockets that are kept

def inode(sock):
    return os.fstat(sock.fileno()).st_ino


def state(sock):
    return (inode(sock), probes(sock), buffers(sock), given(sock, SOL, SO_BUF_LOCK), given(sock, TCP, TCP_FASTOPEN),
            bool(given(sock, TCP, socket.TCP_DEFER_ACCEPT)), given(sock, TCP, socket.TCP_MAXSEG),
            given(sock, TCP, TCP_USER_TIMEOUT))


SAID = {
    "haproxy": {**CLIENT_WORDS["haproxy"], "options": "tfo defer-accept backlog 99 mss 1000 tcp-ut 5s"},
    "nginx": {"options": CLIENT_WORDS["nginx"]["options"] + " fastopen=99 deferred"},
}


def replace(proxy, origin, **words):
    """Reloads with another configuration, and waits for its worker to be the only one."""
    before = set(proxy.children())
    proxy.conf.write_text(proxy.render(TEXTS[proxy.face](**words)))
    proxy.signal(signal.SIGUSR2 if proxy.face == "haproxy" else signal.SIGHUP)
    net.wait_until(lambda: proxy.children() and not before & set(proxy.children()), "the other worker")


@pytest.mark.parametrize("face", SAID)
def test_a_reload_keeps_the_socket_and_changes_what_it_has(make, origin, face):
    args = ("-W", "-f", "{conf}") if face == "haproxy" else ()
    proxy = make(face, start=False)
    proxy.start(*(a.replace("{conf}", str(proxy.conf)) for a in args))
    plain = listening(proxy, state)
    replace(proxy, origin, **SAID[face])
    changed = listening(proxy, state)
    assert changed[:6] == (plain[0], (1, 60, 7, 4), (140000, 80000), 3, 99, True)
    assert face == "nginx" or changed[6:] == (1000, 5000)
    assert client_socket(proxy, lambda s: (probes(s), buffers(s))) == ((1, 60, 7, 4), (140000, 80000))
    replace(proxy, origin)
    assert listening(proxy, state) == plain
    assert client_socket(proxy, probes) == usual()


@pytest.mark.parametrize("face", SAID)
def test_a_reload_that_fails_changes_nothing(make, origin, face):
    args = ("-W", "-f", "{conf}") if face == "haproxy" else ()
    proxy = make(face, start=False)
    proxy.start(*(a.replace("{conf}", str(proxy.conf)) for a in args))
    plain = listening(proxy, state)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = TEXTS[face](**SAID[face])
        more = f"127.0.0.1:{taken.getsockname()[1]}"
        text = (text.replace("\nbackend servers", f"\nfrontend more\n bind {more}\nbackend servers") if face == "haproxy"
                else text.replace("location /own", f"listen {more};\n location /own"))
        proxy.conf.write_text(proxy.render(text))
        proxy.signal(signal.SIGUSR2 if face == "haproxy" else signal.SIGHUP)
        proxy.wait_log("the configuration that runs stays")
    assert listening(proxy, state) == plain


@pytest.mark.parametrize("defaults, expected", [("", 0), ("option clitcpka", 1)])
def test_a_passed_socket(weir, defaults, expected):
    """What it has is what somebody else has said, and what is said here; small pieces never wait."""
    with socket.create_server(("127.0.0.1", 0)) as passed:
        passed.setsockopt(SOL, socket.SO_RCVBUF, 50000)
        text = haproxy_text(defaults=defaults, origin="127.0.0.1:9").replace(
            "bind 127.0.0.1:{port}", f"bind 127.0.0.1:{{port}}\n bind fd@{passed.fileno()}")
        proxy = weir("haproxy", text=text, start=False)
        proxy.start(pass_fds=[passed.fileno()])
        assert client_socket(proxy, probes)[0] == expected
        with socket.create_connection(passed.getsockname()) as client:
            client.sendall(b"GET /own HTTP/1.1\r\nHost: h\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")
            with inside.sockets(*proxy.pids()) as found:
                sock = inside.connection_with(found, client.getsockname()[1])
                assert (probes(sock)[0], buffers(sock)[0]) == (expected, 100000)
                assert given(sock, TCP, socket.TCP_NODELAY) == 1


# --- runtime sockets

RUNTIME = """
global
    stats socket ipv6@:::{runtime_port} level admin interface lo mss 900 {word}
frontend web
    mode http
    timeout client 20s
    bind 127.0.0.1:{port}
"""


@pytest.mark.parametrize("word, families", [("", 2), ("v4v6", 2), ("v6only", 1)])
def test_a_runtime_socket(weir, word, families):
    proxy = weir("haproxy", text=RUNTIME.replace("{word}", word))
    port = proxy.places["runtime_port"]
    with inside.sockets(*proxy.pids()) as found:
        sock = inside.listener(found, port)
        assert (device(sock), given(sock, TCP, socket.TCP_MAXSEG)) == (b"lo", 900)
    answered = []
    for address in ("::1", "127.0.0.1"):
        try:
            with socket.create_connection((address, port), timeout=10) as client:
                client.sendall(b"show version\n")
                answered.append(client.makefile("rb").read())
        except ConnectionRefusedError:
            pass
    assert len(answered) == families


# --- mistakes

@pytest.mark.parametrize("word, said", [
    ("mss 0", "'0' is no size of a segment"), ("mss many", "'many' is no size of a segment"),
    ("mss 70000", "'70000' is no size of a segment"), ("maxconn -1", "maxconn"), ("tcp-ut x", "'x' is not a time"),
])
def test_values_of_bind_that_are_none(make, word, said):
    proxy = make("haproxy", options=word, start=False)
    done = proxy.run("-c", "-f", str(proxy.conf))
    assert done.returncode == 1 and said in done.stderr


@pytest.mark.parametrize("word", ["so_keepalive=", "so_keepalive=::", "so_keepalive=5:x", "so_keepalive=1:2:3:4",
                                  "so_keepalive=maybe", "rcvbuf=much", "sndbuf=", "fastopen=-1"])
def test_values_of_listen_that_are_none(make, word):
    proxy = make("nginx", options=word, start=False)
    done = proxy.run("-t")
    assert done.returncode == 1
    assert f'invalid {word.split("=")[0]} "{word}"' in done.stderr


@pytest.mark.parametrize("face, words, said", [
    ("haproxy", {"defaults": "clitcpka-cnt 200"}, "no more than 127 probes"),
    ("haproxy", {"defaults": "srvtcpka-idle 1d"}, "no more than 32767 seconds"),
    ("haproxy", {"options": "mss 50"}, "segments of 88 to 32767 bytes"),
    ("nginx", {"options": "so_keepalive=10h"}, "no more than 32767 seconds"),
], ids=str)
def test_values_that_the_kernel_does_not_take(make, face, words, said):
    proxy = make(face, start=False, **words)
    done = proxy.run(*(("-t",) if face == "nginx" else ("-c", "-f", str(proxy.conf))))
    assert done.returncode == 0 and said in done.stderr
