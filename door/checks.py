"""`./console test` and `./console check`."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from door.chromium import chromium
from door.places import MANAGE, PYTHON, ROOT, tool

FAILED = 1  # pytest's word for tests that failed; other codes are faults of the run itself
MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # noqa: S108  (a folder of our own is made in it)
MEMINFO = Path("/proc/meminfo")


def test(arguments: Sequence[str]) -> int:
    """All tests, on both cores. Without a Chromium the journeys are reported as not run, in words."""
    browser = chromium()
    code = run_tests([*arguments], {**os.environ, "CHROMIUM": browser or ""}, journeys=browser is not None, again=not arguments)
    if browser is None:
        print(
            "NOT RUN: the browser journeys. There is no Chromium here: none is installed, Playwright and apt gave none. "
            "Install the package “chromium”, or set CHROMIUM to the path of one.",
            flush=True,
        )
    return code


def run_tests(arguments: Sequence[str], env: Mapping[str, str], *, journeys: bool, again: bool) -> int:
    """pytest's exit code. `again`: what failed beside others is run once more, alone, and that answer counts."""
    only = [] if journeys else ["-m", "not browser"]
    pytest = [PYTHON, "-m", "pytest", "-q"]
    many = [*pytest, "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", *arguments, *only]
    with folder_in_memory(env) as found:
        code = subprocess.run(many, cwd=ROOT, env=found, check=False).returncode
        if code == FAILED and again:
            print(
                "What failed beside others is run once more, alone. What passes now hangs on what ran beside it: it wants mending.",
                flush=True,
            )
            alone = [*pytest, "-n", "0", "--last-failed", "--last-failed-no-failures", "none", *arguments, *only]
            code = subprocess.run(alone, cwd=ROOT, env=found, check=False).returncode
    return code


@contextmanager
def folder_in_memory(env: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The same, with TMPDIR in memory where that has room and lets programs run: tests write many files, and throw them away."""
    if env.get("TMPDIR") or not _has_room():
        yield env
        return
    with tempfile.TemporaryDirectory(prefix="ops-console-", dir=MEMORY) as folder:
        os.chmod(folder, 0o711)  # noqa: S103  (PostgreSQL and sshd are others than who starts them)
        yield {**env, "TMPDIR": folder}


def _has_room() -> bool:
    """In the folder, and in the memory that it stands for: it may be promised more than there is."""
    try:
        found, memory = os.statvfs(MEMORY), MEMINFO.read_text()
    except OSError:
        return False
    free = re.search(r"(?m)^MemAvailable: +(\d+) kB$", memory)
    room = min(found.f_bavail * found.f_frsize, int(free[1]) << 10 if free else 0)
    return room >= ROOM and not found.f_flag & os.ST_NOEXEC


def check() -> int:
    """Everything is looked at, whatever failed before; the failures are named at the end."""
    failed = [name for name, argv in _looks().items() if not _passes(name, argv)]
    if test([]) != 0:
        failed.append("tests")
    print(f"Failed: {', '.join(failed)}." if failed else "All checks passed.", flush=True)
    return 1 if failed else 0


def _looks() -> dict[str, list[str]]:
    return {
        "format": [tool("ruff"), "format", "--check", "--quiet", "."],
        "lint": [tool("ruff"), "check", "--quiet", "."],
        "types": [tool("mypy"), "--cache-dir", os.devnull],
        "import contract": [tool("lint-imports"), "--no-cache"],
        "templates": [tool("djlint"), "templates", "--lint", "--quiet"],
        "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
        "system": [*MANAGE, "check", "--fail-level", "WARNING"],
    }


def _passes(name: str, argv: list[str]) -> bool:
    started = time.monotonic()
    env = {**os.environ, "SECRET_KEY": secrets.token_urlsafe(48)}
    done = subprocess.run(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {name} ({time.monotonic() - started:.1f} s)", flush=True)
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr, flush=True)
    return done.returncode == 0
