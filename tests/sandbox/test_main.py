"""`python -m sandbox`: it says where it listens, ends when it is told to, and never empties a folder of somebody else's."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.sandbox.conftest import until

ROOT = Path(__file__).parents[2]
STARTS_IN, STOPS_IN = 60, 30  # seconds, on a busy machine


def command(data: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "sandbox", "--data", str(data), "--speed", "100", *more]


def listens(address: str) -> bool:
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1):
            return True
    except OSError:
        return False


def lives(pid: int) -> bool:
    """A process that has ended and waits to be reaped lives no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_it_starts_says_where_and_stops_clean(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "addresses.json"
    with subprocess.Popen(command(data, "--port-file", str(copy)), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            ready = json.loads((data / "ready.json").read_text())
            assert line == f"Sandbox: {ready['control']}\n"
            assert json.loads(copy.read_text()) == ready
            assert all(listens(ready[name]) for name in ("aws_endpoint", "control", "proxy"))
            assert all(Path(ready[name]).is_file() for name in ("ca_file", "ssh_config", "known_hosts", "ssh_key"))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=STOPS_IN) == 0
            assert not any(listens(ready[name]) for name in ("aws_endpoint", "control", "proxy"))
        finally:
            process.kill()


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    starter = f"import subprocess, sys; p = subprocess.Popen({command(data, '--die-with-parent')!r}); print(p.pid, flush=True); p.wait()"
    parent = subprocess.Popen([sys.executable, "-c", starter], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    try:
        until((data / "ready.json").exists, STARTS_IN)
        parent.kill()
        parent.wait()
        until(lambda: not lives(pid), STOPS_IN)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    done = subprocess.run(command(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=STARTS_IN, check=False)
    assert done.returncode != 0
    assert f"{tmp_path} holds something that is not the sandbox's" in done.stderr
    assert (tmp_path / "letters.txt").read_text() == "dear"
