"""What failed, where, and what can be done now: read from the run, the hosts' last known state and the evidence that was taken.

Nothing here asks the world: the page can be opened when AWS cannot be reached, and next year.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployments import activity_log, commands, schema, standing
from deployments.activity_log import Line
from deployments.live import LABEL, live_commit
from deployments.models import Evidence, Standing
from deployments.sources import mirror
from deployments.strategies import AWARE
from estate.definition import Target, UnknownTarget
from estate.models import BeanstalkEvent, Host
from estate.reading import current
from people.permissions import may
from remote.errors import RemoteError
from runs import witness
from runs.ansi import pieces
from runs.models import Effect, LogChunk, Run, Step

_LAST_LINES = 20
_ONLY_LOOK = frozenset(["preflight", "check-versions"])  # the steps after which everything is as it was


@dataclass(frozen=True, slots=True)
class Choice:
    """One way out. `refused` says why it is not possible; it stays visible. `url_name` is where it is planned."""

    title: str
    text: str
    takes: str = ""
    closed_for: str = ""
    plan: bool = False  # it is planned by a button: a new plan of the same target
    release: str = ""  # the number of the earlier release that is planned by it
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One host: code, schema, statics, what it says of maintenance, its two lights, and whether the shop's traffic reaches it."""

    host: str
    instance_id: str
    version: str
    state: str  # new, old, half
    maintenance: str
    target_state: str
    causes: tuple[str, ...]
    failed: bool
    standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    host: str
    instance_id: str
    private_ip: str
    step: str
    said: str
    beanstalk_says: str
    log_file: str
    platform: str
    activity: tuple[str, ...]
    output: str
    excerpt: tuple[Line, ...]
    problem: str  # why there is no log
    taken: Any
    ssh: str
    rows: tuple[Row, ...]
    mixed: bool
    choices: tuple[Choice, ...]
    asked: datetime | None  # when the hosts last said what they stand on
    lock_held: bool
    lock_said: str


def failure(run: Run, *, by: object, refuted: str) -> Failure | None:
    """None where the run has not failed. `refuted`: by what the new code said (`preparing.refutation`)."""
    if run.state not in (Run.State.FAILED, Run.State.CANCELLED, Run.State.UNKNOWN):
        return None
    step = run.steps.filter(state__in=("failed", "unknown")).order_by("position").first()
    if step is None and run.state != Run.State.CANCELLED:
        return None
    effect = Effect.objects.filter(run=run, state__in=(Effect.State.FAILED, Effect.State.UNKNOWN)).order_by("pk").first()
    label, planned = run.plan.document["facts"]["label"], run.plan.document["facts"]["hosts"]
    hosts = {host.pk: host for host in Host.objects.filter(pk__in=[entry["instance_id"] for entry in planned])}
    evidence = Evidence.objects.filter(run=run).order_by("pk").first()
    host = (
        hosts.get(evidence.instance_id)
        if evidence
        else next((host for host in hosts.values() if effect and host.name == effect.target), None)
    )
    found = activity_log.read(evidence.text, first_line=evidence.first_line) if evidence and evidence.text else None
    path = evidence.path if evidence else ""
    standings = _standings(run)
    rows = tuple(_rows(planned, hosts, label, standings, failed=host.pk if host else ""))
    mixed = len({row.version for row in rows}) > 1
    return Failure(
        host=host.name if host else (effect.target if effect else ""),
        instance_id=host.pk if host else "",
        private_ip=str(host.private_ip) if host else "",
        step=step.title if step else "",
        said=run.said or (step.said if step else ""),
        beanstalk_says=_beanstalk_says(host, run) if host else "",
        log_file=path,
        platform=next((name for name, file in commands.LOG_FILES.items() if file == path), ""),
        activity=found.path if found else (),
        output=found.output if found else _last_lines(run, effect),
        excerpt=found.excerpt if found else (),
        problem=evidence.problem if evidence else "",
        taken=evidence.taken if evidence else None,
        ssh=_ssh(host, path),
        rows=rows,
        mixed=mixed,
        choices=tuple(_choices(run, standings, failed=step is not None and run.state != Run.State.CANCELLED, mixed=mixed, refuted=refuted)),
        asked=standing.newest(standings),
        lock_held=run.holds_lock,
        lock_said=_lock_said(run, mixed=mixed, by=by),
    )


def _last_lines(run: Run, effect: Effect | None) -> str:
    """Of the command that failed, where the console itself ran it: the command, and the end of what it printed."""
    if effect is None or effect.intent_at is None:
        return ""
    mine = LogChunk.objects.filter(run=run, host=effect.target, time__gte=effect.intent_at).order_by("-seq_first")
    text = "\n".join(reversed(mine.values_list("text", flat=True)[:_LAST_LINES]))
    return "\n".join("".join(piece.text for piece in pieces(line)) for line in text.split("\n")[-_LAST_LINES:])


def _beanstalk_says(host: Host, run: Run) -> str:
    events = BeanstalkEvent.objects.filter(environment=host.beanstalk, time__gte=run.created, severity="ERROR", message__contains=host.pk)
    first = events.order_by("pk").first()
    return first.message.strip() if first else ""


