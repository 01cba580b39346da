"""What is installed by hand and has no button: who changed what, when and why is kept here; what can be looked at is looked at.

The instance and its disks are EC2's, the ports are asked through the gateway, as connections from outside reach them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from deployments.doors import runner
from deployments.models import HandChange
from estate.definition import ByHand
from estate.reading import current
from people import audit
from people.models import Operator
from people.permissions import require
from remote.aws.compute import Instance, Volume, instances, volumes
from remote.errors import RemoteError
from remote.ssh.ports import Port, ports
from runs.actions import NotNow

LONGEST = 2000  # characters of what was changed
AHEAD = timedelta(minutes=5)  # of a clock that is not ours


class NoSuchThing(LookupError):
    """estate.yaml has nothing of that name under by_hand."""


@dataclass(frozen=True, slots=True)
class Seen:
    """`problem` where AWS could not be asked; `instance` None where EC2 has none of that name."""

    instance: Instance | None = None
    volumes: Sequence[Volume] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PortRow:
    what: str
    port: Port


def named(key: str) -> ByHand:
    """Raises NoSuchThing."""
    try:
        return current().by_hand[key]
    except KeyError:
        raise NoSuchThing(f"Nothing in estate.yaml is deployed by hand under the name “{key[:60]}”.") from None


def look(thing: ByHand) -> Seen:
    """At the instance and its disks, by AWS."""
    try:
        found = [each for each in instances({"tag:Name": [thing.instance]}) if each.state not in ("terminated", "shutting-down")]
        return Seen(found[0], volumes(found[0].id)) if found else Seen()
    except RemoteError as error:
        return Seen(problem=error.told)


def ask_ports(thing: ByHand) -> list[PortRow]:
    """Opens a connection to each, from the gateway."""
    try:
        found = [each for each in instances({"tag:Name": [thing.gateway]}) if each.state == "running"]
        there = [each for each in instances({"tag:Name": [thing.instance]}) if each.state == "running"]
    except RemoteError as error:
        return [PortRow(what, Port(number, "unknown", error.told)) for number, what in thing.ports]
    if not found or not there:
        missing = thing.instance if found else thing.gateway
        return [PortRow(what, Port(number, "unknown", f"EC2 has no running instance named {missing}")) for number, what in thing.ports]
    answers = ports(runner(), found[0].private_ip, there[0].private_ip, [number for number, _ in thing.ports])
    words = dict(thing.ports)
    return [PortRow(words[answer.number], answer) for answer in answers]


def note_change(thing: ByHand, *, what: str, why: str, at: datetime | None = None, by: Operator) -> HandChange:
    """Raises Forbidden, NotNow."""
    require(by, "note", thing.environment.key)
    if not what.strip() or not why.strip():
        raise NotNow("Say what was changed, and why: whoever looks for it later has nothing else.")
    if len(what) > LONGEST or len(why) > LONGEST:
        raise NotNow(f"At most {LONGEST} characters each: say what was changed, not every click.")
    when = at or timezone.now()
    if when > timezone.now() + AHEAD:
        raise NotNow("That lies ahead: note it when it is done.")
    with transaction.atomic():
        change = HandChange.objects.create(key=thing.key, what=what.strip(), why=why.strip(), at=when, by=by)
        audit.record("note", by=by, target=thing.name, why=change.why, facts={"what": change.what[:500]})
    return change
