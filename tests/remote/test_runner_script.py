"""The runner as a real program, under the shells that may be a host's `sh`: once a key, alive without its caller, dead when cancelled."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from remote.ssh.runner import REFUSED, SCRIPT, script_hash

# The script itself, as a user whom `kill` and `sudo kill` refuse some processes.
MAY_NOT_KILL = """
sudo() {{ return 1; }}
kill() {{ case "$(cat {spared})" in *" $2 "*) return 1 ;; *) command kill "$@" ;; esac; }}
. "$0"
"""
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]


@dataclass
class Host:
    """A folder that stands for `/`, and the runner in it, run by one shell."""

    root: Path
    shell: str
    path: str = os.environ["PATH"]
    spared: Path = Path("/dev/null")  # processes that its user may not end, with a blank around each

    def popen(self, *words: str, original_command: str | None = None, own_group: bool = False) -> subprocess.Popen[str]:
        environment = {**os.environ, "OPSCONSOLE_ROOT": str(self.root), "PATH": self.path}
        if original_command is not None:
            environment["SSH_ORIGINAL_COMMAND"] = original_command
        return subprocess.Popen(
            [self.shell, "-c", MAY_NOT_KILL.format(spared=self.spared), str(SCRIPT), *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=own_group,
        )

    def __call__(self, *words: str, original_command: str | None = None) -> str:
        """What it says on stdout; on stderr there must be nothing but a state."""
        process = self.popen(*words, original_command=original_command)
        out, err = process.communicate(timeout=30)
        assert not err or err.split()[0] in ("refused", "absent", "running", "finished", "lost", "cancelled"), err
        assert process.returncode == (REFUSED if (out or err).startswith("refused") else 0), (out, err)
        return (out or err).strip() if out.strip() or err.startswith("refused") else ""

    def folder(self, run: str, step: str) -> Path:
        return self.root / "var/lib/opsconsole" / run / step

    def pid(self, run: str, step: str) -> int:
        return int((self.folder(run, step) / "pid").read_text().split()[0])


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    return Host(tmp_path / "root", request.param)


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def marked(mark: str) -> list[int]:
    """Who carries the mark of a key in its environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"OPSCONSOLE_STEP={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def test_started_then_running_then_finished_with_its_code(host: Host, tmp_path: Path) -> None:
    command = ["sh", "-c", f"echo one; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done; echo two >&2; exit 7"]
    assert host("start", "r1", "s1", "1", "--", *command).startswith("started - ")
    wait_for(lambda: host("status", "r1", "s1") == "running - 4")
    assert host("start", "r1", "s1", "1", "--", *command) == "running - 4"
    (tmp_path / "go").touch()
    wait_for(lambda: host("status", "r1", "s1") == "finished 7 8")
    assert host("start", "r1", "s1", "1", "--", *command) == "finished 7 8"
    assert host("tail", "r1", "s1", "0", "100") == "one\ntwo"
    assert host("tail", "r1", "s1", "4", "2") == "tw"
    assert (host.folder("r1", "s1") / "command").read_bytes() == b"".join(word.encode() + b"\0" for word in command)


def test_what_the_command_meets(host: Host, tmp_path: Path) -> None:
    os.umask(before := os.umask(0o027))
    try:
        os.umask(0o027)
        script = f'pwd; umask; echo $LC_ALL $OPSCONSOLE_STEP "${{SSH_ORIGINAL_COMMAND-none}}"; cat; touch {tmp_path}/made; ps -o tty= -p $$'
        host("start", "r1", "s1", "1", "--", "sh", "-c", script)
    finally:
        os.umask(before)
    wait_for(lambda: host("status", "r1", "s1").startswith("finished 0"))
    assert host("tail", "r1", "s1", "0", "1000").split() == [
        "/",
        "0027",
        "C.UTF-8",
        f"{host.folder('r1', 's1')}:{host.pid('r1', 's1')}",
        "none",
        "?",
    ]
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o640


