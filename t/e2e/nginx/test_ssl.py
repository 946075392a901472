"""ngx_http_ssl_module: client certificates, sessions, names, and files that the handshake needs."""

import ssl
import subprocess

import pytest

from rig import tls
from rig.generations import Generations

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

FRAME = """
daemon off;
user {user};
worker_processes 2;
pid nginx.pid;
error_log error.log info;
events {}
http {
    log_format short "$status $ssl_client_verify";
    access_log access.log short;
    ssl_certificate {pem};
    ssl_certificate_key {pem};
    %s
}
"""


def start(weir, certs, text, **places):
    return weir("nginx", text=FRAME % text, pem=certs.leaf(), ca=certs.ca, certs=certs.dir, **places)


@pytest.fixture
def stranger(certs):
    """A certificate that the test CA did not sign."""
    pem = certs.dir / "stranger.pem"
    with certs._locked():
        if not pem.exists():
            certs._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                           "-subj", "/CN=stranger", "-keyout", "stranger.key", "-out", "stranger.crt")
            (certs.dir / "stranger.tmp").write_text((certs.dir / "stranger.crt").read_text() +
                                                    (certs.dir / "stranger.key").read_text())
            (certs.dir / "stranger.tmp").rename(pem)
    return pem


VERIFY = """
    server { listen 127.0.0.1:{port} ssl; ssl_verify_client %s; ssl_client_certificate {ca};
        location / { return 200 "$ssl_client_verify $ssl_client_s_dn"; } }
"""


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("mode, client, status, body", [
    ("on", "someone", 200, b"SUCCESS CN=someone"),
    ("on", None, 400, b"No required SSL certificate was sent"),
    ("on", "stranger", 400, b"The SSL certificate error"),
    ("optional", "someone", 200, b"SUCCESS CN=someone"),
    ("optional", None, 200, b"NONE "),
    ("optional", "stranger", 400, b"The SSL certificate error"),
    ("optional_no_ca", "stranger", 200, b"FAILED:self-signed certificate CN=stranger"),
    ("off", "someone", 200, b"NONE "),
])
def test_client_certificates(weir, certs, stranger, version, mode, client, status, body):
    proxy = start(weir, certs, VERIFY % mode)
    certificate = {"stranger": stranger, None: None}.get(client) if client != "someone" else certs.leaf("someone")
    answer = tls.Exchange(proxy.port, tls.context(version=version, certificate=certificate))
    assert (answer.status, body in answer.body) == (status, True), answer.body
    if status == 400:
        proxy.wait_log("client sent no required SSL certificate" if not client else
                       r"client SSL certificate verify error: \(18:self-signed certificate\)")


def test_an_error_page_takes_the_place_of_a_refused_certificate(weir, certs):
    proxy = start(weir, certs, """
    server { listen 127.0.0.1:{port} ssl; ssl_verify_client on; ssl_client_certificate {ca};
        error_page 495 496 =403 /why; location /why { return 200 "show one"; } }""")
    answer = tls.Exchange(proxy.port, tls.context())
    assert (answer.status, answer.body) == (403, b"show one")


def test_clients_are_to_be_verified_by_somebody(weir, certs):
    proxy = weir("nginx", text=FRAME % "server { listen 127.0.0.1:{port} ssl; ssl_verify_client on; }",
                 pem=certs.leaf(), start=False)
    result = proxy.run("-t")
    assert result.returncode == 1
    assert "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client" in result.stderr


TWO_HOSTS = """
    ssl_session_cache shared:s:1m;
    server { listen 127.0.0.1:{port} ssl; server_name open.example; return 200 open$ssl_session_reused; }
    server { listen 127.0.0.1:{port} ssl; server_name closed.example; ssl_verify_client on; ssl_client_certificate {ca};
        return 200 closed; }
"""


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("tickets", [True, False])
def test_a_session_of_one_host_does_not_open_another(weir, certs, version, tickets):
    """Resuming must not skip the certificate that the second host asks for (RFC 8446 4.6.1)."""
    proxy = start(weir, certs, TWO_HOSTS)
    client = tls.context(version=version, tickets=tickets)
    first = tls.Exchange(proxy.port, client, sni="open.example")
    again = tls.Exchange(proxy.port, client, sni="open.example", session=first.session)
    assert (first.body, again.body, again.reused) == (b"open.", b"openr", True)
    other = tls.Exchange(proxy.port, client, sni="closed.example", session=first.session)
    assert (other.status, other.reused) == (400, False)


