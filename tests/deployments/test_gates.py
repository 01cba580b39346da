"""The judgements of single gates; the whole of them is asked in `test_release`, over the wires."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from deployments import actions, failure, gates, guards, shipments
from deployments.actions import NotPlannable
from deployments.effects import looks
from deployments.effects.looks import Gates, Quiet, Shelf
from deployments.models import Release
from deployments.steps import PlannedHost
from estate.models import BeanstalkEnvironment, Host
from estate.reading import current
from people.models import Operator
from remote.aws import beanstalk, metrics, storage
from remote.errors import RemoteError, Unreachable
from remote.ssh.connections import Result
from runs import actions as runs
from runs import host_commands, witness
from runs.effects import CannotTell, Context, Done, Failed, Finding, NotDone, Running
from runs.models import Run
from runs.plan import Act, Plan, Step
from tests import scenery

TARGET = current().target("magento", "production")
HOST = PlannedHost("fe-1", "i-08d2e6b41f09c7a53", "10.0.101.24", "front", "client-magento-prod")


def _asked(**facts: Any) -> gates.Asked:
    return gates.Asked(TARGET, [HOST], facts)


@pytest.fixture
def held(releaser: Operator) -> Run:
    plan = Plan("release", "Release", "magento", "production", TARGET.lock_group, (Step("one", "One"),), {"relaunch_of": None})
    saved = runs.save_plan(plan, by=releaser)
    return runs.start_run(saved, hash=saved.hash, idempotency_key="held-by-a-test", by=releaser)


@pytest.mark.parametrize("state", [Run.State.FAILED, Run.State.CANCELLED])
def test_a_relaunch_takes_over_what_has_ended(held: Run, state: str) -> None:
    Run.objects.update(state=state)
    assert next(gates._lock(_asked(relaunch_of=held.number))).state == "ok"
    assert next(gates._lock(_asked(relaunch_of=None))).state == "bad"


def test_a_relaunch_does_not_take_over_what_still_runs(held: Run) -> None:
    assert next(gates._lock(_asked(relaunch_of=held.number))).state == "bad"


def test_who_deploys_to_an_environment_that_is_busy_is_told_apart(held: Run) -> None:
    scenery.observed()
    BeanstalkEnvironment.objects.filter(pk="client-magento-prod").update(status="Updating", seen=timezone.now())
    assert "someone else is deploying to client-magento-prod:" in next(gates._beanstalk(_asked())).said
    Run.objects.update(state=Run.State.RUNNING)
    assert f"run {held.number} is at work on client-magento-prod:" in next(gates._beanstalk(_asked())).said
    own = gates.Asked(TARGET, [HOST], {}, own_run=held.number)
    assert "someone else" in next(gates._beanstalk(own)).said, "the run itself asks before it has begun"
    Run.objects.update(lock_group=f"{TARGET.lock_group}-build")
    assert "someone else" in next(gates._beanstalk(_asked())).said, "what only builds does nothing there"


def test_what_a_gate_s_line_says_is_not_said_again_as_evidence() -> None:
    answers: dict[str, Result | RemoteError] = {
        "fe-1": Result(1, b"", b""),
        "fe-2": Unreachable("fe-2 does not answer.", "Look at it."),
        "fe-3": Result(0, b"", b""),
    }
    gate = gates._each(_asked(), "k", "T", answers, lambda found: "odd" if found.rc else "", "{n}")
    assert (gate.state, gate.said) == ("bad", "fe-1: odd")
    assert [line.partition(":")[0] for line in gate.evidence] == ["fe-2"]


@pytest.mark.parametrize("many", [1, 30])
def test_alarms_are_listed_where_the_line_has_no_room_for_them(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    names = tuple(f"client-alarm-{number}" for number in range(many))
    monkeypatch.setattr(metrics, "firing", lambda: [SimpleNamespace(name=name) for name in names])
    (gate,) = guards.alarms(_asked())
    assert gate.evidence == (names if many > 1 else ())


def test_a_lock_that_was_released_meanwhile_need_not_be_taken_over(held: Run) -> None:
    assert actions._still_held({"relaunch_of": held.number}) == held.number
    Run.objects.update(holds_lock=False)
    assert actions._still_held({"relaunch_of": held.number}) is None


def _host(**more: Any) -> Host:
    now = timezone.now()
    known = {"health_status": "Ok", "target_state": "healthy", "version": "r1-aaaaaaa", "seen": now, "target_seen": now, "state": "running"}
    place = {"service": "magento", "environment": "production", "tier": "front", "beanstalk": HOST.beanstalk}
    return Host.objects.create(instance_id=HOST.instance_id, name="fe-1", **(place | known | more))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "ok"),
        ({"target_state": "unhealthy"}, "bad"),
        ({"target_seen": None}, "unknown"),
        ({"seen": timezone.now() - timedelta(minutes=5)}, "unknown"),
    ],
)
def test_lights_count_only_while_they_are_fresh(more: dict[str, Any], state: str) -> None:
    _host(**more)
    assert {gate.key: gate.state for gate in gates._hosts(_asked())}["healthy"] == state


@pytest.mark.django_db
def test_a_stopped_instance_is_no_host_of_the_plan() -> None:
    _host()
    Host.objects.create(
        instance_id="i-0stopped", name="x", service="magento", environment="production", state="stopped", seen=timezone.now()
    )
    assert {gate.key: gate.said for gate in gates._hosts(_asked())}["hosts"].startswith("1 hosts")


@pytest.mark.parametrize(("told", "said"), [(1000, ""), (1009, ""), (1014, ""), (1020, "+10 s"), (990, "-9 s"), (996, "")])
def test_a_slow_answer_is_no_skew(told: int, said: str) -> None:
    assert gates._skew(Result(0, f"{told}\n".encode(), b""), before=1000.0, after=1010.0) == said


def _context(key: str) -> Context:
    return Context(7, 1, {}, datetime.now(UTC), {}, lambda host: None, lambda: False, 1.0, key=key)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("name", ["fe-1", "FE-1", "Client-Magento-Prod-9ad40", "a host with blanks", "x" * 90, "hôte"])
def test_a_host_may_have_any_name(name: str) -> None:
    key = host_commands.key_of(_context(f"maintenance-on:{name}"))
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", key.step)
    assert key != host_commands.key_of(_context(f"maintenance-on:{name}x"))


def test_old_bundles_go(tmp_path: Path) -> None:
    for n in range(shipments.KEPT + 3):
        path = tmp_path / f"{hashlib.sha256(bytes([n])).hexdigest()}.zip"
        path.write_bytes(b"PK")
    shipments._tidy(tmp_path)
    assert len(list(tmp_path.glob("*.zip"))) == shipments.KEPT


def test_only_a_release_of_this_target_is_deployed_again(releaser: Operator) -> None:
    facts = {"bucket": "b", "sha256": "0" * 64, "bytes": 1, "files": 1, "created_by": releaser, "service": "magento"}
    commits = {"magento_commit": "a" * 40, "configuration_commit": "b" * 40}
    Release.objects.create(number=418, label="r418-aaaaaaa", configuration_branch="prod", key="1", **facts, **commits)
    Release.objects.create(number=419, label="r419-aaaaaaa", configuration_branch="preprod", key="2", **facts, **commits)
    assert actions.earlier_release(TARGET, 418).label == "r418-aaaaaaa"
    for number in (419, 420, -1, 10**30):
        with pytest.raises(NotPlannable, match=f"r{number}"):
            actions.earlier_release(TARGET, number)


class Told:
    """Gates that answer what a test says, one answer after the other."""

    def __init__(self, run: Run, *answers: str, epoch: int = 1) -> None:
        self.lines: list[str] = []
        self._run, self._epoch = run, epoch
        self._answers = iter(answers)

    def probe(self, *, waited: timedelta = timedelta(0), **answer: Any) -> Finding:
        state = next(self._answers)

        class Asked(Gates):
            def ask(self, run: Run, context: Context) -> list[gates.Gate]:
                return [gates.Gate("lock", "The lock", "ok", "free"), gates.Gate("ready", "Ready", state, "AWS throttles")]

        context = Context(self._run.number, self._epoch, {}, timezone.now() - waited, answer, lambda host: self, lambda: False, 0.0)  # type: ignore[arg-type,return-value]
        return Asked().probe(Act("release.gates", "gates", "console"), context)

    def line(self, text: str) -> None:
        self.lines.append(text)


def test_what_cannot_be_asked_is_asked_again_and_told_once(held: Run) -> None:
    told = Told(held, "unknown", "unknown", "ok")
    found = told.probe()
    assert isinstance(found, Running)
    assert found.answer == {"unknown": "Ready: AWS throttles"}
    assert isinstance(told.probe(**found.answer), Running)
    assert told.lines == ["unknown  Ready: AWS throttles"]
    assert told.probe(**found.answer) == Done("2 of 2 gates are open")


def test_what_cannot_be_asked_for_too_long_starts_nothing(held: Run) -> None:
    assert isinstance(Told(held, "unknown").probe(waited=looks.UNASKABLE - timedelta(seconds=5)), Running)
    found = Told(held, "unknown").probe(waited=looks.UNASKABLE)
    assert found == Failed("Not started: Ready: AWS throttles. Nothing has been changed.")


def test_a_bad_gate_starts_nothing_at_once(held: Run) -> None:
    assert isinstance(Told(held, "bad").probe(), Failed)


def test_what_closes_a_gate_after_a_backup_was_put_back_may_be_the_run_s_own_and_a_person_tells(held: Run) -> None:
    fresh, put_back = (Told(held, "bad", epoch=epoch).probe() for epoch in (2, witness.FORWARD + 2))
    assert fresh == Failed("Not started: Ready: AWS throttles. Nothing has been changed.")
    assert isinstance(put_back, CannotTell)
    assert put_back.why.startswith("Ready: AWS throttles. This run may have left that itself")


def _looked(look: Quiet | Shelf, act: Act) -> tuple[Finding, Finding]:
    """What it finds in a run that the database knows whole, and in one whose backup was put back."""

    def at(epoch: int) -> Finding:
        out = Told(Run())
        return look.probe(act, Context(7, epoch, {}, timezone.now(), {}, lambda host: out, lambda: False, 0.0))  # type: ignore[arg-type,return-value]

    return at(2), at(witness.FORWARD + 2)


def test_nor_is_anything_called_as_it_was_then_where_a_payout_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "money", lambda asked: [gates.Gate("payout", "No payout is near", "bad", "the payout at 02:00")])
    act = Act("money.quiet", "no-payout", "console", params={"service": "mirakl-cashout", "environment": "production", "hosts": []})
    fresh, put_back = _looked(Quiet(), act)
    assert fresh == Failed("Not deployed: No payout is near: the payout at 02:00. The hosts are as they were.")
    assert isinstance(put_back, CannotTell)
    assert put_back.why.startswith("No payout is near: the payout at 02:00. This run may have left that itself, or gone on past here")


@pytest.mark.parametrize(
    ("waited", "aborted", "then"), [(timedelta(), False, Running), (timedelta(), True, NotDone), (looks.UNASKABLE, False, Failed)]
)
def test_a_host_that_cannot_say_whether_a_payout_runs_is_asked_again_for_a_while(
    monkeypatch: pytest.MonkeyPatch, waited: timedelta, aborted: bool, then: type[Finding]
) -> None:
    monkeypatch.setattr(gates, "money", lambda asked: [gates.Gate("paying", "No payout runs", "unknown", "cannot ask mirakl-1")])
    act = Act("money.quiet", "no-payout", "console", params={"service": "mirakl-cashout", "environment": "production", "hosts": []})
    out = Told(Run())
    context = Context(7, 2, {}, timezone.now() - waited, {}, lambda host: out, lambda: aborted, 0.0)  # type: ignore[arg-type,return-value]
    found = Quiet().probe(act, context)
    assert isinstance(found, then)
    if isinstance(found, Failed):
        assert found.said == "Not deployed: No payout runs: cannot ask mirakl-1. The hosts are as they were."


@pytest.mark.parametrize(
    ("version", "why"),
    [
        (None, "Beanstalk no longer has r8-aaaaaaa with s3://b/k"),
        (beanstalk.Version("a", "r8-aaaaaaa", "b", "k", "", "PROCESSED", None), "s3://b/k is gone: r8-aaaaaaa cannot be deployed again"),
    ],
)
def test_nor_is_it_called_undeployed_then_where_its_bundle_is_gone(
    monkeypatch: pytest.MonkeyPatch, version: beanstalk.Version | None, why: str
) -> None:
    monkeypatch.setattr(beanstalk, "version", lambda *_: version)
    monkeypatch.setattr(storage, "head", lambda *_: None)
    act = Act("release.shelf", "on-shelf", "AWS", params={"application": "a", "label": "r8-aaaaaaa", "bucket": "b", "key": "k"})
    fresh, put_back = _looked(Shelf(), act)
    assert fresh == Failed(f"{why}. Nothing has been deployed.")
    assert isinstance(put_back, CannotTell)
    assert put_back.why.startswith(f"{why}. This run may have left that itself, or gone on past here")


def test_nor_is_it_among_the_ways_out(releaser: Operator) -> None:
    run = scenery.run(scenery.plan(releaser), releaser, state=Run.State.FAILED)
    assert "Plan again" in {each.title for each in failure._choices(run, [], failed=True, mixed=False, refuted="")}
    run.epoch = witness.FORWARD + 2
    assert "Plan again" not in {each.title for each in failure._choices(run, [], failed=True, mixed=False, refuted="")}