def test_twenty_starts_of_one_key_are_one_execution(host: Host, tmp_path: Path) -> None:
    command = ["sh", "-c", f"echo ran >>{tmp_path}/count; sleep 1"]
    with ThreadPoolExecutor(20) as crowd:
        said = list(crowd.map(lambda _: host("start", "r1", "s1", "1", "--", *command), range(20)))
    kinds = [line.split()[0] for line in said]
    assert kinds.count("started") == 1
    assert set(kinds) <= {"started", "running", "finished"}
    wait_for(lambda: host("status", "r1", "s1").startswith("finished"))
    assert (tmp_path / "count").read_text() == "ran\n"


def test_the_command_outlives_its_caller(host: Host, tmp_path: Path) -> None:
    script = f"trap '' HUP; for n in 1 2 3 4 5 6 7 8; do echo $n; sleep 0.05; done; touch {tmp_path}/end"
    caller = host.popen("attend", "r1", "s1", "1", "0", "30", "--", "sh", "-c", script, own_group=True)
    assert caller.stdout
    assert caller.stdout.readline().startswith("started")
    assert caller.stdout.readline() == "1\n"
    os.killpg(caller.pid, signal.SIGKILL)
    caller.communicate(timeout=10)
    wait_for(lambda: host("status", "r1", "s1").startswith("finished 0"))
    assert host("tail", "r1", "s1", "0", "100").split() == list("12345678")


@pytest.mark.parametrize("moment", [0.0, 0.002, 0.005, 0.01, 0.02, 0.04])
def test_a_start_killed_at_any_moment_runs_it_once_or_never(host: Host, tmp_path: Path, moment: float) -> None:
    command = ["sh", "-c", f"echo ran >>{tmp_path}/count"]
    caller = host.popen("start", "r1", "s1", "1", "--", *command, own_group=True)
    time.sleep(moment)  # the moment is the input of this test
    os.killpg(caller.pid, signal.SIGKILL)
    caller.communicate(timeout=10)
    host("start", "r1", "s1", "1", "--", *command)
    wait_for(lambda: host("status", "r1", "s1").startswith("finished 0"))
    assert (tmp_path / "count").read_text() == "ran\n"


def test_an_older_epoch_is_refused_and_a_newer_one_attaches(host: Host) -> None:
    host("start", "r1", "s1", "5", "--", "true")
    assert host("start", "r1", "s1", "4", "--", "true") == "refused epoch: 4 is older than 5"
    assert host("start", "r1", "s1", "5", "--", "true").split()[0] in ("running", "finished")
    assert host("start", "r1", "s1", "6", "--", "true").split()[0] in ("running", "finished")
    assert host("start", "r1", "s1", "5", "--", "true") == "refused epoch: 5 is older than 6"


def test_another_command_under_the_same_key_is_refused(host: Host) -> None:
    host("start", "r1", "s1", "1", "--", "echo", "a b")
    for other in (["echo", "a", "b"], ["echo"], ["echo", "a b", ""], ["echo", "a c"]):
        assert host("start", "r1", "s1", "1", "--", *other) == "refused command: this key was started with another command"
    assert host("start", "r1", "s1", "1", "--", "echo", "a b").split()[0] in ("running", "finished")


def test_what_died_without_a_code_is_lost_and_never_repeated(host: Host, tmp_path: Path) -> None:
    command = ["sh", "-c", f"echo ran >>{tmp_path}/count; sleep 60"]
    host("start", "r1", "s1", "1", "--", *command)
    wait_for(lambda: (tmp_path / "count").exists() and (tmp_path / "count").read_text())
    os.killpg(host.pid("r1", "s1"), signal.SIGKILL)  # as a power cut does: nobody writes a code
    wait_for(lambda: host("status", "r1", "s1").startswith("lost - "))
    assert host("start", "r1", "s1", "2", "--", *command).startswith("lost - ")
    assert (tmp_path / "count").read_text() == "ran\n"


@pytest.mark.parametrize("emptied", ["pid", "rc"])
def test_a_power_cut_that_empties_a_file_starts_nothing_again(host: Host, tmp_path: Path, emptied: str) -> None:
    """File systems that allocate late keep the name of a file whose words are gone."""
    command = ["sh", "-c", f"echo ran >>{tmp_path}/count"]
    host("start", "r1", "s1", "1", "--", *command)
    host("follow", "r1", "s1", "0", "10")
    (host.folder("r1", "s1") / "rc").unlink()
    (host.folder("r1", "s1") / emptied).write_text("")
    assert host("status", "r1", "s1") == "lost - 0"
    assert host("start", "r1", "s1", "2", "--", *command) == "lost - 0"
    assert (tmp_path / "count").read_text() == "ran\n"


