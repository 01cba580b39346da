"""The evidence pack of a run: everything that the console knows of it, as a zip of JSON and text, for whoever asks next year.

What is in it was redacted when it was stored, and is redacted once more on its way out; nothing in its texts commands a terminal.
Nothing is asked of the world.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from deployments import after, outside, panels
from deployments.models import Approval, BrokenGlass, Evidence
from estate.models import BeanstalkEvent, Host, ShopAnswer
from runs import ansi, reading
from runs.models import Run
from runs.redact import redact

IN_MEMORY = 8 * 1024 * 1024
_RUN = (
    "number",
    "kind",
    "title",
    "service",
    "environment",
    "state",
    "said",
    "reason",
    "created",
    "started",
    "ended",
    "cancel",
    "lock_group",
)
_STEP = ("position", "key", "title", "state", "attempt", "started", "ended", "said", "evidence")
_EFFECT = ("key", "kind", "target", "state", "attempt", "intent_at", "again_at", "ended", "said", "answer")
_HOST = ("name", "instance_id", "private_ip", "version", "health_status", "target_state", "maintenance", "seen")


def pack(run: Run) -> IO[bytes]:
    """Read from its beginning; goes to the disk where it is large."""
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  (whoever sends it closes it)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _documents(run):
            archive.writestr(name, redact(json.dumps(content, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)) + "\n")
        for each in Evidence.objects.filter(run=run).order_by("pk"):
            head = f"{each.path} of {each.instance_id}, {each.taken:%Y-%m-%dT%H:%M:%SZ}"
            archive.writestr(f"hosts/{each.host}-{each.pk}.txt", redact(f"{head}\n\n{ansi.plain_text(each.text or each.problem)}\n"))
        with archive.open("log.txt", "w") as log, io.TextIOWrapper(log, "utf-8") as text:
            if (first := reading.first_number(run.number)) > 1:
                text.write(f"Lines below {first} were removed after their time (KEEP_LOG_DAYS).\n")
            for line in reading.lines(run.number):
                text.write(redact(f"{line.seq}\t{line.time:%Y-%m-%dT%H:%M:%S.%fZ}\t{line.host}\t{ansi.plain(line.text)}") + "\n")
        archive.writestr("README.txt", _readme(run))
    file.seek(0)
    return file


def _documents(run: Run) -> Iterator[tuple[str, Any]]:
    plan = run.plan
    yield "run.json", {**_of(run, _RUN), "requested_by": str(run.requested_by), "plan": str(plan.pk)}
    yield (
        "plan.json",
        {"hash": plan.hash, "made": plan.made, "made_by": str(plan.made_by), "code_version": plan.code_version, **plan.document},
    )
    yield "steps.json", [_of(step, _STEP) for step in run.steps.all()]
    yield "effects.json", [_of(effect, _EFFECT) for effect in run.effects.order_by("pk")]
    yield "consent.json", _consent(run)
    yield "hosts.json", [_of(host, _HOST) for host in _hosts(run)]
    if run.started is None:
        return
    names = {host["beanstalk"] for host in plan.document["facts"].get("hosts", ())}
    until = {"time__lte": run.ended + panels.SLACK} if run.ended else {}
    events = BeanstalkEvent.objects.filter(environment__in=names, time__gte=run.started - panels.SLACK, **until).order_by("time", "id")
    yield "beanstalk-events.json", list(events.values("environment", "time", "severity", "message"))
    answers = ShopAnswer.objects.filter(service=run.service, environment=run.environment, time__gte=run.started, **until)
    yield "shop-from-outside.json", list(answers.order_by("time").values("time", "until", "state", "status", "seconds", "statics"))
    yield "summary.json", _summary(run)


def _summary(run: Run) -> Mapping[str, Any]:
    """The same figures as the run's page."""
    found: dict[str, Any] = {"steps": [asdict(each) for each in after.step_times(run)]}
    shop = outside.during(run, timezone.now())
    facts = run.plan.document["facts"]
    if shop is not None and shop.total and facts.get("hosts") and "label" in facts:
        found["seconds"] = asdict(after.cost(shop.down, panels.lanes_now(run, facts)))
        found["answers"] = {"good": shop.good, "of": shop.total}
    return found


def _consent(run: Run) -> Mapping[str, Any]:
    approvals = Approval.objects.filter(hash=run.plan.hash).select_related("by")
    glass = BrokenGlass.objects.filter(hash=run.plan.hash).select_related("by")
    return {
        "approvals": [{"by": str(each.by), "at": each.at, "hash": each.hash, "note": each.note} for each in approvals],
        "broken_glass": [{"by": str(each.by), "at": each.at, "freeze": each.freeze, "reason": each.reason} for each in glass],
    }


def _hosts(run: Run) -> list[Host]:
    planned = [host["instance_id"] for host in run.plan.document["facts"].get("hosts", ())]
    return list(Host.objects.filter(pk__in=planned).order_by("tier", "name"))


def _of(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _readme(run: Run) -> str:
    return (
        f"Run {run.number}: {run.title} ({run.environment}), {run.state}\n\n"
        "run.json, plan.json, steps.json, effects.json   what was planned, and what came of each step and each effect\n"
        "consent.json                                    who approved the plan, and whether a freeze was broken\n"
        "summary.json                                    downtime as measured from outside, times of steps against history\n"
        "shop-from-outside.json, beanstalk-events.json   what the summary was made of\n"
        "hosts.json, hosts/                              hosts as last seen; files that were copied from them\n"
        "log.txt                                         every line: number, time (UTC), host, text; separated by tabs\n\n"
        "Secrets are blacked out. Times are UTC.\n"
    )
