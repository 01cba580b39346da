"""Roles × addresses, operations of the API and websockets × objects, read from the code itself and held against `decisions.py`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from deployments.models import Booking
from estate.models import Resource
from opsconsole.api import api
from opsconsole.asgi import application
from opsconsole.sockets import websocket_urlpatterns
from people.models import AuditEntry, Operator, Role, Token
from people.permissions import may
from runs.models import Run
from tests import scenery
from tests.people.decisions import API, CONSUMERS, OBJECTS, PAGES, Decided
from tests.websocket import Websocket

ENVIRONMENTS = ("production", "pre-production")
HERE = "tests/people/decisions.py"


# -- what there is, read from the code


def pages() -> dict[str, set[str]]:
    """Each address by its name, with what stands in it."""
    found: dict[str, set[str]] = {}

    def walk(patterns: list[URLPattern | URLResolver], namespace: str, around: set[str]) -> None:
        for each in patterns:
            inside = around | set(each.pattern.converters) | set(each.pattern.regex.groupindex)
            if isinstance(each, URLResolver):
                if each.namespace != "api":
                    walk(each.url_patterns, f"{namespace}{each.namespace}:" if each.namespace else namespace, inside)
            else:
                assert each.name, f"{each.pattern} has no name: give it one, then decide about it in {HERE}"
                found[f"{namespace}{each.name}"] = inside

    walk(get_resolver().url_patterns, "", set())
    return found


def operations() -> list[str]:
    return [
        f"{method} /{(prefix + path).lstrip('/')}"
        for prefix, router in api._routers
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    ]


def undecided(kind: str, there: set[str], table: dict[str, Decided]) -> str:
    new, gone = sorted(there - set(table)), sorted(set(table) - there)
    lines = [
        f'add to {kind} in {HERE}:  "{name}": SEE,  (or act("the action", …), SIGNED_IN, OPEN; its docstring says when)' for name in new
    ]
    return "\n".join(lines + [f"take out of {kind} in {HERE}, it is gone: {name}" for name in gone])


def test_every_address_has_a_decision() -> None:
    assert not undecided("PAGES", set(pages()), PAGES), undecided("PAGES", set(pages()), PAGES)


def test_every_operation_of_the_api_has_a_decision() -> None:
    assert not undecided("API", set(operations()), API), undecided("API", set(operations()), API)


def test_every_websocket_has_a_decision() -> None:
    there = {str(pattern.pattern) for pattern in websocket_urlpatterns}
    assert not undecided("CONSUMERS", there, CONSUMERS), undecided("CONSUMERS", there, CONSUMERS)


def test_what_stands_in_addresses_is_known() -> None:
    names = {name for page, inside in pages().items() for name in inside if f"{page}:{name}" not in OBJECTS}
    missing = [f'add to OBJECTS in {HERE}:  "{name}": "a value that fits",' for name in sorted(names - set(OBJECTS))]
    assert not missing, "\n".join(missing)


# -- who gets what


@dataclass
class Scene:
    """One run and its plan in each environment, two things of the estate, and somebody who looks at them."""

    known: dict[str, dict[str, str]]

    def fill(self, text: str, environment: str) -> str:
        for name, value in self.known[environment].items():
            text = text.replace(f"{{{name}}}", value)
        return text


@pytest.fixture
def scene(person: Callable[[str, Role], Operator]) -> Scene:
    owner = person("owner", Role.ADMIN)
    now = timezone.now()
    for kind in ("database", "certificate"):
        Resource.objects.create(kind=kind, key=OBJECTS["resource"], name=OBJECTS["resource"], source="x", first_seen=now, changed=now)
    known = {}
    for environment in ENVIRONMENTS:
        made = scenery.plan(owner)
        made.environment, made.lock_group = environment, f"magento-{environment}"
        made.save()
        found = scenery.run(made, owner)
        known[environment] = {
            "person": str(owner.pk),
            "run": str(found.number),
            "plan": str(made.pk),
            "hash": made.hash,
            "environment": environment,
        }
        booking = Booking.objects.create(plan=made, hash=made.hash, lock_group=made.lock_group, by=owner)
        known[environment]["booking"] = str(booking.pk)
    return Scene(known)


def address(name: str, inside: set[str], scene: Scene, environment: str) -> str:
    objects = {key: OBJECTS.get(f"{name}:{key}", OBJECTS[key]) for key in inside}
    return reverse(name, kwargs={key: scene.fill(value, environment) for key, value in objects.items()})


def allowed(decided: Decided, operator: Operator, environment: str) -> bool:
    if decided.who in ("open", "signed in"):
        return True
    return bool(may(operator, decided.action or "view", "" if decided.anywhere else decided.within or environment))


def refused_now(operator: Operator, before: int) -> bool:
    return AuditEntry.objects.filter(number__gt=before, who=operator.username, result="refused").exists()


def newest() -> int:
    return AuditEntry.objects.order_by("-number").values_list("number", flat=True).first() or 0


@pytest.mark.django_db
@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("role", [Role.NONE, Role.VIEWER, Role.OPERATOR, Role.RELEASER], ids=lambda role: str(role.value))
def test_whoever_may_not_is_refused_on_every_page_and_that_is_recorded(
    scene: Scene, person: Callable[[str, Role], Operator], role: Role, environment: str
) -> None:
    somebody, client = person("somebody", role), Client(raise_request_exception=False)
    client.force_login(somebody)
    wrong, runs = [], Run.objects.count()
    for name, inside in pages().items():
        decided = PAGES.get(name)
        if decided is None or allowed(decided, somebody, environment):
            continue
        url, before = address(name, inside, scene, environment), newest()
        if decided.who == "see":
            response = client.get(url)
            good = response.status_code == 403
        else:
            response = client.post(url, {key: scene.fill(str(value), environment) for key, value in decided.sent.items()})
            good = response.status_code in (302, 403) and refused_now(somebody, before)
        if not good:
            wrong.append(f"{name} {url}: {response.status_code}, refusal recorded: {refused_now(somebody, before)}")
    assert not wrong, f"{role.value} in {environment}:\n" + "\n".join(wrong)
    assert Run.objects.count() == runs


@pytest.mark.django_db
@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("role", [Role.NONE, Role.VIEWER, Role.OPERATOR, Role.RELEASER], ids=lambda role: str(role.value))
def test_whoever_may_not_is_refused_by_every_operation_of_the_api_and_that_is_recorded(
    scene: Scene, person: Callable[[str, Role], Operator], role: Role, environment: str
) -> None:
    somebody = person("somebody", role)
    secret = Token.issue(somebody, "test", lives=timedelta(hours=1))[1]
    client = Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)
    wrong = []
    for operation, decided in API.items():
        if allowed(decided, somebody, environment):
            continue
        before, response = newest(), called(client, operation, decided, scene, environment)
        if response.status_code != 403 or not refused_now(somebody, before):
            wrong.append(f"{operation}: {response.status_code} {response.content[:200]!r}")
    assert not wrong, f"{role.value} in {environment}:\n" + "\n".join(wrong)


def called(client: Client, operation: str, decided: Decided, scene: Scene, environment: str) -> Any:
    method, path = operation.split(" ", 1)
    for key, value in OBJECTS.items():
        path = path.replace(f"{{int:{key}}}", value).replace(f"{{{key}}}", value)
    url = scene.fill(f"/api/v1{path}", environment)
    if method == "GET":
        return client.get(url)
    body = json.loads(scene.fill(json.dumps(decided.sent), environment))
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    return client.generic(method, url, json.dumps(body), content_type="application/json", headers=headers)


@pytest.mark.django_db
def test_a_stranger_reaches_nothing_but_the_door_and_the_health(scene: Scene) -> None:
    client = Client(raise_request_exception=False)
    wrong = []
    for name, inside in pages().items():
        if name in PAGES and PAGES[name].who != "open":
            url = address(name, inside, scene, "production")
            for response in (client.get(url), client.post(url)):
                if response.status_code != 302 or not response.headers["Location"].startswith(reverse("people:sign-in")):
                    wrong.append(f"{name}: {response.status_code}")
    for operation, decided in API.items():
        response = called(client, operation, decided, scene, "production")
        if decided.who != "open" and response.status_code != 401:
            wrong.append(f"{operation}: {response.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.django_db
def test_what_shows_takes_no_post_and_what_acts_changes_nothing_by_get(scene: Scene, admin: Operator) -> None:
    """A link, or a picture on another site, does nothing here."""
    client = Client(raise_request_exception=False)
    client.force_login(admin)
    wrong, runs = [], list(Run.objects.order_by("number").values())
    for name, inside in pages().items():
        decided = PAGES.get(name)
        if decided is not None and decided.who == "see":
            status = client.post(address(name, inside, scene, "production")).status_code
            if status != 405:
                wrong.append(f"{name}: POST answered {status}; say @require_safe, or decide that it acts")
    assert not wrong, "\n".join(wrong)
    assert list(Run.objects.order_by("number").values()) == runs


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", sorted(CONSUMERS))
async def test_a_websocket_opens_for_those_alone_who_may_see(path: str, scene: Scene, person: Callable[[str, Role], Operator]) -> None:
    url = "/" + scene.fill(path.replace("<int:number>", "{run}"), "production")
    for role in (None, Role.NONE, Role.VIEWER):
        headers = await sync_to_async(cookies)(person, role)
        socket = Websocket(application, url, headers)
        opened = await socket.connect()
        assert opened is (role is Role.VIEWER), f"{path} for {role}"
        if opened:
            await socket.disconnect()


def cookies(person: Callable[[str, Role], Operator], role: Role | None) -> list[tuple[bytes, bytes]]:
    client = Client()
    if role is not None:
        client.force_login(person(f"a-{role.value}", role))
    sent = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    return [(b"origin", b"http://testserver"), (b"cookie", sent.encode())]


@pytest.mark.parametrize(
    "origin",
    [
        "https://testserver", "http://testserver:8000", "http://testserver.evil.example", "http://evil.example", "http://sub.testserver",
        "http://testserver@evil.example", "null", "", "file://", "http://127.0.0.1", "http://localhost", None,
    ],
)  # fmt: skip
@pytest.mark.django_db(transaction=True)
async def test_a_websocket_of_another_origin_is_refused(origin: str | None, viewer: Operator) -> None:
    client = Client()
    await sync_to_async(client.force_login)(viewer)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items()).encode()
    headers = [(b"cookie", cookie)] + ([] if origin is None else [(b"origin", origin.encode())])
    assert not await Websocket(application, "/ws/now/", headers).connect()


def test_the_matrix_can_fail() -> None:
    """A new page without a line is named with the line that it wants."""
    said = undecided("PAGES", {*PAGES, "access:vpn-new"}, PAGES)
    assert '"access:vpn-new": SEE' in said
    assert HERE in said
