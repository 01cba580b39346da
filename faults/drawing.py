"""In a process of the console: the ways in which it changes the world, and their plans where no API draws one.

Some of these changes are drawn and started in one go (`PRESSED`). Then the run is there before a worker is; where only its plan is wanted,
all of it is taken back.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

if TYPE_CHECKING:
    from people.models import Operator
    from runs.models import Plan, Run

Asked = Mapping[str, Any]
NAME, CIDR = "fault-suite", "192.0.2.{}/32"  # addresses that the box has let in nowhere
REASON = "fault suite"
FIRST_LOOK = 60.0  # seconds
ESTATE = "estate:"  # and the key of an operation of the estate's things


def ways() -> dict[str, dict[str, Any]]:
    """By name. Of a target: its hosts, its last Beanstalk environment, and the repository of its code."""
    from deployments.operations import operations_of
    from estate.models import Host
    from estate.reading import current

    found: dict[str, dict[str, Any]] = {}
    for target in current().targets:
        place = f"{target.service}:{target.environment.key}"
        hosts = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None)
        about = {
            "hosts": list(hosts.values_list("name", flat=True)),
            "beanstalk": target.tiers[-1].beanstalk,
            "tiers": [tier.beanstalk for tier in target.tiers],
            "repository": target.code.repository.key,
            "branches": list(target.configuration.branches),
        }
        kinds = ["release", *(f"operation:{operation.key}" for operation in operations_of(target)), "follow", "back"]
        kinds += ["exit"] if target.has_maintenance else []
        kinds += ["prepare", "roll", "window"] if target.build is not None else []
        found |= {f"{kind}:{place}": about for kind in kinds}
    from handover.operations import OPERATIONS

    for name in (*DRAWN, *PRESSED, *map(ESTATE.__add__, OPERATIONS)):
        if ":" in name:
            found.setdefault(name, {"hosts": []})
    return found


def is_pressed(way: str) -> bool:
    return way in PRESSED or way.startswith(ESTATE)


def draw(asked: Asked, by: Operator) -> Plan:
    """Saves it. Raises KeyError for a way that is pressed."""
    name = asked["way"]
    return DRAWN[name if name in DRAWN else name.partition(":")[0]](asked, by)


def press(asked: Asked, by: Operator) -> Run:
    """`dry`: none of it stays. `subject`: whom it is about, where that was prepared (`faults.ways`)."""
    with transaction.atomic():
        run = PRESSED.get(asked["way"], _of_the_estate)(asked, by)
        if asked["dry"]:
            transaction.set_rollback(True)
    return run


# -- of a target


def _exit(asked: Asked, by: Operator) -> Plan:
    from deployments import reopening
    from estate.models import Host
    from estate.reading import current
    from runs import actions

    target = current().target(asked["service"], asked["environment"])
    living = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None, state="running").count()
    end = time.monotonic() + FIRST_LOOK
    while len((way := reopening.way_out(target)).hosts) < living:  # somebody may have asked some of them right before their flags were set
        if time.monotonic() > end:
            raise LookupError("not all hosts say that they are in maintenance mode")
        time.sleep(0.5)
    return actions.save_plan(reopening.plan(target, way), by=by)


def _follow(asked: Asked, by: Operator) -> Plan:
    from deployments import adoption
    from estate.models import BeanstalkEnvironment
    from estate.reading import current
    from runs import actions

    target = current().target(asked["service"], asked["environment"])
    return actions.save_plan(adoption.plan(target, BeanstalkEnvironment.objects.get(pk=target.tiers[-1].beanstalk)), by=by)


def _back(asked: Asked, by: Operator) -> Plan:
    """To the newest version that somebody else has built. Raises LookupError where there is none."""
    from deployments import live, rollback
    from deployments.actions import Choice
    from estate.reading import current

    target = current().target(asked["service"], asked["environment"])
    now = live.live_label(target)
    found = next((each for each in rollback.earlier_of(target) if not each.ours and each.label != now), None)
    if found is None:
        raise LookupError("no earlier version of somebody else's")
    return rollback.plan_again(target, Choice(release=found.number), by=by)


# -- of the estate


def _of_the_estate(asked: Asked, by: Operator) -> Run:
    """An operation of the first thing that has it; of a host that nothing is released to, if there is one."""
    from estate import inventory
    from estate.models import Resource
    from handover import operations

    wanted = operations.OPERATIONS[asked["way"].removeprefix(ESTATE)]
    end, asked_of = time.monotonic() + FIRST_LOOK, {wanted.kind}
    while True:
        for source in inventory.sources():
            if asked_of.intersection(source.kinds):
                inventory.keep(source, source.read())
        things = Resource.objects.filter(kind=wanted.kind, gone=None).order_by("key")
        if found := [each for each in things if wanted in operations.operations_of(each)]:
            break
        if time.monotonic() > end:
            raise LookupError(f"the estate has no {wanted.kind} that could be asked for “{wanted.key}”")
        asked_of.add("host")  # what is mounted, a host says itself
        time.sleep(0.5)
    first = min(found, key=lambda each: operations.target_of(each) is not None)
    more = {"confirmation": first.name or first.key, "idempotency_key": uuid.uuid4().hex, "reason": REASON}
    return operations.started(first, operations.drawn(first, wanted), by=by, **more)


def _rundeck(asked: Asked, by: Operator) -> Plan:
    """Its first job of a group: what stands above them may be a job that has been moved away."""
    from deployments import rundeck
    from runs import actions

    job = next((each for each in rundeck.jobs() if each.group), None)
    if job is None:
        raise LookupError("Rundeck has no job in a group")
    return actions.save_plan(rundeck.plan(rundeck.rundeck(), job, ""), by=by)


def _alarm() -> str:
    """The first; the scheduler may not have looked yet."""
    from monitoring.alarms.models import Alarm

    end = time.monotonic() + FIRST_LOOK
    while (found := Alarm.objects.filter(gone=None).order_by("name").first()) is None:
        if time.monotonic() > end:
            raise LookupError("CloudWatch's alarms are not known")
        time.sleep(0.5)
    return str(found.name)


def _alarm_apply(asked: Asked, by: Operator) -> Plan:
    from estate.reading import current
    from monitoring.alarms import actions

    return actions.plan_apply(sorted(current().alarms)[0], by=by)


def _alarm_mute(asked: Asked, by: Operator) -> Plan:
    from monitoring.alarms import actions

    return actions.plan_mute([_alarm()], minutes=600, why=REASON, by=by)


def _alarm_unmute(asked: Asked, by: Operator) -> Plan:
    """Of one that is made for it."""
    from monitoring.alarms import plans
    from remote.aws import alarms
    from runs import actions

    name = f"fault-suite-{uuid.uuid4().hex[:8]}"
    begins = f"at({timezone.now():%Y-%m-%dT%H:%M})"
    if not asked["dry"]:
        alarms.mute(name, [_alarm()], expression=begins, duration="PT10H", description=REASON)
    return actions.save_plan(plans.unmute(name, [_alarm()]), by=by)


def _alarm_subscribe(asked: Asked, by: Operator) -> Plan:
    from estate.reading import current
    from monitoring.alarms import actions

    return actions.plan_subscribe(sorted({each for alarm in current().alarms.values() for each in alarm.topics})[0], by=by)


# -- who may come in


def _vpn_create(asked: Asked, by: Operator) -> Run:
    """A name for each run of it: what a name has had is kept for ever."""
    from access.vpn import actions

    return _run(actions.create_user(name=asked["subject"] or _new_name(), person="Jane Doe", reason=REASON, expires=_in_a_month(), by=by))


def _vpn_reapply(asked: Asked, by: Operator) -> Run:
    from access.vpn import actions

    return actions.reapply(by=by)


def _vpn_revoke(asked: Asked, by: Operator) -> Run:
    from access.vpn import actions

    return _run(actions.revoke(_valid_user(by), reason=REASON, by=by))


def _vpn_suspend(asked: Asked, by: Operator) -> Run:
    from access.vpn import actions

    return _run(actions.suspend(_valid_user(by), on=True, reason=REASON, by=by))


def _vpn_disconnect(asked: Asked, by: Operator) -> Run:
    from access.vpn import actions

    return _run(actions.disconnect(_valid_user(by), reason=REASON, by=by))


def _allow(asked: Asked, by: Operator) -> Run:
    """An address of its own for each run of it: the rules of the one before are still there."""
    from access.gateway import actions
    from access.models import AllowedAddress

    cidr = CIDR.format(AllowedAddress.objects.count() % 250 + 1)
    AllowedAddress.objects.filter(cidr=cidr).update(state=AllowedAddress.State.REMOVED)
    return _run(actions.allow(cidr=cidr, services=[_service()], owner="Jane Doe", reason=REASON, until=_in_a_month(), by=by))


def _close(asked: Asked, by: Operator) -> Run:
    """An entry of the register: it stands in the prefix list, or AWS has no rules of it, and what is proven is that it is asked."""
    from access.gateway import actions
    from access.models import AllowedAddress

    more = {"owner": "Jane Doe", "reason": REASON, "until": _in_a_month(), "asked_by": by}
    entry = AllowedAddress.objects.create(
        cidr=asked["subject"] or CIDR.format(254), services=[_service()], state=AllowedAddress.State.ALLOWED, **more
    )
    return _run(actions.close(entry, reason=REASON, by=by))


def _ftp(asked: Asked, by: Operator) -> Run:
    from access.ftp import account

    return account.rotate(reason=REASON, by=by)


def _service() -> str:
    from access import place

    return next(iter(place.gateway().services))


def _valid_user(by: Operator) -> Any:
    """One of the index whom nobody has claimed, or one that is valid here."""
    from access.models import VpnCertificate, VpnUser
    from access.vpn import actions, observe

    observe.observe()
    known = VpnUser.objects.filter(state=VpnUser.State.VALID).first()
    if known is not None:
        return known
    taken = VpnUser.objects.values("name")
    free = VpnCertificate.objects.filter(on_server="V", is_revoked=False).exclude(name__in=taken).order_by("name").first()
    if free is None:
        raise LookupError("nobody is valid on the VPN's server")
    return actions.claim(free.name, person="Jane Doe", reason=REASON, expires=_in_a_month(), by=by)


def _new_name() -> str:
    from access.models import VpnUser

    return f"{NAME}-{VpnUser.objects.count() + 1}"


def _in_a_month() -> Any:
    return timezone.now() + timedelta(days=30)


def _run(made: Any) -> Run:
    run = getattr(made, "run", made)
    if run is None:
        raise LookupError(f"{made} has no run")
    return run  # type: ignore[no-any-return]


DRAWN: dict[str, Callable[[Asked, Operator], Plan]] = {
    "exit": _exit,
    "follow": _follow,
    "back": _back,
    "rundeck:job": _rundeck,
    "alarm:apply": _alarm_apply,
    "alarm:mute": _alarm_mute,
    "alarm:unmute": _alarm_unmute,
    "alarm:subscribe": _alarm_subscribe,
}
PRESSED: dict[str, Callable[[Asked, Operator], Run]] = {
    "vpn:create": _vpn_create,
    "vpn:again": _vpn_create,
    "vpn:reapply": _vpn_reapply,
    "vpn:suspend": _vpn_suspend,
    "vpn:revoke": _vpn_revoke,
    "vpn:disconnect": _vpn_disconnect,
    "gateway:allow": _allow,
    "gateway:close": _close,
    "gateway:list-allow": _allow,
    "gateway:list-close": _close,
    "ftp:rotate": _ftp,
}
