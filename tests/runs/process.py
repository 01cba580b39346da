"""A worker or a scheduler as a process of its own, with one kind of effect whose world is a file.

    python -m tests.runs.process FOLDER worker|scheduler [--inline]

An effect appends its key to FOLDER/applied. While FOLDER/hold is there, it goes on running, and says so in FOLDER/alive.
Where FOLDER/breaks is there, it meets a fault in the code; where FOLDER/ends is there, one that nobody expects.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")
django.setup()

from django.core.management import call_command  # noqa: E402

from runs import effects  # noqa: E402
from runs.effects import Context, Done, Finding, NotDone, Running  # noqa: E402
from runs.plan import Act  # noqa: E402


class Ends(BaseException):
    """Nothing on the way of an effect catches it."""


class Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        context.out(act.target).line(f"doing {act.key}")
        said = "secret-of-a-local-variable"
        if (self._folder / "breaks").exists():
            raise ValueError(f"{len(said)}, and {os.environ['RUNDECK_TOKEN']}")
        if (self._folder / "ends").exists():
            raise Ends
        with (self._folder / "applied").open("a") as file:
            file.write(f"{context.key}\n")
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        applied = self._folder / "applied"
        if not applied.exists() or context.key not in applied.read_text().split():
            return NotDone()
        end = time.monotonic() + context.patience
        while (self._folder / "hold").exists():
            with (self._folder / "alive").open("a") as file:
                file.write(f"{os.getpid()}\n")
            time.sleep(0.02)
            if time.monotonic() > end:
                return Running("held", ask_again=0.05)
        return Done()

    def cancel(self, act: Act, context: Context) -> str:
        return ""


if __name__ == "__main__":
    effects.register("files", Files(Path(sys.argv[1])))
    call_command(*sys.argv[2:])
