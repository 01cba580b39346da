"""What a person can say of a claim: answer its question, accept it as it is, take that back. Each is in the audit trail."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from estate.definition import Target
from estate.reading import current as estate
from handover import judging
from handover.document import Claim
from handover.models import Statement
from people import audit
from people.models import Operator
from people.permissions import require

CONFIGURATION_BRANCH = 266  # the claim whose answer is the branch that plans propose
_LONGEST = 500
_LONGEST_DAYS = 366


class NotSaid(ValueError):
    """The text says what is missing and what to do."""


def answer(claim: Claim, text: str, *, by: Operator) -> Statement:
    """Raises Forbidden, NotSaid."""
    require(by, "claims")
    if not claim.question:
        raise NotSaid(f"Claim {claim.id} asks nothing. Accept it as it is, or correct claims.yaml.")
    if claim.id == CONFIGURATION_BRANCH and not _branch_in(text):
        raise NotSaid(f"The answer has to name one of these branches: {', '.join(_branches())}.")
    return _say(claim, Statement.Kind.ANSWER, text, by=by)


def accept(claim: Claim, reason: str, until: date | None, *, by: Operator) -> Statement:
    """Raises Forbidden, NotSaid."""
    require(by, "claims")
    today = timezone.localdate(timezone=estate().time_zone)
    if until is not None and not 0 <= (until - today).days <= _LONGEST_DAYS:
        raise NotSaid("The last day is from today on, a year ahead at most.")
    return _say(claim, Statement.Kind.ACCEPT, reason, until=until, by=by)


def withdraw(claim: Claim, reason: str, *, by: Operator) -> Statement:
    """Raises Forbidden, NotSaid."""
    require(by, "claims")
    if judging.acceptance(judging.statements_of([claim.id]).get(claim.id, []), timezone.localdate(timezone=estate().time_zone)) is None:
        raise NotSaid(f"Claim {claim.id} is not accepted: there is nothing to take back.")
    return _say(claim, Statement.Kind.WITHDRAW, reason, by=by)


def chosen_configuration_branch(target: Target) -> str:
    """For plans: the branch that the newest answer names; "" where nobody answered."""
    said = Statement.objects.filter(claim=CONFIGURATION_BRANCH, kind=Statement.Kind.ANSWER).values_list("text", flat=True).first()
    return next((branch for branch in target.configuration.branches if said and _names(said, branch)), "")


def _say(claim: Claim, kind: Statement.Kind, text: str, *, until: date | None = None, by: Operator) -> Statement:
    words = " ".join(text.split())
    if not words:
        raise NotSaid("Say why, in a sentence: somebody will read it in a year.")
    if len(words) > _LONGEST:
        raise NotSaid(f"Say it in {_LONGEST} characters; there are {len(words)}.")
    with transaction.atomic():
        said = Statement.objects.create(claim=claim.id, kind=kind, text=words, until=until, by=by, at=timezone.now())
        audit.record(f"claim {kind.value}", by=by, target=f"claim {claim.id}", why=words)
        judging.again(claim)
    return said


def _branches() -> list[str]:
    return sorted(
        {branch for target in estate().targets for branch in target.configuration.branches if len(target.configuration.branches) > 1}
    )


def _branch_in(text: str) -> bool:
    return any(_names(text, branch) for branch in _branches())


def _names(text: str, branch: str) -> bool:
    return branch in text.replace(",", " ").replace(".", " ").split()
