"""make install: what is installed names the places where it lies."""

import pathlib
import re
import subprocess

import pytest

from rig.proxy import binary

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("prefix", ["/usr", "/usr/local"])
def test_installed_texts_name_their_prefix(tmp_path, prefix):
    subprocess.run(["make", "-s", "-o", "release", "install", f"PREFIX={prefix}", f"DESTDIR={tmp_path}", f"prog={binary()}"],
                   cwd=ROOT, check=True, capture_output=True, timeout=60)
    share = tmp_path / prefix.lstrip("/") / "share"
    texts = [path for folder in ("man", "weir/contrib") for path in (share / folder).rglob("*") if path.is_file()]
    assert len(texts) > 6
    named = set()
    for path in texts:
        named |= set(re.findall(r"(/usr\S*?)/(?:sbin/weir|share/weir)\b", path.read_text("utf-8")))
    assert named == {prefix}
    unit = (share / "weir/contrib/systemd/weir.service").read_text("ascii")
    assert f"ExecStart={prefix}/sbin/weir run" in unit
    assert (tmp_path / prefix.lstrip("/") / "sbin/weir").exists()
