"""What the console adds to a release: the whole run, beside the time that Beanstalk and the commands took by themselves.

The world's own time is read from the world: for each command from its files on its host (the pid's and the exit code's times), for each
update from Beanstalk's events; what ran side by side counts once. All else is the console's: the bundle, the upload, its looks, its
decisions. At speed 1 (without --quick) a release takes about an hour.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3

from bench.downtime import _console

SPEED, QUICK_SPEED = 1, 60
LONGEST = 3 * 3600.0
BEGINS, ENDS = "Environment update is starting.", "Environment update completed successfully."
ANYBODY = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
Span = tuple[float, float]


def run(*, quick: bool) -> list[dict[str, object]]:
    speed = QUICK_SPEED if quick else SPEED
    with tempfile.TemporaryDirectory(prefix="bench-overhead-") as name, _console(Path(name), speed) as console:
        console.sim("actions/push-commit", schema="yes")
        whole = console._through(console._start(configuration_branch="prod", strategy="as-written"), longest=LONGEST)
        ready = json.loads(next(Path(name).rglob("ready.json")).read_text())
        spans = [*_commands(Path(name), whole["id"]), *_updates(ready["aws_endpoint"], _at(whole["started"]), _at(whole["ended"]))]
    ours, world = _at(whole["ended"]) - _at(whole["started"]), _covered(spans)
    return [
        {
            "bench": "overhead",
            "case": f"release at speed {speed}",
            "ours": ours,
            "baseline": world,
            "unit": "s",
            "ratio": ours / world,
            "better": "lower",
        }
    ]


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _covered(spans: Iterable[Span]) -> float:
    """Seconds that lie in at least one of them."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def _commands(folder: Path, number: int) -> Iterator[Span]:
    for code in folder.rglob(f"var/lib/opsconsole/{number}/*/rc"):
        yield code.with_name("pid").stat().st_mtime, code.stat().st_mtime


def _updates(endpoint: str, began: float, ended: float) -> Iterator[Span]:
    """Of all environments, in the time of the run."""
    client = boto3.client("elasticbeanstalk", endpoint_url=endpoint, region_name="eu-west-3", **ANYBODY)
    pages = client.get_paginator("describe_events").paginate(StartTime=datetime.fromtimestamp(began, UTC))
    events = sorted((event for page in pages for event in page["Events"]), key=lambda event: event["EventDate"])
    open_since: dict[str, float] = {}
    for event in events:
        environment, at = event.get("EnvironmentName", ""), event["EventDate"].timestamp()
        if event["Message"] == BEGINS:
            open_since[environment] = at
        elif event["Message"] == ENDS and at <= ended + 1 and environment in open_since:
            yield open_since.pop(environment), at
