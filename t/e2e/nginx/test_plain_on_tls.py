"""Plain HTTP on a port that speaks TLS (ngx_http_request.c: 497)."""

import ssl

import pytest

from rig.http1 import Client, read_response

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    log_format short "$status $scheme [$https] $request";
    access_log access.log short;
    ssl_certificate {pem};
    ssl_certificate_key {pem};
    server { listen 127.0.0.1:{port} ssl; location / { return 200 tls; } }
    server { listen 127.0.0.1:{second_port} ssl; server_name a; error_page 497 =307 https://$host:1$request_uri; }
    server { listen 127.0.0.1:{third_port} ssl proxy_protocol; location / { return 200 $proxy_protocol_addr; } }
}
"""


@pytest.fixture
def proxy(weir, certs):
    return weir("nginx", text=CONF, pem=certs.leaf())


def test_plain_http_on_a_tls_port_is_told_so(proxy):
    with Client(proxy.port) as client:
        response = client.request("/x")
        assert response.status == 400 and response.headers.get("Connection") == "close"
        assert b"The plain HTTP request was sent to HTTPS port" in response.body
    proxy.wait_log("client sent plain HTTP request to HTTPS port")
    proxy.wait_log(r"^400 http \[\] GET /x HTTP/1\.1$")


def test_error_page_497(proxy):
    with Client(proxy.places["second_port"]) as client:
        response = client.request("/x?y", headers=[("Host", "a")])
        assert (response.status, response.headers.get("Location")) == (307, "https://a:1/x?y")


def test_tls_goes_on_as_before(proxy, certs):
    for _ in range(2):
        with Client(proxy.port, tls=certs.client_context()) as client:
            assert client.request("/").body == b"tls"
            assert client.request("/").body == b"tls"


def test_a_failed_handshake_is_told_with_its_reason(proxy, certs):
    with pytest.raises((ssl.SSLError, OSError)):
        Client(proxy.port, tls=ssl.create_default_context())
    proxy.wait_log(r"\[info\].*SSL_do_handshake\(\) failed \(SSL: error:.*\) while SSL handshaking, client: 127\.0\.0\.1")


def test_what_is_neither_is_a_bad_request(proxy):
    with Client(proxy.port) as client:
        client.send(b"\x05\x01\r\n\r\n")
        assert read_response(client.reader).status == 400


def test_behind_a_proxy_header(proxy, certs):
    with Client(proxy.places["third_port"]) as client:
        client.send(b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_response(client.reader).status == 400
