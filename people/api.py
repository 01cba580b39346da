"""Operators, one's own tokens and the audit trail for machines: the same actions and permissions as the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from people import actions, audit, permissions, trail
from people.models import AuditEntry, Operator, Token
from people.permissions import may, require

router = Router(tags=["people"])
Limit = Annotated[int, Query(ge=1, le=500)]
Number = Annotated[int, Query(ge=0, le=2**62)]
Text = Annotated[str, Query(max_length=200)]


class OperatorOut(Schema):
    id: int
    name: str
    role: str
    is_active: bool
    last_login: datetime | None


class OperatorPage(Schema):
    items: list[OperatorOut]
    next: str | None


class MayOut(Schema):
    """`why` says who may, where the answer is no."""

    action: str
    environment: str
    allowed: bool
    why: str


class OperatorWhole(OperatorOut):
    may: list[MayOut]


class OperatorIn(Schema):
    name: str
    role: str


class LetInOut(OperatorOut):
    """`link` is where the person chooses a password: once, within a day."""

    link: str


class ChangeIn(Schema):
    """What is not given stays as it is."""

    role: str | None = None
    is_active: bool | None = None
    why: str = ""


class TokenIn(Schema):
    """`scope`: read, prepare or act. `environment`: the only one in which it changes anything."""

    name: str
    days: int
    scope: str = "read"
    environment: str = ""


class TokenOut(Schema):
    id: int
    name: str
    scope: str
    environment: str
    created: datetime
    expires: datetime
    last_used: datetime | None


class TokenPage(Schema):
    items: list[TokenOut]
    next: str | None


class NewToken(Schema):
    """Its secret is told here, and nowhere again."""

    token: str


class LinkOut(Schema):
    """Where the person chooses a password: once, within a day."""

    link: str


class EndedOut(Schema):
    ended: int


class AuditOut(Schema):
    number: int
    time: datetime
    who: str
    origin: str
    action: str
    target: str
    why: str
    result: str
    run: int | None
    facts: dict[str, str]
    digest: str


class AuditPage(Schema):
    """`head` is the newest row's number and digest: kept elsewhere, it shows later that nothing was cut off."""

    items: list[AuditOut]
    next: str | None
    head: str


@router.get("/operators", response=OperatorPage)
def list_operators(request: HttpRequest, cursor: Number | None = None, limit: Limit = 100) -> dict[str, Any]:
    require(request.user, "view")
    found = list(Operator.objects.filter(pk__gt=cursor or 0).order_by("pk")[: limit + 1])
    return {"items": [_operator(each) for each in found[:limit]], "next": str(found[limit - 1].pk) if len(found) > limit else None}


@router.get("/operators/{int:person}", response=OperatorWhole)
def show_operator(request: HttpRequest, person: int) -> dict[str, Any]:
    """With what they may do in each environment, by the very function that every page and operation asks."""
    require(request.user, "view")
    who = Operator.objects.get(pk=person)
    answers = [(action, place, may(who, action, place)) for action in permissions.actions() for place in permissions.environments()]
    allowed = [{"action": action, "environment": place, "allowed": bool(said), "why": said.why} for action, place, said in answers]
    return {**_operator(who), "may": allowed}


@router.post("/operators", response={201: LetInOut})
def let_in(request: HttpRequest, wanted: OperatorIn) -> Status[dict[str, Any]]:
    by = require(request.user, "people")
    who = actions.let_in(wanted.name, wanted.role, by=by)
    link = actions.one_time_link(who, by=by)
    return Status(201, {**_operator(who), "link": link})


@router.post("/operators/{int:person}", response=OperatorOut)
def change_operator(request: HttpRequest, person: int, wanted: ChangeIn) -> dict[str, Any]:
    """The same once more changes nothing: it may be repeated."""
    by = require(request.user, "people")
    who = Operator.objects.get(pk=person)
    if wanted.role is not None and wanted.role != who.role:
        actions.change_role(who, wanted.role, why=wanted.why[:300], by=by)
    if wanted.is_active is not None and wanted.is_active != who.is_active:
        actions.change_active(who, wanted.is_active, why=wanted.why[:300], by=by)
    who.refresh_from_db()
    return _operator(who)


@router.post("/operators/{int:person}/links", response={201: LinkOut})
def make_link(request: HttpRequest, person: int) -> Status[dict[str, Any]]:
    """A new one-time link, for one who forgot their password. The second factor stays."""
    by = require(request.user, "people")
    return Status(201, {"link": actions.one_time_link(_person(person), by=by)})


@router.delete("/operators/{int:person}/second-factors", response={204: None})
def remove_second_factors(request: HttpRequest, person: int, why: Text = "") -> Status[None]:
    by = require(request.user, "people")
    actions.remove_second_factors(_person(person), why=why, by=by)
    return Status(204, None)


@router.delete("/operators/{int:person}/sessions", response=EndedOut)
def end_sessions(request: HttpRequest, person: int) -> dict[str, Any]:
    """All of them; one's own, too."""
    by = require(request.user, "people")
    return {"ended": actions.end_sessions(_person(person), by=by)}


@router.get("/operators/{int:person}/tokens", response=TokenPage)
def list_tokens_of(request: HttpRequest, person: int) -> dict[str, Any]:
    require(request.user, "view")
    return {"items": list(_person(person).tokens.order_by("pk")), "next": None}


@router.delete("/operators/{int:person}/tokens/{int:token}", response={204: None})
def revoke_token_of(request: HttpRequest, person: int, token: int) -> Status[None]:
    by = require(request.user, "people")
    actions.revoke_token_of(_person(person), min(token, 2**62), by=by)
    return Status(204, None)


@router.get("/tokens", response=TokenPage)
def list_tokens(request: HttpRequest) -> dict[str, Any]:
    """One's own."""
    by = require(request.user, "view")
    return {"items": list(by.tokens.order_by("pk")), "next": None}


@router.post("/tokens", response={201: NewToken})
def issue_token(request: HttpRequest, wanted: TokenIn) -> Status[dict[str, Any]]:
    """For oneself."""
    by = require(request.user, "token")
    secret = actions.issue_token(wanted.name, days=wanted.days, scope=wanted.scope, environment=wanted.environment, by=by)
    return Status(201, {"token": secret})


@router.delete("/tokens/{int:token}", response={204: None})
def revoke_token(request: HttpRequest, token: int) -> Status[None]:
    """One's own."""
    by = require(request.user, "token")
    actions.revoke_token(Token.objects.get(pk=token, operator=by), by=by)
    return Status(204, None)


@router.get("/audit", response=AuditPage)
def list_audit(
    request: HttpRequest,
    cursor: Number | None = None,
    limit: Limit = 100,
    who: Text = "",
    action: Text = "",
    result: Text = "",
    run: Number | None = None,
    contains: Text = "",
) -> dict[str, Any]:
    """Newest first."""
    require(request.user, "view")
    rows: list[AuditEntry] = list(trail.found(trail.Asked(who, action, result, run, contains), before=cursor)[: limit + 1])
    more = len(rows) > limit
    return {"items": rows[:limit], "next": str(rows[limit - 1].number) if more else None, "head": str(audit.head())}


def _person(number: int) -> Operator:
    return Operator.objects.get(pk=min(number, 2**62))


def _operator(who: Operator) -> dict[str, Any]:
    return {"id": who.pk, "name": who.username, "role": who.role, "is_active": who.is_active, "last_login": who.last_login}
