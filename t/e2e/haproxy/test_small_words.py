"""Sentences about mistakes: each says one thing, once."""

import re
import signal
import socket
import subprocess

import pytest

from rig import net

CONF = """
global
    {more}
defaults
    mode http
    timeout client {time}
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200
"""


@pytest.fixture
def make(weir):
    return lambda more="", time="5s": weir("haproxy", text=CONF, start=False, more=more, time=time)


def refused(proxy, *arguments):
    result = proxy.run(*(arguments or ("-c", "-f", str(proxy.conf))))
    assert result.returncode == 1
    return result.stderr


def test_a_chroot_that_is_a_file(make):
    assert "'/etc/passwd' is no folder" in refused(make("chroot /etc/passwd"))


def test_a_chroot_that_is_still_to_be_made(make):
    proxy = make(f"chroot {make().dir}/none")
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert checked.returncode == 0, checked.stderr
    started = proxy.run("-db", "-f", str(proxy.conf))
    assert started.returncode == 1
    assert "does not exist" in started.stderr


def test_balance_alone_is_the_default(make):
    proxy = make()
    proxy.conf.write_text(proxy.conf.read_text() + "backend b\n    balance\n    timeout connect 1s\n    timeout server 1s\n")
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert checked.returncode == 0 and "balance" not in checked.stderr


@pytest.mark.parametrize("word, remedy", [
    ("dispatch 127.0.0.1:9101", "write: server dispatch 127.0.0.1:9101"),
    ("transparent", "use: server with address 0.0.0.0"),
    ("option transparent", "use: server with address 0.0.0.0"),
    ("option http_proxy", "use: http-request do-resolve and http-request set-dst"),
])
def test_words_that_named_where_requests_go_are_refused(make, word, remedy):
    proxy = make()
    proxy.conf.write_text(proxy.conf.read_text() + f"listen b\n    bind 127.0.0.1:1\n    {word}\n")
    text = refused(proxy)
    assert "was removed in version 3.5" in text and remedy in text


QUIET = """
defaults
    mode http
    timeout client 1s
    timeout connect 1s
    timeout server 1s
"""


@pytest.fixture
def warned(make, weir):
    """What checks say of a configuration that they take: the product's sentences, and weir's own."""
    face = weir("weir", text="", start=False)

    def check(text, head=""):
        proxy = make()
        proxy.conf.write_text(head + QUIET + text.replace("{port}", str(proxy.port)))
        said = proxy.run("-c", "-f", str(proxy.conf)), face.run("check", str(proxy.conf))
        assert [done.returncode for done in said] == [0, 0], said
        return "".join(done.stdout + done.stderr for done in said)

    return check


def test_checks_that_no_option_uses_are_told(warned):
    text = warned("""
listen l
    bind 127.0.0.1:{port}
    http-check expect status 200
    tcp-check connect
    server s 127.0.0.1:1 check
backend used
    option httpchk
    http-check expect status 200
    server s 127.0.0.1:1 check
""")
    assert "proxy 'l' uses http-check rules without 'option httpchk', so the rules are ignored." in text
    assert "proxy 'l' uses tcp-check rules without 'option tcp-check', so the rules are ignored." in text
    assert text.count("'http-check' lines do nothing") == 1
    assert "write: option httpchk" in text and "write: option tcp-check" in text


def test_bytes_before_a_request_are_not_there_in_http(warned):
    text = warned("""
frontend web
    bind 127.0.0.1:{port}
    acl named req_ssl_sni -i a.example
    http-request deny if named
    http-request set-header x %[req.ssl_sni] if named
    use_backend b if { req_ssl_hello_type 1 }
    default_backend b
frontend raw
    mode tcp
    bind /tmp/none.sock
    tcp-request content accept if { req_ssl_hello_type 1 }
backend b
    server s 127.0.0.1:1
""")
    assert text.count("L6 sample fetches ignored on HTTP proxies") == 2
    assert "L6 sample fetch <req.ssl_sni> ignored in HTTP log-format string." in text
    assert text.count("'req_ssl_sni' says nothing in 'web', whose mode is http") == 1
    assert "use ssl_fc_sni where TLS ends here" in text


def test_a_format_for_no_log_is_told(warned):
    text = warned("""
frontend web
    bind 127.0.0.1:{port}
    option httplog
    default_backend b
frontend other
    bind /tmp/none.sock
    log 127.0.0.1:514 local0
    option httplog
    default_backend b
backend b
    server s 127.0.0.1:1
""")
    assert text.count("log format ignored for frontend 'web' since it has no log address.") == 1
    assert "frontend 'other'" not in text and "write: log global" in text


def test_answers_are_not_observed_in_tcp(warned):
    text = warned("""
listen l
    mode tcp
    bind 127.0.0.1:{port}
    server s 127.0.0.1:1 check observe layer7
""")
    assert "'layer7' can only be used in http proxies." in text and "write: observe layer4" in text