def test_a_request_for_another_host_than_was_named_is_misdirected(weir, certs):
    proxy = start(weir, certs, TWO_HOSTS)
    assert tls.Exchange(proxy.port, tls.context(), sni="open.example", host="closed.example").status == 421
    proxy.wait_log("client attempted to request the server name different from the one that was negotiated")
    assert tls.Exchange(proxy.port, tls.context(), host="closed.example").status == 400
    own = tls.context(certificate=certs.leaf("someone"))
    assert tls.Exchange(proxy.port, own, sni="closed.example").body == b"closed"


SESSIONS = """
    %s
    server { listen 127.0.0.1:{port} ssl; return 200 $ssl_session_reused; }
"""


def reuses(proxy, client, session):
    """Over several connections, so that every shard has its turn; and the last one's session. Each resumes that of the one before:
    newer sessions may take an older one's place in the cache."""
    reused = []
    for _ in range(8):
        exchange = tls.Exchange(proxy.port, client, session=session)
        reused.append(exchange.reused)
        session = exchange.session
    return reused, session


@pytest.mark.threads
@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("words, tickets", [
    ("", True),
    ("ssl_session_cache shared:s:1m; ssl_session_tickets off;", False),
    ("ssl_session_ticket_key {dir}/key;", True),
])
def test_sessions_are_resumed_by_every_shard_and_after_a_reload(weir, certs, version, words, tickets):
    proxy = weir("nginx", text=FRAME % (SESSIONS % words), pem=certs.leaf(), start=False)
    (proxy.dir / "key").write_bytes(bytes(range(80)))
    proxy.start()
    client = tls.context(version=version, tickets=tickets)
    session = tls.Exchange(proxy.port, client).session
    assert session.has_ticket == (tickets or version == TLS13)
    reused, session = reuses(proxy, client, session)
    assert reused == [True] * 8
    Generations(proxy).reload_and_drain()
    assert reuses(proxy, client, session)[0] == [True] * 8


@pytest.mark.parametrize("words", ["ssl_session_cache off; ssl_session_tickets off;",
                                   "ssl_session_cache none; ssl_session_tickets off;"])
def test_sessions_that_are_not_kept_are_not_resumed(weir, certs, words):
    proxy = start(weir, certs, SESSIONS % words)
    client = tls.context(version=TLS12)
    session = tls.Exchange(proxy.port, client).session
    assert reuses(proxy, client, session)[0] == [False] * 8


def test_sessions_end_with_their_timeout(weir, certs):
    proxy = start(weir, certs, SESSIONS % "ssl_session_timeout 1s;")
    client = tls.context(version=TLS12)
    session = tls.Exchange(proxy.port, client).session
    assert session.ticket_lifetime_hint == 1


def test_tickets_of_tls_1_3_push_no_session_out_of_the_cache(weir, certs):
    proxy = start(weir, certs, SESSIONS % "ssl_session_cache shared:small:32k;")
    without_tickets = tls.context(version=TLS12, tickets=False)
    session = tls.Exchange(proxy.port, without_tickets).session
    newest = tls.context(version=TLS13)
    for _ in range(300):
        tls.Exchange(proxy.port, newest)
    assert tls.Exchange(proxy.port, without_tickets, session=session).reused


def test_more_sessions_than_the_cache_has_room_for(weir, certs):
    proxy = start(weir, certs, SESSIONS % "ssl_session_cache shared:small:32k; ssl_session_tickets off;")
    client = tls.context(version=TLS12)
    first = tls.Exchange(proxy.port, client).session
    for _ in range(600):
        last = tls.Exchange(proxy.port, client).session
    assert tls.Exchange(proxy.port, client, session=last).reused
    assert not tls.Exchange(proxy.port, client, session=first).reused


