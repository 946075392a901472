"""return, rewrite, break, set and if in the nginx face."""

import pytest

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log notice;
events {}
http {
    access_log off;
    server {
        listen 127.0.0.1:{port};
        server_name example.com;
        rewrite ^/server/(.*)$ /landed/$1;
        if ($arg_stop = server) { return 410 "stopped\\n"; }
        set $kind none;

        location / { return 200 "root $uri $args\\n"; }
        location /landed/ { return 200 "landed $uri args=$args\\n"; }

        location /status { return 204; }
        location /text { return 403 "no: $arg_why\\n"; }
        location /moved { return 301 /new?$args; }
        location /away { return https://other.example/x; }
        location /plain404 { return 404; }

        location /last { rewrite ^/last/(.*)$ /landed/$1?added=1 last; return 500; }
        location /drop { rewrite ^/drop/(.*)$ /landed/$1?only=1? last; }
        location /break { rewrite ^ /landed/never break; return 200 "here $uri\\n"; }
        location /tobreak { rewrite ^/tobreak(.*)$ /backend$1 break; proxy_pass http://{origin}; }
        location /permanent { rewrite ^/permanent/(.*)$ /new/$1 permanent; }
        location /redirect { rewrite ^/redirect/(.*)$ https://other.example/$1 redirect; }
        location /esc { rewrite ^/esc/(.*)$ /landed/x?path=$1 last; }
        location /loop { rewrite ^ /loop/again last; }
        location /none { rewrite ^/other/(.*)$ /landed/$1 last; return 200 "unchanged\\n"; }

        location /set { set $kind "set-$arg_a"; return 200 "$kind ${Kind}2\\n"; }
        location /unset { if ($arg_never) { set $never 1; } return 200 "[$never]\\n"; }
        location /args { set $args "a=b"; return 200 "$args $is_args\\n"; }

        location /if {
            set $out "";
            if ($arg_v) { set $out "${Out}true "; }
            if ($arg_v = one) { set $out "${Out}equal "; }
            if ($arg_v != one) { set $out "${Out}unequal "; }
            if ($arg_v ~ ^o(.)e$) { set $out "${Out}match:$1 "; }
            if ($arg_v ~* ^O) { set $out "${Out}imatch "; }
            if ($arg_v !~ x) { set $out "${Out}nox "; }
            return 200 "$out\\n";
        }
        location /evil {
            set $a 1;
            if ($arg_x) { set $a 2; add_header X-If first; }
            if ($arg_y) { add_header X-If second; }
            set $b "$a-after";
            add_header X-Outer $b;
            proxy_pass http://{origin};
        }
        location /ifproxy {
            if ($arg_x) { proxy_pass http://{origin}; }
            return 200 "local\\n";
        }
        location /ifbreak {
            if ($arg_x) { set $c "in"; break; }
            return 200 "after\\n";
        }
        location /error { error_page 404 /server/error; return 404; }
    }
}
"""


@pytest.fixture
def proxy(weir, origin):
    return weir("nginx", text=CONF, origin=origin)


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/status", 204, b""),
        ("/text?why=x", 403, b"no: x\n"),
        ("/server/a", 200, b"landed /landed/a args=\n"),
        ("/x?stop=server", 410, b"stopped\n"),
        ("/last/b?q=1", 200, b"landed /landed/b args=added=1&q=1\n"),
        ("/drop/b?q=1", 200, b"landed /landed/b args=only=1\n"),
        ("/break/x", 404, None),
        ("/esc/a%26b", 200, b"landed /landed/x args=path=a%26b\n"),
        ("/none", 200, b"unchanged\n"),
        ("/set?a=1", 200, b"set-1 set-12\n"),
        ("/unset", 200, b"[]\n"),
        ("/args", 200, b"a=b ?\n"),
        ("/if?v=one", 200, b"true equal match:n imatch nox \n"),
        ("/if?v=0", 200, b"unequal nox \n"),
        ("/if?v=xo", 200, b"true unequal \n"),
        ("/ifproxy", 200, b"local\n"),
        ("/ifbreak", 200, b"after\n"),
        ("/error", 404, b"landed /landed/error args=\n"),
    ],
)
def test_answers(proxy, target, status, body):
    answer = proxy.get(target)
    assert answer.status == status
    assert body in (None, answer.body)


@pytest.mark.parametrize(
    ("target", "status", "location"),
    [
        ("/moved?a=b", 301, "http://localhost:{port}/new?a=b"),
        ("/away", 302, "https://other.example/x"),
        ("/permanent/x?q=1", 301, "http://localhost:{port}/new/x?q=1"),
        ("/redirect/a%20b", 302, "https://other.example/a%20b"),
    ],
)
def test_redirects(proxy, target, status, location):
    answer = proxy.get(target)
    assert answer.status == status
    assert answer.header("Location") == location.replace("{port}", str(proxy.port))


def test_a_rewrite_loop_ends(proxy):
    assert proxy.get("/loop").status == 500
    assert 'rewrite or internal redirection cycle while processing "/loop/again"' in proxy.log_text()


def test_an_unset_variable_is_worth_a_warning(proxy):
    proxy.get("/unset")
    assert 'using uninitialized "never" variable' in proxy.log_text()


def test_a_rewritten_uri_reaches_the_server(proxy, origin):
    assert proxy.get("/tobreak/a%20b?q=1").status == 200
    assert origin.paths() == ["/backend/a%20b?q=1"]


def test_the_last_if_that_holds_decides(proxy):
    assert proxy.get("/evil").header("X-Outer") == "1-after"
    first = proxy.get("/evil?x=1")
    assert (first.header("X-If"), first.header("X-Outer")) == ("first", None)
    assert proxy.get("/evil?x=1&y=1").header("X-If") == "second"


def test_an_if_may_have_the_content(proxy, origin):
    # A later return wins over the block's proxy_pass: rewrite directives run to their end first.
    assert proxy.get("/ifproxy?x=1").body == b"local\n"
    assert origin.paths() == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("return 1000;", 'invalid return code "1000"'),
        ("return text;", 'invalid return code "text"'),
        ("rewrite ^ /x often;", 'invalid parameter "often"'),
        ("rewrite ( /x;", "invalid regular expression"),
        ("set name 1;", 'invalid variable name "name"'),
        ("set $host 1;", 'the duplicate "host" variable'),
        ("if ($a == 1) { }", 'unexpected "=="'),
        ("if (a) { }", 'invalid condition "a"'),
        ("if $a { }", 'invalid condition "$a"'),
        ("return 200 $nowhere;", 'unknown "nowhere" variable'),
    ],
)
def test_what_is_refused(weir, line, complaint):
    text = "events {} http { server { listen 127.0.0.1:{port}; location / { " + line + " } } }"
    result = weir("nginx", text=text, start=False).run("-t")
    assert result.returncode == 1
    assert complaint in result.stderr


def test_answers_without_words_or_body(weir, origin):
    """What nginx has neither a reason nor a page for; 204 has no type; the text of `return` may name the status."""
    text = CONF.partition("        location /status")[0] + """
        location /204 { return 204; }
        location /418 { return 418; }
        location /451 { return 451; }
        location /404 { return 404; }
        location /203 { return 203 $status; }
    }
}
"""
    proxy = weir("nginx", text=text, origin=origin)
    assert proxy.get("/204").headers.all("Content-Type") == []
    for status in (418, 451):
        response = proxy.get(f"/{status}")
        assert (response.status, response.reason, response.body) == (status, "", b"")
        assert response.headers.get("Content-Length") == "0" and "Content-Type" not in response.headers
    assert proxy.get("/404").body.startswith(b"<html>")
    response = proxy.get("/203")
    assert (response.reason, response.body) == ("", b"203")
