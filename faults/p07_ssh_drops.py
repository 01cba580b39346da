"""P7: SSH may drop at any time; the command runs once, to its end, and its whole log and exit code are found again.

Points: SERVER:COMMAND:FAULT:MOMENT, moments in tenths of a second after the start; `bytes` cuts after so many bytes of the answer.
A strike that met no open connection, or a command that had ended, is not counted as run.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from faults import journal, openssh, small_plans, timing
from faults.points import NotRun, Promise, Verdict
from faults.processes import until
from faults.proxy import Proxy
from faults.rig import TERMINAL, Rig

SERVERS = {"sandbox": ("fe-1", "10.0.101.24"), "openssh": (openssh.NAME, openssh.NAME)}
LINES = 60
_LOOP = "i=0; while [ $i -lt 60 ]; do i=$((i+1)); ECHO line $i; [ $((i%3)) -gt 0 ] || sleep .1; done"
COMMANDS = {
    "silent": "echo x >> {ran}; sleep 2; exit {code}",
    "chatty": "echo x >> {ran}; " + _LOOP.replace("ECHO", "echo") + "; exit {code}",
    "forking": "echo x >> {ran}; " + _LOOP.replace("ECHO", "/bin/echo") + "; exit {code}",
}
FAULTS = ("reset", "hole", "swallow", "bytes")
BYTES = 7  # for each moment: the last answer to a silent command is longer than all of them
MOMENTS = (0, 1, 2, 4, 6, 8, 10, 12, 15, 18)  # no command has ended before the twentieth


def points(rig: Rig) -> Iterator[str]:
    for server in SERVERS:
        for command in COMMANDS:
            for fault in FAULTS:
                for moment in MOMENTS:
                    yield f"{server}:{command}:{fault}:{moment}"


def run(rig: Rig, point: str) -> Verdict:
    server, command, fault, moment = point.split(":")
    if server == "openssh":
        openssh.must_be_there(rig)
    host, ip = SERVERS[server]
    ran = rig.folder / f"ran-{uuid.uuid4().hex}"
    code = 3 if int(moment) % 2 else 0
    script = COMMANDS[command].format(ran=ran, code=code)
    worker = rig.fork("worker")
    proxy = rig.proxies[host]
    try:
        number = small_plans.started(rig, small_plans.command(rig, host, ip, ("sh", "-c", script)))
        until("the command", lambda: _asked(rig, number), seconds=30, pause=0.01)
        time.sleep(int(moment) / 10)
        runs = rig.run(number)["state"] not in TERMINAL
        back, has_hit = _strike(proxy, fault, int(moment))
        ended = rig.finished(number, seconds=60)
        has_hit = runs and (proxy.has_cut() if fault == "bytes" else has_hit)
        recovery = next((entry["t"] - back for entry in journal.deeds(rig.journal, number) if entry["t"] > back), 0.0)
    finally:
        proxy.mode = "pass"
        proxy.cut_after(None)
        rig.nursery.kill(worker)
    found = _judge(rig, number, ended, ran, command, code) + _late(recovery)
    if not has_hit and not found:
        raise NotRun("The line was struck when the command had ended, or none was open: such points were not run.")
    return Verdict(found, recovery)


def _asked(rig: Rig, number: int) -> bool:
    return any(entry["what"] == "do" for entry in journal.read(rig.journal, number))


def _strike(proxy: Proxy, fault: str, moment: int) -> tuple[float, bool]:
    """When it was over, and whether there was a connection that it hit; of bytes, the proxy says later."""
    if fault == "reset":
        has_hit = proxy.reset() > 0
    elif fault == "bytes":
        proxy.cut_after(BYTES * moment)
        has_hit = False
    else:
        before, has_hit = proxy.connections, proxy.open_connections > 0
        proxy.mode = fault
        time.sleep(timing.LEASE * 1.5)
        has_hit |= proxy.connections > before
        proxy.mode = "pass"
        proxy.reset()
    return journal.now(), has_hit


def _judge(rig: Rig, number: int, ended: dict[str, object], ran: Path, command: str, code: int) -> list[str]:
    found = []
    times = len(ran.read_text().split()) if ran.exists() else 0
    if times != 1:
        found.append(f"the command ran {times} times")
    wanted = "succeeded" if code == 0 else "failed"
    if ended["state"] != wanted:
        found.append(f"it ended with {code}, and the run is {ended['state']}: {ended['said']}")
    if code and f"exit code {code}" not in str(ended["said"]):
        found.append(f"the exit code is not said: {ended['said']}")
    lines = [line["text"] for line in rig.log(number) if not line["text"].startswith("$ ")]
    expected = [f"line {each}" for each in range(1, LINES + 1)] if command != "silent" else []
    if lines != expected:
        found.append(f"the log has {len(lines)} lines of {len(expected)}: {[line for line in lines if line not in expected][:3]}")
    rig.act(number, "release_lock", "fault suite")
    return found


def _late(recovery: float) -> list[str]:
    return [f"attached again after {recovery:.1f} s"] if recovery > timing.RESUMED * timing.slack() else []


PROMISE = Promise("P7", "SSH may drop at any time: a command runs once, to its end, with its whole log and its exit code", points, run)
