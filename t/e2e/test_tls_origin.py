"""Origins behind TLS."""

import pytest

from rig.proxy import faces

pytestmark = faces("tls_origin", only=("nginx", "haproxy"))


def test_tls_origin(weir, face, origins, certs):
    origin = origins(tls=certs.server_context())
    proxy = weir(face, "tls_origin", origin=origin)
    assert proxy.get(method="POST", body=b"x" * 100000).status == 200
    assert origin.requests[0].body == b"x" * 100000


@pytest.mark.parametrize("tls", [True, False], ids=["handshake", "plain"])
def test_bytes_before_the_handshake_are_no_response(weir, face, origins, certs, tls):
    """Someone between proxy and origin writes a response in plain text before the handshake."""
    injected = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ninjected"
    origin = origins(tls=certs.server_context() if tls else None, on_connect=lambda sock: sock.sendall(injected))
    proxy = weir(face, "tls_origin", origin=origin)
    response = proxy.get()
    assert response.status in (502, 503) and b"injected" not in response.body
