"""What `show stat` counts of retries, failures, choices and answers, as HAProxy's manual and HAProxy itself have it."""

import threading

import pytest

from rig import net

CONF = """
global
    nbthread 1
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    retries 2

frontend web
    bind 127.0.0.1:{port}
    {front}
    default_backend b

backend b
    {back}
"""


@pytest.fixture
def dead():
    with net.PortReservation() as place:
        yield f"127.0.0.1:{place.port}"


@pytest.fixture
def start(weir):
    def make(back, front="", **places):
        lines = "\n    ".join(line.strip() for line in back.strip().splitlines())
        return weir("haproxy", text=CONF.replace("{back}", lines), front=front, **places)

    return make


def counts(proxy, who, *names, proxy_name="b"):
    row = proxy.runtime().stat()[proxy_name, who]
    return tuple(int(row[name]) for name in names)


def expect(proxy, who, proxy_name="b", **wanted):
    """A request is counted when it is over, which may be a moment after its answer."""
    found = lambda: dict(zip(wanted, counts(proxy, who, *wanted, proxy_name=proxy_name)))
    net.wait_until(lambda: found() == wanted, lambda: f"{who}: {found()}, not {wanted}")


def fails_first(exchange):
    if len(exchange.origin.requests) % 2:
        exchange.close()
    exchange.reply(body=b"ok")


# --- tries ---

def test_redispatch_counts_where_it_left(start, origin, dead):
    proxy = start("option redispatch 1\ncookie C insert\nserver s1 {dead} cookie one\nserver s2 {origin} cookie two",
                  origin=origin, dead=dead)
    assert proxy.get(headers=[("Cookie", "C=one")]).status == 200
    expect(proxy, "s1", stot=1, wredis=1, wretr=0, econ=0, lbtot=0, req_tot=0)
    expect(proxy, "s2", stot=1, wredis=0, wretr=0, econ=0, lbtot=1, req_tot=1)
    expect(proxy, "BACKEND", stot=1, wredis=1, wretr=0, econ=0, lbtot=1, req_tot=1)


def test_request_that_nobody_takes_is_one_error(start, dead):
    proxy = start("server s1 {dead}", dead=dead)
    assert proxy.get().status == 503
    expect(proxy, "s1", stot=3, wretr=2, wredis=0, econ=1, eresp=0, lbtot=1, req_tot=0)
    expect(proxy, "BACKEND", stot=1, wretr=2, wredis=0, econ=1, eresp=0, lbtot=1, req_tot=1)


def test_retry_that_succeeds_counts(start, origin):
    origin.on("/", fails_first)
    proxy = start("retry-on empty-response\nserver s1 {origin}", origin=origin)
    assert proxy.get().status == 200
    expect(proxy, "s1", stot=2, wretr=1, eresp=0, econ=0, lbtot=1, req_tot=1)
    expect(proxy, "BACKEND", stot=1, wretr=1, eresp=0, econ=0, lbtot=1)


def test_retry_by_status_counts(start, origin):
    origin.on("/", lambda x: x.reply(status=200 if len(x.origin.requests) == 2 else 503))
    proxy = start("retry-on 503\nserver s1 {origin}", origin=origin)
    assert proxy.get().status == 200
    expect(proxy, "s1", stot=2, wretr=1, eresp=0, lbtot=1)
    expect(proxy, "BACKEND", wretr=1, eresp=0, lbtot=1)


def test_retries_that_all_fail_are_one_bad_response(start, origin):
    origin.on("/", lambda exchange: exchange.close())
    proxy = start("retry-on empty-response\nserver s1 {origin}", origin=origin)
    assert proxy.get().status == 502
    expect(proxy, "s1", stot=3, wretr=2, eresp=1, econ=0, req_tot=0)
    expect(proxy, "BACKEND", wretr=2, eresp=1, econ=0)


def test_without_a_server_the_backend_counts(start, dead):
    proxy = start("server s1 {dead} disabled", dead=dead)
    assert proxy.get().status == 503
    expect(proxy, "BACKEND", stot=1, econ=1, lbtot=0)
    expect(proxy, "s1", stot=0, econ=0)


def test_clear_counters_clears_them(start, dead):
    proxy = start("server s1 {dead}", dead=dead)
    assert proxy.get().status == 503
    expect(proxy, "BACKEND", econ=1)
    assert proxy.runtime()("clear counters all") == ""
    for who in "s1", "BACKEND":
        expect(proxy, who, econ=0, wretr=0, lbtot=0, stot=0)


# --- the queue ---