def test_a_power_cut_before_the_pid_leaves_what_never_began(host: Host, tmp_path: Path) -> None:
    command = ["sh", "-c", f"echo ran >>{tmp_path}/count"]
    host.folder("r1", "s1").mkdir(parents=True)
    (host.folder("r1", "s1") / "command").write_text("")
    assert host("status", "r1", "s1") == "absent - 0"
    assert host("start", "r1", "s1", "2", "--", *command) == "started - 0"
    wait_for(lambda: host("status", "r1", "s1") == "finished 0 0")
    assert (tmp_path / "count").read_text() == "ran\n"


@pytest.mark.parametrize("disk", ["good", "full"])
def test_its_pid_is_on_the_disk_before_the_command_begins(host: Host, tmp_path: Path, disk: str) -> None:
    stand_in = tmp_path / "bin/dd"
    stand_in.parent.mkdir()
    writes = 'exec /usr/bin/env PATH="${PATH#*:}" dd "$@"' if disk == "good" else "exit 1"
    slow = f': >"${{1#of=}}"; sleep 0.3; [ ! -e {tmp_path}/ran ] && echo "$@" >{tmp_path}/wrote'
    stand_in.write_text(f"#!/bin/sh\n{slow}\n{writes}\n")
    stand_in.chmod(0o755)
    host.path = f"{stand_in.parent}:{host.path}"
    caller = host.popen("start", "r1", "s1", "1", "--", "touch", f"{tmp_path}/ran")
    wait_for((host.folder("r1", "s1") / "pid").exists)
    meanwhile = host("status", "r1", "s1")
    said, _ = caller.communicate(timeout=10)
    assert (tmp_path / "wrote").read_text() == f"of={host.folder('r1', 's1')}/pid conv=fsync\n"
    if disk == "good":
        assert (said, meanwhile.split()[0] in ("running", "finished")) == ("started - 0\n", True)
        wait_for(lambda: host("status", "r1", "s1") == "finished 0 0")
    else:
        assert (said, meanwhile) == ("refused start: the supervisor did not come up\n", "absent - 0")
    assert (tmp_path / "ran").exists() == (disk == "good")


def test_a_process_of_another_boot_or_another_start_is_not_ours(host: Host) -> None:
    host("start", "r1", "s1", "1", "--", "sleep", "30")
    pid_file = host.folder("r1", "s1") / "pid"
    pid, session, since, boot = ours = pid_file.read_text().split()
    for other in ([pid, session, since, boot[::-1]], [pid, session, str(int(since) - 1), boot]):
        pid_file.write_text(" ".join(other))
        assert host("status", "r1", "s1").startswith("lost")
    pid_file.write_text(" ".join(ours))
    assert host("status", "r1", "s1").startswith("running")
    assert host("cancel", "r1", "s1").endswith(" 0")


def test_follow_brings_each_line_within_thirty_milliseconds_and_all_of_them(host: Host, tmp_path: Path) -> None:
    script = "for n in 1 2 3 4 5 6 7 8 9 10; do date +%s%N; sleep 0.05; done; head -c 300000 /dev/zero | tr '\\0' x; echo; echo end"
    host("start", "r1", "s1", "1", "--", "sh", "-c", script)
    follower = host.popen("follow", "r1", "s1", "0", "30")
    assert follower.stdout
    late = []
    for _ in range(10):
        line = follower.stdout.readline()
        late.append(time.time() - int(line) / 1e9)
    assert sorted(late)[2] < 0.03  # not the median: others may use the machine
    out, err = follower.communicate(timeout=20)
    assert out == "x" * 300000 + "\nend\n"
    assert err.startswith("finished 0 ")


def test_follow_from_an_offset_and_after_the_end(host: Host) -> None:
    host("start", "r1", "s1", "1", "--", "printf", "0123456789")
    wait_for(lambda: host("status", "r1", "s1").startswith("finished"))
    assert host("follow", "r1", "s1", "4", "10") == "456789"
    assert host("follow", "r1", "s1", "10", "10") == ""
    assert host("follow", "nobody", "s1", "0", "10") == ""


