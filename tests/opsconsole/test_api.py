"""The API: who gets in, what each list looks like, and that every bad input gets a 4xx with a reason."""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args

import pytest
from django.test import Client
from django.utils import timezone
from ninja import Schema

import deployments.actions
from estate.models import Host, Resource
from opsconsole import api
from people.models import Operator, Role, Token
from remote import errors as remote
from runs import actions
from runs import api as runs_api
from runs.models import Run
from tests import scenery

pytestmark = pytest.mark.django_db
Response = Any  # of Django's test client
LISTS = ("services", "hosts", "runs", "releases")


class Caller:
    """A program with a token."""

    def __init__(self, secret: str) -> None:
        self._client = Client(headers={"Authorization": f"Bearer {secret}"})

    def get(self, path: str, **query: Any) -> Response:
        return self._client.get(f"/api/v1/{path}", query)

    def post(self, path: str, content: Any, **headers: str) -> Response:
        body = content if isinstance(content, str | bytes) else json.dumps(content)
        return self._client.post(f"/api/v1/{path}", body, content_type="application/json", headers=headers)


def caller_of(operator: Operator) -> Caller:
    return Caller(Token.issue(operator, "test", lives=timedelta(hours=1))[1])


@pytest.fixture
def viewing(viewer: Operator) -> Caller:
    return caller_of(viewer)


@pytest.fixture
def releasing(releaser: Operator) -> Caller:
    return caller_of(releaser)


