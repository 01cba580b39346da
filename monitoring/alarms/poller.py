"""The one poller for all viewers: states, definitions, history, figures, tunnels, mute rules and subscriptions, read together and stored.

How many calls that takes depends on the alarms, never on who looks. History is read from where it was left, with an overlap: what is
there already is there once, by its unique key. SNS only rings (`sns`): what happened is always read from CloudWatch.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from estate.reading import current
from live.publish import publish
from monitoring.alarms import plans, releases, telling
from monitoring.alarms.models import Alarm, Mute, Reading, Subscription, Transition, Tunnel
from remote.aws import alarms, links, metrics, topics
from remote.aws.session import without_retries
from remote.errors import RemoteError

log = logging.getLogger(__name__)

REMEMBERED = timedelta(days=30)  # by CloudWatch
OVERLAP = timedelta(minutes=10)  # history is not there at the very moment
FIGURES = timedelta(hours=3)
AT_ONCE = 500
_THE_ONE = 1
_polling = threading.Lock()
Item = TypeVar("Item")


def poll(now: datetime | None = None) -> bool:
    """Reads everything and stores it; a part that cannot be read keeps what it had, and the reading says why. True when all was read."""
    with _polling:
        return _poll(now or timezone.now())


def _poll(now: datetime) -> bool:
    reading, _ = Reading.objects.get_or_create(pk=_THE_ONE)
    problems: list[RemoteError] = []
    for part, read in _PARTS.items():
        had_no_answer = getattr(reading, part) != reading.asked
        with without_retries(when=had_no_answer):
            wrong = _part(read, reading, now)
        if wrong:
            problems.append(wrong)
        else:
            setattr(reading, part, now)
    reading.asked, reading.problem = now, _told(problems)
    reading.save()
    return not problems


@contextmanager
def _alone() -> Iterator[None]:
    """A transaction in which nobody else stores what was read: the scheduler and a message of SNS may come together."""
    with transaction.atomic():
        Reading.objects.select_for_update().filter(pk=_THE_ONE).first()
        yield


def _part(part: Callable[[Reading, datetime], None], reading: Reading, now: datetime) -> RemoteError | None:
    """What went wrong; None where all was read."""
    try:
        part(reading, now)
    except RemoteError as error:
        log.warning("alarms: %s", error)
        return error
    return None


def _told(problems: Sequence[RemoteError]) -> str:
    """What went wrong and what to do next, each said once: of several calls it is often the same."""
    calls: dict[str, list[str]] = {}
    for problem in problems:
        call, _, why = str(problem).rstrip(".").rpartition(": ")
        calls.setdefault(why, []).append(call)
    said = [f"{', '.join(filter(None, names))}: {why}.".removeprefix(": ") for why, names in calls.items()]
    return " ".join(dict.fromkeys([*said, *(problem.next_step for problem in problems if problem.next_step)]))


def _alarms(reading: Reading, now: datetime) -> None:
    found = alarms.alarms()
    changed = False
    with _alone():
        known = Alarm.objects.in_bulk()
        for each in found:
            before = known.get(each.name)
            if before is not None and before.seen > now:
                continue  # a message of SNS made somebody read later than this
            changed |= before is None or (before.state, before.changed, before.gone) != (each.state, each.changed, None)
            fields = {"definition": dict(each.definition), "state": each.state, "reason": each.reason, "since": each.since}
            fields |= {"changed": each.changed, "seen": now, "gone": None}
            if before is None or before.state != each.state:
                run = releases.at(each.name, each.since)
                fields |= {"run": run, "expected": run is not None and each.state != "OK" and releases.explains(each.name)}
            elif before.expected and each.state == "ALARM" and releases.at(each.name, now) is None:
                fields |= {"expected": False}  # the release is long over: it explains nothing any more
                telling.still(each.name, each.since, each.reason)
            Alarm.objects.update_or_create(name=each.name, defaults=fields)
        changed |= bool(Alarm.objects.filter(gone=None).exclude(name__in=[each.name for each in found]).update(gone=now))
    if changed:
        transaction.on_commit(lambda: publish("now", {"kind": "now", "changed": ["alarms"]}))


def _history(reading: Reading, now: datetime) -> None:
    """From where it was left; an outage longer than CloudWatch's memory is a hole, and is remembered as one."""
    oldest = now - REMEMBERED
    since = reading.through - OVERLAP if reading.through else oldest
    if since < oldest:
        if reading.through is not None and reading.through < oldest:
            reading.lost_from, reading.lost_to = reading.through, oldest
        since = oldest
    first = reading.through is None
    if reading.through is None:
        reading.since = oldest
    elif reading.since is None:  # an older version did not note it
        earliest = Transition.objects.aggregate(at=Min("at"))["at"]
        reading.since = min(earliest or oldest, reading.through - REMEMBERED)
    stored = 0
    for some in _some(alarms.history(since)):
        stored += _store(some, tell=not first)
    if stored:
        publish("now", {"kind": "now", "changed": ["alarms"]})


