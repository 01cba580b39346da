"""The hand-over pages: every claim, one claim, what a person says of it, and the corrected document."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from handover import actions, document, estate_rows, export, rows
from handover.document import Claim
from people.models import Operator
from people.permissions import Forbidden, may, require
from people.views import may_view

SHOWN = 100  # claims on a page, unless all are asked for


@require_safe
@may_view
def claims(request: HttpRequest) -> HttpResponse:
    asked = {"verdict": request.GET.get("verdict", "")[:30], "q": request.GET.get("q", "")[:100]}
    every = rows.rows()
    counted = rows.counts(every)
    found = rows.fitting(every, verdict=asked["verdict"], words=asked["q"])
    shown = found if request.GET.get("all") else found[:SHOWN]
    context = {
        "rows": shown,
        "found": len(found),
        "total": len(every),
        "checked": sum(1 for row in every if row.claim.check),
        "person": counted["differs"] + counted["open question"],
        "counts": counted,
        "bars": rows.bars(counted),
        "asked": asked,
    }
    return render(request, "handover/claims.html", context)


@require_safe
@may_view
def claim(request: HttpRequest, claim: int) -> HttpResponse:
    return _claim(request, _known(claim))


@require_POST
@may_view
def say(request: HttpRequest, claim: int, what: str) -> HttpResponseBase:
    """Answers, accepts or takes back; a refusal returns to the form as it was filled in."""
    known = _known(claim)
    text = request.POST.get("text", "")
    try:
        by = require(request.user, "claims")
        _do(known, what, text, request.POST.get("until", ""), by)
    except Forbidden as refused:
        return _claim(request, known, refused=str(refused), text=text, status=403)
    except actions.NotSaid as refused:
        return _claim(request, known, refused=str(refused), text=text, status=422)
    messages.success(request, f"Line {known.line}: kept, with your name.")
    return redirect("handover:claim", claim)


def _do(claim: Claim, what: str, text: str, until: str, by: Operator) -> None:
    match what:
        case "answer":
            actions.answer(claim, text, by=by)
        case "accept":
            actions.accept(claim, text, _day(until), by=by)
        case "withdraw":
            actions.withdraw(claim, text, by=by)
        case _:
            raise Http404(f"There is no “{what[:20]}”: answer, accept or withdraw.")


@require_safe
@may_view
def document_page(request: HttpRequest) -> HttpResponse:
    found = rows.rows()
    return render(
        request,
        "handover/document.html",
        {"sections": export.sections(found), "runbook": export.runbook(), "runbook_about": export.RUNBOOK, "claims": len(found)},
    )


@require_safe
@may_view
def document_markdown(request: HttpRequest) -> HttpResponse:
    text = export.markdown(rows.rows(), timezone.now())
    return HttpResponse(
        text, content_type="text/markdown; charset=utf-8", headers={"Content-Disposition": 'attachment; filename="hand-over.md"'}
    )


def _claim(request: HttpRequest, known: Claim, *, refused: str = "", text: str = "", status: int = 200) -> HttpResponse:
    row = rows.rows([known])[0]
    context: dict[str, Any] = {
        "row": row,
        "claim": known,
        "history": rows.history(known),
        "evidence": estate_rows.of_evidence(row.evidence),
        "may_say": may(request.user, "claims"),
        "refused": refused,
        "text": text,
        "told": [(key.replace("_", " "), estate_rows.said(value, most=20)) for key, value in known.told.items()],
    }
    return render(request, "handover/claim.html", context, status=status)


def _known(number: int) -> Claim:
    found = document.claim(number)
    if found is None:
        raise Http404(f"There is no claim {number}.")
    return found


def _day(text: str) -> date | None:
    """Raises NotSaid."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise actions.NotSaid(f"“{text[:20]}” is no day: write it as 2027-03-31, or leave it empty.") from None
