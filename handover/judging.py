"""What each claim comes to: its check over what was last observed, then what people said of it. A duty does it again and again.

A verdict that changes is kept with its time; one that turns to “differs” is told to people. What cannot be looked at is never “differs”.
A run of ours changes hosts on purpose: what begins to differ while one is at work is told only where it still differs after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from estate import inventory
from estate.models import BeanstalkEnvironment, Resource
from estate.reading import current as estate
from handover import document
from handover.checks import CHECKS
from handover.document import Claim
from handover.models import Change, Standing, Statement, Verdict
from handover.observed import NotObserved, Observed, grouped
from people.notifications import notify
from remote.aws.found import Found
from runs.models import Run

EVERY = 20.0  # seconds
EXPLAINED = timedelta(hours=1)  # no run explains a difference for longer
KNOWN = timedelta(days=1)  # a drift that is older was told, or will never be


@dataclass(frozen=True, slots=True)
class Outcome:
    """`observed` is what the check found, `verdict` what it comes to with what people said."""

    observed: Verdict
    said: str
    evidence: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    verdict: Verdict = Verdict.CANNOT


def observed_now() -> Observed:
    """Everything in the inventory's rows. One query for the rows, one for when they were asked."""
    asked = inventory.asked()
    found = [Found(row.kind, row.key, row.name, row.facts) for row in Resource.objects.filter(gone=None)]
    things = grouped(found, [kind for source in inventory.sources() if _answered(asked, source) for kind in source.kinds])
    wrong = {kind: row.error for source in inventory.sources() if (row := asked.get(source.name)) and row.error for kind in source.kinds}
    return Observed(things, wrong)


def _answered(asked: Mapping[str, object], source: inventory.Source) -> bool:
    row = asked.get(source.name)
    return row is not None and getattr(row, "answered", None) is not None


def judge(claim: Claim, observed: Observed) -> Outcome:
    """By its check alone."""
    if not claim.check:
        return Outcome(Verdict.CANNOT, claim.why or claim.question)
    own = replace(observed, touched=set())
    try:
        seen = CHECKS[claim.check](own, **claim.told)
    except NotObserved as unknown:
        return Outcome(Verdict.CANNOT, str(unknown), kinds=frozenset(own.touched))
    return Outcome(Verdict.AGREES if seen.agrees else Verdict.DIFFERS, seen.said, seen.evidence, frozenset(own.touched))


def with_people(claim: Claim, outcome: Outcome, statements: Iterable[Statement], today: date) -> Outcome:
    """What people said counts over the check: acceptance first, then a question that nobody has answered yet."""
    accepted = acceptance(statements, today)
    if accepted is not None:
        return replace(outcome, verdict=Verdict.ACCEPTED)
    if claim.question:
        answer = next((each for each in statements if each.kind == Statement.Kind.ANSWER), None)
        if answer is None:
            return replace(outcome, verdict=Verdict.QUESTION)
        if not claim.check:
            return replace(outcome, verdict=Verdict.AGREES, said=f"Answered: {answer.text}")
    return replace(outcome, verdict=outcome.observed)


def acceptance(statements: Iterable[Statement], today: date) -> Statement | None:
    """The newest one, unless it was withdrawn or its last day has passed. `statements` newest first."""
    said = next((each for each in statements if each.kind != Statement.Kind.ANSWER), None)
    if said is None or said.kind == Statement.Kind.WITHDRAW or (said.until is not None and said.until < today):
        return None
    return said


def judge_all() -> int:
    """Judges every claim and keeps what changed. Returns how many verdicts changed."""
    observed = observed_now()
    return keep({claim.id: judge(claim, observed) for claim in document.claims()})


def again(claim: Claim) -> None:
    """Only this one, at once: what a person said of it counts from now on."""
    keep({claim.id: judge(claim, observed_now())})


def statements_of(claims: Iterable[int]) -> dict[int, list[Statement]]:
    """Newest first, by claim."""
    by_claim: dict[int, list[Statement]] = {}
    for statement in Statement.objects.filter(claim__in=list(claims)).select_related("by"):
        by_claim.setdefault(statement.claim, []).append(statement)
    return by_claim


