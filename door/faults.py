"""`./console faults`: hands what was asked for on to the package `faults`, which prints and judges."""

from __future__ import annotations

import argparse
import subprocess

from door.places import PYTHON, ROOT


def faults(asked: argparse.Namespace) -> int:
    """In a process of its own: it keeps the console's environment out of the one that it makes."""
    argv = [PYTHON, "-m", "faults", *asked.names, "--sample", str(asked.sample), "--seed", str(asked.seed)]
    argv += [word for token in asked.replay or () for word in ("--replay", token)]
    argv += [f"--{name}" for name in ("guards", "list", "json") if getattr(asked, name)]
    return subprocess.run(argv, cwd=ROOT, check=False).returncode
