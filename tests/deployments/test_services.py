"""The three smaller applications against the estate in a box: each is released, the money guard, one lock for all, what a plan shows."""

from __future__ import annotations

import json
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from deployments import actions, consent, doors, kinds, money
from deployments.actions import Choice, NotStartable
from deployments.bundle import BundleRefused
from deployments.recipe import recipe
from estate import observe
from estate.definition import Target
from estate.models import Host
from estate.reading import current
from monitoring import prober
from people.models import Operator, Role
from remote.http import fetch
from runs.engine import tick
from runs.models import Run
from tests import box
from tests.working import at_rest, through, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
SERVICES = ("pim", "custom-connection", "mirakl-cashout")


@pytest.fixture(autouse=True)
def rested(control: box.Control) -> None:
    until(_are_at_rest)
    for host in Host.objects.filter(service__in=SERVICES):
        doors.runner().install(str(host.private_ip))


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the tests run, no payout is near; those about payouts say so themselves."""
    monkeypatch.setattr("deployments.money.window_at", lambda money, now: None)


def _are_at_rest() -> bool:
    return all(at_rest(_target(service)) for service in SERVICES)


def _target(service: str) -> Target:
    return current().target(service, "production")


def _approved(plan: Any) -> Any:
    """By a second person, where the estate asks for one."""
    if _target(plan.service).approval:
        second, _ = Operator.objects.get_or_create(username="second", defaults={"role": Role.RELEASER})
        consent.approve(plan, hash=plan.hash, by=second)
    return plan


def _start(plan: Any, by: Operator, **more: Any) -> Run:
    _approved(plan)
    words: dict[str, Any] = {"hash": plan.hash, "confirmation": "production", "idempotency_key": uuid.uuid4().hex, "by": by}
    return actions.start_release(plan, **(words | more))


@pytest.mark.parametrize(
    ("service", "deployed", "commands", "before"),
    [
        ("pim", 12, ["01_credentials", "02_schema", "03_owner"], ["writes /tmp/parameters.yml"]),
        (
            "custom-connection",
            8,
            ["01_credentials", "02_schema", "03_owner", "04_ftp_user", "05_ftp_password", "06_ftp_directories"],
            [
                "installs vsftpd",
                "writes /etc/vsftpd/vsftpd.conf",
                "keeps vsftpd running",
                "writes /tmp/parameters.yml",
                "writes /tmp/ftp-user",
            ],
        ),
        (
            "mirakl-cashout",
            5,
            ["01_configuration", "02_schema", "03_owner"],
            ["writes /tmp/parameters.yml", "writes /etc/httpd/conf.d/cashout.conf", "writes /etc/cron.d/cashout"],
        ),
    ],
)
def test_each_is_released_and_looked_at(
    control: box.Control, client: Client, releaser: Operator, service: str, deployed: int, commands: list[str], before: list[str]
) -> None:
    target = _target(service)
    plan = _approved(actions.plan_release(target, Choice(), by=releaser))
    facts = plan.document["facts"]
    assert int(facts["release"].removeprefix("r")) > deployed, "one above every number that was ever seen"
    assert facts["label"] == f"{service}-{facts['release']}-{facts['magento']['to'][:7]}"
    assert facts["previous_label"].startswith(f"{service}-r")
    assert facts["magento"]["from"], "what is live is known by its label"
    assert [each["name"] for each in facts["recipe"]["commands"]] == commands
    assert [each["name"] for each in facts["recipe"]["commands"] if each["leader_only"]] == ["02_schema"]
    assert [each["what"] for each in facts["recipe"]["before"]] == before
    assert all(gate.state == "ok" for gate in actions.gates_of(plan)), actions.gates_of(plan)

    run = through(_start(plan, releaser), beside=prober.probe)

    assert run.state == Run.State.SUCCEEDED, run.said
    client.force_login(releaser)
    page = client.get(f"/runs/{run.number}/").content.decode()
    assert "Was the service down?" in page, "its one host was replaced: somebody asked it from outside meanwhile"
    assert not [words for words in ("without a shop", "the shop", "<b>Shop</b>") if words in page], "it is none"
    assert Host.objects.get(service=service, gone=None).version == facts["label"]
    answer = fetch(target.address)
    assert (answer.status, facts["label"] in answer.text) == (200, True)
    assert not Run.objects.filter(holds_lock=True).exists()


def test_what_the_deployment_should_have_set_up_is_looked_at(control: box.Control, releaser: Operator) -> None:
    """vsftpd does not come up, and Beanstalk says success: the run says no."""
    control.fault("service-stopped", "custom-1", times=-1, service="vsftpd")
    run = through(_start(actions.plan_release(_target("custom-connection"), Choice(), by=releaser), releaser))
    assert run.state == Run.State.FAILED
    assert "service vsftpd status" in run.said


def test_one_lock_for_all_three(control: box.Control, releaser: Operator) -> None:
    first = actions.plan_release(_target("pim"), Choice(), by=releaser)
    second = actions.plan_release(_target("mirakl-cashout"), Choice(), by=releaser)
    run = _start(first, releaser)
    with pytest.raises(NotStartable, match=f"run {run.number}"):
        _start(second, releaser)
    assert through(run).state == Run.State.SUCCEEDED
    until(_are_at_rest)
    assert through(_start(second, releaser)).state == Run.State.SUCCEEDED


def test_no_release_around_a_payout_nor_while_one_runs(control: box.Control, releaser: Operator, monkeypatch: pytest.MonkeyPatch) -> None:

    plan = actions.plan_release(_target("mirakl-cashout"), Choice(), by=releaser)
    control.fault("payout-runs", "mirakl-1")
    with pytest.raises(NotStartable, match="a payout runs"):
        _start(plan, releaser)
    control.clear()
    guarded = _target("mirakl-cashout").money
    assert guarded is not None
    near = money.Window(*(timezone.now().astimezone(guarded.zone) + timedelta(minutes=each) for each in (-10, 20, 80)))
    monkeypatch.setattr("deployments.money.window_at", lambda money, now: near)
    with pytest.raises(NotStartable, match="No payout is near"):
        _start(plan, releaser)
    assert not Run.objects.exists()
    other = actions.plan_release(_target("pim"), Choice(), by=releaser)
    assert all(gate.key not in ("payout", "paying") for gate in actions.gates_of(other)), "the PIM pays nobody"


def test_a_payout_that_begins_after_the_preflight_stops_the_run_before_the_deployment(
    control: box.Control, releaser: Operator, settings: Settings
) -> None:
    settings.TICK_SECONDS = 0.05  # so that the run can be looked at between two of its steps
    run = _start(actions.plan_release(_target("mirakl-cashout"), Choice(), by=releaser), releaser)
    before = Host.objects.get(service="mirakl-cashout").version
    end = time.monotonic() + 60
    while run.state in (Run.State.QUEUED, Run.State.RUNNING):
        if run.steps.filter(key="preflight", state="done").exists():
            control.fault("payout-runs", "mirakl-1")
        tick(run.number)
        run.refresh_from_db()
        assert time.monotonic() < end, run.said
    assert run.state == Run.State.FAILED
    assert run.steps.get(state="failed").key == "no-payout"
    observe.refresh(_target("mirakl-cashout"), max_age=0.4)
    assert Host.objects.get(service="mirakl-cashout").version == before


def test_a_directory_that_is_not_there_is_refused(control: box.Control, releaser: Operator, settings: Settings, tmp_path: Path) -> None:
    changed = tmp_path / "estate.yaml"
    changed.write_text(Path("estate.yaml").read_text().replace("directory: pim}", "directory: pin}"))
    settings.ESTATE_FILE = changed
    with pytest.raises(BundleRefused, match="no directory “pin”"):
        actions.plan_release(_target("pim"), Choice(), by=releaser)


def test_the_grammar_of_the_estate_knows_the_kinds_that_there_are() -> None:
    grammar = json.loads(Path("estate/schema.json").read_text())
    plan = grammar["properties"]["services"]["additionalProperties"]["properties"]["plan"]
    assert set(plan["enum"]) == set(kinds.KINDS)


class _Configuration:
    """A mirror with one file."""

    def __init__(self, text: str) -> None:
        self._text = text

    def tree(self, commit: str, *, sizes: bool) -> list[Any]:
        from remote.git import Entry

        return [Entry("100644", "blob", "ab" * 20, len(self._text), "pim/.ebextensions/40.config")]

    def file(self, commit: str, path: str) -> bytes:
        return self._text.encode()


@pytest.mark.parametrize("text", ["a: [", "- list", "container_commands: text", "container_commands: [1]"])
def test_a_configuration_that_beanstalk_cannot_read_is_said(text: str) -> None:
    mirror: Any = _Configuration(text)
    found = recipe(mirror, "c0ffee", "pim")
    assert found["commands"] == []
    assert len(found["wrong"]) == 1


def test_what_is_not_of_the_directory_is_not_in_the_recipe() -> None:
    mirror: Any = _Configuration("container_commands: {01_one: {command: [a, b], leader_only: true}}")
    assert recipe(mirror, "c0ffee", "custom-connection") == {"commands": [], "before": [], "wrong": []}
    (one,) = recipe(mirror, "c0ffee", "pim")["commands"]
    assert one == {"name": "01_one", "command": "a b", "file": "40.config", "leader_only": True, "may_fail": False}
