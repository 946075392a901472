"""What the attack tests check alike: an ambiguous message is refused, logged with its reason, and never forwarded."""

from rig.http1 import Reader, read_response

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


def responses_in(data):
    """Parses everything that a connection gave until it was closed as a series of final responses."""
    reader = Reader(lambda: b"")
    reader.buffer = data
    found = []
    while reader.buffer:
        found.append(read_response(reader))
    return found


def assert_nothing_smuggled(proxy, origin):
    """The origin saw no second request and nothing ambiguous, and the proxy still works; `/after` flushes what was on
    its way."""
    assert proxy.get("/after").status == 200
    complete = [request.target for request in origin.requests if request.complete and request.target != "/after"]
    assert complete == [], f"forwarded: {complete}"
    assert "/smuggled" not in origin.paths()
    assert not origin.errors
    assert SMUGGLED not in origin.received


def assert_refused(proxy, origin, data, reason, statuses=(400,)):
    """Sends raw bytes: one answer with an allowed status, then the connection ends, and the log names the reason."""
    with proxy.client() as client:
        client.send_some(data)
        received, closed = client.drain()
    assert [answer.status for answer in responses_in(received)] in [[status] for status in statuses]
    assert closed, "the connection is still open after a framing error"
    assert_nothing_smuggled(proxy, origin)
    proxy.wait_log(reason)
