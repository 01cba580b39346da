"""The estate in a box as a process of a test's own, and the standard environment by which everything finds it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
READY_SECONDS = 300  # a guard against hangs alone


@contextmanager
def running(folder: Path, *, speed: int) -> Iterator[dict[str, str]]:
    """What its ready.json says; ended with its children at the end. `folder` must not exist yet."""
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "sandbox", "--data", str(folder / "data"), "--speed", str(speed), "--seed", "1", "--die-with-parent"]
    log, ready = folder / "log", folder / "data" / "ready.json"
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, cwd=ROOT)
    try:
        end = time.monotonic() + READY_SECONDS
        while not ready.is_file():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield json.loads(ready.read_text())
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment(ready: dict[str, str]) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": ready["aws_endpoint"],
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTP_PROXY": ready["proxy"],
        "HTTPS_PROXY": ready["proxy"],
        "NO_PROXY": "127.0.0.1,localhost",
        "SSL_CERT_FILE": ready["ca_file"],
        "SSH_CONFIG": ready["ssh_config"],
        "RUNDECK_TOKEN": ready["rundeck_token"],
        "EMAIL_URL": ready["mail"],
    }


class Control:
    """The sandbox's control page, by its API."""

    def __init__(self, ready: dict[str, str]) -> None:
        self._http = httpx.Client(base_url=ready["control"], trust_env=False, timeout=10)

    def fault(self, kind: str, host: str = "", times: int = 1, **options: str) -> None:
        self._http.post("/sim/faults", json={"kind": kind, "host": host, "times": times, "options": options}).raise_for_status()

    def clear(self) -> None:
        self._http.delete("/sim/faults").raise_for_status()

    def speed(self, speed: float) -> None:
        self._http.post("/sim/speed", json={"speed": speed}).raise_for_status()

    def act(self, name: str, /, **options: str) -> None:
        self._http.post(f"/sim/actions/{name}", json=options).raise_for_status()

    def close(self) -> None:
        self._http.close()