def test_follow_ends_after_its_seconds(host: Host) -> None:
    host("start", "r1", "s1", "1", "--", "sh", "-c", "echo one; sleep 60")
    started = time.monotonic()
    assert host("follow", "r1", "s1", "0", "1") == "one"
    assert 0.8 < time.monotonic() - started < 30
    host("cancel", "r1", "s1", "0")


def test_cancel_ends_children_also_those_that_left_the_session(host: Host, tmp_path: Path) -> None:
    script = f"sleep 60 & sh -c 'sleep 60 & wait' & setsid sleep 60 & trap '' TERM; echo $$ >{tmp_path}/up; while :; do sleep 0.1; done"
    host("start", "r1", "s1", "1", "--", "sh", "-c", script)
    wait_for(lambda: (tmp_path / "up").exists() and (tmp_path / "up").read_text().strip())
    stubborn = int((tmp_path / "up").read_text())
    pids = marked(f"{host.folder('r1', 's1')}:{host.pid('r1', 's1')}")
    assert len(pids) >= 5
    assert host("cancel", "r1", "s1", "0").split()[0::3] == ["cancelled", "0"]
    assert not [pid for pid in [stubborn, *pids] if is_running(pid)]
    assert host("start", "r1", "s1", "9", "--", "sh", "-c", script).startswith("cancelled")


def test_cancel_lets_the_command_end_by_itself_within_its_grace(host: Host, tmp_path: Path) -> None:
    script = f"trap 'echo tidy; exit 9' TERM; touch {tmp_path}/up; while :; do sleep 0.05; done"
    host("start", "r1", "s1", "1", "--", "sh", "-c", script)
    wait_for((tmp_path / "up").exists)
    said = host("cancel", "r1", "s1", "5")
    assert (said[:12], said[-2:]) == ("cancelled 9 ", " 0")
    assert host("tail", "r1", "s1", "0", "100").endswith("tidy")


def born(pid: int) -> str:
    """As the script keeps who was left: the number, and when it was given to this process."""
    return f"{pid}/{Path(f'/proc/{pid}/stat').read_text().rpartition(') ')[2].split()[19]}"


@pytest.mark.parametrize("how", ["sleep 60", "env -i setsid sleep 60"])
def test_who_could_not_be_ended_is_named_until_he_is_gone(host: Host, tmp_path: Path, how: str) -> None:
    """The second as `sudo` does it that starts a session of its own: no session, no mark that could be read, soon no parent."""
    host.spared = tmp_path / "spared"
    command = ["sh", "-c", f'{how} & echo " $! " >{host.spared}.new; sleep 0.2; mv {host.spared}.new {host.spared}; wait']
    host("start", "r1", "s1", "1", "--", *command)
    wait_for(host.spared.exists)
    left = int(host.spared.read_text())
    try:
        said = host("cancel", "r1", "s1", "0")
        assert (said.split()[0], said.split()[3:]) == ("cancelled", ["1", str(left)])
        for _ in range(2):
            assert host("status", "r1", "s1") == said
        assert host("follow", "r1", "s1", "0", "1") == ""
        assert host("start", "r1", "s1", "2", "--", *command) == said
        assert host("cancel", "r1", "s1", "0") == said
        assert marked(f"{host.folder('r1', 's1')}:{host.pid('r1', 's1')}") == ([left] if how == "sleep 60" else [])
    finally:
        os.kill(left, signal.SIGKILL)
    wait_for(lambda: not is_running(left))
    gone = " ".join(said.split()[:3])
    assert host("status", "r1", "s1") == gone
    assert host("cancel", "r1", "s1", "0") == f"{gone} 0"
    assert host("start", "r1", "s1", "3", "--", *command) == gone


def test_a_child_that_left_in_silence_is_ended_with_its_parent(host: Host, tmp_path: Path) -> None:
    host(
        "start",
        "r1",
        "s1",
        "1",
        "--",
        "sh",
        "-c",
        f"env -i setsid sleep 60 & echo $! >{tmp_path}/pid; sleep 0.2; touch {tmp_path}/up; wait",
    )
    wait_for((tmp_path / "up").exists)
    assert is_running(child := int((tmp_path / "pid").read_text()))
    assert host("cancel", "r1", "s1", "0").endswith(" 0")
    assert not is_running(child)


