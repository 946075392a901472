"""What a proxy_pass with variables means by its URL, and which server a name belongs to."""

import pytest

from rig import net
from rig.http1 import Client

CONF = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log info;
events {}
http {
    upstream Grp { server {origin}; }
    server {
        listen 127.0.0.1:{port};
        location /fixed/ { proxy_pass http://grp; proxy_set_header Host $proxy_host; proxy_set_header X-To "$proxy_host|$proxy_port"; }
        location /group/ { set $to GRP; proxy_pass http://$to; proxy_set_header Host $proxy_host; proxy_set_header X-To "$proxy_host|$proxy_port"; }
        location /address/ { set $to {origin}; proxy_pass http://$to; proxy_set_header Host $proxy_host; proxy_set_header X-To "$proxy_host|$proxy_port"; }
        location /query { set $to grp; proxy_pass http://$to?a=1; }
    }
}
"""


@pytest.fixture
def proxy(weir, origin):
    return weir("nginx", text=CONF, origin=origin)


@pytest.mark.parametrize("target, seen, host", [
    ("/fixed/x", "grp|80", "grp"),
    ("/group/x", "GRP|80", "GRP"),
    ("/address/x", "{origin}|{port}", "{origin}"),
])
def test_variables_of_the_target(proxy, origin, target, seen, host):
    places = {"origin": str(origin), "port": str(origin.port)}
    assert proxy.get(target).status == 200
    (request,) = origin.requests
    assert request.header("X-To") == seen.format(**places)
    assert request.header("Host") == host.format(**places)


def test_a_query_alone_gets_a_path(proxy, origin):
    assert proxy.get("/query").status == 200
    assert origin.requests[0].target == "/?a=1"


@pytest.mark.parametrize("target", ["/fixed", "/group"])
def test_a_folder_without_its_slash_is_redirected(proxy, target):
    answer = proxy.get(target)
    assert (answer.status, answer.header("Location").endswith(target + "/")) == (301, True)


def test_two_groups_of_one_name(weir):
    tested = weir("nginx", text="events {}\nhttp { upstream a { server 127.0.0.1:1; } upstream A { server 127.0.0.1:1; } }",
                  start=False).run("-t")
    assert tested.returncode == 1 and 'duplicate upstream "A"' in tested.stderr


def test_several_ports(weir):
    with net.PortReservation(3) as place:
        first, last = place.port, place.port + 2
        text = CONF.replace("listen 127.0.0.1:{port};", "listen 127.0.0.1:{port}; listen 127.0.0.1:%d-%d;" % (first, last))
        proxy = weir("nginx", text=text.replace("location /query", "location /port { return 200 $server_port; } location /query"),
                     origin="127.0.0.1:1")
        for port in range(first, last + 1):
            with Client(port) as client:
                assert int(client.request("/port").body) == port
        proxy.stop()


@pytest.mark.parametrize("listen, problem", [
    ("127.0.0.1:9-8", 'invalid port range in "127.0.0.1:9-8" of the "listen" directive'),
    ("8003-8001", 'invalid port range in "8003-8001" of the "listen" directive'),
    ("8003-", 'invalid port in "8003-" of the "listen" directive'),
])
def test_ranges_that_are_none(weir, listen, problem):
    tested = weir("nginx", text="events {}\nhttp { server { listen %s; } }" % listen, start=False).run("-t")
    assert tested.returncode == 1 and problem in tested.stderr


NAMES = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log info;
events {}
http {
    server { listen 127.0.0.1:{port}; server_name %s; return 200 first; }
    server { listen 127.0.0.1:{port}; server_name %s; return 200 second; }
}
"""


@pytest.mark.parametrize("first, second, told, answers", [
    ("x.org", ".x.org", [".x.org"], {"x.org": "first", "foo.x.org": "first"}),
    ("def.org", "x.org .x.org", [".x.org"], {"x.org": "second", "foo.x.org": "first"}),
    ("*.x.org", ".x.org", [".x.org"], {"x.org": "first", "foo.x.org": "first"}),
    ("def.org", "*.x.org .x.org", [".x.org"], {"x.org": "first", "foo.x.org": "second"}),
    ("www.x.*", "a.x.org a.x.org", ["a.x.org"], {"a.x.org": "second", "www.x.net": "first"}),
])
def test_a_name_that_somebody_has_is_ignored_as_a_whole(weir, first, second, told, answers):
    proxy = weir("nginx", text=NAMES % (first, second))
    for host, body in answers.items():
        assert proxy.get("/", headers=[("Host", host)]).body == body.encode(), host
    tested = proxy.run("-t")
    assert [line.split('"')[1] for line in tested.stderr.splitlines() if "[warn] conflicting server name" in line] == told
