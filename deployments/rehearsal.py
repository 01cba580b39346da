"""Has this release been rehearsed: did the same commits run in another environment, when, how long, and what was different there?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from estate.definition import Target
from estate.reading import current
from runs.models import Plan, Run


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The newest run of the same code elsewhere. `same`: the configuration's commit was the same, too."""

    run: Run
    environment: str
    ended: datetime | None
    seconds: float | None
    same: bool
    differs: tuple[str, ...]


def places_for(target: Target) -> list[str]:
    """The environments in which this service could be rehearsed before this one."""
    service = current().services[target.service]
    return [key for key, each in service.targets.items() if key != target.environment.key and not each.environment.confirm]


def rehearsal_of(plan: Plan) -> Rehearsal | None:
    """None where these commits have not run anywhere else. A run that did not succeed is shown as what it was."""
    facts = plan.document["facts"]
    elsewhere = Run.objects.filter(kind="release", service=plan.service, plan__document__facts__magento__to=facts["magento"]["to"])
    runs = elsewhere.exclude(environment=plan.environment).exclude(ended=None).select_related("plan").order_by("-number")
    found = next((run for run in runs if run.state == Run.State.SUCCEEDED), None) or runs.first()
    if found is None:
        return None
    there = found.plan.document
    took = (found.ended - found.started).total_seconds() if found.ended and found.started else None
    same = there["facts"]["configuration"]["to"] == facts["configuration"]["to"]
    return Rehearsal(found, found.environment, found.ended, took, same, tuple(_differences(there, plan.document)))


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    before, now = there["facts"], here["facts"]
    old, new = before["configuration"], now["configuration"]
    if old["to"] != new["to"]:
        yield f"Configuration: {old['branch']} {old['to'][:7]} there, {new['branch']} {new['to'][:7]} here"
    if len(before["hosts"]) != len(now["hosts"]):
        yield f"Hosts: {len(before['hosts'])} there, {len(now['hosts'])} here"
    ours, theirs = ([step["title"] for step in document["steps"]] for document in (here, there))
    yield from (f"Only here: {title}" for title in ours if title not in theirs)
    yield from (f"Only there: {title}" for title in theirs if title not in ours)
    edited, were = ({edit["path"] for edit in facts["edits"]} for facts in (now, before))
    if edited != were:
        yield f"Edited files: {', '.join(sorted(were)) or 'none'} there, {', '.join(sorted(edited)) or 'none'} here"