def _ssh(host: Host | None, path: str) -> str:
    """Ready to paste; the document's own last step of the hunt."""
    if host is None:
        return ""
    return (
        shlex.join(["ssh", str(host.private_ip), "-t", f"sudo tail -n 200 {path}"]) if path else shlex.join(["ssh", str(host.private_ip)])
    )


def _target(run: Run) -> Target | None:
    try:
        return current().target(run.service, run.environment)
    except UnknownTarget:
        return None


def _standings(run: Run) -> list[Standing]:
    """What hosts said before is not what they stand on after it: their code or the database may be another since."""
    target, since = _target(run), run.ended or run.started
    return [each for each in standing.known(target) if since is None or each.seen >= since] if target else []


def _rows(
    planned: Sequence[dict[str, Any]], hosts: dict[str, Host], label: str, standings: Sequence[Standing], *, failed: str
) -> Iterator[Row]:
    stands = {each.instance_id: each for each in standings}
    for entry in planned:
        host = hosts.get(entry["instance_id"])
        if host is None:
            yield Row(entry["name"], entry["instance_id"], "unknown", "unknown", "unknown", "unknown", (), False)
            continue
        half = host.deployment_status in ("Failed", "In Progress")
        state = "half" if half else "new" if host.version == label else "old"
        yield Row(
            host.name,
            host.pk,
            host.version,
            state,
            host.maintenance,
            host.target_state or "unknown",
            tuple(host.causes),
            host.pk == failed or half,
            stands.get(host.pk),
        )


def _choices(run: Run, standings: Sequence[Standing], *, failed: bool, mixed: bool, refuted: str) -> Iterator[Choice]:
    facts = run.plan.document["facts"]
    usual = f"≈ {round(facts['estimate']['seconds'] / 60)} min" if facts.get("estimate") else ""
    begun = {step.key for step in run.steps.all() if step.state != Step.State.PLANNED}
    if not begun - _ONLY_LOOK and not witness.doubted(run.epoch):
        mend = "Mend what the run names, then make" if failed else "Make"
        yield Choice("Plan again", f"Nothing has been changed. {mend} a new plan.", "a minute", "0 s", plan=True)
        return
    if refuted:
        yield Choice(
            "Build it again, and ask the database anew",
            "The answer that this release was decided by was wrong. First a plan that builds and asks, and changes nothing; what it is "
            "told decides whether the release after it migrates behind the curtain.",
            "some minutes before it",
            "while the database is migrated",
            plan=True,
        )
    else:
        yield Choice(
            f"Mend the cause, then deploy {facts['release']} again" if failed else f"Deploy {facts['release']} again",
            "Beanstalk always redeploys the whole environment, never one host; hosts that have the version already pass quickly. "
            "A new plan shows what differs from this one.",
            usual,
            closed_for(facts),
            plan=True,
        )
    yield _back(run, facts["previous_label"], usual, standings)
    yield Choice(
        "Deploy to the failed host alone",
        "",
        refused="Beanstalk has no such thing: an update goes to every host of the environment.",
    )
    yield Choice(
        "Terminate the failed host and let Auto Scaling replace it",
        "",
        refused=f"Beanstalk starts the new host with the last successful version, {facts['previous_label'] or 'the old one'}"
        + (": old code beside new." if mixed else "."),
    )


def _back(run: Run, label: str, usual: str, standings: Sequence[Standing]) -> Choice:
    """Offered where the database that is there fits the version before."""
    title = f"Go back to {label or 'the version before'}"
    target, number = _target(run), LABEL.match(label)
    if target is None or number is None:
        return Choice(title, "", refused="Which release that was is not known.")
    code = mirror(target.code.repository)
    try:
        commit = live_commit(target, label, code, code.resolve(target.code.branches[0]))
    except RemoteError as error:
        return Choice(title, "", refused=error.told)
    found = schema.verdict(target, commit, label, standings)
    if found.state != "ok":
        evidence = "".join(f" {line}." for line in found.changed)
        return Choice(title, "Old code on a migrated database answers with errors.", refused=f"{found.said}.{evidence}")
    text = f"{found.said[:1].upper()}{found.said[1:]}. Its bundle is deployed to every host again; hosts that have it pass quickly."
    return Choice(title, text, usual, closed_for(run.plan.document["facts"]), plan=True, release=number["number"])


def closed_for(facts: Mapping[str, Any]) -> str:
    if facts.get("strategy") != AWARE:
        return "as long as maintenance mode is found on"
    rolls = (facts.get("decision") or {}).get("path") == "roll"
    return "not at all, if the database still needs no migration" if rolls else "as long as a curtain is drawn"


def _lock_said(run: Run, *, mixed: bool, by: object) -> str:
    if not run.holds_lock:
        return "Released."
    why = "hosts have different versions" if mixed else "what it left behind has not been looked at"
    who = may(by, "settle", run.environment)
    allowed = "You may release it, or plan a relaunch, which takes it over." if who else who.why
    return f"{run} holds {run.lock_group}, because {why}: nothing else is released there by mistake. {allowed}"
