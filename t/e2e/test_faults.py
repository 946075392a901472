"""Every system call and allocation of the data path fails once or often, in both faces, under traffic of every kind: no
crash, no leaked descriptor, no hang past the timeouts, right answers or an honest end, a log line, and then all is well
again. Needs the fault build (make fault-test)."""

import time

import pytest

from rig import fault
from rig.fault import Traffic, assert_no_leak, descriptors, injected, wait_complete
from rig.generations import workers

pytestmark = pytest.mark.fault
FACES = ("nginx", "haproxy")

# What a transfer may do without anybody noticing.
HARMLESS = ["short", "EAGAIN", "EINTR"]
TRANSFERS = ["recv.client", "recv.server", "send.client", "send.server", "sendmsg.client", "sendmsg.server",
             "tls_recv.client", "tls_recv.server", "tls_send.client", "tls_send.server", "sendfile"]
HARMLESS_CALLS = [(site, what) for site in TRANSFERS for what in HARMLESS]
HARMLESS_CALLS += [("accept", "EINTR"), ("accept", "ECONNABORTED"), ("file.read", "short"), ("body.read", "short"),
                   ("temp.write", "short"), ("temp.write", "EINTR"), ("temp.read", "short"), ("temp.read", "EINTR"),
                   ("log.write", "short"), ("log.write", "EINTR"), ("control.recv", "short"), ("control.recv", "EINTR"),
                   ("control.send", "short"), ("control.send", "EINTR"), ("control.accept", "EINTR")]

# What ends an exchange: the failure, and what each face's log says about it when it happens all the time. An empty pattern:
# nobody is harmed.
RESET = {"nginx": r"reset|recv\(\) failed|prematurely|send\(\) failed|handshake", "haproxy": r" (C|S)[RHDLC]-- |handshake"}
GONE = {"nginx": "", "haproxy": ""}  # a client that leaves before its request is complete is nobody's line
NO_MEMORY = {"nginx": r"memory|12: Cannot allocate", "haproxy": r"memory| R[RHDCL]-- "}
FAILURES = [
    ("recv.client", "ECONNRESET", GONE), ("recv.server", "ECONNRESET", RESET), ("recv.server", "ENOMEM", NO_MEMORY),
    ("send.client", "EPIPE", RESET), ("send.server", "ECONNRESET", RESET), ("send.client", "ENOMEM", NO_MEMORY),
    ("sendmsg.client", "ECONNRESET", RESET), ("sendmsg.server", "EPIPE", RESET),
    ("tls_recv.client", "ECONNRESET", RESET), ("tls_recv.server", "ECONNRESET", RESET),
    ("tls_send.client", "EPIPE", RESET), ("tls_send.server", "EPIPE", RESET),
    ("sendfile", "EIO", {"nginx": r"sendfile|reset|5: Input"}),
    ("accept", "EMFILE", {"nginx": r"accept4\(\) failed \(24: ", "haproxy": r"accept4\(\) failed \(Too many"}),
    ("accept", "ENOMEM", {"nginx": r"accept4\(\) failed \(12: ", "haproxy": r"accept4\(\) failed \(Cannot alloc"}),
    ("socket", "EMFILE", {"nginx": r"socket\(\) failed \(24: ", "haproxy": r"socket\(\) failed \(Too many"}),
    ("connect", "ECONNREFUSED", {"nginx": r"connect\(\) failed \(111: ", "haproxy": r" SC-- "}),
    ("connect", "EADDRNOTAVAIL", {"nginx": r"connect\(\) failed \(99: ", "haproxy": r"connect\(\) failed \(Cannot ass"}),
    ("connect", "ENETUNREACH", {"nginx": r"connect\(\) failed \(101: ", "haproxy": r" SC-- "}),
    ("epoll_ctl.client", "ENOSPC", {"nginx": r"epoll_ctl\(\) failed \(28: ", "haproxy": r"epoll_ctl\(\) failed"}),
    ("epoll_ctl.server", "ENOMEM", {"nginx": r"epoll_ctl\(\) failed \(12: ", "haproxy": r"epoll_ctl\(\) failed"}),
    ("file.open", "EMFILE", {"nginx": r"open\(\) \".*\" failed \(24: "}),
    ("file.read", "EIO", {"nginx": r"5: Input/output|reset"}),
    ("body.read", "EIO", {"nginx": r"reading a file failed"}),
    ("temp.open", "EMFILE", {"nginx": r"24: Too many open files"}),
    ("temp.write", "ENOSPC", {"nginx": r"28: No space left"}),
    ("temp.read", "EIO", {"nginx": r"reading a temporary file failed"}),
    ("log.open_named", "EMFILE", {"nginx": r"open\(\) \".*access-x.log\" failed"}),
    ("log.write", "ENOSPC", {"nginx": "", "haproxy": ""}),
    ("log.socket", "EMFILE", {"nginx": "", "haproxy": ""}),
    ("log.connect", "ECONNREFUSED", {"nginx": ""}),
    ("log.send", "ENOBUFS", {"nginx": "", "haproxy": ""}),
    ("control.accept", "EMFILE", {"haproxy": ""}),
    ("control.recv", "ECONNRESET", {"haproxy": ""}),
    ("control.send", "EPIPE", {"haproxy": ""}),
    ("alloc.arena", "ENOMEM", NO_MEMORY),
    ("alloc.large", "ENOMEM", NO_MEMORY),
    ("alloc.slab", "ENOMEM", NO_MEMORY),
    ("alloc.buffer", "ENOMEM", NO_MEMORY),
    ("alloc.body", "ENOMEM", {"nginx": r"memory"}),
    ("alloc.variable", "ENOMEM", {"haproxy": ""}),
]
# Calls of the start, which ends with a sentence.
CONFIGURATION = [
    ("config.open", "EMFILE", r"too many open files"), ("config.read", "EIO", r"input/output error"),
    ("zone.create", "EMFILE", r"zone|shared|memory"), ("zone.map", "ENOMEM", r"zone|shared|memory"),
    ("log.open", "EACCES", r"permission denied"), ("alloc.config", "ENOMEM", r"memory|alloc"),
    ("epoll_ctl", "ENOSPC", r"event loop"), ("alloc.loop", "ENOMEM", r"event loop"),
    ("listen.socket", "EMFILE", r"too many open files|cannot create listening socket"),
]