def problem(response: Response, status: int) -> dict[str, Any]:
    """A problem document of RFC 9457, with a sentence in it."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(response.content)
    assert document["status"] == status
    assert document["detail"].endswith((".", "!", "?"))
    return document


def content(response: Response) -> Any:
    assert response.status_code in (200, 201), response.content
    return json.loads(response.content)


# -- Who gets in


@pytest.mark.parametrize("path", LISTS)
def test_a_stranger_is_asked_for_a_token(path: str) -> None:
    response = Client().get(f"/api/v1/{path}")
    assert "Send a token" in problem(response, 401)["detail"]
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic YTpi", "Bearer " + "x" * 5000])
def test_a_wrong_token_is_no_token(header: str, viewer: Operator) -> None:
    signed_in = Client(headers={"Authorization": header})
    signed_in.force_login(viewer)  # a session does not make up for it
    problem(signed_in.get("/api/v1/services"), 401)


@pytest.mark.parametrize("path", LISTS)
def test_the_same_permissions_as_on_the_pages(path: str, stranger: Operator, viewing: Caller) -> None:
    assert "Ask an admin" in problem(caller_of(stranger).get(path), 403)["detail"]
    assert set(content(viewing.get(path))) == {"items", "next"}


def test_a_session_may_read_and_needs_the_csrf_token_to_change(viewer: Operator) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(viewer)
    assert browser.get("/api/v1/services").status_code == 200
    wanted = json.dumps({"service": "magento", "environment": "production"})
    assert "CSRF" in problem(browser.post("/api/v1/plans", wanted, content_type="application/json"), 403)["detail"]
    browser.get("/sign-in/")
    browser.get("/")  # gives out the token
    token = browser.cookies["csrftoken"].value
    refused = browser.post("/api/v1/plans", wanted, content_type="application/json", headers={"X-CSRFToken": token})
    assert "you are a viewer" in problem(refused, 403)["detail"].lower()  # past CSRF, at the permission


def test_planning_and_starting_need_the_role(viewing: Caller, viewer: Operator, releaser: Operator) -> None:
    problem(viewing.post("plans", {"service": "magento", "environment": "production"}), 403)
    made = scenery.plan(releaser)
    wanted = {"plan": str(made.pk), "hash": made.hash}
    problem(viewing.post("runs", wanted, **{"Idempotency-Key": str(uuid.uuid4())}), 403)


# -- What there is


def test_services_show_what_should_be_beside_what_is(viewing: Caller) -> None:
    scenery.observed()
    Host.objects.filter(name="fe-4").delete()
    magento = next(each for each in content(viewing.get("services"))["items"] if each["key"] == "magento")
    production, preproduction = magento["environments"]
    assert production["environment"] == "production"
    front = next(tier for tier in production["tiers"] if tier["key"] == "front")
    assert (front["hosts_wanted"], front["hosts"], front["version"], front["health_status"]) == (4, 3, scenery.OLD, "Ok")
    assert front["seen"]
    assert production["shop"]["state"] == "open"
    assert preproduction["tiers"][0]["version"] is None  # never seen, and said so
    assert content(viewing.get("services/magento")) == magento


def test_hosts_come_page_by_page(viewing: Caller) -> None:
    scenery.observed()
    first = content(viewing.get("hosts", limit=3))
    second = content(viewing.get("hosts", limit=3, cursor=first["next"]))
    assert second["next"] is None
    names = {host["name"] for host in first["items"] + second["items"]}
    assert names == {"fe-1", "fe-2", "fe-3", "fe-4", "be"}
    assert len(first["items"]) + len(second["items"]) == 5


def test_a_host_that_is_gone_is_shown_when_it_is_asked_for(viewing: Caller) -> None:
    scenery.observed()
    Host.objects.filter(name="fe-1").update(gone=timezone.now())
    assert len(content(viewing.get("hosts"))["items"]) == 4
    assert len(content(viewing.get("hosts", gone="true"))["items"]) == 5
    assert content(viewing.get("hosts/i-08d2e6b41f09c7a53"))["gone"]


def test_runs_come_newest_first_page_by_page(viewing: Caller, releaser: Operator) -> None:
    made = scenery.plan(releaser)
    numbers = [scenery.run(made, releaser, state=Run.State.SUCCEEDED, holds_lock=False).number for _ in range(3)]
    first = content(viewing.get("runs", limit=2))
    second = content(viewing.get("runs", limit=2, cursor=first["next"]))
    assert [run["id"] for run in first["items"] + second["items"]] == numbers[::-1]
    assert second["next"] is None
    assert content(viewing.get("runs", state="failed"))["items"] == []


def test_a_run_tells_its_steps_its_hosts_and_the_measured_downtime(viewing: Caller, releaser: Operator) -> None:
    scenery.observed()
    start = timezone.now() - timedelta(minutes=30)
    run = scenery.run(scenery.plan(releaser), releaser, state="succeeded", started=start, ended=start + timedelta(seconds=20))
    scenery.shop("closed", start + timedelta(seconds=5), 10)
    scenery.shop("open", start + timedelta(seconds=15), 10)
    shown = content(viewing.get(f"runs/{run.number}"))
    assert shown["state"] == "succeeded"
    assert [step["position"] for step in shown["steps"]] == list(range(1, len(shown["steps"]) + 1))
    assert [host["name"] for host in shown["hosts"]] == ["be", "fe-1", "fe-2", "fe-3", "fe-4"]
    assert (shown["downtime_seconds"], shown["unasked_seconds"]) == (10, 5)
    assert shown["link"] == f"http://testserver/runs/{run.number}/"


def test_downtime_that_nobody_measured_is_null(viewing: Caller, releaser: Operator) -> None:
    run = scenery.run(
        scenery.plan(releaser), releaser, started=timezone.now() - timedelta(days=9), ended=timezone.now() - timedelta(days=8)
    )
    shown = content(viewing.get(f"runs/{run.number}"))
    assert (shown["downtime_seconds"], shown["unasked_seconds"]) == (None, None)


def test_the_log_is_read_from_a_number_on(viewing: Caller, releaser: Operator) -> None:
    run = scenery.run(scenery.plan(releaser), releaser)
    scenery.log(run, ("fe-1", "one\ntwo"), ("fe-2", "<b>three</b>"), ("fe-1", "four"))
    whole = content(viewing.get(f"runs/{run.number}/log"))
    assert [(line["seq"], line["host"], line["text"]) for line in whole["items"]] == [
        (1, "fe-1", "one"),
        (2, "fe-1", "two"),
        (3, "fe-2", "<b>three</b>"),
        (4, "fe-1", "four"),
    ]
    assert (whole["next"], whole["last"]) == (None, 4)
    page = content(viewing.get(f"runs/{run.number}/log", after=1, limit=2))
    assert ([line["seq"] for line in page["items"]], page["next"]) == ([2, 3], "3")
    assert content(viewing.get(f"runs/{run.number}/log", after=4))["items"] == []
    assert [line["seq"] for line in content(viewing.get(f"runs/{run.number}/log", host="fe-2"))["items"]] == [3]


# -- Starting


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the gates, which ask the world."""
    monkeypatch.setitem(runs_api._starters, "release", runs_api._start_plainly)