@pytest.mark.parametrize("words, text", [
    ("ssl_session_cache shared:a:1m; server { ssl_session_cache shared:a:2m; listen {port}; }",
     'the size 2097152 of shared memory zone "a" conflicts with already declared size 1048576'),
    ("ssl_session_cache shared:a:1k;", "32k or more"),
    ("ssl_session_cache sometimes;", "off, none, builtin"),
    ("ssl_verify_client perhaps;", "on, off, optional or optional_no_ca"),
    ("ssl_session_ticket_key {dir}/short; server { listen {port} ssl; }", "must be 48 or 80 bytes"),
    ("ssl_crl {dir}/short; server { listen {port} ssl; }", "cannot load revocation lists"),
    ("ssl_dhparam {dir}/short; server { listen {port} ssl; }", "cannot load DH parameters"),
    ("ssl_conf_command Nonsense 1; server { listen {port} ssl; }", 'OpenSSL has no command "Nonsense"'),
    ("ssl_stapling on; ssl_stapling_file {dir}/short; server { listen {port} ssl; }", "cannot load an OCSP response"),
])
def test_words_that_cannot_be_followed_are_refused(weir, certs, words, text):
    proxy = weir("nginx", text=FRAME % words, pem=certs.leaf(), start=False)
    (proxy.dir / "short").write_bytes(b"too short")
    result = proxy.run("-t")
    assert result.returncode == 1 and text in result.stderr


NAMES = """
    server { listen 127.0.0.1:{port} ssl default_server; return 444; ssl_protocols TLSv1.2 TLSv1.3; }
    server { listen 127.0.0.1:{port} ssl; server_name *.wild.example; return 200 wild;
        ssl_certificate {certs}/wild.example.crt; ssl_certificate_key {certs}/wild.example.key; }
    server { listen 127.0.0.1:{port} ssl; server_name ~^r\\d+\\.example$; return 200 regex;
        ssl_certificate {certs}/regex.crt; ssl_certificate_key {certs}/regex.key; ssl_protocols TLSv1.2; }
    server { listen 127.0.0.1:{port} ssl; server_name never.example; ssl_reject_handshake on; }
"""


def test_names_choose_certificates_and_versions(weir, certs):
    certs.leaf("wild.example"), certs.leaf("regex")
    proxy = start(weir, certs, NAMES)
    wild = tls.Exchange(proxy.port, tls.context(), sni="A.Wild.example")
    assert (wild.name, wild.body, wild.version) == ("wild.example", b"wild", "TLSv1.3")
    regex = tls.Exchange(proxy.port, tls.context(), sni="r12.example")
    assert (regex.name, regex.body, regex.version) == ("regex", b"regex", "TLSv1.2")
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
        tls.Exchange(proxy.port, tls.context(), sni="never.example")


def test_names_of_one_address_are_not_those_of_another(weir, certs):
    """A server may be the default of several addresses."""
    certs.leaf("wild.example")
    proxy = start(weir, certs, """
    server { listen 127.0.0.1:{port} ssl default_server; listen 127.0.0.1:{second_port} ssl default_server; return 200 first; }
    server { listen 127.0.0.1:{port} ssl; server_name a.example; return 200 a;
        ssl_certificate {certs}/wild.example.crt; ssl_certificate_key {certs}/wild.example.key; }
    """)
    assert tls.Exchange(proxy.port, tls.context(), sni="a.example").name == "wild.example"
    assert tls.Exchange(proxy.places["second_port"], tls.context(), sni="a.example").name == "localhost"


def test_who_has_no_certificate_shows_the_defaults(weir, certs):
    text = """
daemon off; user {user}; pid nginx.pid; error_log error.log info; events {}
http {
    server { listen 127.0.0.1:{port} ssl; server_name first.example; return 200 first; %s }
    server { listen 127.0.0.1:{port} ssl; server_name second.example; return 200 second; }
}"""
    proxy = weir("nginx", text=text % "ssl_certificate {pem}; ssl_certificate_key {pem};", pem=certs.leaf())
    answer = tls.Exchange(proxy.port, tls.context(), sni="second.example")
    assert (answer.name, answer.body) == ("localhost", b"second")
    bad = weir("nginx", text=text % "ssl_reject_handshake on;", start=False).run("-t")
    assert bad.returncode == 1 and 'no "ssl_certificate" is defined' in bad.stderr


