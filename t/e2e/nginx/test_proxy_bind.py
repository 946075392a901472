"""proxy_bind: the local end of connections to servers, fixed or made for each request."""

import pytest

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    upstream inner { server 127.0.0.1:{inner_port}; keepalive 8; }
    server {
        listen 127.0.0.1:{port};
        proxy_bind 127.0.0.7;
        location / { proxy_pass http://inner; }
        location /off { proxy_bind off; proxy_pass http://inner; }
        location /own { proxy_bind 127.0.0.8; proxy_pass http://inner; }
        location /arg { proxy_bind $arg_from; proxy_pass http://inner; }
        location /transparent { proxy_bind $arg_from transparent; proxy_pass http://inner; }
        location /elsewhere { proxy_bind 192.0.2.1; proxy_pass http://inner; }
        location /six { proxy_bind ::1; proxy_pass http://inner; }
    }
    server {
        listen 127.0.0.1:{inner_port};
        location / { return 200 "$remote_addr $connection_requests"; }
    }
}
"""


@pytest.fixture
def proxy(weir):
    return weir("nginx", text=CONF)


def seen(client, target):
    return client.request(target).body.decode().split()


@pytest.mark.parametrize("target, address", [
    ("/", "127.0.0.7"), ("/off", "127.0.0.1"), ("/own", "127.0.0.8"), ("/arg?from=127.0.0.9", "127.0.0.9"),
    ("/arg", "127.0.0.1"), ("/transparent?from=127.0.0.10", "127.0.0.10"), ("/transparent", "127.0.0.1"),
])
def test_where_connections_come_from(proxy, target, address):
    with proxy.client() as client:
        assert seen(client, target)[0] == address


def test_a_bad_value_is_told_and_binds_nothing(proxy):
    with proxy.client() as client:
        assert seen(client, "/arg?from=nobody")[0] == "127.0.0.1"
    proxy.wait_log('invalid local address "nobody"')


@pytest.mark.parametrize("target, address", [("/elsewhere", "192.0.2.1"), ("/six", "::1")])
def test_an_address_that_cannot_be_bound(proxy, target, address):
    assert proxy.get(target).status == 500
    proxy.wait_log(rf"bind\({address}\) failed \(\d+: .*\) while connecting to upstream")


def test_idle_connections_keep_their_address(proxy):
    with proxy.client() as client:
        for source, requests in [("127.0.0.3", "1"), ("127.0.0.4", "1"), ("127.0.0.3", "2"), ("127.0.0.4", "2")]:
            assert seen(client, f"/arg?from={source}") == [source, requests]


@pytest.mark.parametrize("line, problem", [
    ("proxy_bind nowhere;", 'invalid address "nowhere"'),
    ("proxy_bind 127.0.0.1 seen;", 'invalid parameter "seen"'),
    ("proxy_bind 127.0.0.1; proxy_bind 127.0.0.2;", '"proxy_bind" directive is duplicate'),
])
def test_what_is_refused(weir, line, problem):
    proxy = weir("nginx", text=CONF.replace("proxy_bind 127.0.0.7;", line), start=False)
    tested = proxy.run("-t", "-p", str(proxy.dir), "-c", str(proxy.conf))
    assert tested.returncode == 1 and problem in tested.stderr
