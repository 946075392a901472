"""Health checks in HAProxy's words: servers go down and come back, for the reasons that are logged and shown."""

import re
import socket

import pytest

from rig import net
from rig.generations import Generations
from rig.origin import Reply

pytestmark = pytest.mark.threads

CONF = """
global
    log {syslog} local0
    stats socket {dir}/admin.sock mode 600 level admin
    {globals}

defaults
    mode http
    log global
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    timeout check 10s
    {defaults}

frontend web
    bind 127.0.0.1:{port}
    default_backend b

backend b
    {rules}
    default-server inter 1s fastinter 20ms downinter 50ms rise 2 fall 2
    {servers}
{more}
"""


@pytest.fixture
def start(weir, syslog):
    def make(servers, rules="", defaults="", globals="", more="", **places):
        return weir("haproxy", text=CONF, servers=servers, rules=rules, defaults=defaults, globals=globals, more=more,
                    syslog=syslog, **places)

    return make


def status(proxy, server="s1", backend="b"):
    return proxy.runtime().stat()[backend, server]["status"]


def wait_status(proxy, wanted, server="s1", backend="b"):
    net.wait_until(lambda: status(proxy, server, backend) == wanted, lambda: f"{server} {wanted}, not {status(proxy, server, backend)}")


def test_a_server_that_refuses_goes_down_and_comes_back(start, origin, syslog):
    gone = net.PortReservation()
    proxy = start(f"server s1 127.0.0.1:{gone.port} check\n    server s2 {origin} check")
    line = syslog.wait_for(r"Server b/s1 is DOWN")[0]
    assert re.search(r'Server b/s1 is DOWN, reason: Layer4 connection problem, info: "ECONNREFUSED returned by OS '
                     r'\(Connection refused\)", check duration: \d+ms\. 1 active and 0 backup servers left\. 0 sessions '
                     r"active, 0 requeued, 0 remaining in queue\.", line), line
    row = proxy.runtime().stat()["b", "s1"]
    assert row["status"] == "DOWN"
    assert row["check_status"] == "L4CON"
    assert row["check_desc"] == "Layer4 connection problem"
    assert (row["check_rise"], row["check_fall"], row["check_health"]) == ("2", "2", "0")
    assert row["chkdown"] == "1" and int(row["chkfail"]) >= 1
    assert [proxy.get("/").status for _ in range(4)] == [200] * 4
    with socket.create_server(("127.0.0.1", gone.port)):
        syslog.wait_for(r"Server b/s1 is UP, reason: Layer4 check passed, check duration: \d+ms\. 2 active and 0 backup "
                        r"servers online\. 0 sessions requeued, 0 total in queue\.")
        wait_status(proxy, "UP")
        assert proxy.runtime().stat()["b", "s1"]["check_status"] == "L4OK"
    gone.release()


def test_a_backend_without_a_live_server_answers_503(start, syslog):
    with net.PortReservation() as gone:
        _look_at_nobody(start(f"server s1 127.0.0.1:{gone.port} check"), syslog)


def _look_at_nobody(proxy, syslog):
    syslog.wait_for(r"backend b has no server available!")
    assert proxy.get("/").status == 503
    assert proxy.runtime().stat()["b", "BACKEND"]["status"] == "DOWN"


def test_an_http_check(start, origin, syslog):
    origin.on("/health", Reply(status=200))
    proxy = start(f"server s1 {origin} check", "option httpchk GET /health HTTP/1.1 www.example.com")
    net.wait_until(lambda: status(proxy) == "UP" and proxy.runtime().stat()["b", "s1"]["check_status"] == "L7OK", "a check")
    request = next(r for r in origin.requests if r.path == "/health")
    assert request.method == "GET" and request.version == "1.1"
    assert request.header("Host") == "www.example.com" and request.header("Connection") == "close"
    origin.on("/health", Reply(status=500))
    syslog.wait_for(r"Server b/s1 is DOWN, reason: Layer7 wrong status, code: 500, info: \"Text\", check duration")
    assert proxy.runtime().stat()["b", "s1"]["check_code"] == "500"
    origin.on("/health", Reply(status=302))
    syslog.wait_for(r"Server b/s1 is UP, reason: Layer7 check passed, code: 302")


