"""Certificates, clients' certificates and sessions of HAProxy's bind lines."""

import base64
import os
import re
import socket
import ssl
import subprocess

import pytest

from rig import tls
from rig.generations import Generations

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

FRAME = """
global
    stats socket {dir}/admin.sock mode 600 level admin
    nbthread 2
%s
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} ssl %s
    http-request return status 200 content-type text/plain lf-string "%%[ssl_fc_is_resumed] %%[ssl_c_used] %%[ssl_c_err] %%[ssl_c_ca_err] %%[ssl_f_s_dn(cn)] %%[ssl_fc_alpn]"
"""


def start(weir, certs, bind, more="", **places):
    return weir("haproxy", text=FRAME % (more, bind), ca=certs.ca, certs=certs.dir, **places)


def name_for(proxy, sni, **kwargs):
    """The common name of the certificate that is shown to whoever asks for `sni`; None: the handshake is refused."""
    try:
        return tls.Exchange(proxy.port, tls.context(**kwargs), sni=sni).name
    except (ssl.SSLError, ConnectionError):
        return None


def copy(certs, tmp_path, *names):
    for name in names:
        (tmp_path / f"{name}.pem").write_text(certs.leaf(name).read_text())


@pytest.fixture
def rsa(certs):
    """The same name with a key of the other kind."""
    pem = certs.dir / "both.rsa.pem"
    with certs._locked():
        if not pem.exists():
            certs._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=both-rsa",
                           "-addext", "subjectAltName=DNS:both.example", "-keyout", "both.rsa.key", "-out", "both.rsa.crt")
            (certs.dir / "both.rsa.tmp").write_text(
                (certs.dir / "both.rsa.crt").read_text() + (certs.dir / "both.rsa.key").read_text())
            (certs.dir / "both.rsa.tmp").rename(pem)
    return pem


# --- which certificate ---

def test_names_choose_the_certificate(weir, certs, tmp_path):
    certs.leaf("wild", names=["*.wild.example"])
    copy(certs, tmp_path, "a.example", "b.example", "wild")
    proxy = start(weir, certs, "crt {own} crt {folder}", own=certs.leaf(), folder=tmp_path)
    for asked, shown in [("a.example", "a.example"), ("B.Example", "b.example"), ("x.wild.example", "wild"),
                         ("x.y.wild.example", "localhost"), ("unknown.example", "localhost"), (None, "localhost")]:
        assert name_for(proxy, asked) == shown, asked


def test_strict_sni_refuses_who_asks_for_nothing_known(weir, certs):
    proxy = start(weir, certs, "crt {a} strict-sni", a=certs.leaf("a.example"))
    assert [name_for(proxy, name) for name in ("a.example", "b.example", None)] == ["a.example", None, None]


def test_strict_sni_starts_with_an_empty_folder(weir, certs, tmp_path):
    proxy = start(weir, certs, "crt {folder} strict-sni", folder=tmp_path)
    assert name_for(proxy, "a.example") is None


def test_an_empty_folder_alone_is_refused(weir, certs, tmp_path):
    proxy = weir("haproxy", text=FRAME % ("", "crt {folder}"), folder=tmp_path, start=False)
    result = proxy.run("-c", "-f", str(proxy.conf))
    assert result.returncode == 1 and "no certificate was found" in result.stderr


def test_default_crt_is_for_everybody_else(weir, certs):
    proxy = start(weir, certs, "default-crt {b} crt {a}", a=certs.leaf("a.example"), b=certs.leaf("b.example"))
    assert [name_for(proxy, name) for name in ("a.example", "c.example")] == ["a.example", "b.example"]


def only(signatures):
    made = tls.context(version=TLS12)
    made.set_ciphers(signatures)
    return made


def shown(proxy, sni, made):
    return tls.Exchange(proxy.port, made, sni=sni).name


