"""An old database put back: nothing is done again, and a person is told what is found in the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F

from live import wire
from people.models import Operator
from remote.errors import Refused
from runs import actions, looking, witness
from runs.engine import tick
from runs.models import Effect, LogHead, Run, Step
from tests.runs.conftest import Start
from tests.runs.world import World
from tests.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)


def backup() -> Callable[[], None]:
    """All that the database has of runs now; called, it is put back."""
    models: tuple[Any, ...] = (Run, LogHead, Step, Effect)
    kept = [(model, list(model.objects.values())) for model in models]

    def restore() -> None:
        for model, _ in reversed(kept):
            model.objects.all().delete()
        for model, rows in kept:
            model.objects.bulk_create(model(**row) for row in rows)

    return restore


@pytest.fixture
def restored(start: Start, world: World) -> Run:
    """A release that has ended; the database of the moment when it was pressed."""
    run = start()
    restore = backup()
    tick(run.number)
    assert Run.objects.get().state == Run.State.SUCCEEDED
    restore()
    assert Run.objects.get().state == Run.State.QUEUED
    return run


def test_an_old_database_fires_nothing_again(restored: Run, world: World, releaser: Operator) -> None:
    done = dict(world.applied)
    assert done
    tick(restored.number)
    restored.refresh_from_db()
    assert restored.state == Run.State.UNKNOWN
    assert "put back from a backup" in restored.said
    assert world.applied == done
    assert {found.state for found in looking.look(restored)} == {"ok"}
    actions.check_now(restored, by=releaser)
    tick(restored.number)
    restored.refresh_from_db()
    assert restored.state == Run.State.SUCCEEDED
    assert world.applied == done


def test_what_had_not_happened_yet_is_done_once(start: Start, world: World, releaser: Operator) -> None:
    run = start()
    restore = backup()
    world.refuse["update"] = Refused("not today")
    tick(run.number)
    assert Run.objects.get().state == Run.State.FAILED
    restore()
    world.refuse.clear()
    tick(run.number)
    assert dict(world.applied) == {"put": 1, "version": 1}
    assert [found.state for found in looking.look(Run.objects.get())] == ["ok", "ok", "wait", "wait", "wait", "wait"]
    actions.check_now(Run.objects.get(), by=releaser)
    tick(run.number)
    assert Run.objects.get().state == Run.State.SUCCEEDED
    assert set(world.applied.values()) == {1}
    assert len(world.applied) == 6


def pressing(monkeypatch: pytest.MonkeyPatch, press: Callable[[], object]) -> None:
    """Somebody presses between the claim of a run and the look at its witnesses."""
    look = witness._on_disk
    left = [press]

    def late(number: int) -> int:
        if left:
            left.pop()()
        return look(number)

    monkeypatch.setattr(witness, "_on_disk", late)


def test_who_presses_while_a_tick_begins_is_not_taken_for_a_backup(
    start: Start, world: World, releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    pressing(monkeypatch, lambda: actions.cancel_run(run, Run.Cancel.AFTER_STEP, by=releaser))
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert "backup" not in run.said
    assert not witness.doubted(run.epoch)


def test_a_backup_is_seen_although_somebody_presses_while_a_tick_begins(
    restored: Run, world: World, releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = dict(world.applied)
    pressing(monkeypatch, lambda: actions.check_now(restored, by=releaser))
    tick(restored.number)
    restored.refresh_from_db()
    assert restored.state == Run.State.UNKNOWN
    assert "put back from a backup" in restored.said
    assert world.applied == done


def test_who_was_overtaken_while_it_looked_at_the_witnesses_doubts_nothing(
    restored: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressing(monkeypatch, lambda: Run.objects.update(epoch=F("epoch") + 1))
    assert not tick(restored.number)
    restored.refresh_from_db()
    assert restored.state == Run.State.QUEUED


def test_without_a_word_of_it_a_run_goes_on(restored: Run, world: World) -> None:
    """The proof that the witness is what holds it."""
    witness.place().unlink()
    tick(restored.number)
    restored.refresh_from_db()
    assert restored.state != Run.State.UNKNOWN


def test_redis_remembers_for_another_machine(valkey: Valkey, start: Start, world: World, settings: Any) -> None:
    run = start()
    restore = backup()
    tick(run.number)
    restore()
    witness.place().unlink()
    assert wire.client().zscore(witness.KEY, str(run.number))
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.UNKNOWN


def test_a_number_that_was_used_is_not_given_again(start: Start, world: World) -> None:
    """What a run leaves on hosts bears its number: another one would attach to it."""
    first = start().number
    Run.objects.update(holds_lock=False)
    witness.saw(first + 1000, 3)
    assert start().number == first + 1001
    Run.objects.update(holds_lock=False)
    assert start().number == first + 1002


@pytest.mark.parametrize("damage", [lambda place: place.write_bytes(b"x"), lambda place: place.mkdir(), lambda place: None])
def test_a_witness_that_cannot_be_read_hinders_nothing(start: Start, world: World, damage: Callable[[Any], None]) -> None:
    damage(witness.place())
    run = start()
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED
    if witness.place().is_dir():
        witness.place().rmdir()


def test_what_it_knows_never_goes_down() -> None:
    for revision in (3, 9, 5):
        witness.saw(7, revision)
    assert witness.ahead(7, 8) == 9
    assert witness.ahead(7, 9) is None
    assert witness.ahead(8, 0) is None


def test_after_a_restore_an_operator_can_say_so(start: Start, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run = start()
    call_command("distrust", "--skip", "50")
    said = capsys.readouterr().out
    run.refresh_from_db()
    assert run.state == Run.State.UNKNOWN
    assert run.said.startswith("Somebody has said that more may have happened than the console knows (manage.py distrust)")
    assert f"Run {run.number}" in said
    assert not tick(run.number)
    assert not world.applied
    Run.objects.update(holds_lock=False)
    assert start().number == run.number + 51
