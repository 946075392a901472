"""What `nginx -t` refuses and says, and where nginx's files are."""

import os
import re
import subprocess

import pytest

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

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its user")


def tried(weir, old="", new="", *arguments):
    face = weir("nginx", text=CONF.replace(old, new) if old else CONF, start=False)
    return face, face.run(*(arguments or ("-t",)))


def test_a_good_file_is_said_to_be_good_in_nginxs_two_lines(weir):
    face, done = tried(weir)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-2:] == [f"nginx: the configuration file {face.conf} syntax is ok",
                                             f"nginx: configuration file {face.conf} test is successful"]
    assert not (face.dir / "nginx.pid").exists()


@as_root
@pytest.mark.parametrize("line, text", [("user nosuchuser", 'getpwnam("nosuchuser") failed'),
                                        ("user root nosuchgroup", 'getgrnam("nosuchgroup") failed')])
def test_an_unknown_user_is_refused(weir, line, text):
    face, done = tried(weir, "user {user}", line)
    assert done.returncode == 1
    assert f"nginx: [emerg] {text} in {face.conf}:2" in done.stderr


def test_an_unwritable_pid_file_is_refused(weir):
    face, done = tried(weir, "{dir}/nginx.pid", "/nowhere/nginx.pid")
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert lines[-3:] == [f"nginx: the configuration file {face.conf} syntax is ok",
                          'nginx: [emerg] open() "/nowhere/nginx.pid" failed (2: No such file or directory)',
                          f"nginx: configuration file {face.conf} test failed"]


@pytest.mark.parametrize("where, text", [
    ("192.0.2.1:{port}", "bind() to 192.0.2.1:{port} failed (99: Cannot assign requested address)"),
    ("unix:/nowhere/socket", "bind() to unix:/nowhere/socket failed (2: No such file or directory)")])
def test_an_address_that_cannot_be_listened_on_is_refused(weir, where, text):
    face, done = tried(weir, "127.0.0.1:{port}", where)
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert lines[-2:] == [f"nginx: [emerg] {face.render(text)}", f"nginx: configuration file {face.conf} test failed"]


@pytest.mark.parametrize("words", ["", " reuseport"])
def test_addresses_in_use_are_no_fault(weir, words):
    places = "listen 127.0.0.1:{port}" + words + "; listen unix:{dir}/socket;"
    proxy = weir("nginx", text="daemon off; master_process off;" + CONF.replace("listen 127.0.0.1:{port};", places))
    assert proxy.run("-t", "-q").returncode == 0
    assert (proxy.dir / "socket").is_socket() and proxy.get().status == 200


def test_a_test_leaves_no_socket_behind(weir):
    face, done = tried(weir, "listen 127.0.0.1:{port};", "listen unix:{dir}/socket;")
    assert done.returncode == 0 and not (face.dir / "socket").exists()


def test_an_unwritable_first_error_log_is_an_alert(weir):
    _, done = tried(weir, "", "", "-t", "-e", "/nowhere/error.log")
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == ('nginx: [alert] could not open error log file: open() "/nowhere/error.log" '
                                           "failed (2: No such file or directory)")


@pytest.mark.parametrize("file, text", [("/nowhere/nginx.conf", "No such file or directory"), ("/etc", "Is a directory")])
def test_a_file_that_cannot_be_read_is_the_only_problem(weir, file, text):
    _, done = tried(weir, "", "", "-t", "-c", file)
    assert done.returncode == 1
    assert text in done.stderr and "events" not in done.stderr


def test_the_default_places_are_told(weir):
    _, done = tried(weir, "", "", "-V")
    assert " --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf " in done.stderr
    assert " --pid-path=/run/nginx.pid" in done.stderr


def test_worker_rlimit_nofile_lowers_the_limit_too(weir):
    proxy = weir("nginx", text="daemon off; master_process off; worker_rlimit_nofile 200;" + CONF)
    [line] = [one for one in open(f"/proc/{proxy.process.pid}/limits", encoding="ascii") if "open files" in one]
    assert line.split()[3:5] == ["200", "200"]