def test_headers_hidden_behind_the_version_are_taken_with_a_warning(start, origin, syslog):
    origin.on("/up", Reply(status=200))
    hidden = r"HTTP/1.1\r\nHost:www.example.com\r\nUser-Agent:\ 100%\ agent\r\nContent-Length:\ 9\r\n\r\nbody"
    proxy = start(f"server s1 {origin} check", f"option httpchk POST /up {hidden}")
    request = origin.wait_requests(1)[0]
    assert request.path == "/up" and request.header("Host") == "www.example.com" and request.header("User-Agent") == "100% agent"
    assert request.version == "1.1" and request.header("Content-Length") == "4" and request.body == b"body"
    assert "'option httpchk' : hiding headers or body" in proxy.log_text()


def test_expectations_of_bodies_and_headers(start, origin, syslog):
    origin.on("/h", Reply(body=b"all is well", headers=[("X-State", "one, two")]))
    rules = "\n    ".join([
        "option httpchk", "http-check send meth GET uri /h ver HTTP/1.1 hdr Host h",
        "http-check expect status 200-299", "http-check expect hdr name x-state value two",
        "http-check expect ! rstring broken", "http-check expect string well"])
    proxy = start(f"server s1 {origin} check", rules)
    net.wait_until(lambda: proxy.runtime().stat()["b", "s1"]["check_status"] == "L7OK", "a good check")
    origin.on("/h", Reply(body=b"it is broken, well", headers=[("X-State", "one, two")]))
    syslog.wait_for(r'is DOWN, reason: Layer7 invalid response, info: "HTTP check matched unwanted content"')
    assert "unwanted content" in proxy.runtime().stat()["b", "s1"]["last_chk"]


def test_a_dialogue_of_bytes(start, origins, syslog):
    said = []

    def greet(sock):
        sock.sendall(b"220 hello\r\n")
        said.append(sock.recv(100))
        sock.sendall(b"250 bye\r\n")
        sock.recv(100)
        raise OSError

    def refuse(sock):
        sock.sendall(b"554 go away\r\n")
        raise OSError

    server = origins()
    server.on_connect = greet
    rules = "\n    ".join(["option tcp-check", "tcp-check connect", "tcp-check expect rstring ^220",
                           "tcp-check set-var(check.who) str(weir)", r"tcp-check send-lf HELO\ %[var(check.who)]\r\n",
                           "tcp-check expect string 250 comment farewell"])
    proxy = start(f"server s1 {server} check", rules)
    net.wait_until(lambda: proxy.runtime().stat()["b", "s1"]["last_chk"] == "(tcp-check)", "a good check")
    assert said[0] == b"HELO weir\r\n"
    server.on_connect = refuse
    syslog.wait_for(r'is DOWN, reason: Layer7 invalid response, info: "TCPCHK did not match content \(regex\) at step 2"')


def test_a_silent_server_is_given_up(start, origins, syslog):
    server = origins()
    server.default = lambda exchange: exchange.stall()
    start(f"server s1 {server} check", "option httpchk\n    timeout check 100ms")
    line = syslog.wait_for(r"Server b/s1 is DOWN, reason: Layer7 timeout, check duration: \d+ms")[0]
    assert 90 <= int(re.search(r"duration: (\d+)ms", line)[1]) < 5000


def test_results_are_logged_when_asked_for(start, origin, syslog):
    origin.on("/", Reply(status=200))
    start(f"server s1 {origin} check rise 1 fall 1", "option httpchk GET /\n    option log-health-checks")
    syslog.wait_for(r"Health check for server b/s1 succeeded, reason: Layer7 check passed, code: 200, check duration: "
                    r"\d+ms, status: 1/1 UP\.")
    origin.on("/", Reply(status=503))
    syslog.wait_for(r"Health check for server b/s1 failed, reason: Layer7 wrong status, code: 503, info: \"Text\", check "
                    r"duration: \d+ms, status: 0/1 DOWN\.")
    # The reason has been told; it is not told twice.
    syslog.wait_for(r"Server b/s1 is DOWN\. 0 active and 0 backup servers left")


def test_a_404_takes_a_server_out_gently(start, origin, syslog):
    proxy = start(f"server s1 {origin} check", "option httpchk GET /up\n    http-check disable-on-404")
    origin.on("/up", Reply(status=404))
    syslog.wait_for(r"Server b/s1 is stopping, reason: Layer7 check conditionally passed, code: 404")
    wait_status(proxy, "NOLB")
    origin.on("/up", Reply(status=200))
    wait_status(proxy, "UP")


