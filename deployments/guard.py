"""The shop is never silently left closed: every few seconds it is asked whether visitors are turned away and no run of ours is the reason.

What is found becomes an `Alert`, which every page of the environment shows, and ends when it is seen to be over. Facts come from the hosts
themselves (maintenance mode) and from outside (the shop); after a run has ended the hosts are asked at once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from deployments.models import Alert
from estate.definition import Target
from estate.maintenance import observe_maintenance
from estate.models import Host, ShopAnswer
from estate.reading import current
from estate.shop import GAP
from live.publish import publish
from runs import draining
from runs.leases import TICKABLE, at_work
from runs.models import Effect, Run

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds
PATIENCE = timedelta(seconds=30)  # for a shop that is closed, and for hosts that cannot be asked
_LOOKS = (
    "release.gates",
    "operation.gates",
    "release.shelf",
    "money.quiet",
    "git.heads",
    "bundle.build",
    "host.look",
    "beanstalk.logs",
    "beanstalk.bundles",
    "cdn.invalidate",
    "beanstalk.option",
    "beanstalk.settings",
    "build.keep",
    "build.measure",
    "curtain.smoke",
    "decision.judge",
    "magento.ask",
    "magento.jobs",
    "rds.snapshot",
)  # effects that turn no visitor away
_BAD = (ShopAnswer.State.CLOSED, ShopAnswer.State.BROKEN)


@dataclass(frozen=True, slots=True)
class Found:
    kind: Alert.Kind
    title: str
    said: str
    since: datetime
    hosts: list[str] = field(default_factory=list)


def check() -> None:
    """Every target of the estate."""
    for target in current().targets:
        check_target(target, timezone.now())


def check_target(target: Target, now: datetime) -> None:
    """Raises, renews and ends the target's alerts. Asks the hosts only where what they last said is older than the last run's end."""
    last = draining.marked().filter(**_place(target)).order_by("-number").first()
    found: list[Found] = []
    if not _is_excused(target):
        flags = _flags(target, last, now)
        found = [*flags, *_shop(target, last, now, told=_is_whole_front(target, flags))]
    culprit = _culprit(last)
    changed = _end_all_but([each.kind for each in found], target, now)
    for each in found:
        changed |= _raise_or_renew(each, target, culprit, now)
    if changed:
        publish("now", {"kind": "now", "changed": [f"alert:{target.service}/{target.environment.key}"]})


def _is_excused(target: Target) -> bool:
    """A run is at work there that has already touched something; whatever is closed meanwhile is closed on purpose, and on its page."""
    moving = Run.objects.filter(at_work(), **_place(target), state__in=TICKABLE)
    return Effect.objects.filter(run__in=moving).exclude(state=Effect.State.PLANNED).exclude(kind__in=_LOOKS).exists()


def _flags(target: Target, last: Run | None, now: datetime) -> list[Found]:
    ended = last.ended if last is not None else None
    hosts = _hosts(target)
    if ended is not None and any(host.maintenance_seen is None or host.maintenance_seen < ended for host in hosts):
        observe_maintenance(target)
        hosts = _hosts(target)
    closed = [host for host in hosts if host.maintenance == "on" and (_said_after(host, ended) or _is_silent_since(ended, now))]
    if not closed:
        return []
    names = [host.name for host in closed]
    silent = [host.name for host in closed if not _said_after(host, ended)]
    said = _whose(last) + (f" {', '.join(silent)} cannot be asked any more: this is what was last known." if silent else "")
    many = f"{', '.join(names)} {'are' if len(names) > 1 else 'is'} in maintenance mode: visitors get 503 there"
    return [Found(Alert.Kind.FLAG, f"{target.name}: {many}", said, min(host.maintenance_seen or now for host in closed), names)]


def _said_after(host: Host, ended: datetime | None) -> bool:
    """What a host said while a run was at work is no longer true when the run is over."""
    return ended is None or (host.maintenance_seen is not None and host.maintenance_seen >= ended)


def _is_silent_since(ended: datetime | None, now: datetime) -> bool:
    return ended is not None and now - ended >= PATIENCE


def _is_whole_front(target: Target, flags: Sequence[Found]) -> bool:
    """Every host that visitors meet is in maintenance mode: that says already that the shop is closed, and why."""
    front = {host.name for host in _hosts(target) if host.tier == target.tiers[-1].key} if flags else set()
    return bool(front) and all(front <= set(each.hosts) for each in flags)


def _shop(target: Target, last: Run | None, now: datetime, *, told: bool) -> list[Found]:
    """Closed or broken in every answer for so long; where nobody answered, nothing is known and nothing is said.

    What is no shop is asked while it is released alone. `told`: that it is closed is said already; a curtain has an alert of its own.
    """
    if target.shop is None:
        return []
    answers = ShopAnswer.objects.filter(**_place(target), time__lte=now)
    newest = answers.order_by("-time").first()
    if newest is None or newest.state not in _BAD or now - (newest.until or newest.time) > 2 * GAP:
        return []
    good = answers.filter(state=ShopAnswer.State.OPEN).order_by("-time").values_list("time", flat=True).first()
    bad = answers.filter(state__in=_BAD, **({"time__gt": good} if good else {}))
    since = bad.order_by("time").values_list("time", flat=True).first()
    if since is None or now - since < PATIENCE:
        return []
    curtains = Alert.objects.filter(**_place(target), kind=Alert.Kind.CURTAIN, ended=None)
    if newest.state == ShopAnswer.State.CLOSED and (told or curtains.exists()):
        return []
    words = "closed: visitors get 503" if newest.state == ShopAnswer.State.CLOSED else "broken: visitors get an error"
    return [Found(Alert.Kind.SHOP, f"{target.name}: the shop is {words}", _whose(last), since)]


def _whose(last: Run | None) -> str:
    if last is None:
        return "No run of the console is at work there."
    if last.is_active:
        return f"Run {last.number} is {last.state} and is not at work.{why_not(last)}"
    if last.state == Run.State.SUCCEEDED:
        return f"No run of the console is at work there; the last one, run {last.number}, succeeded."
    return f"Run {last.number} ended as {last.state} and left it so, or somebody did it by hand."


def _culprit(last: Run | None) -> Run | None:
    if last is None or last.state == Run.State.SUCCEEDED or (last.state in TICKABLE and is_at_work(last.number)):
        return None
    return last


def is_at_work(number: int) -> bool:
    """One that is only called running, in a drained console or in one whose workers have died, opens no shop."""
    return Run.objects.filter(at_work(), number=number, state__in=TICKABLE).exists()


def why_not(run: Run) -> str:
    """Of a run that is active, and marked: why nobody works on it, and what helps; nothing where a person has to decide."""
    if run.state not in TICKABLE or is_at_work(run.number):
        return ""
    if run.stands_still:
        return " The console is drained: it goes on when that is lifted, or is stopped on its page."
    return " No worker has taken it up: see whether the console's workers are alive."


def _end_all_but(kinds: Sequence[str], target: Target, now: datetime) -> bool:
    mine = Alert.objects.filter(**_place(target), ended=None).exclude(kind=Alert.Kind.CURTAIN)  # the sweeper's own
    return bool(mine.exclude(kind__in=kinds).update(ended=now))


def _raise_or_renew(found: Found, target: Target, culprit: Run | None, now: datetime) -> bool:
    """True where the page has to say something new."""
    told = {"title": found.title[:300], "said": found.said, "hosts": found.hosts, "run": culprit}
    alert, is_new = Alert.objects.get_or_create(
        **_place(target),
        kind=found.kind,
        ended=None,
        defaults={**told, "since": found.since, "seen": now},
    )
    if is_new:
        log.warning("%s. %s", found.title, found.said)
        return True
    changed = any(getattr(alert, name) != value for name, value in told.items())
    Alert.objects.filter(pk=alert.pk).update(**told, seen=now)
    return changed


def _hosts(target: Target) -> list[Host]:
    return list(Host.objects.filter(**_place(target), gone=None, state="running").order_by("name"))


def _place(target: Target) -> dict[str, str]:
    return {"service": target.service, "environment": target.environment.key}
