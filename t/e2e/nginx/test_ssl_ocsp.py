"""OCSP: answers that responders give about the server's certificates, and about its clients'."""

import socket
import ssl
import threading

import pytest

from rig import tls
from rig.net import wait_until
from rig.ocsp import Responder, stapled, wait_stapled

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

FRAME = """
daemon off;
user {user};
worker_processes 2;
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    ssl_certificate {pem};
    ssl_certificate_key {pem};
    ssl_trusted_certificate {ca};
    %s
}
"""


@pytest.fixture
def responder(certs, tmp_path):
    made = Responder(certs, tmp_path / "ocsp")
    yield made
    made.close()


def start(weir, certs, responder, text, **places):
    return weir("nginx", text=FRAME % text, pem=certs.leaf(), ca=certs.ca, url=responder.url, **places)


# --- stapling ---

STAPLE = "server { listen 127.0.0.1:{port} ssl; ssl_stapling on; ssl_stapling_responder {url}; %s return 200; }"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("verify", ["", "ssl_stapling_verify on;"])
def test_an_answer_is_sent_along_once_it_is_there(weir, certs, responder, version, verify):
    responder.good(certs.leaf())
    proxy = start(weir, certs, responder, STAPLE % verify)
    assert stapled(proxy.port, tls=version) is None  # the handshake does not wait
    wait_stapled(proxy.port, tls=version)
    assert responder.asked == ["GET"]
    assert [stapled(proxy.port, tls=version) for _ in range(3)] == ["good"] * 3 and len(responder.asked) == 1


def test_an_answer_is_asked_for_once_at_a_time(weir, certs, responder):
    responder.good(certs.leaf())
    responder.gate.clear()
    proxy = start(weir, certs, responder, STAPLE % "")
    assert [stapled(proxy.port) for _ in range(3)] == [None] * 3
    wait_until(lambda: responder.asked, lambda: "a question")
    responder.gate.set()
    wait_stapled(proxy.port)
    assert len(responder.asked) == 1


def test_a_revoked_certificate_goes_without(weir, certs, responder):
    responder.revoked(certs.leaf())
    proxy = start(weir, certs, responder, STAPLE % "")
    assert stapled(proxy.port) is None
    proxy.wait_log('certificate status "revoked" in the OCSP response while requesting certificate status')
    assert stapled(proxy.port) is None


def test_a_responder_that_fails_is_told_of(weir, certs, responder):
    responder.broken = 500
    proxy = start(weir, certs, responder, STAPLE % "")
    assert stapled(proxy.port) is None
    proxy.wait_log("OCSP responder answered 500")


def test_nobody_listens(weir, certs, responder):
    proxy = start(weir, certs, responder, (STAPLE % "").replace("{url}", "http://{dead}/"))
    assert stapled(proxy.port) is None
    proxy.wait_log("OCSP responder cannot be spoken to: Connection refused")


def test_the_certificate_names_its_responder(weir, certs, responder, tmp_path):
    pem = named(certs, responder, tmp_path, "own")
    responder.good(pem)
    proxy = weir("nginx", text=FRAME % "server { listen 127.0.0.1:{port} ssl; ssl_stapling on; return 200; }", pem=pem,
                 ca=certs.ca)
    wait_stapled(proxy.port)