@pytest.mark.parametrize("how", ["two crt", "bundle"])
def test_a_client_gets_the_kind_of_key_that_it_takes(weir, certs, rsa, tmp_path, how):
    ecdsa = certs.leaf("both-ecdsa", names=["both.example"])
    (tmp_path / "b.pem.rsa").write_text(rsa.read_text())
    (tmp_path / "b.pem.ecdsa").write_text(ecdsa.read_text())
    bind = "crt {rsa} crt {ecdsa}" if how == "two crt" else "crt {folder}/b.pem"
    proxy = start(weir, certs, bind, rsa=rsa, ecdsa=ecdsa, folder=tmp_path)
    assert shown(proxy, "both.example", only("ECDHE-RSA-AES128-GCM-SHA256")) == "both-rsa"
    assert shown(proxy, "both.example", only("ECDHE-ECDSA-AES128-GCM-SHA256")) == "both-ecdsa"
    assert shown(proxy, "both.example", tls.context(version=TLS13)) == "both-ecdsa"
    if how == "bundle":  # both of it are for everybody else
        assert shown(proxy, None, only("ECDHE-RSA-AES128-GCM-SHA256")) == "both-rsa"
        assert shown(proxy, None, only("ECDHE-ECDSA-AES128-GCM-SHA256")) == "both-ecdsa"


def test_lists_name_certificates(weir, certs, tmp_path):
    certs.leaf("wild", names=["*.wild.example"])
    copy(certs, tmp_path, "a.example", "b.example", "c.example", "wild")
    (tmp_path / "list").write_text("""
# a comment
a.example.pem *
b.example.pem [ssl-max-ver TLSv1.2 alpn http/1.0] b.example other.example
wild.pem *.list.example !not.list.example
c.example.pem
""")
    proxy = start(weir, certs, "crt-list {folder}/list", "crt-base {folder}", folder=tmp_path)
    for asked, shown_name in [("b.example", "b.example"), ("other.example", "b.example"), ("x.list.example", "wild"),
                              ("not.list.example", "a.example"), ("x.wild.example", "a.example"), ("c.example", "c.example"),
                              (None, "a.example"), ("unknown.example", "a.example")]:
        assert name_for(proxy, asked) == shown_name, asked
    assert [name_for(proxy, "b.example", version=v) for v in (TLS12, TLS13)] == ["b.example", None]
    assert name_for(proxy, "c.example", version=TLS13) == "c.example"
    answer = tls.Exchange(proxy.port, tls.context(alpn=["http/1.1", "http/1.0"]), sni="b.example")
    assert answer.alpn == "http/1.0"


@pytest.mark.parametrize("line, said", [
    ("a.example.pem [nonsense] a", "'nonsense' is not an option of one certificate"),
    ("a.example.pem [alpn", "is not closed"),
    ("missing.pem", "No such file"),
    ("a.example.pem foo.*.bar", "is no wildcard"),
])
def test_what_is_wrong_in_a_list_is_told_with_its_line(weir, certs, tmp_path, line, said):
    copy(certs, tmp_path, "a.example")
    (tmp_path / "list").write_text(f"a.example.pem\n{line}\n")
    proxy = weir("haproxy", text=FRAME % ("crt-base {folder}", "crt-list {folder}/list"), folder=tmp_path, start=False)
    result = proxy.run("-c", "-f", str(proxy.conf))
    assert result.returncode == 1 and said in result.stderr and f"{tmp_path}/list:2" in result.stderr, result.stderr


@pytest.mark.parametrize("words, chosen", [("", "http/1.1"), ("no-alpn", None), ("alpn http/1.0", "http/1.0")])
def test_protocols_are_answered_or_not(weir, certs, words, chosen):
    proxy = start(weir, certs, "crt {own} " + words, own=certs.leaf())
    assert tls.Exchange(proxy.port, tls.context(alpn=["h2", "http/1.1", "http/1.0"])).alpn == chosen


