"""TLS as HAProxy's bind and server lines set it."""

import subprocess

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
    ("required ca-file {ca}", 503),  # the Host field is the name, and this certificate is for no address
    ("required ca-file {ca} no-sni-auto", 200),
    ("required ca-file {ca} sni req.hdr(x-name)", 200),
    ("required ca-file {ca} no-sni-auto verifyhost a.example", 200),
    ("required ca-file {ca} no-sni-auto verifyhost b.example", 503),
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
    retries 0
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


ROUTED = """
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    http-request set-header Host %[req.hdr(x-host)] if { req.hdr(x-host) -m found }
    use_backend fixed if { path /fixed }
    use_backend chosen if { path /chosen }
    use_backend none if { path /none }
    default_backend auto

backend auto
    server s 127.0.0.1:{origin} ssl verify none
backend fixed
    server s 127.0.0.1:{origin} ssl verify none sni str(fixed.example)
backend chosen
    server s 127.0.0.1:{origin} ssl verify none sni req.hdr(x-name),lower
backend none
    server s 127.0.0.1:{origin} ssl verify none no-sni-auto
"""


def test_the_name_that_a_server_is_asked_for(weir, certs):
    origin = weir("haproxy", own=certs.leaf(), text="""
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} ssl crt {own}
    http-request return status 200 content-type text/plain lf-string "<%[ssl_fc_sni]>"
""")
    proxy = weir("haproxy", text=ROUTED, origin=origin.port)
    ask = lambda path, **headers: proxy.get(path, headers=list(headers.items())).body.decode()
    assert ask("/", Host="One.example:81") == "<One.example>"
    assert ask("/", Host="two.example", **{"X-Host": "three.example"}) == "<three.example>"
    assert ask("/", Host="127.0.0.1") == "<>"
    assert ask("/fixed", Host="one.example") == "<fixed.example>"
    assert ask("/chosen", **{"X-Name": "FOUR.example"}) == "<four.example>"
    assert ask("/chosen", **{"X-Name": "five.example"}) == "<five.example>"
    assert ask("/none", Host="one.example") == "<>"


@pytest.mark.parametrize("words, resumed", [("", True), ("no-ssl-reuse", False)])
def test_sessions_with_servers_are_resumed(weir, certs, words, resumed):
    origin = weir("haproxy", own=certs.leaf(), text="""
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} ssl crt {own}
    http-request return status 200 content-type text/plain lf-string "%[ssl_fc_is_resumed]" hdr Connection close
""")
    proxy = weir("haproxy", origin=origin.port, words=words, text="""
global
    nbthread 1
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
listen web
    bind 127.0.0.1:{port}
    http-reuse never
    server s 127.0.0.1:{origin} ssl verify none {words}
""")
    bodies = [proxy.get("/").body for _ in range(4)]
    assert bodies[0] == b"0" and (b"1" in bodies) == resumed, bodies


def test_a_revoked_server_is_refused(weir, certs, origins, tmp_path):
    certs.leaf("revoked.example")
    (tmp_path / "index").write_text("")
    (tmp_path / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={tmp_path}/index\ndefault_md=sha256\ndefault_crl_days=3\ncertificate={certs.ca}\n"
        f"private_key={certs.dir}/ca.key\n")
    for words in (["-revoke", str(certs.dir / "revoked.example.crt")], ["-gencrl", "-out", str(tmp_path / "crl")]):
        subprocess.run(["openssl", "ca", "-config", str(tmp_path / "ca.cnf"), *words], check=True, capture_output=True)
    text = CONF.replace("{verify}", "required ca-file {ca} crl-file {crl} no-sni-auto")
    for name, status in (("revoked.example", 503), ("a.example", 200)):
        origin = origins(tls=certs.server_context(name))
        assert weir("haproxy", text=text, origin=origin, ca=certs.ca, crl=tmp_path / "crl").get().status == status
