"""`./console release`, `vpn add`, `alarms`: what a build or a terminal asks of a console, with exit codes that say what came of it.

0 done · 1 it failed · 2 refused, nothing was changed · 3 a person has to look (waiting, unknown), or the alarm bell rings · 4 not reached.
"""

from __future__ import annotations

import argparse
import time
from datetime import date, datetime
from datetime import time as clock
from typing import Any

from door.caller import LOOK, REFUSED, Caller, Unreachable
from runs import ansi

FAILED = 1
_ENDS = {"succeeded": 0, "failed": FAILED, "cancelled": FAILED, "waiting": LOOK, "unknown": LOOK}
_PAUSE = 2.0  # seconds between two looks
_PATIENCE = 180.0  # seconds: while the console is upgraded nobody answers, and the run goes on


def release(asked: argparse.Namespace) -> int:
    """Plans; starts what was planned unless `--plan`; stays until it has ended with `--follow`."""
    caller = Caller()
    wanted = {"service": asked.service, "environment": asked.env, "strategy": asked.strategy}
    wanted |= {name: value for name, value in {"code_branch": asked.branch, "release": asked.release}.items() if value}
    plan = caller.post("plans", wanted)
    closed = [gate for gate in plan["gates"] if gate.get("state") in ("bad", "unknown")]
    _print_plan(plan, closed)
    if asked.plan:
        return REFUSED if closed else 0
    run = caller.post("runs", {"plan": plan["id"], "hash": plan["hash"], "reason": asked.reason})
    print(f"Run {run['id']}: {run['link']}", flush=True)
    return _follow(caller, run["id"]) if asked.follow else 0


def vpn_add(asked: argparse.Namespace) -> int:
    caller = Caller()
    run = caller.post("vpn-users", {"name": asked.name, "person": asked.person, "reason": asked.reason, "expires": _end_of(asked.expires)})
    number = run.get("run", run.get("id")) if isinstance(run, dict) else None
    if isinstance(number, dict):
        number = number["id"]
    print(f"Run {number}: {caller.site}/runs/{number}/", flush=True)
    return _follow(caller, int(str(number)))


def _end_of(day: str) -> str:
    """The end of that day where the terminal is, with its zone; what is no day is left to the console to refuse."""
    try:
        return datetime.combine(date.fromisoformat(day), clock(23, 59)).astimezone().isoformat()
    except ValueError:
        return day


def alarms(asked: argparse.Namespace) -> int:
    """Each with its state; 3 where one rings."""
    caller, found, cursor = Caller(), [], ""
    while True:
        page = caller.get("alarms", cursor=cursor)
        found += page["items"]
        if not page["next"]:
            break
        cursor = page["next"]
    for alarm in found:
        _print(f"{alarm.get('state') or 'unknown':18} {alarm.get('name', '')}")
    return LOOK if any(alarm.get("state") == "ALARM" for alarm in found) else 0


def _print_plan(plan: dict[str, Any], closed: list[dict[str, Any]]) -> None:
    _print(f"{plan['title']}  (plan {plan['hash'][:12]})")
    for number, step in enumerate(plan["steps"], 1):
        _print(f"  {number:2}. {step['title']}")
    for gate in closed:
        _print(f"  ! {gate['title']}: {gate['said']}")


def _follow(caller: Caller, number: int) -> int:
    """Every line once, in order, by its number; until the run has ended or waits for somebody."""
    after = 0
    while True:
        run = _patiently(caller, f"runs/{number}")
        while lines := _patiently(caller, f"runs/{number}/log", after=after)["items"]:
            for line in lines:
                _print(f"{line['time'][11:19]} {line['host']:<8} {line['text']}")
            after = lines[-1]["seq"]
        if run["state"] in _ENDS:
            _print(f"Run {number} {run['state']}. {run['said']}".strip())
            return _ENDS[run["state"]]
        time.sleep(_PAUSE)


def _patiently(caller: Caller, path: str, **query: int) -> Any:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return caller.get(path, **query)
        except Unreachable:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE)


def _print(line: str) -> None:
    """What a host, AWS, a repository or the console has written is nothing that a terminal should obey."""
    print(ansi.plain(line), flush=True)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("release", help="plan a release of a console and start it (SITE_URL, API_TOKEN)", description=__doc__)
    parser.add_argument("service", metavar="SERVICE", help="such as magento")
    parser.add_argument("--environment", "--env", dest="env", required=True, metavar="KEY")
    parser.add_argument("--strategy", default="as-written")
    parser.add_argument("--branch", default="", help="of the code; the estate's first where none is named")
    parser.add_argument("--release", type=int, metavar="N", help="an earlier release again")
    parser.add_argument("--reason", default="", help="stands in the run and in the audit trail")
    parser.add_argument("--plan", action="store_true", help="only print the plan; exit code 2 where a gate is closed")
    parser.add_argument("--follow", action="store_true", help="print the log until the run has ended")
    parser.set_defaults(run=release)
    vpn = commands.add_parser("vpn", help="VPN users (SITE_URL, API_TOKEN)").add_subparsers(required=True, metavar="WHAT")
    add = vpn.add_parser("add", help="let somebody into the VPN")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--person", required=True)
    add.add_argument("--reason", required=True)
    add.add_argument("--expires", required=True, metavar="YYYY-MM-DD")
    add.set_defaults(run=vpn_add)
    listed = commands.add_parser("alarms", help="the alarms and their states; exit code 3 where one rings (SITE_URL, API_TOKEN)")
    listed.set_defaults(run=alarms)
