"""What a person can do about alarms. Each asks for permission; what changes CloudWatch is a plan, started as any run is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from estate.reading import current
from live.publish import publish
from monitoring.alarms import declared, plans
from monitoring.alarms.models import Alarm, Mute, Transition, Tunnel
from people import audit
from people.models import Operator
from people.permissions import require
from runs import actions as runs
from runs.models import Plan, Run

LONGEST_MUTE = 15 * 24 * 60  # minutes: CloudWatch's own limit
LONGEST_NOTE = 1000


class NotPossible(runs.Refusal):
    """Nothing was changed; the text says why and what to do."""


def acknowledge(name: str, *, note: str, by: Operator) -> Alarm:
    """Says that somebody looks after it; good for this alarm, not for the next. Raises Forbidden, NotPossible."""
    require(by, "acknowledge")
    note = note.strip()[:LONGEST_NOTE]
    if not note:
        raise NotPossible("Write a word about what you found or do: others read it.")
    with transaction.atomic():
        alarm = Alarm.objects.select_for_update().filter(name=name).first()
        if alarm is None or alarm.state != "ALARM":
            raise NotPossible(f"{name} is not in alarm: there is nothing to acknowledge.")
        now = timezone.now()
        Alarm.objects.filter(pk=name).update(acknowledged_by=by, acknowledged=now, note=note)
        summary = f"Acknowledged by {by}"
        Transition.objects.create(alarm=name, at=now, kind=Transition.Kind.NOTE, summary=summary[:255], reason=note)
        audit.record("acknowledge alarm", by=by, target=name, why=note)
        transaction.on_commit(lambda: publish("now", {"kind": "now", "changed": ["alarms"]}))
    return Alarm.objects.get(pk=name)


def plan_apply(name: str, *, by: Operator) -> Plan:
    """Draws what makes the live alarm what the estate's file says. Raises Forbidden, NotPossible."""
    require(by, plans.CHANGE, planning=True)
    alarm = current().alarms.get(name)
    if alarm is None:
        raise NotPossible(f"{name} is not declared in estate.yaml: there is nothing to apply.")
    try:
        definition = declared.definition(alarm, connections())
    except LookupError as error:
        raise NotPossible(f"{error.args[0]} Look at the VPN connections in AWS, or at `link` in estate.yaml.") from error
    live = Alarm.objects.filter(pk=name, gone=None).first()
    return runs.save_plan(plans.apply(alarm, definition, live.definition if live else {}), by=by)


def plan_mute(names: Sequence[str], *, minutes: int, why: str, begins: datetime | None = None, by: Operator) -> Plan:
    """Raises Forbidden, NotPossible."""
    require(by, plans.MUTE, planning=True)
    known = set(Alarm.objects.filter(gone=None).values_list("name", flat=True))
    wanted = list(dict.fromkeys(names))
    if not wanted or not set(wanted) <= known:
        raise NotPossible("Choose the alarms to mute: one that CloudWatch has.")
    if not 1 <= minutes <= LONGEST_MUTE:
        raise NotPossible(f"A mute lasts from 1 minute to {LONGEST_MUTE // 1440} days.")
    if not why.strip():
        raise NotPossible("Say why: whoever wonders about the silence reads it.")
    return runs.save_plan(plans.mute(wanted, begins or timezone.now(), minutes, why.strip()), by=by)


def plan_unmute(rule: str, *, by: Operator) -> Plan:
    """Raises Forbidden, NotPossible."""
    require(by, plans.MUTE, planning=True)
    mute = Mute.objects.filter(pk=rule).first()
    if mute is None:
        raise NotPossible("That mute is over already.")
    return runs.save_plan(plans.unmute(rule, mute.alarms), by=by)


def plan_subscribe(topic: str, *, by: Operator) -> Plan:
    """Raises Forbidden, NotPossible."""
    require(by, plans.CHANGE, planning=True)
    if topic not in {each for alarm in current().alarms.values() for each in alarm.topics}:
        raise NotPossible("No alarm of estate.yaml tells that topic.")
    return runs.save_plan(plans.subscribe(topic, endpoint()), by=by)


def start(plan: Plan, *, hash: str, idempotency_key: str, reason: str = "", by: Operator, confirmation: str = "") -> Run:
    """Raises Forbidden, and what `runs.actions.start_run` raises."""
    return runs.start_run(plan, hash=hash, idempotency_key=idempotency_key, reason=reason, by=by)


def endpoint() -> str:
    """Where SNS finds the console."""
    site: str = settings.SITE_URL
    return site.rstrip("/") + reverse("alarms:sns")


def connections() -> dict[str, str]:
    return dict(Tunnel.objects.values_list("link", "connection"))
