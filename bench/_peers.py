"""Programs that do the same work, installed from where everybody has them, into a folder that goes when the bench ends.

Nothing of them is in the lock, nor in the checkout. Where they cannot be had (no network), NotRun says so.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.points import NotRun

PATIENCE = 300  # seconds


@contextmanager
def python_with(*packages: str) -> Iterator[Path]:
    """The folder of programs of a Python that has them, as pip takes them: `name==version`. Raises NotRun."""
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        programs = Path(folder) / "bin"
        for argv in (
            [sys.executable, "-m", "venv", folder],
            [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
        ):
            done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
            if done.returncode:
                raise NotRun(f"{', '.join(packages)} could not be installed: {(done.stderr.strip() or 'pip failed').splitlines()[-1]}")
        yield programs
