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


def states():
    lines = machine.get("/stats;csv", port=8404)[1].removeprefix("# ").splitlines()
    return {row["svname"]: row for row in csv.DictReader(lines)}


def haproxy_inside(command, pem):
    machine.set_up([address for address, _ in SERVERS.values()], [("/etc/ssl/certs/example.pem", pem)])
    origins = {name: machine.Origin(name, *place) for name, place in SERVERS.items()}
    with machine.Running(command, 80):
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