def test_a_frontend_names_certificates_for_itself(weir, certs):
    proxy = weir("haproxy", a=certs.leaf("a.example"), b=certs.leaf("b.example"), text="""
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} ssl
    ssl-f-use crt {a}
    ssl-f-use crt {b} ssl-max-ver TLSv1.2
    http-request return status 200
""")
    assert name_for(proxy, "a.example", version=TLS13) == "a.example"
    assert [name_for(proxy, "b.example", version=v) for v in (TLS12, TLS13)] == ["b.example", None]


@pytest.mark.parametrize("keys", ["", "ssl-load-extra-del-ext"])
def test_keys_lie_beside_their_certificate(weir, certs, tmp_path, keys):
    certs.leaf("a.example")
    (tmp_path / "a.crt").write_text((certs.dir / "a.example.crt").read_text())
    (tmp_path / ("a.key" if keys else "a.crt.key")).write_text((certs.dir / "a.example.key").read_text())
    proxy = start(weir, certs, "crt {folder}/a.crt", keys, folder=tmp_path)
    assert name_for(proxy, None) == "a.example"


# --- clients' certificates ---

@pytest.fixture
def stranger(certs):
    pem = certs.dir / "self.pem"
    with certs._locked():
        if not pem.exists():
            certs._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                           "-subj", "/CN=self", "-keyout", "self.key", "-out", "self.crt")
            (certs.dir / "self.tmp").write_text((certs.dir / "self.crt").read_text() + (certs.dir / "self.key").read_text())
            (certs.dir / "self.tmp").rename(pem)
    return pem


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("words, client, said", [
    ("verify required", "someone", "0 1 0 0"),
    ("verify required", None, None),
    ("verify required", "self", None),
    ("verify optional", None, "0 0 0 0"),
    ("verify optional", "self", None),
    ("verify required crt-ignore-err all", "self", "0 1 18 0"),
    ("verify required crt-ignore-err X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT", "self", "0 1 18 0"),
    ("verify required crt-ignore-err 10,18", "self", "0 1 18 0"),
    ("verify required crt-ignore-err 10", "self", None),
    ("verify required ca-ignore-err all", "self", None),
])
def test_client_certificates(weir, certs, stranger, version, words, client, said):
    proxy = start(weir, certs, "crt {own} ca-file {ca} " + words, own=certs.leaf())
    certificate = stranger if client == "self" else certs.leaf(client) if client else None
    try:
        answer = tls.Exchange(proxy.port, tls.context(version=version, certificate=certificate)).body.decode()
    except (ssl.SSLError, ConnectionError, IndexError):  # TLS 1.3 tells the client when it reads
        answer = None
    assert (answer and " ".join(answer.split()[:4])) == said


def announced(port):
    text = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}"], input="", capture_output=True,
                          text=True).stdout
    return "weir test CA" in text.partition("Acceptable client certificate CA names")[2].partition("Client Certificate Types")[0]


@pytest.mark.parametrize("words, told", [
    ("ca-file {ca}", True), ("ca-file {ca} no-ca-names", False), ("ca-verify-file {ca}", False),
    ("ca-file {other} ca-verify-file {ca}", False)])
def test_authorities_are_announced_or_not(weir, certs, stranger, words, told):
    proxy = start(weir, certs, "crt {own} verify required " + words, own=certs.leaf(), other=stranger)
    assert announced(proxy.port) == told
    answer = tls.Exchange(proxy.port, tls.context(certificate=certs.leaf("someone")))
    assert answer.body.split()[1] == b"1"


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("tickets", [True, False])
def test_a_resumed_session_skips_nobodys_client_certificate(weir, certs, tmp_path, version, tickets):
    copy(certs, tmp_path, "a.example", "b.example")
    (tmp_path / "list").write_text(f"a.example.pem\nb.example.pem [verify required ca-file {certs.ca}]\n")
    proxy = start(weir, certs, "crt-list {folder}/list", "crt-base {folder}", folder=tmp_path)
    open_context = tls.context(version=version, tickets=tickets)
    first = tls.Exchange(proxy.port, open_context, sni="a.example")
    assert tls.Exchange(proxy.port, open_context, sni="a.example", session=first.session).reused
    with pytest.raises((ssl.SSLError, ConnectionError, IndexError)):
        tls.Exchange(proxy.port, open_context, sni="b.example", session=first.session)


