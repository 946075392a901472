"""limit_rate counts every byte of an answer: its head and the framing of its chunks as well."""

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
    access_log access.log;
    server {
        listen 127.0.0.1:{port};
        send_timeout 1s;
        location / { limit_rate 200; proxy_pass http://{origin}; }
        location /after/ { limit_rate 20; limit_rate_after 1000; proxy_pass http://{origin}; }
        location /head/ { limit_rate 100; add_header X-Filler {filler}; return 204; }
        location /file/ { limit_rate 1000; alias {dir}/files/; }
    }
}
"""


@pytest.fixture
def start(weir, origin):
    proxy = weir("nginx", text=CONF, origin=origin, filler="f" * 200, start=False)
    files = proxy.dir / "files"
    files.mkdir()
    (files / "x").write_bytes(b"x" * 2500)
    return proxy.start()


def timed(proxy, target, **options):
    began = time.monotonic()
    reply = proxy.get(target, **options)
    return reply, time.monotonic() - began


def test_the_head_is_slowed_too(start):
    reply, took = timed(start, "/head/x")
    assert reply.status == 204 and reply.header("X-Filler") == "f" * 200
    assert took >= 2, "more than 300 bytes at 100 a second"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_proxied_answer(start, origin, chunked):
    origin.default = Reply(body=[b"b" * 100] * 4 if chunked else b"b" * 400, chunked=chunked)
    reply, took = timed(start, "/")
    assert reply.body == b"b" * 400
    assert took >= 1, "head and body at 200 a second"


def test_so_much_goes_at_once(start, origin):
    origin.default = Reply(body=b"b" * 400)
    reply, took = timed(start, "/after/")
    assert reply.body == b"b" * 400
    assert took < 15, "head and body would need more at 20 a second"


def test_a_file_on_one_connection_after_the_other(start):
    with start.client() as client:
        for _ in range(2):
            began = time.monotonic()
            assert client.request("/file/x").body == b"x" * 2500
            assert time.monotonic() - began >= 1


def test_a_pace_is_no_silence_of_the_client(start, origin):
    """send_timeout counts what the client does not take, not what it is not given yet."""
    origin.default = Reply(body=b"b" * 600)
    reply, took = timed(start, "/")
    assert reply.body == b"b" * 600 and took >= 2
