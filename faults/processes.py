"""Processes of the suite that end with it, and the one from which the console's are forked."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from faults import timing

_starter = ThreadPoolExecutor(1, thread_name_prefix="starter")
ROOT = Path(__file__).resolve().parent.parent


class NotThere(Exception):
    """Something did not come about in its time."""


def until(what: str, is_so: Callable[[], Any], *, seconds: float, pause: float = 0.05) -> Any:
    """The first answer that is true; on a busy machine it may take longer. Raises NotThere."""
    seconds *= timing.slack()
    end = time.monotonic() + seconds
    while True:
        found = is_so()
        if found:
            return found
        if time.monotonic() > end:
            raise NotThere(f"{what}: not within {seconds:.0f} seconds")
        time.sleep(pause)


def started(argv: Sequence[str], env: Mapping[str, str], log: Path, **more: Any) -> subprocess.Popen[bytes]:
    """Ends when this process ends, however that comes about. Linux counts the thread that started it as its parent: one that lasts."""
    return _starter.submit(_started, argv, env, log, more).result()


def _started(argv: Sequence[str], env: Mapping[str, str], log: Path, more: dict[str, Any]) -> subprocess.Popen[bytes]:
    parent = os.getpid()

    def prepare() -> None:
        ctypes.CDLL(None).prctl(1, signal.SIGTERM if "sandbox" in argv else signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    with log.open("ab") as out:
        more = {"stdin": subprocess.DEVNULL, "stdout": out} | more
        start: Any = subprocess.Popen
        process: subprocess.Popen[bytes] = start(
            argv, env=dict(env), cwd=ROOT, stderr=out, start_new_session=True, preexec_fn=prepare, **more
        )
    return process


def ended(process: subprocess.Popen[bytes] | None, *, grace: float = 5.0) -> None:
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Nursery:
    """Forks the console's processes (`faults.nursery`) and knows which of them live."""

    def __init__(self, env: Mapping[str, str], folder: Path, *, inside: Sequence[str] = ()) -> None:
        self.folder = folder
        argv = [*inside, sys.executable, "-m", "faults.nursery"]
        self._process = started(argv, env, folder / "nursery.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._said: list[dict[str, Any]] = []
        self._alive: set[int] = set()
        self._ended: dict[int, int] = {}
        self._news = threading.Condition()
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, name="nursery", daemon=True).start()
        self._wait(lambda: any("ready" in said for said in self._said), "the nursery", 90)

    def fork(self, role: str, **asked: Any) -> int:
        """Its process's number."""
        with self._lock:
            before = self._count("born")
            line = {"role": role, "log": str(self.folder / f"{role}.log"), **asked}
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            self._process.stdin.flush()
            self._wait(lambda: self._count("born") > before, f"the birth of {role}", 30)
            return int([said for said in self._said if "born" in said][-1]["born"])

    def is_alive(self, pid: int) -> bool:
        with self._news:
            return pid in self._alive and pid not in self._ended

    def wait(self, pid: int, *, seconds: float) -> int:
        """Its exit status."""
        self._wait(lambda: pid in self._ended, f"the end of process {pid}", seconds)
        return self._ended[pid]

    def kill(self, *pids: int, by: signal.Signals = signal.SIGKILL) -> None:
        for pid in pids:
            if self.is_alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, by)
        for pid in pids:
            if pid in self._alive and by == signal.SIGKILL:
                self.wait(pid, seconds=10)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill_all(self) -> None:
        """The machine has lost its power."""
        with self._news:
            living = self._alive - set(self._ended)
        self.kill(*living)

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        ended(self._process)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._news:
                self._said.append(said)
                if "born" in said:
                    self._alive.add(said["born"])
                    self._ended.pop(said["born"], None)  # a number comes again when all have had their turn
                if "ended" in said:
                    self._ended[said["ended"]] = said["status"]
                self._news.notify_all()

    def _count(self, what: str) -> int:
        return sum(what in said for said in self._said)

    def _wait(self, is_so: Callable[[], bool], what: str, seconds: float) -> None:
        with self._news:
            if not self._news.wait_for(is_so, seconds):
                log = (self.folder / "nursery.log").read_text()[-2000:]
                raise NotThere(f"{what}: not within {seconds:.0f} seconds. {log}")
