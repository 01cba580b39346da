"""Claims for machines: what the document says, what was observed, and whether they agree."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest
from ninja import Header, Query, Router, Schema, Status

from estate.models import Resource
from estate.validators import idempotency_key
from handover import actions, document, operations, rows
from handover.rows import Row
from people.permissions import require
from runs.api import RunOut, told

router = Router(tags=["handover"])
Limit = Annotated[int, Query(ge=1, le=500)]


class ClaimOut(Schema):
    """`check` is the name of the check, empty where nothing checks it; `checked_at` is the age of the oldest answer that it rests on."""

    id: int
    line: str
    section: str
    sentence: str
    verdict: str
    check: str
    observation: str
    evidence: list[str]
    checked_at: datetime | None
    since: datetime | None
    question: str
    answer: str | None
    corrected: str


class ClaimPage(Schema):
    items: list[ClaimOut]
    next: str | None


@router.get("/claims", response=ClaimPage)
def list_claims(request: HttpRequest, cursor: str = "", limit: Limit = 100, verdict: str = "") -> dict[str, Any]:
    """In the order of the document's rows."""
    require(request.user, "view")
    after = int(cursor) if cursor.isdigit() and len(cursor) < 10 else 0
    found = [row for row in rows.fitting(rows.rows(), verdict=verdict) if row.claim.id > after]
    page = found[:limit]
    return {"items": [_out(row) for row in page], "next": str(page[-1].claim.id) if len(found) > limit else None}


@router.get("/claims/{int:claim}", response=ClaimOut)
def show_claim(request: HttpRequest, claim: int) -> dict[str, Any]:
    require(request.user, "view")
    known = document.claim(claim)
    if known is None:
        raise Http404(f"There is no claim {claim}. GET /api/v1/claims lists them.")
    return _out(rows.rows([known])[0])


class SayIn(Schema):
    """`what`: answer its question, accept it as it is (until a day, where one is given), or withdraw that."""

    what: Literal["answer", "accept", "withdraw"]
    text: str
    until: date | None = None


@router.post("/claims/{int:claim}/statements", response={201: ClaimOut})
def say(request: HttpRequest, claim: int, said: SayIn) -> Status[dict[str, Any]]:
    by = require(request.user, "claims")
    known = document.claim(claim)
    if known is None:
        raise Http404(f"There is no claim {claim}. GET /api/v1/claims lists them.")
    match said.what:
        case "answer":
            actions.answer(known, said.text, by=by)
        case "accept":
            actions.accept(known, said.text, said.until, by=by)
        case "withdraw":
            actions.withdraw(known, said.text, by=by)
    return Status(201, _out(rows.rows([known])[0]))


class ResourceOperationIn(Schema):
    """`operation` as the resource's card has it, such as snapshot. `confirmation`: the resource's name."""

    kind: str
    resource: str
    operation: str
    confirmation: str


@router.post("/resource-operations", response={201: RunOut})
def operate(
    request: HttpRequest, wanted: ResourceOperationIn, key: Annotated[str, Header(alias="Idempotency-Key")] = ""
) -> Status[dict[str, Any]]:
    """Plans and starts what the card shows."""
    known = Resource.objects.get(kind=wanted.kind, key=wanted.resource)
    by = require(request.user, operations.KIND, operations.environment_of(known))
    named = idempotency_key(key) if key else uuid.uuid4().hex
    run = operations.start(known, wanted.operation, confirmation=wanted.confirmation, idempotency_key=named, by=by)
    return Status(201, told(request, run))


def _out(row: Row) -> dict[str, Any]:
    claim = row.claim
    return {
        "id": claim.id,
        "line": claim.line,
        "section": claim.section,
        "sentence": claim.sentence,
        "verdict": row.verdict.value,
        "check": claim.check,
        "observation": row.observation,
        "evidence": list(row.evidence),
        "checked_at": row.checked,
        "since": row.since,
        "question": claim.question,
        "answer": row.answer.text if row.answer else None,
        "corrected": claim.corrected,
    }
