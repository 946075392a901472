"""--allow-planned starts on a file with words that are not built yet; the places that they stand in answer 501 and never
go on as though the words were not there. A test that fails because a word was built has to name another one."""

import pytest

from rig.http1 import Client, Closed

NGINX = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log;
events {}
http {
    access_log off;
    proxy_http_version 1.1;
    server {
        listen 127.0.0.1:{port};
        msie_padding on;
        location / { proxy_pass http://{origin}; }
        location /jwt { auth_jwt realm; proxy_pass http://{origin}; location /jwt/in { proxy_pass http://{origin}; } }
        location /page { error_page 501 =200 /; auth_jwt realm; proxy_pass http://{origin}; }
        location /one { if ($geoip_country_code = X) { return 403; } proxy_pass http://{origin}; }
        location /two { if ($geoip_country_code = X) { return 403; } proxy_pass http://{origin}; }
        location /if { if ($arg_a) { grpc_pass 127.0.0.1:1; } proxy_pass http://{origin}; }
        location /asks { auth_request /jwt; proxy_pass http://{origin}; }
    }
    server {
        listen 127.0.0.1:{second_port};
        auth_jwt realm;
        rewrite ^/rewritten / last;
        error_page 501 =200 @open;
        location / { proxy_pass http://{origin}; }
        location @open { proxy_pass http://{origin}; }
    }
}
"""


@pytest.fixture
def nginx(weir, origin):
    return weir("nginx", text=NGINX, origin=origin, start=False).start("--allow-planned")


def status(port, path="/", **options):
    with Client(port) as client:
        return client.request(path, **options).status


def test_a_location_with_a_planned_word_answers_501(nginx, origin):
    assert status(nginx.port) == 200
    for path in ("/jwt", "/jwt/in", "/page", "/one", "/two", "/if", "/if?a=1"):
        assert status(nginx.port, path) == 501, path
    assert [request.target for request in origin.requests] == ["/"]
    log = nginx.logs()["error.log"]
    assert '"auth_jwt" in' in log and "nginx.conf:14 is not built yet" in log
    assert '"$geoip_country_code" in' in log and "nginx.conf:17 is not built yet" in log


def test_a_subrequest_to_such_a_place_lets_nobody_in(nginx, origin):
    assert status(nginx.port, "/asks") == 500
    assert not origin.requests


def test_a_server_with_a_planned_word_answers_501_everywhere(nginx, origin):
    port = nginx.places["second_port"]
    for path in ("/", "/rewritten", "/x"):
        assert status(port, path) == 501
    assert not origin.requests


def test_the_start_tells_what_answers_501(weir, origin):
    proxy = weir("nginx", text=NGINX, origin=origin, start=False)
    assert proxy.run("-t").returncode == 1
    done = proxy.run("-t", "--allow-planned")
    assert done.returncode == 0
    warnings = [line for line in done.stderr.splitlines() if "[warn]" in line]
    assert [line.partition("[warn] ")[2].partition(" answers 501 to every request: ")[0] for line in warnings] == [
        'location "/jwt"', 'location "/page"', 'location "/one"', 'location "/two"', 'location "/if"', "this server"]
    assert warnings[0].endswith("nginx.conf:14") and '"auth_jwt" is not built yet' in warnings[0]


def test_a_planned_word_in_http_closes_every_server(weir, origin):
    text = NGINX.replace("access_log off;", "access_log off; map $geoip_country_code $m { default 1; }")
    proxy = weir("nginx", text=text, origin=origin, start=False).start("--allow-planned")
    assert status(proxy.port) == 501
    assert not origin.requests


HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    log {syslog} local0
frontend front
    bind 127.0.0.1:{port}
    use_backend sticky if { path /sticky }
    default_backend open
frontend asks
    bind 127.0.0.1:{second_port}
    http-request set-fc-mark 2
    default_backend open
listen raw
    mode tcp
    bind 127.0.0.1:{third_port}
    tcp-request connection set-fc-mark 2
    server s {origin}
backend open
    server s {origin}
backend sticky
    email-alert to x
    server s {origin}
"""


def haproxy(weir, origin, text, **places):
    return weir("haproxy", text=text, origin=origin, start=False, **places)


def test_a_proxy_with_a_planned_word_answers_501(weir, origin, syslog):
    proxy = haproxy(weir, origin, HAPROXY, syslog=syslog)
    refused = proxy.run("-c", "-f", str(proxy.conf))
    assert refused.returncode == 1 and "not built yet: http-request set-fc-mark" in refused.stderr
    told = proxy.run("-c", "-f", str(proxy.conf), "--allow-planned")
    for place in ("frontend 'asks'", "backend 'sticky'"):
        assert f"{place} answers 501 to every request" in told.stderr
    assert "listen 'raw' closes every connection" in told.stderr
    proxy.start("-db", "-f", str(proxy.conf), "--allow-planned")
    assert status(proxy.port) == 200
    assert status(proxy.port, "/sticky") == 501
    assert status(proxy.places["second_port"]) == 501
    with pytest.raises(Closed):
        status(proxy.places["third_port"])
    assert [request.target for request in origin.requests] == ["/"]
    assert syslog.wait_for("asks: 'http-request set-fc-mark' in")


@pytest.mark.parametrize("section", ["global\n    ssl-security-level 3", "defaults\n    mode http\n    email-alert to x"])
def test_a_planned_word_in_front_of_the_proxies_closes_those_that_it_concerns(weir, origin, section):
    rest = """
frontend front
    mode http
    bind 127.0.0.1:{port}
    default_backend open
backend open
    mode http
    server s {origin}
"""
    proxy = haproxy(weir, origin, section + rest)
    proxy.start("-db", "-f", str(proxy.conf), "--allow-planned")
    assert status(proxy.port) == 501


def test_a_planned_word_that_does_no_harm_closes_nothing(weir, origin):
    text = "global\n    tune.memory.hot-size 16384\n" + HAPROXY.partition("frontend asks")[0] + "backend open\n" \
        "    server s {origin}\nbackend sticky\n    server s {origin}\n"
    proxy = haproxy(weir, origin, text.replace("    log {syslog} local0\n", ""))
    proxy.start("-db", "-f", str(proxy.conf), "--allow-planned")
    assert status(proxy.port) == 200
