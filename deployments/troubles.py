"""What is wrong, in sentences, worst first: from the observed facts of `deployments.overview` and from what could not be observed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse

from deployments.adoption import CHANGING, elsewhere
from deployments.overview import TargetRow, TierRow
from estate.models import BeanstalkEvent, Watched
from runs.models import Run

SILENT_AFTER = timedelta(seconds=60)
NAMED = 6  # hosts in one sentence
ALONE = 3  # silent sources that have a place of their own; more have one together
_SOURCES = {
    "inventory": "the list of {}",
    "dashboards": "the list of CloudWatch's dashboards",
    "figures": "CloudWatch's figures",
    "events": "Beanstalk's events of {}",
    "environments": "Beanstalk's environments of {}",
    "hosts": "the instances of {}",
    "groups": "the target groups of {}",
    "targets": "the target group of {}",
    "health": "Beanstalk's health of the hosts of {}",
    "causes": "Beanstalk's health of {}",
    "maintenance": "the maintenance mode of {}",
}
_ORDER = ("bad", "unknown", "warn", "info")


@dataclass(frozen=True, slots=True)
class Trouble:
    """`since` where it is known. `closes_shop`: visitors meet it. The state `info` is no trouble: a run of ours is at work there."""

    state: str
    title: str
    text: str = ""
    since: datetime | None = None
    url: str = ""
    link: str = ""
    closes_shop: bool = False


def troubles(
    rows: Sequence[TargetRow], watched: Sequence[Watched], held: Sequence[Run], now: datetime, events: Sequence[BeanstalkEvent] = ()
) -> tuple[Trouble, ...]:
    """`events`: Beanstalk's latest, newest first."""
    found = [*_runs(held), *_silence(watched, now)]
    if watched:
        found += [*_elsewhere(rows, events), *(trouble for row in rows for trouble in _of_target(row))]
    return worst_first(found)


def worst_first(found: Iterable[Trouble]) -> tuple[Trouble, ...]:
    return tuple(sorted(found, key=lambda trouble: _ORDER.index(trouble.state)))


def _runs(held: Sequence[Run]) -> Iterator[Trouble]:
    for run in held:
        url = reverse("runs:detail", args=(run.number,))
        if run.state == Run.State.FAILED:
            yield Trouble(
                "bad", f"Run {run.number} failed: {run.title}", f"{run.said} It holds “{run.lock_group}”.", run.ended, url, "Open run"
            )
        elif run.state == Run.State.UNKNOWN:
            yield Trouble("unknown", f"Run {run.number}: nobody knows whether it happened", run.said, run.started, url, "Look at it")
        elif run.state == Run.State.WAITING:
            yield Trouble("warn", f"Run {run.number} waits for a person", run.said, run.started, url, "Open run")


def _silence(watched: Sequence[Watched], now: datetime) -> Iterator[Trouble]:
    """What was asked and did not answer. Until the first answer everything below is unknown, and that is said once."""
    if not watched:
        yield Trouble(
            "unknown",
            "Nothing of the estate has been seen yet",
            "The scheduler asks AWS every 10 s. Is it running? See /readyz.",
            url="/readyz",
            link="Health",
        )
    silent = [thing for thing in watched if is_silent(thing, now)]
    if len(silent) > ALONE:
        said = sorted({thing.error for thing in silent})
        more = f" And {len(said) - 1} more such answers." if len(said) > 1 else ""
        since = min((thing.answered for thing in silent if thing.answered), default=None)
        names = _some([in_words(thing.name) for thing in silent])
        named = f"{names[:1].upper()}{names[1:]}. {said[0]}{more}"
        yield Trouble("unknown", f"{len(silent)} of {len(watched)} sources do not answer", named, since)
        return
    for thing in silent:
        never = "has never answered" if thing.answered is None else "does not answer"
        title = f"{in_words(thing.name)} {never}"
        yield Trouble("unknown", title[:1].upper() + title[1:], thing.error, thing.answered)


def in_words(name: str) -> str:
    """What is looked at, as people call it: `name` is that of a `Watched` row."""
    kind, _, what = name.partition(":")
    return _SOURCES.get(kind, "{} " + kind).format(what).strip()


def is_silent(thing: Watched, now: datetime) -> bool:
    """It was asked, and has not answered for a while, or never."""
    return bool(thing.error) and (thing.answered is None or now - thing.answered > SILENT_AFTER)


def _elsewhere(rows: Sequence[TargetRow], events: Sequence[BeanstalkEvent]) -> Iterator[Trouble]:
    for row in rows:
        url = reverse("deployments:service", args=(row.target.service, row.target.environment.key))
        for each in elsewhere(row, events):
            last = f" Beanstalk says: “{each.events[0].message.strip()}”" if each.events else ""
            title = f"Someone else is deploying to {each.name}: {each.label}"
            yield Trouble("warn", title, f"No run of the console is on it.{last}", each.since, url, "See its events, or follow it here")


