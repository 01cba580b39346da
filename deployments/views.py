"""Services, plans and the one button. Views parse, permit, call one action or query, and render; what is refused is said on the page."""

from __future__ import annotations

import uuid
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from deployments import actions, adoption, bookings, consent, operations, pack, pages, rehearsal, rollback, standing
from deployments.models import Evidence
from deployments.overview import overview
from deployments.targets import target_or_404
from estate import answers, freezes
from estate.definition import Environment, Target, UnknownTarget
from estate.reading import current
from estate.validators import idempotency_key
from people import audit
from people.permissions import Forbidden, may, require
from people.views import may_view
from remote.aws import beanstalk
from remote.errors import RemoteError
from remote.http import fetch
from runs import ansi
from runs.actions import Refusal
from runs.models import Plan, Run
from runs.numbers import whole

_BUNDLE_SECONDS, _BUNDLE_BYTES = 30.0, 200 * 1024 * 1024
RECENT = 100  # runs that are looked through for each service's last release


@require_safe
@may_view
def services(request: HttpRequest) -> HttpResponse:
    found = Run.objects.select_related("requested_by")
    runs = list({run.number: run for run in (*found.filter(holds_lock=True), *found[:RECENT])}.values())
    rows = overview(request.user, runs, timezone.now())
    groups = [
        {"environment": environment, "rows": mine}
        for environment in current().environments.values()
        if (mine := [row for row in rows if row.target.environment == environment])
    ]
    return render(request, "deployments/services.html", {"groups": groups, "by_hand": list(current().by_hand.values())})


@require_safe
@may_view
def service(request: HttpRequest, service: str, environment: str) -> HttpResponse:
    return _service(request, target_or_404(service, environment))


@require_safe
@may_view
def waiting(request: HttpRequest, service: str, environment: str) -> HttpResponse:
    found = pages.waiting(target_or_404(service, environment))
    return render(request, "deployments/_waiting.html", {"groups": found.groups, "any": found.any, "problem": found.problem})


@require_safe
@may_view
def earlier(request: HttpRequest, service: str, environment: str) -> HttpResponse:
    """What could be deployed again, and what the database says to it: a fragment, for everybody is asked."""
    target = target_or_404(service, environment)
    context = {"target": target, "environment": target.environment, "may_plan": may(request.user, "plan", target.environment.key)}
    try:
        context |= {"rows": pages.earlier(target), "standings": standing.known(target)}
    except RemoteError as error:
        context |= {"problem": error.told}
    return render(request, "deployments/_earlier.html", context)


@require_POST
@may_view
def plan_new(request: HttpRequest, service: str, environment: str) -> HttpResponseBase:
    """Changes nothing but the console's own tables; a refusal returns to the form as it was filled in."""
    target = target_or_404(service, environment)
    form = {
        key: request.POST.get(key, "")
        for key in ("code_branch", "config_branch", "close_back_office", "release", "strategy", "path", "because")
    }
    relaunched = request.POST.get("relaunch_of", "")
    try:
        by = require(request.user, "plan", target.environment.key)
        choice = actions.Choice(
            form["code_branch"].strip(),
            form["config_branch"].strip(),
            close_back_office=bool(form["close_back_office"]),
            release=_number(form["release"]),
            strategy=form["strategy"],
            path=form["path"],
            because=form["because"],
        )
        make = actions.plan_release if choice.release is None else rollback.plan_again
        made = make(target, choice, relaunch_of=_relaunched(target, relaunched), by=by)
    except Forbidden as refused:
        return _service(request, target, form, str(refused), status=403)
    except (actions.NotPlannable, Refusal, ValidationError) as refused:
        return _service(request, target, form, _words(refused), status=422)
    except RemoteError as error:
        return _service(request, target, form, error.told, status=error.status)
    return redirect("deployments:plan", made.pk)


def _relaunched(target: Target, number: str) -> Run | None:
    """Raises NotPlannable where that run is not one of this target."""
    if not number:
        return None
    mine = Run.objects.filter(service=target.service, environment=target.environment.key, kind="release")
    key = whole(number)
    run = mine.select_related("plan").filter(pk=key).first() if key is not None else None
    if run is None:
        raise actions.NotPlannable(f"There is no run {number} of {target.name} to relaunch. Plan a new release instead.")
    return run


def _number(text: str) -> int | None:
    """Raises NotPlannable for what is none; None where nothing was chosen."""
    number = whole(text)
    if text and number is None:
        raise actions.NotPlannable(f"“{text[:40]}” is not the number of a release.")
    return number


def _kept_key(posted: str) -> str:
    """The same intention stays the same; one that is refused is replaced, so that the form can be sent again."""
    try:
        return idempotency_key(posted)
    except ValidationError:
        return str(uuid.uuid4())


def _words(refused: Exception) -> str:
    return " ".join(refused.messages) if isinstance(refused, ValidationError) else str(refused)


