"""Certificates that servers are shown, authorities and revocation lists, replaced while HAProxy's sections serve."""

import ssl
import subprocess
import threading

import pytest

from rig import net, tls

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

GLOBAL = """
global
    stats socket {dir}/admin.sock mode 600 level admin
    nbthread 2
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
"""

# One program is both sides: `inner` tells whose certificate it was shown, and whether the session is an old one.
BOTH = GLOBAL + """
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    http-reuse {reuse}
    server s 127.0.0.1:{inner_port} ssl verify none crt {shown} ssl-max-ver {version} {options}
frontend inside
    bind 127.0.0.1:{inner_port} ssl crt {own} ca-file {ca} verify required
    http-request return status 200 hdr who "%[ssl_c_s_dn(cn)]" hdr old "%[ssl_fc_is_resumed]"
"""

TRUST = GLOBAL + """
frontend web
    bind 127.0.0.1:{port} ssl crt {own} ca-file {trusted} verify optional crt-ignore-err all ca-ignore-err all %s
    http-request return status 200 hdr err "%%[ssl_c_verify]" hdr old "%%[ssl_fc_is_resumed]"
"""


def pem(path):
    """Without the empty lines that would end a payload."""
    return "\n".join(line for line in path.read_text().splitlines() if line)


def change(admin, kind, name, text, verb="set"):
    said = admin(f"{verb} ssl {kind} {name} <<\n{text}\n")
    assert "ransaction" in said, said
    return admin(f"commit ssl {kind} {name}")


@pytest.fixture
def shown(certs, tmp_path):
    path = tmp_path / "shown.pem"
    path.write_text(pem(certs.leaf("first.client")))
    return path


@pytest.fixture
def trusted(certs, tmp_path):
    path = tmp_path / "trusted.crt"
    path.write_text(pem(certs.ca))
    return path


@pytest.fixture
def other(certs):
    """Another authority: its certificate, and that of a client which it signed."""
    done = certs.dir / "other.pem"
    with certs._locked():
        if not done.exists():
            key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
            certs._openssl("req", "-x509", *key, "-keyout", "other-ca.key", "-out", "other-ca.crt", "-days", "30", "-subj",
                           "/CN=other CA", "-addext", "basicConstraints=critical,CA:TRUE")
            certs._openssl("req", *key, "-subj", "/CN=other client", "-keyout", "other.key", "-out", "other.csr")
            certs._openssl("x509", "-req", "-in", "other.csr", "-CA", "other-ca.crt", "-CAkey", "other-ca.key",
                           "-CAcreateserial", "-days", "30", "-out", "other.crt")
            (certs.dir / "other.tmp").write_text(
                (certs.dir / "other.crt").read_text() + (certs.dir / "other.key").read_text())
            (certs.dir / "other.tmp").rename(done)
    return certs.dir / "other-ca.crt", done


def revocation_list(certs, folder, *revoked):
    """A list of the test CA's with these certificates."""
    folder.mkdir()
    (folder / "index.txt").write_text("")
    (folder / "conf").write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={folder}/index.txt\ndefault_md=sha256\n"
                                 f"certificate={certs.ca}\nprivate_key={certs.dir}/ca.key\ndefault_crl_days=30\n")
    command = ["openssl", "ca", "-config", f"{folder}/conf"]
    for certificate in revoked:
        subprocess.run([*command, "-revoke", certificate], check=True, capture_output=True)
    subprocess.run([*command, "-gencrl", "-out", f"{folder}/list.pem"], check=True, capture_output=True)
    return folder / "list.pem"


def both(weir, certs, shown, reuse="never", version="TLSv1.3", options=""):
    return weir("haproxy", text=BOTH, own=certs.leaf(), ca=certs.ca, shown=shown, reuse=reuse,
                version=version, options=options)


# --- certificates that servers are shown ---

@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_servers_are_shown_the_new_certificate(weir, certs, shown, version):
    proxy = both(weir, certs, shown, version=version)
    admin = proxy.runtime()
    assert [proxy.get().header("who") for _ in range(4)] == ["first.client"] * 4
    assert "1" in [proxy.get().header("old") for _ in range(4)]  # sessions are resumed
    details = admin(f"show ssl cert {shown}")
    assert "Status: Used" in details and "Servers: b/s" in details
    assert "Success!" in change(admin, "cert", shown, pem(certs.leaf("second.client")))
    answers = [proxy.get() for _ in range(6)]
    assert [a.header("who") for a in answers] == ["second.client"] * 6
    assert answers[0].header("old") == "0"
    assert "1" in [a.header("old") for a in answers]


