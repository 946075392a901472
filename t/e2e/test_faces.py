"""The three command lines: what they print, how they exit, and how the processes behind them start, reload and end."""

import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from rig import net
from rig.proxy import sanitized

NGINX = """
user {user};
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {}
http {
    access_log off;
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://{origin}; }
    }
}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
listen web
    bind 127.0.0.1:{port}
    server s1 {origin}
"""


def children(pid):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def workers(master):
    """Its children that serve: those that wait have one thread; ThreadSanitizer adds one."""
    found = []
    for pid in children(master):
        try:
            threads = len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue
        if threads > 1 + sanitized(b"libtsan"):
            found.append(pid)
    return found


def the_worker(master, former=None):
    """The only one that serves, and not the former one."""

    def only():
        found = workers(master)
        return len(found) == 1 and found[0] != former and found[0]

    return net.wait_until(only, lambda: f"one worker, not {workers(master)}")


def gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture
def daemons():
    """Process ids of background processes that a test started; whatever is left of them is ended."""
    pids = []
    yield pids
    for pid in pids:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
        net.wait_until(lambda pid=pid: gone(pid), lambda pid=pid: f"process {pid} to end")


# --- nginx


def test_nginx_versions(weir):
    face = weir("nginx", text=NGINX, start=False, origin="127.0.0.1:1")
    short, full = face.run("-v"), face.run("-V")
    assert (short.returncode, short.stdout, short.stderr) == (0, "", "nginx version: nginx/1.31.5\n")
    lines = full.stderr.splitlines()
    assert full.returncode == 0 and lines[0] == "nginx version: nginx/1.31.5"
    assert any(line.startswith("built with OpenSSL ") for line in lines)
    assert "TLS SNI support enabled" in lines
    assert any(line.startswith("weir ") for line in lines)
    arguments = next(line for line in lines if line.startswith("configure arguments:"))
    assert "--without-http_proxy_module" not in arguments and "--with-http_perl_module" not in arguments


@pytest.mark.parametrize("arguments, text", [
    (["-x"], 'nginx: invalid option: "x"'),
    (["start"], 'nginx: invalid option: "start"'),
    (["-s", "halt"], 'nginx: invalid option: "-s halt"'),
    (["-s"], 'nginx: option "-s" requires parameter'),
    (["-c"], 'nginx: option "-c" requires file name'),
])
def test_nginx_refuses_options(weir, arguments, text):
    found = weir("nginx", text=NGINX, start=False, origin="127.0.0.1:1").run(*arguments)
    assert (found.returncode, found.stderr.splitlines()[0]) == (1, text)


def test_nginx_tests_a_configuration(weir):
    face = weir("nginx", text=NGINX, start=False, origin="127.0.0.1:1")
    good = face.run("-t")
    assert good.returncode == 0
    assert good.stderr.splitlines()[-1] == f"nginx: configuration file {face.conf} test is successful"
    assert face.run("-t", "-q").stderr == ""
    dump = face.run("-T")
    assert dump.stdout.startswith(f"# configuration file {face.conf}:\n") and "proxy_pass" in dump.stdout


def test_nginx_names_the_first_error(weir):
    text = NGINX.replace("location /", "loction /")
    face = weir("nginx", text=text, start=False, origin="127.0.0.1:1")
    line = 1 + next(i for i, one in enumerate(text.splitlines()) if "loction" in one)
    bad = face.run("-t")
    lines = bad.stderr.splitlines()
    assert bad.returncode == 1
    assert lines[0] == f'nginx: [emerg] unknown directive "loction" in {face.conf}:{line}'
    assert lines[-1] == f"nginx: configuration file {face.conf} test failed"
    assert any("did you mean" in one for one in lines)


def start_nginx(weir, daemons, origin, **options):
    face = weir("nginx", text=NGINX, start=False, origin=origin, **options)
    face.places["port"]
    done = face.run()
    assert done.returncode == 0, done.stderr
    master = int((face.dir / "nginx.pid").read_text())
    daemons.append(master)
    return face, master


def test_nginx_daemon_is_ready_when_the_start_returns(weir, daemons, origin):
    face, master = start_nginx(weir, daemons, origin)
    assert face.get().status == 200
    assert len(workers(master)) == 1
    assert face.run("-s", "quit").returncode == 0
    net.wait_until(lambda: gone(master), lambda: "the master to end")
    assert not (face.dir / "nginx.pid").exists()


