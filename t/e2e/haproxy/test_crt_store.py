"""crt-store sections: certificates under names (configuration.txt 12.7)."""

import pytest

from rig import tls

FRAME = """
%s
defaults
    mode http
    timeout client 20s
frontend web
    bind 127.0.0.1:{port} ssl %s
    http-request return status 200
"""


def shown(proxy, name=None):
    return tls.Exchange(proxy.port, tls.context(), sni=name).name


@pytest.fixture
def files(certs, tmp_path):
    """NAME.crt and NAME.key in folders of their own."""
    for kind in ("crt", "key"):
        (tmp_path / kind).mkdir()
        for name in ("a.example", "b.example"):
            certs.leaf(name)
            (tmp_path / kind / f"{name}.{kind}").write_text((certs.dir / f"{name}.{kind}").read_text())
    return tmp_path


STORE = """
crt-store%s
    crt-base {files}/crt
    key-base {files}/key
    load crt a.example.crt key a.example.key
    load crt b.example.crt key b.example.key alias other ocsp-update off
"""


@pytest.mark.parametrize("store, crt", [
    ("", "crt {files}/crt/a.example.crt crt @/other"),
    (" web", "crt @web/a.example.crt crt @web/other"),
])
def test_certificates_are_known_by_name(weir, files, store, crt):
    proxy = weir("haproxy", text=FRAME % (STORE % store, crt), files=files)
    assert [shown(proxy, name) for name in ("a.example", "b.example", None)] == ["a.example", "b.example", "a.example"]


def test_lists_name_them(weir, files):
    (files / "list").write_text("@web/a.example.crt\n@web/other x.example\n")
    proxy = weir("haproxy", text=FRAME % (STORE % " web", "crt-list {files}/list"), files=files)
    assert [shown(proxy, name) for name in ("a.example", "x.example")] == ["a.example", "b.example"]


def test_servers_are_shown_them(weir, certs, files, origins):
    origin = origins(tls=certs.server_context(ask_client=True))
    proxy = weir("haproxy", files=files, origin=origin, text=(STORE % " web") + """
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
listen web
    bind 127.0.0.1:{port}
    server s {origin} ssl verify none crt @web/other
""")
    assert proxy.get().status == 200


def test_a_key_that_is_named_takes_the_place_of_the_other(weir, certs, files):
    mixed = files / "mixed.pem"
    certs.leaf("b.example")
    mixed.write_text((certs.dir / "a.example.crt").read_text() + (certs.dir / "b.example.key").read_text())
    proxy = weir("haproxy", files=files, mixed=mixed,
                 text=FRAME % ("crt-store\n    load crt {mixed} key {files}/key/a.example.key alias m", "crt @/m"))
    assert shown(proxy) == "a.example"


def test_they_are_replaced_at_run_time(weir, certs, files):
    proxy = weir("haproxy", files=files, text=FRAME % (
        "global\n    stats socket {dir}/admin.sock mode 600 level admin\n" + STORE % " web", "crt @web/other"))
    admin = proxy.runtime()
    assert "@web/other" in admin("show ssl cert")
    text = "\n".join(line for line in certs.leaf("c.example").read_text().splitlines() if line)
    admin(f"set ssl cert @web/other <<\n{text}\n")
    assert "Success!" in admin("commit ssl cert @web/other")
    assert shown(proxy) == "c.example"


@pytest.mark.parametrize("lines, said", [
    ("load key {files}/key/a.example.key", "mandatory 'crt' parameter not found"),
    ("load crt {files}/crt/a.example.crt", "no private key"),
    ("load crt {files}/crt/nothing.crt key {files}/key/a.example.key", "No such file"),
    ("load crt {files}/crt/a.example.crt key {files}/key/a.example.key alias /x", "'/' is forbidden"),
    ("load crt {files}/crt/a.example.crt nonsense x", "is not an option of load"),
    ("load crt {files}/crt/a.example.crt key", "has no value"),
    ("load crt {files}/crt/a.example.crt key {files}/key/a.example.key\n    crt-base /x", "stands behind a load line"),
    ("load crt {files}/crt/a.example.crt key {files}/key/a.example.key\n" * 2, "is loaded already"),
])
def test_what_is_wrong(weir, files, lines, said):
    proxy = weir("haproxy", files=files, start=False,
                 text=FRAME % ("crt-store\n    " + lines, "crt {files}/crt/a.example.crt"))
    result = proxy.run("-c", "-f", str(proxy.conf))
    assert result.returncode == 1 and said in result.stderr, result.stderr


def test_a_certificate_that_is_used_already_cannot_be_loaded(weir, files):
    proxy = weir("haproxy", files=files, start=False, text=FRAME % ("", "crt {files}/whole.pem") + """
crt-store
    load crt {files}/whole.pem key {files}/key/a.example.key
""")
    (files / "whole.pem").write_text("".join((files / k / f"a.example.{k}").read_text() for k in ("crt", "key")))
    result = proxy.run("-c", "-f", str(proxy.conf))
    assert result.returncode == 1 and "is loaded already" in result.stderr