def test_certificates_without_ssl_are_told(warned, certs):
    text = warned(f"""
frontend web
    bind 127.0.0.1:{{port}} crt {certs.leaf()}
    http-request return status 200
""")
    assert "(use 'ssl')" in text and "speaks plain text: its line says nothing of 'ssl'" in text
    assert "plain text" not in warned(f"""
frontend web
    bind 127.0.0.1:{{port}} ssl crt {certs.leaf()}
    http-request return status 200
""")


def test_a_certificate_whose_time_is_over_is_told(warned, tmp_path):
    for command in ("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=old -keyout old.key -out old.csr",
                    "x509 -req -in old.csr -signkey old.key -days -1 -out old.crt"):
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    both = tmp_path / "old.pem"
    both.write_text((tmp_path / "old.crt").read_text() + (tmp_path / "old.key").read_text())
    text = warned(f"""
frontend web
    bind 127.0.0.1:{{port}} ssl crt {both}
    http-request return status 200
""")
    assert re.search(rf"the certificate in '{both}' expired on 20\d\d-\d\d-\d\d", text)
    text = warned(f"""
listen l
    bind 127.0.0.1:{{port}}
    server s 127.0.0.1:1 ssl verify none crt {both}
""")
    assert re.search(rf"the certificate in '{both}' expired on 20\d\d-\d\d-\d\d", text)


@pytest.mark.parametrize("place, words", [
    ("global", ["maxsslconn 10", "tune.h2.max-frame-size 16384", "tune.vars.txn-max-size 100k", "tune.lua.maxmem 10",
                "profiling.tasks on"]),
    ("defaults", ["option tcp-smart-accept", "option socket-stats", "timeout client-hs 1s"]),
    ("bind 127.0.0.1:1", ["nice 10", "id 3"]),
])
def test_words_without_effect_are_taken_and_told(warned, place, words):
    bind = f"    {place} {' '.join(words)}" if place.startswith("bind") else "    bind 127.0.0.1:1"
    head = "" if place.startswith("bind") else place + "\n" + "".join(f"    {word}\n" for word in words)
    text = warned(f"listen l\n{bind}\n    http-request return status 200\n", head)
    assert text.count("has no effect in weir: ") == len(words)


@pytest.mark.parametrize("section", [
    "ring r\n    server s1 127.0.0.1:1 tfo\n", "peers p\n    peer other 127.0.0.1:1 tfo\n",
    "backend b\n    mode log\n    server s1 tcp@127.0.0.1:1 tfo\n",
], ids=["ring", "peers", "log"])
def test_fast_open_is_for_requests(warned, section):
    text = warned("listen l\n    bind 127.0.0.1:1\n    http-request return status 200\n" + section)
    assert "no effect in weir: only requests of clients go in a SYN" in text


@pytest.mark.parametrize("section", [
    "log-forward f\n    bind 127.0.0.1:2 maxconn 4\n    log global\n", "peers p\n    bind 127.0.0.1:2 maxconn 4\n",
], ids=["log-forward", "peers"])
def test_limits_of_whole_sections(warned, section):
    text = warned("listen l\n    bind 127.0.0.1:1\n    http-request return status 200\n" + section)
    assert "'maxconn' has no effect in weir here: connections count for the whole section" in text


def test_a_time_that_is_none_is_said_once(make):
    text = refused(make(time="abc"))
    assert text.count("'abc' is not a time") == 1


def test_a_wrong_level_is_no_planned_word(make):
    text = refused(make("stats socket /tmp/none.sock level adm"))
    assert "'adm' is not a level of rights" in text and "not built yet" not in text


def test_a_folder_without_configurations(make):
    proxy = make()
    folder = proxy.dir / "empty"
    folder.mkdir()
    assert f"there is no *.cfg in the folder {folder}" in refused(proxy, "-c", "-f", str(folder))


def ask_master(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(15)
        client.connect(str(path))
        client.sendall(b"show proc\n")
        client.shutdown(socket.SHUT_WR)
        got = b""
        while piece := client.recv(4096):
            got += piece
    return got.decode()


def test_a_master_socket_that_was_removed_comes_back_with_a_reload(make):
    proxy = make()
    path = proxy.dir / "m.sock"
    proxy.start("-W", "-db", "-S", str(path), "-f", str(proxy.conf))
    proxy.wait_log("Loading success")
    assert "worker" in ask_master(path)
    path.unlink()
    proxy.signal(signal.SIGUSR2)
    proxy.wait_log("serves the new configuration")
    assert "worker" in ask_master(path)
    proxy.signal(signal.SIGUSR2)  # one that is there stays as it is
    net.wait_until(lambda: proxy.log_text().count("serves the new configuration") == 2, proxy.log_text)
    assert "worker" in ask_master(path)
