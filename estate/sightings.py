"""What is asked about the estate and how the answers are kept: one subject for each call to AWS.

`ask` talks to AWS and touches no database; `keep` writes rows and talks to nobody. When to ask is `estate.observe`'s. A row's
`seen` is when it was asked, not when its answer was kept: what was asked before a change, and comes in after it, knows nothing of it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import models
from django.db.models import Max
from django.utils import timezone

from estate.definition import Target
from estate.models import BeanstalkEnvironment, BeanstalkEvent, Host, TargetGroup
from remote.aws import balancer, beanstalk, compute
from remote.aws.session import Patience

_PATIENCE = Patience(connect=2.0, read=5.0)
_EVENTS_KEPT = timedelta(days=42)  # by Beanstalk
_LATE = timedelta(seconds=5)  # an event may show up behind a later one
Answer = TypeVar("Answer")
_HOSTS_EVERY, _GROUPS_EVERY, _CAUSES_EVERY = 5.0, 300.0, 10.0  # seconds


@dataclass(frozen=True, slots=True)
class News:
    """`wrong` is a sentence where the answer itself shows that something is amiss."""

    changed: bool
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """`name` is the key of its Watched row; `every` is in seconds. What is brief, a call or two, is asked again rather than retried."""

    name: str
    every: float
    ask: Callable[[], Any]
    keep: Callable[[Any], News]
    is_brief: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two calls of a kind. The first four are Beanstalk's, the last is for everything else, which answers more often."""

    events: float
    environments: float
    health: float
    causes: float
    others: float

    def not_below(self, seconds: float) -> Pace:
        return Pace(*(max(each, seconds) for each in (self.events, self.environments, self.health, self.causes, self.others)))


def application_subjects(application: str, targets: Sequence[Target], pace: Pace) -> list[Subject]:
    """One call each for all environments of the application."""
    places = {tier.beanstalk: (target, tier.key) for target in targets for tier in target.tiers}
    names = list(places)
    since = _last_event(names)
    groups_every = _GROUPS_EVERY if TargetGroup.objects.filter(beanstalk__in=names).exists() else max(pace.others, 2.0)
    return [
        Subject(
            f"events:{application}",
            pace.events,
            lambda: beanstalk.events(application, since, patience=_PATIENCE),
            lambda found: _keep_events(names, found),
            is_brief=True,
        ),
        Subject(
            f"environments:{application}",
            pace.environments,
            timed(lambda: beanstalk.environments(application, patience=_PATIENCE)),
            lambda found: _keep_environments(names, *found),
            is_brief=True,
        ),
        Subject(
            f"hosts:{application}",
            max(pace.others, _HOSTS_EVERY),
            timed(lambda: _ask_hosts(names)),
            lambda found: _keep_hosts(places, *found),
            is_brief=True,
        ),
        Subject(f"groups:{application}", groups_every, timed(_ask_groups), lambda found: _keep_groups(names, *found)),
    ]


def tier_subjects(name: str, pace: Pace) -> list[Subject]:
    """What has to be asked for each Beanstalk environment by itself."""
    groups = list(TargetGroup.objects.filter(beanstalk=name).values_list("arn", flat=True))
    found = [
        Subject(
            f"health:{name}",
            pace.health,
            timed(lambda: beanstalk.instance_health(name, patience=_PATIENCE)),
            lambda answer: _keep_health(name, *answer),
            is_brief=True,
        ),
        Subject(
            f"causes:{name}",
            max(pace.causes, _CAUSES_EVERY),
            lambda: beanstalk.environment_health(name, patience=_PATIENCE),
            lambda answer: _keep_causes(name, answer),
            is_brief=True,
        ),
    ]
    if groups:
        ask = lambda: [target for arn in groups for target in balancer.target_health(arn, patience=_PATIENCE)]  # noqa: E731
        found.append(Subject(f"targets:{name}", pace.others, timed(ask), lambda answer: _keep_targets(name, *answer), is_brief=True))
    return found


def timed(ask: Callable[[], Answer]) -> Callable[[], tuple[datetime, Answer]]:
    """When it was asked, and the answer."""
    return lambda: (timezone.now(), ask())


# -- Events and environments


def _last_event(names: Sequence[str]) -> Any:
    last = BeanstalkEvent.objects.filter(environment__in=names).aggregate(last=Max("time"))["last"]
    return last - _LATE if last else timezone.now() - _EVENTS_KEPT


def _keep_events(names: Sequence[str], found: Iterable[beanstalk.Event]) -> News:
    rows = [
        BeanstalkEvent(
            environment=event.environment,
            time=event.at,
            severity=event.severity,
            message=event.message,
            digest=hashlib.sha256(f"{event.severity}\n{event.message}\n{event.request_id}".encode()).hexdigest(),
            request_id=event.request_id,
            version=event.version,
        )
        for event in found
        if event.environment in names
    ]
    if not rows:
        return News(changed=False)
    since = min(row.time for row in rows)
    known = set(BeanstalkEvent.objects.filter(environment__in=names, time__gte=since).values_list("environment", "time", "digest"))
    new = [row for row in rows if (row.environment, row.time, row.digest) not in known]
    BeanstalkEvent.objects.bulk_create(new, ignore_conflicts=True)
    return News(changed=bool(new))