@pytest.mark.usefixtures("plainly")
def test_the_same_key_starts_once(releasing: Caller, releaser: Operator) -> None:
    made, key = scenery.plan(releaser), str(uuid.uuid4())
    wanted = {"plan": str(made.pk), "hash": made.hash}
    first = content(releasing.post("runs", wanted, **{"Idempotency-Key": key}))
    again = content(releasing.post("runs", wanted, **{"Idempotency-Key": key}))
    assert first["id"] == again["id"]
    assert first["state"] == "queued"
    assert Run.objects.count() == 1


@pytest.mark.usefixtures("plainly")
def test_a_held_lock_says_who_when_and_where(releasing: Caller, releaser: Operator) -> None:
    made = scenery.plan(releaser)
    wanted = {"plan": str(made.pk), "hash": made.hash}
    first = content(releasing.post("runs", wanted, **{"Idempotency-Key": str(uuid.uuid4())}))
    held = problem(releasing.post("runs", wanted, **{"Idempotency-Key": str(uuid.uuid4())}), 409)
    assert (held["run"], held["who"], held["link"]) == (first["id"], "releaser", first["link"])
    assert held["when"]
    assert Run.objects.count() == 1


@pytest.mark.usefixtures("plainly")
@pytest.mark.parametrize(
    ("change", "headers", "status", "said"),
    [
        ({"hash": "0" * 64}, {}, 409, "not the plan that you looked at"),
        ({"plan": str(uuid.UUID(int=7))}, {}, 404, "There is none"),
        ({"plan": "seven"}, {}, 422, "plan:"),
        ({"hash": None}, {}, 422, "hash:"),
        ({}, {"Idempotency-Key": ""}, 422, "Idempotency-Key"),
        ({}, {"Idempotency-Key": "short"}, 422, "no Idempotency-Key"),
        ({}, {"Idempotency-Key": "<script>alert(1)</script>"}, 422, "no Idempotency-Key"),
    ],
)
def test_what_cannot_be_started_says_why(
    releasing: Caller, releaser: Operator, change: dict[str, Any], headers: dict[str, str], status: int, said: str
) -> None:
    made = scenery.plan(releaser)
    wanted = {"plan": str(made.pk), "hash": made.hash, **change}
    refused = problem(releasing.post("runs", wanted, **{"Idempotency-Key": str(uuid.uuid4()), **headers}), status)
    assert said in refused["detail"]
    assert not Run.objects.exists()


def test_without_the_header_it_is_named(releasing: Caller, releaser: Operator) -> None:
    made = scenery.plan(releaser)
    refused = problem(releasing.post("runs", {"plan": str(made.pk), "hash": made.hash}), 422)
    assert refused["errors"] == [{"where": "Idempotency-Key", "said": "Field required"}]


# -- Bad input


