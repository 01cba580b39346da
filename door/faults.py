"""`./console faults`: hands what was asked for on to the package `faults`, which prints and judges."""

from __future__ import annotations

import argparse
import subprocess

from door.places import PYTHON, ROOT
from faults.words import as_written


def faults(asked: argparse.Namespace) -> int:
    """In a process of its own: it keeps the console's environment out of the one that it makes."""
    argv = [PYTHON, "-m", "faults", *as_written(asked)]
    return subprocess.run(argv, cwd=ROOT, check=False).returncode