@pytest.mark.parametrize("options", ["", "pool-conn-name str(x)"], ids=["by-tls", "by-name"])
def test_idle_connections_keep_to_who_opened_them(weir, certs, shown, options):
    proxy = both(weir, certs, shown, reuse="always", options=options)
    admin = proxy.runtime()
    assert [proxy.get().header("who") for _ in range(4)] == ["first.client"] * 4
    change(admin, "cert", shown, pem(certs.leaf("second.client")))
    assert [proxy.get().header("who") for _ in range(4)] == ["second.client"] * 4


def test_replacing_under_load_loses_no_request(weir, certs, shown):
    proxy = both(weir, certs, shown)
    admin = proxy.runtime()
    texts = {name: pem(certs.leaf(name)) for name in ("first.client", "second.client")}
    stop, seen = threading.Event(), []

    def ask():
        while not stop.is_set():
            answer = proxy.get()
            seen.append((answer.status, answer.header("who")))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for i in range(40):
            assert "Success!" in change(admin, "cert", shown, texts["first.client" if i % 2 else "second.client"])
            net.wait_until(lambda: len(seen) > i, "an answer for each change")
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert {status for status, _ in seen} == {200}
    assert {who for _, who in seen} <= set(texts)


def test_one_file_for_clients_and_servers(weir, certs, shown):
    proxy = weir("haproxy", text=BOTH.replace("crt {own}", "crt {shown}"), ca=certs.ca, shown=shown, reuse="never", options="", version="TLSv1.3")
    change(proxy.runtime(), "cert", shown, pem(certs.leaf("second.client")))
    assert proxy.get().header("who") == "second.client"
    context = tls.context(certificate=certs.leaf("first.client"))
    assert tls.Exchange(proxy.places['inner_port'], context).name == "second.client"


@pytest.mark.parametrize("name", ["t", "renamed"])
def test_a_server_that_goes_lets_its_certificate_go(weir, certs, shown, name):
    proxy = both(weir, certs, shown)
    admin = proxy.runtime()
    admin("new ssl cert added.pem")
    change(admin, "cert", "added.pem", pem(certs.leaf("second.client")))
    said = admin(f"add server b/t 127.0.0.1:{proxy.places['inner_port']} ssl verify none crt added.pem")
    assert "New server registered" in said, said
    assert "in use" in admin("del ssl cert added.pem")
    admin("enable server b/t")
    admin("disable server b/s")
    assert proxy.get().header("who") == "second.client"
    admin("set server b/t state maint")
    if name != "t":
        assert "Server name updated" in admin(f"set server b/t name {name}")
        assert f"Servers: b/{name}" in admin("show ssl cert added.pem")
    assert "Server deleted" in admin(f"del server b/{name}")
    assert "deleted" in admin("del ssl cert added.pem")


# --- authorities ---


def header(proxy, certificate, name="err"):
    return proxy.get(tls=tls.context(certificate=certificate)).header(name)


def test_clients_are_judged_by_the_new_authorities(weir, certs, trusted, other):
    ca, client = other
    proxy = weir("haproxy", text=TRUST % "", own=certs.leaf(), trusted=trusted)
    admin = proxy.runtime()
    known = certs.leaf("someone")
    trusts = lambda: [header(proxy, c) == "0" for c in (known, client)]
    assert trusts() == [True, False]
    assert f"{trusted} - 1 certificate(s)" in admin("show ssl ca-file")
    assert admin(f"set ssl ca-file {trusted} <<\n{pem(ca)}\n") == f"transaction created for CA {trusted}!"
    assert f"# transaction\n*{trusted} - 1 certificate(s)\n# filename\n{trusted} - 1 certificate(s)" in admin(
        "show ssl ca-file")
    assert "CN=weir test CA" in admin(f"show ssl ca-file {trusted}")
    uncommitted = admin(f"show ssl ca-file *{trusted}")
    assert "Status: Uncommitted" in uncommitted and "Subject: /CN=other CA" in uncommitted
    assert trusts() == [True, False]
    assert admin(f"commit ssl ca-file {trusted}") == f"Committing {trusted}.\nSuccess!"
    assert trusts() == [False, True]
    assert admin(f"add ssl ca-file {trusted} <<\n{pem(certs.ca)}\n") == f"transaction created for CA {trusted}!"
    assert "Success!" in admin(f"commit ssl ca-file {trusted}")
    assert trusts() == [True, True]
    second = admin(f"show ssl ca-file {trusted}:2")
    assert "Status: Used" in second and "Certificate #2:" in second and "#1" not in second


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_session_ends_with_the_authorities_that_it_was_let_in_by(weir, certs, trusted, other, version):
    proxy = weir("haproxy", text=TRUST % "", own=certs.leaf(), trusted=trusted)
    made = tls.context(certificate=certs.leaf("someone"), version=version)
    first = tls.Exchange(proxy.port, made)
    assert tls.Exchange(proxy.port, made, session=first.session).reused
    change(proxy.runtime(), "ca-file", trusted, pem(other[0]))
    assert not tls.Exchange(proxy.port, made, session=first.session).reused