@require_POST
@may_view
def operation_new(request: HttpRequest, service: str, environment: str, key: str) -> HttpResponseBase:
    """A plan of a small operation; changes nothing but the console's own tables."""
    target = target_or_404(service, environment)
    try:
        by = require(request.user, operations.KIND, target.environment.key, planning=True)
        argument = request.POST.get("argument", "")
        made = operations.plan_operation(target, key, option=bool(request.POST.get("option")), argument=argument, by=by)
    except Forbidden as refused:
        return _service(request, target, refused=str(refused), status=403)
    except (actions.NotPlannable, Refusal, ValidationError) as refused:
        return _service(request, target, refused=_words(refused), status=422)
    except RemoteError as error:
        return _service(request, target, refused=error.told, status=error.status)
    return redirect("deployments:plan", made.pk)


@require_safe
@may_view
def plan(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _plan(request, pk, ask=request.GET.get("gates") == "now")


@require_safe
@may_view
def gates(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The button and its gates, asked of the world now: the same fragment that the page holds."""
    made = _with_button(get_object_or_404(Plan, pk=pk))
    return render(request, "deployments/_gates.html", _start(request, made, ask=True))


@require_POST
@may_view
def start(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    made = _with_button(get_object_or_404(Plan.objects.select_related("made_by"), pk=pk))
    posted = request.POST
    begin = operations.start_operation if made.kind == operations.KIND else actions.start_release
    try:
        by = require(request.user, made.kind, made.environment)
        run = begin(
            made,
            hash=posted.get("hash", ""),
            confirmation=posted.get("confirmation", ""),
            idempotency_key=idempotency_key(posted.get("idempotency_key") or str(uuid.uuid4())),
            reason=posted.get("reason", "").strip(),
            by=by,
        )
    except Forbidden as refused:
        return _plan(request, pk, refused=[str(refused)], status=403)
    except actions.NotStartable as refused:
        return _plan(request, pk, refused=refused.reasons, status=409)
    except ValidationError as refused:
        return _plan(request, pk, refused=refused.messages, status=422)
    except (Refusal, UnknownTarget) as refused:
        return _plan(request, pk, refused=[str(refused)], status=409)
    except RemoteError as error:
        return _plan(request, pk, refused=[error.told], status=error.status)
    return redirect("runs:detail", run.number)


@require_POST
@may_view
def follow(request: HttpRequest, service: str, environment: str) -> HttpResponseBase:
    """Somebody else's deployment becomes a run here; nothing is started by it."""
    target = target_or_404(service, environment)
    try:
        by = require(request.user, adoption.KIND, target.environment.key)
        key = idempotency_key(request.POST.get("idempotency_key") or str(uuid.uuid4()))
        run = adoption.follow(target, request.POST.get("beanstalk", ""), idempotency_key=key, by=by)
    except (Forbidden, Refusal, ValidationError) as refused:
        messages.error(request, _words(refused))
        return redirect("deployments:service", service, environment)
    return redirect("runs:detail", run.number)


@require_safe
@may_view
def evidence(request: HttpRequest, number: int) -> HttpResponse:
    """What was copied from failing hosts, whole, as one text: the hosts may be gone."""
    files = list(Evidence.objects.filter(run=get_object_or_404(Run, pk=number)).order_by("pk")) if number < 2**62 else []
    if not files:
        raise Http404(f"Nothing was copied from any host in run {number}.")
    parts = [
        f"==> {each.host} {each.instance_id} {each.path}, copied {each.taken:%Y-%m-%dT%H:%M:%SZ} <==\n"
        f"{ansi.plain_text(each.text or each.problem)}\n"
        for each in files
    ]
    response = HttpResponse("\n".join(parts), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{number}-evidence.txt"'
    return response


@require_safe
@may_view
def bundle(request: HttpRequest, number: int, instance: str) -> HttpResponseBase:
    """All logs of one host, from where Beanstalk keeps them for some minutes. Not redacted, so not for everybody, and recorded."""
    run = get_object_or_404(Run, pk=number if number < 2**62 else 0)
    if not (decision := may(request.user, operations.KIND, run.environment)):
        raise PermissionDenied(decision.why)
    effects = run.effects.filter(kind="beanstalk.bundles")
    name = next((effect.target for effect in effects if instance in effect.answer.get("bundles", {})), None)
    if name is None:
        raise Http404(f"Run {number} has fetched no logs of {instance}.")
    found = next((log for log in beanstalk.retrieve_logs(name, "bundle") if log.instance_id == instance), None)
    answer = fetch(found.url, deadline=_BUNDLE_SECONDS, limit=_BUNDLE_BYTES) if found else None
    if answer is None or answer.status != 200 or answer.cut:
        raise Http404(f"Beanstalk has the logs of {instance} no longer, or they are too large: fetch them again.")
    audit.record("download", by=require(request.user, operations.KIND, run.environment), target=f"all logs of {instance}", run=run.number)
    response = HttpResponse(answer.body, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="run-{number}-{instance}.zip"'
    return response


@require_safe
@may_view
def evidence_pack(request: HttpRequest, number: int) -> HttpResponseBase:
    """All that is known of a run, as a zip."""
    run = get_object_or_404(Run.objects.select_related("plan__made_by", "requested_by"), pk=number if number < 2**62 else 0)
    return FileResponse(pack.pack(run), as_attachment=True, filename=f"run-{run.number}.zip", content_type="application/zip")


def _service(
    request: HttpRequest,
    target: Target,
    form: dict[str, str] | None = None,
    refused: str = "",
    *,
    status: int = 200,
) -> HttpResponse:
    page = pages.service_page(target, request.user, timezone.now())
    chosen = answers.chosen_configuration_branch(target)
    context = {
        "target": target,
        "about": current().services[target.service].about,
        "environment": target.environment,
        "row": page.row,
        "runs": page.runs,
        "events": page.events,
        "others": adoption.elsewhere(page.row, page.events),
        "done_elsewhere": adoption.done_elsewhere(page.row),
        "may_follow": may(request.user, adoption.KIND, target.environment.key),
        "may_plan": may(request.user, "plan", target.environment.key),
        "operations": operations.operations_of(target),
        "may_operate": may(request.user, operations.KIND, target.environment.key, planning=True),
        "queue": bookings.queue(target.lock_group),
        "form": form or {"code_branch": target.code.branches[0], "config_branch": chosen or target.configuration.branches[0]},
        "chosen_branch": chosen,
        "refused": refused,
    }
    template = "deployments/_service.html" if request.GET.get("part") == "live" else "deployments/service.html"
    return render(request, template, context, status=status)


def _plan(request: HttpRequest, pk: UUID, *, ask: bool = False, refused: list[str] | None = None, status: int = 200) -> HttpResponse:
    made = get_object_or_404(Plan.objects.select_related("made_by"), pk=pk)
    if operations.is_one(made):
        return _operation(request, made, ask=ask, refused=refused, status=status)
    if made.kind != "release":
        environment = current().environments.get(made.environment)
        context = {"plan": made, "steps": pages.steps(made.document), "runs": list(made.runs.all()), "environment": environment}
        return render(request, "deployments/plan_small.html", context)
    facts = made.document["facts"]
    context = {
        "facts": facts,
        "target": target_or_404(made.service, made.environment),
        "sides": pages.sides(facts),
        "steps": pages.steps(made.document),
        "ends": pages.ends(facts, timezone.now()),
        "runs": list(made.runs.all()),
        "may_plan": may(request.user, "plan", made.environment),
        "refused": refused,
    }
    context |= _agreed(request, made)
    return render(request, "deployments/plan.html", context | _start(request, made, ask=ask), status=status)


def _agreed(request: HttpRequest, made: Plan) -> dict[str, Any]:
    """What people say to it: approvals, freezes, who is booked, and where it was rehearsed."""
    target, now = target_or_404(made.service, made.environment), timezone.now()
    frozen = freezes.window_at(target.freezes, now)
    return {
        "approvals": consent.approvals_of(made) if target.approval else [],
        "why_not_approve": consent.why_not_approve(made, request.user) if target.approval else "",
        "frozen": frozen,
        "frozen_until": f"{frozen.closes:%a %d %b %Y %H:%M} {frozen.freeze.zone}" if frozen else "",
        "glass": consent.glass_of(made, now) if frozen else None,
        "may_break": may(request.user, "break-glass", made.environment),
        "queue": bookings.queue(made.lock_group),
        "booked": made.bookings.order_by("-pk").first(),
        "may_book": may(request.user, made.kind, made.environment),
        "zone": current().time_zone,
        "rehearsal": rehearsal.rehearsal_of(made),
        "rehearsed_in": rehearsal.places_for(target),
    }


def _with_button(made: Plan) -> Plan:
    """Other small plans are started where they are made."""
    if made.kind != "release" and not operations.is_one(made):
        raise Http404("This plan has no button of its own.")
    return made


def _operation(request: HttpRequest, made: Plan, *, ask: bool, refused: list[str] | None, status: int) -> HttpResponse:
    target = target_or_404(made.service, made.environment)
    context = {
        "target": target,
        "operation": operations.OPERATIONS.get(made.document["facts"]["operation"]),
        "row": pages.service_page(target, request.user, timezone.now()).row,
        "steps": pages.steps(made.document),
        "runs": list(made.runs.all()),
        "may_operate": may(request.user, operations.KIND, made.environment, planning=True),
        "refused": refused,
    }
    return render(request, "deployments/operation.html", context | _start(request, made, ask=ask), status=status)


def _start(request: HttpRequest, made: Plan, *, ask: bool) -> dict[str, Any]:
    """What was typed stays typed."""
    found = pages.start(made, request.user, ask=ask)
    posted = request.POST
    return {
        "plan": made,
        "facts": made.document["facts"],
        "environment": current().environments.get(made.environment) or Environment(made.environment, made.environment),
        "gates": found.gates,
        "passed": found.passed,
        "blocked": found.blocked,
        "asked": timezone.now(),
        "idempotency_key": _kept_key(posted.get("idempotency_key", "")),
        "typed": posted.get("confirmation", ""),
        "reason": posted.get("reason", ""),
    }