@pytest.mark.parametrize("words, name", [("", "2"), ("name tls", "tls")])
def test_failed_handshakes_are_logged_with_the_bind_line(weir, certs, syslog, words, name):
    proxy = weir("haproxy", own=certs.leaf(), syslog=syslog, text="""
defaults
    mode http
    timeout client 20s
frontend web
    log {syslog} local0
    bind 127.0.0.1:{plain_port}
    bind 127.0.0.1:{port} ssl crt {own} %s
    http-request return status 200
""" % words)
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_all()
    syslog.wait_for(f" web/{name}: SSL handshake failure")


# --- sessions ---

@pytest.mark.parametrize("version, tickets", [(TLS12, True), (TLS12, False), (TLS13, True)])
def test_sessions_outlive_a_reload_and_are_known_to_every_thread(weir, certs, version, tickets):
    proxy = weir("haproxy", text=FRAME % ("", "crt {own}"), own=certs.leaf(), start=False)
    proxy.start("-W", "-db", "-f", str(proxy.conf))
    generations = Generations(proxy)
    made = tls.context(version=version, tickets=tickets)
    session = tls.Exchange(proxy.port, made).session
    again = [tls.Exchange(proxy.port, made, session=session) for _ in range(4 if version == TLS12 else 1)]
    assert all(e.reused and e.body.split()[0] == b"1" for e in again)
    generations.reload()
    assert tls.Exchange(proxy.port, made, session=again[-1].session).reused


def test_a_cache_of_no_size_keeps_nothing(weir, certs):
    proxy = start(weir, certs, "crt {own} no-tls-tickets", "tune.ssl.cachesize 0", own=certs.leaf())
    made = tls.context(version=TLS12, tickets=False)
    assert not tls.Exchange(proxy.port, made, session=tls.Exchange(proxy.port, made).session).reused


def keys_file(path, keys):
    path.write_text("".join(base64.b64encode(key).decode() + "\n" for key in keys))
    return path


def test_ticket_keys_come_from_a_file_and_turn(weir, certs, tmp_path):
    keys = [os.urandom(80) for _ in range(4)]
    path = keys_file(tmp_path / "keys", keys[:3])
    proxy = start(weir, certs, "crt {own} tls-ticket-keys {keys}", own=certs.leaf(), keys=path)
    twin = start(weir, certs, "crt {own} tls-ticket-keys {keys}", own=certs.leaf(), keys=path)
    made = tls.context(version=TLS12)
    session = tls.Exchange(proxy.port, made).session
    assert tls.Exchange(twin.port, made, session=session).reused  # another process with the same keys
    admin = proxy.runtime()
    assert f"0 ({path})" in admin("show tls-keys")
    assert base64.b64encode(keys[1]).decode() in admin("show tls-keys #0")
    assert "wrong size" in admin(f"set ssl tls-key {path} {base64.b64encode(keys[3][:48]).decode()}")
    for _ in range(2):
        new = base64.b64encode(os.urandom(80)).decode()
        assert admin(f"set ssl tls-key #0 {new}") == "TLS ticket key updated!"
        assert new in admin("show tls-keys *")
    assert not tls.Exchange(proxy.port, made, session=session).reused


@pytest.mark.parametrize("keys, said", [([48, 48], "please supply at least 3 keys"), ([48, 80, 48], "wrong sized key"),
                                        ([47, 48, 48], "wrong sized key")])
