"""Child processes: they are started again, they end with their parent, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from door.children import Child, Children
from door.places import ROOT, Failed

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True); time.sleep(60)",
]


def until(is_so: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """A zombie that nobody has collected yet does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def child(tmp_path: Path, argv: list[str], **more: object) -> Child:
    return Child("thing", argv, dict(os.environ), tmp_path / "logs" / "thing.log", **more)  # type: ignore[arg-type]


def pid_of(child: Child) -> int:
    assert child.process
    return child.process.pid


def test_all_end_with_the_block_even_the_stubborn_and_their_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("door.children._GRACE", 0.5)
    stubborn = child(tmp_path, STUBBORN)
    with Children() as children:
        children.start(stubborn)
        children.wait_until("its child", lambda: stubborn.log.read_text().endswith("\n"), seconds=20)
        first, grandchild = pid_of(stubborn), int(stubborn.log.read_text())
        assert lives(grandchild)
    until(lambda: not lives(first) and not lives(grandchild))


def test_what_died_is_started_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Children() as children:
        one = children.start(child(tmp_path, SLEEP))
        first = pid_of(one)
        os.kill(first, signal.SIGKILL)
        until(lambda: not one.is_alive)
        children._look(restart=True)
        assert one.is_alive
        assert pid_of(one) != first
    assert "thing ended (-9) and is started again." in capfd.readouterr().err


def test_what_dies_again_and_again_ends_it_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Children() as children:
        children.start(child(tmp_path, [sys.executable, "-c", "raise SystemExit('the reason')"]))
        with pytest.raises(Failed, match="the reason"):
            children.watch(ended=lambda: False)


def test_what_must_not_die_ends_it_at_once(tmp_path: Path) -> None:
    one = child(tmp_path, [sys.executable, "-c", ""], restarted=False)
    with Children() as children:
        children.start(one)
        with pytest.raises(Failed, match="“thing” ended with 0"):
            children.watch(ended=lambda: False)
    assert len(one.starts) == 1


def test_who_is_told_to_end_in_a_moment_that_loses_exceptions_ends(tmp_path: Path) -> None:
    told = iter([False, True])
    with Children() as children:
        children.start(child(tmp_path, SLEEP))
        children.watch(ended=lambda: next(told))


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with Children() as children:
        children.start(child(tmp_path, SLEEP))
        with pytest.raises(Failed, match="the moon: not within 0 seconds"):
            children.wait_until("the moon", lambda: False, seconds=0.3)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a signal for the parent's death")
def test_children_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = (
        "import os, sys, time; from pathlib import Path; from door.children import Child, Children\n"
        "child = Children().start(Child('thing', [sys.executable, '-c', 'import time; time.sleep(60)'], os.environ, Path(sys.argv[1])))\n"
        "print(child.process.pid, flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", parent, str(tmp_path / "log")]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert lives(pid)
        process.kill()
    until(lambda: not lives(pid))
