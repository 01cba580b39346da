"""One poller for all viewers: whoever comes first asks AWS, the rest read the rows.

A poll is claimed by an atomic UPDATE of its `Watched` row, so any number of processes and pages together ask no more often than one would.
Beanstalk answers two describe calls a second for the whole account. While something is under way, events are asked each second, the
environments and the health of their hosts every fourth, causes and what rests as what is left allows: two calls a second in all (`_close`).
Behind the curtain visitors wait: there an event has them asked at once (`look_now`), which is some ten calls more for a deployment.
Errors never erase what is known: it stays, with its age, and the row says why. Where AWS throttles, one asks again for all that are asked
the same question: AWS counts an account's calls by the question, not by what it is about.
What is asked and how it is kept stands in `estate.sightings`; maintenance mode, which only hosts know, in `estate.maintenance`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from estate.definition import Target
from estate.models import Watched
from estate.reading import current
from estate.sightings import Pace, Subject, application_subjects, tier_subjects
from live.publish import publish
from remote.aws.session import without_retries
from remote.errors import RemoteError, Throttled, Unanswered, Unreachable

log = logging.getLogger(__name__)

# A time so far in the future was written before the clock was set back: it says nothing. A little later is somebody else's claim.
_SET_BACK = timedelta(seconds=30)
_ALIKE = ("events", "environments", "hosts", "groups", "health", "causes", "targets")  # each the same question, about several things
_LONGEST = timedelta(minutes=1)  # pause
_BEHIND = timedelta(seconds=2)  # the others wait for that one's answer
_SOON = 1.0  # seconds
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
    close = _close(target)
    look(subjects(target, replace(close.not_below(max_age), events=max(close.events, max_age / 2))))


def look_now(target: Target, beanstalk: str) -> None:
    """The environments, and the health of this one's hosts, whatever their turn; once a second at most. For what visitors wait for."""
    wanted = (f"environments:{target.application}", f"health:{beanstalk}")
    look([subject for subject in subjects(target, Pace(*[_SOON] * 5)) if subject.name in wanted])


def watch() -> None:
    """Looks at the whole estate; called once a second, asks only what is due."""
    due: dict[str, Subject] = {}
    active = {target.application: _close(target) for target in current().targets if is_active(target)}
    for target in current().targets:
        idle = Pace(*[float(settings.POLL_IDLE_SECONDS)] * 5)
        close = active.get(target.application)
        if close is None:
            pace = idle
        elif is_active(target):
            pace = close
        else:
            pace = replace(idle, health=close.causes, causes=close.causes)
        for subject in subjects(target, pace):  # targets share an application: the shorter interval counts
            if subject.name not in due or subject.every < due[subject.name].every:
                due[subject.name] = subject
    look(list(due.values()))


def watched(target: Target) -> list[Watched]:
    """When each thing about the target last answered, and what is wrong since."""
    names = [subject.name for subject in subjects(target, _close(target))]
    return list(Watched.objects.filter(name__in=names).order_by("name"))


def subjects(target: Target, pace: Pace) -> list[Subject]:
    found = application_subjects(target.application, _siblings(target), pace)
    for tier in target.tiers:
        found += tier_subjects(tier.beanstalk, pace)
    return found


def _siblings(target: Target) -> list[Target]:
    return [each for each in current().targets if each.application == target.application] or [target]


def look(asked: Sequence[Subject]) -> bool:
    """Claims what is due, asks it side by side, keeps the answers. True where anything has changed."""
    rows = _rows(asked)
    claimed = _claim(asked, rows)
    if not claimed:
        return False
    failing = {name for name, row in rows.items() if row.failures}
    answers = _answers(claimed, failing)
    changed = [subject.name for subject in claimed if _keep(subject, answers[subject.name])]
    if changed:
        publish("now", {"kind": "now", "changed": changed})
    return bool(changed)


def _answers(claimed: Sequence[Subject], failing: Set[str]) -> dict[str, Any]:
    """By name. Of a question that had no answer lately one is asked first: what AWS refuses to it, it refuses to the others."""
    doubtful = {_question(name) for name in failing}.intersection(_ALIKE)
    first = {_question(each.name): each.name for each in reversed(claimed) if _question(each.name) in doubtful}
    behind = [each for each in claimed if first.get(_question(each.name), each.name) != each.name]
    ahead = [each for each in claimed if each not in behind]
    answers: dict[str, Any] = {}

    def ask(subject: Subject) -> Any:
        """Runs in threads: it touches no database."""
        before = answers.get(first.get(_question(subject.name), ""))
        return before if isinstance(before, Throttled) else _ask(subject, once=subject.is_brief or subject.name in failing)

    with ThreadPoolExecutor(min(_AT_ONCE, len(claimed))) as pool:
        for some in (ahead, behind):
            answers |= zip((each.name for each in some), list(pool.map(ask, some)), strict=True)
    return answers