def test_clients_are_told_the_new_authorities(weir, certs, trusted, other):
    proxy = weir("haproxy", text=TRUST % "", own=certs.leaf(), trusted=trusted)
    change(proxy.runtime(), "ca-file", trusted, pem(other[0]))
    text = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}"], input="", capture_output=True,
                          text=True).stdout
    assert "CN = other CA" in text and "weir test CA" not in text.split("Acceptable client")[1].split("---")[0]


def test_servers_are_judged_by_the_new_authorities(weir, certs, origins, trusted, other):
    origin = origins(tls=certs.server_context())
    proxy = weir("haproxy", origin=origin, trusted=trusted, text=GLOBAL + """
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    retries 0
    http-reuse never
    server s {origin} ssl verify required ca-file {trusted} sni str(localhost)
""")
    admin = proxy.runtime()
    assert proxy.get().status == 200
    change(admin, "ca-file", trusted, pem(other[0]))
    assert proxy.get().status == 503
    change(admin, "ca-file", trusted, pem(certs.ca))
    assert proxy.get().status == 200


def test_a_list_line_names_authorities_that_came_at_run_time(weir, certs, trusted, other, tmp_path):
    ca, client = other
    (tmp_path / "list").write_text(f"{certs.leaf()}\n")
    proxy = weir("haproxy", own=certs.leaf(), trusted=trusted, list=tmp_path / "list",
                 text=(TRUST % "").replace("crt {own}", "crt-list {list}"))
    admin = proxy.runtime()
    assert admin("new ssl ca-file new.crt") == "New CA file created 'new.crt'!"
    assert "already exists" in admin("new ssl ca-file new.crt") and "Status: Empty" in admin("show ssl ca-file new.crt")
    admin("new ssl cert a.pem")
    change(admin, "cert", "a.pem", pem(certs.leaf("a.example")))
    line = f"add ssl crt-list {tmp_path}/list <<\na.pem [ca-file new.crt] a.example\n"
    assert 'nothing is in "new.crt"' in admin(line)
    change(admin, "ca-file", "new.crt", pem(ca))
    assert "Status: Unused" in admin("show ssl ca-file new.crt")
    assert "Success!" in admin(line)
    assert "in use" in admin("del ssl ca-file new.crt")
    assert "deleted in crtlist" in admin(f"del ssl crt-list {tmp_path}/list a.pem")
    assert admin("del ssl ca-file new.crt") == "CA file 'new.crt' deleted!"
    assert "new.crt" not in admin("show ssl ca-file")


@pytest.mark.parametrize("kind, name", [("ca-file", "CA"), ("crl-file", "CRL")])
def test_transactions_are_guarded(weir, certs, trusted, tmp_path, kind, name):
    lists = revocation_list(certs, tmp_path / "l")
    proxy = weir("haproxy", own=certs.leaf(), trusted=trusted, lists=lists, text=TRUST % "crl-file {lists}")
    admin = proxy.runtime()
    text, path = (pem(certs.ca), trusted) if kind == "ca-file" else (pem(lists), lists)
    assert "not referenced by the configuration" in admin(f"set ssl {kind} unknown <<\n{text}\n")
    assert "No ongoing transaction! !" in admin(f"commit ssl {kind} {path}")
    assert "No ongoing transaction!" in admin(f"abort ssl {kind} {path}")
    assert f"Invalid payload\nCan't update {path}!" in admin(f"set ssl {kind} {path} <<\nnonsense\n")
    assert "created" in admin(f"set ssl {kind} {path} <<\n{text}\n")
    assert "updated" in admin(f"set ssl {kind} {path} <<\n{text}\n")
    admin(f"new ssl {kind} new")
    assert f"The ongoing transaction is about '{path}'" in admin(f"set ssl {kind} new <<\n{text}\n")
    assert f"The ongoing transaction is about '{path}'" in admin(f"commit ssl {kind} new")
    assert f"ongoing transaction for the {name} file" in admin(f"del ssl {kind} {path}")
    assert admin(f"abort ssl {kind} {path}") == f"Transaction aborted for certificate '{path}'!"
    assert "in use, can't be deleted" in admin(f"del ssl {kind} {path}")
    assert admin(f"del ssl {kind} new") == f"{name} file 'new' deleted!"
    assert "doesn't exist" in admin(f"del ssl {kind} new")
    assert f"wrong {name} index" in admin(f"show ssl {kind} {path}:0")
    assert "Not found" in admin(f"show ssl {kind} nowhere")