def test_files_of_ticket_keys_that_are_refused(weir, certs, tmp_path, keys, said):
    path = keys_file(tmp_path / "keys", [os.urandom(size) for size in keys])
    proxy = weir("haproxy", text=FRAME % ("", "crt {own} tls-ticket-keys {keys}"), own=certs.leaf(), keys=path, start=False)
    result = proxy.run("-c", "-f", str(proxy.conf))
    assert result.returncode == 1 and said in result.stderr, result.stderr


# --- stapling ---

def ocsp_response(certs, name, path):
    """A good answer of the test CA about that certificate."""
    certs.leaf(name)
    text = lambda *words: subprocess.run(["openssl", *words], cwd=certs.dir, capture_output=True, text=True, check=True).stdout
    serial = text("x509", "-in", f"{name}.crt", "-noout", "-serial").strip().partition("=")[2]
    (path.parent / "index").write_text(f"V\t330101000000Z\t\t{serial}\tunknown\t/CN={name}\n")
    text("ocsp", "-index", str(path.parent / "index"), "-CA", "ca.crt", "-rsigner", "ca.crt", "-rkey", "ca.key", "-issuer", "ca.crt",
         "-cert", f"{name}.crt", "-ndays", "2", "-respout", str(path))
    return path


def stapled(proxy, sni):
    text = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername", sni, "-status"],
                          input="", capture_output=True, text=True).stdout
    return "Cert Status: good" in text


def test_ocsp_responses_are_stapled_and_replaced(weir, certs, tmp_path):
    folder = tmp_path / "certificates"
    folder.mkdir()
    copy(certs, folder, "a.example", "b.example")
    (folder / "a.example.pem.ocsp").write_bytes(ocsp_response(certs, "a.example", tmp_path / "first").read_bytes())
    proxy = start(weir, certs, "crt {folder}", folder=folder)
    assert [stapled(proxy, name) for name in ("a.example", "b.example")] == [True, False]
    response = base64.b64encode(ocsp_response(certs, "b.example", tmp_path / "later").read_bytes()).decode()
    assert proxy.runtime()(f"set ssl ocsp-response <<\n{response}\n") == "OCSP Response updated!"
    assert [stapled(proxy, name) for name in ("a.example", "b.example")] == [True, True]


def test_a_response_for_another_certificate_is_left_out(weir, certs, tmp_path):
    copy(certs, tmp_path, "a.example")
    ocsp_response(certs, "b.example", tmp_path / "a.example.pem.ocsp")
    proxy = weir("haproxy", text=FRAME % ("", "crt {folder}/a.example.pem"), folder=tmp_path, start=False)
    result = proxy.run("-c", "-f", str(proxy.conf))
    assert result.returncode == 0 and "the OCSP response is left out: it is about another certificate" in result.stderr


# --- changes at run time ---

def test_a_certificate_is_replaced_while_connections_go_on(weir, certs, tmp_path):
    copy(certs, tmp_path, "a.example")
    path = tmp_path / "a.example.pem"
    proxy = start(weir, certs, "crt {path}", path=path)
    admin = proxy.runtime()
    context = tls.context()
    with context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.port))) as lasting:
        new = "\n".join(line for line in certs.leaf("new.example", names=["a.example"]).read_text().splitlines() if line)
        assert admin(f"set ssl cert {path} <<\n{new}\n") == f"Transaction created for certificate {path}!"
        assert "*" in admin("show ssl cert") and "Status: Uncommitted" in admin(f"show ssl cert *{path}")
        assert name_for(proxy, "a.example") == "a.example"
        assert "Success!" in admin(f"commit ssl cert {path}")
        assert name_for(proxy, "a.example") == "new.example"
        assert "Subject: /CN=new.example" in admin(f"show ssl cert {path}")
        lasting.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in lasting.recv(65536)


