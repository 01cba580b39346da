"""The corrected document: each sentence as it is, or as it should be, with what was observed; and the runbook as the console runs it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.template.defaultfilters import date as formatted

from deployments import plans
from deployments.steps import PlannedHost, Shipment
from estate import answers
from estate.definition import Tier
from estate.reading import current
from handover.models import Verdict
from handover.rows import Row
from runs.plan import Step as PlanStep

_PRODUCTION = "production"
RUNBOOK = "The plan of a release by the document's own strategy. LABEL stands for the version that a plan makes."


@dataclass(frozen=True, slots=True)
class Line:
    """`mark` is a word where the sentence is not simply right."""

    number: str
    text: str
    mark: str
    observed: str
    was: str  # the document's own sentence, where it was corrected


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """`commands`: each with where it runs, which is "" where all run where the step does."""

    title: str
    where: str
    note: str
    commands: tuple[tuple[str, str], ...]


def sections(found: Iterable[Row]) -> list[Section]:
    return [Section(title, tuple(map(_line, rows))) for title, rows in groupby(found, key=lambda row: row.claim.section)]


def _line(row: Row) -> Line:
    claim = row.claim
    text, was = claim.sentence.removeprefix("- "), ""
    mark = "" if row.verdict == Verdict.AGREES else row.verdict.value
    if claim.corrected and row.verdict != Verdict.CANNOT:
        text, was = claim.corrected, claim.sentence
        mark = "corrected" if row.verdict in (Verdict.AGREES, Verdict.DIFFERS) else mark
    if claim.question:
        text, was = claim.question, claim.sentence
    said = f"{row.answer.text} ({row.answer.by})" if row.answer else row.accepted.text if row.accepted else row.observation
    return Line(claim.line, text, mark, "" if said == text else said, was)


def runbook() -> list[Step]:
    """Of Magento in production, as the document's own strategy is planned: where, and the very commands."""
    target = next((each for each in current().targets if each.has_maintenance and each.environment.key == _PRODUCTION), None)
    if target is None:
        return []
    every = {tier.key: _every(tier) for tier in target.tiers}
    key, branch = f"{target.bundles.key}LABEL.zip", answers.configuration_branch(target)
    plan = plans.magento_as_written(
        target,
        [PlannedHost(every[tier.key], "", "", tier.key, tier.beanstalk) for tier in target.tiers],
        Shipment("LABEL", target.bundles.bucket, key, "", "", "", branch),
        code_branch=target.code.branches[0],
        close_back_office=False,
        release="LABEL",
    )
    front = target.tiers[-1]
    return [_step(step, every[front.key], f"one host of {front.beanstalk}") for step in plan.steps]


def _every(tier: Tier) -> str:
    return f"each of the {tier.hosts} hosts of {tier.beanstalk}" if tier.hosts > 1 else f"the host of {tier.beanstalk}"


def _step(step: PlanStep, front: str, one: str) -> Step:
    """The plan's own step; what it does for all with the share is done on one host."""
    once = step.key == "clear-statics" or step.key.startswith("statics-")
    where = one if once else step.where
    told = [(shlex.join(act.argv), one if once and act.target == front else act.target) for act in step.acts if act.argv]
    apart = any(place != where for _, place in told)
    return Step(step.title, where, step.note, tuple((line, place if apart else "") for line, place in told))


def markdown(found: list[Row], at: datetime) -> str:
    return "\n".join(_markdown(found, at)) + "\n"


def _markdown(found: list[Row], at: datetime) -> Iterator[str]:
    yield f"# {current().name}: hand-over document, corrected"
    yield ""
    yield f"From {len(found)} claims, as observed until {formatted(at, 'j M Y H:i')} UTC. Generated; corrections belong into the claims."
    for section in sections(found):
        yield from ("", f"## {section.title}", "")
        for line in section.lines:
            mark = f" **[{line.mark}]**" if line.mark else ""
            yield f"- {_plain(line.text)}{mark} (line {line.number})"
            if line.was:
                yield f"  - The document says: {_plain(line.was)}"
            if line.observed:
                yield f"  - Observed: {_plain(line.observed)}"
    yield from ("", "## The runbook, as the console runs it", "", RUNBOOK, "")
    for number, step in enumerate(runbook(), start=1):
        yield from (f"{number}. {_plain(step.title)} ({step.where})", "")
        if step.note:
            yield from (f"   {_plain(step.note)}", "")
        for command, where in step.commands:
            yield from ((f"   On {where}:", "") if where else ())
            yield from (f"       {command}", "")


def _plain(text: str) -> str:
    """What Markdown would take for marks stays text."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|" else letter for letter in " ".join(text.split()))
