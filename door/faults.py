"""`./console faults`: hands what was asked for on to the package `faults`, which prints and judges."""

from __future__ import annotations

import argparse
import os
from typing import NoReturn

from door.places import PYTHON, ROOT
from faults.words import as_written


def faults(asked: argparse.Namespace) -> NoReturn:
    """In the place of this process, whose signals are its own then: it keeps the console's environment out of the one that it makes."""
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", "faults", *as_written(asked)])  # noqa: S606  (no shell is wanted)
