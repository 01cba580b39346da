"""The runner over SSH as the console's key may use it: a forced command, on asyncssh and on OpenSSH itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote.errors import Refused
from remote.ssh.client import Door
from remote.ssh.connections import Result
from remote.ssh.ports import Port, ports
from remote.ssh.runner import SCRIPT, Key, Runner
from tests.remote.sshd import SSHD, Estate, openssh, played

NASTY = ["a b", "", "$(id)", "'", '"', "\\", "*", "é€😀", "x\n", "-n", "--", "%41"]


@pytest.fixture(params=["played", "openssh"])
def runner(request: pytest.FixtureRequest, estate: Estate, tmp_path: Path) -> Iterator[Runner]:
    """On the host named "host"; its folder stands for `/`, and its programs may be stood in for in `bin`."""
    forced = f"/usr/bin/env OPSCONSOLE_ROOT={tmp_path}/root PATH={tmp_path}/bin:/usr/bin:/bin {SCRIPT}"
    door = Door()
    if request.param == "openssh":
        if not SSHD:
            pytest.skip("OpenSSH's sshd is not installed: its half of these tests did not run")
        with openssh(estate, "host", authorized_prefix=f'restrict,command="{forced}" '):
            yield Runner(door)
    else:
        with played(estate, "host", forced=forced):
            yield Runner(door)
    door.close()


def wait_until_over(runner: Runner, key: Key) -> None:
    until = time.monotonic() + 10
    while runner.status("host", key).kind == "running":
        assert time.monotonic() < until
        time.sleep(0.02)


def test_start_follow_and_the_end(runner: Runner) -> None:
    key = Key("41", "flush.be")
    runner.ensure("host")
    assert runner.status("host", key).kind == "absent"
    assert runner.start("host", key, ["printf", "%s|", *NASTY], epoch=1).kind == "started"
    assert b"".join(runner.follow("host", key, offset=0, seconds=10)).decode() == "|".join(NASTY) + "|"
    state = runner.status("host", key)
    assert (state.kind, state.rc, state.size) == ("finished", 0, len(("|".join(NASTY) + "|").encode()))
    assert runner.start("host", key, ["printf", "%s|", *NASTY], epoch=2) == state
    assert runner.tail("host", key, offset=2, limit=3) == b"b||"
    assert b"".join(runner.follow("host", key, offset=state.size, seconds=10)) == b""


def test_attend_starts_once_and_brings_the_log(runner: Runner) -> None:
    key = Key("41", "s1")
    state, log = runner.attend("host", key, ["sh", "-c", "echo one; sleep 0.3; echo two"], epoch=1, offset=0, seconds=10)
    assert state.kind == "started"
    assert b"".join(log) == b"one\ntwo\n"
    state, log = runner.attend("host", key, ["sh", "-c", "echo one; sleep 0.3; echo two"], epoch=1, offset=4, seconds=10)
    assert (state.kind, state.rc, b"".join(log)) == ("finished", 0, b"two\n")


def test_refusals_say_why(runner: Runner) -> None:
    key = Key("41", "s1")
    runner.start("host", key, ["true"], epoch=5)
    with pytest.raises(Refused, match="epoch: 4 is older than 5"):
        runner.start("host", key, ["true"], epoch=4)
    with pytest.raises(Refused, match="another command"):
        runner.start("host", key, ["false"], epoch=5)
    with pytest.raises(Refused, match="another command"):
        runner.attend("host", key, ["false"], epoch=5, offset=0, seconds=1)
    for name in ("", "A", "../x", "a b", "x" * 65, "x\n"):
        with pytest.raises(Refused, match="cannot name"):
            Key("41", name)
    with pytest.raises(Refused, match="not a command"):
        runner.start("host", Key("41", "s2"), ["echo", "\0"], epoch=1)


def test_cancel_proves_that_nobody_is_left(runner: Runner) -> None:
    key = Key("41", "s1")
    _, log = runner.attend("host", key, ["sh", "-c", "echo up; sleep 60 & sleep 60"], epoch=1, offset=0, seconds=20)
    assert next(log) == b"up\n"
    proof = runner.cancel("host", key)
    assert (proof.state.kind, proof.left) == ("cancelled", ())
    assert runner.start("host", key, ["sh", "-c", "echo up; sleep 60 & sleep 60"], epoch=2).kind == "cancelled"
    done = Key("41", "s2")
    runner.start("host", done, ["true"], epoch=1)
    wait_until_over(runner, done)
    assert str(runner.cancel("host", done)) == "had finished already"


def test_a_probe_runs_directly(runner: Runner) -> None:
    result = runner.probe("host", ["sh", "-c", "echo 'a  b'; exit 3"])
    assert (result.rc, result.out) == (3, b"a  b\n")
    assert runner.probe("host", ["/no/such/program"]).rc == 127


def test_ports_are_asked_by_a_key_that_can_do_nothing_else(runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netcat = tmp_path / "bin/nc"
    netcat.parent.mkdir()
    netcat.write_text(
        '#!/bin/sh\n[ "$1 $2 $3 $4" = "-z -w 3 10.0.0.9" ] && case $5 in 21) exit 0 ;; 22) exit 1 ;; esac\necho "no route" >&2\nexit 2\n'
    )
    netcat.chmod(0o755)
    assert ports(runner, "host", "10.0.0.9", [21, 22, 23]) == [
        Port(21, "open"),
        Port(22, "closed", "no answer within 3 s, or refused"),
        Port(23, "unknown", "nc on host ended with 2: no route"),
    ]
    assert "No connection to nobody" in ports(runner, "nobody", "10.0.0.9", [21])[0].said
    monkeypatch.setattr(runner, "probe", lambda *_, **__: Result(127, b"", b"timeout: failed to run command \xe2\x80\x98nc\xe2\x80\x99"))
    assert ports(runner, "host", "10.0.0.9", [21])[0].said.endswith("Is netcat installed there?")


def test_the_key_can_do_nothing_else(runner: Runner, estate: Estate) -> None:
    door = Door()
    for argv in (["id"], ["sh", "-c", "id"], ["/opt/opsconsole/runner"], ["/opt/opsconsole/runner", "status", "$(id)", "x"]):
        result = door.run("host", argv)
        assert result.out.startswith(b"refused ")
        assert result.rc != 0
    door.close()


def test_a_host_without_the_runner_says_so(estate: Estate) -> None:
    door = Door()
    with played(estate, "bare"):
        if Path("/opt/opsconsole/runner").exists():
            pytest.skip("this machine has a runner installed: the test of its absence did not run")
        with pytest.raises(Refused, match="has no runner"):
            Runner(door).ensure("bare")
        with pytest.raises(Refused, match="has no runner"):
            list(Runner(door).follow("bare", Key("1", "1"), offset=0, seconds=1))
    door.close()


def test_another_version_of_the_runner_refuses(estate: Estate, tmp_path: Path) -> None:
    other = tmp_path / "runner"
    other.write_text(SCRIPT.read_text() + "# another\n")
    other.chmod(0o755)
    door = Door()
    with played(estate, "host", forced=f"/usr/bin/env OPSCONSOLE_ROOT={tmp_path}/root {other}"):
        with pytest.raises(Refused, match="another version") as caught:
            Runner(door).start("host", Key("1", "1"), ["true"], epoch=1)
        assert "install" in caught.value.next_step.lower()
        assert not (tmp_path / "root").exists()
    door.close()
