"""Certificates whose names have variables, how long they are kept, and files that several servers name."""

import os
import ssl
import threading

import pytest

from rig import tls
from rig.net import wait_until

FRAME = """
daemon off;
user root;
worker_processes 2;
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    %s
}
"""

BY_NAME = """
    ssl_certificate {folder}/$ssl_server_name.pem;
    ssl_certificate_key {folder}/$ssl_server_name.pem;
    %s
    server { listen 127.0.0.1:{port} ssl; return 200 "$ssl_server_name $ssl_session_reused"; }
"""


def copy(certs, folder, name, of=None):
    """In one step, so that nobody reads half of it."""
    (folder / "tmp").write_text(certs.leaf(of or name).read_text())
    (folder / "tmp").rename(folder / f"{name}.pem")


def shown(proxy, name):
    """The common name of what a client gets that asks for `name`; None: the handshake fails."""
    try:
        return tls.Exchange(proxy.port, tls.context(), sni=name).name
    except (ssl.SSLError, ConnectionError):
        return None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_names_choose_files(weir, certs, tmp_path, version):
    for name in ("a.example", "b.example"):
        copy(certs, tmp_path, name)
    proxy = weir("nginx", text=FRAME % (BY_NAME % ""), folder=tmp_path)
    for name in ("a.example", "b.example"):
        answer = tls.Exchange(proxy.port, tls.context(version=version), sni=name)
        assert (answer.name, answer.body) == (name, f"{name} .".encode())
    assert shown(proxy, "c.example") is None
    proxy.wait_log(f'cannot load certificate "{tmp_path}/c.example.pem": No such file or directory.* SSL handshaking')


def test_sessions_are_resumed(weir, certs, tmp_path):
    copy(certs, tmp_path, "a.example")
    proxy = weir("nginx", text=FRAME % (BY_NAME % ""), folder=tmp_path)
    made = tls.context()
    first = tls.Exchange(proxy.port, made, sni="a.example")
    assert tls.Exchange(proxy.port, made, sni="a.example", session=first.session).body == b"a.example r"


def test_nothing_is_kept_without_a_cache(weir, certs, tmp_path):
    copy(certs, tmp_path, "a.example")
    proxy = weir("nginx", text=FRAME % (BY_NAME % ""), folder=tmp_path)
    assert shown(proxy, "a.example") == "a.example"
    copy(certs, tmp_path, "a.example", of="b.example")
    assert shown(proxy, "a.example") == "b.example"


def test_a_cache_keeps_so_many(weir, certs, tmp_path):
    for name in ("a.example", "b.example", "c.example"):
        copy(certs, tmp_path, name)
    proxy = weir("nginx", text=FRAME % (BY_NAME % "ssl_certificate_cache max=4 valid=1h;"), folder=tmp_path)
    assert [shown(proxy, n) for n in ("a.example", "b.example")] == ["a.example", "b.example"]
    for name in ("a.example", "b.example"):
        (tmp_path / f"{name}.pem").unlink()
    assert [shown(proxy, n) for n in ("a.example", "b.example")] == ["a.example", "b.example"]
    assert shown(proxy, "c.example") == "c.example"  # which takes the places of the one that was asked for first
    assert [shown(proxy, n) for n in ("b.example", "a.example")] == ["b.example", None]


def test_what_is_kept_is_looked_at_when_its_time_is_over(weir, certs, tmp_path):
    copy(certs, tmp_path, "a.example")
    proxy = weir("nginx", text=FRAME % (BY_NAME % "ssl_certificate_cache max=4 valid=0s;"), folder=tmp_path)
    assert shown(proxy, "a.example") == "a.example"
    copy(certs, tmp_path, "a.example", of="b.example")
    wait_until(lambda: shown(proxy, "a.example") == "b.example", lambda: "the new file")


