"""Configurations as people have them, unchanged: with their own names, addresses, ports and paths, on a machine of their own."""

import collections
import csv
import os
import shutil

import pytest

from rig import machine, net, proxy

# A container may be root without the right to make namespaces.
pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not machine.can_be_made(), reason="a machine of its own needs root and namespaces")

EXAMPLES = proxy.CONF / "examples"


def bodies(path, count, **options):
    answers = [machine.get(path, **options) for _ in range(count)]
    assert all(status == 200 for status, _ in answers), answers
    return [body for _, body in answers]


def linked(tmp_path, face):
    link = tmp_path / face
    link.symlink_to(proxy.binary())
    return str(link)


# --- haproxy.cfg ---

SERVERS = {"web1": ("192.168.1.10", 8080), "web2": ("192.168.1.11", 8080), "web3": ("192.168.1.12", 8080),
           "api1": ("192.168.1.20", 8080), "api2": ("192.168.1.21", 8080), "static1": ("192.168.1.30", 80),
           "static2": ("192.168.1.31", 80)}


def wait_listening(*ports):
    """A program opens them one after the other."""
    net.wait_until(lambda: all(net.is_listening(port) for port in ports), lambda: f"ports {ports}")


def states():
    lines = machine.get("/stats;csv", port=8404)[1].removeprefix("# ").splitlines()
    return {row["svname"]: row for row in csv.DictReader(lines)}


def haproxy_inside(command, pem):
    machine.set_up([address for address, _ in SERVERS.values()], [("/etc/ssl/certs/example.pem", pem)])
    origins = {name: machine.Origin(name, *place) for name, place in SERVERS.items()}
    with machine.Running(command, 80):
        wait_listening(443, 8404)
        result = lambda name: "L4OK" if name.startswith("static") else "L7OK"
        net.wait_until(lambda: all(states()[name]["check_status"] == result(name) for name in SERVERS), states)
        # Weights 3 and 2; the backup gets nothing.
        assert collections.Counter(bodies("/", 10)) == {"web1": 6, "web2": 4}
        assert sorted(bodies("/api/users", 2)) == ["api1", "api2"]
        assert sorted(bodies("/static/logo.png", 2)) == ["static1", "static2"]
        assert bodies("/api/users", 1, port=443, tls=True)[0] in ("api1", "api2")
        assert any(path == "/health" for path, _ in origins["web1"].seen)
        assert any(path == "/api/health" for path, _ in origins["api1"].seen)
        status, page = machine.get("/stats", port=8404)
        assert status == 200 and "web_servers" in page
        # A server that goes is left out after three checks, and the backup serves when nobody else is left.
        origins["web1"].stop()
        net.wait_until(lambda: states()["web1"]["status"] == "DOWN", states)
        assert set(bodies("/", 5)) == {"web2"}
        origins["web2"].stop()
        net.wait_until(lambda: states()["web2"]["status"] == "DOWN", states)
        assert set(bodies("/", 3)) == {"web3"}
        origins["web1"].start()
        net.wait_until(lambda: states()["web1"]["status"] == "UP", states)
        assert set(bodies("/", 3)) == {"web1"}


def test_the_haproxy_example(certs, tmp_path):
    command = [linked(tmp_path, "haproxy"), "-db", "-f", str(EXAMPLES / "haproxy.cfg")]
    machine.run(haproxy_inside, command, certs.leaf("example.com").read_bytes())


# --- nginx-load-balancer.conf ---

BACKENDS = {f"backend{i}": f"10.1.0.{i}" for i in range(1, 6)}


def nginx_inside(command, certificate, key):
    machine.set_up(BACKENDS.values(), [("/etc/ssl/certs/example.com.crt", certificate), ("/etc/ssl/private/example.com.key", key)],
                   [("127.0.0.1", "localhost")] + [(address, f"{name}.example.com") for name, address in BACKENDS.items()])
    origins = {name: machine.Origin(name, address, 8080) for name, address in BACKENDS.items()}
    with machine.Running(command, 80):
        wait_listening(443)
        # Idle servers share by weight, 3 to 2 to 1 to 1; the backup gets nothing.
        assert collections.Counter(bodies("/", 14)) == {"backend1": 6, "backend2": 4, "backend3": 2, "backend5": 2}
        assert machine.get("/health") == (200, "OK")
        assert machine.get("/secure", port=443, tls=True)[0] == 200
        headers = next(h for o in origins.values() for path, h in o.seen if path == "/secure")
        assert headers["X-Forwarded-Proto"] == "https" and headers["X-Real-IP"] == headers["X-Forwarded-For"] == "127.0.0.1"
        assert headers["Host"] == "example.com" and "Connection" not in headers
        for name in ("backend1", "backend2", "backend3", "backend5"):
            origins[name].stop()
        assert set(bodies("/", 5)) == {"backend4"}


@pytest.mark.parametrize("face", ["nginx", "weir"])
def test_the_nginx_example(certs, tmp_path, face):
    example = tmp_path / "nginx-load-balancer.conf"
    shutil.copy(EXAMPLES / "nginx-load-balancer.conf", example)
    certs.leaf("example.com")
    if face == "nginx":  # the fragment as it is included in a configuration
        (tmp_path / "nginx.conf").write_text(f"daemon off;\nuser root root;\npid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
                                             f"http {{ access_log off; include {example}; }}\n")
        command = [linked(tmp_path, "nginx"), "-p", f"{tmp_path}/", "-c", str(tmp_path / "nginx.conf"), "-e", f"{tmp_path}/start.log"]
    else:
        command = [linked(tmp_path, "weir"), "run", "-c", str(example)]
    machine.run(nginx_inside, command, (certs.dir / "example.com.crt").read_bytes(), (certs.dir / "example.com.key").read_bytes())