def named(certs, responder, folder, name):
    """A certificate of the test CA's that names the responder."""
    file = folder / name
    (folder / f"{name}.ext").write_text(f"authorityInfoAccess=OCSP;URI:{responder.url}\nsubjectAltName=DNS:{name}\n")
    certs._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout",
                   f"{file}.key", "-out", f"{file}.csr")
    certs._openssl("x509", "-req", "-in", f"{file}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                   "-extfile", f"{file}.ext", "-out", f"{file}.crt")
    pem = folder / f"{name}.pem"
    pem.write_text("".join((folder / f"{name}.{part}").read_text() for part in ("crt", "key")))
    return pem


@pytest.mark.parametrize("more, said", [
    ("ssl_stapling on;", "no OCSP responder URL in the certificate"),
    ("ssl_stapling on; ssl_stapling_responder https://a/;", "invalid URL prefix in OCSP responder"),
    ("ssl_stapling on; ssl_stapling_responder http://no-such-host.invalid/;", "host not found in OCSP responder"),
    ("ssl_stapling on; ssl_certificate $ssl_server_name.pem; ssl_certificate_key $ssl_server_name.pem;",
     "not supported with variables"),
])
def test_what_cannot_be_stapled_is_left_out_with_a_warning(weir, certs, responder, more, said):
    proxy = start(weir, certs, responder, "server { listen 127.0.0.1:{port} ssl; %s return 200; }" % more)
    result = proxy.run("-t")
    assert result.returncode == 0 and '"ssl_stapling" ignored' in result.stderr and said in result.stderr


# --- clients ---

CLIENTS = """
    server { listen 127.0.0.1:{port} ssl; ssl_verify_client %s; ssl_client_certificate {ca}; ssl_verify_depth 2;
        ssl_ocsp %s; ssl_ocsp_responder {url}; %s
        return 200 "$ssl_client_verify"; }
"""


def ask(proxy, certificate, version=None, **options):
    answer = tls.Exchange(proxy.port, tls.context(certificate=certificate, version=version), **options)
    return answer.status, answer.body


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("mode", ["on", "optional"])
def test_clients_are_asked_about(weir, certs, responder, version, mode):
    good, revoked, unknown = (certs.leaf(f"{name}.client") for name in ("good", "gone", "unknown"))
    responder.good(good)
    responder.revoked(revoked)
    proxy = start(weir, certs, responder, CLIENTS % (mode, "on", ""))
    assert ask(proxy, good, version) == (200, b"SUCCESS")
    status, body = ask(proxy, revoked, version)
    assert status == 400 and b"The SSL certificate error" in body
    proxy.wait_log("client SSL certificate verify error: certificate revoked")
    assert ask(proxy, unknown, version)[0] == 400
    proxy.wait_log("client SSL certificate verify error: certificate status unknown")
    assert ask(proxy, None, version)[0] == (200 if mode == "optional" else 400)


def test_an_error_page_tells_why(weir, certs, responder):
    revoked = certs.leaf("gone.client")
    responder.revoked(revoked)
    proxy = start(weir, certs, responder, CLIENTS % (
        "on", "leaf", 'error_page 495 =403 /why; location /why { return 200 "$ssl_client_verify"; }'))
    proxy_answer = ask(proxy, revoked)
    assert proxy_answer == (403, b"FAILED:certificate revoked")


def test_a_responder_that_cannot_be_had_is_no_excuse(weir, certs, responder):
    responder.broken = 500
    proxy = start(weir, certs, responder, CLIENTS % ("on", "on", ""))
    assert ask(proxy, certs.leaf("good.client"))[0] == 400
    proxy.wait_log("OCSP responder answered 500")
    proxy.wait_log("client SSL certificate verify error: certificate status request failed")


@pytest.mark.parametrize("cache", [True, False])
def test_answers_are_kept(weir, certs, responder, cache):
    good = certs.leaf("good.client")
    responder.good(good)
    proxy = start(weir, certs, responder, CLIENTS % ("on", "on", "ssl_ocsp_cache shared:o:1m;" if cache else ""))
    assert [ask(proxy, good) for _ in range(3)] == [(200, b"SUCCESS")] * 3
    assert len(responder.asked) == (1 if cache else 3)


def test_a_resumed_session_is_asked_about_again(weir, certs, responder):
    good = certs.leaf("good.client")
    responder.good(good)
    proxy = start(weir, certs, responder, CLIENTS % ("on", "on", ""))
    made = tls.context(certificate=good)
    first = tls.Exchange(proxy.port, made)
    responder.revoked(good)
    again = tls.Exchange(proxy.port, made, session=first.session)
    assert (first.status, again.status, again.reused) == (200, 400, True)


def test_a_connection_waits_alone(weir, certs, responder):
    good = certs.leaf("good.client")
    responder.good(good)
    responder.gate.clear()
    proxy = start(weir, certs, responder, CLIENTS % ("optional", "on", ""))
    got = []
    slow = threading.Thread(target=lambda: got.append(ask(proxy, good)))
    slow.start()
    wait_until(lambda: responder.asked, lambda: "a question")
    assert ask(proxy, None) == (200, b"NONE") and not got
    responder.gate.set()
    slow.join(20)
    assert got == [(200, b"SUCCESS")]


def test_a_client_that_leaves_meanwhile(weir, certs, responder):
    good = certs.leaf("good.client")
    responder.good(good)
    responder.gate.clear()
    proxy = start(weir, certs, responder, CLIENTS % ("optional", "on", ""))
    for version in (TLS12, TLS13):
        plain = socket.create_connection(("127.0.0.1", proxy.port))
        with tls.context(certificate=good, version=version).wrap_socket(plain) as sock:
            wait_until(lambda: len(responder.asked) >= (1 if version == TLS12 else 2), lambda: "a question")
            del sock
        plain.close()
    responder.gate.set()
    assert ask(proxy, good) == (200, b"SUCCESS")


@pytest.mark.parametrize("text, said", [
    ("ssl_verify_client optional_no_ca; ssl_ocsp on;", '"ssl_ocsp" is incompatible with "ssl_verify_client optional_no_ca"'),
    ("ssl_verify_client on; ssl_client_certificate {ca}; ssl_ocsp on; ssl_ocsp_responder ftp://a/;",
     'invalid URL prefix in OCSP responder "ftp://a/" in "ssl_ocsp_responder"'),
    ("ssl_ocsp_cache shared:a:1k;", "too small"), ("ssl_ocsp_cache a;", "shared:NAME:SIZE"), ("ssl_ocsp maybe;", "on, off or leaf"),
])
def test_what_is_wrong(weir, certs, responder, text, said):
    proxy = weir("nginx", text=FRAME % ("server { listen 127.0.0.1:{port} ssl; %s }" % text), pem=certs.leaf(), ca=certs.ca,
                 start=False)
    result = proxy.run("-t")
    assert result.returncode == 1 and said in result.stderr, result.stderr
