"""One poller for all viewers: whoever comes first asks AWS, the rest read the rows.

A poll is claimed by an atomic UPDATE of its `Watched` row, so any number of processes and pages together ask no more often than one would.
Beanstalk answers two describe calls a second for the whole account: while something is under way, events are asked each cycle and all else
every second cycle, which makes 1.5 calls a second. Errors never erase what is known: it stays, with its age, and the row says why.
What is asked and how it is kept stands in `estate.sightings`; maintenance mode, which only hosts know, in `estate.maintenance`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from estate.definition import Target
from estate.models import Watched
from estate.reading import current
from estate.sightings import Subject, application_subjects, tier_subjects
from live.publish import publish
from remote.errors import RemoteError, Throttled

log = logging.getLogger(__name__)

# A time so far in the future was written before the clock was set back: it says nothing. A little later is somebody else's claim.
_SET_BACK = timedelta(seconds=30)
_AT_ONCE = 6  # calls side by side, to different services of AWS
_activities: list[Callable[[Target], bool]] = []


def register_activity(is_active: Callable[[Target], bool]) -> None:
    """Told from above: is something under way on that target, so that it must be looked at closely?"""
    if is_active not in _activities:
        _activities.append(is_active)


def is_active(target: Target) -> bool:
    return any(activity(target) for activity in _activities)


def refresh(target: Target, *, max_age: float) -> None:
    """Asks whatever is older than `max_age` seconds, unless somebody else is asking it right now or AWS wants a pause.

    Returns when the answers are in the rows; whoever needs certainty compares a row's `seen`. Raises nothing of the outside world.
    """
    cycle = max(max_age / 2, _shortest_cycle())
    look(subjects(target, every=cycle, rest_every=2 * cycle))


def watch() -> None:
    """Looks at the whole estate; called once a second, asks only what is due."""
    due: dict[str, Subject] = {}
    for target in current().targets:
        if is_active(target):
            cycle = _shortest_cycle()
            found = subjects(target, every=cycle, rest_every=2 * cycle)
        else:
            found = subjects(target, every=settings.POLL_IDLE_SECONDS, rest_every=settings.POLL_IDLE_SECONDS)
        for subject in found:  # targets share an application: the shorter interval counts
            if subject.name not in due or subject.every < due[subject.name].every:
                due[subject.name] = subject
    look(list(due.values()))


def watched(target: Target) -> list[Watched]:
    """When each thing about the target last answered, and what is wrong since."""
    names = [subject.name for subject in subjects(target, every=0, rest_every=0)]
    return list(Watched.objects.filter(name__in=names).order_by("name"))


def subjects(target: Target, *, every: float, rest_every: float) -> list[Subject]:
    siblings = [each for each in current().targets if each.application == target.application] or [target]
    found = application_subjects(target.application, siblings, every=every, rest_every=rest_every)
    for tier in target.tiers:
        found += tier_subjects(tier.beanstalk, every=rest_every)
    return found


def look(asked: Sequence[Subject]) -> bool:
    """Claims what is due, asks it all side by side, keeps the answers. True where anything has changed."""
    claimed = _claim(asked)
    if not claimed:
        return False
    # Only the asking runs in threads: it touches no database.
    with ThreadPoolExecutor(min(_AT_ONCE, len(claimed))) as pool:
        answers = list(pool.map(_ask, claimed))
    changed = [subject.name for subject, answer in zip(claimed, answers, strict=True) if _keep(subject, answer)]
    if changed:
        publish("now", {"kind": "now", "changed": changed})
    return bool(changed)


def _shortest_cycle() -> float:
    """Applications share the account's two calls a second."""
    applications = {target.application for target in current().targets}
    return float(settings.POLL_ACTIVE_SECONDS * max(1, len(applications)))


def _claim(asked: Sequence[Subject]) -> list[Subject]:
    """Those that nobody has tried within their interval. One SELECT tells what may be due; the UPDATE decides."""
    now = timezone.now()
    rows = {row.name: row for row in Watched.objects.filter(name__in=[subject.name for subject in asked])}
    unknown = [Watched(name=subject.name) for subject in asked if subject.name not in rows]
    if unknown:
        Watched.objects.bulk_create(unknown, ignore_conflicts=True)
    return [subject for subject in asked if _is_due(rows.get(subject.name), subject, now) and _wins(subject, now)]


def _is_due(row: Watched | None, subject: Subject, now: datetime) -> bool:
    if row is None or row.tried is None:
        return True
    if row.not_before is not None and row.not_before > now:
        return False
    return row.tried <= now - timedelta(seconds=subject.every) or row.tried > now + _SET_BACK


def _wins(subject: Subject, now: datetime) -> bool:
    due = Q(tried=None) | Q(tried__lte=now - timedelta(seconds=subject.every)) | Q(tried__gt=now + _SET_BACK)
    may = Q(not_before=None) | Q(not_before__lte=now)
    return bool(Watched.objects.filter(due & may, name=subject.name).update(tried=now))


def _ask(subject: Subject) -> Any:
    try:
        return subject.ask()
    except RemoteError as error:
        return error


def _keep(subject: Subject, answer: Any) -> bool:
    if isinstance(answer, RemoteError):
        return _note(subject, answer)
    with transaction.atomic():
        row = Watched.objects.select_for_update().get(name=subject.name)  # one writer of a subject at a time: rows come in order
        news = subject.keep(answer)
        recovered = row.error != news.wrong
        row.answered, row.error, row.failures, row.not_before = timezone.now(), news.wrong, 0, None
        row.save(update_fields=["answered", "error", "failures", "not_before"])
    return news.changed or recovered


def _note(subject: Subject, error: RemoteError) -> bool:
    """Backs off: 2, 4, 8 … seconds, up to a minute when AWS throttles, else up to ten seconds."""
    row = Watched.objects.get(name=subject.name)
    first = not row.error
    row.failures += 1
    longest = 60.0 if isinstance(error, Throttled) else 10.0
    row.not_before = timezone.now() + timedelta(seconds=min(2.0 ** min(row.failures, 10), longest))
    row.error = f"{error} {error.next_step}".strip()
    row.save(update_fields=["failures", "not_before", "error"])
    if first:
        log.warning("%s cannot be observed: %s", subject.name, row.error)
    return first
