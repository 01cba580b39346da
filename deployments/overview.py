"""Services by environment as they were last observed: the facts of the Now page and of the list of services.

Queries in, values out. What is wrong with them is told by `deployments.troubles`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

from django.conf import settings

from deployments.lanes import health_light, target_light
from estate import reading
from estate.definition import Target, Tier
from estate.models import BeanstalkEnvironment, Host, ShopAnswer
from estate.shop import GAP
from people.permissions import Decision, may
from runs.models import Run

_SHOP_WINDOW = timedelta(seconds=90)
_BELIEVED = timedelta(minutes=2)  # what was seen of a host; it is looked at every POLL_IDLE_SECONDS
_STRIP = 60  # answers
SHOWN = 24  # hosts of a target on the front page
_WORST = ("bad", "unknown", "warn", "info", "ok")


class Light(NamedTuple):
    """`known` is the state that was seen last, where nobody has looked for a while: what it is now is unknown."""

    state: str
    word: str
    known: str = ""

    @property
    def last(self) -> str:
        return self.known or self.state


class Glimpse(NamedTuple):
    """As much of a host as a list of all of them shows: of thousands nothing else is read."""

    name: str
    beanstalk: str
    version: str
    health_status: str
    target_state: str
    target_reason: str
    maintenance: str
    maintenance_seen: datetime | None
    seen: datetime
    target_seen: datetime | None


UNSEEN = Light(*health_light(""))


class HostRow(NamedTuple):
    host: Host | Glimpse
    eb: Light
    tg: Light

    @property
    def is_well(self) -> bool:
        return self.eb.state == self.tg.state == "ok"


@dataclass(frozen=True)
class TierRow:
    """One Beanstalk environment of a target, and its hosts."""

    tier: Tier
    beanstalk: BeanstalkEnvironment | None
    hosts: tuple[HostRow, ...]
    eb: Light = UNSEEN

    @cached_property
    def in_service(self) -> int:
        """As far as is known."""
        return sum(row.tg.last == "ok" for row in self.hosts)


@dataclass(frozen=True, slots=True)
class ShopRow:
    """What visitors got lately; `bars` are (x, width, height, state) in percent and pixels, for the strip."""

    state: str
    at: datetime | None
    seconds: float | None
    bad: int
    total: int
    bars: tuple[tuple[float, float, float, str], ...]


@dataclass(frozen=True)
class TargetRow:
    target: Target
    tiers: tuple[TierRow, ...]
    shop: ShopRow | None
    held: Run | None
    last: Run | None
    may_plan: Decision

    @cached_property
    def hosts(self) -> tuple[HostRow, ...]:
        return tuple(row for tier in self.tiers for row in tier.hosts)

    @cached_property
    def shown(self) -> tuple[HostRow, ...]:
        """All of a small one; of a large one those that are not well first, for what is wrong has to be seen."""
        if len(self.hosts) <= SHOWN:
            return self.hosts
        return tuple(sorted(self.hosts, key=lambda row: row.is_well))[:SHOWN]

    @property
    def more(self) -> int:
        return len(self.hosts) - len(self.shown)

    @cached_property
    def versions(self) -> tuple[str, ...]:
        return tuple(sorted({row.host.version for row in self.hosts if row.host.version}))

    @property
    def expected_hosts(self) -> int:
        return sum(tier.tier.hosts for tier in self.tiers)

    @property
    def in_service(self) -> int:
        return sum(tier.in_service for tier in self.tiers)

    @property
    def eb(self) -> Light:
        """The worst of its Beanstalk environments."""
        return min((tier.eb for tier in self.tiers), key=lambda light: _WORST.index(light.state))

    @property
    def tg(self) -> Light:
        seen, well = len(self.hosts), self.in_service
        if not seen:
            return Light("unknown", "not seen")
        state = "ok" if well >= self.expected_hosts else "bad" if well == 0 else "warn"
        told = f"{well} of {max(seen, self.expected_hosts)}"
        is_old = any(row.tg.known for row in self.hosts)
        return Light("unknown", f"was {told}", state) if is_old else Light(state, told)

    @property
    def edge(self) -> str:
        """The mark at the row's left edge."""
        if self.held is not None and self.held.state in (Run.State.RUNNING, Run.State.QUEUED):
            return "is-info"
        states = {self.eb.state, self.tg.state} | ({_SHOP[self.shop.state]} if self.shop else set())
        return next((f"is-{state}" for state in ("bad", "unknown", "warn") if state in states), "")


