"""TLS as HAProxy's bind and server lines set it."""

import pytest

CONF = """
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    default_backend b

backend b
    retries 0
    server s {origin} ssl verify {verify}
"""


@pytest.mark.parametrize("verify, status", [
    ("required ca-file {ca} sni str(a.example)", 200),
    ("required ca-file {ca} sni str(b.example)", 503),
    ("none sni str(b.example)", 200),
    ("required ca-file {ca}", 200),
    ("required ca-file {ca} verifyhost a.example", 200),
    ("required ca-file {ca} verifyhost b.example", 503),
    ("required ca-file {ca} verifyhost b.example sni str(a.example)", 200),
    ("required ca-file {ca} verifyhost a.example sni str(b.example)", 503),
])
def test_a_verified_server_has_the_name_that_was_sent(weir, origins, certs, verify, status):
    origin = origins(tls=certs.server_context("a.example"))
    proxy = weir("haproxy", text=CONF.replace("{verify}", verify), origin=origin, ca=certs.ca)
    assert proxy.get().status == status


def test_entries_of_names_in_any_case(weir, certs):
    proxy = weir("haproxy", text="""
defaults
    mode http
    timeout client 20s

frontend web
    bind 127.0.0.1:{port} ssl crt {own} ca-file {ca} verify required
    http-request return status 200 hdr a "%[ssl_c_s_dn(cn)]" hdr b "%[ssl_f_s_dn(Cn)]" hdr c "%[ssl_c_i_dn(CN)]" hdr d "<%[ssl_c_s_dn(cn,0)]>"
""", own=certs.leaf("localhost"), ca=certs.ca)
    answer = proxy.get(tls=certs.client_context("someone"))
    assert [answer.header(name) for name in "abcd"] == ["someone", "localhost", "weir test CA", "<>"]


def test_tls_to_a_server_goes_on_and_off(weir, origins, certs):
    plain, tls = origins(), origins(tls=certs.server_context())
    proxy = weir("haproxy", plain=plain, tls=tls, text="""
global
    stats socket {dir}/admin.sock mode 600 level admin
    ssl-server-verify none

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    use_backend p if { path /plain }
    default_backend t

backend p
    server never {plain} no-ssl
    default-server ssl
    server s {plain} no-ssl backup

backend t
    server s {tls} ssl
""")
    admin = proxy.runtime()
    status = lambda path: proxy.get(path).status
    uses = lambda: [admin.servers()[key]["srv_use_ssl"] for key in (("p", "never"), ("p", "s"), ("t", "s"))]
    assert uses() == ["-1", "-1", "1"]
    assert "cannot be set" in admin("set server p/never ssl on")
    assert admin("set server p/s ssl maybe") == "'set server <srv> ssl' expects 'on' or 'off'."
    admin("disable server p/never")
    assert (status("/plain"), status("/tls")) == (200, 200)
    for server in ("p/s ssl on", "t/s ssl off"):
        assert admin(f"set server {server}") == "server ssl setting updated."
    assert uses() == ["-1", "1", "0"]
    assert status("/plain") >= 500 and status("/tls") >= 500
    for server in ("p/s ssl off", "t/s ssl on"):
        assert admin(f"set server {server}") == "server ssl setting updated."
    assert (status("/plain"), status("/tls")) == (200, 200)
