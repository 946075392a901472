"""Fixtures of the end-to-end tests. Every test has its own directory, origins and weir; certificates are made once."""

import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
pytest.register_assert_rewrite("rig")

from rig import fault, proxy  # noqa: E402
from rig.certs import Certs  # noqa: E402
from rig.dns import Dns  # noqa: E402
from rig.origin import Origin  # noqa: E402
from rig.syslog import Syslog  # noqa: E402

_RUNNING = pytest.StashKey()


@pytest.fixture
def home():
    """The test's private directory; short, because unix sockets live in it."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="weir-"))
    yield directory
    proxy.remove(directory)


@pytest.fixture(scope="session")
def certs(tmp_path_factory, worker_id):
    base = tmp_path_factory.getbasetemp()
    directory = (base if worker_id == "master" else base.parent) / "certs"
    directory.mkdir(exist_ok=True)
    return Certs(directory)


@pytest.fixture
def origins():
    """A factory of origins: origins(name="b", tls=context, unix=path)."""
    made = []

    def make(**options):
        made.append(Origin(**options))
        return made[-1]

    yield make
    for origin in made:
        origin.stop()


@pytest.fixture
def origin(origins):
    return origins()


@pytest.fixture
def syslog():
    receiver = Syslog()
    yield receiver
    receiver.stop()


@pytest.fixture
def dns():
    server = Dns()
    yield server
    server.stop()


@pytest.fixture
def weir(request, home):
    """A factory: weir(face, "NAME", origin=origin, …) renders conf/NAME.FACE and starts it. `text` is a configuration
    in place of NAME, `start=False` only prepares it, `args` replaces the face's usual arguments, and `environment` is
    added to the usual one."""
    running = request.node.stash.setdefault(_RUNNING, [])

    def make(face, name=None, text=None, start=True, args=(), environment=None, **places):
        directory = home / f"w{len(running)}"
        directory.mkdir()
        template = text if text is not None else (proxy.CONF / f"{name}.{face}").read_text("utf-8")
        running.append(proxy.Weir(face, directory, template, places, environment))
        return running[-1].start(*args) if start else running[-1]

    yield make
    complaints = []
    for one in running:
        found = one.stop()
        complaints += [f"{one.face}: {complaint}" for complaint in found]
        complaints += [one.log_text()] if found else []
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


def pytest_collection_modifyitems(config, items):
    """Tests that need the fault build are left out where the usual one is tested."""
    left_out = [item for item in items if item.get_closest_marker("fault")]
    if left_out and not fault.sites():
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the logs of the test's weirs to the report of a failure."""
    report = (yield).get_result()
    if call.when == "call" and report.failed:
        for one in item.stash.get(_RUNNING, []):
            report.sections.append((f"{one.face}: {one.conf}", one.conf.read_text("utf-8")))
            report.sections.append((f"{one.face}: logs", one.log_text()))
