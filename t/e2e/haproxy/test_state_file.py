"""server-state-file: states that `show servers state` wrote are read for servers of which weir knows nothing itself."""


import pytest

from rig import net
from rig.generations import Generations

CONF = """
global
    nbthread 1
    stats socket {dir}/admin.sock mode 600 level admin
    server-state-base {dir}
    server-state-file states
    {more}
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    load-server-state-from-file {where}
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s1 {one} weight 10
    server s2 {two} weight 20
    server s3 {one} disabled
    server s4 {one} weight 40
backend other
    load-server-state-from-file none
    server s1 {one} weight 10
"""
COLUMNS = ("srv_op_state", "srv_admin_state", "srv_uweight", "srv_addr", "srv_port")


@pytest.fixture
def make(weir, origins):
    one, two = origins(name="s1"), origins(name="s2")

    def made(where="global", more="", text=CONF):
        return weir("haproxy", text=text, one=one, two=two, where=where, more=more, start=False)

    return made


def start(proxy, *arguments):
    proxy.start(*arguments, "-db", "-f", str(proxy.conf))
    if "-W" in arguments:
        proxy.wait_log("Loading success")
    return proxy.runtime()


def look(admin):
    return {who: tuple(row[name] for name in COLUMNS) for who, row in admin.servers().items()}


def save(proxy, admin, name="states", backend=""):
    (proxy.dir / name).write_text(admin(f"show servers state {backend}".rstrip()) + "\n")


def change_all(admin):
    admin("set server b/s1 weight 5")
    admin("set server b/s2 state drain")
    admin("set server b/s3 state ready")
    admin("set server b/s4 state maint")


def copy(make, old, **options):
    """Another proxy with the same servers, and with the state files of the old one."""
    new = make(**options)
    for path in old.dir.glob("states*"):
        (new.dir / path.name).write_text(path.read_text())
    return new


@pytest.mark.parametrize("master", [(), ("-W",)], ids=["alone", "master"])
def test_a_cold_start_reads_the_global_file(make, master):
    old = make()
    admin = start(old)
    change_all(admin)
    before = look(admin)
    assert before["b", "s1"][2] == "5"
    save(old, admin)
    new = copy(make, old)
    after = look(start(new, *master))
    assert after == before
    assert {new.get().header("X-Origin") for _ in range(4)} == {"s1"}


def test_a_local_file_is_named_by_the_backend_or_by_a_word(make):
    old = make()
    admin = start(old)
    change_all(admin)
    save(old, admin, "states-b", "b")
    before = look(admin)
    text = CONF.replace("\nbackend b\n", "\nbackend b\n    server-state-file-name states-b\n")
    new = copy(make, old, where="local", text=text)
    assert look(start(new)) == before
    named = make(where="local", text=text.replace("states-b", "use-backend-name"))
    (named.dir / "b").write_text((old.dir / "states-b").read_text())
    assert look(start(named)) == before


def test_what_weir_knows_itself_is_fresher(make):
    proxy = make()
    admin = start(proxy, "-W")
    change_all(admin)
    save(proxy, admin)
    admin("set server b/s1 weight 7")
    admin("set server b/s4 state ready")
    before = look(admin)
    text = proxy.conf.read_text()
    proxy.conf.write_text(text.replace("    server s4", "    server s5 127.0.0.1:1 weight 50\n    server s4"))
    states = proxy.dir / "states"
    line = next(row for row in states.read_text().splitlines() if row.split()[1:4:2] == ["b", "s1"])
    fields = line.split()
    fields[2], fields[3], fields[7], fields[8] = "9", "s5", "3", "50"
    states.write_text(states.read_text() + " ".join(fields) + "\n")
    generations = Generations(proxy)
    generations.reload()
    after = look(proxy.runtime())
    assert after.pop(("b", "s5"))[2] == "3"  # nobody knew this one
    assert after == before
    generations.worker()
    generations.kill()
    assert look(proxy.runtime())["b", "s1"][2] == "7"


def test_a_change_in_the_configuration_wins(make):
    old = make()
    admin = start(old)
    change_all(admin)
    save(old, admin)
    text = CONF.replace("weight 10", "weight 30").replace("server s3 {one} disabled", "server s3 {one}")
    text = text.replace("server s4 {one} weight 40", "server s4 {one} weight 40 disabled")
    after = look(start(copy(make, old, text=text)))
    assert after["b", "s1"][2] == "30"
    assert after["b", "s2"][1] == "8"
    assert after["b", "s3"][1] == "0"
    assert after["b", "s4"][1] == "5"


