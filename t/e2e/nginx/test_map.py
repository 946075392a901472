"""Variables that the configuration makes: map, geo, split_clients."""

import pytest

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log;
events {}
http {
    access_log off;
    map $arg_k $plain { default none; One 1; \\default literal; ~^re(.+)$ "got $1"; ~*^CI insensitive; var $arg_v; }
    map $arg_h $host_kind {
        hostnames;
        default none;
        example.com exact;
        *.example.com leading;
        www.example.* trailing;
        .example.org both;
    }
    map "$arg_a-$arg_b" $pair { 1-2 yes; }
    map $arg_k $named { "~^(?<what>[a-z]+)=" $what; }
    map $arg_k $once { default $arg_v; }
    map $arg_k $again { volatile; default $arg_v; }

    geo $arg_ip $net { default none; 10.0.0.0/8 ten; 10.1.0.0/16 inner; 10.1.2.3 one; 2001:db8::/32 six; 192.0.2.0/24 gone;
        delete 192.0.2.0/24; }
    geo $arg_ip $range { ranges; default none; 10.0.0.0-10.0.255.255 low; 10.0.1.0-10.0.1.255 cut; }
    geo $client { default other; 127.0.0.1 local; 192.0.2.1 told; proxy 127.0.0.1; }

    split_clients $arg_k $half { 50% a; * b; }
    split_clients $arg_k $most { 0.01% rare; 99.99% usual; }

    server {
        listen 127.0.0.1:{port};
        location /plain { return 200 $plain; }
        location /host { return 200 $host_kind; }
        location /pair { return 200 "[$pair]"; }
        location /named { return 200 $named; }
        location /volatile {
            set $x "$once$again";
            set $args "k=1&v=second";
            return 200 "$once $again";
        }
        location /net { return 200 $net; }
        location /range { return 200 $range; }
        location /client { return 200 $client; }
        location /half { return 200 "$half"; }
        location /most { return 200 $most; }
    }
}
"""


@pytest.fixture
def proxy(weir):
    return weir("nginx", text=CONF)


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/plain?k=x", b"none"),
        ("/plain?k=ONE", b"1"),
        ("/plain?k=default", b"literal"),
        ("/plain?k=reX", b"got X"),
        ("/plain?k=REX", b"none"),
        ("/plain?k=ci", b"insensitive"),
        ("/plain?k=var&v=value", b"value"),
        ("/host?h=example.com.", b"exact"),
        ("/host?h=a.b.example.com", b"leading"),
        ("/host?h=WWW.example.co.uk", b"trailing"),
        ("/host?h=example.org", b"both"),
        ("/host?h=x.example.org", b"both"),
        ("/host?h=example.net", b"none"),
        ("/pair?a=1&b=2", b"[yes]"),
        ("/pair?a=1", b"[]"),
        ("/named?k=abc=", b"abc"),
        ("/volatile?k=1&v=first", b"first second"),
        ("/net?ip=10.2.0.1", b"ten"),
        ("/net?ip=10.1.9.9", b"inner"),
        ("/net?ip=10.1.2.3", b"one"),
        ("/net?ip=2001:db8::1", b"six"),
        ("/net?ip=192.0.2.1", b"none"),
        ("/net?ip=junk", b"none"),
        ("/range?ip=10.0.0.9", b"low"),
        ("/range?ip=10.0.1.9", b"cut"),
        ("/range?ip=10.0.2.9", b"low"),
        ("/range?ip=10.1.0.0", b"none"),
        ("/client", b"local"),
        ("/most?k=a", b"usual"),
    ],
)
def test_values(proxy, target, body):
    assert proxy.get(target).body == body


def test_geo_believes_its_proxies(proxy):
    answer = proxy.get("/client", headers=[("X-Forwarded-For", "198.51.100.1, 192.0.2.1")])
    assert answer.body == b"told"


def test_split_clients_halves(proxy):
    with proxy.client() as client:
        answers = [client.request(f"/half?k={n}").body for n in range(200)]
    assert 60 < answers.count(b"a") < 140
    assert answers == [proxy.get(f"/half?k={n}").body for n in range(3)] + answers[3:]


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("map $uri $x { a 1; A 2; }", 'conflicting parameter "A"'),
        ("map $uri $x { default 1; default 2; }", "duplicate default map parameter"),
        ("map $uri x { a 1; }", 'invalid variable name "x"'),
        ("map $uri $x { a 1 2; }", "invalid number of the map parameters"),
        ("map $uri $x { hostnames; *a 1; }", 'invalid hostname or wildcard "*a"'),
        ("geo $x { 10.0.0.0/99 a; }", 'invalid network "10.0.0.0/99"'),
        ("geo $x { 10.0.0.1 a; ranges; }", 'the "ranges" directive must be the first'),
        ("geo $x { ranges; 10.0.0.5-10.0.0.1 a; }", 'invalid range "10.0.0.5-10.0.0.1"'),
        ("split_clients $uri $x { 60% a; 60% b; }", "percent total is greater than 100%"),
        ("split_clients $uri $x { many a; }", 'invalid percent value "many"'),
    ],
)
def test_what_is_refused(weir, block, complaint):
    text = "events {} http { " + block + " server { listen 127.0.0.1:{port}; } }"
    result = weir("nginx", text=text, start=False).run("-t")
    assert result.returncode == 1
    assert complaint in result.stderr