def test_a_transaction_is_aborted_and_guarded(weir, certs, tmp_path):
    copy(certs, tmp_path, "a.example", "b.example")
    proxy = start(weir, certs, "crt {folder}", folder=tmp_path)
    admin = proxy.runtime()
    a, b = tmp_path / "a.example.pem", tmp_path / "b.example.pem"
    text = certs.leaf("c.example").read_text()
    assert "not referenced by the configuration" in admin(f"set ssl cert other.pem <<\n{text}\n")
    assert "No ongoing transaction" in admin(f"commit ssl cert {a}")
    admin(f"set ssl cert {a} <<\n{text}\n")
    assert "The ongoing transaction is about" in admin(f"set ssl cert {b} <<\n{text}\n")
    assert admin(f"abort ssl cert {a}") == f"Transaction aborted for certificate '{a}'!"
    assert name_for(proxy, "a.example") == "a.example"
    assert "Can't load the payload" in admin(f"set ssl cert {a} <<\nnonsense\n")


def test_a_key_that_does_not_belong_to_it_is_not_committed(weir, certs, tmp_path):
    copy(certs, tmp_path, "a.example")
    proxy = start(weir, certs, "crt {folder}", folder=tmp_path)
    admin = proxy.runtime()
    certs.leaf("c.example")
    path = tmp_path / "a.example.pem"
    admin(f"set ssl cert {path} <<\n{(certs.dir / 'c.example.crt').read_text()}\n")
    assert "is not replaced: no private key" in admin(f"commit ssl cert {path}")
    assert name_for(proxy, "a.example") == "a.example"
    admin(f"set ssl cert {path}.key <<\n{(certs.dir / 'c.example.key').read_text()}\n")
    assert "Success!" in admin(f"commit ssl cert {path}")
    assert name_for(proxy, None) == "c.example"


def test_certificates_come_and_go_in_a_list(weir, certs, tmp_path):
    copy(certs, tmp_path, "a.example")
    (tmp_path / "list").write_text("a.example.pem\n")
    proxy = start(weir, certs, "crt-list {folder}/list", "crt-base {folder}", folder=tmp_path)
    admin = proxy.runtime()
    text = certs.leaf("b.example").read_text()
    assert admin("new ssl cert added.pem") == "New empty certificate store 'added.pem'!"
    assert "is empty" in admin(f"add ssl crt-list {tmp_path}/list added.pem")
    admin(f"set ssl cert added.pem <<\n{text}\n")
    assert "Success!" in admin("commit ssl cert added.pem")
    assert "Status: Unused" in admin("show ssl cert added.pem")
    assert "Success!" in admin(f"add ssl crt-list {tmp_path}/list <<\nadded.pem [ssl-max-ver TLSv1.2] x.example\n")
    assert [name_for(proxy, "x.example", version=v) for v in (TLS12, TLS13)] == ["b.example", None]
    assert "in use" in admin("del ssl cert added.pem")
    assert "added.pem:2 [ssl-max-ver TLSv1.2] x.example" in admin(f"show ssl crt-list -n {tmp_path}/list")
    assert "deleted in crtlist" in admin(f"del ssl crt-list {tmp_path}/list added.pem")
    assert name_for(proxy, "x.example", version=TLS13) == "a.example"
    assert "is used as default" in admin(f"del ssl crt-list {tmp_path}/list {tmp_path}/a.example.pem")
    assert admin("del ssl cert added.pem") == "Certificate 'added.pem' deleted!"


# --- what is told about connections ---

