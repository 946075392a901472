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
