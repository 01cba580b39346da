"""When disks, shares and databases will be full, at the pace of the last two weeks: a straight line through how full they were.

CloudWatch remembers the databases' free storage; nobody remembers a host's disk or a share, so what `df` says is kept here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import linear_regression

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from estate import deadlines
from estate.deadlines import CannotCheck, Deadline
from estate.definition import Target
from estate.reading import current
from monitoring.asking import running
from monitoring.deadlines.models import Sighting
from monitoring.listed import listed
from remote.aws import metrics
from remote.aws.session import Patience
from remote.errors import RemoteError
from remote.ssh.connections import Result
from runs.doors import runner

EVERY = 900.0  # seconds between two looks
LOOKED_AT = timedelta(days=14)
SHORTEST = timedelta(hours=6)  # a pace that was seen for less is none
NEVER = timedelta(days=3650)
FULL = 0.95  # of the size: the rest is root's, or gone within an hour
GIB, GB = 2**30, 1e9
_NAMED = 5
_DF_SECONDS = 8.0  # `df` of a share whose server is gone never ends by itself
_PATIENCE = Patience(connect=3.0, read=20.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """How full something was, in bytes."""

    at: datetime
    used: float
    size: float


@dataclass(frozen=True, slots=True)
class Room:
    """What `df` says of a mount point, in bytes."""

    size: int
    used: int


def register() -> None:
    deadlines.register("Storage of the databases", databases, every=EVERY)
    deadlines.register("Disks and shares of the hosts", disks, every=EVERY)


def full_at(seen: Sequence[Seen], now: datetime) -> datetime | None:
    """None where the pace is not known yet; far away where it does not fill. A full one is over now."""
    if not seen:
        return None
    newest = seen[-1]
    if newest.used >= FULL * newest.size:
        return now
    if newest.at - seen[0].at < SHORTEST:
        return None
    hours = [(each.at - newest.at).total_seconds() / 3600 for each in seen]
    pace = linear_regression(hours, [each.used for each in seen]).slope  # bytes an hour
    left = timedelta(hours=min((newest.size - newest.used) / pace, NEVER / timedelta(hours=1))) if pace > 0 else NEVER
    return _steady(newest.at + left, now)


def _steady(due: datetime, now: datetime) -> datetime:
    """Whole weeks while it is far, whole days when it is near: a date that moves each time would tell people each time.

    Within a day it is the moment itself: the day's beginning may be over already.
    """
    if due - now < timedelta(days=1):
        return due
    unit = 86_400 if due - now < timedelta(days=21) else 7 * 86_400
    return datetime.fromtimestamp(due.timestamp() // unit * unit, UTC)


def databases() -> Iterable[Deadline]:
    """From CloudWatch, which has two weeks of hours: one call for all of them."""
    now, rows = timezone.now(), [row for row in listed("database") if row.facts.get("gib")]
    queries = [
        metrics.Query(f"d{number}", "AWS/RDS", "FreeStorageSpace", {"DBInstanceIdentifier": row.key}, "Average", 3600)
        for number, row in enumerate(rows)
    ]
    found = metrics.series(queries, now - LOOKED_AT, now, patience=_PATIENCE) if queries else {}
    for number, row in enumerate(rows):
        size = float(row.facts["gib"]) * GIB
        series = found.get(f"d{number}")
        seen = [Seen(at, size - free, size) for at, free in (series.points if series else ())]
        why = _why(seen, now) if seen else "CloudWatch has no figure of its free storage."
        yield Deadline(row.key, "disk", f"Storage of {row.name} is full", full_at(seen, now), "", why, 30, 7)


def disks() -> Iterable[Deadline]:
    """Of each host its own disk, of each service's shares one sight. Raises CannotCheck where nothing was ever seen."""
    now, places, said = timezone.now(), dict[str, tuple[str, str]](), dict[str, Room | str]()
    for target in current().targets:
        hosts = running(target)
        if not hosts:
            continue
        url = reverse("deployments:service", args=(target.service, target.environment.key))
        asked = runner().probe_many(list(hosts), ["df", "-Pk", "/"], deadline=_DF_SECONDS)
        for ip, host in hosts.items():
            places[f"{host.name} /"] = (f"Disk of {host.name}", url)
            said |= _said(asked[ip], {"/": f"{host.name} /"})
        if target.shares:
            points = {path: f"{target.service}/{target.environment.key} {path}" for path in target.shares}
            places |= {place: (_share_title(target, path), url) for path, place in points.items()}
            ip = next((ip for ip, host in hosts.items() if isinstance(said[f"{host.name} /"], Room)), next(iter(hosts)))
            said |= _said(runner().probe_many([ip], ["df", "-Pk", *target.shares], deadline=_DF_SECONDS)[ip], points)
    if not places:
        raise CannotCheck("No host has been seen yet.")
    _keep({place: room for place, room in said.items() if isinstance(room, Room)}, now)
    silent = {place: why for place, why in said.items() if isinstance(why, str)}
    if silent and not Sighting.objects.filter(place__in=places).exists():
        raise CannotCheck(next(iter(silent.values())))
    yield from _of_places(places, silent, now)