def _some(items: Iterator[Item]) -> Iterator[list[Item]]:
    while some := list(islice(items, AT_ONCE)):
        yield some


def _store(items: Iterable[alarms.Item], *, tell: bool) -> int:
    """How many of them were new. What was there before the console first looked is history: nobody is told of it."""
    rows = [_row(item) for item in items]
    with _alone():
        there = set(
            Transition.objects.filter(alarm__in={row.alarm for row in rows}, at__in={row.at for row in rows}).values_list(
                "alarm", "at", "kind", "summary"
            )
        )
        new = [row for row in rows if (row.alarm, row.at, row.kind, row.summary) not in there]
        Transition.objects.bulk_create(new, ignore_conflicts=True)
        for row in new if tell else ():
            telling.tell(row)
    return len(new)


def _row(item: alarms.Item) -> Transition:
    old, new, reason = "", "", ""
    if item.kind == Transition.Kind.STATE:
        old, new = (str(item.data.get(side, {}).get("stateValue", "")) for side in ("oldState", "newState"))
        reason = str(item.data.get("newState", {}).get("stateReason", ""))
    run = releases.at(item.alarm, item.at) if item.kind == Transition.Kind.STATE else None
    expected = run is not None and new not in ("", "OK") and releases.explains(item.alarm)
    data = json.loads(json.dumps(item.data, default=str))
    return Transition(
        alarm=item.alarm,
        at=item.at,
        kind=item.kind,
        old=old,
        new=new,
        summary=item.summary,
        reason=reason,
        data=data,
        run=run,
        expected=expected,
    )


def _figures(reading: Reading, now: datetime) -> None:
    """The newest figures of every alarm, minute by minute, in one call for up to 500 alarms."""
    rows = list(Alarm.objects.filter(gone=None))
    for some in _some(iter(rows)):
        named = {
            f"a{number}": row for number, row in enumerate(some) if row.definition.get("MetricName") and row.definition.get("Statistic")
        }
        queries = [_query(id_, row.definition) for id_, row in named.items()]
        found = metrics.series(queries, now - FIGURES, now) if queries else {}
        for id_, series in found.items():
            named[id_].points = [[time.timestamp(), value] for time, value in series.points]
        Alarm.objects.bulk_update(named.values(), ["points"])


def _query(id_: str, definition: Mapping[str, Any]) -> metrics.Query:
    dimensions = {each["Name"]: each["Value"] for each in definition.get("Dimensions", [])}
    return metrics.Query(id_, definition["Namespace"], definition["MetricName"], dimensions, definition["Statistic"], 60)


def _links(reading: Reading, now: datetime) -> None:
    if not any(alarm.link for alarm in current().alarms.values()):
        return
    found = links.links()
    with _alone():
        for link in found:
            for tunnel in link.tunnels:
                fields = {
                    "link": link.name,
                    "connection": link.id,
                    "up": tunnel.up,
                    "said": tunnel.said,
                    "since": tunnel.since or now,
                    "seen": now,
                }
                Tunnel.objects.update_or_create(address=tunnel.address, defaults=fields)
        Tunnel.objects.filter(seen__lt=now).delete()


def _mutes(reading: Reading, now: datetime) -> None:
    found = alarms.mutes()
    with _alone():
        Mute.objects.all().delete()
        Mute.objects.bulk_create([_mute(each) for each in found])


def _mute(mute: alarms.Mute) -> Mute:
    begins = ends = None
    if mute.expression.startswith("at("):
        begins = datetime.fromisoformat(mute.expression[3:-1]).replace(tzinfo=ZoneInfo(mute.zone)).astimezone(UTC)
        ends = begins + plans.length(mute.duration)
    schedule = f"{mute.expression}, {mute.duration}, {mute.zone}"
    return Mute(name=mute.name, alarms=list(mute.alarms), begins=begins, ends=ends, schedule=schedule, active=mute.status == "ACTIVE")


def _subscriptions(reading: Reading, now: datetime) -> None:
    wanted = sorted({topic for alarm in current().alarms.values() for topic in alarm.topics})
    found = [(topic, each) for topic in wanted for each in topics.subscriptions(topic)]
    with _alone():
        Subscription.objects.all().delete()
        Subscription.objects.bulk_create(
            [
                Subscription(topic=topic, protocol=each.protocol, endpoint=each.endpoint, confirmed=each.is_confirmed)
                for topic, each in found
            ]
        )


_PARTS = {  # by the field of Reading that has the time of its last answer
    "answered": _alarms,
    "through": _history,
    "figures": _figures,
    "tunnels": _links,
    "mutes": _mutes,
    "subscriptions": _subscriptions,
}