@pytest.mark.parametrize("text, said", [
    (None, '[error] open() "{dir}/nginx.pid" failed (2: No such file or directory)'),
    ("abc\n", '[error] invalid PID number "abc" in "{dir}/nginx.pid"'),
    ("0\n", '[error] invalid PID number "0" in "{dir}/nginx.pid"'),
    ("4194400\n", "[alert] kill(4194400, 1) failed (3: No such process)")])
def test_a_signal_for_nobody(weir, text, said):
    face = weir("nginx", text=CONF, start=False)
    if text:
        (face.dir / "nginx.pid").write_text(text, "utf-8")
    done = face.run("-s", "reload")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "nginx: " + said.replace("{dir}", str(face.dir))


def test_options_may_be_joined(weir):
    face = weir("nginx", text=CONF, start=False)
    done = face.run("-tq")
    assert (done.returncode, done.stderr) == (0, "")
    both = face.run("-tv")
    assert both.stderr.startswith("nginx version: nginx/") and both.stderr.endswith("test is successful\n")
    for flag in ("-h", "-?"):
        helped = face.run(flag)
        assert helped.returncode == 0 and helped.stdout == ""
        for option in ("-?,-h", "-v", "-V", "-t", "-T", "-q", "-s signal", "-p prefix", "-e filename", "-c filename",
                       "-g directives"):
            assert f"\n  {option} " in helped.stderr


WITHOUT_USERS = """    client_body_temp_path {dir}/body;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_read_timeout 5s;
    fastcgi_param A 1;
    fastcgi_param B 2;
    scgi_hide_header A;
    scgi_hide_header B;
    variables_hash_max_size 2048;
"""


def test_words_for_servers_that_are_not_asked_are_no_obstacle(weir):
    face, done = tried(weir, "http {\n", "http {\n" + WITHOUT_USERS)
    assert done.returncode == 0, done.stderr
    _, done = tried(weir, "return 200 ok;", "fastcgi_param A 1; fastcgi_pass 127.0.0.1:1;")
    assert done.returncode == 1 and "not yet: fastcgi_pass" in done.stderr


@pytest.mark.parametrize("old, new", [("{port};", "{port} http2;"), ("{port};", "{port}; http2 on;")])
def test_http2_is_warned_of(weir, old, new):
    face, done = tried(weir, old, new)
    assert done.returncode == 0
    assert "weir does not speak HTTP/2 yet, and offers HTTP/1.1" in done.stderr
    _, done = tried(weir, "", "", "-V")
    assert "configure arguments:" in done.stderr and "--with-http_v2_module" not in done.stderr


def test_a_group_of_backups_only_is_refused(weir):
    _, done = tried(weir, "    server {\n", "    upstream a { server 127.0.0.1:1 backup; }\n    server {\n")
    assert done.returncode == 1 and 'nginx: [emerg] no servers in upstream "a" in ' in done.stderr


def test_certificates_whose_time_is_over_are_told(weir, certs, tmp_path):
    """As in the haproxy face: the server's own, one in several servers once, and what servers are shown."""
    for command in ("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=old -keyout old.key -out old.csr",
                    "x509 -req -in old.csr -signkey old.key -days -1 -out old.crt"):
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    old, good = tmp_path / "old", certs.leaf()
    new = f"""listen 127.0.0.1:{{port}} ssl;
        ssl_certificate {old}.crt; ssl_certificate_key {old}.key;
        ssl_certificate {good}; ssl_certificate_key {good};
        location /shown {{ proxy_pass https://127.0.0.1:1; proxy_ssl_certificate {good}; proxy_ssl_certificate_key {good}; }}
        location /old {{ proxy_pass https://127.0.0.1:1; proxy_ssl_certificate {old}.crt; proxy_ssl_certificate_key {old}.key; }}
        """
    _, done = tried(weir, "listen 127.0.0.1:{port};", new)
    assert done.returncode == 0
    told = re.findall(r"\[warn\] certificate \"(.*)\" expired on 20\d\d-\d\d-\d\d in .*:(\d+)", done.stderr)
    assert sorted(told) == [(f"{old}.crt", "10"), (f"{old}.crt", "13")]