HOSTILE = [
    "'; DROP TABLE run;--",
    "../../etc/passwd",
    "%00",
    "\x00",
    "-1",
    "9" * 40,
    "1e9",
    "NaN",
    "<script>",
    "é",
    "\u202e",
    "x" * 3000,
    " ",
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:24])
@pytest.mark.parametrize(
    ("path", "parameter"),
    [("services", "cursor"), ("services", "limit"), ("hosts", "cursor"), ("hosts", "limit"), ("hosts", "service"), ("hosts", "gone"),
     ("runs", "cursor"), ("runs", "limit"), ("runs", "state"), ("releases", "cursor"), ("releases", "limit")],
)  # fmt: skip
def test_no_parameter_makes_a_500(viewing: Caller, path: str, parameter: str, value: str) -> None:
    response = viewing.get(path, **{parameter: value})
    if "\0" in value:
        problem(response, 400)
    else:
        assert response.status_code == 200 or problem(response, 422)


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:24])
@pytest.mark.parametrize("path", ["services", "hosts", "runs", "plans", "releases"])
def test_no_path_makes_a_500(viewing: Caller, path: str, value: str) -> None:
    from urllib.parse import quote

    response = viewing.get(f"{path}/{quote(value, safe='')}")
    assert response.status_code in ((400,) if "\0" in value else (404, 405, 422))
    problem(response, response.status_code)


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", '"plan"', "{}", b"\xff\xfe", '{"service": {"a": 1}}', '{"service": null}', "[" * 2000]
)
@pytest.mark.parametrize("path", ["plans", "runs"])
def test_no_body_makes_a_500(releasing: Caller, path: str, body: str | bytes) -> None:
    response = releasing.post(path, body, **{"Idempotency-Key": str(uuid.uuid4())})
    assert response.status_code in (400, 422)
    problem(response, response.status_code)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"service": "erp", "environment": "production"}, "There is: magento in production"),
        ({"service": "magento", "environment": "production", "strategy": "blue-green"}, "There is no strategy"),
        ({"service": "magento", "environment": "production", "relaunch_of": 999}, "There is no run 999"),
    ],
)
def test_what_cannot_be_planned_names_what_there_is(releasing: Caller, wanted: dict[str, Any], said: str) -> None:
    response = releasing.post("plans", wanted)
    assert response.status_code in (404, 422)
    assert said in problem(response, response.status_code)["detail"]


@pytest.mark.parametrize("path", ["", "nothing", "services/magento/x", "runs/1/nothing", "docs", "openapi.yaml"])
def test_what_is_not_there_is_a_problem_document_too(viewing: Caller, path: str) -> None:
    assert "openapi.json" in problem(viewing.get(path), 404)["detail"]