def _close(target: Target) -> Pace:
    """How often while something is under way. Applications share the account's two calls a second: each has two calls in a cycle.

    One is for events. Three quarters of the other go round environments and the health of each tier that is watched closely, one quarter
    goes round what is slow: the causes of every tier and the health of those at rest.
    """
    applications = {each.application for each in current().targets}
    cycle = float(settings.POLL_ACTIVE_SECONDS * max(1, len(applications)))
    siblings = _siblings(target)
    tiers = sum(len(each.tiers) for each in siblings)
    closely = sum(len(each.tiers) for each in siblings if each == target or is_active(each))
    turn, slow = cycle * (1 + closely) * 4 / 3, cycle * (2 * tiers - closely) * 4
    return Pace(events=cycle, environments=turn, health=turn, causes=slow, others=2 * cycle)


def _rows(asked: Sequence[Subject]) -> dict[str, Watched]:
    return {row.name: row for row in Watched.objects.filter(name__in=[subject.name for subject in asked])}


def _claim(asked: Sequence[Subject], rows: Mapping[str, Watched]) -> list[Subject]:
    """Those that nobody has tried within their interval. The rows tell what may be due; the UPDATE decides."""
    now = timezone.now()
    unknown = [Watched(name=subject.name) for subject in asked if subject.name not in rows]
    if unknown:
        Watched.objects.bulk_create(unknown, ignore_conflicts=True)
    return [subject for subject in asked if _is_due(rows.get(subject.name), subject, now) and _wins(subject, now)]


def _is_due(row: Watched | None, subject: Subject, now: datetime) -> bool:
    if row is None or row.tried is None:
        return True
    if row.not_before is not None and now < row.not_before < now + _SET_BACK + _LONGEST:
        return False
    if row.not_before is not None and row.tried < row.not_before and _has_stumbled(row):
        return True
    return row.tried <= now - timedelta(seconds=subject.every) or row.tried > now + _SET_BACK


def _wins(subject: Subject, now: datetime) -> bool:
    due = Q(tried=None) | Q(tried__lte=now - timedelta(seconds=subject.every)) | Q(tried__gt=now + _SET_BACK)
    due |= Q(failures__gt=0, error="", tried__lt=F("not_before"))
    may = Q(not_before=None) | Q(not_before__lte=now) | Q(not_before__gt=now + _SET_BACK + _LONGEST)
    return bool(Watched.objects.filter(due & may, name=subject.name).update(tried=now))


def _has_stumbled(row: Watched) -> bool:
    """Nothing was said of it yet: it is asked again as soon as it may be, however seldom otherwise."""
    return row.failures > 0 and not row.error


def _ask(subject: Subject, *, once: bool) -> Any:
    try:
        with without_retries(when=once):
            return subject.ask()
    except RemoteError as error:
        return error


def _keep(subject: Subject, answer: Any) -> bool:
    if isinstance(answer, RemoteError):
        return _note(subject, answer)
    with transaction.atomic():
        row = Watched.objects.select_for_update().get(name=subject.name)  # one writer of a subject at a time: rows come in order
        news = subject.keep(answer)
        recovered, failures = row.error != news.wrong, row.failures
        row.answered, row.error, row.failures, row.not_before = timezone.now(), news.wrong, 0, None
        row.save(update_fields=["answered", "error", "failures", "not_before"])
    if failures:  # those that waited for it; not while its row is held, for theirs may be held by somebody who wants this one
        _alike(subject).filter(not_before__gt=timezone.now()).update(tried=None, not_before=None)
    return news.changed or recovered


def _note(subject: Subject, error: RemoteError) -> bool:
    """Backs off: 2, 4, 8 … seconds, up to a minute when AWS throttles, else up to ten seconds.

    The first time that something brief has no answer is not worth a word: it is asked again at once.
    """
    row = Watched.objects.get(name=subject.name)
    row.failures += 1
    longest = _LONGEST if isinstance(error, Throttled) else _LONGEST / 6
    row.not_before = timezone.now() + min(timedelta(seconds=2.0 ** min(row.failures, 10)), longest)
    first = not row.error
    stumbles = subject.is_brief and row.failures == 1 and isinstance(error, (Throttled, Unreachable, Unanswered))
    if not stumbles:
        row.error = error.told
    row.save(update_fields=["failures", "not_before", "error"])
    if isinstance(error, Throttled):
        later = row.not_before + _BEHIND
        _alike(subject).filter(Q(not_before=None) | Q(not_before__lt=later)).update(not_before=later)
    if first and row.error:
        log.warning("%s cannot be observed: %s", subject.name, row.error)
    return first and bool(row.error)


def _alike(subject: Subject) -> QuerySet[Watched]:
    """The others that are asked the same question."""
    question = _question(subject.name)
    if question not in _ALIKE:
        return Watched.objects.none()
    return Watched.objects.filter(name__startswith=f"{question}:").exclude(name=subject.name)


def _question(name: str) -> str:
    return name.partition(":")[0]
