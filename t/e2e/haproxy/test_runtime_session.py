"""Sessions of the runtime socket: modes, prompts, payloads, addresses, rights, and what `show` tells of the process."""

import os
import re
import socket

import pytest

from rig import net

CONF = """
global
    nbthread {threads}
    stats socket {dir}/admin.sock mode 600 level admin
    {more}

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain lf-string "%[path,map_str(virt@m,none)]"

backend b
    server s1 {origin} id 7
    server s2 {dead}
"""


@pytest.fixture
def start(weir, origin):
    def make(more="", threads=1, **options):
        return weir("haproxy", text=CONF, origin=origin, more=more, threads=threads, **options)

    return make


class Talk:
    """A connection that is kept: lines out, exact bytes in."""

    def __init__(self, runtime):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(runtime.path)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, text):
        self.sock.sendall(text.encode())

    def expect(self, text):
        got = b""
        while len(got) < len(text.encode()) and (piece := self.sock.recv(4096)):
            got += piece
        assert got.decode() == text

    def ends(self):
        assert self.sock.recv(100) == b""


# --- modes and prompts


def test_one_line_without_prompt(start):
    with Talk(start().runtime()) as talk:
        talk.send("show version; echo a\\;b\n")
        talk.expect("3.5-dev5\n\na;b\n\n")
        talk.ends()


def test_interactive_without_prompt(start):
    with Talk(start().runtime()) as talk:
        talk.send("prompt i\n")
        talk.expect("\n")
        talk.send("show cli level\n")
        talk.expect("admin\n\n")
        talk.send("prompt n;echo last\n")
        talk.expect("\nlast\n\n")
        talk.ends()


def test_prompt_goes_to_and_fro(start):
    with Talk(start().runtime()) as talk:
        talk.send("prompt i\n")
        talk.expect("\n")
        talk.send("prompt\n")
        talk.expect("\n> ")
        talk.send("echo a; echo b\n")
        talk.expect("a\n\nb\n\n> ")
        talk.send("prompt\n")
        talk.expect("\n")
        talk.ends()


def test_timed_prompt(start):
    with Talk(start().runtime()) as talk:
        talk.send("prompt timed\n")
        assert re.fullmatch(rb"\n\[0:00:00:\d\d\]> ", talk.sock.recv(100))
        talk.send("prompt timed p\n")
        talk.expect("\n> ")
        talk.send("prompt nosuch\n")
        assert talk.sock.recv(1000).startswith(b"Usage: prompt")


def test_rights_are_given_up(start):
    with Talk(start().runtime()) as talk:
        talk.send("prompt i\n")
        talk.expect("\n")
        for command, answer in (
            ("expert-mode", "expert-mode is OFF\n\n"), ("expert-mode on", "\n"), ("expert-mode", "expert-mode is ON\n\n"),
            ("operator", "\n"), ("show cli level", "operator\n\n"), ("expert-mode", "Permission denied\n\n"),
            ("user", "\n"), ("show cli level", "user\n\n"), ("operator", "Permission denied\n\n"),
            ("show env HOME", "Permission denied\n\n"), ("set timeout cli 1h", "\n"),
            ("set timeout http 1h", "'set timeout' only supports 'cli'.\n\n"), ("set timeout cli 0", "Invalid timeout value.\n\n"),
        ):
            talk.send(command + "\n")
            talk.expect(answer)
        talk.send("quit\n")
        talk.ends()


# --- payloads


def values(proxy, *keys):
    return [proxy.get(f"/{key}").body.decode() for key in keys]


def test_a_payload_ends_with_an_empty_line(start):
    proxy = start()
    assert proxy.runtime()("echo first; add map virt@m <<\n/a one\n/b two words\n") == "first"
    assert values(proxy, "a", "b", "c") == ["one", "two words", "none"]


def test_a_payload_ends_with_its_pattern(start):
    proxy = start()
    with Talk(proxy.runtime()) as talk:
        talk.send("prompt\n")
        talk.expect("\n> ")
        talk.send("add map virt@m <<%EOF%\n")
        talk.expect("+ ")
        talk.send("/a one\n")
        talk.expect("+ ")
        talk.send("%EOF%\n")
        talk.expect("\n> ")
    assert values(proxy, "a") == ["one"]


