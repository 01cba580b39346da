"""What a forked process is: worker, scheduler, web, or one action of a person."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from faults import sabotage, victim


def import_pages() -> None:
    """What the web needs, before the fork."""
    import uvicorn  # noqa: F401

    import opsconsole.asgi
    import opsconsole.urls  # noqa: F401


def play(asked: dict[str, Any]) -> None:
    """`asked` comes from `faults.rig`: role, log, journal, and what the role needs."""
    from runs import duties

    duties.ME = f"{socket.gethostname()}:{asked['role']}:{os.getpid()}"  # what was made when the parent imported it would be all of theirs
    if asked.get("sabotage"):
        sabotage.remove(asked["sabotage"])
    if asked.get("version"):
        from django.conf import settings

        settings.CODE_VERSION = asked["version"]
    if asked.get("journal"):
        victim.watch(Path(asked["journal"]))
    for cut in asked.get("cuts", ()):
        victim.arm(victim.Cut(**cut))
    if asked.get("lose_commit"):
        victim.lose_commit(asked["lose_commit"], Path(asked["marker"]))
    if asked.get("clock"):
        victim.lie_about_time(asked["clock"])
    if os.environ.get("FAKETIME"):
        victim.sleep_by_select()
    _ROLES[asked["role"]](asked)


def _worker(asked: dict[str, Any]) -> None:
    from django.db import connections

    from runs import worker

    if asked.get("journal"):
        victim.watch_lines(Path(asked["journal"]))
    options = connections["default"].settings_dict["OPTIONS"]
    if asked.get("patience") and "timeout" in options:  # SQLite's
        options["timeout"] = asked["patience"]
    worker.work()


def _scheduler(asked: dict[str, Any]) -> None:
    from django.core.management import call_command

    from runs import periodic

    periodic.AT_LEAST = asked.get("holds", periodic.AT_LEAST)
    if asked.get("duties"):
        victim.watch_duties(Path(asked["journal"]))
    call_command("scheduler", inline=asked.get("inline", False))


def _web(asked: dict[str, Any]) -> None:
    """The socket is bound with SO_REUSEPORT, so that a restarted one has the same address and two can share it."""
    import uvicorn

    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", asked["port"]))
    config = uvicorn.Config("opsconsole.asgi:application", access_log=False, log_level="warning", timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[sock])


def _act(asked: dict[str, Any]) -> None:
    """An action of `runs.actions` by the admin; the answer goes into a file."""
    from people.models import Operator
    from runs import actions
    from runs.models import Run

    by = Operator.objects.get(username="admin")
    run = Run.objects.get(number=asked["run"])
    try:
        if asked["action"] == "by_hand":
            step, evidence = asked["words"]
            actions.mark_done_by_hand(run.steps.get(key=step), evidence, by=by)
        else:
            getattr(actions, asked["action"])(run, *asked["words"], by=by)
        answer = ""
    except actions.Refusal as refusal:
        answer = str(refusal)
    _answer(asked, {"refused": answer})


def _plan(asked: dict[str, Any]) -> None:
    """Saves a plan as it was given: for what no release has."""
    from people.models import Operator
    from runs import actions, plan

    made = actions.save_plan(plan.Plan.from_json(asked["document"]), by=Operator.objects.get(username="admin"))
    _answer(asked, _told(made))


def _ways(asked: dict[str, Any]) -> None:
    """How this console changes the world, for `faults.ways`."""
    from faults import drawing
    from runs import effects

    _answer(asked, {"ways": drawing.ways(), "kinds": sorted(effects.kinds())})


def _draw(asked: dict[str, Any]) -> None:
    """A plan that no API draws; with the number of its run where the two are made in one go. `none`: why there is none now."""
    from faults import drawing
    from people.models import Operator

    by = Operator.objects.get(username="admin")
    try:
        if drawing.is_pressed(asked["way"]):
            run = drawing.press(asked, by)
            _answer(asked, {**_told(run.plan), "run": run.number})
        else:
            _answer(asked, _told(drawing.draw(asked, by)))
    except LookupError as error:
        _answer(asked, {"none": str(error)})


def _vpn(asked: dict[str, Any]) -> None:
    """The VPN's server is read into the register."""
    from access.vpn import observe

    _answer(asked, {"states": observe.observe()})


def _approve(asked: dict[str, Any]) -> None:
    """By a second person, where the estate asks for one."""
    from deployments import consent
    from people.models import Operator, Role
    from runs.models import Plan

    second, _ = Operator.objects.get_or_create(username="second", defaults={"role": Role.ADMIN})
    plan = Plan.objects.get(pk=asked["plan"])
    consent.approve(plan, hash=plan.hash, by=second)
    _answer(asked, {"approved": plan.hash})


def _told(made: Any) -> dict[str, Any]:
    return {"id": str(made.pk), "hash": made.hash, "steps": made.document["steps"], "facts": {"hosts": [], **made.document["facts"]}}


def _effects(asked: dict[str, Any]) -> None:
    """The rows of a run's effects, as the database has them."""
    from runs.models import Effect

    rows = Effect.objects.filter(run_id=asked["run"]).order_by("pk")
    _answer(asked, {"effects": list(rows.values("act", "key", "kind", "target", "state", "attempt", "said", "answer"))})


def _lines(asked: dict[str, Any]) -> None:
    """Writes so many lines into a run's log, as a host would print them: so many a second. Says how large this process has become."""
    import resource
    import time

    from django.db import connections

    from runs.log import Log

    if asked.get("database"):
        connections["default"].settings_dict["NAME"] = asked["database"]
    before = _resident()
    with Log(asked["run"]) as log:
        out = log.out("fe-1")
        began = time.monotonic()
        for number in range(asked["count"]):
            wait = began + number / asked["rate"] - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            out.line(f"line {number:06d}".ljust(asked.get("long", 0), "."))
        log.flush()
    if asked.get("answer"):
        _answer(asked, {"before": before, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024})


def _resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _answer(asked: dict[str, Any], what: dict[str, Any]) -> None:
    path = Path(asked["answer"])
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(what, default=str))
    os.replace(draft, path)


_ROLES = {
    "worker": _worker, "scheduler": _scheduler, "web": _web, "act": _act, "plan": _plan, "ways": _ways, "draw": _draw,
    "approve": _approve, "vpn": _vpn, "effects": _effects, "lines": _lines,
}  # fmt: skip