def test_a_certificate_in_a_variable(weir, certs, tmp_path):
    text = certs.leaf("a.example").read_text().replace("$", "")
    proxy = weir("nginx", text=FRAME % """
    geo $pem { default "%s"; }
    server { listen 127.0.0.1:{port} ssl; ssl_certificate data:$pem; ssl_certificate_key data:$pem; return 200; }
""" % text)
    assert shown(proxy, None) == "a.example"


def test_keys_of_stores(weir, certs):
    pem = certs.leaf("a.example")
    proxy = weir("nginx", pem=pem, text=FRAME % """
    server { listen 127.0.0.1:{port} ssl; ssl_certificate {pem}; ssl_certificate_key store:file:{pem}; return 200; }
""")
    assert shown(proxy, None) == "a.example"


def test_a_stalled_file_holds_nobody_else(weir, certs, tmp_path):
    copy(certs, tmp_path, "b.example")
    os.mkfifo(tmp_path / "a.example.pem")
    for name in ("a.example", "b.example"):
        (tmp_path / f"{name}.key").write_text(certs.leaf(name).read_text())
    text = BY_NAME.replace("key {folder}/$ssl_server_name.pem", "key {folder}/$ssl_server_name.key") % ""
    proxy = weir("nginx", text=(FRAME % text).replace("worker_processes 2", "worker_processes 1"), folder=tmp_path)
    got = []
    slow = threading.Thread(target=lambda: got.append(shown(proxy, "a.example")))
    slow.start()
    assert shown(proxy, "b.example") == "b.example" and not got
    with open(tmp_path / "a.example.pem", "w", encoding="ascii") as fifo:
        fifo.write(certs.leaf("a.example").read_text())
    slow.join(20)
    assert got == ["a.example"]


@pytest.mark.parametrize("words, said", [
    ("inactive=1s", '"ssl_certificate_cache" must have the "max" parameter'),
    ("max=0", "max=N"), ("max=4 other=1", "max=N"), ("max=4 valid=x", "max=N"),
])
def test_a_cache_has_a_size(weir, certs, words, said):
    proxy = weir("nginx", text=FRAME % f"ssl_certificate_cache {words};", start=False)
    result = proxy.run("-t")
    assert result.returncode == 1 and said in result.stderr


# --- towards servers ---

@pytest.fixture
def origin(weir, certs):
    return weir("nginx", pem=certs.leaf("server.example"), ca=certs.ca, text=FRAME % """
    ssl_certificate {pem}; ssl_certificate_key {pem}; ssl_session_cache shared:s:1m;
    server { listen 127.0.0.1:{port} ssl; ssl_verify_client optional; ssl_client_certificate {ca};
        return 200 "$ssl_client_s_dn $ssl_session_reused $connection"; }
""")


PROXY = """
    upstream kept { server 127.0.0.1:{origin}; keepalive 8; }
    server { listen 127.0.0.1:{port};
        proxy_ssl_certificate {folder}/$arg_c.pem;
        proxy_ssl_certificate_key {folder}/$arg_c.pem;
        %s
        location / { proxy_pass https://127.0.0.1:{origin}; }
        location /kept { proxy_pass https://kept; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
"""


def client(answer):
    return answer.body.decode().split()[0]


@pytest.mark.parametrize("cache", ["", "proxy_ssl_certificate_cache max=8;"])
def test_requests_choose_what_servers_are_shown(weir, certs, origin, tmp_path, cache):
    for name in ("a.example", "b.example"):
        copy(certs, tmp_path, name)
    proxy = weir("nginx", text=FRAME % (PROXY % cache), folder=tmp_path, origin=origin.port)
    for where in ("/", "/kept"):
        for name in ("a.example", "b.example", "a.example"):
            assert client(proxy.get(f"{where}?c={name}")) == f"CN={name}"
    # Idle connections and sessions are for the certificate that opened them.
    again = [proxy.get("/kept?c=a.example").body for _ in range(4)]
    assert len(set(again)) < 4
    assert proxy.get("/?c=c.example").status == 500
    proxy.wait_log(f'cannot load certificate "{tmp_path}/c.example.pem"')