def test_hellos_are_kept_for_fingerprints(weir, certs):
    proxy = weir("haproxy", own=certs.leaf(), text="""
global
    tune.ssl.capture-buffer-size 512
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} ssl crt {own}
    http-request return status 200 content-type text/plain lf-string "%[ssl_fc_cipherlist_str]|%[ssl_fc_cipherlist_hex]|%[ssl_fc_protocol_hello_id]|%[ssl_fc_extlist_bin,be2dec(-,2)]|%[ssl_fc_eclist_bin,be2dec(-,2)]|%[ssl_fc_ecformats_bin,be2dec(-,1)]|%[ssl_fc_cipherlist_xxh]|%[ssl_fc_curve]"
""")
    made = tls.context(version=TLS12)
    made.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    names, ciphers, version, extensions, groups, formats, digest, curve = tls.Exchange(proxy.port, made, sni="a.example").body.decode().split("|")
    assert names.split(",")[0] == "ECDHE-ECDSA-AES128-GCM-SHA256" and ciphers.startswith("C02B")
    assert version == "771" and {"0", "10", "13"} <= set(extensions.split("-")) and "29" in groups.split("-")
    assert formats.split("-")[0] == "0" and digest.lstrip("-").isdigit() and curve == "X25519"


def test_nothing_of_a_hello_is_kept_without_being_asked_for(weir, certs):
    proxy = weir("haproxy", own=certs.leaf(), text="""
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} ssl crt {own}
    http-request return status 200 content-type text/plain lf-string "<%[ssl_fc_cipherlist_hex]>"
""")
    assert tls.Exchange(proxy.port, tls.context()).body == b"<>"


def test_clients_are_told_about(weir, certs, stranger):
    proxy = weir("haproxy", own=certs.leaf(), ca=certs.ca, text="""
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} ssl crt {own} ca-file {ca} verify optional crt-ignore-err all
    http-request return status 200 content-type text/plain lf-string "%[ssl_c_r_dn(cn)]|%[ssl_c_err,x509_v_err_str]|%[ssl_c_chain_der,length]"
""")
    answer = lambda certificate: tls.Exchange(proxy.port, tls.context(certificate=certificate)).body.decode().split("|")
    root, error, size = answer(certs.leaf("someone"))
    assert (root, error) == ("weir test CA", "X509_V_OK") and int(size) > 0
    assert answer(stranger)[1] == "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_resumed_session_brings_no_certificate(weir, certs, version):
    text = FRAME.replace("%%[ssl_c_used]", "%%[ssl_c_used] %%[ssl_fc_has_crt]") % (
        "", f"crt {certs.leaf()} ca-file {certs.ca} verify required")
    proxy = weir("haproxy", text=text)
    client = tls.context(version=version, certificate=certs.leaf("someone"))
    first = tls.Exchange(proxy.port, client)
    again = tls.Exchange(proxy.port, client, session=first.session)
    assert [e.body.split()[:3] for e in (first, again)] == [[b"0", b"1", b"1"], [b"1", b"1", b"0"]]


@pytest.mark.parametrize("line, meant", [
    ("bind :1 ssl crt {pem} ca-file nofile.pem verify required", "nofile.pem"),
    ("bind :1 ssl crt {pem} ciphers NONSENSE", "NONSENSE"),
    ("bind :1 ssl crt {pem} curves NONSENSE", "NONSENSE"),
    ("bind :1 ssl crt {pem} ciphers s", "s"),
    ("server s 127.0.0.1:1 ssl verify required ca-file nofile.pem", "nofile.pem"),
    ("server s 127.0.0.1:1 ssl verify none ciphersuites NONSENSE", "NONSENSE"),
])
def test_the_word_that_openssl_does_not_like_is_underlined(weir, certs, line, meant):
    text = f"listen l\n    mode http\n    timeout client 1s\n    timeout connect 1s\n    timeout server 1s\n    {line}\n"
    face = weir("haproxy", text=text, pem=certs.leaf(), start=False)
    done = face.run("-c", "-f", str(face.conf))
    assert done.returncode == 1
    lines = (done.stdout + done.stderr).splitlines()
    (caret,) = (n for n, shown in enumerate(lines) if re.fullmatch(r"[^|]*\| +\^~*", shown))
    start = lines[caret].index("^")
    end = start + lines[caret].count("~") + 1
    assert f" {lines[caret - 1]} "[start:end + 2] == f" {meant} "
