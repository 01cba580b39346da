"""The Estate pages: everything there is by kind, and a card for each thing with what the document says of it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from deployments.actions import NotStartable
from estate.models import Resource
from estate.validators import idempotency_key
from handover import document, estate_rows, operations, renewal, rows, topology
from handover.certificates import Renewed
from handover.models import Standing
from people.permissions import Forbidden, may, require
from people.views import may_view
from remote.errors import RemoteError
from runs import actions as runs


@require_safe
@may_view
def estate(request: HttpRequest) -> HttpResponse:
    group = request.GET.get("group", estate_rows.GROUPS[0])
    group = group if group in estate_rows.GROUPS else estate_rows.GROUPS[0]
    only, words = request.GET.get("kind", "")[:40], request.GET.get("q", "")[:100]
    panels = estate_rows.panels(group, only if only in estate_rows.KINDS else "", words)
    wrong = {panel.asked.name: panel.asked for panel in panels if panel.asked is not None and panel.asked.error}
    context = {
        "groups": estate_rows.GROUPS,
        "group": group,
        "panels": panels,
        "words": words,
        "wrong": [(name.partition(":")[2], row) for name, row in wrong.items()],
    }
    return render(request, "handover/estate.html", context)


@require_safe
@may_view
def resource(request: HttpRequest, kind: str, resource: str) -> HttpResponse:
    return _resource(request, _known(kind, resource))


@require_POST
@may_view
def operate(request: HttpRequest, kind: str, resource: str, what: str) -> HttpResponseBase:
    """Plans and starts what the card shows; a refusal returns to the card."""
    known = _known(kind, resource)
    try:
        by = require(request.user, operations.KIND, operations.environment_of(known))
        run = operations.start(
            known,
            what,
            confirmation=request.POST.get("confirmation", ""),
            idempotency_key=idempotency_key(request.POST.get("idempotency_key", "")),
            by=by,
        )
    except Forbidden as refused:
        return _resource(request, known, refused=str(refused), status=403)
    except (NotStartable, runs.Refusal, ValidationError) as refused:
        words = " ".join(refused.messages) if isinstance(refused, ValidationError) else str(refused)
        return _resource(request, known, refused=words, status=409 if isinstance(refused, runs.LockHeld) else 422)
    return redirect("runs:detail", run.number)


@sensitive_post_parameters("key")  # so that it does not wait in the session for a proof of the second factor, either
@require_http_methods(["GET", "POST"])
@may_view
def renew(request: HttpRequest, resource: str) -> HttpResponseBase:
    """Checks what was handed in, and starts its import; a refusal returns to the card, without what was handed in.

    GET: whoever was sent away to show the second factor comes back here.
    """
    if request.method == "GET":
        messages.warning(request, "What you handed in was not kept while you showed that it is you: hand it in again.")
        return redirect("handover:resource", "certificate", resource)
    known = _known("certificate", resource)
    handed_in = Renewed(*(request.POST.get(name, "").encode() for name in ("certificate", "chain", "key")))
    try:
        by = require(request.user, operations.KIND, operations.environment_of(known))
        run = renewal.start(
            known,
            handed_in,
            confirmation=request.POST.get("confirmation", ""),
            idempotency_key=idempotency_key(request.POST.get("idempotency_key", "")),
            by=by,
        )
    except Forbidden as refused:
        return _resource(request, known, refused=str(refused), status=403)
    except (NotStartable, runs.Refusal, ValidationError, RemoteError) as refused:
        words = " ".join(refused.messages) if isinstance(refused, ValidationError) else str(refused)
        return _resource(request, known, refused=words, status=409 if isinstance(refused, runs.LockHeld) else 422)
    return redirect("runs:detail", run.number)


@require_safe
@may_view
def topology_page(request: HttpRequest) -> HttpResponse:
    asked = {row.name.partition(":")[2]: row for kind, row in estate_rows.asked_by_kind().items() if kind in topology.KINDS}
    context = {
        "drawing": topology.draw(),
        "oldest": min(((row.answered, name) for name, row in asked.items() if row.answered), default=None),
        "wrong": [(name, row) for name, row in asked.items() if row.error],
    }
    return render(request, "handover/topology.html", context)


@require_safe
@may_view
def topology_svg(request: HttpRequest) -> HttpResponse:
    response = render(request, "handover/_topology.html", {"drawing": topology.draw()}, content_type="image/svg+xml")
    response["Content-Disposition"] = 'attachment; filename="topology.svg"'
    return response


def _known(kind: str, key: str) -> Resource:
    found = Resource.objects.filter(kind=kind, key=key).first()
    if found is None or kind not in estate_rows.KINDS:
        raise Http404(f"There is no {kind.replace('-', ' ')[:40]} {key[:80]}.")
    return found


def _resource(request: HttpRequest, found: Resource, *, refused: str = "", status: int = 200) -> HttpResponse:
    context = {
        "resource": found,
        "kind": estate_rows.KINDS[found.kind],
        "facts": estate_rows.facts(found),
        "asked": estate_rows.asked_by_kind().get(found.kind),
        "claims": rows.rows(_claims_about(found)),
        "near": _near(found),
        "operations": [(each, operations.drawn(found, each)) for each in operations.operations_of(found)],
        "renewable": renewal.is_renewable(found),
        "may_operate": may(request.user, operations.KIND, operations.environment_of(found)),
        "refused": refused,
        "idempotency_key": str(uuid.uuid4()),
    }
    return render(request, "handover/resource.html", context, status=status)


def _claims_about(found: Resource) -> list[document.Claim]:
    """Those whose last observation names it."""
    named = {found.key, found.name}
    numbers = {row.claim for row in Standing.objects.only("claim", "evidence") if named & set(row.evidence)}
    return [claim for claim in document.claims() if claim.id in numbers]


def _near(found: Resource) -> list[tuple[Resource, str]]:
    """What belongs to it, and as what: volumes, addresses, snapshots, what the host itself says."""
    near = Q(facts__instance=found.key) | Q(facts__volume=found.key) | Q(facts__database=found.key) | Q(facts__subnet=found.key)
    if found.kind == "instance" and found.name:
        near |= Q(kind="host", name=found.name)
    rows_ = list(Resource.objects.filter(near, gone=None).exclude(kind="terraform")[:50])
    points = {volume: point for row in rows_ if row.kind == "host" for point, volume in row.facts.get("volumes", {}).items()}
    behind = {row.key: f" behind {points[row.key]}" for row in rows_ if row.kind == "volume" and row.key in points}
    return [(row, _AS.get(row.kind, row.kind.replace("-", " ")) + behind.get(row.key, "")) for row in rows_]


_AS = {"host": "what it says itself: exports, mounts, files", "elastic-ip": "Elastic IP"}
