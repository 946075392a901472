"""The master's command line (-S): what it answers itself, what it hands to workers, reloads that say how they went."""

import os
import re
import signal
import socket
import stat

import pytest

from rig import net
from rig.master_cli import Chat, MasterSocket, processes

CONF = """
global
    nbthread 2
    {socket}

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    http-request deny if { hdr(user-agent) -f {dir}/agents.acl }
    http-request deny status 410 if { path,map({dir}/paths.map) -m found }
    http-request wait-for-body time 20s if { method POST }
    http-request return status 200 content-type text/plain string {word}
"""


def make_files(proxy):
    for name in ("agents.acl", "paths.map"):
        (proxy.dir / name).write_text("", "utf-8")


@pytest.fixture
def start(weir):
    def make(*more, word="one", extra="", args=None):
        proxy = weir("haproxy", text=CONF.replace("{socket}", extra), start=False, word=word)
        make_files(proxy)
        proxy.start("-W", "-db", "-f", str(proxy.conf), *(args or ("-S", f"{proxy.dir}/m.sock")), *more)
        proxy.wait_log("Loading success")
        return proxy

    return make


@pytest.fixture
def proxy(start):
    return start()


@pytest.fixture
def master(proxy):
    return MasterSocket(proxy.dir / "m.sock")


def change(proxy, old, new):
    proxy.conf.write_text(proxy.conf.read_text("utf-8").replace(old, new), "utf-8")


def test_show_proc_names_master_and_worker(proxy, master):
    head = master("show proc").splitlines()[0]
    assert re.split(r"\s+", head.strip()) == ["#<PID>", "<type>", "<reloads>", "<uptime>", "<version>"]
    seen = processes(master)
    assert [row[:3] for row in seen["master"]] == [[str(proxy.process.pid), "master", "0 [failed: 0]"]]
    (pid, kind, reloads, uptime, version), = seen["worker"]
    assert int(pid) in proxy.pids() and kind == "worker" and reloads == "0"
    assert re.fullmatch(r"0d00h00m\d\ds", uptime) and version.startswith("3.5")
    assert seen["old"] == []
    assert "ipc_fd" in master("show proc debug")
    assert "only supports 'debug'" in master("show proc all")


def test_a_prefix_sends_one_command_to_the_worker(proxy, master):
    pid = processes(master)["worker"][0][0]
    assert f"Pid: {pid}\n" in master("@1 show info")
    assert f"Pid: {pid}\n" in master(f"@!{pid} show info")
    assert "#<PID>" in master("@master show proc") and "#<PID>" in master("@ show proc")
    assert "Unknown command" in master("show info")
    assert master("@2 show info") == "Can't find the target PID matching the prefix '@2'"
    assert master("@!1 show info") == "Can't find the target PID matching the prefix '@!1'"


def test_a_prefix_alone_stays_and_commands_of_a_line_run_in_order(proxy, master):
    pid = processes(master)["worker"][0][0]
    answer = master("@1; show version; show info; @master; show cli level; @1 show cli level")
    assert answer.index("3.5") < answer.index(f"Pid: {pid}") < answer.index("admin\n")
    assert answer.endswith("admin")
    assert "#<PID>" in master("@1;@;show proc")


def test_words_with_escaped_blanks_and_semicolons_reach_the_worker_as_they_are(proxy, master):
    file = f"{proxy.dir}/agents.acl"
    shown = master(rf"@1 add acl {file} Mon\ User\ Agent\;;@1 show acl {file}")
    assert "Mon User Agent;" in shown
    assert proxy.get(headers=[("User-Agent", "Mon User Agent;")]).status == 403
    master(f"@1 clear acl {file}")


def test_a_payload_travels_with_its_command(proxy, master):
    file = f"{proxy.dir}/paths.map"
    with Chat(proxy.dir / "m.sock") as chat:
        chat.send(f"@1 add map {file} <<\n/gone 1\n/lost 2\n")
        chat.send(f"@1 show map {file}")
        chat.send(f"prompt; @1 add map {file} <<END")
        assert "/gone 1" in chat.until("+ ")
        chat.send("/third 3\n")
        chat.until("+ ")
        chat.until("+ ")
        chat.send("END")
        chat.until("master> ")
    assert [proxy.get(path).status for path in ("/gone", "/lost", "/third", "/")] == [410, 410, 410, 200]