def test_nginx_daemon_tells_when_it_cannot_start(weir, daemons, origin):
    face, _ = start_nginx(weir, daemons, origin)
    again = face.run()
    port = face.port
    assert again.returncode == 1
    assert f"nginx: [emerg] bind() to 127.0.0.1:{port} failed (98: Address already in use)" in again.stderr
    assert "nginx: [emerg] still could not bind()" in again.stderr
    assert face.get().status == 200


def test_nginx_worker_is_replaced(weir, daemons, origin):
    face, master = start_nginx(weir, daemons, origin)
    worker = the_worker(master)
    for _ in range(3):
        os.kill(worker, signal.SIGKILL)
        assert face.get().status == 200  # the socket never closed: the request waits for the new worker
        worker = the_worker(master, worker)


def test_nginx_reload(weir, daemons, origin):
    face, master = start_nginx(weir, daemons, origin)
    [worker] = workers(master)
    face.conf.write_text(face.conf.read_text().replace("location / {", "location /moved {"))
    assert face.run("-s", "reload").returncode == 0
    the_worker(master, worker)
    assert face.get("/").status == 404
    assert face.get("/moved").status == 200


def test_nginx_bad_reload_changes_nothing(weir, daemons, origin):
    face, master = start_nginx(weir, daemons, origin)
    [worker] = workers(master)
    face.conf.write_text(face.conf.read_text() + "nonsense;\n")
    os.kill(master, signal.SIGHUP)
    face.wait_log("the configuration that runs stays")
    assert workers(master) == [worker]
    assert face.get().status == 200


def test_nginx_reload_while_requests_flow(weir, daemons, origin):
    face, master = start_nginx(weir, daemons, origin)
    for i in range(40):
        if i % 10 == 0:
            os.kill(master, signal.SIGHUP)
        assert face.get(f"/{i}").status == 200


def test_nginx_worker_leaves_with_its_master(weir, daemons, origin):
    face, master = start_nginx(weir, daemons, origin)
    [worker] = workers(master)
    os.kill(master, signal.SIGKILL)
    net.wait_until(lambda: gone(worker), lambda: "the orphan to end")
    net.wait_until(lambda: not net.is_listening(face.port), lambda: "those that waited to end")


# --- haproxy


def test_haproxy_versions(weir):
    face = weir("haproxy", text=HAPROXY, start=False, origin="127.0.0.1:1")
    assert face.run("-v").stdout.startswith("HAProxy version 3.5-dev5 ")
    full = face.run("-vv").stdout
    assert "\nweir " in full and "Feature list :" in full and " +THREAD" in full and " -QUIC" in full
    assert face.run("-vq").stdout == "3.5-dev5\n"
    assert face.run("-vqb").stdout == "3.5\n"


@pytest.mark.parametrize("condition, code", [
    ("feature(THREAD)", 0), ("feature(QUIC)", 1), ("version_atleast(2.5-dev0)", 0), ("version_before(3.5-dev5)", 1),
    ("streq(a,b)", 1), ("!streq(a,b) && ssllib_name_startswith(OpenSSL)", 0), ("nonsense(", 2),
])
def test_haproxy_conditions(weir, condition, code):
    face = weir("haproxy", text=HAPROXY, start=False, origin="127.0.0.1:1")
    assert face.run("-cc", condition).returncode == code


def test_haproxy_checks_a_configuration(weir):
    face = weir("haproxy", text=HAPROXY, start=False, origin="127.0.0.1:1")
    quiet = face.run("-c", "-f", str(face.conf))
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert face.run("-c", "-V", "-f", str(face.conf)).stdout == "Configuration file is valid\n"


def test_haproxy_names_errors(weir):
    face = weir("haproxy", text=HAPROXY.replace("mode http", "mood http"), start=False, origin="127.0.0.1:1")
    bad = face.run("-c", "-f", str(face.conf))
    assert bad.returncode == 1
    assert f"config : parsing [{face.conf}:3] : unknown keyword 'mood'" in bad.stderr
    assert "[ALERT]    (" in bad.stderr and "Fatal errors found in configuration." in bad.stderr


def test_haproxy_without_a_listener(weir):
    face = weir("haproxy", text="backend b\n    server s 127.0.0.1:1\n", start=False)
    assert face.run("-c", "-f", str(face.conf)).returncode == 2
    start = face.run("-db", "-f", str(face.conf))
    assert start.returncode == 1 and "No enabled listener found" in start.stderr


