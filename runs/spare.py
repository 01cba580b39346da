"""A work-horse that was forked before there was a job for it: it has its database connection, and waits at a pipe to be told which.

Forking a process that has imported everything, and connecting in it, takes longer than most of what comes after the button.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import NoReturn


class Spare:
    """The parent's side. It ends by itself when the parent closes the pipe."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self._pipe = pipe

    def send(self, job: str, execution: str) -> None:
        """From now on it is the work-horse. Raises OSError where it has died meanwhile."""
        try:
            os.write(self._pipe, json.dumps([job, execution]).encode())
        finally:
            os.close(self._pipe)

    def end(self) -> None:
        os.close(self._pipe)
        self.reap()

    def reap(self) -> None:
        os.waitpid(self.pid, 0)


def fork(become_ready: Callable[[], None], work: Callable[[str, str], None]) -> Spare:
    """In the child `become_ready` runs at once, `work` with the names of a job and its execution when they come; then it ends."""
    here, there = os.pipe()
    pid = os.fork()
    if pid:
        os.close(here)
        return Spare(pid, there)
    os.close(there)
    _wait(here, become_ready, work)


def _wait(pipe: int, become_ready: Callable[[], None], work: Callable[[str, str], None]) -> NoReturn:
    """Whatever happens, the child does not go on as its parent."""
    code = 1
    try:
        os.setpgrp()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        become_ready()
        told = os.read(pipe, 4096)
        os.close(pipe)
        if told:
            work(*json.loads(told))
        code = 0
    finally:
        os._exit(code)
