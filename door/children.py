"""Child processes that die with their parent, whose output goes into files, and that are started again when they die."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from door.places import ROOT, Failed

_PR_SET_PDEATHSIG = 1
_RESTARTS, _WITHIN = 5, 30.0  # so many restarts within so many seconds are too many
_GRACE = 5.0  # seconds between the polite and the last signal, for all together
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Child:
    """One that is not `restarted` ends all when it ends."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    restarted: bool = True
    dies_by: signal.Signals = signal.SIGKILL  # when its parent is gone; a child with children of its own wants to end them first
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            # A session of its own: Ctrl-C goes to the parent, who ends the children in their order.
            self.process = subprocess.Popen(
                self.argv, cwd=ROOT, env=dict(self.env), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                preexec_fn=_dying_with(os.getpid(), self.dies_by),  # noqa: PLW1509  (there are no threads here)
            )  # fmt: skip
        self.starts.append(time.monotonic())

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ended(self) -> str:
        code = self.process.returncode if self.process else None
        last = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:]) if self.log.exists() else ""
        return f"“{self.name}” ended with {code}. The end of {self.log}:\n{last}"


class Children:
    """All of them. Used as a context: nothing is left behind, whatever happens."""

    def __init__(self) -> None:
        self._all: list[Child] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, child: Child) -> Child:
        self._all.append(child)
        child.start()
        return child

    def wait_until(self, what: str, is_so: Callable[[], bool], *, seconds: float) -> None:
        """Raises Failed when it takes too long, or when a child that is needed for it ends."""
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                raise Failed(f"{what}: not within {seconds:.0f} seconds. The logs stand in {self._all[0].log.parent}.")
            self._look(restart=False)
            time.sleep(0.2)

    def watch(self, *, ended: Callable[[], bool]) -> None:
        """Starts again what died, until `ended`. Raises Failed for what must not die, or dies again and again."""
        while not ended():
            self._look(restart=True)
            time.sleep(0.3)

    def _look(self, *, restart: bool) -> None:
        for child in self._all:
            if child.is_alive:
                continue
            often = len([each for each in child.starts if each > time.monotonic() - _WITHIN]) > _RESTARTS
            if not restart or not child.restarted or often:
                raise Failed(child.ended())
            code = child.process.returncode if child.process else None
            print(f"{child.name} ended ({code}) and is started again.", file=sys.stderr, flush=True)
            child.start()

    def stop(self) -> None:
        """In the reverse order of their start: first a word, then KILL to the whole group, which leaves nobody."""
        # The polite signal goes to all at once, so that nobody waits for nothing.
        for child in reversed(self._all):
            if child.is_alive and child.process:
                child.process.terminate()
        end = time.monotonic() + _GRACE
        for child in reversed(self._all):
            if child.process is None:
                continue
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, end - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
        self._all.clear()


def _dying_with(parent: int, by: signal.Signals) -> Callable[[], None]:
    def prepare() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, by.value, 0, 0, 0)
            if os.getppid() != parent:  # it was gone before this was asked for
                os._exit(1)

    return prepare
