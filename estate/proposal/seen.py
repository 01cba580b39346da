"""What an account tells of itself, read once, by the questions of the inventory. What is refused is named; the rest is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from estate import inventory
from remote.aws import alarms, beanstalk, identity
from remote.aws.found import Found
from remote.errors import RemoteError

ASKED = (
    "machines",
    "volumes",
    "security groups",
    "databases",
    "load balancers",
    "target groups",
    "distributions",
    "names",
    "buckets",
    "IPSec links",
)

_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class Seen:
    """`things` are the inventory's, by kind; `health` is the path that is asked, by environment; `failed` has the reasons, by source."""

    account: str
    region: str
    environments: tuple[beanstalk.Environment, ...]
    health: Mapping[str, str]
    alarms: tuple[alarms.Alarm, ...]
    things: Mapping[str, tuple[Found, ...]]
    failed: Mapping[str, str] = field(default_factory=dict)

    def all(self, kind: str) -> tuple[Found, ...]:
        return self.things.get(kind, ())


def look(region: str) -> Seen:
    """Raises Denied and Unreachable where AWS does not even say who asks: nothing else would be answered."""
    account = identity.who_am_i().account
    sources = [inventory.source(name) for name in ASKED]
    found, failed = inventory.read_all(sources)
    things: dict[str, list[Found]] = {}
    for each in (each for many in found.values() for each in many):
        things.setdefault(each.kind, []).append(each)
    half = {each.name: str(each.facts["unknown"]) for each in things.get("bucket", ()) if each.facts.get("unknown")}
    failed |= {f"bucket {name}": said for name, said in half.items()}
    environments = _tried("Beanstalk", beanstalk.environments, failed)
    return Seen(
        account,
        region,
        tuple(environments) or tuple(_by_their_tags(things.get("instance", ()))),
        _health(things),
        tuple(_tried("alarms", alarms.alarms, failed)),
        {kind: tuple(many) for kind, many in things.items()},
        failed,
    )


def _tried(name: str, read: Callable[[], Iterable[_Thing]], failed: dict[str, str]) -> list[_Thing]:
    try:
        return list(read())
    except RemoteError as error:
        failed[name] = error.told
        return []


def _by_their_tags(machines: Iterable[Found]) -> list[beanstalk.Environment]:
    """Where Beanstalk itself does not answer: it writes an environment's name on each of its hosts."""
    nothing = beanstalk.Environment("", "", "", "", "", "", "", abortable=False, updated=None, cname="", platform="")
    return [replace(nothing, name=name) for name in sorted({str(each.facts["beanstalk"]) for each in machines} - {""})]


def _health(things: Mapping[str, Iterable[Found]]) -> dict[str, str]:
    """By Beanstalk environment: what the target group of its hosts asks them for."""
    of = {each.id: str(each.facts["beanstalk"]) for each in things.get("instance", ())}
    return {
        of[host]: str(each.facts["health_path"]) for each in things.get("target-group", ()) for host in each.facts["targets"] if host in of
    }
