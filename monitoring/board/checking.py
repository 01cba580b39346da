"""Asks each check when it is due and stores what it found; a check that hangs, fails or is refused is itself a finding.

A page reads rows. What was proven long ago is not green any more: it cannot be checked, and the page says since when.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from estate.health import BAD, INFO, OK, UNKNOWN, WARN, CannotCheck, Check, Finding, checks
from live.publish import publish
from monitoring.board.models import CheckChange, CheckSource
from remote.aws.session import without_retries
from remote.errors import RemoteError

EVERY = 5.0  # seconds between two looks at what is due
STALE = 3  # intervals after which what was proven is no longer believed
ORDER = (BAD, UNKNOWN, WARN, INFO, OK)
WORDS = {BAD: "broken", UNKNOWN: "cannot check", WARN: "needs a look", INFO: "moving", OK: "proven well"}
FOLDED = 12  # more than so many that are well are one line, which can be opened
FAULT = "The console failed in checking it: its log says how."


@dataclass(frozen=True, slots=True)
class Shown:
    finding: Finding
    state: str
    said: str
    since: datetime | None
    last: str = ""  # what it was when it was proven last, at `since`; empty where that still holds, or proved nothing


@dataclass(frozen=True, slots=True)
class Group:
    """All checks of one kind of thing. `cannot`: a sentence for each check that proves nothing now; `checked`: the oldest proof's time."""

    name: str
    shown: tuple[Shown, ...]
    cannot: tuple[str, ...]
    checked: datetime | None

    @property
    def state(self) -> str:
        states = {each.state for each in self.shown} | ({UNKNOWN} if self.cannot or not self.shown else set())
        return next(state for state in ORDER if state in states)

    @property
    def well(self) -> int:
        return sum(each.state == OK for each in self.shown)

    @property
    def open(self) -> tuple[Shown, ...]:
        """What is always in sight."""
        return tuple(each for each in self.shown if each.state != OK or self.well <= FOLDED)

    @property
    def folded(self) -> tuple[Shown, ...]:
        return self.shown[len(self.open) :]


def refresh(*, now: bool = False) -> None:
    """Asks what is due, or everything. A check that breaks keeps no other from being asked."""
    rows = CheckSource.objects.in_bulk()
    with ExitStack() as stack:
        for name, check in checks().items():
            tried = rows[name].tried if name in rows else None
            if now or tried is None or tried <= timezone.now() - timedelta(seconds=check.every):
                stack.callback(_ask, name, check, once=name in rows and bool(rows[name].error))


def board() -> list[Group]:
    """What is stored, by group, in the order of registration."""
    return board_of(CheckSource.objects.all(), _since())


def board_of(stored: Iterable[CheckSource], since: dict[str, datetime]) -> list[Group]:
    """The same, of rows that have been read already."""
    at, rows = timezone.now(), {row.name: row for row in stored}
    groups: dict[str, list[str]] = {}
    for name, check in checks().items():
        groups.setdefault(check.group, []).append(name)
    return [_group(group, names, rows, since, at) for group, names in groups.items()]


def _group(group: str, names: list[str], rows: dict[str, CheckSource], since: dict[str, datetime], at: datetime) -> Group:
    shown: list[Shown] = []
    cannot: list[str] = []
    for name in names:
        row, every = rows.get(name), checks()[name].every
        if row is None or row.tried is None:
            cannot.append(f"{name}: it has not been checked yet.")
            continue
        old = row.answered is None or at - row.answered > timedelta(seconds=STALE * max(every, EVERY))
        if row.error:
            cannot.append(f"{name}: {row.error}")
        elif old:
            cannot.append(f"{name}: it has not been checked for long; the scheduler may have stopped.")
        shown += [_shown(row, Finding(**raw), since, at, every, believed=not (row.error or old)) for raw in row.findings]
    asked = [row for name in names if (row := rows.get(name)) is not None and row.answered]
    seen = [datetime.fromisoformat(raw["seen"]) for row in asked for raw in row.findings if raw.get("seen")]
    answered = [*seen, *(row.answered for row in asked if row.answered)]
    shown.sort(key=lambda each: (ORDER.index(each.state), each.finding.title))
    return Group(group, tuple(shown), tuple(cannot), min(answered, default=None))


def _shown(row: CheckSource, finding: Finding, since: dict[str, datetime], at: datetime, every: float, *, believed: bool) -> Shown:
    seen = datetime.fromisoformat(finding.seen) if finding.seen else row.answered
    if not believed or (seen is not None and at - seen > timedelta(seconds=STALE * max(every, 60))):
        return Shown(finding, UNKNOWN, finding.said, seen, "" if finding.state == UNKNOWN else WORDS[finding.state])
    return Shown(finding, finding.state, finding.said, since.get(f"{row.name}/{finding.key}"))


def _since() -> dict[str, datetime]:
    """Oldest first, so that the newest wins."""
    return dict(CheckChange.objects.order_by("since").values_list("name", "since"))


def _ask(name: str, check: Check, *, once: bool) -> None:
    tried, error, found = timezone.now(), FAULT, None
    try:
        with without_retries(when=once):
            found, error = list(check.find()), ""
    except RemoteError as refused:
        error = refused.told
    except CannotCheck as unknown:
        error = str(unknown)
    finally:
        _keep(name, tried, error, found)


@transaction.atomic
def _keep(name: str, tried: datetime, error: str, found: list[Finding] | None) -> None:
    row, _ = CheckSource.objects.select_for_update().get_or_create(name=name)
    before = {raw["key"]: raw["state"] for raw in row.findings}
    row.tried, row.error = tried, error
    if found is not None:
        row.answered, row.findings = timezone.now(), [asdict(each) for each in found]
        changed = [each for each in found if before.get(each.key) != each.state]
        for each in changed:
            CheckChange.objects.filter(name=f"{name}/{each.key}").delete()
        CheckChange.objects.bulk_create(CheckChange(name=f"{name}/{each.key}", state=each.state, since=tried) for each in changed)
        if changed:
            publish("now", {"kind": "now", "changed": [f"health:{name}"]})
    row.save()