@pytest.mark.parametrize("path", [*LISTS, "plans"])
def test_another_method_is_told_which_one_is_possible(viewing: Caller, path: str) -> None:
    response = viewing._client.delete(f"/api/v1/{path}")
    assert response.headers["Allow"] in problem(response, 405)["detail"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (remote.NotFound("no branch x", "Name another."), 422),
        (remote.Busy("Must be Ready", "Wait."), 409),
        (remote.Refused("no", "Look."), 422),
        (remote.Denied("no role", "Give one."), 502),
        (remote.Throttled("slow down", "Wait."), 503),
        (remote.Unreachable("no connection", "Look."), 502),
        (remote.Unanswered("no answer", "Look."), 504),
        (remote.RemoteError("git is not installed", "Install it."), 502),
    ],
)
def test_each_refusal_of_the_world_has_its_status(
    releasing: Caller, monkeypatch: pytest.MonkeyPatch, error: remote.RemoteError, status: int
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(deployments.actions, "plan_release", fails)
    told = problem(releasing.post("plans", {"service": "magento", "environment": "production"}), status)
    assert told["detail"] == error.told
    assert told["next_step"] == error.next_step


def test_every_refusal_of_a_person_is_a_409(releasing: Caller, releaser: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Run:
        raise actions.NotNow("Not now.")

    monkeypatch.setitem(runs_api._starters, "release", fails)
    made = scenery.plan(releaser)
    problem(releasing.post("runs", {"plan": str(made.pk), "hash": made.hash}, **{"Idempotency-Key": str(uuid.uuid4())}), 409)


# -- The description


def test_openapi_describes_every_route_and_says_how_to_get_in() -> None:
    described = content(Client().get("/api/v1/openapi.json"))
    schemes = described["components"]["securitySchemes"]
    assert {"http", "apiKey"} == {scheme["type"] for scheme in schemes.values()}
    for path in ("services", "hosts", "plans", "releases", "runs", "runs/{number}", "runs/{number}/log"):
        assert f"/api/v1/{path}" in described["paths"]


def test_no_two_documents_share_a_name() -> None:
    """OpenAPI names them by their class alone: the second of a name would be described as the first."""
    named: dict[str, set[type]] = {}

    def look(kind: Any) -> None:
        for each in get_args(kind):
            look(each)
        if isinstance(kind, type) and issubclass(kind, Schema):
            named.setdefault(kind.__name__, set()).add(kind)
            for inside in kind.model_fields.values():
                look(inside.annotation)

    for module in {sys.modules[operation.view_func.__module__] for operation in bound()}:
        for each in vars(module).values():
            look(each)
    assert len(named) > 60
    assert not {name: kinds for name, kinds in named.items() if len(kinds) > 1}


def bound() -> list[Any]:
    return [each for router in api.api._get_bound_routers() for path in router.path_operations.values() for each in path.operations]


def test_no_route_is_open_but_the_description(person: Callable[[str, Role], Operator]) -> None:
    """Every route of the URL conf, asked without a token: none answers with more than who is calling."""
    found = {str(pattern.pattern) for pattern in api.urls[0]}
    assert "services" in found
    some = str(uuid.UUID(int=1))
    for path in found - {"", "<path:rest>", "openapi.json"}:
        real = path.replace("<uuid:plan_id>", some).replace("<plan_id>", some)
        real = re.sub(r"<\w+>", "magento", re.sub(r"<int:\w+>", "1", real))
        assert Client().get(f"/api/v1/{real}").status_code in (401, 405), path


def machine(key: str, name: str, **more: Any) -> None:
    now = timezone.now()
    facts = {"private_ip": "10.0.1.21", "zone": "eu-west-3a", "state": "running", "beanstalk": ""}
    Resource.objects.create(kind="instance", key=key, name=name, source="machines", facts=facts, first_seen=now, changed=now, **more)


def test_hosts_of_every_kind_are_listed_once(viewing: Caller) -> None:
    scenery.observed()
    machine("i-0b6a1f7c93d4e2508", "openvpn")
    machine("i-08d2e6b41f09c7a53", "fe-1")  # which Beanstalk told of, too
    machine("i-0000000000000dead", "ansible", gone=timezone.now())
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = content(viewing.get("hosts", limit=2, cursor=cursor))
        found, cursor = [*found, *page["items"]], page["next"]
    assert [host["instance_id"] for host in found] == sorted(host["instance_id"] for host in found)
    assert sorted(host["name"] for host in found) == ["be", "fe-1", "fe-2", "fe-3", "fe-4", "openvpn"]
    assert next(host for host in found if host["name"] == "fe-1")["service"] == "magento"
    vpn = content(viewing.get("hosts/i-0b6a1f7c93d4e2508"))
    assert (vpn["name"], vpn["private_ip"], vpn["service"], vpn["state"]) == ("openvpn", "10.0.1.21", "", "running")
    assert "ansible" in [host["name"] for host in content(viewing.get("hosts", gone="true"))["items"]]
    assert "openvpn" not in [host["name"] for host in content(viewing.get("hosts", service="magento"))["items"]]
    assert viewing.get("hosts/i-00000000000000000").status_code == 404
