"""Trailers of the origin reach the client where the configuration passes them."""

import pytest

from rig.http1 import chunk
from rig.origin import Reply
from rig.proxy import faces


@pytest.fixture
def proxy(weir, face, origin):
    return weir(face, "trailers", origin=origin)


def lower(fields):
    return [(name.lower(), value) for name, value in fields]


@faces("trailers")
def test_response_trailers(proxy, origin):
    origin.default = Reply(body=b"abc", trailers=[("X-Sum", "1"), ("X-Last", "2")])
    response = proxy.get(headers=[("TE", "trailers")])
    assert response.body == b"abc"
    assert lower(response.trailers) == [("x-sum", "1"), ("x-last", "2")]
    assert "X-Sum" not in response.headers


@faces("trailers")
def test_request_trailers_never_become_headers(proxy, origin):
    body = chunk(b"abc", trailers=[("X-Sum", "1")])
    assert proxy.get(method="POST", headers=[("Transfer-Encoding", "chunked")], body=body).status == 200
    request = origin.requests[0]
    assert request.body == b"abc"
    assert "X-Sum" not in request.headers
    assert lower(request.trailers) == ([] if proxy.face == "nginx" else [("x-sum", "1")])


@pytest.mark.parametrize("option", ["request", "response"])
def test_haproxy_drops_trailers(weir, origin, option):
    text = f"""
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    option http-drop-{option}-trailers
listen web
    bind 127.0.0.1:{{port}}
    server s1 {{origin}}
"""
    proxy = weir("haproxy", text=text, origin=origin)
    origin.default = Reply(body=b"abc", trailers=[("X-Answer", "1")])
    body = chunk(b"abc", trailers=[("X-Ask", "1")])
    response = proxy.get(method="POST", headers=[("Transfer-Encoding", "chunked")], body=body)
    assert bool(response.trailers) == (option == "request")
    assert bool(origin.requests[0].trailers) == (option == "response")