# --- nginx-slow-start.conf ---


def slow_start_inside(command):
    machine.set_up(["10.1.0.1", "10.1.0.2"], names=[("127.0.0.1", "localhost"), ("10.1.0.1", "backend1.example.com"), ("10.1.0.2", "backend2.example.com")])
    origins = [machine.Origin(name, f"10.1.0.{i}", 8080) for i, name in ((1, "backend1"), (2, "backend2"))]
    with machine.Running(command, 8080):
        ask = lambda count: collections.Counter(bodies("/", count, port=8080))
        assert ask(20) == {"backend1": 10, "backend2": 10}
        origins[1].stop()
        assert ask(10) == {"backend1": 10}
        origins[1].start()
        # It is left alone for fail_timeout, 10 s; then its share grows.
        net.wait_until(lambda: "backend2" in ask(1), "the server's return", timeout=40)
        assert ask(20)["backend2"] < 7


@pytest.mark.parametrize("face", ["nginx", "weir"])
def test_the_slow_start_example(tmp_path, face):
    example = tmp_path / "nginx-slow-start.conf"
    shutil.copy(EXAMPLES / "nginx-slow-start.conf", example)
    server = "server { listen 8080; location / { proxy_pass http://backend; } }"
    if face == "nginx":
        (tmp_path / "nginx.conf").write_text(f"daemon off;\nuser root root;\npid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
                                             f"http {{ access_log off; include {example}; {server} }}\n")
        command = [linked(tmp_path, "nginx"), "-p", f"{tmp_path}/", "-c", str(tmp_path / "nginx.conf"), "-e", f"{tmp_path}/start.log"]
    else:
        (tmp_path / "weir.conf").write_text(f"workers 1;\ninclude {example};\n{server}\n")
        command = [linked(tmp_path, "weir"), "run", "-c", str(tmp_path / "weir.conf")]
    machine.run(slow_start_inside, command)


# --- weir.conf ---

LOCAL = {"api1": 9001, "api2": 9002, "s1": 9003, "s2": 9004, "old1": 9005, "old2": 9006}


def weir_inside(command):
    machine.set_up([f"10.1.0.{i}" for i in range(1, 3)])
    origins = {name: machine.Origin(name, "127.0.0.1", port, here=True) for name, port in LOCAL.items()}
    with machine.Running(command, 8080):
        wait_listening(8081, 8404)
        net.wait_until(lambda: all(states()[name]["check_status"] == ("L7OK" if name.startswith("api") else "L4OK")
                                   for name in ("api1", "api2", "s1", "s2")), states)
        ask = lambda path="/", count=1, port=8080, **more: bodies(path, count, port=port, **more)
        # The site's backup gets nothing; the old host goes to nginx's upstream, 3 to 1.
        assert ask(count=5) == ["s1"] * 5
        assert collections.Counter(ask(count=8, host="OLD.example.com")) == {"old1": 6, "old2": 2}
        # Idle servers: the first one; who has a cookie stays where it leads.
        assert ask("/api/users", 3) == ["api1"] * 3
        assert ask("/api/users", 3, headers={"Cookie": "SRV=b"}) == ["api2"] * 3
        headers = next(headers for path, headers in origins["s1"].seen if path == "/")
        assert headers["X-Forwarded-For"] == "127.0.0.1"
        assert headers["X-Request-Start"].startswith("t=") and headers["X-Request-Start"].endswith("; via=weir")
        assert any(path == "/health" for path, _ in origins["api1"].seen)
        # Who is not here may not see what is private.
        assert machine.get("/private", port=8080) == (200, "s1")
        assert machine.get_from_servers("/private", 8080)[0] == 403
        assert machine.get_from_servers("/", 8080) == (200, "s1")
        # nginx's server, whose /api/ is HAProxy's backend.
        assert collections.Counter(ask(count=8, port=8081)) == {"old1": 6, "old2": 2}
        assert ask("/api/x", 2, port=8081) == ["api1"] * 2
        assert ask("/api/x", 2, port=8081, headers={"Cookie": "SRV=b"}) == ["api2"] * 2
        assert machine.get("/ping", port=8081) == (200, "pong\n")
        status, page = machine.get("/stats", port=8404)
        assert status == 200 and "site" in page and "legacy" in page
        # The backup serves when nobody else does, and a server that is back starts slowly.
        origins["s1"].stop()
        net.wait_until(lambda: states()["s1"]["status"] == "DOWN", states)
        assert ask(count=3) == ["s2"] * 3
        origins["s1"].start()
        net.wait_until(lambda: states()["s1"]["status"] == "UP", states)
        assert int(states()["s1"]["throttle"]) < 100
        assert ask(count=3) == ["s1"] * 3


def test_the_weir_example(tmp_path):
    machine.run(weir_inside, [linked(tmp_path, "weir"), "run", "-c", str(EXAMPLES / "weir.conf")])
