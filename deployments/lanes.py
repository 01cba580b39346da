"""The rolling deployment, host by host: which phase each host is in and was in when. Read from what was observed, never from hope.

The spans come from Beanstalk's events, the phase of now from the host's own state; where they disagree the host's state wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from estate.models import BeanstalkEvent, Host

PHASES = ("draining", "commands", "registering")
AT_ONCE = ("replacing",)  # all that there is to see of hosts that are deployed at the same time
USUAL = {"draining": 20.0, "commands": 160.0, "registering": 145.0, "replacing": 40.0}  # seconds; the fact sheets' figures

# Beanstalk's words (aws.md 1.3). They are shown as phases; no outcome hangs on them.
_STARTS = re.compile(r"^Batch (\d+): Starting application deployment on instance\(s\) \[(.+)\]\.")
_PHASE = {
    "De-registering instance(s) from the load balancer": "draining",
    "Starting application deployment command execution": "commands",
    "Registering instance(s) with the load balancer": "registering",
}
_BATCH = re.compile(r"^Batch (\d+): (.+)$")


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    name: str
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """`phase`: waiting, one of `names`, done, failed or unknown. `eb` and `tg` are the two lights: (state, word)."""

    host: str
    instance_id: str
    ip: str
    tier: str
    version: str
    target_version: str
    phase: str
    phases: tuple[PhaseSpan, ...]
    eb: tuple[str, str]
    tg: tuple[str, str]
    maintenance: str
    said: str
    started: datetime | None = None
    ended: datetime | None = None
    expected_end: datetime | None = None
    name: str = ""
    names: tuple[str, ...] = PHASES


def spans(events: Sequence[BeanstalkEvent]) -> dict[str, list[PhaseSpan]]:
    """Phases by instance id, from the events of one environment, oldest first."""
    batches: dict[str, list[str]] = {}
    found: dict[str, list[PhaseSpan]] = {}
    for event in events:
        batch = _BATCH.match(event.message)
        if batch is None:
            continue
        starts = _STARTS.match(event.message)
        if starts:
            batches[starts[1]] = [part.strip() for part in starts[2].split(",")]
        phase = next((name for words, name in _PHASE.items() if batch[2].startswith(words)), None)
        if starts:
            phase = "draining"
        over = batch[2].startswith("Completed application deployment.")
        for instance in batches.get(batch[1], []):
            lane = found.setdefault(instance, [])
            if (phase and not (lane and lane[-1].name == phase)) or over:
                if lane and lane[-1].end is None:
                    lane[-1] = replace(lane[-1], end=event.time)
                if phase and not over:
                    lane.append(PhaseSpan(phase, event.time))
    return found


def lanes_of(
    planned: Sequence[Mapping[str, Any]],
    hosts: Mapping[str, Host],
    events: Mapping[str, Sequence[BeanstalkEvent]],
    *,
    label: str,
    over: bool,
    failed_at: datetime | None,
) -> list[Lane]:
    """`planned` are the plan's hosts, `events` by Beanstalk environment since the run began. `over`: nothing moves any more."""
    by_environment = {environment: spans(rows) for environment, rows in events.items()}
    return [
        _lane(
            entry,
            hosts.get(entry["instance_id"]),
            by_environment.get(entry["beanstalk"], {}).get(entry["instance_id"], []),
            label,
            over,
            failed_at,
        )
        for entry in planned
    ]


def at_once(lanes: Sequence[Lane], hosts: Mapping[str, Host], deployed: Mapping[str, tuple[datetime, datetime | None]]) -> list[Lane]:
    """The lanes of a plan that deploys a tier to all its hosts at the same time. `deployed`: from when to when, by the tier's key.

    Beanstalk tells of no host by its name then: what is known of each is when its tier's step began and ended, and its own state.
    """
    named = [replace(lane, names=AT_ONCE) for lane in lanes]
    return [_replaced(lane, hosts.get(lane.instance_id), *deployed.get(lane.tier, (None, None))) for lane in named]


