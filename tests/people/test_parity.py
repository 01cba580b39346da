"""Everything that a person does on a page a program does by the API, with the same permission; what is left out says why."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from people.models import AuditEntry, Operator, Token
from runs.models import Effect, Run, Step
from tests import scenery
from tests.people.decisions import API, PAGES
from tests.people.test_matrix import operations

TWINS = {
    "deployments:plan-new": "POST /plans",
    "deployments:operation-new": "POST /operations",
    "deployments:start": "POST /runs",
    "deployments:approve": "POST /plans/{plan_id}/approvals",
    "deployments:break-glass": "POST /plans/{plan_id}/break-glass",
    "deployments:book": "POST /plans/{plan_id}/bookings",
    "deployments:booking-cancel": "DELETE /bookings/{booking_id}",
    "runs:cancel": "POST /runs/{int:number}/cancel",
    "runs:check-now": "POST /runs/{int:number}/adopt",
    "runs:resume": "POST /runs/{int:number}/resume",
    "runs:give-up": "POST /runs/{int:number}/give-up",
    "runs:release-lock": "POST /runs/{int:number}/release-lock",
    "runs:by-hand": "POST /runs/{int:number}/steps/{int:position}/by-hand",
    "access:vpn-create": "POST /vpn-users",
    "access:vpn-change": "POST /vpn-users/{name}/{deed}",
    "access:allow": "POST /allowed-addresses",
    "access:allow-myself": "POST /allowed-addresses/myself",
    "access:allow-close": "POST /allowed-addresses/{int:entry}/close",
    "access:allow-agree": "POST /allowed-addresses/{int:entry}/agree",
    "alarms:start": "POST /runs",
    "alarms:mute": "POST /mutes",
    "alarms:unmute": "POST /mutes/{rule}/end",
    "alarms:apply": "POST /alarms/{name}/plans",
    "alarms:acknowledge": "POST /alarms/{name}/acknowledgement",
    "console-drain": "POST /drain",
    "console-lift": "DELETE /drain",
    "access:vpn-claim": "POST /vpn-users/{name}/claim",
    "access:vpn-revoke-unknown": "POST /vpn-users/{name}/revoke-unknown",
    "access:vpn-reapply": "POST /vpn/reapply",
    "access:vpn-crl": "POST /vpn/crl",
    "alarms:subscribe": "POST /alarm-subscriptions",
    "deployments:follow": "POST /services/{service}/{environment}/following",
    "deployments:reopen": "POST /services/{service}/{environment}/reopening",
    "deployments:by-hand-note": "POST /by-hand/{thing}/notes",
    "deployments:rundeck-run": "POST /rundeck-jobs/{job}/runs",
    "handover:operate": "POST /resource-operations",
    "handover:say": "POST /claims/{int:claim}/statements",
    "people:let-in": "POST /operators",
    "people:role": "POST /operators/{int:person}",
    "people:active": "POST /operators/{int:person}",
    "people:link": "POST /operators/{int:person}/links",
    "people:remove-second-factors": "DELETE /operators/{int:person}/second-factors",
    "people:end-sessions": "DELETE /operators/{int:person}/sessions",
    "people:revoke-token": "DELETE /operators/{int:person}/tokens/{int:token}",
    "people:account-token": "POST /tokens",
}
HANDED_OVER = "what it shows is a secret that one person takes once, and looks at"
ONES_OWN = "by which way somebody hears of things is theirs, and a token of a build is nobody whom one tells"
PAGES_ALONE = {
    "access:vpn-download": HANDED_OVER,
    "access:vpn-link": HANDED_OVER,
    "access:ftp-show": HANDED_OVER,
    "access:ftp-rotate": HANDED_OVER,
    "notifications:add": ONES_OWN,
    "notifications:change": ONES_OWN,
    "handover:renew": "it takes a private key, which is handed in by a person and kept nowhere",
}


def without_twin(pages: set[str]) -> str:
    new, gone = sorted(pages - set(TWINS) - set(PAGES_ALONE)), sorted((set(TWINS) | set(PAGES_ALONE)) - pages)
    said = [f"“{name}” acts on a page: give the API the same action, and name it in TWINS" for name in new]
    return "\n".join(said + [f"there is no “{name}” any more" for name in gone])


def test_what_acts_on_a_page_acts_in_the_api() -> None:
    acting = {name for name, decided in PAGES.items() if decided.who == "act"}
    assert not without_twin(acting), without_twin(acting)
    assert not set(TWINS) & set(PAGES_ALONE)
    assert "deployments:new-one" in without_twin({*acting, "deployments:new-one"})  # it can fail


def test_each_twin_exists_and_asks_for_the_same_permission() -> None:
    there = set(operations())
    for page, operation in TWINS.items():
        assert operation in there, operation
        if page not in ("alarms:start",):  # the plan's kind decides
            assert PAGES[page].action == API[operation].action, f"{page} and {operation}"


# -- the decisions about a run, by a token


@pytest.fixture
def program(releaser: Operator) -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.issue(releaser, 'build', lives=timedelta(hours=1))[1]}"})


def waiting(by: Operator, state: str = Run.State.UNKNOWN) -> Run:
    run = scenery.run(scenery.plan(by), by, state=state)
    run.steps.filter(position=1).update(state=Step.State.UNKNOWN)
    return run


def sent(program: Client, run: Run, what: str, **body: str) -> tuple[int, str]:
    answer = program.post(f"/api/v1/runs/{run.number}/{what}", body, "application/json")
    return answer.status_code, answer.json().get("state") or answer.json()["detail"]


@pytest.mark.django_db
def test_a_program_settles_a_run_that_waits(program: Client, releaser: Operator) -> None:
    run = waiting(releaser)
    assert sent(program, run, "steps/1/by-hand", evidence=" ")[0] == 409  # a word of evidence is asked for
    assert sent(program, run, "steps/99/by-hand", evidence="seen")[0] == 404
    assert sent(program, run, "steps/1/by-hand", evidence="$ maintenance:status\nactive") == (200, "running")
    step = run.steps.get(position=1)
    assert (step.state, step.evidence) == (Step.State.BY_HAND, "$ maintenance:status\nactive")
    assert not Effect.objects.filter(step=step).exists()
    assert sent(program, run, "steps/1/by-hand", evidence="again")[0] == 409


@pytest.mark.django_db
def test_a_program_resumes_adopts_and_gives_up(program: Client, releaser: Operator) -> None:
    run = waiting(releaser)
    assert sent(program, run, "resume") == (200, "running")
    Run.objects.filter(pk=run.pk).update(state=Run.State.UNKNOWN)
    assert sent(program, run, "adopt") == (200, "running")
    Run.objects.filter(pk=run.pk).update(state=Run.State.UNKNOWN)
    assert sent(program, run, "release-lock", reason="nobody is there")[0] == 409  # it has not ended
    assert sent(program, run, "give-up", reason="")[0] == 409
    assert sent(program, run, "give-up", reason="looked myself") == (200, "failed")
    assert sent(program, run, "release-lock", reason="nobody is there") == (200, "failed")
    assert not Run.objects.get().holds_lock
    assert sent(program, run, "adopt")[0] == 409
    told = list(AuditEntry.objects.filter(run=run.number).order_by("number").values_list("action", flat=True))
    assert told == ["resume run", "check run now", "give run up", "release lock"]


@pytest.mark.django_db
@pytest.mark.parametrize("strength, status", [("after_step", 200), ("abort", 200), ("stop_watching", 200), ("none", 422), ("kill", 422)])
def test_a_program_stops_a_run_in_each_strength(program: Client, releaser: Operator, strength: str, status: int) -> None:
    run = waiting(releaser, Run.State.RUNNING)
    assert sent(program, run, "cancel", strength=strength)[0] == status
    assert Run.objects.get().cancel == (strength if status == 200 else "none")
