"""Plans and releases for machines: the same actions as the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status

from deployments import actions, operations, pages, rollback
from deployments.models import Release
from estate.reading import current
from people.permissions import require
from runs.models import Plan, Run

router = Router(tags=["releases"])


class PlanIn(Schema):
    """`strategy`: "as-written" is the only one. Branches default to the estate's first; `release` deploys an earlier one again."""

    service: str
    environment: str
    strategy: str = "as-written"
    code_branch: str = ""
    configuration_branch: str = ""
    close_back_office: bool = False
    release: int | None = None
    relaunch_of: int | None = None


class OperationIn(Schema):
    """`operation` such as "flush-caches"; `option` is its one tick, where it has one."""

    service: str
    environment: str
    operation: str
    option: bool = False


class PlanOut(Schema):
    id: UUID
    kind: str
    title: str
    service: str
    environment: str
    hash: str
    made: datetime
    facts: dict[str, Any]
    steps: list[dict[str, Any]]
    gates: list[dict[str, Any]]


class ReleaseOut(Schema):
    number: int
    label: str
    service: str
    magento_commit: str
    configuration_commit: str
    configuration_branch: str
    bucket: str
    key: str
    sha256: str
    bytes: int
    files: int
    created: datetime


class ReleasePage(Schema):
    items: list[ReleaseOut]
    next: str | None


@router.post("/plans", response={201: PlanOut})
def make_plan(request: HttpRequest, wanted: PlanIn) -> Status[dict[str, Any]]:
    if wanted.strategy != "as-written":
        raise actions.NotPlannable(f"There is no strategy “{wanted.strategy}”; there is: as-written.")
    target = current().target(wanted.service, wanted.environment)
    by = require(request.user, "plan", target.environment.key)
    choice = actions.Choice(wanted.code_branch, wanted.configuration_branch, wanted.close_back_office, wanted.release)
    relaunched = None
    if wanted.relaunch_of is not None:
        mine = Run.objects.filter(service=target.service, environment=target.environment.key, kind="release")
        relaunched = mine.filter(number=wanted.relaunch_of).first() if 0 < wanted.relaunch_of < 2**62 else None
        if relaunched is None:
            raise actions.NotPlannable(f"There is no run {wanted.relaunch_of} of {target.name}.")
    make = actions.plan_release if choice.release is None else rollback.plan_again
    return Status(201, _plan(make(target, choice, relaunch_of=relaunched, by=by)))


@router.post("/operations", response={201: PlanOut})
def plan_operation(request: HttpRequest, wanted: OperationIn) -> Status[dict[str, Any]]:
    """A plan; started as a release is, by POST /runs."""
    target = current().target(wanted.service, wanted.environment)
    by = require(request.user, operations.KIND, target.environment.key)
    return Status(201, _plan(operations.plan_operation(target, wanted.operation, option=wanted.option, by=by)))


@router.get("/plans/{plan_id}", response=PlanOut)
def show_plan(request: HttpRequest, plan_id: UUID) -> dict[str, Any]:
    require(request.user, "view")
    return _plan(Plan.objects.get(pk=plan_id, kind="release"))


@router.get("/releases", response=ReleasePage)
def list_releases(request: HttpRequest, cursor: int | None = None, limit: int = 50) -> dict[str, Any]:
    """Newest first; `next` is the cursor of the next page."""
    require(request.user, "view")
    limit = max(1, min(limit, 200))
    releases = Release.objects.order_by("-pk")
    if cursor is not None:
        releases = releases.filter(pk__lt=cursor)
    found = list(releases[: limit + 1])
    return {"items": found[:limit], "next": str(found[limit - 1].pk) if len(found) > limit else None}


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "id": plan.pk,
        "kind": plan.kind,
        "title": plan.title,
        "service": plan.service,
        "environment": plan.environment,
        "hash": plan.hash,
        "made": plan.made,
        "facts": plan.document["facts"],
        "steps": plan.document["steps"],
        "gates": [gate.to_json() for gate in pages.gates_of(plan)],
    }
