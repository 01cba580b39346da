"""What is done beside a release, for machines: the way out of maintenance mode, following what others deploy, notes, jobs of Rundeck."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from django.http import Http404, HttpRequest
from ninja import Header, Router, Schema, Status

from deployments import adoption, by_hand, reopening, rundeck
from estate.reading import current
from estate.validators import idempotency_key
from people.permissions import require
from runs.actions import NotNow
from runs.api import RunOut, told

router = Router(tags=["releases"])
Key = Annotated[str, Header(alias="Idempotency-Key")]


class ReopenIn(Schema):
    """`accepted`, with a reason: where a refusal has named what could happen, and it is right all the same."""

    reason: str = ""
    accepted: bool = False


class FollowIn(Schema):
    """`beanstalk`: the environment to which somebody deploys elsewhere."""

    beanstalk: str


class HandNoteIn(Schema):
    """`at` with its zone; now where it is not given."""

    what: str
    why: str
    at: datetime | None = None


class HandNoteOut(Schema):
    id: int
    what: str
    why: str
    at: datetime
    by: str


class JobIn(Schema):
    """`confirmation`: the environment's name, where it asks for that."""

    arguments: str = ""
    confirmation: str = ""
    reason: str = ""


@router.post("/services/{service}/{environment}/reopening", response={201: RunOut})
def reopen(request: HttpRequest, service: str, environment: str, wanted: ReopenIn, key: Key = "") -> Status[dict[str, Any]]:
    """Takes the hosts that say so out of maintenance mode."""
    target = current().target(service, environment)
    by = require(request.user, reopening.KIND, target.environment.key)
    run = reopening.take_out(target, idempotency_key=_named(key), reason=wanted.reason[:2000], accepted=wanted.accepted, by=by)
    return Status(201, told(request, run))


@router.post("/services/{service}/{environment}/following", response={201: RunOut})
def follow(request: HttpRequest, service: str, environment: str, wanted: FollowIn, key: Key = "") -> Status[dict[str, Any]]:
    """Somebody else's deployment becomes a run here; nothing is started by it."""
    target = current().target(service, environment)
    by = require(request.user, adoption.KIND, target.environment.key)
    return Status(201, told(request, adoption.follow(target, wanted.beanstalk, idempotency_key=_named(key), by=by)))


@router.post("/by-hand/{thing}/notes", response={201: HandNoteOut})
def note(request: HttpRequest, thing: str, wanted: HandNoteIn) -> Status[dict[str, Any]]:
    """What was changed by hand on what nobody deploys to."""
    try:
        its = by_hand.named(thing)
    except by_hand.NoSuchThing as none:
        raise Http404(str(none)) from none
    by = require(request.user, "note", its.environment.key)
    if wanted.at is not None and wanted.at.tzinfo is None:
        raise NotNow("`at` has no zone: write it as 2026-12-01T05:30:00+01:00.")
    made = by_hand.note_change(its, what=wanted.what, why=wanted.why, at=wanted.at, by=by)
    return Status(201, {"id": made.pk, "what": made.what, "why": made.why, "at": made.at, "by": str(made.by)})


@router.post("/rundeck-jobs/{job}/runs", response={201: RunOut})
def run_job(request: HttpRequest, job: str, wanted: JobIn, key: Key = "") -> Status[dict[str, Any]]:
    """A job that still lives in Rundeck."""
    by = require(request.user, rundeck.KIND, rundeck.rundeck().environment.key)
    words = {"arguments": wanted.arguments, "confirmation": wanted.confirmation, "reason": wanted.reason.strip()[:500]}
    return Status(201, told(request, rundeck.run_job(job, idempotency_key=_named(key), by=by, **words)))


def _named(key: str) -> str:
    return idempotency_key(key) if key else uuid.uuid4().hex
