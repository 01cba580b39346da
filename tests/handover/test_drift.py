"""Drift as people meet it: nothing is told while nothing changes, and what changes is told within one cycle, once.

`CLEAN_CYCLES=1000 ./console test tests/handover/test_drift.py` runs as many clean cycles as that; without it there is one for each source.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack

import pytest
from django.utils import timezone

from estate import inventory
from estate.inventory import Source
from estate.models import Watched
from handover import document, judging
from handover.models import Change, Standing, Verdict
from people.notifications.models import Notification
from tests.handover.conftest import World
from tests.handover.flips import FLIPS, Flip

pytestmark = pytest.mark.django_db
SEEDED = 12
CYCLES = int(os.environ.get("CLEAN_CYCLES", "0")) or len(inventory.sources())


def cycle(read: Iterable[Source]) -> int:
    """Reads over the wires what is due, keeps it, judges every claim, as the duties do. How many verdicts changed."""
    for source in read:
        inventory.keep(source, source.read())
        now = timezone.now()
        Watched.objects.update_or_create(name=inventory.watched_name(source), defaults={"tried": now, "answered": now, "error": ""})
    return judging.judge_all()


def told() -> int:
    return Notification.objects.filter(kind="drift").count()


@pytest.mark.timeout(3600)
def test_clean_cycles_tell_nobody_anything(world: World) -> None:
    """Each reads one source anew, in turn: in a quiet minute of the console no more than one is due."""
    sources = inventory.sources()
    cycle(sources)
    assert Standing.objects.filter(verdict=Verdict.AGREES).count() >= 150
    changed = [(sources[n % len(sources)].name, cycle([sources[n % len(sources)]])) for n in range(CYCLES)]
    assert [each for each in changed if each[1]] == []
    assert told() == 0


def seeded(world: World) -> dict[int, Flip]:
    """By claim: from each of as many sources, the first change that makes a claim differ which holds now."""
    found: dict[str, tuple[int, Flip]] = {}
    for number, flip in sorted(FLIPS.items()):
        if world.verdict(number, world.before) is Verdict.AGREES and not _asks(number):
            found.setdefault(flip.source, (number, flip))
    return dict(list(found.values())[:SEEDED])


def _asks(number: int) -> bool:
    """What the document itself leaves open is a question before it is drift."""
    claim = document.claim(number)
    return claim is None or bool(claim.question)


def test_what_drifts_is_told_within_one_cycle_once_and_forgiven_when_it_is_mended(world: World) -> None:
    drifts = seeded(world)
    assert len(drifts) == SEEDED
    sources = [inventory.source(flip.source) for flip in drifts.values()]
    cycle(inventory.sources())
    assert set(Standing.objects.filter(claim__in=drifts).values_list("verdict", flat=True)) == {Verdict.AGREES}
    with ExitStack() as undone:
        for flip in drifts.values():
            undone.callback(flip.change(world))
        cycle(sources)
    found = dict(Standing.objects.filter(claim__in=drifts).values_list("claim", "verdict"))
    assert found == dict.fromkeys(drifts, Verdict.DIFFERS)
    drifted = set(Change.objects.filter(before=Verdict.AGREES, after=Verdict.DIFFERS).values_list("claim", flat=True))
    assert told() == len(drifted)
    assert {f"/handover/claims/{number}/" for number in drifts} <= set(Notification.objects.values_list("url", flat=True))
    judging.judge_all()
    assert told() == len(drifted)  # once
    cycle(sources)
    assert set(Standing.objects.filter(claim__in=drifts).values_list("verdict", flat=True)) == {Verdict.AGREES}
    assert told() == len(drifted)
