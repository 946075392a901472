"""What $upstream_… and $bytes_sent say when an answer from here takes the place of the server's, and with chunked bodies;
folders for temporary files belong to who writes them."""

import os
import pwd

import pytest

from rig.origin import Reply

CONF = """
daemon off;
{user_line}
pid nginx.pid;
error_log error.log info;
events {}
http {
    log_format values "$uri $status body=$body_bytes_sent all=$bytes_sent length=$upstream_response_length"
                      " seen=$upstream_http_x_seen cookie=$upstream_cookie_c";
    access_log access.log values;
    client_body_temp_path {dir}/bodies;
    client_body_buffer_size 1k;
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://{origin}; }
        location /chunked { proxy_pass http://{origin}; proxy_http_version 1.1; proxy_buffering off; }
        location /page {
            proxy_pass http://{origin};
            proxy_intercept_errors on;
            error_page 503 /sorry;
        }
        location = /sorry { internal; return 503 "a page of our own"; }
        location /accel { proxy_pass http://{origin}; }
        location /inner { internal; add_header X-Told $upstream_http_x_seen; return 200 in; }
    }
}
"""


def start(weir, origin, user_line="user {user};"):
    return weir("nginx", text=CONF.replace("{user_line}", user_line), origin=origin)


def test_chunks_count_with_their_framing(weir, origin):
    origin.on("/chunked", lambda exchange: exchange.send(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n"))
    proxy = start(weir, origin)
    with proxy.client() as client:
        client.send("GET /chunked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = client.read_all()
    body = len(answer.split(b"\r\n\r\n", 1)[1])
    assert body > 16
    proxy.wait_log(rf"/chunked 200 body={body} all={len(answer)} length=16 ")


def test_values_of_an_answer_that_an_error_page_replaces(weir, origin):
    origin.on("/page", Reply(status=503, body=b"b" * 77, headers=[("X-Seen", "yes"), ("Set-Cookie", "c=1; Path=/")]))
    proxy = start(weir, origin)
    response = proxy.get("/page")
    assert (response.status, response.body) == (503, b"a page of our own")
    line = proxy.wait_log(r"^/sorry 503 ")
    assert "seen=yes cookie=1" in line and "length=17" not in line


def test_values_of_an_answer_that_redirects_inside(weir, origin):
    origin.on("/accel", Reply(headers=[("X-Accel-Redirect", "/inner"), ("X-Seen", "yes")]))
    proxy = start(weir, origin)
    response = proxy.get("/accel")
    assert (response.status, response.body, response.header("X-Told")) == (200, b"in", "yes")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's workers change their user")
def test_folders_are_nobodys_where_no_user_is_named(weir, origin):
    proxy = start(weir, origin, user_line="")
    folder = proxy.dir / "bodies"
    assert folder.stat().st_uid == pwd.getpwnam("nobody").pw_uid
    for parent in [proxy.dir, *proxy.dir.parents]:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    assert proxy.get("/", method="POST", body=b"y" * 50000).status == 200
    assert origin.requests[0].body == b"y" * 50000


TWO_POOLS = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    log_format tries "$uri addr=$upstream_addr status=$upstream_status";
    access_log access.log tries;
    upstream first { server {dead}; server {origin} max_fails=0; }
    server {
        listen 127.0.0.1:{port};
        location / {
            proxy_pass http://first;
            proxy_intercept_errors on;
            error_page 404 /other;
        }
        location = /other { proxy_pass http://{origin}; }
    }
}
"""


def test_a_colon_stands_between_the_tries_of_two_pools(weir, origin):
    # ngx_http_upstream_addr_variable: commas are between servers of one group.
    origin.on("/missing", Reply(status=404))
    proxy = weir("nginx", text=TWO_POOLS, origin=origin)
    assert proxy.get("/missing").status == 404
    proxy.wait_log(rf"/other addr=127.0.0.1:\d+, {origin} : {origin} status=502, 404 : 200$")


GROUP = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    log_format tries "$uri addr=$upstream_addr status=$upstream_status connect=$upstream_connect_time"
                     " header=$upstream_header_time length=$upstream_response_length";
    access_log access.log tries;
    upstream group { server {one}; server {two}; }
    server {
        listen 127.0.0.1:{port};
        location / {
            proxy_pass http://group;
            proxy_next_upstream error timeout http_503 non_idempotent;
        }
    }
}
"""


def test_only_a_server_that_is_left_has_failed(weir, origins):
    """ngx_http_upstream_test_next(): the last try's answer goes to the client, and its server stays."""
    one, two = origins(), origins()
    for server in (one, two):
        server.on("/busy", Reply(status=503))
    proxy = weir("nginx", text=GROUP, one=one, two=two)
    assert proxy.get("/busy").status == 503
    proxy.wait_log(rf"/busy addr={one}, {two} status=503, 503 ")
    assert proxy.get("/busy").status == 502
    proxy.wait_log(rf"/busy addr={two}, group status=503, 502 connect=\d+\.\d+, - header=\d+\.\d+, - length=\d+, 0$")
    assert proxy.get("/busy").status == 502
    proxy.wait_log(r"/busy addr=group status=502 connect=- header=- length=0$")
