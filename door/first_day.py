"""`./console init`: asks for a profile and a region, and lets the console itself propose an estate.yaml for that account."""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
from pathlib import Path

from door.places import MANAGE, Failed

OUTPUT = Path("estate.proposed.yaml")


def init(asked: argparse.Namespace) -> int:
    """What is not told by an option is asked, where a person is there to answer. Raises Failed."""
    environment = dict(os.environ)
    profile = _answer(asked.profile, "AWS profile", environment.get("AWS_PROFILE", ""), empty="the credentials of this shell or machine")
    region = _answer(asked.region, "AWS region", environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", ""))
    told = {"AWS_PROFILE": profile, "AWS_DEFAULT_REGION": region, "AWS_REGION": region, "AWS_ENDPOINT_URL": asked.endpoint_url}
    environment |= {name: value for name, value in told.items() if value}
    environment.setdefault("SECRET_KEY", secrets.token_urlsafe(64))  # nothing is signed with it
    environment.setdefault("LOG_LEVEL", "WARNING")
    environment["OBSERVE"] = "1"  # the last door is shut, whatever the role may do
    print("Reading the account; nothing is changed there …", file=sys.stderr, flush=True)
    done = subprocess.run([*MANAGE, "propose", str(asked.output)], env=environment, check=False)
    if done.returncode != 0:
        raise Failed("Nothing was proposed; why stands above. What the role has to be allowed: docs/iam/read.json.")
    print(
        f"\nNext: read {asked.output}, replace what says “change-me”, then start the console with\n"
        f"  ESTATE_FILE={asked.output.resolve()}\n"
        "It observes only, until you take “observe: true” out of the file. More: docs/operations.md, “First day on a real account”."
    )
    return 0


def _answer(told: str | None, what: str, usual: str, empty: str = "") -> str:
    if told is not None:
        return told
    if not sys.stdin.isatty():
        return usual
    shown = usual or empty
    return input(f"{what}{f' [{shown}]' if shown else ''}: ").strip() or usual


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("init", help="read an AWS account and propose an estate.yaml for it", description=__doc__)
    parser.add_argument("--profile", metavar="NAME", help="of ~/.aws/config; asked for where it is not told")
    parser.add_argument("--region", metavar="REGION", help="such as eu-west-3; asked for where it is not told")
    parser.add_argument("--endpoint-url", default="", metavar="URL", help="of something that speaks as AWS does")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help=f"must not exist yet (default: {OUTPUT})")
    parser.set_defaults(run=init)