def _replaced(lane: Lane, host: Host | None, begin: datetime | None, end: datetime | None) -> Lane:
    if host is None or begin is None or lane.phases or lane.phase == "unknown":
        return lane
    phase = _phase_at_once(host, lane.target_version, over=end is not None)
    if phase == "waiting":
        told = f"Beanstalk says of it: {host.deployment_status or 'nothing'}, {host.version or 'no version'}"
        return replace(lane, phase=phase, said=f"Not seen to be replaced. {told}")
    return replace(
        lane,
        phase=phase,
        phases=(PhaseSpan("replacing", begin, end),),
        said=_said(phase, host),
        started=begin,
        ended=end,
        expected_end=begin + timedelta(seconds=USUAL["replacing"]) if end is None else None,
    )


def _phase_at_once(host: Host, label: str, *, over: bool) -> str:
    """Of a failed host Beanstalk names the new label, too; one of another label was not touched, as where the request was refused."""
    if not over:
        return "replacing"
    return {"Failed": "failed", "Deployed": "done"}.get(host.deployment_status, "waiting") if host.version == label else "waiting"


def _lane(planned: Mapping[str, Any], host: Host | None, its: list[PhaseSpan], label: str, over: bool, failed_at: datetime | None) -> Lane:
    phase = _phase(host, its, label, over)
    if (over or phase in ("done", "failed")) and its and its[-1].end is None:
        its = [*its[:-1], replace(its[-1], end=failed_at or its[-1].start)]
    ended = its[-1].end if its and phase in ("done", "failed") else None
    return Lane(
        host=planned["name"],
        name=planned["name"],
        instance_id=planned["instance_id"],
        ip=planned["ip"],
        tier=planned["tier"],
        version=host.version if host else "",
        target_version=label,
        phase=phase,
        phases=tuple(its),
        eb=health_light(host.health_status if host else ""),
        tg=target_light(host.target_state if host else ""),
        maintenance=host.maintenance if host else "unknown",
        said=_said(phase, host),
        started=its[0].start if its else None,
        ended=ended,
        expected_end=_expected_end(its, phase),
    )


def _phase(host: Host | None, its: Sequence[PhaseSpan], label: str, over: bool) -> str:
    if host is None or host.gone:
        return "unknown"
    if host.deployment_status == "Failed" and its:
        return "failed"
    if not its:
        return "done" if host.version == label and host.deployment_status == "Deployed" and over else "waiting"
    if its[-1].end is not None:
        return "done"
    return "failed" if over and host.version != label else "done" if over else its[-1].name


def _expected_end(its: Sequence[PhaseSpan], phase: str) -> datetime | None:
    if phase not in PHASES or not its:
        return None
    left = [USUAL[name] for name in PHASES[PHASES.index(phase) :]]
    return its[-1].start + timedelta(seconds=sum(left))


_WORDS = {
    "waiting": "Waiting for its turn",
    "draining": "Draining: visitors leave it",
    "commands": "Replacing the code and running its commands",
    "registering": "Registered again, waiting for its checks",
    "replacing": "Replacing the code, on all hosts at the same time",
    "done": "Done",
    "failed": "Failed",
    "unknown": "Not seen by AWS any more",
}


def _said(phase: str, host: Host | None) -> str:
    causes = list(host.causes) if host else []
    return str(causes[0]) if causes and phase in ("registering", "failed") else _WORDS[phase]


_EB = {"Ok": "ok", "Info": "info", "Warning": "warn", "Degraded": "bad", "Severe": "bad", "Pending": "info"}
_TG = {"healthy": "ok", "initial": "info", "draining": "warn", "unhealthy": "bad", "unused": "warn", "detached": "bad"}


def health_light(word: str) -> tuple[str, str]:
    """(state, AWS's word); unknown where nothing is known. Beanstalk has the same words for a host and for an environment."""
    return (_EB.get(word, "unknown"), word or "unknown")


def target_light(word: str) -> tuple[str, str]:
    return (_TG.get(word, "unknown"), word or "unknown")
