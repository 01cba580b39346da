"""The claims as the page, the API and the export show them: what the document says, joined with how it stands. Three queries for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handover import document, judging
from handover.document import Claim
from handover.models import Change, Standing, Statement, Verdict
from people.retention import delete_some

LIGHTS = {
    Verdict.AGREES: "ok",
    Verdict.DIFFERS: "bad",
    Verdict.CANNOT: "unknown",
    Verdict.QUESTION: "warn",
    Verdict.ACCEPTED: "expected",
}


@dataclass(frozen=True, slots=True)
class Row:
    claim: Claim
    verdict: Verdict
    observed: Verdict
    observation: str
    evidence: tuple[str, ...]
    checked: datetime | None
    since: datetime | None
    statements: tuple[Statement, ...] = ()

    @property
    def light(self) -> str:
        return LIGHTS[self.verdict]

    @property
    def accepted(self) -> Statement | None:
        """What counts now."""
        said = next((each for each in self.statements if each.kind != Statement.Kind.ANSWER), None)
        return said if self.verdict == Verdict.ACCEPTED else None

    @property
    def answer(self) -> Statement | None:
        return next((each for each in self.statements if each.kind == Statement.Kind.ANSWER), None)


def rows(claims: Iterable[Claim] | None = None) -> list[Row]:
    """In the order of the file. A claim that has not been judged yet cannot be checked: it says so."""
    wanted = list(document.claims() if claims is None else claims)
    standing = Standing.objects.in_bulk([claim.id for claim in wanted])
    statements = judging.statements_of(claim.id for claim in wanted)
    return [_row(claim, standing.get(claim.id), statements.get(claim.id, [])) for claim in wanted]


def _row(claim: Claim, standing: Standing | None, statements: list[Statement]) -> Row:
    if standing is None:
        said = claim.why or "Nothing has been looked at yet: the scheduler does it within a minute of its start."
        return Row(claim, Verdict.CANNOT, Verdict.CANNOT, said, (), None, None, tuple(statements))
    return Row(
        claim,
        Verdict(standing.verdict),
        Verdict(standing.observed),
        standing.observation,
        tuple(standing.evidence),
        standing.checked,
        standing.since,
        tuple(statements),
    )


def fitting(found: Iterable[Row], *, verdict: str = "", words: str = "") -> list[Row]:
    """Those of a verdict, or that need a person; and that contain these words, or are on that line."""
    needle = words.strip().casefold()
    return [row for row in found if _has_verdict(row, verdict) and (not needle or _contains(row, needle))]


def _has_verdict(row: Row, verdict: str) -> bool:
    if verdict == "person":
        return row.verdict in (Verdict.DIFFERS, Verdict.QUESTION)
    return not verdict or row.verdict == verdict


def _contains(row: Row, needle: str) -> bool:
    if needle.isdigit():
        return needle in (str(row.claim.id), *row.claim.line.replace("/", " ").replace(",", " ").replace("-", " ").split())
    return needle in f"{row.claim.sentence} {row.observation} {row.claim.section} {row.claim.question}".casefold()


def counts(found: Iterable[Row]) -> dict[str, int]:
    """By verdict, all of them named."""
    counted = Counter(row.verdict for row in found)
    return {verdict.value: counted[verdict] for verdict in Verdict}


def remove_history(before: datetime, most: int) -> int:
    return delete_some(Change.objects.filter(at__lt=before).order_by("at", "id"), most)


def history(claim: Claim, limit: int = 20) -> list[Change]:
    return list(Change.objects.filter(claim=claim.id)[:limit])


def bars(counted: dict[str, int]) -> list[dict[str, Any]]:
    """The shares of one bar, in percent, from the left."""
    whole = sum(counted.values()) or 1
    place, found = 0.0, []
    for verdict in Verdict:
        width = 100 * counted[verdict.value] / whole
        found.append({"verdict": verdict.value, "light": LIGHTS[verdict], "x": place, "width": width, "count": counted[verdict.value]})
        place += width
    return found
