"""Files as answers in the nginx face: root, alias, index, types, conditional requests, ranges, try_files, listings."""

import os

import pytest

BODY = bytes(range(256)) * 40

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    default_type application/octet-stream;
    types { text/html html; text/plain txt; image/x-wide WIDE; }
    root {dir}/files;
    server {
        listen 127.0.0.1:{port};
        location / { }
        location /exact/ { alias {dir}/files/sub/; if_modified_since before; }
        location ~ ^/re/(.*)$ { alias {dir}/files/sub/$1; }
        location /variable/ { root {dir}/$arg_root; }
        location /noetag/ { alias {dir}/files/; etag off; max_ranges 0; }
        location /two/ { alias {dir}/files/; max_ranges 2; }
        location /added/ {
            alias {dir}/files/;
            expires 1h;
            add_header X-Plain plain;
            add_header X-Always always always;
        }
        location /added416/ {
            alias {dir}/files/;
            add_header X-Plain plain;
            error_page 416 /page416;
        }
        location /page416 { add_header X-Page page always; return 200 page; }
        location /off/ { alias {dir}/files/; if_modified_since off; }
        location /list/ { alias {dir}/files/; index none; autoindex on; }
        location /json/ { alias {dir}/files/; index none; autoindex on; autoindex_format json; }
        location /index/ { alias {dir}/files/sub/; index $arg_i.html page.txt; }
        location /try/ { try_files $uri /sub$uri /sub/page.txt; }
        location /try404/ { try_files $uri =404; }
        location /trynamed/ { try_files $uri @named; }
        location @named { return 200 "named $uri"; }
        location /nolinks/ { alias {dir}/files/; disable_symlinks on from={dir}; }
        location /page/ { error_page 404 /data.bin; return 404; }
        location /names { return 200 "$document_root $request_filename $realpath_root"; }
        error_page 403 /denied.html;
        location = /denied.html { return 200 "denied page"; }
    }
}
"""


@pytest.fixture
def site(weir, home):
    proxy = weir("nginx", text=CONF, start=False)
    files = proxy.dir / "files"
    (files / "sub").mkdir(parents=True)
    (files / "empty").mkdir()
    (files / "data.bin").write_bytes(BODY)
    (files / "index.html").write_text("<p>index</p>")
    (files / "odd.WiDe").write_text("wide")
    (files / "sub" / "page.txt").write_text("page")
    (files / "sub" / "try").mkdir()
    (files / "sub" / "try" / "found.txt").write_text("found")
    (files / "link.txt").symlink_to(files / "sub" / "page.txt")
    (files / "nothing.txt").write_text("")
    os.utime(files / "data.bin", (784111777, 784111777))
    return proxy.start()


def test_file_with_its_headers(site):
    answer = site.get("/data.bin")
    assert (answer.status, answer.body) == (200, BODY)
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("Last-Modified") == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert answer.header("ETag") == '"2ebc98a1-2800"'
    assert answer.header("Accept-Ranges") == "bytes"


def test_large_file_over_one_connection(site):
    big = os.urandom(1 << 16) * 128
    (site.dir / "files" / "big").write_bytes(big)
    with site.client() as client:
        for _ in range(3):
            assert client.request("/big").body == big


def test_empty_file_and_head(site):
    assert site.get("/nothing.txt").body == b""
    answer = site.get("/data.bin", method="HEAD")
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", str(len(BODY)))


@pytest.mark.parametrize("target, kind", [("/index.html", "text/html"), ("/sub/page.txt", "text/plain"),
                                          ("/odd.WiDe", "image/x-wide")])
def test_types(site, target, kind):
    assert site.get(target).header("Content-Type") == kind


@pytest.mark.parametrize("target, status, body", [
    ("/exact/page.txt", 200, b"page"), ("/re/page.txt", 200, b"page"), ("/variable/index.html?root=files", 404, None),
    ("/", 200, b"<p>index</p>"), ("/index/?i=x", 200, b"page"), ("/missing", 404, None), ("/sub/page.txt/x", 404, None),
    ("/data.bin%00.txt", 400, None), ("/try/found.txt", 200, b"found"), ("/try/other", 200, b"page"),
    ("/try404/x", 404, None), ("/trynamed/x", 200, b"named /trynamed/x"), ("/link.txt", 200, b"page"),
    ("/nolinks/index.html", 200, b"<p>index</p>"),
])
def test_look_up(site, target, status, body):
    answer = site.get(target)
    assert answer.status == status
    assert body is None or answer.body == body


def test_refused_links_and_directories_go_to_the_error_page(site):
    for target in ("/nolinks/link.txt", "/empty/"):
        answer = site.get(target)
        assert (answer.status, answer.body) == (403, b"denied page")
    site.wait_log(r"\[error\] .*openat\(\) \".*link.txt\" failed \(40: ")
    site.wait_log(r"directory index of \".*files/empty/\" is forbidden")


def test_directory_without_slash_is_redirected(site):
    answer = site.get("/sub?a=b")
    assert answer.status == 301
    assert answer.header("Location") == f"http://localhost:{site.port}/sub/?a=b"


def test_other_methods(site):
    assert site.get("/data.bin", method="POST", body=b"x").status == 405
    assert site.get("/data.bin", method="DELETE").status == 405


def test_error_log_names_the_file(site):
    site.get("/missing", headers=[("Referer", "http://here/")])
    line = site.wait_log(r"open\(\) \".*/files/missing\" failed \(2: No such file or directory\), client: 127.0.0.1")
    assert ', request: "GET /missing HTTP/1.1", host: "localhost", referrer: "http://here/"' in line


def test_variables(site):
    files = site.dir / "files"
    assert site.get("/names").body.decode() == f"{files} {files}/names {files.resolve()}"


@pytest.mark.parametrize("headers, status", [
    ({"If-None-Match": '"2ebc98a1-2800"'}, 304), ({"If-None-Match": 'W/"2ebc98a1-2800"'}, 304),
    ({"If-None-Match": '"other", "2ebc98a1-2800"'}, 304), ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"other"'}, 200), ({"If-Match": '"2ebc98a1-2800"'}, 200), ({"If-Match": '"other"'}, 412),
    ({"If-Match": 'W/"2ebc98a1-2800"'}, 412), ({"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 304),
    ({"If-Modified-Since": "Sun, 06 Nov 1994 08:49:38 GMT"}, 200),
    ({"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT", "If-None-Match": '"other"'}, 200),
    ({"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 200),
    ({"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:36 GMT"}, 412),
])
def test_conditional_requests(site, headers, status):
    answer = site.get("/data.bin", headers=list(headers.items()))
    assert answer.status == status
    if status == 304:
        assert answer.body == b"" and answer.header("ETag") and not answer.header("Content-Length")


def test_if_modified_since_rules(site):
    future = [("If-Modified-Since", "Thu, 31 Dec 2037 23:55:55 GMT")]
    assert site.get("/exact/page.txt", headers=future).status == 304
    assert site.get("/sub/page.txt", headers=future).status == 200
    assert site.get("/off/data.bin", headers=[("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")]).status == 200


@pytest.mark.parametrize("asked, part", [("bytes=0-8", BODY[:9]), ("bytes=-10", BODY[-10:]), ("bytes=100-", BODY[100:]),
                                         ("bytes=100-999999", BODY[100:])])
def test_one_range(site, asked, part):
    answer = site.get("/data.bin", headers=[("Range", asked)])
    assert (answer.status, answer.body) == (206, part)
    begin = BODY.index(part) if asked != "bytes=-10" else len(BODY) - 10
    assert answer.header("Content-Range") == f"bytes {begin}-{begin + len(part) - 1}/{len(BODY)}"


@pytest.mark.parametrize("asked, parts", [("bytes=0-3,8-11", [(0, 4), (8, 12)]), ("bytes=50-59,0-9", [(50, 60), (0, 10)]),
                                          ("bytes=0-9,5-14", [(0, 10), (5, 15)])])
def test_several_ranges(site, asked, parts):
    answer = site.get("/data.bin", headers=[("Range", asked)])
    assert answer.status == 206
    kind, boundary = answer.header("Content-Type").split("; boundary=")
    assert kind == "multipart/byteranges"
    expected = b""
    for begin, end in parts:
        expected += (f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
                     f"Content-Range: bytes {begin}-{end - 1}/{len(BODY)}\r\n\r\n").encode() + BODY[begin:end]
    assert answer.body == expected + f"\r\n--{boundary}--\r\n".encode()


def test_range_that_is_not_there(site):
    answer = site.get("/data.bin", headers=[("Range", f"bytes={len(BODY)}-")])
    assert (answer.status, answer.header("Content-Range")) == (416, f"bytes */{len(BODY)}")


def test_if_range_and_limits(site):
    first = ("Range", "bytes=0-0")
    assert site.get("/data.bin", headers=[first, ("If-Range", '"2ebc98a1-2800"')]).status == 206
    assert site.get("/data.bin", headers=[first, ("If-Range", '"other"')]).status == 200
    assert site.get("/data.bin", headers=[first, ("If-Range", "Sun, 06 Nov 1994 08:49:37 GMT")]).status == 206
    assert site.get("/data.bin", headers=[first, ("If-Range", "Sun, 06 Nov 1994 08:49:38 GMT")]).status == 200
    assert site.get("/noetag/data.bin", headers=[first]).status == 200
    assert not site.get("/noetag/data.bin").header("ETag")
    assert site.get("/two/data.bin", headers=[("Range", "bytes=0-0,2-2,4-4")]).status == 200


def test_listing(site):
    (site.dir / "files" / "a<b&c.txt").write_text("")
    text = site.get("/list/").body.decode()
    assert "<h1>Index of /list/</h1>" in text
    assert '<a href="sub/">sub/</a>' in text
    assert '<a href="a%3Cb%26c.txt">a&lt;b&amp;c.txt</a>' in text
    assert text.index('"sub/"') < text.index('"data.bin"')


def test_listing_as_json(site):
    answer = site.get("/json/")
    assert answer.header("Content-Type") == "application/json"
    assert b'{ "name":"data.bin", "type":"file", "mtime":"Sun, 06 Nov 1994 08:49:37 GMT", "size":10240 }' in answer.body


def test_the_page_of_an_error_is_no_file_of_its_own(site):
    answer = site.get("/page/")
    assert (answer.status, answer.body) == (404, BODY)
    assert "Last-Modified" not in answer.headers and "Accept-Ranges" not in answer.headers
    assert "Last-Modified" in site.get("/data.bin").headers


def test_added_headers_go_with_ranges(site):
    """They are added to the answer before it is known which part of it is asked for, or that there is no such part."""
    part = site.get("/added/data.bin", headers=[("Range", "bytes=0-1")])
    assert (part.status, part.header("X-Plain"), part.header("Cache-Control")) == (206, "plain", "max-age=3600")
    none = site.get("/added/data.bin", headers=[("Range", f"bytes={len(BODY)}-")])
    assert (none.status, none.header("X-Plain"), none.header("Cache-Control")) == (416, "plain", "max-age=3600")
    assert none.header("Expires") and none.header("Content-Range") == f"bytes */{len(BODY)}"
    assert not none.header("ETag") and not none.header("Last-Modified") and not none.header("Accept-Ranges")
    assert none.header("Content-Type") == "text/html"
    page = site.get("/added416/data.bin", headers=[("Range", f"bytes={len(BODY)}-")])
    assert (page.status, page.body, page.header("X-Plain"), page.header("X-Page")) == (416, b"page", "plain", "page")


def test_what_is_always_added_is_added_once(site):
    """Not as in nginx, whose 416 has it twice."""
    answer = site.get("/added/data.bin", headers=[("Range", f"bytes={len(BODY)}-")])
    assert answer.headers.all("X-Always") == ["always"]
