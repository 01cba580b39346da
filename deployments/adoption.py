"""A deployment that somebody started elsewhere (AWS's console, Rundeck): seen, said, and followed here by a run that holds the lock.

Nothing is started: the run has one step that reads until Beanstalk is Ready and then compares the hosts (`beanstalk.follow`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from deployments import timeline
from deployments.overview import TargetRow
from deployments.panels import lanes_now
from deployments.steps import COMMANDS_SECONDS, ROLLING_SECONDS, PlannedHost
from estate import observe
from estate.definition import Target
from estate.models import BeanstalkEnvironment, BeanstalkEvent, Host
from people.models import Operator
from people.permissions import require
from runs import actions as runs
from runs import pages
from runs.models import Run
from runs.panels import Panel, Place
from runs.plan import Act, Plan, Step

KIND = "adopted"
CHANGING = ("Updating", "Aborting")
CLOCKS = timedelta(minutes=1)  # by which Beanstalk's and ours may differ
_LAST_RUNS = 20  # their plans are read


class NothingToFollow(runs.Refusal):
    """Nobody is deploying there."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What somebody else is doing to one Beanstalk environment; `events` since it began, newest first."""

    name: str
    status: str
    label: str
    since: datetime | None
    events: tuple[BeanstalkEvent, ...]


def elsewhere(row: TargetRow, events: Iterable[BeanstalkEvent]) -> tuple[Elsewhere, ...]:
    """Pure. Empty while a run of ours is active there: then it is ours. `events` newest first."""
    if row.held is not None and row.held.is_active:
        return ()
    told = list(events)
    changing = [tier.beanstalk for tier in row.tiers if tier.beanstalk is not None and tier.beanstalk.status in CHANGING]
    return tuple(_elsewhere(each, [event for event in told if event.environment == each.name]) for each in changing)


def _elsewhere(seen: BeanstalkEnvironment, events: Sequence[BeanstalkEvent]) -> Elsewhere:
    """Beanstalk notes the time when it begins to change an environment; events of the version say which it will be."""
    recent = tuple(event for event in events if seen.updated is None or event.time >= seen.updated)
    label = next((event.version for event in recent if event.version), seen.version)
    return Elsewhere(seen.name, seen.status, label, seen.updated, recent)


def done_elsewhere(row: TargetRow) -> tuple[Elsewhere, ...]:
    """Beanstalk environments whose last deployment no run of the console asked for, or was at work beside. `row` with whole hosts.

    `since` is when the first host had it.
    """
    found = []
    ours = Run.objects.filter(service=row.target.service, environment=row.target.environment.key, started__isnull=False)
    for tier in row.tiers:
        hosts = [each.host for each in tier.hosts if isinstance(each.host, Host) and each.host.deployed]
        if tier.beanstalk is None or tier.beanstalk.status in CHANGING or not hosts:
            continue
        at = _first_had(hosts)
        beside = ours.filter(Q(ended=None) | Q(ended__gte=at - CLOCKS), started__lte=at + CLOCKS)
        if not beside.exists() and tier.beanstalk.version not in _asked_for(ours):
            found.append(Elsewhere(tier.beanstalk.name, tier.beanstalk.status, tier.beanstalk.version, at, ()))
    return tuple(found)


def _first_had(hosts: Sequence[Host]) -> datetime:
    """Of the newest deployment. An instance that Auto Scaling put there afterwards has the same one, with a later time of its own."""
    newest = max(host.deployment_id or 0 for host in hosts)
    return min(host.deployed for host in hosts if host.deployed and (host.deployment_id or 0) == newest)


def _asked_for(ours: QuerySet[Run]) -> set[str]:
    """Labels of the last runs: Beanstalk may have gone on with one after its run was given up."""
    return set(ours.order_by("-number").values_list("plan__document__facts__label", flat=True)[:_LAST_RUNS])


def follow(target: Target, beanstalk: str, *, idempotency_key: str, by: Operator) -> Run:
    """Plans it and starts it. A run that has ended and still holds the lock gives it to this one.

    Raises Forbidden, NothingToFollow, LockHeld, KeyReused.
    """
    require(by, KIND, target.environment.key)
    earlier = runs.begun_before(idempotency_key, kind=KIND, service=target.service, environment=target.environment.key)
    if earlier is not None:
        return earlier
    if beanstalk not in [tier.beanstalk for tier in target.tiers]:
        raise NothingToFollow(f"{target.name} has no Beanstalk environment named “{beanstalk}”.")
    observe.refresh(target, max_age=3)
    seen = BeanstalkEnvironment.objects.filter(pk=beanstalk).first()
    if seen is None or seen.status not in CHANGING:
        raise NothingToFollow(f"{beanstalk} is {seen.status if seen else 'not known'}: nobody is deploying to it any more.")
    made = runs.save_plan(plan(target, seen), by=by)
    holder = Run.objects.filter(lock_group=target.lock_group, holds_lock=True).first()
    taken = holder.number if holder is not None and not holder.is_active else None
    return runs.start_run(made, hash=made.hash, idempotency_key=idempotency_key, takes_over=taken, by=by)


def plan(target: Target, seen: BeanstalkEnvironment) -> Plan:
    found = _elsewhere(seen, list(BeanstalkEvent.objects.filter(environment=seen.name).order_by("-time", "-id")[:50]))
    living = Host.objects.filter(beanstalk=seen.name, gone=None, state="running").order_by("name")
    hosts = [PlannedHost(host.name, host.pk, str(host.private_ip), host.tier, host.beanstalk) for host in living]
    since = found.since.isoformat() if found.since else ""
    params = {
        "service": target.service,
        "environment": target.environment.key,
        "beanstalk": seen.name,
        "label": found.label,
        "since": since,
    }
    words = "Beanstalk is asked until it is Ready; then every host is asked for its version. Nothing is started."
    act = Act("beanstalk.follow", "follow", seen.name, params=params, words=words)
    seconds = len(hosts) * (ROLLING_SECONDS + COMMANDS_SECONDS)
    step = Step("follow", f"Follow the deployment to {seen.name}", (act,), words, ", ".join(host.name for host in hosts), seconds)
    facts = {"label": found.label, "since": since, "hosts": [asdict(host) for host in hosts]}
    place = {"service": target.service, "environment": target.environment.key, "lock_group": target.lock_group}
    return Plan(kind=KIND, title=f"Follow somebody else's deployment to {seen.name}"[:120], **place, steps=(step,), facts=facts)


def of_adopted(run: Run, at: datetime, viewer: object) -> Sequence[Panel]:
    """The run page's panels: the lanes, from when the deployment began."""
    facts = run.plan.document["facts"]
    since = datetime.fromisoformat(facts["since"]) if facts["since"] else run.created
    found = [Panel(Place.SUB, "deployments/_adopted_sub.html", {"facts": facts, "since": since})]
    lanes = lanes_now(run, facts, since=since)
    if lanes and run.started:
        pace = pages.pace(run, list(run.steps.all()))
        axis, drawn = timeline.draw(lanes, begin=since, end=run.ended, now=at, usual_pace=pace)
        found.append(Panel(Place.WIDE, "deployments/_lanes.html", {"axis": axis, "lanes": drawn, "shop": None, "bands": (), "run": run}))
    return found
