"""A command on a host, through the engine and the runner's real script: what an abort makes of it, and when it may start again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from people.models import AuditEntry, Operator
from remote.ssh.client import Door
from remote.ssh.connections import Result
from remote.ssh.runner import SCRIPT, Runner
from runs import actions, effects, host_commands, looking
from runs.engine import tick
from runs.host_commands import Detached
from runs.models import Effect, Run, Step
from runs.plan import Act
from runs.plan import Step as Planned
from tests.remote.test_runner_script import MAY_NOT_KILL, is_running, wait_for
from tests.runs.conftest import Start

pytestmark = pytest.mark.django_db(transaction=True)


class Here(Door):
    """The host is a folder of this machine. Its user may not end the processes that `spared` names."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.root, self.spared = folder / "root", folder / "spared"
        self.on_start: Callable[[], Any] = lambda: None

    def run(self, host: str, argv: Sequence[str], stdin: bytes = b"", deadline: float = 10.0) -> Result:
        script = MAY_NOT_KILL.format(spared=self.spared)
        environment = {**os.environ, "OPSCONSOLE_ROOT": str(self.root)}
        done = subprocess.run(
            ["sh", "-c", script, str(SCRIPT), *argv[1:]], check=False, env=environment, stdin=subprocess.DEVNULL, capture_output=True
        )
        if argv[2] == "attend":
            self.on_start()
        return Result(done.returncode, done.stdout, done.stderr)

    def stream(self, host: str, argv: Sequence[str], deadline: float = 60.0) -> Iterator[bytes]:
        yield self.run(host, argv).out


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    door = Here(tmp_path)
    door.spared.touch()
    monkeypatch.setattr(host_commands, "runner", lambda: Runner(door))
    monkeypatch.setattr("runs.work.ASK_FOR_CANCEL", 0.0)
    monkeypatch.setitem(effects._kinds, "detached", Detached())
    return door


def one_command(start: Start, script: str) -> Run:
    return start(Planned("only", "Only", (Act("detached", "cmd", "fe-1", argv=("sh", "-c", script), params={"ip": "10.0.0.1"}),)))


def started_on(host: Here, run: Run) -> list[str]:
    """The keys under which the runner has started something."""
    return sorted(pid.parent.name for pid in (host.root / "var/lib/opsconsole" / str(run.number)).glob("*/pid"))


def expect_doubt(run: Run, left: int) -> None:
    run.refresh_from_db()
    assert run.state == Run.State.UNKNOWN
    assert f"fe-1: the command was cancelled, and 1 of its processes could not be ended: {left}." in run.said
    assert (run.effects.get().state, run.steps.get().state) == (Effect.State.UNKNOWN, Step.State.UNKNOWN)
    assert f"sudo kill -KILL {left}" in looking.look(run)[0].said


def test_what_an_abort_could_not_end_keeps_the_next_attempt_waiting(host: Here, start: Start, releaser: Operator) -> None:
    once = f"{host.spared}.once"
    run = one_command(start, f'[ ! -e {once} ] || exit 0; touch {once}; sleep 60 & echo " $! " >{host.spared}; wait')
    host.on_start = lambda: actions.cancel_run(run, Run.Cancel.ABORT, by=releaser)
    tick(run.number)
    left = int(host.spared.read_text())
    try:
        expect_doubt(run, left)
        for go_on in (actions.check_now, actions.resume):
            go_on(run, by=releaser)
            tick(run.number)
            expect_doubt(run, left)
        assert started_on(host, run) == ["cmd"]
    finally:
        os.kill(left, signal.SIGKILL)
    wait_for(lambda: not is_running(left))
    actions.check_now(run, by=releaser)
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert "nothing of it is left running" in run.said
    host.on_start = lambda: None
    actions.resume(run, by=releaser)
    tick(run.number)
    run.refresh_from_db()
    assert (run.state, len(started_on(host, run))) == (Run.State.SUCCEEDED, 2)


@pytest.mark.parametrize("stubborn", [True, False])
def test_an_abort_says_in_the_end_what_is_true_then(host: Here, start: Start, releaser: Operator, stubborn: bool) -> None:
    run = one_command(start, f'sleep 60 & echo " $! " >{host.spared}{"" if stubborn else ".not"}; wait')
    host.on_start = lambda: actions.cancel_run(run, Run.Cancel.ABORT, by=releaser)
    tick(run.number)
    if stubborn:
        assert AuditEntry.objects.filter(action="effect", result="unknown").count() == 1
        expect_doubt(run, left := int(host.spared.read_text()))
        os.kill(left, signal.SIGKILL)
        wait_for(lambda: not is_running(left))
        actions.check_now(run, by=releaser)
        tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert "aborted it in “Only”. fe-1: the command was cancelled; nothing of it is left running" in run.said
    assert "could not be ended" not in run.said
    assert run.effects.get().state == Effect.State.FAILED
