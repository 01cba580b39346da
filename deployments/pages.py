"""What the pages about services and plans show, as values. A plan's page reads the stored plan alone: what is shown is what is run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from deployments import actions, live, operations, rollback, schema, sources, standing
from deployments.gates import Gate
from deployments.overview import TargetRow, overview
from estate import answers
from estate.definition import Target
from estate.models import BeanstalkEvent
from people.permissions import Decision, may
from remote.errors import RemoteError
from runs.models import Plan, Run

SHOWN_RUNS = 10
SHOWN_EVENTS = 30
SHOWN_EARLIER = 10


@dataclass(frozen=True, slots=True)
class ServicePage:
    row: TargetRow
    runs: tuple[Run, ...]
    events: tuple[BeanstalkEvent, ...]


def service_page(target: Target, operator: object, now: datetime) -> ServicePage:
    """Six queries."""
    mine = Run.objects.filter(service=target.service, environment=target.environment.key).select_related("requested_by")
    runs = list(mine[:SHOWN_RUNS])
    held = Run.objects.filter(lock_group=target.lock_group, holds_lock=True).select_related("requested_by").first()
    known = runs if held is None or held in runs else [held, *runs]
    (row,) = overview(operator, known, now, only=target)
    names = [tier.beanstalk for tier in target.tiers]
    events = BeanstalkEvent.objects.filter(environment__in=names).order_by("-time", "-id")[:SHOWN_EVENTS]
    return ServicePage(row, tuple(runs), tuple(events))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Commits that are in the branches and not live. `problem` where the repositories could not be asked."""

    groups: tuple[Mapping[str, Any], ...]
    problem: str = ""

    @property
    def any(self) -> bool:
        return any(group["commits"] for group in self.groups)


def waiting(target: Target) -> Waiting:
    """Asks both repositories, so a page loads it on its own."""
    label = live.live_label(target)
    try:
        code, heads = sources.fetched(target.code.repository, target.code.branches[0])
        head = heads[target.code.branches[0]]
        old = live.live_commit(target, label, code, head)
        groups = [sources.changes(code, branch=target.code.branches[0], old=old, new=head)]
        branch = answers.configuration_branch(target)
        configuration, heads = sources.fetched(target.configuration.repository, branch)
        was = live.live_configuration(target, label)
        if was:
            groups.append(sources.changes(configuration, branch=branch, old=was, new=heads[branch]))
    except RemoteError as error:
        return Waiting((), error.told)
    return Waiting(tuple(groups))


@dataclass(frozen=True, slots=True)
class EarlierRow:
    earlier: rollback.Earlier
    verdict: schema.Verdict
    live: bool


def earlier(target: Target) -> list[EarlierRow]:
    """What could be deployed again, newest first, each with what the database says to it. Asks the hosts, Beanstalk and the repository.

    Raises RemoteError.
    """
    standings, now = standing.look(target), live.live_label(target)
    found = rollback.earlier_of(target)[:SHOWN_EARLIER]
    return [EarlierRow(each, schema.verdict(target, each.commit, each.label, standings), each.label == now) for each in found]


@dataclass(frozen=True, slots=True)
class ShownCommand:
    """One command, and all that it is run on: the same argv on five hosts is read once."""

    line: str
    words: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownStep:
    key: str
    title: str
    note: str
    where: str
    seconds: float
    parallel: bool
    commands: tuple[ShownCommand, ...]
    checks: tuple[str, ...]


def steps(document: Mapping[str, Any]) -> tuple[ShownStep, ...]:
    return tuple(
        ShownStep(
            step["key"],
            step["title"],
            step["note"],
            step["where"],
            step["seconds"],
            step["parallel"],
            tuple(_commands(step["acts"])),
            tuple(act["words"] for act in step["acts"] if not act["argv"] and act["words"]),
        )
        for step in document["steps"]
    )


def _commands(acts: Sequence[Mapping[str, Any]]) -> Iterator[ShownCommand]:
    on: dict[tuple[str, str], list[str]] = {}
    for act in acts:
        if act["argv"]:
            on.setdefault((shlex.join(act["argv"]), act["words"]), []).append(act["target"])
    for (line, words), targets in on.items():
        yield ShownCommand(line, words, tuple(targets))


def sides(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The two repositories, the configuration with the heads of the branches that were not chosen."""
    return [facts["magento"], {**facts["configuration"], "other": facts["choice"].get("other", {})}]


@dataclass(frozen=True, slots=True)
class Start:
    """What stands beside the button: the gates, and in `blocked` what has to be done before it can be pressed: (state, words)."""

    gates: tuple[Gate, ...]
    blocked: tuple[tuple[str, str], ...]

    @property
    def passed(self) -> int:
        return sum(gate.state == "ok" for gate in self.gates)


def start(plan: Plan, operator: object, *, ask: bool) -> Start:
    """`ask`: of the world, which takes seconds; else the page says that it is being asked."""
    allowed: Decision = may(operator, plan.kind, plan.environment)
    refused = () if allowed else (("wait", allowed.why),)
    if not ask:
        return Start((), (*refused, ("wait", "Wait for the gates: they are being asked.")))
    gates = tuple(gates_of(plan))
    words = {"bad": "Mend the gate “{}”: {}.", "unknown": "Find out about “{}”: {}."}
    closed = tuple((gate.state, words[gate.state].format(gate.title, gate.said.rstrip("."))) for gate in gates if gate.closes)
    return Start(gates, (*refused, *closed))


def gates_of(plan: Plan) -> list[Gate]:
    """Whatever the plan's kind; asked of the world now."""
    return operations.gates_of(plan) if plan.kind == operations.KIND else actions.gates_of(plan)


def ends(facts: Mapping[str, Any], now: datetime) -> datetime:
    return now + timedelta(seconds=float(facts["estimate"]["seconds"]))
