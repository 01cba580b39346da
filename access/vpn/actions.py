"""What a person can do about VPN users. Each is atomic, asks for permission, and starts one run; what is refused is said in a sentence."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from access import place
from access.models import VpnCertificate, VpnUser
from access.starting import begin, must_be_free
from access.vpn import plans, profile, register
from estate.validators import contact_given, person_name, reason_given, until_given, vpn_name
from people import audit
from people.models import Operator
from people.permissions import require
from runs.actions import Refusal
from runs.models import Run
from runs.plan import Plan

LONGEST = timedelta(days=825)  # easy-rsa's own certificates
REVIEW_EVERY = timedelta(days=180)
State = VpnUser.State


class NameTaken(Refusal):
    """There is such a user. The text says which, and what to do."""


class NotPossible(Refusal):
    """Not in the state that the user is in."""


def create_user(
    *, name: str, person: str, reason: str, expires: datetime, contact: str = "", idempotency_key: str = "", by: Operator
) -> VpnUser:
    """Its run is `user.run`. Raises ValidationError, Forbidden, NameTaken, LockHeld, RemoteError, NotConfigured."""
    require(by, plans.KIND, place.ways_in().environment)
    key = idempotency_key or uuid.uuid4().hex
    earlier = VpnUser.objects.filter(run__idempotency_key=key, name=name).first()
    if earlier is not None:
        return earlier
    name, person, reason = vpn_name(name), person_name(person), reason_given(reason)
    expires = until_given(expires, longest=LONGEST)
    known = VpnUser.objects.filter(name=name).first()
    if known is not None and known.state != State.FAILED:
        raise NameTaken(_taken(known))
    must_be_free(place.vpn().lock_group)
    where = place.find(place.vpn().instance)
    found = profile.look(where.ip, name)
    if found.valid is not None and known is not None:
        raise NameTaken(f"The failed attempt left a valid certificate of {name} on the server (serial {found.serial}). Re-issue {name}.")
    if found.valid is not None:
        since = f"serial {found.serial}, valid until {found.valid.ends:%d %b %Y}"
        raise NameTaken(f"{name} is on the server already ({since}). Claim it, or choose another name.")
    plan = plans.create(where, name, leftovers=bool(found.left))
    wanted = {
        "person": person,
        "reason": reason,
        "expires": expires,
        "contact": contact_given(contact),
        "created_by": by,
        "state": State.CREATING,
    }
    with transaction.atomic():
        meanwhile = VpnUser.objects.select_for_update().filter(name=name).exclude(state=State.FAILED).first()
        if meanwhile is not None:  # somebody else was faster while the host was asked
            raise NameTaken(_taken(meanwhile))
        user, _ = VpnUser.objects.select_for_update().update_or_create(
            name=name, defaults={**wanted, "said": "", "serial": "", "delivered": None}
        )
        user.run = begin(plan, reason=reason, idempotency_key=key, by=by)
        user.save()
    audit.record(
        "vpn.create", by=by, target=name, why=reason, run=user.run.number, facts={"person": person, "expires": expires.isoformat()}
    )
    return user


def reissue(user: VpnUser, *, reason: str, expires: datetime | None = None, by: Operator) -> Run:
    """A new key and certificate, and one new download; the old certificate is revoked. The way back in for a revoked user, too."""
    require(by, plans.KIND, place.ways_in().environment)
    reason = reason_given(reason)
    if user.is_under_way:
        raise NotPossible(f"{user.name} is {user.state} in run {user.run_id}. Wait until that is over.")
    until = until_given(expires or user.expires, longest=LONGEST)
    where = place.find(place.vpn().instance)
    found = profile.look(where.ip, user.name)
    plan = plans.create(where, user.name, leftovers=bool(found.left) and found.valid is None, old=found.serial)
    return _change(
        user, plan, State.CREATING, "vpn.reissue", reason, by, expires=until, delivered=None, delivered_to="", proof=[], revoked=None
    )


def renew(user: VpnUser, expires: datetime, *, reason: str, by: Operator) -> Run | None:
    """Longer access. None where the certificate lasts until then: nothing is changed on the server; else it is re-issued."""
    require(by, plans.KIND, place.ways_in().environment)
    reason = reason_given(reason)
    until = until_given(expires, longest=LONGEST)
    if user.state not in (State.VALID, State.SUSPENDED):
        raise NotPossible(f"{user.name} is {user.state}: re-issue it, with a new certificate.")
    if user.certificate_ends is None or until > user.certificate_ends:
        return reissue(user, reason=reason, expires=until, by=by)
    VpnUser.objects.filter(pk=user.pk).update(expires=until, reviewed=timezone.now(), reviewed_by=by)
    audit.record("vpn.renew", by=by, target=user.name, why=reason, facts={"expires": until.isoformat()})
    return None


def revoke(user: VpnUser, *, reason: str, by: Operator) -> Run:
    """Until the server proves it the user is “revoking”."""
    require(by, plans.KIND, place.ways_in().environment)
    reason = reason_given(reason)
    if user.state in (State.REVOKED, State.CREATING):
        raise NotPossible(f"{user.name} is {user.state}: there is nothing to revoke now.")
    mine, now = list(VpnCertificate.objects.filter(name=user.name)), timezone.now()
    lost = [row for row in mine if row.is_lost and row.ends > now]  # they work all the same, and the index can only revoke what it has
    serials = [row.serial for row in mine if row.on_server == "V" or (row in lost and not row.is_revoked)]
    if user.state == State.FAILED and not serials:
        raise NotPossible(f"No certificate of {user.name} was made: there is nothing to revoke.")
    where = place.find(place.vpn().instance)
    plan = plans.revoke(where, user.name, serials, lost=[row.line for row in lost])
    return _change(user, plan, State.REVOKING, "vpn.revoke", reason, by, proof=[])


def suspend(user: VpnUser, *, on: bool, reason: str, by: Operator) -> Run:
    require(by, plans.KIND, place.ways_in().environment)
    reason = reason_given(reason)
    if user.state != (State.VALID if on else State.SUSPENDED):
        raise NotPossible(f"{user.name} is {user.state}: it cannot be {'suspended' if on else 'resumed'} now.")
    where = place.find(place.vpn().instance)
    state, action = (State.SUSPENDING, "vpn.suspend") if on else (State.RESUMING, "vpn.resume")
    return _change(user, plans.suspend(where, user.name, on=on), state, action, reason, by)


def disconnect(user: VpnUser, *, reason: str, by: Operator) -> Run:
    """Ends the session; the person may connect again. To keep them out, suspend or revoke."""
    require(by, plans.KIND, place.ways_in().environment)
    reason = reason_given(reason)
    plan = plans.disconnect(place.find(place.vpn().instance), user.name)
    run = begin(plan, reason=reason, idempotency_key=uuid.uuid4().hex, by=by)
    audit.record("vpn.disconnect", by=by, target=user.name, why=reason, run=run.number)
    return run


def claim(name: str, *, person: str, reason: str, expires: datetime, contact: str = "", by: Operator) -> VpnUser:
    """Somebody answers for a certificate that was found on the server. Nothing is changed there. Raises NameTaken, NotPossible."""
    require(by, plans.KIND, place.ways_in().environment)
    row = VpnCertificate.objects.filter(name=name, on_server="V", is_revoked=False).order_by("-ends").first()
    if row is None:
        raise NotPossible(f"The server's index has no valid certificate of “{name[:60]}”.")
    if VpnUser.objects.filter(name=row.name).exists():
        raise NameTaken(f"{row.name} is in the register already.")
    user = VpnUser.objects.create(
        name=vpn_name(row.name),
        person=person_name(person),
        contact=contact_given(contact),
        reason=reason_given(reason),
        expires=until_given(expires, longest=LONGEST),
        state=State.VALID,
        serial=row.serial,
        certificate_ends=row.ends,
        created_by=by,
        delivered=row.first_seen,
        delivered_to="before the console knew it",
    )
    audit.record("vpn.claim", by=by, target=row.name, why=user.reason, facts={"person": user.person})
    return user


def revoke_unknown(name: str, *, reason: str, by: Operator) -> Run:
    require(by, plans.KIND, place.ways_in().environment)
    reason = reason_given(reason)
    serials = [row.serial for row in VpnCertificate.objects.filter(name=name, on_server="V")]
    if not serials or VpnUser.objects.filter(name=name).exists():
        raise NotPossible(f"There is no unknown certificate of “{name[:60]}” on the server.")
    run = begin(
        plans.revoke_unknown(place.find(place.vpn().instance), name, serials), reason=reason, idempotency_key=uuid.uuid4().hex, by=by
    )
    audit.record("vpn.revoke", by=by, target=name, why=reason, run=run.number)
    return run


def still_needed(user: VpnUser, *, by: Operator) -> None:
    """The access review: somebody says that this access is still needed."""
    require(by, plans.KIND, place.ways_in().environment)
    VpnUser.objects.filter(pk=user.pk).update(reviewed=timezone.now(), reviewed_by=by)
    audit.record("vpn.review", by=by, target=user.name, why="still needed")


def reapply(*, by: Operator) -> Run:
    """One run after a rebuild: the lines that the index lost, the CRL, and whoever is revoked put out."""
    require(by, plans.KIND, place.ways_in().environment)
    differs = register.differences()
    rows = [*differs.back, *differs.lost]
    if not rows:
        raise NotPossible("The server's index has everything that the register has: there is nothing to re-apply.")
    plan = plans.reapply(place.find(place.vpn().instance), [row.line for row in rows], [row.name for row in rows if row.is_revoked])
    run = begin(plan, reason="the image was rebuilt", idempotency_key=uuid.uuid4().hex, by=by)
    audit.record("vpn.reapply", by=by, target=", ".join(sorted({row.name for row in rows})), run=run.number)
    return run


def renew_crl(*, by: Operator) -> Run:
    """An expired CRL puts everybody out."""
    require(by, plans.KIND, place.ways_in().environment)
    run = begin(plans.renew_crl(place.find(place.vpn().instance)), reason="renew the CRL", idempotency_key=uuid.uuid4().hex, by=by)
    audit.record("vpn.crl", by=by, target="the CRL", run=run.number)
    return run


def _change(user: VpnUser, plan: Plan, state: VpnUser.State, action: str, reason: str, by: Operator, **more: object) -> Run:
    with transaction.atomic():
        run = begin(plan, reason=reason, idempotency_key=uuid.uuid4().hex, by=by)
        VpnUser.objects.filter(pk=user.pk).update(state=state, said="", run=run, **more)
    audit.record(action, by=by, target=user.name, why=reason, run=run.number)
    user.refresh_from_db()
    return run


def _taken(user: VpnUser) -> str:
    if user.state == State.REVOKED:
        return f"{user.name} was revoked and keeps its name. Re-issue it, or choose another name."
    until = f", valid until {user.certificate_ends:%d %b %Y}" if user.certificate_ends else ""
    return f"{user.name} exists already (serial {user.serial or 'not known yet'}{until}). Choose another name, or re-issue {user.name}."
