"""curl(1) as an independent client."""

import json
import subprocess
from dataclasses import dataclass

from rig.http1 import Fields


@dataclass
class CurlResult:
    code: int  # curl's exit code
    status: int
    version: str  # "1.1", "2" …
    headers: Fields  # of the last response
    body: bytes
    info: dict  # every --write-out variable


def curl(url, *options, body=None, timeout=60, check=True):
    """Runs curl; `body` is sent with --data-binary. With `check` a failing transfer fails the test."""
    command = ["curl", "-sS", "--noproxy", "*", "-m", str(timeout), "-D", "/dev/stderr", "-w", "%{stderr}\n%{json}"]
    if body is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run([*command, *options, url], input=body, capture_output=True, timeout=timeout + 5, check=False)
    heads, _, written = done.stderr.decode("latin-1").rpartition("\n{")
    info = json.loads("{" + written)
    if check:
        assert done.returncode == 0, f"curl {url}: {info['errormsg']}"
    last = heads.replace("\r\n", "\n").strip().rsplit("\n\n", 1)[-1].splitlines()
    fields = Fields(tuple(line.split(": ", 1)) for line in last[1:] if ": " in line)
    return CurlResult(done.returncode, info["http_code"], info["http_version"], fields, done.stdout, info)