def _of_target(row: TargetRow) -> Iterator[Trouble]:
    url = reverse("deployments:service", args=(row.target.service, row.target.environment.key))
    moving = row.held is not None and row.held.is_active
    by = f" Run {row.held.number} is at work there." if row.held and moving else ""
    if row.shop and row.shop.total and row.shop.state != "open":
        told = {
            "closed": ("bad", "visitors get 503"),
            "broken": ("bad", "visitors get an error"),
            "silent": ("unknown", "no answer from outside"),
            "unknown": ("unknown", "nobody has asked it from outside lately"),
        }
        state, words = told[row.shop.state]
        text = f"{row.shop.bad} of the last {row.shop.total} answers were not good.{by}"
        if row.shop.state == "unknown":
            text = f"The last answer is old. Is the scheduler running? See /readyz.{by}"
        yield Trouble(state, f"{row.target.name}: {words}", text, url=url, link="Open service", closes_shop=row.shop.state != "unknown")
    if row.held is not None and moving:
        yield from _at_work(row, row.held)  # its own page shows it, lane by lane
        return
    for tier in row.tiers:
        yield from _of_tier(row, tier, url)
    yield from _of_versions(row, url)


def _at_work(row: TargetRow, run: Run) -> Iterator[Trouble]:
    """Hosts leave and return during a release, and Beanstalk is not content meanwhile: said, and not counted as wrong."""
    out = row.expected_hosts - row.in_service
    said = [f"{out} of {row.expected_hosts} hosts out of service"] if out > 0 else []
    if row.eb.last not in ("ok", "info"):
        said.append(f"Beanstalk says {row.eb.word}")
    if said:
        url = reverse("runs:detail", args=(run.number,))
        yield Trouble("info", f"{row.target.name}: {', '.join(said)}", f"Run {run.number} is at work there.", run.started, url, "Open run")


def _of_tier(row: TargetRow, tier: TierRow, url: str) -> Iterator[Trouble]:
    name = f"{row.target.service_name} {row.target.environment.key}, {tier.tier.name.lower()}"
    environment = tier.beanstalk
    if environment is None:
        yield Trouble(
            "unknown", f"{tier.tier.beanstalk} has never been seen", "Beanstalk has not told of it.", url=url, link="Open service"
        )
    if environment is not None and environment.health_status in ("Warning", "Degraded", "Severe"):
        state = "warn" if environment.health_status == "Warning" else "bad"
        causes = " ".join(str(cause) for cause in environment.causes)
        yield Trouble(state, f"{environment.name} is {environment.health_status}", causes, environment.updated, url, "Open service")
    if environment is not None and environment.status not in ("Ready", "", *CHANGING):
        yield Trouble(
            "warn",
            f"{environment.name} is {environment.status}",
            "Somebody else is changing it.",
            environment.updated,
            url,
            "See its events",
        )
    out = [host for host in tier.hosts if host.tg.last not in ("ok", "info")]
    if out:
        words = _some([f"{row.host.name} {'' if row.tg.known else 'is '}{row.tg.word}" for row in out])
        reasons = " ".join(sorted({row.host.target_reason for row in out if row.host.target_reason}))
        state = "bad" if tier.in_service == 0 else "warn"
        yield Trouble(
            state, f"{name}: {words}", reasons or "In its target group.", url=url, link="Open service", closes_shop=tier.in_service == 0
        )
    if environment is not None and len(tier.hosts) < tier.tier.hosts:
        yield Trouble(
            "warn", f"{name}: {len(tier.hosts)} of {tier.tier.hosts} hosts", "Fewer than estate.yaml says.", url=url, link="Open service"
        )
    left_on = [host.host for host in tier.hosts if host.host.maintenance == "on"]
    if left_on:
        names = _some([host.name for host in left_on])
        yield Trouble(
            "bad",
            f"{name}: maintenance is on",
            f"On {names}: visitors of these hosts get 503.",
            left_on[0].maintenance_seen,
            url,
            "Open service",
        )


def _some(words: Sequence[str]) -> str:
    """A sentence stays one that is read: the first few, and how many more."""
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return ", ".join(words[:NAMED]) + more


def _of_versions(row: TargetRow, url: str) -> Iterator[Trouble]:
    if len(row.versions) > 1:
        yield Trouble(
            "warn", f"{row.target.name}: {len(row.versions)} versions at once", ", ".join(row.versions), url=url, link="See which host"
        )
