"""Agents beside servers: their answers set weights, limits, administrative states and health."""

import pytest

from rig import net

pytestmark = pytest.mark.threads

CONF = """
global
    log {syslog} local0
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    log global
    timeout connect 1s
    timeout client 5s
    timeout server 5s

frontend web
    bind 127.0.0.1:{port}
    default_backend b

backend b
    server s1 {origin} weight 100 agent-check agent-addr {agent} agent-inter 50ms agent-send "how are you\\n" {more}
"""


class Agent:
    """Answers every connection with `line`."""

    def __init__(self, origins):
        self.line = b"up\n"
        self.heard = []
        self.origin = origins()
        self.origin.on_connect = self._answer

    def _answer(self, sock):
        self.heard.append(sock.recv(100))
        sock.sendall(self.line)
        raise OSError

    def __str__(self):
        host, port = str(self.origin).split(":")
        return f"{host} agent-port {port}"


@pytest.fixture
def agent(origins):
    return Agent(origins)


@pytest.fixture
def start(weir, origin, agent, syslog):
    return lambda more="": weir("haproxy", text=CONF, origin=origin, agent=agent, syslog=syslog, more=more)


def wait_row(proxy, **wanted):
    def row():
        got = proxy.runtime().stat()["b", "s1"]
        return {name: got[name] for name in wanted}

    net.wait_until(lambda: row() == wanted, lambda: f"{wanted}, not {row()}")


def test_what_agents_say(start, agent, syslog):
    proxy = start()
    net.wait_until(lambda: agent.heard, "a question")
    assert agent.heard[0] == b"how are you\n"
    agent.line = b"75%\n"
    wait_row(proxy, weight="75", status="no check")
    agent.line = b"weight:20 maxconn:30\n"
    wait_row(proxy, weight="20", slim="30")
    agent.line = b"drain\n"
    wait_row(proxy, status="DRAIN")
    agent.line = b"ready up\n"
    wait_row(proxy, status="no check", agent_status="L7OK", last_agt="via agent : up")
    agent.line = b"down # out of disks\n"
    syslog.wait_for(r'Server b/s1 is DOWN, reason: Layer7 wrong status, code: 0, info: "via agent : down \(out of disks\)"')
    wait_row(proxy, status="DOWN (agent)", agent_status="L7STS")
    assert proxy.get("/").status == 503
    agent.line = b"maint\n"
    wait_row(proxy, status="MAINT")
    agent.line = b"up,ready\n"
    wait_row(proxy, status="no check")
    agent.line = b"nonsense\n"
    wait_row(proxy, last_agt="agent reports an error : nonsense")


def test_an_agent_that_is_away_changes_nothing(start, agent):
    proxy = start()
    agent.line = b""
    net.wait_until(lambda: len(agent.heard) > 3, "some checks")
    wait_row(proxy, status="no check")


def test_an_agent_stands_where_checks_go(weir, origin, agent, syslog):
    """Without places of its own: at `addr` and `port`."""
    host, port = str(agent.origin).split(":")
    text = CONF.replace("agent-addr {agent}", f"addr {host} port {port}")
    weir("haproxy", text=text, origin=origin, syslog=syslog, more="")
    net.wait_until(lambda: agent.heard, "a question")


def test_commands_about_agents(start, agent):
    proxy = start()
    run = proxy.runtime()
    net.wait_until(lambda: agent.heard, "a question")
    run("set server b/s1 agent-send other\\n")
    net.wait_until(lambda: agent.heard[-1].startswith(b"other"), "another question")
    run("disable agent b/s1")
    assert run("set server b/s1 agent down") == "agent checks are not enabled on this server."
    run("enable agent b/s1")
    agent.line = b"75%\n"
    wait_row(proxy, weight="75")
    assert run("set server b/s1 agent down") == ""
    wait_row(proxy, status="DOWN (agent)")