def test_tracking_servers_follow(start, origin, syslog):
    origin.on("/up", Reply(status=200))
    more = f"\nbackend c\n    server t1 {origin} track b/s1\n    server t2 {origin} track t1\n"
    proxy = start(f"server s1 {origin} check", "option httpchk GET /up", more=more)
    origin.on("/up", Reply(status=500))
    syslog.wait_for(r"Server c/t1 is DOWN via b/s1\. ")
    wait_status(proxy, "DOWN", "t2", "c")
    assert proxy.runtime().stat()["c", "t2"]["tracked"] == "c/t1"
    origin.on("/up", Reply(status=200))
    wait_status(proxy, "UP", "t2", "c")
    proxy.runtime()("set server b/s1 state maint")
    wait_status(proxy, "MAINT (via b/s1)", "t1", "c")
    proxy.runtime()("set server b/s1 state ready")
    net.wait_until(lambda: status(proxy, "t1", "c").startswith("UP"), "t1 is back")


def test_initial_states(start):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"127.0.0.1:{silent.getsockname()[1]} check"
        proxy = start(f"server s1 {at} init-state down\n    server s2 {at} init-state fully-down\n"
                      f"    server s3 {at} init-state fully-up", "option httpchk\n    timeout check 1m")
        run = proxy.runtime()
        states = lambda: [run.stat()["b", name]["status"] for name in ("s1", "s2", "s3")]
        net.wait_until(lambda: states() == ["DOWN 1/2", "DOWN", "UP"], states)


def test_commands_about_checks(start, origin, syslog):
    origin.on("/up", Reply(status=200))
    proxy = start(f"server s1 {origin} check rise 1 fall 1\n    server s2 {origin}", "option httpchk GET /up")
    run = proxy.runtime()
    assert run("enable health b/s2") == "Health check was not configured on this server, cannot enable."
    wait_status(proxy, "UP")
    run("disable health b/s1")
    wait_status(proxy, "no check")
    origin.on("/up", Reply(status=500))
    assert run("set server b/s1 health down") == ""
    wait_status(proxy, "DOWN")
    origin.on("/up", Reply(status=200))
    run("enable health b/s1")
    wait_status(proxy, "UP")
    with net.PortReservation() as elsewhere:
        assert "port changed" in run(f"set server b/s1 check-port {elsewhere.port}")
        wait_status(proxy, "DOWN")
        assert run.servers("b")["b", "s1"]["srv_check_port"] == str(elsewhere.port)
    state = run.servers("b")["b", "s1"]
    assert state["srv_check_health"] == "0" and state["srv_check_state"] == "6" and state["srv_check_result"] == "2"


def test_traffic_counts_too(start, origins, syslog):
    server = origins()
    server.on("/bad", Reply(status=500))
    proxy = start(f"server s1 {server} check inter 1h observe layer7 error-limit 3 on-error mark-down")
    net.wait_until(lambda: proxy.runtime().stat()["b", "s1"]["check_status"] == "L4OK", "the check, which would begin the count anew")
    for _ in range(3):
        assert proxy.get("/bad").status == 500
    syslog.wait_for(r'Server b/s1 is DOWN, reason: Health analyze, info: "Detected 3 consecutive errors, last one was: '
                    r'Wrong http response"\. ')
    assert proxy.runtime().stat()["b", "s1"]["hanafail"] == "1"


def test_a_healthcheck_section(start, origin, syslog):
    origin.on("/deep", Reply(status=204))
    more = "\nhealthcheck deep\n    type httpchk\n    http-check send meth GET uri /deep\n    http-check expect status 204\n"
    proxy = start(f"server s1 {origin} check healthcheck deep", more=more)
    net.wait_until(lambda: proxy.runtime().stat()["b", "s1"]["check_code"] == "204", "a check by the section")


def test_a_check_speaks_tls(start, origins, certs, syslog):
    server = origins(tls=certs.server_context())
    proxy = start(f"server s1 {server} check check-ssl verify none check-sni check.example.com")
    net.wait_until(lambda: proxy.runtime().stat()["b", "s1"]["check_status"] == "L6OK", "a handshake")


def test_state_lives_through_a_reload(weir, origin, syslog):
    origin.on("/up", Reply(status=500))
    proxy = weir("haproxy", text=CONF, start=False, servers=f"server s1 {origin} check",
                 rules="option httpchk GET /up", defaults="", globals="", more="", syslog=syslog)
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    generations = Generations(proxy)
    syslog.wait_for(r"Server b/s1 is DOWN")
    generations.reload()
    before = len(origin.paths())
    net.wait_until(lambda: len(origin.paths()) > before + 3, "checks of the new worker")
    assert status(proxy) == "DOWN"
    assert len(syslog.matching(r"Server b/s1 is DOWN")) == 1
    origin.on("/up", Reply(status=200))
    syslog.wait_for(r"Server b/s1 is UP")
