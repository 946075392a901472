"""The statistics page in all faces: what it shows is what happened, in every form."""

import csv
import html.parser
import io
import json

import pytest

from rig import net
from rig.proxy import faces

TARGETS = {"haproxy": "/stats;{}", "nginx": "/stats?{}", "weir": "/stats?{}"}
FRONT = {"haproxy": "web", "nginx": "127.0.0.1:{}", "weir": "127.0.0.1:{}"}


class Table(html.parser.HTMLParser):
    """The rows of the page's table as lists of texts; `ends` counts </table>, `links` are hrefs."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.classes, self.links, self.ends, self.title = [], [], [], 0, ""
        self._in_title = self._hidden = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self._in_title = tag == "title"
        self._hidden = tag == "small"
        if tag == "tr":
            self.rows.append([])
            self.classes.append(attrs.get("class", ""))
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "a":
            self.links.append(attrs["href"])

    def handle_endtag(self, tag):
        self.ends += tag == "table"
        self._in_title = self._hidden = False

    def handle_data(self, data):
        if self._in_title:
            self.title += data
        elif self.rows and self.rows[-1] and not self._hidden:
            self.rows[-1][-1] += data.strip()

    def row(self, name):
        return next(row for row in self.rows if row and row[0] == name)

    def class_of(self, name):
        return next(kind for kind, row in zip(self.classes, self.rows) if row and row[0] == name)


@pytest.fixture
def start(weir, origin):
    return lambda face: weir(face, "stats_page", origin=origin)


def page(proxy, words="", method="GET", **options):
    target = TARGETS[proxy.face].format(words) if words else "/stats"
    with proxy.client("page_port") as client:
        return client.request(target, method, **options)


def lines(proxy):
    rows = csv.DictReader(io.StringIO(page(proxy, "csv").body.decode().removeprefix("# ")))
    return {(row["pxname"], row["svname"]): row for row in rows}


def front(proxy):
    return FRONT[proxy.face].format(proxy.port), "FRONTEND"


@faces("stats_page")
def test_page_shows_traffic(start, face):
    proxy = start(face)
    for _ in range(3):
        assert proxy.get().status == 200
    net.wait_until(lambda: lines(proxy)[front(proxy)]["hrsp_2xx"] == "3", lambda: str(lines(proxy)[front(proxy)]))
    answer = page(proxy)
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.header("Cache-Control") == "no-cache"
    assert answer.header("Transfer-Encoding") == "chunked"
    table = Table(answer.body.decode())
    assert table.ends == 1 and answer.body.endswith(b"</body></html>\n")
    assert table.title.startswith("Statistics Report for ")
    assert len(table.row("Frontend")) == 31
    assert table.row("Frontend")[10] == "3"  # sessions, total
    server = table.row("s1" if face == "haproxy" else str(proxy.places["origin"]))
    assert server[10] == "3"
    assert server[22].endswith("no check")


@faces("stats_page")
def test_page_loads_nothing(start, face):
    answer = page(start(face))
    text = answer.body.decode()
    assert "<script" not in text and "http://" not in text and "https://" not in text and "url(" not in text
    assert "default-src 'none'" in answer.header("Content-Security-Policy")
    assert len(answer.body) < 16000


@faces("stats_page")
def test_counts_of_csv(start, face):
    proxy = start(face)
    proxy.get()
    net.wait_until(lambda: lines(proxy)[front(proxy)]["hrsp_2xx"] == "1", lambda: str(lines(proxy)))
    seen = lines(proxy)
    assert seen[front(proxy)]["req_tot"] == "1"
    assert int(seen[front(proxy)]["bin"]) > 0 and int(seen[front(proxy)]["bout"]) > 0
    assert seen["app", "BACKEND"]["stot"] == "1"
    assert seen["app", "BACKEND"]["hrsp_2xx"] == "1"


@faces("stats_page")
def test_json(start, face):
    answer = page(start(face), "json")
    assert answer.header("Content-Type") == "application/json"
    names = {field["value"]["value"] for line in json.loads(answer.body) for field in line
             if field["field"]["name"] == "pxname"}
    assert "app" in names


@faces("stats_page")
def test_head(start, face):
    answer = page(start(face), method="HEAD")
    assert answer.status == 200 and answer.body == b""
    assert answer.header("Content-Type") == "text/html; charset=utf-8"


@faces("stats_page")
def test_old_client_gets_the_page_until_the_close(start, face):
    answer = page(start(face), version="1.0")
    assert answer.header("Transfer-Encoding") is None
    assert answer.body.endswith(b"</body></html>\n")


@faces("stats_page")
def test_links_lead_to_the_page(start, face):
    proxy = start(face)
    links = [link for link in Table(page(proxy).body.decode()).links if not link.startswith("#")]
    assert len(links) == 4
    for link in links:
        with proxy.client("page_port") as client:
            assert client.request(link if link.startswith("/") else "/stats" + link).status == 200


@faces("stats_page", only=("nginx", "weir"))
def test_only_reading(start, face):
    assert page(start(face), method="POST", body=b"action=maint").status == 405


@faces("stats_page", only=("weir",))
def test_one_page_for_both_vocabularies(start, face):
    proxy = start(face)
    assert {("app", "BACKEND"), ("other", "BACKEND"), ("other", "s1")} <= set(lines(proxy))
    assert set(lines(proxy)) == set(proxy.runtime().stat())
    rows = [(line["iid"]) for line in lines(proxy).values() if line["svname"] in ("FRONTEND", "BACKEND")]
    assert len(rows) == len(set(rows))