# Sites that a face's traffic does not come by.
ELSEWHERE = {"nginx": ("control.",), "haproxy": ("file.", "body.read", "temp.", "sendfile", "log.open", "log.connect", "zone.")}


def case(face, site, what, *more):
    return pytest.param(face, site, what, *more, id=f"{face}-{site}-{what}")


HARMLESS_CASES = [case(face, site, what) for face in FACES for site, what in HARMLESS_CALLS
                  if not site.startswith(ELSEWHERE[face])]
FAILURE_CASES = [case(face, site, what, says[face]) for face in FACES for site, what, says in FAILURES if face in says]
START_CASES = [case(face, *row) for face in FACES for row in CONFIGURATION if not row[0].startswith(ELSEWHERE[face])]


@pytest.fixture
def start(weir, face, origins, certs, syslog, home):
    """start(plan) gives a weir under this plan."""

    def make(plan, **options):
        return weir(face, "fault", environment={"WEIR_FAULT": plan}, origin=origins(),
                    secure=origins(tls=certs.server_context()), pem=certs.leaf(), syslog=syslog, www=home / "www",
                    **options)

    return make


@pytest.fixture
def calm(start, face, certs):
    """How many descriptors a weir of this face has open after all traffic without a fault."""
    if face not in _CALM:
        proxy = start("")
        wait_complete(proxy)
        Traffic(proxy, proxy.places["origin"], certs).run()
        for name in ("origin", "secure"):
            proxy.places[name].drop_connections()
        time.sleep(0.2)
        _CALM[face] = descriptors(proxy)
    return _CALM[face]


_CALM = {}


def serving(proxy, face):
    return workers(proxy) if face == "nginx" else proxy.pids()


@pytest.fixture
def drive(start, face, calm, certs):
    """drive(plan): all (or all but some) traffic under the plan. Returns the weir, its traffic and the outcomes."""
    driven = []

    def run(plan, without=(), **options):
        proxy = start(plan)
        wait_complete(proxy)
        driven.append((proxy, serving(proxy, face)))
        traffic = Traffic(proxy, proxy.places["origin"], certs, **options)
        return proxy, traffic, traffic.run(without)

    yield run
    for proxy, before in driven:
        assert serving(proxy, face) == before, "a worker ended"
        assert_no_leak(proxy, (proxy.places["origin"], proxy.places["secure"]), calm)


def wrong(outcomes):
    return [one for one in outcomes.values() if one.result != "right"]


@pytest.mark.parametrize("face, site, what", HARMLESS_CASES)
def test_interrupted_and_partial_calls_change_nothing(drive, face, site, what):
    proxy, traffic, outcomes = drive(f"{site}:{what}:every=2")
    assert wrong(outcomes) == []
    assert injected(proxy, site) or (wrong(traffic.run()) == [] and injected(proxy, site))


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("site", TRANSFERS)
def test_byte_by_byte(drive, face, site):
    _, _, outcomes = drive(f"{site}:short", size=16 * 1024, without=("slow reader",))
    assert wrong(outcomes) == []


@pytest.mark.parametrize("face, site, what, says", FAILURE_CASES)
def test_two_failures(drive, site, what, says):
    """The first call fails and the fourth: at most two exchanges are harmed, and then all is well."""
    proxy, traffic, outcomes = drive(f"{site}:{what}:at=1,{site}:{what}:at=4")
    harmed = wrong(outcomes)
    for _ in range(4):
        outcomes = traffic.run()
        harmed += wrong(outcomes)
        if injected(proxy, site) >= 2:
            break
    done = injected(proxy, site)
    assert done
    assert len(harmed) <= 2
    assert len(wrong(traffic.run())) <= max(0, 2 - done)  # where calls are few the fourth may be yet to come


@pytest.mark.parametrize("face, site, what, says", FAILURE_CASES)
def test_failure_again_and_again(drive, site, what, says):
    """The first call and each third fail: what a client gets is right, an error or cut, and never late."""
    proxy, _, outcomes = drive(f"{site}:{what}:at=1,{site}:{what}:every=3")
    assert injected(proxy, site)
    assert any(one.result == "right" for one in outcomes.values())
    if says:
        proxy.wait_log(says, timeout=3)


@pytest.mark.parametrize("face, site, what, says", START_CASES)
def test_failure_at_start(start, site, what, says):
    proxy = start(f"{site}:{what}", start=False)
    proxy.expect_exit = None
    proxy.start(wait=False)
    assert proxy.wait() > 0, "killed by a signal"
    proxy.wait_log(says, timeout=1)


def test_every_site_is_walked():
    walked = {site for site, _ in HARMLESS_CALLS} | {site for site, _, _ in FAILURES + CONFIGURATION}
    assert {site for site in fault.sites() if site not in walked and site.split(".")[0] not in walked} == set()
