"""The audit trail: each thing that a person or the console did, refused, showed or let out, in rows that are only ever added.

Rows form a chain: each has a digest over itself and the digest before it, made with a key that is not in the database. So whoever can
write the database can still not edit, remove, add or swap a row unseen; `first_bad` names the first that is wrong. That rows were cut off
at the end is seen by the stored head, and, where that was written anew as well, by a head that was sent outside (`head`).
What is of persons is sealed by itself, so that it can be taken out after its time while the chain goes on holding (`erase`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from people import origin as origins
from people.models import AuditEntry, AuditHead, Operator

ERASED = "persons erased"
_HEAD = 1  # the primary key of the only head
_START = ""  # the digest before the first row
_AT_ONCE = 2000
_cleaners: list[Callable[[str], str]] = []


@dataclass(frozen=True, slots=True)
class Head:
    """Up to which row the trail reaches. Kept elsewhere, it shows later that nothing was cut off."""

    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


@dataclass(frozen=True, slots=True)
class Fault:
    """`number` is the first row that is not as it was written."""

    number: int
    said: str


def register_cleaner(clean: Callable[[str], str]) -> None:
    """Told from above: takes secrets out of what is about to be kept."""
    if clean not in _cleaners:
        _cleaners.append(clean)


def record(
    action: str,
    *,
    by: Operator | None,
    target: str,
    why: str = "",
    result: str = "ok",
    run: int | None = None,
    facts: Mapping[str, str | int] | None = None,
    origin: str = "",
) -> None:
    """In the caller's transaction: what is recorded happened, and what is rolled back was not recorded.

    So a refusal is recorded before a transaction begins, or after it. `by` is None for the console itself and for strangers.
    """
    with transaction.atomic():
        head = AuditHead.objects.select_for_update().filter(pk=_HEAD).first()
        if head is None:
            AuditHead.objects.get_or_create(pk=_HEAD)
            head = AuditHead.objects.select_for_update().get(pk=_HEAD)
        row = AuditEntry(
            number=head.number + 1,
            time=timezone.now(),
            action=action[:60],
            result=result[:20],
            run=run,
            who=by.username if by is not None else "",
            origin=_clean(origin or origins.current())[:120],
            target=_clean(target)[:200],
            why=_clean(why)[:2000],
            facts={_clean(name): _clean(str(value)) for name, value in (facts or {}).items()},
            salt=secrets.token_hex(16),
        )
        row.seal = _seal(row)
        row.digest = _digest(row, head.digest)
        row.save()
        AuditHead.objects.filter(pk=_HEAD).update(number=row.number, digest=row.digest)


def head() -> Head:
    found = AuditHead.objects.filter(pk=_HEAD).first()
    return Head(found.number, found.digest) if found else Head(0, _START)


def first_bad(*, outside: Iterable[Head] = ()) -> Fault | None:
    """Reads the whole trail; None where every row is as it was written. `outside`: heads that were sent away from here earlier."""
    known = {each.number: each.digest for each in outside}
    newest = head()  # others write meanwhile: what comes after it is looked at the next time
    erased = _erased_through()
    before, last = _START, 0
    for row in AuditEntry.objects.filter(number__lte=newest.number).order_by("number").iterator(_AT_ONCE):
        last += 1
        if row.number != last:
            return Fault(last, f"row {last} is missing; the next is {row.number}")
        if not row.salt and row.number > erased:
            erased = _erased_through()  # persons are being taken out meanwhile
        if row.salt or row.number > erased:
            if not hmac.compare_digest(row.seal, _seal(row)):
                return Fault(row.number, f"row {row.number} says something else than what was written")
        elif row.who or row.origin or row.target or row.why or row.facts:
            return Fault(row.number, f"row {row.number} names somebody, though persons were erased there")
        if not hmac.compare_digest(row.digest, _digest(row, before)):
            return Fault(row.number, f"row {row.number} is not what was written after row {row.number - 1}")
        if known.get(row.number, row.digest) != row.digest:
            return Fault(row.number, f"row {row.number} is not the one whose digest was sent outside")
        before = row.digest
    reaches = max([newest.number, *known])
    if reaches > last:
        return Fault(last + 1, f"row {last + 1} is missing: the trail reached row {reaches}")
    added = AuditEntry.objects.filter(number__gt=newest.number).first()
    if added is not None and newest == head():  # whoever writes by the rule moves the head in the same transaction
        return Fault(added.number, f"row {added.number} was added behind row {newest.number}, the stored head")
    return None if newest == Head(last, before) else Fault(last, f"the stored head is not that of row {last}, the newest there is")


def erase(before: datetime) -> int:
    """Takes persons out of the rows that are older: name, address, target, reason, facts. The rows and their proof stay. How many rows."""
    with transaction.atomic():
        newest = AuditEntry.objects.filter(time__lt=before).exclude(salt="").order_by("-number").first()
        if newest is None:
            return 0
        record(ERASED, by=None, target=f"rows up to {newest.number}", facts={"through": str(newest.number)})
        return AuditEntry.objects.all().without_persons(newest.number)


def _erased_through() -> int:
    """Only where the trail itself says that it was done. A row that says so falsely is bad itself."""
    rows = AuditEntry.objects.filter(action=ERASED).exclude(salt="")
    through = [str(row.facts.get("through", "")) for row in rows if hmac.compare_digest(row.seal, _seal(row))]
    return max((int(number) for number in through if number.isdecimal()), default=0)


def _seal(row: AuditEntry) -> str:
    return _hmac([row.salt, row.who, row.origin, row.target, row.why, row.facts])


def _digest(row: AuditEntry, before: str) -> str:
    return _hmac([before, row.number, row.time.astimezone(UTC).isoformat(), row.action, row.result, row.run, row.seal])


def _hmac(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hmac.new(_key(settings.AUDIT_KEY, settings.DATA_DIR / "audit_key"), text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=4)
def _key(given: str, kept: Path) -> bytes:
    """The setting's; else one that is made at first use, in a file for its owner alone. Several that begin at once get the same."""
    if given:
        return given.encode()
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=kept.parent)  # 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(name, kept)
        except FileExistsError:
            pass
        finally:
            os.unlink(name)
    return kept.read_bytes()


def _clean(text: str) -> str:
    for clean in _cleaners:
        text = clean(text)
    return text.replace("\0", "")
