"""TLS towards servers: names, verification, certificates, and sessions (ngx_http_proxy_module, proxy_ssl_…)."""

import subprocess

import pytest

ORIGIN = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    ssl_certificate {pem};
    ssl_certificate_key {pem};
    ssl_session_cache shared:s:1m;
    server { listen 127.0.0.1:{port} ssl; ssl_verify_client optional; ssl_client_certificate {ca};
        return 200 "name=$ssl_server_name reused=$ssl_session_reused client=$ssl_client_s_dn $ssl_protocol $connection"; }
}
"""

PROXY = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    upstream kept { server 127.0.0.1:{origin}; keepalive 8; }
    server { listen 127.0.0.1:{port};
        %s
    }
}
"""


@pytest.fixture
def origin(weir, certs):
    return weir("nginx", text=ORIGIN, pem=certs.leaf("server.example"), ca=certs.ca)


def start(weir, certs, origin, text, begin=True):
    return weir("nginx", text=PROXY % text, origin=origin.port, ca=certs.ca, client=certs.leaf("proxy"), start=begin)


def test_what_a_server_is_told(weir, certs, origin):
    proxy = start(weir, certs, origin, """
        location /plain { proxy_pass https://127.0.0.1:{origin}; }
        location /name { proxy_pass https://127.0.0.1:{origin}; proxy_ssl_server_name on; proxy_ssl_name $arg_n:443; }
        location /address { proxy_pass https://127.0.0.1:{origin}; proxy_ssl_server_name on; }
        location /upstream { proxy_pass https://kept; proxy_ssl_server_name on; }
        location /certificate { proxy_pass https://127.0.0.1:{origin};
            proxy_ssl_certificate {client}; proxy_ssl_certificate_key {client}; proxy_ssl_protocols TLSv1.2; }
        location /dynamic { proxy_pass https://$arg_to; }
        location /either { proxy_pass $arg_to; }
    """)
    assert proxy.get("/plain").body.decode().startswith("name= reused=. client= TLSv1.3")
    assert proxy.get("/name?n=Some.example").body.decode().startswith("name=Some.example ")
    assert proxy.get("/address").body.decode().startswith("name= ")
    assert proxy.get("/upstream").body.decode().startswith("name=kept ")
    assert "client=CN=proxy TLSv1.2" in proxy.get("/certificate").body.decode()
    assert "TLSv1.3" in proxy.get(f"/dynamic?to=127.0.0.1:{origin.port}").body.decode()
    assert "TLSv1.3" in proxy.get(f"/either?to=https://127.0.0.1:{origin.port}").body.decode()
    assert proxy.get(f"/either?to=http://127.0.0.1:{origin.port}").status == 400


def test_the_same_host_over_both_schemes(weir):
    proxy = weir("nginx", text=PROXY % """
        location /tls { proxy_pass https://localhost; }
        location /plain { proxy_pass http://localhost; }
    """, origin=1)
    assert {proxy.get("/tls").status, proxy.get("/plain").status} == {502}
    proxy.wait_log(r'upstream: "https://127.0.0.1:443/tls"')
    proxy.wait_log(r'upstream: "http://127.0.0.1:80/plain"')


@pytest.mark.parametrize("words, status", [
    ("proxy_ssl_name server.example;", 200),
    ("proxy_ssl_name other.example;", 502),
    ("proxy_ssl_name server.example; proxy_ssl_server_name on;", 200),
    ("", 502),  # the certificate is not the address's
])
def test_a_server_is_who_it_should_be(weir, certs, origin, words, status):
    proxy = start(weir, certs, origin, "location / { proxy_pass https://127.0.0.1:{origin}; proxy_ssl_verify on; "
                  "proxy_ssl_trusted_certificate {ca}; %s }" % words)
    assert proxy.get().status == status
    if status == 502:
        proxy.wait_log("upstream SSL certificate verify error: ")


def test_a_server_whose_authority_is_another(weir, certs, origin):
    proxy = start(weir, certs, origin, "location / { proxy_pass https://127.0.0.1:{origin}; proxy_ssl_verify on; "
                  "proxy_ssl_name server.example; proxy_ssl_trusted_certificate {dir}/other.crt; }", begin=False)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=other", "-keyout", "other.key", "-out", "other.crt"], cwd=proxy.dir, check=True, capture_output=True)
    proxy.start()
    assert proxy.get().status == 502
    proxy.wait_log(r"upstream SSL certificate verify error: \(19:")


def test_somebody_has_to_vouch_for_servers(weir):
    bad = weir("nginx", text=PROXY % "location / { proxy_pass https://127.0.0.1:1; proxy_ssl_verify on; }", origin=1, start=False)
    result = bad.run("-t")
    assert result.returncode == 1 and "no proxy_ssl_trusted_certificate for proxy_ssl_verify" in result.stderr


def test_sessions_are_resumed(weir, certs, origin):
    proxy = start(weir, certs, origin, """
        location /on { proxy_pass https://127.0.0.1:{origin}; }
        location /off { proxy_pass https://127.0.0.1:{origin}; proxy_ssl_session_reuse off; }
        location /named { proxy_pass https://127.0.0.1:{origin}; proxy_ssl_server_name on; proxy_ssl_name $arg_n; }
    """)
    assert ["reused=r" in proxy.get("/on").body.decode() for _ in range(3)] == [False, True, True]
    assert ["reused=r" in proxy.get("/off").body.decode() for _ in range(3)] == [False, False, False]
    assert ["reused=r" in proxy.get(f"/named?n={n}").body.decode() for n in ("a", "b", "a", "b")] == [False, False, True, True]


def test_idle_connections_serve_their_own_name_only(weir, certs, origin):
    proxy = start(weir, certs, origin, """
        location / { proxy_pass https://kept; proxy_ssl_server_name on; proxy_ssl_name $arg_n; proxy_http_version 1.1;
            proxy_set_header Connection ""; }
    """)

    def connection(name):
        text = proxy.get(f"/?n={name}").body.decode()
        assert text.startswith(f"name={name} ")
        return text.split()[-1]

    first, other = connection("a"), connection("b")
    assert first != other
    assert (connection("a"), connection("b")) == (first, other)