LINE = "3 b 1 s1 127.0.0.1 2 0 5 10 60 1 0 0 0 0 0 0 - 80 - 0 0 - - 0"
HEAD = "1\n# be_id be_name srv_id srv_name …\n"
WRONG = {
    "no-file": (None, r"\[NOTICE\].*config: Can't open global server state file '.*/states': No such file"),
    "empty": ("", r"\[NOTICE\].*config: Empty global server state file '.*/states'\."),
    "version": ("2\n", r"\[WARNING\].*config: Can't get version of the global server state file '.*/states'\."),
    "few-fields": (HEAD + LINE + "\n3 b 2 s2 127.0.0.1\n",
                   r"\[WARNING\].*config: corrupted global server state file '.*/states' at line 3\."),
    "cut-off": (HEAD + LINE, r"\[WARNING\].*corrupted global server state file '.*/states' at line 2\."),
    "values": (HEAD + LINE.replace(" 2 0 5 ", " 7 16x 999 ") + "\n",
               r"\[WARNING\].*server-state application failed for server 'b/s1', invalid srv_op_state value '7', "
               r"invalid srv_uweight value '999'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_files_that_cannot_be_used(make, what):
    text, message = WRONG[what]
    proxy = make()
    if text is not None:
        (proxy.dir / "states").write_text(text)
    admin = start(proxy)
    proxy.wait_log(message)
    assert look(admin)["b", "s1"][2] == "10"


def test_a_server_that_was_starting_is_up(make):
    proxy = make()
    (proxy.dir / "states").write_text(HEAD + LINE.replace(" 2 0 5 ", " 1 0 5 ") + "\n")
    after = look(start(proxy))
    assert after["b", "s1"][:3] == ("2", "0", "5")


def test_a_local_file_that_does_not_fit(make):
    lines = [LINE, LINE.replace("3 b 1 s1", "77 b 2 s2").replace(" 5 10 ", " 6 20 "), LINE.replace("1 s1", "9 gone"),
             LINE.replace("3 b", "78 x")]
    proxy = make(where="local", text=CONF.replace("\nbackend b\n", "\nbackend b\n    id 3\n"))
    (proxy.dir / "b").write_text(HEAD + "\n".join(lines) + "\n")
    after = look(start(proxy))
    assert (after["b", "s1"][2], after["b", "s2"][2]) == ("5", "6")
    log = proxy.log_text()
    assert "Proxy 'b': backend ID mismatch: from server state file: '77', from running config '3'" in log
    assert "Proxy 'b': can't find server 'gone' in backend 'b'" in log
    assert "from server state file: '78'" not in log


def test_stopped_and_stopping_servers_and_ports(make, origins):
    third = origins(name="third")
    proxy = make()
    states = [LINE.replace(" 2 0 5 ", " 0 0 10 "), LINE.replace("1 s1", "2 s2").replace(" 2 0 5 10", " 3 0 20 20"),
              LINE.replace("1 s1", "4 s4").replace(" 5 10 ", " 40 40 ").replace(" - 80 ", f" - {third.port} ")]
    (proxy.dir / "states").write_text(HEAD + "\n".join(states) + "\n")
    admin = start(proxy)
    after = look(admin)
    assert [after["b", name][0] for name in ("s1", "s2", "s4")] == ["0", "3", "2"]
    assert after["b", "s4"][4] == str(third.port)
    assert {proxy.get().header("X-Origin") for _ in range(3)} == {"third"}
    stamps = {row["srv_name"]: int(row["srv_time_since_last_change"]) for row in admin.servers("b").values()}
    assert stamps["s1"] >= 60


def test_the_last_address_of_a_name(make):
    text = CONF.replace("server s4 {one} weight 40", "server s4 localhost:80 weight 40\n    "
                        "server s5 localhost:80 init-addr libc,last")
    proxy = make(text=text)
    line = LINE.replace(" - 80 ", " localhost 81 ")
    states = [line.replace("1 s1 127.0.0.1", f"4 {name} 127.0.0.9") for name in ("s4", "s5")]
    (proxy.dir / "states").write_text(HEAD + "\n".join(states) + "\n")
    after = look(start(proxy))
    assert after["b", "s4"][3:] == ("127.0.0.9", "81")
    assert after["b", "s5"][3] != "127.0.0.9"


def test_words_are_checked(make):
    proxy = make(text=CONF.replace("    server-state-file states\n", ""))
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert checked.returncode == 0
    assert "'server-state-file' is not set!" in checked.stderr
    proxy = make(where="everywhere")
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert checked.returncode == 1
    assert "'load-server-state-from-file' expects 'global', 'local' or 'none'. Got 'everywhere'" in checked.stderr


def test_a_worker_that_takes_the_place_of_another_does_not_read_it(make):
    proxy = make()
    (proxy.dir / "states").write_text(HEAD + LINE + "\n")
    admin = start(proxy, "-W")
    assert look(admin)["b", "s1"][2] == "5"
    admin("set server b/s1 weight 8")
    Generations(proxy).kill()
    net.wait_until(lambda: look(proxy.runtime())["b", "s1"][2] == "8", "the weight that was set")
