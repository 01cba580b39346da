"""Taking over by hand: the plan, or what a run has left of it, to download as a shell script."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from deployments.script import MOVING, script_of
from people import audit
from people.permissions import require
from people.views import may_view
from runs.models import Effect, Plan, Run


@require_safe
@may_view
def plan_script(request: HttpRequest, pk: UUID) -> HttpResponse:
    plan = get_object_or_404(Plan, pk=pk)
    audit.record("download script", by=require(request.user, "view"), target=plan.title, facts={"plan": str(plan.pk)})
    return _download(script_of(plan.document, origin=f"plan {plan.hash[:7]}"), f"plan-{plan.hash[:7]}.sh")


@require_safe
@may_view
def rest_script(request: HttpRequest, number: int) -> HttpResponse:
    """What is proven done is left out, as far as the database knows at this moment."""
    run = get_object_or_404(Run.objects.select_related("plan"), pk=number)
    states = dict(run.steps.values_list("key", "state"))
    done = set(Effect.objects.filter(run=run, state__in=Effect.FINISHED).values_list("act", flat=True))
    origin = f"run {run.number}, which is {run.state}"
    text = script_of(run.plan.document, states=states, done=done, origin=origin, moves=run.state in MOVING)
    audit.record("download script", by=require(request.user, "view"), target=f"what is left of run {run.number}", run=run.number)
    return _download(text, f"run-{run.number}-rest.sh")


def _download(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/x-shellscript; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
