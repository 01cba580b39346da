"""Programs that do the same work, installed from where everybody has them, into a folder that goes when the bench ends.

Nothing of them is in the lock, nor in the checkout. Where they cannot be had (no network), NotRun says so.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from faults.points import NotRun

PATIENCE = 300  # seconds


@contextmanager
def python_with(*packages: str) -> Iterator[Path]:
    """The folder of programs of a Python that has them, as pip takes them: `name==version`. Raises NotRun."""
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        programs = Path(folder) / "bin"
        _install(packages, [sys.executable, "-m", "venv", folder])
        _install(packages, [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
        yield programs


@contextmanager
def node_with(*packages: str) -> Iterator[Path]:
    """The folder of programs of Node that are in these packages, `name==version`; nothing of theirs is run by installing. Raises NotRun."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotRun(f"{', '.join(packages)} could not be installed: there is no npm here.")
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        names = [package.replace("==", "@") for package in packages]
        _install(packages, [npm, "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *names])
        yield Path(folder) / "node_modules/.bin"


def _install(packages: Sequence[str], argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise NotRun(f"{', '.join(packages)} could not be installed: {(done.stderr.strip() or argv[0]).splitlines()[-1]}")
