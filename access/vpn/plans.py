"""What is done about VPN users, as plans: each change is one run in the VPN's lock group, and ends by reading the server back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from access import place
from access.place import Place
from access.vpn import commands
from access.vpn.commands import Command
from runs.plan import Act, Plan, Step

KIND = "vpn"
CREATE_SECONDS, REVOKE_SECONDS, LOOK_SECONDS = 6, 4, 2


def create(where: Place, name: str, *, leftovers: bool, old: str = "") -> Plan:
    """`old`: the serial of the valid certificate that the new one replaces; it is revoked first."""
    return _plan(f"{'Re-issue' if old else 'Create'} VPN user {name}", _creating(where, name, leftovers, old), where, name)


def revoke(where: Place, name: str, serials: Sequence[str], *, lost: Sequence[str] = ()) -> Plan:
    """`lost`: lines of that name which the index has to have back before it can revoke them."""
    steps = [*_merge(where, lost), *(_revoke(where, name, serial) for serial in serials)]
    ending = (_crl(where), _end(where, name, stays_out=True), _back(where, [name], ["revoked"]))
    return _plan(f"Revoke VPN user {name}", (*steps, *ending), where, name)


def revoke_unknown(where: Place, name: str, serials: Sequence[str]) -> Plan:
    """Of a name that no register has: nothing is to be said about it in the register, the index and the CRL are the proof."""
    steps = [_revoke(where, name, serial) for serial in serials]
    return _plan(
        f"Revoke {name}, whom nobody knows", (*steps, _crl(where), _end(where, name, stays_out=True), _back(where, [], [])), where, name
    )


def suspend(where: Place, name: str, *, on: bool) -> Plan:
    command = commands.suspend(name) if on else commands.resume(name)
    title = "Refuse it at the service" if on else "Let it in again"
    step = Step("suspend", title, (_act("vpn.suspend", f"suspend:{name}", where, command, name, on=on),), "", where.name, REVOKE_SECONDS)
    wanted = ["suspended"] if on else ["valid"]
    return _plan(f"{'Suspend' if on else 'Resume'} VPN user {name}", (step, _back(where, [name], wanted)), where, name)


def disconnect(where: Place, name: str) -> Plan:
    return _plan(f"Disconnect VPN user {name}", (_end(where, name, stays_out=False), _back(where, [], [])), where, name)


def reapply(where: Place, lines: Sequence[str], revoked: Iterable[str]) -> Plan:
    """After a rebuild of the image: what the index has lost comes back, the CRL with it, and whoever is revoked is put out."""
    steps = [*_merge(where, lines), _crl(where)]
    steps += [_end(where, name, stays_out=True) for name in sorted(set(revoked))]
    return _plan("Re-apply the VPN's register after a rebuild", (*steps, _back(where, [], [])), where, "")


def renew_crl(where: Place) -> Plan:
    return _plan("Renew the VPN's CRL", (_crl(where), _back(where, [], [])), where, "")


def _creating(where: Place, name: str, leftovers: bool, old: str) -> Iterator[Step]:
    look = Act("vpn.free", "free", where.name, params={"ip": where.ip, "name": name, "again": bool(old)})
    yield Step(
        "free",
        "Look whether it can be made",
        (look,),
        "Name, create_user.sh, base.conf, ta.key, disk. Reads only.",
        where.name,
        LOOK_SECONDS,
    )
    if old:
        yield _revoke(where, name, old)
    if leftovers:
        act = _act("vpn.set-aside", "set-aside", where, commands.set_aside(name), name)
        yield Step("set-aside", "Set aside what a failed attempt left", (act,), "", where.name, LOOK_SECONDS)
    note = "Its exit code says nothing: the PKI index and the profile are looked at."
    act = _act("vpn.create", "create", where, commands.create(name), name, old=old)
    yield Step("create", "Create the certificate and the profile", (act,), note, where.name, CREATE_SECONDS)
    if old:
        yield _crl(where)
        yield _end(where, name, stays_out=False)
    yield _back(where, [name], ["valid", "suspended"])


def _merge(where: Place, lines: Sequence[str]) -> Iterator[Step]:
    if lines:
        act = _act("vpn.merge", "merge", where, commands.merge(lines), "", lines=list(lines))
        note = "1 line of the index" if len(lines) == 1 else f"{len(lines)} lines of the index"
        yield Step("merge", "Bring back what the image has lost", (act,), note, where.name, LOOK_SECONDS)


def _revoke(where: Place, name: str, serial: str) -> Step:
    act = _act("vpn.revoke", f"revoke:{serial}", where, commands.revoke(serial, name), name, serial=serial)
    return Step(f"revoke-{serial[-8:].lower()}", f"Revoke serial {serial}", (act,), "", where.name, REVOKE_SECONDS)


def _crl(where: Place) -> Step:
    act = _act("vpn.crl", "crl", where, commands.crl(), "")
    return Step(
        "crl",
        "Renew the CRL where the service reads it",
        (act,),
        "Read again at each new connection; no restart is needed.",
        where.name,
        REVOKE_SECONDS,
    )


def _end(where: Place, name: str, *, stays_out: bool) -> Step:
    act = _act("vpn.kill", f"kill:{name}", where, commands.kill(name), name, stays_out=stays_out)
    note = "A live session stays until it is ended." if stays_out else "Its client may connect again at once."
    return Step(f"kill-{name}"[:60], f"End the sessions of {name}", (act,), note, where.name, LOOK_SECONDS)


def _back(where: Place, names: list[str], wanted: list[str]) -> Step:
    act = Act("vpn.read-back", "read-back", where.name, params={"ip": where.ip, "names": names, "wanted": wanted})
    return Step(
        "read-back", "Read the server back", (act,), "Index, CRL and sessions, until they prove it. Reads only.", where.name, LOOK_SECONDS
    )


def _act(kind: str, key: str, where: Place, command: Command, name: str, **params: object) -> Act:
    return Act(kind, key, where.name, command.argv, command.words, {"ip": where.ip, "name": name, **params})


def _plan(title: str, steps: Iterable[Step], where: Place, name: str) -> Plan:
    made = tuple(steps)
    facts = {"name": name, "host": {"name": where.name, "ip": where.ip, "instance_id": where.instance_id, "image": where.image}}
    return Plan(KIND, title[:120], "vpn", place.ways_in().environment, place.vpn().lock_group, made, facts)