_SHOP = {"open": "ok", "closed": "bad", "broken": "bad", "silent": "unknown", "unknown": "unknown"}


def overview(
    operator: object,
    runs: Sequence[Run],
    now: datetime,
    *,
    only: Target | None = None,
    environments: Iterable[BeanstalkEnvironment] | None = None,
) -> tuple[TargetRow, ...]:
    """Three queries, two where all `environments` have been read already. `runs`: those that hold a lock and the latest, newest first.

    Of the hosts of all targets no more is read than their lists show; of the hosts of one, everything.
    """
    targets = (only,) if only else reading.current().targets
    names = [tier.beanstalk for target in targets for tier in target.tiers]
    found = Host.objects.filter(beanstalk__in=names, gone=None)
    hosts: dict[str, list[Host | Glimpse]] = {}
    for host in found if only else map(Glimpse._make, found.order_by().values_list(*Glimpse._fields)):
        hosts.setdefault(host.beanstalk, []).append(host)
    beanstalk = {row.name: row for row in (BeanstalkEnvironment.objects.filter(name__in=names) if environments is None else environments)}
    shops = {(target.service, target.environment.key) for target in targets if target.shop}
    asked = ShopAnswer.objects.filter(service__in={key[0] for key in shops}, environment__in={key[1] for key in shops})
    answers = list(asked.filter(time__gt=now - _SHOP_WINDOW).order_by("time"))
    return tuple(_target_row(target, hosts, beanstalk, answers, runs, operator, now) for target in targets)


def _target_row(
    target: Target,
    hosts: Mapping[str, Sequence[Host | Glimpse]],
    beanstalk: Mapping[str, BeanstalkEnvironment],
    answers: Iterable[ShopAnswer],
    runs: Sequence[Run],
    operator: object,
    now: datetime,
) -> TargetRow:
    key = (target.service, target.environment.key)
    mine = [run for run in runs if (run.service, run.environment) == key]
    its = [answer for answer in answers if (answer.service, answer.environment) == key]
    return TargetRow(
        target=target,
        tiers=tuple(_tier_row(tier, hosts, beanstalk, now) for tier in target.tiers),
        shop=shop_row(its, now) if target.shop else None,
        held=next((run for run in runs if run.holds_lock and run.lock_group == target.lock_group), None),
        last=next((run for run in mine if run.kind == "release"), None),
        may_plan=may(operator, "plan", target.environment.key),
    )


def _tier_row(
    tier: Tier, hosts: Mapping[str, Sequence[Host | Glimpse]], beanstalk: Mapping[str, BeanstalkEnvironment], now: datetime
) -> TierRow:
    mine = sorted(hosts.get(tier.beanstalk, ()), key=attrgetter("name"))
    rows = tuple(
        HostRow(
            host,
            aged(health_light(host.health_status), host.seen, now),
            aged(target_light(host.target_state), host.target_seen or host.seen, now),
        )
        for host in mine
    )
    seen = beanstalk.get(tier.beanstalk)
    return TierRow(tier, seen, rows, aged(health_light(seen.health_status), seen.seen, now) if seen else UNSEEN)


def aged(light: tuple[str, str], seen: datetime, now: datetime) -> Light:
    """What was seen a while ago says nothing of now."""
    state, word = light
    patience = max(_BELIEVED, timedelta(seconds=6 * settings.POLL_IDLE_SECONDS))
    if state == "unknown" or now - seen <= patience:
        return Light(state, word)
    return Light("unknown", f"was {word}", state)


def shop_row(answers: Sequence[ShopAnswer], at: datetime) -> ShopRow:
    """`answers` oldest first. A taller bar is a slower answer, up to two seconds. What was answered a while ago says nothing of `at`."""
    last = answers[-_STRIP:]
    if not last:
        return ShopRow("unknown", None, None, 0, 0, ())
    width = 100 / _STRIP
    bars = tuple(
        (
            width * (index + _STRIP - len(last)),
            width * 0.78,
            4 + 12 * min(answer.seconds / 2, 1) if answer.state == "open" else 16,
            answer.state,
        )
        for index, answer in enumerate(last)
    )
    newest = last[-1]
    state = newest.state if at - (newest.until or newest.time) <= 2 * GAP else "unknown"
    return ShopRow(state, newest.time, newest.seconds, sum(each.state != "open" for each in last), len(last), bars)