def test_haproxy_daemon_and_take_over(weir, daemons, origin):
    face = weir("haproxy", text=HAPROXY, start=False, origin=origin)
    pid_file = face.dir / "pid"
    arguments = ["-D", "-f", str(face.conf), "-p", str(pid_file)]
    assert face.run(*arguments).returncode == 0
    first = int(pid_file.read_text())
    daemons.append(first)
    assert face.get().status == 200
    assert face.run(*arguments, "-sf", str(first)).returncode == 0
    second = int(pid_file.read_text())
    daemons.append(second)
    net.wait_until(lambda: gone(first), lambda: "the old process to finish")
    assert second != first and face.get().status == 200


def test_haproxy_master(weir, origin):
    face = weir("haproxy", text=HAPROXY, start=False, origin=origin)
    face.start("-W", "-f", str(face.conf))
    face.expect_exit = None
    worker = the_worker(face.process.pid)
    face.signal(signal.SIGUSR2)
    the_worker(face.process.pid, worker)
    assert face.get().status == 200
    face.signal(signal.SIGINT)
    assert face.wait() == 128 + signal.SIGINT


def test_haproxy_inherited_listener(weir, origin):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        text = HAPROXY.replace("bind 127.0.0.1:{port}", f"bind fd@{listener.fileno()}")
        face = weir("haproxy", text=text, start=False, origin=origin)
        face.process = subprocess.Popen(face.command(), cwd=face.dir, pass_fds=[listener.fileno()],
                                        start_new_session=True)
        face.places["port"] = listener.getsockname()[1]
        assert face.get().status == 200


# --- weir


def test_weir_version_and_help(weir):
    face = weir("weir", text="", start=False)
    assert face.run("version").stdout.startswith("weir ")
    assert "check" in face.run("--help").stdout
    for name in ("convert", "explain", "replay", "simulate", "ctl"):
        later = face.run(name, "something")
        assert later.returncode == 2 and "not yet" in later.stderr


def test_weir_check(weir):
    face = weir("weir", text="", start=False)
    site = face.dir / "site.conf"
    site.write_text("server {\n    listen 80;\n    loction / { return 404; }\n}\n")
    bad = face.run("check", str(site))
    assert bad.returncode == 1
    assert f"{site}:3:5: error: unknown directive \"loction\"" in bad.stdout
    assert "^~~~~~~" in bad.stdout and "location" in bad.stdout
    [found] = json.loads(face.run("check", "--json", str(site)).stdout)
    assert (found["severity"], found["line"], found["column"]) == ("error", 3, 5)


def test_weir_check_accepts_what_is_not_built_yet(weir):
    face = weir("weir", text="", start=False)
    snippet = face.dir / "snippet.conf"
    snippet.write_text("proxy_set_header Host $host;\nxslt_stylesheet a.xsl;\n")
    found = face.run("check", "--offline", str(snippet))
    assert found.returncode == 0
    assert f"not yet: xslt_stylesheet ({snippet}:2:" in found.stdout


def test_weir_lists_its_words(weir):
    face = weir("weir", text="", start=False)
    words = json.loads(face.run("check", "--directives", "--json").stdout)
    states = {(word["dialect"], word["name"], word["state"]) for word in words}
    assert ("nginx", "proxy_pass", "real") in states
    assert ("haproxy", "use_backend", "real") in states
    for built_in_the_engine in ("req.ssl_cipherlist", "prio_class", "be_connect_timeout", "req.ssl_sni", "table_gpc0", "lower"):
        assert ("haproxy", built_in_the_engine, "real") in states
    assert {word["state"] for word in words} <= {"real", "planned", "no effect"}
    assert all(word["contexts"] and word["help"] for word in words)


def test_weir_runs_its_own_configuration(weir):
    face = weir("weir", text="# {port} {stats_port}", start=False)
    os.environ["PORT"], os.environ["STATS_PORT"] = str(face.places["port"]), str(face.places["stats_port"])
    try:
        face.start("run")
    finally:
        del os.environ["PORT"], os.environ["STATS_PORT"]
    answers = {face.get("/").body for _ in range(4)}
    assert len(answers) == 2, "it balances over two origins"
    assert b"Statistics Report for weir" in face.get("/", port="stats_port").body
    assert f"http://127.0.0.1:{face.port}/" in (face.dir / "stdout").read_text()