def test_the_prompt_tells_where_one_is(proxy, master):
    pid = processes(master)["worker"][0][0]
    with Chat(proxy.dir / "m.sock") as chat:
        chat.send("prompt")
        assert chat.until("master> ") == ""
        chat.send("expert-mode on")
        chat.until("master(e)> ")
        chat.send("experimental-mode on; mcli-debug-mode on")
        chat.until("master(xed)> ")
        chat.send("@1")
        chat.until(f"{pid}(xed)> ")
        chat.send("expert-mode")
        chat.until(f"{pid}(xd)> ")
        chat.send("show cli level; nonsense")
        assert "admin" in chat.until(f"{pid}(xd)> ")
        assert "Unknown command" in chat.until(f"{pid}(xd)> ")
        chat.send("@master; prompt timed")
        chat.until("master(xd)> ")
        assert re.fullmatch(r"\[0:00:00:\d\d\] ", chat.until("master(xd)> "))
        chat.send("show info")
        assert "The master serves no traffic" in chat.until("master(xd)> ")
        chat.send("quit")
        assert chat.rest() == ""


def test_the_modes_are_given_to_the_worker(proxy, master):
    assert master("expert-mode on; @1 expert-mode").endswith("expert-mode is ON")
    assert master("@1 expert-mode").endswith("expert-mode is OFF")
    assert master("set severity-output number; @1 disable server x/y").startswith("[3]: ")
    assert "one of 'none'" in master("set severity-output loud")


def test_a_line_for_the_global_logs_travels_from_the_master(start, syslog):
    master = MasterSocket(start(extra=f"log {syslog} local0 info").dir / "m.sock")
    assert "restricted to expert mode" in master("@1 debug dev log lost")
    master("@1; expert-mode on; debug dev log Victory at last")
    syslog.wait_for("Victory at last")
    assert not syslog.matching("lost")


def test_a_double_prefix_hands_the_connection_over(proxy, master):
    pid = processes(master)["worker"][0][0]
    with Chat(proxy.dir / "m.sock") as chat:
        chat.send("prompt")
        chat.until("master> ")
        chat.send("@@1 show version; show info")
        both = chat.until("master> ")
        assert both.startswith("3.5") and f"Pid: {pid}" in both
        chat.send("@@1")
        chat.until("> ")  # the worker's own prompt
        chat.send("show info")
        assert f"Pid: {pid}" in chat.until("> ")
        chat.send("quit")
        chat.until("master> ")
        chat.send("@@master show version; show cli level")
        assert chat.until("master> ").startswith("3.5")
        assert "admin" in chat.until("master> ")


def test_rights_can_be_given_up(master):
    assert master("operator; show cli level; @1 show cli level").split() == ["operator", "operator"]
    assert master("user; show proc") == "Permission denied"
    assert master("user; reload") == "Permission denied"
    assert master("user; @1 show cli level") == "user"
    assert master("user; @@1 show cli level") == "user"
    assert master("user; operator") == "Permission denied!"
    assert master("operator; expert-mode on") == "Permission denied!"


@pytest.fixture
def stopped(weir):
    proxy = weir("haproxy", text=CONF, start=False, word="one", socket="")
    make_files(proxy)
    return proxy