# --- revocation lists ---

def test_a_certificate_is_revoked_at_run_time(weir, certs, trusted, tmp_path):
    client = certs.leaf("revoked.client")
    lists, full = revocation_list(certs, tmp_path / "a"), revocation_list(certs, tmp_path / "b", client)
    proxy = weir("haproxy", own=certs.leaf(), trusted=trusted, lists=lists, text=TRUST % "crl-file {lists}")
    admin = proxy.runtime()
    assert header(proxy, client) == "0"
    assert "No Revoked Certificates." in admin(f"show ssl crl-file {lists}")
    assert change(admin, "crl-file", lists, pem(full)) == f"Committing {lists}.\nSuccess!"
    assert header(proxy, client) == "23" and header(proxy, certs.leaf("someone")) == "0"
    details = admin(f"show ssl crl-file {lists}:1")
    assert "Issuer: /CN=weir test CA" in details and "Revoked Certificates:\n    Serial Number: " in details
    assert admin("show ssl crl-file") == f"# filename\n{lists}"


# --- folders ---

def test_certificates_of_a_folder_have_names_without_its_last_slash(weir, certs, tmp_path):
    (tmp_path / "a.pem").write_text(pem(certs.leaf("a.example")))
    proxy = weir("haproxy", text=GLOBAL + """
frontend web
    bind 127.0.0.1:{port} ssl crt {folder}//
    http-request return status 200
""", folder=tmp_path)
    admin = proxy.runtime()
    assert f"{tmp_path}/a.pem" in admin("show ssl cert").splitlines()
    assert f"{tmp_path}" in admin("show ssl crt-list").splitlines()
    said = change(admin, "cert", f"{tmp_path}/a.pem", pem(certs.leaf("b.example")))
    assert "Success" in said


def test_a_folder_of_authorities(weir, certs, other, tmp_path):
    folder = tmp_path / "cas"
    folder.mkdir()
    (folder / "a.pem").write_text(pem(certs.ca))
    (folder / "b.crt").write_text(pem(other[0]))
    (folder / "notes.txt").write_text("none")
    proxy = weir("haproxy", text=TRUST % "", own=certs.leaf(), trusted=folder)
    assert [header(proxy, c) for c in (certs.leaf("someone"), other[1])] == ["0", "0"]
    assert f"{folder} - 2 certificate(s)" in proxy.runtime()("show ssl ca-file")


# --- names ---

def test_names_are_listed(weir, certs, tmp_path):
    certs.leaf("wild", names=["*.wild.example"])
    (tmp_path / "list").write_text(f"{certs.leaf('wild')} *.wild.example !not.wild.example\n")
    proxy = weir("haproxy", own=certs.leaf("a.example"), list=tmp_path / "list", text=GLOBAL + """
frontend web
    bind 127.0.0.1:{port} ssl crt {own} crt-list {list}
frontend strict
    bind 127.0.0.1:{second_port} ssl crt {own} strict-sni
""")
    admin = proxy.runtime()
    head, *lines = admin("show ssl sni").splitlines()
    assert head == "# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore"
    cells = [line.split("\t") for line in lines]
    web = [c[1:5] for c in cells if c[0].startswith("web/")]
    own = str(certs.leaf("a.example"))
    assert web == [["a.example", "-", "ecdsa", own], ["*", "-", "ecdsa", own],
                   ["*.wild.example", "!not.wild.example ", "ecdsa", str(certs.leaf("wild"))]]
    assert [c[1] for c in cells if c[0].startswith("strict/")] == ["a.example"]
    place = cells[0][0].partition("/")[2]
    assert place.endswith(":" + str(1 + proxy.conf.read_text().splitlines().index(
        next(l for l in proxy.conf.read_text().splitlines() if "crt-list" in l))))
    assert {l.partition("/")[0] for l in admin("show ssl sni -f strict").splitlines()[1:]} == {"strict"}
    assert admin("show ssl sni -f nobody") == "Couldn't find the specified frontend!"
    assert len(admin("show ssl sni -A").splitlines()) == 1
    assert len(admin("show ssl sni -A -t 60d").splitlines()) == 5
    assert "only supports" in admin("show ssl sni web")
