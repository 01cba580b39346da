"""The words that `./console` understands."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from door import bench, checks, demo, first_day, jobs
from door.faults import faults
from door.on_postgresql import test_on_postgresql
from door.places import Failed
from faults.words import add_words


def main() -> int:
    parser = _parser()
    asked, more = parser.parse_known_args()
    if more and asked.command != "test":
        parser.error(f"nobody knows {' '.join(more)}; see ./console --help")
    asked.more = [each for each in more if each != "--"]
    try:
        return int(asked.run(asked))
    except Failed as failure:
        print(failure, file=sys.stderr, flush=True)
        return failure.code
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./console", description="Ops Console: try it, test it, measure it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_demo(commands)
    test = commands.add_parser("test", help="run all tests, the browser journeys among them")
    test.epilog = "What else is written here is handed on to pytest."
    test.add_argument("--postgresql", action="store_true", help="on a PostgreSQL (and Redis server) of this machine instead of SQLite")
    test.set_defaults(run=lambda asked: (test_on_postgresql if asked.postgresql else checks.test)(asked.more))
    check = commands.add_parser("check", help="format, lint, types, import contract, templates, migrations; then all tests")
    check.set_defaults(run=lambda _: checks.check())
    measure = commands.add_parser("bench", help="measure each case beside its baseline")
    measure.add_argument("names", nargs="*", metavar="NAME", help="benches; all where none is named")
    measure.add_argument("--json", action="store_true", help="print a list of results instead of a table")
    measure.add_argument("--quick", action="store_true", help="smaller cases, for a first look")
    measure.set_defaults(run=lambda asked: bench.bench(asked.names, as_json=asked.json, quick=asked.quick))
    _add_faults(commands)
    first_day.add_to(commands)
    jobs.add_to(commands)
    return parser


def _add_faults(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("faults", help="kill whatever can die, everywhere, and compare the world with what the screen says")
    add_words(parser)
    parser.set_defaults(run=faults)


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("demo", help="start the console and an estate in a box on this machine; Ctrl-C ends both")
    parser.add_argument("--port", type=int, metavar="PORT", help="of the web pages (default: 8000, or another one where that is taken)")
    parser.add_argument("--speed", type=float, default=25.0, metavar="N", help="simulated minutes in a real minute (default: 25)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed, the same texts and outcomes (default: 1)")
    parser.add_argument("--data", type=Path, default=Path(".demo"), metavar="DIR", help="where everything is kept (default: .demo)")
    parser.add_argument("--fresh", action="store_true", help="forget what is kept there, first")
    parser.set_defaults(run=lambda asked: demo.demo(asked.data, port=asked.port, speed=asked.speed, seed=asked.seed, fresh=asked.fresh))


if __name__ == "__main__":
    sys.exit(main())