@pytest.mark.parametrize("back, servers, chosen", [
    ("", 0, 1),
    ("balance source", 2, 3),
])
def test_who_dies_in_the_queue(start, origin, back, servers, chosen):
    """A queue of the backend's is nobody's choice; where the algorithm leads to one server, that one counts."""
    served = threading.Event()
    origin.on("/", lambda exchange: (served.wait(net.DEADLINE), exchange.reply(body=b"ok")))
    proxy = start(f"timeout queue 100ms\n{back}\nserver s1 {{origin}} maxconn 1", origin=origin)
    first = threading.Thread(target=proxy.get)
    first.start()
    try:
        origin.wait_requests(1, complete=False)
        assert [proxy.get().status for _ in range(2)] == [503, 503]
    finally:
        served.set()
        first.join()
    expect(proxy, "BACKEND", stot=3, lbtot=chosen, econ=2)
    expect(proxy, "s1", stot=1, lbtot=chosen, econ=servers, req_tot=1)


def test_who_waits_and_is_served_was_chosen_by_nobody(start, origin):
    served = threading.Event()
    origin.on("/", lambda exchange: (served.wait(net.DEADLINE), exchange.reply(body=b"ok")))
    proxy = start("timeout queue 20s\nserver s1 {origin} maxconn 1", origin=origin)
    clients = [threading.Thread(target=proxy.get) for _ in range(3)]
    for client in clients:
        client.start()
    net.wait_until(lambda: counts(proxy, "BACKEND", "qcur") == (2,), "two that wait")
    served.set()
    for client in clients:
        client.join()
    expect(proxy, "s1", stot=3, lbtot=1, econ=0, req_tot=3)
    expect(proxy, "BACKEND", stot=3, lbtot=1, econ=0)


def test_cookies_choose_without_the_algorithm(start, origin):
    proxy = start("cookie C insert\nserver s1 {origin} cookie one", origin=origin)
    assert proxy.get().status == proxy.get(headers=[("Cookie", "C=one")]).status == 200
    expect(proxy, "s1", stot=2, lbtot=1)
    expect(proxy, "BACKEND", stot=2, lbtot=1)


# --- answers from here ---

@pytest.mark.parametrize("rule, status, counted", [
    ("http-request redirect location /other", 302, 1),
    ("http-request return status 200", 200, 1),
    ("http-request return status 404", 404, 1),
    ("http-request auth", 401, 1),
    ("monitor-uri /", 200, 1),
    ("http-request deny", 403, 0),
    ("http-response return status 201", 201, 0),
])
def test_intercepted(start, origin, rule, status, counted):
    proxy = start("server s1 {origin}", front=rule, origin=origin)
    assert proxy.get().status == status
    expect(proxy, "FRONTEND", proxy_name="web", intercepted=counted, hrsp_2xx=status // 100 == 2,
           hrsp_4xx=status // 100 == 4)


def test_backend_intercepts_nothing(start, origin):
    proxy = start("http-request return status 200\nserver s1 {origin}", origin=origin)
    assert proxy.get().status == 200
    expect(proxy, "FRONTEND", proxy_name="web", hrsp_2xx=1, intercepted=0)


def test_denied_response_counts_everywhere(start, origin):
    proxy = start("http-response deny\nserver s1 {origin}", origin=origin)
    assert proxy.get().status == 502
    for name, who in ("web", "FRONTEND"), ("b", "BACKEND"), ("b", "s1"):
        expect(proxy, who, proxy_name=name, dresp=1)


# --- a backend without servers ---

def test_backend_goes_down(start, origin):
    proxy = start("server s1 {origin}\nserver s2 {origin}", origin=origin)
    runtime = proxy.runtime()
    runtime("set server b/s1 state maint")
    assert counts(proxy, "BACKEND", "chkdown", "downtime") == (0, 0)
    runtime("set server b/s2 state maint")
    assert counts(proxy, "BACKEND", "chkdown") == (1,)
    net.wait_until(lambda: counts(proxy, "BACKEND", "downtime") >= (1,), "a second without a server")
    runtime("set server b/s2 state ready")
    down, since = counts(proxy, "BACKEND", "downtime", "lastchg")
    assert down >= 1 and since <= 1
    runtime("set server b/s1 state ready")
    runtime("set server b/s1 state drain")
    assert counts(proxy, "BACKEND", "chkdown", "downtime") == (1, down)
    runtime("set server b/s2 weight 0")
    assert counts(proxy, "BACKEND", "chkdown") == (2,)


def test_backend_that_never_served_is_down_from_the_start(start, origin):
    proxy = start("server s1 {origin} disabled", origin=origin)
    net.wait_until(lambda: counts(proxy, "BACKEND", "downtime") >= (1,), "a second without a server")
    proxy.runtime()("set server b/s1 state ready")
    chkdown, downtime = counts(proxy, "BACKEND", "chkdown", "downtime")
    assert chkdown == 0 and downtime >= 1