def test_a_payload_has_a_limit(start):
    proxy = start("tune.cli.max-payload-size 1k")
    lines = "\n".join(f"/{i} {'x' * 50}" for i in range(40))
    assert proxy.runtime()(f"add map virt@m <<\n{lines}\n").startswith("The payload is too big.")
    assert values(proxy, "1") == ["none"]


def test_a_line_has_a_limit(start):
    with Talk(start().runtime()) as talk:
        talk.send("echo " + "x" * 20000 + "\n")
        assert talk.sock.recv(1000).startswith(b"The command line is too big for the buffer size.")


# --- addresses


def test_several_addresses_on_a_line(start, home):
    with net.PortReservation() as place:
        proxy = start(f"stats socket {home}/w0/one.sock,ipv4@127.0.0.1:{place.port},abns@weir-{os.getpid()} level user")
        sockets = proxy.runtime()("show cli sockets").splitlines()
    assert sockets == [
        "# socket lvl processes",
        f"unix@{proxy.dir}/admin.sock admin all",
        f"unix@{proxy.dir}/one.sock user all",
        f"ipv4@127.0.0.1:{place.port} user all",
        f"abns@weir-{os.getpid()} user all",
    ]
    assert proxy.runtime("one.sock")("show cli level") == "user"
    addresses = ";".join(line.split()[0] for line in sockets[1:])
    assert proxy.runtime()("show env HAPROXY_CLI") == f"HAPROXY_CLI={addresses}"
    assert proxy.runtime()("show env NO_SUCH_NAME") == "Variable not found"


def test_an_inherited_descriptor_has_its_address(start, home):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "own.sock"))
        listener.listen()
        proxy = start(f"stats socket fd@{listener.fileno()} level operator", start=False)
        proxy.start(pass_fds=(listener.fileno(),))
        assert f"unix@{home}/own.sock operator all" in proxy.runtime()("show cli sockets")


def test_severities(start, home):
    proxy = start(f"stats socket {home}/w0/number.sock severity-output number\n"
                  f"    stats socket {home}/w0/string.sock level admin severity-output string")
    assert proxy.runtime("number.sock")("show servers state nosuch") == "[3]: Can't find backend."
    assert proxy.runtime("string.sock")("show cli level") == "[info]: admin"
    assert proxy.runtime("string.sock")("set severity-output none; show cli level") == "\nadmin"
    assert proxy.runtime("string.sock")("set severity-output").startswith("[err]: one of 'none', 'number', 'string'")


@pytest.mark.parametrize("line, text", [
    ("stats socket /tmp/x severity-output loud", "'severity-output' only supports 'none', 'number', and 'string' (got 'loud')"),
    ("stats timeout 0", "'stats timeout' expects a positive value"),
])
def test_wrong_words(start, line, text):
    proxy = start(line, start=False)
    result = proxy.run("-c", "-f", str(proxy.conf))
    assert result.returncode == 1 and text in result.stderr


# --- what it shows


def test_connections_of_servers_by_thread(start, origin):
    proxy = start("", threads=2)
    head, first, second = proxy.runtime()("show servers conn b").splitlines()
    columns = head.removeprefix("# ").split()
    assert columns[-1] == "idle_per_thr[2]"
    backend = proxy.runtime().stat()["b", "BACKEND"]["iid"]
    port = str(origin).split(":")[1]
    assert first.split() == ["b/s1", f"{backend}/7", "127.0.0.1", port, "-", "5000", *"0 0 0 0 0 0 0 -1 0 0 0".split()]
    assert len(first.split()) == len(second.split()) == len(columns) + 1
    assert proxy.runtime()(f"show servers conn #{backend}").splitlines() == [head, first, second]
    assert set(proxy.runtime().servers(f"#{backend}")) == {("b", "s1"), ("b", "s2")}
    assert proxy.runtime()("show servers conn web") == "Can't find backend."
    assert proxy.runtime()("get weight b/#7") == "1 (initial 1)"