def test_protocols_by_alpn(weir, certs):
    proxy = start(weir, certs, "server { listen 127.0.0.1:{port} ssl; return 200 $ssl_alpn_protocol; }")
    assert tls.Exchange(proxy.port, tls.context(alpn=["h2", "http/1.1"])).body == b"http/1.1"
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        tls.Exchange(proxy.port, tls.context(alpn=["spdy/3"]))


def test_keys_with_pass_phrases_and_ciphers_with_parameters(weir, certs):
    proxy = weir("nginx", text=FRAME % """
    ssl_password_file {dir}/phrases;
    ssl_dhparam {dir}/dh.pem;
    ssl_ciphers DHE-RSA-AES128-GCM-SHA256;
    ssl_conf_command Options -ServerPreference;
    server { listen 127.0.0.1:{port} ssl; ssl_certificate {dir}/rsa.crt; ssl_certificate_key {dir}/rsa.key; return 200 ok; }
    """, pem=certs.leaf(), start=False)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=proxy.dir, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:right", "-subj", "/CN=rsa", "-keyout", "rsa.key", "-out",
            "rsa.crt")
    openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", "dh.pem")
    (proxy.dir / "phrases").write_text("wrong\nright\n")
    proxy.start()
    answer = tls.Exchange(proxy.port, tls.context(version=TLS12))
    assert (answer.body, answer.cipher) == (b"ok", "DHE-RSA-AES128-GCM-SHA256")


def authority(directory):
    """A CA of its own with one good and one revoked client, a revocation list, and an OCSP answer about the good one."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    (directory / "index").write_text("")
    (directory / "serial").write_text("01\n")
    (directory / "ca.conf").write_text("""
[ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = .
certificate = root.crt
private_key = root.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
[any]
commonName = supplied
""")
    openssl("req", "-x509", *key, "-subj", "/CN=root", "-days", "30", "-keyout", "root.key", "-out", "root.crt")
    for name in ("good", "revoked"):
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("ca", "-batch", "-config", "ca.conf", "-notext", "-in", f"{name}.csr", "-out", f"{name}.crt")
        (directory / f"{name}.pem").write_text((directory / f"{name}.crt").read_text() +
                                               (directory / f"{name}.key").read_text())
    openssl("ca", "-config", "ca.conf", "-revoke", "revoked.crt")
    openssl("ca", "-config", "ca.conf", "-gencrl", "-out", "root.crl")
    openssl("ocsp", "-index", "index", "-CA", "root.crt", "-rsigner", "root.crt", "-rkey", "root.key", "-issuer", "root.crt",
            "-cert", "good.crt", "-respout", "good.ocsp", "-ndays", "30", "-noverify")


def test_revoked_certificates_and_stapled_answers(weir, certs):
    proxy = weir("nginx", text=FRAME % """
    server { listen 127.0.0.1:{port} ssl; ssl_verify_client on; ssl_trusted_certificate {dir}/root.crt; ssl_crl {dir}/root.crl;
        ssl_certificate {dir}/good.crt; ssl_certificate_key {dir}/good.key;
        ssl_stapling on; ssl_stapling_file {dir}/good.ocsp; return 200 $ssl_client_s_dn; }
    """, pem=certs.leaf(), start=False)
    authority(proxy.dir)
    proxy.start()
    good = tls.Exchange(proxy.port, tls.context(certificate=proxy.dir / "good.pem"))
    assert (good.status, good.body) == (200, b"CN=good")
    assert tls.Exchange(proxy.port, tls.context(certificate=proxy.dir / "revoked.pem")).status == 400
    proxy.wait_log(r"client SSL certificate verify error: \(23:certificate revoked\)")
    shown = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-status"], input="",
                           capture_output=True, text=True).stdout
    assert "Cert Status: good" in shown


def test_stapling_without_an_answer_is_told(weir, certs):
    proxy = weir("nginx", text=FRAME % "ssl_stapling on; server { listen 127.0.0.1:{port} ssl; }", pem=certs.leaf(), start=False)
    result = proxy.run("-t")
    assert result.returncode == 0 and '"ssl_stapling" ignored' in result.stderr