def test_several_sockets_with_modes_and_levels(stopped):
    proxy = stopped
    reservation = net.PortReservation()
    low, tcp, name = f"{proxy.dir}/low.sock", f"ipv4@127.0.0.1:{reservation.port}", f"weir-test-{os.getpid()}"
    proxy.start("-W", "-db", "-f", str(proxy.conf), "-S", f"{proxy.dir}/m.sock,mode,600,uid,{os.getuid()}", "-S",
                f"{low},level,user,mode,666", "-S", tcp, "-S", f"abns@{name}")
    proxy.wait_log("Loading success")
    master = MasterSocket(proxy.dir / "m.sock")
    assert stat.S_IMODE((proxy.dir / "m.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((proxy.dir / "low.sock").stat().st_mode) == 0o666
    shown = master("show cli sockets").splitlines()
    assert shown[0] == "# socket lvl processes"
    assert sorted(shown[1:]) == sorted([f"unix@{proxy.dir}/m.sock admin all", f"unix@{low} user all",
                                        f"{tcp} admin all", f"abns@{name} admin all"])
    assert MasterSocket(low)("show cli level") == "user"
    with socket.create_connection(("127.0.0.1", reservation.port)) as sock:
        sock.settimeout(net.DEADLINE)
        sock.sendall(b"show version\nquit\n")
        assert sock.recv(100).startswith(b"3.5")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(net.DEADLINE)
        sock.connect(b"\0" + name.encode().ljust(107, b"\0"))
        sock.sendall(b"show version\nquit\n")
        assert sock.recv(100).startswith(b"3.5")
    environment = master("show env HAPROXY_MASTER_CLI")
    assert environment == f"HAPROXY_MASTER_CLI=unix@{proxy.dir}/m.sock;unix@{low};{tcp};abns@{name}"
    assert master("@1 show env HAPROXY_MASTER_CLI") == "Variable not found"
    reservation.release()


def test_the_workers_sockets_are_in_its_environment(start):
    proxy = start(extra="stats socket {dir}/a.sock\n    stats socket {dir}/b.sock level user")
    master = MasterSocket(proxy.dir / "m.sock")
    assert master("show env HAPROXY_CLI") == "Variable not found"
    assert master("@1 show env HAPROXY_CLI") == f"HAPROXY_CLI=unix@{proxy.dir}/a.sock;unix@{proxy.dir}/b.sock"
    sockets = master("@1 show cli sockets").splitlines()
    assert sockets[1:3] == [f"unix@{proxy.dir}/a.sock operator all", f"unix@{proxy.dir}/b.sock user all"]
    assert re.fullmatch(r"sockpair@\d+ admin all", sockets[3])


def test_a_reload_answers_when_it_is_done(proxy, master):
    before = processes(master)["worker"][0][0]
    change(proxy, "string one", "string two")
    answer = master("reload")
    assert answer.startswith("Success=1\n--\n[NOTICE]") and answer.endswith("Loading success.")
    assert "haproxy version is 3.5" in answer
    net.wait_until(lambda: proxy.get().body == b"two", "the old worker to let go")
    seen = processes(master)
    assert seen["master"][0][2] == "1 [failed: 0]"
    assert [row[2] for row in seen["worker"]] == ["0"] and seen["worker"][0][0] != before
    assert master("show startup-logs") in answer


def test_a_reload_that_fails_says_why_and_changes_nothing(proxy, master):
    before = processes(master)["worker"][0][0]
    change(proxy, "mode http", "mode htpt")
    answer = master("reload")
    assert answer.startswith("Success=0\n--\n") and "htpt" in answer and "[ALERT]" in answer
    assert proxy.get().body == b"one"
    seen = processes(master)
    assert seen["master"][0][2] == "1 [failed: 1]" and seen["worker"][0][0] == before
    assert "htpt" in master("show startup-logs") and "htpt" not in master("@1 show startup-logs")
    with Chat(proxy.dir / "m.sock") as chat:
        chat.send("prompt")
        chat.until("master[ReloadFailed]> ")
    change(proxy, "mode htpt", "mode http")
    assert master("reload").startswith("Success=1\n")
    assert processes(master)["master"][0][2] == "2 [failed: 0]"


def old_worker(proxy, master, command):
    """Reloads while a request is under way; returns the old worker's pid and the client's connection."""
    pid = processes(master)["worker"][0][0]
    client = proxy.client()
    assert client.request("/").status == 200
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")  # the rest comes later
    net.wait_until(lambda: "fe=web" in master("@1 show sess"), "the request")
    assert master(command).startswith("Success=1\n")
    return pid, client


def test_an_old_worker_is_listed_and_reached_until_it_has_finished(proxy, master):
    pid, client = old_worker(proxy, master, "reload")
    with client:
        assert [row[0] for row in processes(master)["old"]] == [pid]
        assert processes(master)["old"][0][2] == "1"
        assert f"Pid: {pid}\n" in master(f"@!{pid} show info")
        assert f"Pid: {pid}\n" not in master("@1 show info")
        client.send(b"body")
        assert client.response().status == 200
    net.wait_until(lambda: not processes(master)["old"], "the old worker's end")
    assert "Can't find the target PID" in master(f"@!{pid} show info")


def test_a_hard_reload_cuts_what_is_under_way(proxy, master):
    pid, client = old_worker(proxy, master, "hard-reload")
    with client:
        net.wait_until(lambda: int(pid) not in proxy.pids(), "the old worker's end")
        assert client.closed()


def test_a_client_that_leaves_at_once_is_served_all_the_same(proxy, master):
    change(proxy, "string one", "string two")
    with Chat(proxy.dir / "m.sock") as chat:
        chat.send("reload")
    net.wait_until(lambda: proxy.get().body == b"two", "the new configuration")


def test_a_worker_that_died_is_replaced_and_found_again(proxy, master):
    pid = processes(master)["worker"][0][0]
    with Chat(proxy.dir / "m.sock") as chat:
        chat.send("prompt")
        chat.until("master> ")
        chat.send("@1")
        chat.until(f"{pid}> ")
        os.kill(int(pid), signal.SIGKILL)
        net.wait_until(lambda: pid not in [row[0] for row in processes(master)["worker"]], "the end of the worker")
        net.wait_until(lambda: "Pid: " in master("@1 show info"), "another worker")
        chat.send("show info")
        assert "Can't connect to the target CLI!" in chat.rest()


def test_clients_that_do_not_read_hold_nobody_up(proxy, master):
    with Chat(proxy.dir / "m.sock") as silent:
        silent.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.send("@1 show info;" * 500 + "show version")
        assert "Pid: " in master("@1 show info")
        silent.socket.shutdown(socket.SHUT_WR)
        assert silent.rest().count("Pid: ") == 500


def test_help_lists_what_the_master_knows(proxy, master):
    text = master("help")
    assert "The following commands are valid at this level:" in text
    for usage in ("@<relative pid>", "@!<pid>", "show proc", "reload", "hard-reload", "show startup-logs", "quit"):
        assert f"  {usage}" in text
    assert "show proc" in master("help show") and "hard-reload" not in master("help show")
    assert master("nonsense").startswith("Unknown command: 'nonsense'")
    assert "Usage: prompt" in master("prompt help")
    assert master("echo a  b") == "a b"


@pytest.mark.parametrize("argument, words", [
    ("{dir}/m.sock,levle,admin", "levle"), ("{dir}/m.sock,level,king", "king"), ("", "-S"),
    ("{dir}/none/m.sock", "cannot bind UNIX socket"), ("{dir}/m.sock,user,nobody-of-that-name", "nobody-of-that-name")])
def test_a_socket_that_cannot_be(stopped, argument, words):
    argument = argument.replace("{dir}", str(stopped.dir))
    done = stopped.run("-W", "-db", "-f", str(stopped.conf), "-S", argument)
    assert done.returncode == 1 and words in done.stderr


def test_without_a_master_there_is_no_command_line(stopped):
    arguments = ("-f", str(stopped.conf), "-S", f"{stopped.dir}/m.sock")
    done = stopped.run("-db", *arguments)
    assert done.returncode == 1 and "master-worker mode (-W) is not enabled" in done.stderr
    assert stopped.run("-c", *arguments).returncode == 0


def test_the_word_in_the_file_is_as_good_as_the_option(stopped):
    stopped.conf.write_text(stopped.conf.read_text("utf-8").replace("global\n", "global\n    master-worker\n"), "utf-8")
    stopped.start("-db", "-f", str(stopped.conf), "-S", f"{stopped.dir}/m.sock")
    stopped.wait_log("Loading success")
    master = MasterSocket(stopped.dir / "m.sock")
    assert master("@1 show env HAPROXY_MWORKER") == "HAPROXY_MWORKER=1"