@pytest.mark.parametrize("threads", [1, 2])
def test_activity_threads_and_pools(start, threads):
    proxy = start("", threads=threads)
    admin = proxy.runtime()
    # Finding out that it is up took a connection, which is closed first.
    net.wait_until(lambda: admin.stat()["web", "FRONTEND"]["scur"] == "0", "no connection")
    with proxy.client() as client:
        client.request()
        activity = dict(line.split(": ", 1) for line in admin("show activity").splitlines())
        assert activity["thread_id"] == f"1 (1..{threads})"
        numbers = activity["connections"].replace("[", "").replace("]", "").split()
        assert numbers[0] == "1" and len(numbers) == (threads + 1 if threads > 1 else 1)
        assert "connections: 1\n" in admin("show activity 0")
        assert "[" not in admin(f"show activity {threads}")
        assert admin("show activity 99") == "Thread ID number must be between -1 and nbthread"
        lines = admin("show threads").splitlines()
        assert len(lines) == threads and sum(int(re.search(r" connections=(\d+)", line)[1]) for line in lines) == 1
        assert re.search(r"  - Pool client-conn \(\d+ bytes\) : \d+ allocated \(\d+ bytes\), 1 used\n", admin("show pools"))
        shown = admin("show pools byname match c 1").splitlines()
        assert len(shown) == 3 and shown[1].startswith("  - Pool client-conn ")
        assert admin("show pools bycolour").startswith("Expects either 'byname'")


def test_help(start):
    admin = start().runtime()
    assert admin("help").startswith("The following commands are valid at this level:\n")
    some = admin("help set maxconn").splitlines()[1:-3]
    assert [line.split("<")[0].strip() for line in some] == ["set maxconn frontend", "set maxconn global", "set maxconn server"]
    assert "show servers state" in admin("show servres state")
    wrong = admin("shoe")
    assert wrong.startswith("Unknown command: 'shoe', but maybe one of the following ones is a better match:\n")
    assert wrong.splitlines()[-1].split(":")[0].strip() == "quit"


@pytest.mark.parametrize("command, name", [
    ("add backend b", "add backend"), ("trace h1", "trace"), ("show fd", "show fd"),
])
def test_what_is_not_there_says_so(start, command, name):
    assert start().runtime()(command) == f"'{name}' is not built in weir."


def test_servers_without_checks_and_agents(start):
    admin = start().runtime()
    for command, answer in (
        ("enable health b/s1", "Health check was not configured on this server, cannot enable."),
        ("enable agent b/s1", "Agent was not configured on this server, cannot enable."),
        ("disable health b/s1", ""), ("disable agent b/s1", ""),
        ("set server b/s1 agent up", "agent checks are not enabled on this server."),
        ("set server b/s1 agent-send x", "agent checks are not enabled on this server."),
        ("set server b/s1 agent-addr 127.0.0.2", "agent checks are not enabled on this server"),
        ("set server b/s1 agent-addr", "set server <b>/<s> agent-addr requires an address and optionally a port."),
        ("set server b/s1 agent-port 1", "agent checks are not enabled on this server"),
        ("set server b/s1 check-addr 127.0.0.2", "health checks are not enabled on this server"),
        ("set server b/s1 check-port", "set server <b>/<s> check-port requires a port."),
        ("set server b/s1 fqdn x.example", "set server <b>/<s> fqdn failed because no resolution is configured."),
        ("set server b/s1 fqdn", "set server <b>/<s> fqdn requires a FQDN."),
        ("set server b/s1 addr here", "Invalid addr 'here'"),
        ("set server b/s1 ssl on", "'set server <srv> ssl' cannot be set.  default-server should define ssl settings"),
        ("set server b/nosuch weight 1", "No such server."), ("set server nosuch/s1 weight 1", "No such backend."),
        ("set server b", "Require 'backend/server'."),
        ("set server b/s1 weight", "Require <weight> or <weight%>."),
        ("set server b/s1 weight 300", "Absolute weight can only be between 0 and 256 inclusive."),
        ("set server b/s1 weight 1x", "Trailing garbage in weight string"),
        ("set maxconn server b/s1", "Require <maxconn>."),
        ("set server b/s1 state gone", "'set server <srv> state' expects 'ready', 'drain' and 'maint'."),
        ("set server b/s1 health gone", "'set server <srv> health' expects 'up', 'stopping', or 'down'."),
        ("shutdown session x", "Session pointer expected (use 'show sess')."),
    ):
        assert admin(command) == answer, command
    assert admin("set server b/s1 colour blue").startswith("usage: set server <backend>/<server> addr | agent | ")
