"""Trailers of the origin reach the client where the configuration passes them."""

import pytest

from rig.http1 import chunk
from rig.origin import Reply
from rig.proxy import faces

pytestmark = faces("trailers")


@pytest.fixture
def proxy(weir, face, origin):
    return weir(face, "trailers", origin=origin)


def lower(fields):
    return [(name.lower(), value) for name, value in fields]


def test_response_trailers(proxy, origin):
    origin.default = Reply(body=b"abc", trailers=[("X-Sum", "1"), ("X-Last", "2")])
    response = proxy.get(headers=[("TE", "trailers")])
    assert response.body == b"abc"
    assert lower(response.trailers) == [("x-sum", "1"), ("x-last", "2")]
    assert "X-Sum" not in response.headers


def test_request_trailers_never_become_headers(proxy, origin):
    body = chunk(b"abc", trailers=[("X-Sum", "1")])
    assert proxy.get(method="POST", headers=[("Transfer-Encoding", "chunked")], body=body).status == 200
    request = origin.requests[0]
    assert request.body == b"abc"
    assert "X-Sum" not in request.headers
    assert lower(request.trailers) == ([] if proxy.face == "nginx" else [("x-sum", "1")])
