"""`python -m faults [P1 …] [--sample F] [--seed N] [--replay TOKEN] [--json]`: see `./console faults --help`."""

from __future__ import annotations

import argparse
import os
import sys


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./console faults", description="Kill whatever can die, everywhere, and compare the world with the screen."
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="PROMISE",
        help="P1 … P18, or those of its points that begin so: P1:pre-production; all where none is named",
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
    parser.add_argument("--list", action="store_true", help="print the words of the points and run none")
    parser.add_argument("--json", action="store_true", help="print a list of results instead of a table")
    parser.add_argument("--guards", action="store_true", help="remove the console's guards, one after the other: each must be caught")
    parser.add_argument("--production", action="store_true", help="with the leases and waits of production, and as long as they take")
    asked = parser.parse_args()
    if asked.production:
        os.environ["FAULTS_PRODUCTION"] = "1"  # read when the suite is imported, here and in the processes that it starts
    from faults import guards, suite

    wanted = suite.Wanted(
        tuple(asked.names), asked.sample, asked.seed, tuple(asked.replay or ()), asked.minutes, max(1, asked.side_by_side)
    )
    if asked.guards:
        return guards.main(asked.names, asked.seed, wanted.side_by_side)
    if asked.list:
        suite.show_points(wanted)
        return 0
    return suite.main(wanted, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