def keep(outcomes: Mapping[int, Outcome]) -> int:
    now = timezone.now()
    claims = {claim.id: claim for claim in document.claims()}
    statements = statements_of(outcomes)
    today = timezone.localdate(now, estate().time_zone)
    asked = _asked_at()
    with transaction.atomic():
        rows = {row.claim: row for row in Standing.objects.select_for_update().filter(claim__in=list(outcomes))}
        altered, changes = [], []
        for number, outcome in outcomes.items():
            outcome = with_people(claims[number], outcome, statements.get(number, []), today)
            before = rows.get(number)
            row, change = _standing(number, outcome, before, _oldest(asked, outcome.kinds), now)
            if change is not None:
                changes.append(change)
            altered.append(row)
        _write(altered)
        Change.objects.bulk_create(changes)
        _tell_of([row for row in altered if row.verdict == Verdict.DIFFERS and row.since > now - KNOWN], claims, now)
    return len(changes)


def _standing(
    number: int, outcome: Outcome, before: Standing | None, checked: datetime | None, now: datetime
) -> tuple[Standing, Change | None]:
    changed = before is None or before.verdict != outcome.verdict
    since = now if before is None or changed else before.since
    row = Standing(number, outcome.verdict, outcome.observed, outcome.said, list(outcome.evidence), checked, since)
    if not changed:
        return row, None
    return row, Change(claim=number, at=now, before=before.verdict if before else "", after=outcome.verdict, observation=outcome.said)


def _write(rows: list[Standing]) -> None:
    fields = ["verdict", "observed", "observation", "evidence", "checked", "since"]
    Standing.objects.bulk_create(rows, update_conflicts=True, unique_fields=["claim"], update_fields=fields)


def _tell_of(differ: Sequence[Standing], claims: Mapping[int, Claim], now: datetime) -> None:
    """Drift: it held, and does no longer. What was never known to hold is on the page, and woke nobody."""
    if not differ:
        return
    rows = {row.claim: row for row in differ}
    found = Change.objects.filter(claim__in=rows, at__gt=now - KNOWN, before=Verdict.AGREES, after=Verdict.DIFFERS)
    drifted = [change for change in found if change.at == rows[change.claim].since]
    explained = _explained_until(now) if any(change.at > now - EXPLAINED for change in drifted) else None
    for change in drifted:
        checked = rows[change.claim].checked
        later = explained is None or (checked is not None and checked > explained)
        if later or change.at <= now - EXPLAINED:
            _tell(claims[change.claim], change)


def _explained_until(now: datetime) -> datetime | None:
    """What was looked at until then may be as a run of ours, or somebody else's deployment, had it for a while; None: none lately."""
    running = Run.objects.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING))
    updating = BeanstalkEnvironment.objects.filter(status="Updating")
    if running.exists() or updating.exists():
        return now
    ended = Run.objects.filter(ended__gt=now - EXPLAINED).aggregate(last=Max("ended"))["last"]
    updated = BeanstalkEnvironment.objects.filter(updated__gt=now - EXPLAINED).aggregate(last=Max("updated"))["last"]
    return max(filter(None, (ended, updated)), default=None)


def _tell(claim: Claim, change: Change) -> None:
    """Once: the key is the change's own."""
    notify(
        "drift",
        title=f"Line {claim.line} of the hand-over document no longer holds",
        text=f"{claim.sentence}\nObserved: {change.observation}",
        url=reverse("handover:claim", args=(claim.id,)),
        key=f"claim {claim.id} {change.at.isoformat()}",
    )


def _asked_at() -> dict[str, datetime | None]:
    rows = inventory.asked()
    return {kind: rows[source.name].answered for source in inventory.sources() if source.name in rows for kind in source.kinds}


def _oldest(asked: Mapping[str, datetime | None], kinds: Iterable[str]) -> datetime | None:
    """An observation is as old as the oldest answer that it rests on."""
    times = [asked.get(kind) for kind in kinds if kind != "host-silent"]
    known = [each for each in times if each is not None]
    return min(known) if known and len(known) == len(times) else None