def _share_title(target: Target, path: str) -> str:
    return f"Share {path} of {target.service}, {target.environment.key}"


def _said(found: Result | RemoteError, points: dict[str, str]) -> dict[str, Room | str]:
    """By place, what `df` said of these mount points; why not, where it said nothing."""
    if isinstance(found, RemoteError):
        return dict.fromkeys(points.values(), found.told)
    rows = dict(read_df(found.text))
    return {place: Room(*rows[point]) if point in rows else "df gives no figure." for point, place in points.items()}


@transaction.atomic
def _keep(rooms: dict[str, Room], now: datetime) -> None:
    """Of each place the newest sighting of each hour: a pace of two weeks needs no more."""
    Sighting.objects.filter(at__lt=now - LOOKED_AT).delete()
    Sighting.objects.filter(place__in=rooms, at__gte=now.replace(minute=0, second=0, microsecond=0)).delete()
    Sighting.objects.bulk_create([Sighting(place=place, at=now, size=room.size, used=room.used) for place, room in rooms.items()])


def read_df(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """(mount point, (size, used) in bytes) of each line of `df -Pk`; a mount point may have blanks."""
    for line in text.splitlines()[1:]:
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[1].isdigit() and fields[2].isdigit():
            yield fields[5], (int(fields[1]) * 1024, int(fields[2]) * 1024)


def _of_places(places: dict[str, tuple[str, str]], silent: dict[str, str], now: datetime) -> Iterator[Deadline]:
    """Those whose pace is not known yet are one line together: the list is for what ends. `silent` has why a place said nothing now."""
    seen: dict[str, list[Seen]] = {}
    rows = Sighting.objects.filter(place__in=places).order_by("at").values_list("place", "at", "used", "size")
    for place, at, used, size in rows:
        seen.setdefault(place, []).append(Seen(at, used, size))
    unknown = list[str]()
    for place in sorted(places):
        found, (title, url) = seen.get(place, []), places[place]
        if (due := full_at(found, now)) is None:
            unknown.append(place)
            continue
        yield Deadline(place, "disk", f"{title} is full", due, url, f"{_why(found, now)} {silent.get(place, '')}".strip(), 30, 7)
    if unknown:
        young = [place for place in unknown if place not in silent]
        why = [f"A pace needs {SHORTEST / timedelta(hours=1):g} hours of sightings: {_named(young)}."] if young else []
        for reason in dict.fromkeys(silent[place] for place in unknown if place in silent):
            why.append(f"{_named([place for place in unknown if silent.get(place) == reason])}: {reason}")
        yield Deadline("unknown", "disk", f"When {len(unknown)} of the disks and shares are full", None, "", " ".join(why))


def _named(places: Sequence[str]) -> str:
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    return f"{', '.join(places[:_NAMED])}{more}"


def _why(seen: Sequence[Seen], now: datetime) -> str:
    newest = seen[-1]
    why = f"{(newest.size - newest.used) / GB:.0f} of {newest.size / GB:.0f} GB are free"
    if newest.at < now - timedelta(seconds=4 * EVERY):
        why += f", as it was seen {newest.at:%d %b %H:%M} UTC"
    return f"{why}; at the pace of {_days(seen)}."


def _days(seen: Sequence[Seen]) -> str:
    hours = (seen[-1].at - seen[0].at).total_seconds() / 3600
    return f"the last {hours:.0f} hours" if hours < 48 else f"the last {hours / 24:.0f} days"
