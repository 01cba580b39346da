"""Draining the console, for machines: the same switch as on its page, with the same permission and the same audit rows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from people.permissions import require
from runs import draining

router = Router(tags=["console"])


class DrainIn(Schema):
    """`everything`: what is under way is handed over and stands still, too; else only nothing new begins."""

    reason: Annotated[str, Field(max_length=200)]
    everything: bool = False


class DrainOut(Schema):
    """`runs` are the numbers of those that begin, or go on, when it is lifted. Where it is off there is nothing else to say."""

    on: bool
    since: datetime | None
    by: str
    reason: str
    everything: bool
    runs: list[int]


class Lifted(Schema):
    """`runs` are the numbers of those that were rung for."""

    runs: list[int]


@router.get("/drain", response=DrainOut)
def show(request: HttpRequest) -> dict[str, Any]:
    require(request.user, "view")
    return _told()


@router.post("/drain", response={201: DrainOut})
def drain(request: HttpRequest, wanted: DrainIn) -> Status[dict[str, Any]]:
    """It stays until somebody lifts it; a second one is refused with 409."""
    draining.drain(wanted.reason, everything=wanted.everything, by=require(request.user, "drain"))
    return Status(201, _told())


@router.delete("/drain", response=Lifted)
def lift(request: HttpRequest) -> dict[str, Any]:
    return {"runs": draining.lift(by=require(request.user, "drain"))}


def _told() -> dict[str, Any]:
    on = draining.drained()
    if on is None:
        return {"on": False, "since": None, "by": "", "reason": "", "everything": False, "runs": []}
    numbers = list(draining.held().values_list("number", flat=True))
    return {"on": True, "since": on.since, "by": str(on.by), "reason": on.reason, "everything": on.everything, "runs": numbers}
