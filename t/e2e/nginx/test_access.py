"""Who may come in: allow and deny, auth_basic, auth_request, satisfy, limit_except, real addresses, links."""

import base64
import hashlib
import time

import pytest

from rig.origin import Reply

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    proxy_http_version 1.1;
    server {
        listen 127.0.0.1:{port};
        location /open { return 200 open; }
        location / { proxy_pass http://{origin}; }

        location /deny { deny all; proxy_pass http://{origin}; }
        location /allow { allow 127.0.0.0/8; deny all; proxy_pass http://{origin}; }
        location /first { deny 127.0.0.1; allow all; proxy_pass http://{origin}; }
        location /page { error_page 403 =200 /open; deny all; proxy_pass http://{origin}; }
        location /twice { error_page 403 /deny; deny all; proxy_pass http://{origin}; }
        location /except { limit_except GET { deny all; } proxy_pass http://{origin}; }

        location /basic { auth_basic "the $arg_r room"; auth_basic_user_file users; proxy_pass http://{origin}; }
        location /nofile { auth_basic x; auth_basic_user_file missing; proxy_pass http://{origin}; }
        location /slow { auth_basic x; auth_basic_user_file users; auth_delay 500ms; proxy_pass http://{origin}; }
        location /slower { auth_basic x; auth_basic_user_file users; auth_delay 60s; proxy_pass http://{origin}; }

        location /asked { auth_request /auth; auth_request_set $who $upstream_http_x_user; add_header X-Who $who;
            proxy_pass http://{origin}; }
        location = /auth { internal; proxy_pass http://{origin}/check; proxy_pass_request_body off;
            proxy_set_header X-Asked $request_uri; }
        location /askedlocal { auth_request /local403; proxy_pass http://{origin}; }
        location = /local403 { return 403; }
        location /askednothing { auth_request /nowhere; proxy_pass http://{dead}; }
        location = /nowhere { proxy_pass http://{dead}; }
        location /cycle { auth_request /cycle; return 200; }

        location /any { satisfy any; deny all; auth_basic x; auth_basic_user_file users; proxy_pass http://{origin}; }
        location /anyip { satisfy any; allow 127.0.0.1; auth_basic x; auth_basic_user_file users; proxy_pass http://{origin}; }
        location /all { satisfy all; allow 127.0.0.1; auth_basic x; auth_basic_user_file users; proxy_pass http://{origin}; }

        location /real { set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; allow 192.0.2.1; deny all;
            proxy_set_header X-Seen $remote_addr,$realip_remote_addr; proxy_pass http://{origin}; }
        location /chain { set_real_ip_from 127.0.0.1; set_real_ip_from 198.51.100.0/24; real_ip_header X-Forwarded-For;
            real_ip_recursive on; proxy_set_header X-Seen $remote_addr; proxy_pass http://{origin}; }
        location /untrusted { set_real_ip_from 10.0.0.1; proxy_set_header X-Seen $remote_addr; proxy_pass http://{origin}; }

        location /referer { valid_referers none blocked server_names *.example.com ~\\.friend\\.;
            if ($invalid_referer) { return 403; } proxy_pass http://{origin}; }
        location /link { secure_link $arg_s,$arg_e; secure_link_md5 "$secure_link_expires$uri key";
            if ($secure_link = "") { return 403; } if ($secure_link = "0") { return 410; } return 200 good; }
    }
}
"""


def users():
    digest = base64.b64encode(hashlib.sha1(b"sesame").digest()).decode()
    return f"# people\nplain:{{PLAIN}}pw\nsha:{{SHA}}{digest}:comment\n"


@pytest.fixture
def proxy(weir, origin):
    made = weir("nginx", text=CONF, origin=origin, start=False)
    (made.dir / "users").write_text(users())
    return made.start()


def authorization(user, password):
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


@pytest.mark.parametrize(("target", "status"), [("/deny", 403), ("/allow", 200), ("/first", 403), ("/page", 200), ("/twice", 403)])
def test_allow_and_deny(proxy, target, status):
    assert proxy.get(target).status == status


def test_a_refusal_is_logged(proxy):
    proxy.get("/deny")
    assert "access forbidden by rule" in proxy.log_text()


def test_limit_except(proxy):
    assert proxy.get("/except").status == 200
    with proxy.client() as client:
        assert client.request("/except", method="HEAD").status == 200
        assert client.request("/except", method="DELETE").status == 403


def test_auth_basic(proxy):
    refused = proxy.get("/basic?r=blue")
    assert refused.status == 401
    assert refused.header("WWW-Authenticate") == 'Basic realm="the blue room"'
    assert proxy.get("/basic", headers=authorization("plain", "pw")).status == 200
    assert proxy.get("/basic", headers=authorization("sha", "sesame")).status == 200
    assert proxy.get("/basic", headers=authorization("sha", "wrong")).status == 401
    assert proxy.get("/basic", headers=authorization("nobody", "pw")).status == 401
    assert proxy.get("/basic", headers=authorization("# people", "")).status == 401
    assert proxy.get("/basic", headers=[("Authorization", "Basic !")]).status == 401
    assert proxy.get("/nofile", headers=authorization("a", "b")).status == 403
    log = proxy.log_text()
    assert 'user "sha": password mismatch' in log
    assert 'user "nobody" was not found in' in log


def test_a_changed_user_file_counts_at_once(proxy):
    assert proxy.get("/basic", headers=authorization("new", "pw")).status == 401
    (proxy.dir / "users").write_text("new:{PLAIN}pw\n")
    assert proxy.get("/basic", headers=authorization("new", "pw")).status == 200


def test_auth_delay(proxy):
    begin = time.monotonic()
    assert proxy.get("/slow").status == 401
    assert time.monotonic() - begin >= 0.45
    assert proxy.get("/slower", headers=authorization("plain", "pw")).status == 200, "at once, or the client would give up"


def test_auth_request(proxy, origin):
    origin.on("/check", Reply(status=204, headers=[("X-User", "ann")]))
    answer = proxy.get("/asked?x=1")
    assert (answer.status, answer.header("X-Who")) == (200, "ann")
    assert origin.paths() == ["/check", "/asked?x=1"]
    assert origin.requests[0].header("X-Asked") == "/asked?x=1"


@pytest.mark.parametrize(("reply", "status"), [(401, 401), (403, 403), (200, 200), (404, 500), (500, 500)])
def test_auth_request_answers(proxy, origin, reply, status):
    headers = [("WWW-Authenticate", "Fancy one"), ("WWW-Authenticate", "Fancy two")] if reply == 401 else []
    origin.on("/check", Reply(status=reply, headers=headers, body=b"hidden"))
    answer = proxy.get("/asked")
    assert answer.status == status
    assert b"hidden" not in answer.body
    assert answer.headers.all("WWW-Authenticate") == [value for _, value in headers]


def test_auth_request_keeps_the_body_for_the_server(proxy, origin):
    origin.on("/check", Reply(status=200))
    with proxy.client() as client:
        assert client.request("/asked", method="POST", body=b"x" * 100000).status == 200
    assert [len(request.body) for request in origin.requests] == [0, 100000]


def test_auth_request_local_and_dead(proxy):
    assert proxy.get("/askedlocal").status == 403
    assert proxy.get("/askednothing").status == 500
    assert "auth request unexpected status: 502" in proxy.log_text()


def test_a_client_that_leaves_ends_its_subrequest(proxy, origin):
    origin.on("/check", Reply(status=200, delay=5))
    for _ in range(5):
        with proxy.client() as client:
            client.send(b"GET /asked HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.05)
    assert proxy.get("/open").status == 200


def test_satisfy(proxy):
    good = authorization("plain", "pw")
    assert proxy.get("/any").status == 401
    admitted = proxy.get("/any", headers=good)
    assert (admitted.status, admitted.header("WWW-Authenticate")) == (200, None)
    assert proxy.get("/anyip").status == 200
    assert proxy.get("/all").status == 401
    assert proxy.get("/all", headers=good).status == 200


def test_real_addresses(proxy, origin):
    assert proxy.get("/real").status == 403
    assert proxy.get("/real", headers=[("X-Forwarded-For", "192.0.2.1")]).status == 200
    assert origin.requests[0].header("X-Seen") == "192.0.2.1,127.0.0.1"
    proxy.get("/chain", headers=[("X-Forwarded-For", "203.0.113.9, 192.0.2.7, 198.51.100.3")])
    assert origin.requests[1].header("X-Seen") == "192.0.2.7"
    proxy.get("/untrusted", headers=[("X-Real-IP", "192.0.2.1")])
    assert origin.requests[2].header("X-Seen") == "127.0.0.1"


def test_a_real_address_is_forgotten_with_its_request(proxy, origin):
    with proxy.client() as client:
        assert client.request("/real", headers=[("X-Forwarded-For", "192.0.2.1")]).status == 200
        assert client.request("/real").status == 403


@pytest.mark.parametrize(
    ("referer", "status"),
    [
        (None, 200),
        ("hidden-by-a-firewall", 200),
        ("http://www.example.com/x", 200),
        ("https://WWW.EXAMPLE.com:8443/", 200),
        ("http://my.friend.net/", 200),
        ("http://evil.net/", 403),
        ("http://example.com.evil.net/", 403),
    ],
)
def test_referers(proxy, referer, status):
    headers = [("Referer", referer)] if referer else []
    assert proxy.get("/referer", headers=headers).status == status


def test_secure_link(proxy):
    def link(expires, key="key"):
        digest = hashlib.md5(f"{expires}/link/a {key}".encode()).digest()
        return f"/link/a?s={base64.urlsafe_b64encode(digest).decode().rstrip('=')}&e={expires}"

    later = int(time.time()) + 60
    assert proxy.get(link(later)).status == 200
    assert proxy.get(link(1000)).status == 410
    assert proxy.get(link(later, "guess")).status == 403
    assert proxy.get("/link/a").status == 403
