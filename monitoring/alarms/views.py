"""The alarms, one alarm, and what a person can do about it; and the door for SNS. Views parse, permit, call one action or query, render."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.http.request import RawPostDataException
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from estate.validators import idempotency_key
from monitoring.alarms import actions, board, chart, history, plans
from monitoring.alarms import sns as messages_of_sns
from monitoring.alarms.models import Alarm, Transition
from people.permissions import Forbidden, may, require
from people.views import may_view
from remote.errors import RemoteError
from runs.actions import Refusal
from runs.models import Plan
from runs.numbers import whole

MUTES = (15, 60, 240, 1440)  # minutes that are offered


@require_safe
@may_view
def listed(request: HttpRequest) -> HttpResponse:
    """The page, and the same fragment again for its live update."""
    return _page(request, "alarms", {"board": board.board(), "mutes": MUTES} | _rights(request))


@require_safe
@may_view
def detail(request: HttpRequest, name: str) -> HttpResponse:
    now = timezone.now()
    shown = board.board(now)
    row = next((each for each in shown.rows if each.name == name), None)
    if row is None and not Transition.objects.filter(alarm=name).exists():
        raise Http404(f"There is no alarm {name}, and there never was.")
    try:
        page = history.page(name, cursor=request.GET.get("cursor", ""), actions=False)
    except history.BadCursor as error:
        raise Http404(str(error)) from error
    last = Transition.objects.filter(alarm=name, kind=Transition.Kind.STATE).order_by("-at", "-id").first()
    drawn = chart.chart(row.live, last, now) if row is not None and row.live is not None else None
    context = {"board": shown, "row": row, "name": name, "page": page, "chart": drawn, "mutes": MUTES, "at": now}
    return _page(request, "alarm", context | _rights(request))


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    template = f"monitoring/_{name}.html" if request.headers.get("HX-Request") else f"monitoring/{name}.html"
    response = render(request, template, context)
    response["Vary"] = "HX-Request, Cookie"
    return response


def _rights(request: HttpRequest) -> dict[str, Any]:
    return {
        f"may_{what}": may(request.user, right, planning=right != "acknowledge")
        for what, right in (("acknowledge", "acknowledge"), ("mute", plans.MUTE), ("change", plans.CHANGE))
    }


@require_POST
@may_view
def acknowledge(request: HttpRequest, name: str) -> HttpResponseBase:
    def do() -> HttpResponseBase:
        actions.acknowledge(name, note=request.POST.get("note", ""), by=request.user)  # type: ignore[arg-type]  # `require` refuses others
        messages.success(request, f"{name} is acknowledged.")
        return redirect("alarms:detail", name)

    return _said(request, do, reverse("alarms:detail", args=(name,)))


@require_POST
@may_view
def apply(request: HttpRequest, name: str) -> HttpResponseBase:
    return _planned(request, lambda: actions.plan_apply(name, by=request.user), reverse("alarms:detail", args=(name,)))  # type: ignore[arg-type]


@require_POST
@may_view
def mute(request: HttpRequest) -> HttpResponseBase:
    names, why = request.POST.getlist("alarm"), request.POST.get("why", "")
    minutes = whole(request.POST.get("minutes", "")) or 0
    is_known = len(names) == 1 and Alarm.objects.filter(name=names[0]).exists()
    back = reverse("alarms:detail", args=(names[0],)) if is_known else reverse("alarms:list")
    return _planned(request, lambda: actions.plan_mute(names, minutes=minutes, why=why, by=request.user), back)  # type: ignore[arg-type]


@require_POST
@may_view
def unmute(request: HttpRequest) -> HttpResponseBase:
    rule = request.POST.get("rule", "")
    return _planned(request, lambda: actions.plan_unmute(rule, by=request.user), reverse("alarms:list"))  # type: ignore[arg-type]


@require_POST
@may_view
def subscribe(request: HttpRequest) -> HttpResponseBase:
    topic = request.POST.get("topic", "")
    return _planned(request, lambda: actions.plan_subscribe(topic, by=request.user), reverse("alarms:list"))  # type: ignore[arg-type]


@require_safe
@may_view
def plan(request: HttpRequest, pk: UUID) -> HttpResponse:
    made = _plan(pk)
    context = {"plan": made, "facts": made.document["facts"], "acts": [act for step in made.document["steps"] for act in step["acts"]]}
    context |= {"allowed": may(request.user, made.kind, made.environment), "key": uuid.uuid4(), "runs": made.runs.all()}
    return render(request, "monitoring/alarm_plan.html", context)


@require_POST
@may_view
def start(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    made = get_object_or_404(Plan, pk=pk)

    def do() -> HttpResponseBase:
        require(request.user, made.kind, made.environment)
        if made.lock_group != plans.GROUP:
            raise actions.NotPossible("That plan is not about alarms: start it where it was made.")
        try:
            key = idempotency_key(request.POST.get("key", ""))
        except ValidationError as error:
            raise actions.NotPossible("; ".join(error.messages)) from error
        run = actions.start(made, hash=request.POST.get("hash", ""), idempotency_key=key, by=request.user)  # type: ignore[arg-type]
        return redirect("runs:detail", run.number)

    return _said(request, do, reverse("alarms:plan", args=(pk,)))


@login_not_required
@csrf_exempt
@require_POST
def sns(request: HttpRequest) -> HttpResponse:
    """Nobody is signed in here: the message's own signature says who sent it."""
    try:
        length = whole(request.headers.get("Content-Length", "0")) or 0
        if length > messages_of_sns.LARGEST:
            return HttpResponse("Too large.\n", status=413, content_type="text/plain")
        return HttpResponse(messages_of_sns.receive(request.body) + "\n", content_type="text/plain")
    except (RawPostDataException, RequestDataTooBig):
        return HttpResponse("A message of SNS is JSON, and no form.\n", status=400, content_type="text/plain")
    except messages_of_sns.NotBelieved as refused:
        return HttpResponse(f"Refused: {refused}.\n", status=403, content_type="text/plain")
    except RemoteError as error:
        return HttpResponse(f"{error}\n", status=503, content_type="text/plain")


def _plan(id_: UUID) -> Plan:
    return get_object_or_404(Plan.objects.select_related("made_by"), pk=id_, lock_group=plans.GROUP)


def _planned(request: HttpRequest, draw: Callable[[], Plan], back: str) -> HttpResponseBase:
    return _said(request, lambda: redirect("alarms:plan", draw().pk), back)


def _said(request: HttpRequest, do: Callable[[], HttpResponseBase], back: str) -> HttpResponseBase:
    """A refusal goes back to where it was asked, in words."""
    try:
        return do()
    except (Refusal, Forbidden) as refused:
        messages.error(request, str(refused))
    except RemoteError as error:
        messages.error(request, error.told)
    return redirect(back)
