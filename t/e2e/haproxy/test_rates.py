"""Fetches of rates: what came in the last second to frontends, backends and servers."""

import threading

from rig import net

DEFAULTS = """
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
"""

CONF = DEFAULTS + """
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain lf-string "%[fe_sess_rate] %[fe_req_rate] %[fe_sess_rate(idle)] %[be_sess_rate(b)] %[srv_sess_rate(b/s)]" if { path /rates }
    default_backend b
frontend idle
    bind 127.0.0.1:{second_port}
    default_backend b
backend b
    server s {origin}
"""


def test_rates_of_frontends_backends_and_servers(weir, origin):
    proxy = weir("haproxy", text=CONF, origin=origin)

    def seen():
        with proxy.client() as client:
            for _ in range(5):
                assert client.request("/").status == 200
            return [int(number) for number in client.request("/rates").body.split()]

    def as_expected():
        sessions, requests, idle, pool, server = seen()
        return 0 < sessions < requests and idle == 0 and requests >= 5 and pool >= 5 and server >= 5

    # All of it has to fall into one second.
    net.wait_until(as_expected, seen)


LIMITED = DEFAULTS + """
global
    stats socket {dir}/admin.sock level admin
frontend web
    bind 127.0.0.1:{port}
    use_backend %[path,word(1,/)]
backend now
    http-request return status 200 content-type text/plain lf-string "%[be_conn] %[be_sess_rate]"
backend once
    http-request deny deny_status 429 if { be_conn gt 1 }
    server s {origin}
"""


def test_a_backend_counts_the_request_whose_rules_ask(weir, origin):
    proxy = weir("haproxy", text=LIMITED, origin=origin)

    def three():
        return [proxy.get("/now").body for _ in range(3)]

    net.wait_until(lambda: three() == [b"1 1", b"1 2", b"1 3"], "three within a second after a quiet one", timeout=60)
    row = proxy.runtime().stat()["now", "BACKEND"]
    assert int(row["stot"]) % 3 == 0 and (row["scur"], row["smax"]) == ("0", "1")


def test_what_a_backend_limits(weir, origin):
    served = threading.Event()
    origin.on("/once", lambda exchange: (served.wait(net.DEADLINE), exchange.reply()))
    proxy = weir("haproxy", text=LIMITED, origin=origin)
    statuses = []
    clients = [threading.Thread(target=lambda: statuses.append(proxy.get("/once").status)) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        net.wait_until(lambda: len(statuses) == 2, "two that are too many")
    finally:
        served.set()
        for client in clients:
            client.join()
    assert statuses == [429, 429, 200]
