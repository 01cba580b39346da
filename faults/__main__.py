"""`python -m faults [P1 …]`: see `./console faults --help`."""

from __future__ import annotations

import argparse
import os
import sys

from faults.words import add_words


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./console faults", description="Kill whatever can die, everywhere, and compare the world with the screen."
    )
    add_words(parser)
    asked = parser.parse_args()
    os.environ["FAULTS_LEASE"] = str(asked.lease)  # read when the suite is imported, here and in the processes that it starts
    if asked.production:
        os.environ["FAULTS_PRODUCTION"] = "1"
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