def _keep_environments(names: Sequence[str], asked: datetime, found: Iterable[beanstalk.Environment]) -> News:
    changed, seen = False, {each.name: each for each in found if each.name in names}
    for name, each in seen.items():
        said = {
            "application": each.application,
            "version": each.version,
            "status": each.status,
            "health": each.health,
            "health_status": each.health_status,
            "abortable": each.abortable,
            "platform": each.platform,
            "updated": each.updated,
        }
        changed |= _upsert(BeanstalkEnvironment, name, said, seen=asked)
    missing = ", ".join(name for name in names if name not in seen)
    wrong = f"Beanstalk has no environment named {missing}. Check estate.yaml against the account and the region." if missing else ""
    return News(changed, wrong)


def _keep_causes(name: str, found: beanstalk.EnvironmentHealth) -> News:
    causes = list(found.causes)
    return News(bool(BeanstalkEnvironment.objects.filter(name=name).exclude(causes=causes).update(causes=causes)))


# -- Hosts


def _ask_hosts(names: Sequence[str]) -> list[compute.Instance]:
    return compute.instances({"tag:elasticbeanstalk:environment-name": names}, patience=_PATIENCE)


def _keep_hosts(places: Mapping[str, tuple[Target, str]], asked: datetime, found: Iterable[compute.Instance]) -> News:
    """Hosts appear and disappear; a host that is gone keeps its row, with the time."""
    changed = False
    living = {each.id: each for each in found if each.state != "terminated"}
    taken = Counter(each.name for each in living.values())
    for each in living.values():
        name = each.tags.get("elasticbeanstalk:environment-name", "")
        if name not in places:
            continue
        target, tier = places[name]
        # Beanstalk names every instance as its environment, unless somebody gave it a Name of its own.
        own_name = each.name if each.name and taken[each.name] == 1 else f"{each.name or name}-{each.id[-5:]}"
        said = {
            "name": own_name[:60],
            "environment": target.environment.key,
            "service": target.service,
            "tier": tier,
            "beanstalk": name,
            "private_ip": each.private_ip or None,
            "zone": each.zone,
            "state": each.state,
            "gone": None,
        }
        changed |= _upsert(Host, each.id, said, seen=asked, seen_only_when_new=True)
    left = Host.objects.filter(beanstalk__in=places, gone=None).exclude(pk__in=living).update(gone=asked)
    return News(changed or bool(left))


def _keep_health(name: str, asked: datetime, found: Iterable[beanstalk.InstanceHealth]) -> News:
    changed = False
    for each in found:
        said = {
            "health_status": each.status,
            "causes": list(each.causes),
            "version": each.version,
            "deployment_id": each.deployment_id,
            "deployment_status": each.deployment_status,
            "deployed": each.deployed_at,
        }
        if Host.objects.filter(pk=each.instance_id, beanstalk=name).exists():
            changed |= _upsert(Host, each.instance_id, said, seen=asked)
    return News(changed)


# -- Target groups


def _ask_groups() -> list[tuple[balancer.TargetGroup, list[balancer.Target]]]:
    return [(group, balancer.target_health(group.arn, patience=_PATIENCE)) for group in balancer.target_groups(patience=_PATIENCE)]


def _keep_groups(names: Sequence[str], asked: datetime, found: Iterable[tuple[balancer.TargetGroup, list[balancer.Target]]]) -> News:
    """All groups of the account are told each time: one that is not among them any more is forgotten."""
    homes = dict(Host.objects.filter(beanstalk__in=names).values_list("instance_id", "beanstalk"))
    told = list(found)
    gone, _ = TargetGroup.objects.filter(beanstalk__in=names).exclude(pk__in=[group.arn for group, _ in told]).delete()
    changed = bool(gone)
    for group, targets in told:
        homes_of_targets = Counter(homes[target.instance_id] for target in targets if target.instance_id in homes)
        if homes_of_targets:
            [(name, _)] = homes_of_targets.most_common(1)
            changed |= _upsert(TargetGroup, group.arn, {"name": group.name, "beanstalk": name}, seen=asked)
    return News(changed)


_BEST = ("healthy", "initial", "draining", "unhealthy", "unavailable", "unused")  # where a host is in several groups, the worst counts


def _keep_targets(name: str, asked: datetime, found: Iterable[balancer.Target]) -> News:
    worst: dict[str, balancer.Target] = {}
    for each in found:
        if each.instance_id not in worst or _badness(each) > _badness(worst[each.instance_id]):
            worst[each.instance_id] = each
    changed = False
    for host in Host.objects.filter(beanstalk=name, gone=None):
        target = worst.get(host.instance_id)
        state, reason = (target.state, target.reason) if target else ("unused", "Target.NotRegistered")
        changed |= (host.target_state, host.target_reason) != (state, reason)
        Host.objects.filter(pk=host.pk).update(target_state=state, target_reason=reason, target_seen=asked)
    return News(changed)


def _badness(target: balancer.Target) -> int:
    return _BEST.index(target.state) if target.state in _BEST else len(_BEST)


def _upsert(model: type[models.Model], key: str, said: Mapping[str, Any], *, seen: Any, seen_only_when_new: bool = False) -> bool:
    """Writes what was said under the row's key. True where a fact is new or another one."""
    rows: models.QuerySet[Any] = model._default_manager.filter(pk=key)
    row = rows.first()
    if row is None:
        model._default_manager.create(pk=key, **said, seen=seen)
        return True
    differs = any(getattr(row, name) != value for name, value in said.items())
    if differs or not seen_only_when_new:
        rows.update(**(said if differs else {}), **({} if seen_only_when_new else {"seen": seen}))
    return differs