def test_whoever_has_got_the_number_of_one_who_was_left_is_a_stranger(host: Host) -> None:
    host("start", "r1", "s1", "1", "--", "sleep", "60")
    said = host("cancel", "r1", "s1", "0").removesuffix(" 0")
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        cancelled = host.folder("r1", "s1") / "cancelled"
        assert cancelled.read_text() == "none\n"
        pid, start = born(stranger.pid).split("/")
        cancelled.write_text(f"{pid}/{start}\n")
        assert host("status", "r1", "s1") == f"{said} 1 {pid}"
        cancelled.write_text(f"{pid}/{int(start) - 1}\n")
        assert host("status", "r1", "s1") == said
        assert host("cancel", "r1", "s1", "0") == f"{said} 0"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_cancel_spares_everybody_else(host: Host) -> None:
    host("start", "r1", "s1", "1", "--", "sleep", "60")
    host("start", "r1", "s11", "1", "--", "sleep", "60")
    host("start", "r1", "s2", "1", "--", "sleep", "60")
    assert host("cancel", "r1", "s1").startswith("cancelled")
    assert host("status", "r1", "s11").startswith("running")
    assert host("status", "r1", "s2").startswith("running")
    assert host("cancel", "r1", "s11", "0").startswith("cancelled")
    assert host("cancel", "r1", "s2", "0").startswith("cancelled")


def test_cancel_spares_the_same_key_elsewhere(host: Host, tmp_path: Path) -> None:
    """Played hosts share one machine."""
    other = Host(tmp_path / "other", host.shell)
    for each in (host, other):
        each("start", "r1", "s1", "1", "--", "sleep", "60")
    assert host("cancel", "r1", "s1", "0").startswith("cancelled")
    assert other("status", "r1", "s1").startswith("running")
    assert other("cancel", "r1", "s1", "0").startswith("cancelled")


def test_cancel_of_what_is_finished_changes_nothing_and_of_what_never_began_forbids_it(host: Host, tmp_path: Path) -> None:
    host("start", "r1", "done", "1", "--", "true")
    wait_for(lambda: host("status", "r1", "done") == "finished 0 0")
    assert host("cancel", "r1", "done") == "finished 0 0 0"
    assert host("cancel", "r1", "never") == "cancelled - 0 0"
    assert host("start", "r1", "never", "1", "--", "touch", f"{tmp_path}/no") == "cancelled - 0"
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("name", ["", "A", "-a", ".a", "a/b", "..", "a b", "é", "a\nb", "a" * 65, "*", "$x"])
def test_what_cannot_be_a_key(host: Host, name: str, tmp_path: Path) -> None:
    assert host("start", name, "s1", "1", "--", "true").startswith("refused key")
    assert host("start", "r1", name, "1", "--", "true").startswith("refused key")
    assert not host.root.exists()


@pytest.mark.parametrize("name", ["a", "0", "a.b-c_d", "a" * 64])
def test_what_can_be_a_key(host: Host, name: str) -> None:
    assert host("start", name, name, "1", "--", "true").startswith("started")


@pytest.mark.parametrize("epoch", ["", "-1", "1a", "01", "1.0", "9" * 16])
def test_what_is_no_epoch(host: Host, epoch: str) -> None:
    assert host("start", "r1", "s1", epoch, "--", "true").startswith("refused number")
    assert host("start", "r1", "s1", "9" * 15, "--", "true").startswith("started")


def test_words_arrive_as_they_were_written(host: Host) -> None:
    nasty = ["a b", "", "$(id)", "`id`", "'", '"', "\\n", "\\0101", "*", "é€", "x\n", "\n\n", "-n", "--", "%41", "~"]
    encoded = ["".join(f"%{byte:02X}" for byte in word.encode()) or "%" for word in nasty]
    host("start", "r1", "plain", "1", "--", "printf", "%s|", *nasty)
    host("start", "r1", "encoded", "1", "--encoded", "printf", "%25s%7C", *encoded)
    for step in ("plain", "encoded"):
        host("follow", "r1", step, "0", "10")
        assert host("status", "r1", step).startswith("finished 0")
        assert (host.folder("r1", step) / "log").read_text() == "|".join(nasty) + "|"


