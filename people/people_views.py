"""Operators: who there is, what each may do where and why not, and what an admin does about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from people import actions, permissions, sessions
from people.models import Operator, Role
from people.permissions import Decision, Forbidden, may
from people.views import may_view


@dataclass(frozen=True, slots=True)
class Line:
    """One action: what may be done in each environment, in the order of the page."""

    action: str
    words: str
    decisions: tuple[Decision, ...]


@require_safe
@may_view
def everybody(request: HttpRequest) -> HttpResponse:
    return _list(request)


def _list(request: HttpRequest, *, refused: str = "", status: int = 200) -> HttpResponse:
    proven = set(Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES).values_list("user_id", flat=True))
    context = {
        "people": Operator.objects.order_by("-is_active", "username"),
        "proven": proven,
        "roles": Role.choices,
        "may_people": may(request.user, "people"),
        "refused": refused,
        "posted": request.POST,
    }
    return render(request, "people/list.html", context, status=status)


@require_safe
@may_view
def person(request: HttpRequest, person: int) -> HttpResponse:
    return _person(request, get_object_or_404(Operator, pk=person))


def _person(request: HttpRequest, who: Operator, *, refused: str = "", link: str = "", status: int = 200) -> HttpResponse:
    places = permissions.environments()
    allowed = may(request.user, "people")
    context = {
        "person": who,
        "places": places,
        "matrix": matrix(who, places),
        "roles": Role.choices,
        "sessions": sessions.of(who) if allowed else [],
        "tokens": who.tokens.order_by("expires"),
        "second": Authenticator.objects.filter(user=who).exclude(type=Authenticator.Type.RECOVERY_CODES).count(),
        "may_people": allowed,
        "refused": refused,
        "link": link,
        "now": timezone.now(),
    }
    response = render(request, "people/person.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


def matrix(who: Operator, places: list[str]) -> list[Line]:
    """By the very function that every page and operation asks."""
    return [Line(action, permissions.WORDS[action], tuple(may(who, action, place) for place in places)) for action in permissions.actions()]


@require_POST
@may_view
def let_in(request: HttpRequest) -> HttpResponseBase:
    posted = request.POST
    try:
        who = actions.let_in(posted.get("name", ""), posted.get("role", ""), by=_by(request))
        link = actions.one_time_link(who, by=_by(request))
    except Forbidden as refused:
        return _list(request, refused=str(refused), status=403)
    except ValidationError as refused:
        return _list(request, refused=" ".join(refused.messages), status=422)
    except actions.NotPossible as refused:
        return _list(request, refused=str(refused), status=422)
    return _person(request, who, link=link)


@require_POST
@may_view
def change_role(request: HttpRequest, person: int) -> HttpResponseBase:
    role, why = request.POST.get("role", ""), request.POST.get("why", "")
    return _act(request, person, "The role is changed.", lambda who, by: actions.change_role(who, role, why=why, by=by))


@require_POST
@may_view
def change_active(request: HttpRequest, person: int) -> HttpResponseBase:
    active, why = request.POST.get("active") == "yes", request.POST.get("why", "")
    told = "They may sign in again." if active else "They are shut out; their sessions and tokens have ended."
    return _act(request, person, told, lambda who, by: actions.change_active(who, active, why=why, by=by))


@require_POST
@may_view
def new_link(request: HttpRequest, person: int) -> HttpResponseBase:
    who = get_object_or_404(Operator, pk=person)
    try:
        link = actions.one_time_link(who, by=_by(request))
    except Forbidden as refused:
        return _person(request, who, refused=str(refused), status=403)
    return _person(request, who, link=link)


@require_POST
@may_view
def remove_second_factors(request: HttpRequest, person: int) -> HttpResponseBase:
    told, why = "Their second factors are removed. They set up new ones when they sign in.", request.POST.get("why", "")
    return _act(request, person, told, lambda who, by: actions.remove_second_factors(who, why=why, by=by))


@require_POST
@may_view
def end_sessions(request: HttpRequest, person: int) -> HttpResponseBase:
    name = request.POST.get("session", "")
    return _act(request, person, "Ended.", lambda who, by: actions.end_sessions(who, name, by=by))


@require_POST
@may_view
def revoke_token(request: HttpRequest, person: int, token: int) -> HttpResponseBase:
    return _act(request, person, "The token is revoked.", lambda who, by: actions.revoke_token_of(who, token, by=by))


def _act(request: HttpRequest, person: int, told: str, do: Callable[[Operator, Operator], object]) -> HttpResponseBase:
    who = get_object_or_404(Operator, pk=person)
    try:
        do(who, _by(request))
    except Forbidden as refused:
        return _person(request, who, refused=str(refused), status=403)
    except actions.NotPossible as refused:
        return _person(request, who, refused=str(refused), status=409)
    messages.success(request, told)
    return redirect("people:person", person)


def _by(request: HttpRequest) -> Operator:
    """Strangers do not come this far."""
    assert isinstance(request.user, Operator)  # noqa: S101
    return request.user
