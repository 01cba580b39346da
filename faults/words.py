"""What may be asked of the fault suite: of `./console faults`, which hands it on, and of `python -m faults`, which does it."""

from __future__ import annotations

import argparse

SHORTEST_LEASE, LONGEST_LEASE = 0.5, 60.0  # seconds: below, a tick's own look at its lease is late; above, no run ends in its time


def _lease(said: str) -> float:
    """Seconds. Raises ArgumentTypeError."""
    try:
        found = float(said)
    except ValueError:
        found = -1.0
    if not SHORTEST_LEASE <= found <= LONGEST_LEASE:
        raise argparse.ArgumentTypeError(f"{said!r} is no lease: give {SHORTEST_LEASE:g} to {LONGEST_LEASE:g} seconds")
    return found


def add_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="PROMISE",
        help="P1 … P18, or those of its points that begin so: P1:pre-production; all where none is named. With --guards: their names",
    )
    parser.add_argument(
        "--sample", type=float, default=1.0, metavar="F", help="a fraction of the points, chosen by the seed (default: all)"
    )
    parser.add_argument(
        "--minutes", type=float, default=0.0, metavar="M", help="for each promise; what is not reached by then is counted as not run"
    )
    parser.add_argument(
        "--side-by-side", type=int, default=1, metavar="N", help="points that are played at the same time, each on a rig of its own"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the sample, the box and the random schedules (default: 1)")
    parser.add_argument(
        "--replay", metavar="TOKEN", action="append", help="one point, by the word that a report prints; may be given again"
    )
    parser.add_argument("--guards", action="store_true", help="remove the console's guards, one after the other: each must be caught")
    parser.add_argument("--production", action="store_true", help="with the leases and waits of production, and as long as they take")
    parser.add_argument(
        "--lease", type=_lease, default=2.0, metavar="SECONDS", help="of a run; on a quiet machine 1 plays faster (default: 2)"
    )
    parser.add_argument("--list", action="store_true", help="print the words of the points and run none")
    parser.add_argument("--json", action="store_true", help="print a list of results instead of a table")


def as_written(asked: argparse.Namespace) -> list[str]:
    """The same words again, for another process."""
    argv = [*asked.names, "--sample", str(asked.sample), "--minutes", str(asked.minutes)]
    argv += ["--side-by-side", str(asked.side_by_side), "--seed", str(asked.seed), "--lease", str(asked.lease)]
    argv += [word for token in asked.replay or () for word in ("--replay", token)]
    return argv + [f"--{name}" for name in ("guards", "production", "list", "json") if getattr(asked, name)]
