"""What goes wrong in the API, as RFC 9457 problem documents: a status, a sentence that says what is wrong and what to do, and the facts.

Every refusal of the packages below has its status here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as Unreadable

from deployments.actions import NotPlannable, NotStartable
from estate.definition import UnknownTarget
from handover.actions import NotSaid
from people.actions import NotPossible
from people.answered import CutOff, OtherRequest, UnderWay
from people.permissions import Forbidden
from people.second_factor import ProveAgain
from remote.errors import RemoteError
from runs.actions import LockHeld, Refusal

TYPE = "application/problem+json"
SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457: `detail` is for a person; what else there is, for a machine.",
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
}
DATABASE_AWAY = "The console cannot reach its database. Nothing is lost; ask again in a moment."
PROVE_AGAIN = "Your second factor was shown more than five minutes ago. Show it again on a page, or send a token."


def problem(request: HttpRequest, status: int, detail: str, *, headers: dict[str, str] | None = None, **facts: Any) -> HttpResponse:
    """`detail` is for a person; `facts` are for a machine."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "instance": request.path}
    return JsonResponse({**document, **facts}, status=status, content_type=TYPE, headers=headers)


def install(api: NinjaAPI) -> None:
    """Tells the API which refusal has which status."""

    def on(kind: type[Exception], answer: Callable[[HttpRequest, Any], HttpResponse]) -> None:
        api.add_exception_handler(kind, answer)

    on(AuthenticationError, _stranger)
    on(ProveAgain, lambda request, error: problem(request, 403, PROVE_AGAIN))
    on(Forbidden, lambda request, error: problem(request, 403, str(error)))
    on(Unreadable, _unreadable)
    on(ValidationError, lambda request, error: problem(request, 422, " ".join(error.messages)))
    on(HttpError, lambda request, error: problem(request, error.status_code, _sentence(str(error))))
    on(Http404, lambda request, error: problem(request, 404, _sentence(str(error) or "There is no such thing")))
    on(ObjectDoesNotExist, lambda request, error: problem(request, 404, f"There is none at {request.path}. Lists show what there is."))
    on(UnknownTarget, lambda request, error: problem(request, 404, str(error)))
    on(NotPossible, lambda request, error: problem(request, 422, str(error)))
    on(NotSaid, lambda request, error: problem(request, 422, str(error)))
    on(NotPlannable, lambda request, error: problem(request, 422, str(error)))
    on(NotStartable, lambda request, error: problem(request, 409, str(error), reasons=error.reasons))
    on(OtherRequest, lambda request, error: problem(request, 422, str(error)))
    on(UnderWay, lambda request, error: problem(request, 409, str(error), headers={"Retry-After": "2"}))
    on(CutOff, lambda request, error: problem(request, 409, str(error)))
    on(LockHeld, _held)
    on(Refusal, lambda request, error: problem(request, 409, str(error)))
    on(RequestDataTooBig, lambda request, error: problem(request, 413, "The request is too large."))
    on(SuspiciousOperation, lambda request, error: problem(request, 400, "The request cannot be read."))
    for away in (OperationalError, InterfaceError):
        on(away, lambda request, error: problem(request, 503, DATABASE_AWAY, headers={"Retry-After": "5"}))
    on(RemoteError, _remote)


def told(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view of the API: no form for strangers, and no refusal that is not a problem document."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = response.headers.get("Allow", "")
            return problem(request, 405, f"{request.method} is not possible here; {allowed} is.", headers={"Allow": allowed})
        return response

    return login_not_required(csrf_exempt(answered))


def _stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    sent = "Authorization" in request.headers
    said = "The token is unknown, or it has ended." if sent else "Who is calling?"
    return problem(request, 401, f"{said} Send a token: Authorization: Bearer TOKEN.", headers={"WWW-Authenticate": "Bearer"})


def _unreadable(request: HttpRequest, error: Unreadable) -> HttpResponse:
    found = [{"where": _place(each["loc"]), "said": str(each["msg"])} for each in error.errors]
    return problem(request, 422, " ".join(f"{each['where']}: {each['said']}." for each in found), errors=found)


def _place(where: tuple[str | int, ...]) -> str:
    """("body", "wanted", "service") → service; ninja names the view's own argument in between."""
    parts = [str(part) for part in where]
    return ".".join(parts[2:] if len(parts) > 2 and parts[0] == "body" else parts[1:]) or "the request"


def _held(request: HttpRequest, error: LockHeld) -> HttpResponse:
    run = error.run
    link = request.build_absolute_uri(reverse("runs:detail", args=(run.number,)))
    return problem(
        request, 409, str(error), run=run.number, who=str(run.requested_by), when=(run.started or run.created).isoformat(), link=link
    )


def _remote(request: HttpRequest, error: RemoteError) -> HttpResponse:
    headers = {"Retry-After": "5"} if error.try_again and error.status >= 500 else None
    return problem(request, error.status, error.told, headers=headers, next_step=error.next_step)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
