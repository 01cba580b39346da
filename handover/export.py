"""The corrected document: each sentence as it is, or as it should be, with what was observed; and the runbook as the console runs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.template.defaultfilters import date as formatted

from deployments import commands
from deployments.commands import Command
from estate.reading import current
from handover.models import Verdict
from handover.rows import Row

_PRODUCTION = "production"


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
    title: str
    where: str
    command: str


def sections(found: Iterable[Row]) -> list[Section]:
    return [Section(title, tuple(map(_line, rows))) for title, rows in groupby(found, key=lambda row: row.claim.section)]


def _line(row: Row) -> Line:
    claim = row.claim
    text, was = claim.sentence, ""
    if (row.verdict == Verdict.DIFFERS and claim.corrected) or (claim.corrected and row.verdict != Verdict.CANNOT):
        text, was = claim.corrected, claim.sentence
    if claim.question:
        text, was = claim.question, claim.sentence
    mark = "" if row.verdict == Verdict.AGREES else row.verdict.value
    said = f"{row.answer.text} ({row.answer.by})" if row.answer else row.accepted.text if row.accepted else row.observation
    return Line(claim.line, text, mark, said, was)


def runbook() -> list[Step]:
    """Of Magento in production, as the document's own strategy runs it: where, and the very command."""
    target = next((each for each in current().targets if each.has_maintenance and each.environment.key == _PRODUCTION), None)
    if target is None:
        return []
    front = f"on each of the {target.tiers[-1].hosts} hosts of {target.tiers[-1].beanstalk}"
    one = f"on one host of {target.tiers[-1].beanstalk}"
    statics = [Step("Generate the statics", one, str(commands.deploy_statics(each))) for each in target.statics]
    steps: list[tuple[str, str, Command]] = [
        ("Switch the maintenance mode on", front, commands.maintenance(on=True)),
        ("Empty the statics, but for .htaccess", one, commands.clear_statics()),
    ]
    after: list[tuple[str, str, Command]] = [
        ("Flush the cache", front, commands.flush_cache()),
        ("Switch the maintenance mode off", front, commands.maintenance(on=False)),
    ]
    return [*(Step(title, where, str(command)) for title, where, command in steps), *statics,
            *(Step(title, where, str(command)) for title, where, command in after)]  # fmt: skip


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
    yield from ("", "## The runbook, as the console runs it", "")
    for number, step in enumerate(runbook(), start=1):
        yield from (f"{number}. {step.title}, {step.where}:", "", f"       {step.command}", "")


def _plain(text: str) -> str:
    """What Markdown would take for marks stays text."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|" else letter for letter in " ".join(text.split()))
