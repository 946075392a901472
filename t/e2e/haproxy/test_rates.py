"""Fetches of rates: what came in the last second to frontends, backends and servers."""

from rig import net

CONF = """
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
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
