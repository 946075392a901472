"""Signals: log files that are opened anew by processes with different rights, and what does nothing."""

import os
import signal

import pytest

from rig import net

CONF = """
user {user};
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {}
http {
    access_log {dir}/access.log;
    server {
        listen 127.0.0.1:{port};
        location / { return 200 ok; }
    }
}
"""

@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its user")
def test_a_log_that_was_moved_away_is_made_anew_for_the_workers_user(weir):
    proxy = weir("nginx", text="daemon off; worker_processes 1;" + CONF.replace("user {user}", "user nobody nogroup"))
    proxy.dir.chmod(0o755)
    proxy.dir.parent.chmod(0o755)
    log = proxy.dir / "access.log"
    proxy.get("/one")
    net.wait_until(lambda: "/one" in log.read_text(), "a line")
    log.rename(proxy.dir / "old.log")
    proxy.signal(signal.SIGUSR1)

    def written_anew():
        proxy.get("/two")
        return log.exists() and "/two" in log.read_text()

    net.wait_until(written_anew, "a line in the new log")
    assert log.owner() == "nobody"


@pytest.mark.skipif(os.geteuid() != 0, reason="the master makes files for its workers where it is root")
def test_logs_are_made_anew_under_their_names(weir):
    names = ["access.log", "www.example.com.log", "b.log"]
    more = "".join(f"access_log {{dir}}/{name};" for name in names[1:])
    text = CONF.replace("user {user}", "user nobody nogroup").replace("{dir}/access.log;", "{dir}/access.log;" + more)
    proxy = weir("nginx", text="daemon off; worker_processes 1;" + text)
    proxy.dir.chmod(0o755)
    proxy.dir.parent.chmod(0o755)
    for name in names:
        (proxy.dir / name).rename(proxy.dir / f"old-{name}")
    proxy.signal(signal.SIGUSR1)

    def written_anew():
        proxy.get("/two")
        return all((proxy.dir / name).exists() and "/two" in (proxy.dir / name).read_text() for name in names)

    net.wait_until(written_anew, lambda: f"a line in each log, of {os.listdir(proxy.dir)}")
    assert {path.name for path in proxy.dir.glob("*log*")} == {*names, *(f"old-{name}" for name in names), "error.log", "startup.log"}


def test_a_log_that_cannot_be_made_anew_is_told(weir):
    proxy = weir("nginx", text="daemon off; master_process off;" + CONF.replace("{dir}/access.log", "{dir}/logs/access.log"),
                 start=False)
    logs = proxy.dir / "logs"
    logs.mkdir()
    proxy.start()
    logs.rename(proxy.dir / "moved")
    proxy.signal(signal.SIGUSR1)
    assert "No such file or directory" in proxy.wait_log("open.*access.log. failed")


def test_a_signal_that_does_nothing_says_so(weir):
    proxy = weir("nginx", text="daemon off; master_process off;" + CONF)
    proxy.signal(signal.SIGUSR2)
    proxy.wait_log("SIGUSR2 does nothing")
    proxy.signal(signal.SIGHUP)
    proxy.wait_log("SIGHUP does nothing: only a master process reloads")
    assert proxy.get().status == 200


@pytest.mark.parametrize("word", ["access_log", "error_log", "client_body_temp_path"])
def test_signals_are_sent_whatever_has_become_of_the_folders(weir, word):
    """nginx -s reads the file for the name of the pid file, and opens nothing else that stands there."""
    proxy = weir("nginx", text="daemon off;" + CONF.replace("server {", f"{word} {{dir}}/logs/file;\n    server {{", 1),
                 start=False)
    logs = proxy.dir / "logs"
    logs.mkdir()
    proxy.start()
    net.wait_until((proxy.dir / "nginx.pid").exists, "the pid file")
    logs.rename(proxy.dir / "moved")
    assert proxy.run("-t").returncode == 1
    done = proxy.run("-s", "quit")
    assert (done.returncode, done.stderr) == (0, "")
    assert proxy.wait() == 0
