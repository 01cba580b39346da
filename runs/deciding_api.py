"""What a person decides about a run, for machines: the same actions as the buttons on its page, with the same permissions.

Each answers with the run as it is now. None starts anything twice: what fits the run's state no more is refused with 409.
"""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema

from people.permissions import require
from runs import actions
from runs.api import RunOut, told
from runs.models import Run, Step

router = Router(tags=["runs"])


class CancelIn(Schema):
    """`strength`: finish the step that is under way, abort now, or only stop watching what goes on."""

    strength: Literal["after_step", "abort", "stop_watching"]


class ReasonIn(Schema):
    reason: str


class EvidenceIn(Schema):
    """The command that shows it, and what it answered."""

    evidence: str


@router.post("/runs/{int:number}/cancel", response=RunOut)
def cancel(request: HttpRequest, number: int, wanted: CancelIn) -> dict[str, Any]:
    run = _run(number)
    by = require(request.user, "abort", run.environment)
    return told(request, actions.cancel_run(run, Run.Cancel(wanted.strength), by=by))


@router.post("/runs/{int:number}/adopt", response=RunOut)
def adopt(request: HttpRequest, number: int) -> dict[str, Any]:
    """Asks the world again, and takes over what it says."""
    run = _run(number)
    return told(request, actions.adopt(run, by=require(request.user, "settle", run.environment)))


@router.post("/runs/{int:number}/resume", response=RunOut)
def resume(request: HttpRequest, number: int) -> dict[str, Any]:
    """From the step that failed; the world is asked first."""
    run = _run(number)
    return told(request, actions.resume(run, by=require(request.user, "settle", run.environment)))


@router.post("/runs/{int:number}/give-up", response=RunOut)
def give_up(request: HttpRequest, number: int, why: ReasonIn) -> dict[str, Any]:
    """The run goes on holding its lock."""
    run = _run(number)
    return told(request, actions.give_up(run, why.reason, by=require(request.user, "settle", run.environment)))


@router.post("/runs/{int:number}/release-lock", response=RunOut)
def release_lock(request: HttpRequest, number: int, why: ReasonIn) -> dict[str, Any]:
    run = _run(number)
    return told(request, actions.release_lock(run, why.reason, by=require(request.user, "settle", run.environment)))


@router.post("/runs/{int:number}/steps/{int:position}/by-hand", response=RunOut)
def by_hand(request: HttpRequest, number: int, position: int, shown: EvidenceIn) -> dict[str, Any]:
    run = _run(number)
    by = require(request.user, "settle", run.environment)
    step = Step.objects.select_related("run").get(run=run, position=min(position, 2**31 - 1))
    return told(request, actions.mark_done_by_hand(step, shown.evidence, by=by))


def _run(number: int) -> Run:
    return Run.objects.select_related("requested_by").get(number=min(number, 2**62))
