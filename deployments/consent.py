"""Whether people agree to a release: a second person's approval of this very plan, and freezes, with the glass that an admin may break.

Both are gates: shown with the others, asked again when the run begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from deployments.gates import Gate
from deployments.models import Approval, BrokenGlass
from estate import freezes
from estate.definition import Target
from estate.reading import current
from people import audit
from people.models import Operator
from people.notifications import notify
from people.permissions import may, require
from runs.actions import NotNow, PlanChanged
from runs.models import Plan
from runs.plan import Plan as PlanValue

GLASS = timedelta(hours=1)  # for so long a broken glass lets its plan through


def gates(plan: Plan, target: Target, now: datetime) -> list[Gate]:
    """Nothing where the target needs no approval, and has no freezes."""
    return [*_approval(plan, target), *_freeze(plan, target, now)]


def approvals_of(plan: Plan) -> list[Approval]:
    """Of this plan as it stands; of other people than the one who made it."""
    if not _is_whole(plan):
        return []
    return list(Approval.objects.filter(hash=plan.hash).exclude(by=plan.made_by_id).select_related("by"))


def approve(plan: Plan, *, hash: str, note: str = "", by: Operator) -> Approval:
    """The same person's second approval of the same plan is their first. Raises Forbidden, NotNow, PlanChanged."""
    require(by, "approve", plan.environment)
    _same(plan, hash)
    if plan.made_by_id == by.pk:
        raise NotNow("You made this plan: somebody else has to approve it.")
    if plan.runs.exists():
        raise NotNow("This plan has been started already: there is nothing to approve.")
    with transaction.atomic():
        found, is_new = Approval.objects.get_or_create(hash=plan.hash, by=by, defaults={"plan": plan, "note": note.strip()[:500]})
        if is_new:
            audit.record("approve", by=by, target=plan.title, why=found.note, facts={"plan": str(plan.pk), "hash": plan.hash})
            url = reverse("deployments:plan", args=(plan.pk,))
            text = f"{by} approved the plan that {plan.made_by} made. {found.note}".strip()
            notify(
                "approval", title=f"Approved: {plan.title}", text=text, url=url, key=f"approval:{found.pk}", environment=plan.environment
            )
    return found


def ask_for_approval(plan: Plan, target: Target) -> None:
    """Tells those who may give it, once for each plan."""
    if target.approval:
        url = reverse("deployments:plan", args=(plan.pk,))
        text = f"{plan.made_by} made a plan that a second person has to approve: {plan.title}."
        notify("approval", title=f"To approve: {plan.title}", text=text, url=url, key=f"to-approve:{plan.pk}", environment=plan.environment)


def why_not_approve(plan: Plan, operator: object) -> str:
    """A sentence for the page; "" where they may."""
    decision = may(operator, "approve", plan.environment)
    if not decision:
        return decision.why
    if isinstance(operator, Operator) and operator.pk == plan.made_by_id:
        return "You made this plan: somebody else has to approve it."
    if any(each.by == operator for each in approvals_of(plan)):
        return "You have approved it."
    return ""


def break_glass(plan: Plan, *, hash: str, reason: str, by: Operator) -> BrokenGlass:
    """For this plan and for an hour. Raises Forbidden, NotNow, PlanChanged."""
    require(by, "break-glass", plan.environment)
    _same(plan, hash)
    if not reason.strip():
        raise NotNow("Say why it cannot wait: that is kept.")
    window = freezes.window_at(current().target(plan.service, plan.environment).freezes, timezone.now())
    if window is None:
        raise NotNow("Nothing is frozen now: there is no glass to break.")
    with transaction.atomic():
        broken = BrokenGlass.objects.create(plan=plan, hash=plan.hash, freeze=window.freeze.reason, reason=reason.strip()[:500], by=by)
        told = {"plan": str(plan.pk), "hash": plan.hash, "freeze": window.freeze.reason}
        audit.record("break-glass", by=by, target=plan.title, why=broken.reason, facts=told)
        url, title = reverse("deployments:plan", args=(plan.pk,)), f"Glass broken in “{window.freeze.reason}”: {plan.title}"
        notify("approval", title=title, text=f"{by}: {broken.reason}", url=url, key=f"glass:{broken.pk}", environment=plan.environment)
    return broken


def glass_of(plan: Plan, now: datetime) -> BrokenGlass | None:
    mine = BrokenGlass.objects.filter(hash=plan.hash, at__gt=now - GLASS).select_related("by")
    return mine.order_by("-at").first() if _is_whole(plan) else None


def _approval(plan: Plan, target: Target) -> Iterator[Gate]:
    if not target.approval:
        return
    title = "A second person has approved this plan"
    found = approvals_of(plan)
    if found:
        yield Gate("approval", title, "ok", f"by {', '.join(str(each.by) for each in found)}")
        return
    label = plan.document["facts"].get("label", "")
    mine = Approval.objects.filter(plan__service=plan.service, plan__environment=plan.environment, plan__document__facts__label=label)
    void = tuple(
        f"{each.by} approved plan {each.hash[:7]}, which is another one: it does not count" for each in mine.exclude(hash=plan.hash)
    )
    yield Gate("approval", title, "bad", f"nobody has yet; {plan.made_by}, who made it, cannot", void[:5])


def _freeze(plan: Plan, target: Target, now: datetime) -> Iterator[Gate]:
    if not target.freezes:
        return
    title, window = "No freeze", freezes.window_at(target.freezes, now)
    if window is None:
        ahead = freezes.next_window(target.freezes, now)
        said = (
            f"the next one is “{ahead.freeze.reason}”, from {ahead.opens:%a %d %b %Y %H:%M} ({ahead.freeze.zone}) on"
            if ahead
            else "none is near"
        )
        yield Gate("freeze", title, "ok", said)
        return
    until = f"until {window.closes:%a %d %b %Y %H:%M} ({window.freeze.zone})"
    broken = glass_of(plan, now)
    if broken is None:
        yield Gate("freeze", title, "bad", f"“{window.freeze.reason}” {until}: nothing is released; an admin may break the glass")
    else:
        said = f"“{window.freeze.reason}” {until}: {broken.by} broke the glass at {broken.at:%H:%M} UTC: {broken.reason}"
        yield Gate("freeze", title, "warn", said)


def _same(plan: Plan, hash: str) -> None:
    if hash != plan.hash or not _is_whole(plan):
        raise PlanChanged("This is not the plan that you looked at. Look at the plan again.")


def _is_whole(plan: Plan) -> bool:
    """The stored document is the one that the hash was made of."""
    return PlanValue.from_json(plan.document).hash == plan.hash