@pytest.mark.parametrize("word", ["a%", "%%", "%4", "%zz", "%00", "%0a"])
def test_what_is_not_encoded_rightly(host: Host, word: str) -> None:
    assert host("start", "r1", "s1", "1", "--encoded", "echo", word).startswith("refused words")
    assert host("start", "r1", "s1", "1", "--encoded", "echo", "%41%0A").startswith("started")


def test_as_a_forced_command_it_does_what_it_is_asked_by_its_name(host: Host) -> None:
    line = f"/opt/opsconsole/runner @{script_hash()} start r1 s1 1 --encoded printf %25s%7C a%20b %24%28id%29"
    assert host(original_command=line).startswith("started")
    wait_for(lambda: host(original_command="/opt/opsconsole/runner status r1 s1") == "finished 0 10")
    assert host(original_command="/opt/opsconsole/runner tail r1 s1 0 100") == "a b|$(id)|"
    assert host(original_command="/opt/opsconsole/runner probe 5 -- echo yes") == "yes"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "id",
        "sh -c id",
        "/bin/sh",
        "scp -t /",
        "/opt/opsconsole/runner",
        "/opt/opsconsole/runner supervise /nowhere 0022 id",
        f"/opt/opsconsole/runner @{script_hash()} supervise /nowhere 0022 id",
        "/opt/opsconsole/runner status r1 s1; id",
        "/opt/opsconsole/runner status r1 s1\nid",
        "/opt/opsconsole/runner status $(id) s1",
        "/opt/opsconsole/runner status `id` s1",
        "/opt/opsconsole/runner status 'r1' s1",
        "/opt/opsconsole/runner status * s1",
        "/opt/opsconsole/runner start r1 s1 1 id",
        "/opt/opsconsole/runner start r1 s1 1 --",
        "/opt/opsconsole/runner-other status r1 s1",
        "/opt/opsconsole/../../bin/sh",
        "internal-sftp",
        "\\x",
        "é",
    ],
)
def test_as_a_forced_command_it_does_nothing_else(host: Host, line: str) -> None:
    assert host(original_command=line).startswith("refused ")
    assert not host.root.exists()


def test_another_version_refuses(host: Host) -> None:
    assert host(f"@{'0' * 64}", "start", "r1", "s1", "1", "--", "true") == f"refused runner: this is {script_hash()}"
    assert host(f"@{script_hash()}", "start", "r1", "s1", "1", "--", "true").startswith("started")


def test_a_probe_is_bounded_and_passes_its_code_on(host: Host) -> None:
    slow = host.popen("probe", "1", "--", "sleep", "20")
    slow.communicate(timeout=10)
    assert slow.returncode == 124
    coded = host.popen("probe", "5", "--", "sh", "-c", "echo out; echo err >&2; exit 6")
    assert (*coded.communicate(timeout=10), coded.returncode) == ("out\n", "err\n", 6)


def test_a_command_that_cannot_be_started_is_finished_with_its_code(host: Host) -> None:
    host("start", "r1", "s1", "1", "--", "/no/such/program", "x")
    wait_for(lambda: host("status", "r1", "s1").startswith("finished 127"))
    assert "/no/such/program" in host("tail", "r1", "s1", "0", "1000")


def test_what_ended_a_month_ago_is_removed(host: Host) -> None:
    for run in ("old", "new"):
        host("start", run, "s1", "1", "--", "true")
        host("follow", run, "s1", "0", "10")
    month = time.time() - 31 * 24 * 3600
    os.utime(host.folder("old", "s1") / "rc", (month, month))
    host("start", "another", "s1", "1", "--", "true")
    wait_for(lambda: not host.folder("old", "s1").exists())
    assert host.folder("new", "s1").exists()


def test_a_full_disk_is_said(host: Host, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/var").write_text("a file where the folder should be")
    out, err = host.popen("start", "r1", "s1", "1", "--", "true").communicate(timeout=10)
    assert out.startswith("refused disk")
    assert err
