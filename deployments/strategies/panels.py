"""What the run page shows of a strategy: the curtain while it is drawn, what was prepared, and what a stop would leave."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployments.lanes import Lane
from deployments.models import Artifact
from deployments.strategies import curtain
from deployments.strategies.preparing import OPERATION
from people.permissions import may
from runs.models import Effect, Run
from runs.panels import Panel, Place


@dataclass(frozen=True, slots=True)
class Closed:
    """`opened` is None while it is drawn. `header` is what testers send, for those who may release; else ""."""

    since: datetime
    opened: datetime | None
    header: str = ""


def closed_by(run: Run, viewer: object) -> Closed | None:
    """From what was proven at the load balancer; no query where the plan draws no curtain, else one."""
    if not any(step["key"] == "curtain-on" for step in run.plan.document["steps"]):
        return None
    rows = Effect.objects.filter(run=run, kind__in=("balancer.rule", "balancer.open"), state=Effect.State.DONE)
    known = list(rows.values_list("act", "ended", "answer"))
    told = [(act, ended) for act, ended, _ in known]
    owner = next((answer["run"] for _, _, answer in known if answer.get("run")), "")
    drawn = [ended for act, ended in told if act.startswith(f"curtain-{curtain.CLOSED}") and ended]
    if not drawn:
        return None
    opened = [ended for act, ended in told if act.startswith(f"open-{curtain.CLOSED}") and ended]
    if len(opened) >= len(drawn):
        return Closed(min(drawn), max(opened))
    allowed = bool(may(viewer, run.kind, run.environment))
    return Closed(min(drawn), None, f"{curtain.HEADER}: {curtain.pass_of(int(owner or run.number))}" if allowed else "")


def of_release(run: Run, facts: Mapping[str, Any], viewer: object, *, refuted: str) -> Sequence[Panel]:
    """`refuted`: by what the new code said (`preparing.refutation`)."""
    found = []
    closed = closed_by(run, viewer)
    if closed is not None:
        found.append(Panel(Place.NEXT, "deployments/_curtain.html", {"closed": closed, "run": run}))
    if facts.get("decision"):
        artifact = Artifact.objects.filter(key=facts["decision"]["key"]).first()
        judged = artifact.judged if artifact is not None and artifact.judged.get("run") == run.number else _judged(refuted)
        found.append(Panel(Place.WIDE, "deployments/_decided.html", {"decision": facts["decision"], "judged": judged}))
    return found


def _judged(refuted: str) -> dict[str, Any]:
    """A release that was to roll ends where its code says that the database has to be migrated: before anything could judge it."""
    return {"right": False, "said": refuted.rstrip(".")} if refuted else {}


def of_operation(run: Run, facts: Mapping[str, Any], viewer: object) -> Sequence[Panel]:
    closed = closed_by(run, viewer)
    found = [Panel(Place.NEXT, "deployments/_curtain.html", {"closed": closed, "run": run})] if closed is not None else []
    if facts.get("operation") != OPERATION:
        return found
    artifact = Artifact.objects.filter(run=run).first()
    if artifact is not None:
        context = {"artifact": artifact, "run": run, "facts": facts, "may_plan": may(viewer, "plan", run.environment)}
        found.append(Panel(Place.NEXT, "deployments/_prepared.html", context))
    return found


def stakes(run: Run, facts: Mapping[str, Any], lanes: Sequence[Lane], begun: Collection[str], *, refuted: str) -> dict[str, Any]:
    """What stopping now would leave behind."""
    new = [lane for lane in lanes if lane.version == facts["label"] and lane.phase != "failed"]
    if "curtain-on" in begun and "curtain-off" not in begun:
        migrated = " The migration has begun: the old code would answer with errors." if "migrate" in begun else ""
        return {
            "big": "Shop behind the curtain",
            "text": f"A stop leaves it closed until somebody opens the curtain.{migrated}",
            "run": run,
        }
    if not any(key.startswith("deploy-") for key in begun):
        cron = " Cron is stopped, and stays so." if "cron-stop" in begun else ""
        return {"big": "No code changed", "text": f"New statics may lie beside the old ones, which harms nobody.{cron}", "run": run}
    if len(new) == len(lanes):
        return {
            "big": "New version everywhere",
            "text": "Stopping now leaves out what comes after: version of the statics, caches, the last look.",
            "run": run,
        }
    fits = "Both versions fit the database: what is mixed serves."
    if refuted:
        fits = "That code does not fit the database, which has not been migrated: what it serves may be errors. The others serve as before."
    text = f"{len(new)} of {len(lanes)} hosts have {facts['label']}. {fits}"
    return {"big": "Versions are mixed" if new else "Deployment begun", "text": text, "run": run}
