"""The audit trail: what is recorded, and that nothing in it can be changed unseen."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from people import audit, origin, outside
from people.models import AuditEntry, AuditHead, NeverChanged, Operator
from people.notifications.models import Notification
from people.permissions import Forbidden, require
from runs import periodic

ROWS = 60


def sql(statement: str, *parameters: str | int) -> None:
    """As somebody who owns the database may: on PostgreSQL it refuses everybody else by itself."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_is_kept")
        cursor.execute(statement, parameters)


def write(count: int, by: Operator | None = None) -> None:
    for number in range(1, count + 1):
        audit.record(f"act {number % 7}", by=by, target=f"thing {number}", why="because", facts={"n": str(number)}, origin="203.0.113.7")


@pytest.mark.django_db
def test_a_row_says_who_what_from_where_why_and_what_came_of_it(operator: Operator) -> None:
    with origin.coming_from("203.0.113.9"):
        audit.record("start release", by=operator, target="Release r418", why="hot fix", run=7, facts={"hash": "abc", "hosts": 3})
    row = AuditEntry.objects.get()
    assert (row.number, row.who, row.origin, row.action, row.target) == (1, "operator", "203.0.113.9", "start release", "Release r418")
    assert (row.why, row.result, row.run, row.facts) == ("hot fix", "ok", 7, {"hash": "abc", "hosts": "3"})
    assert audit.first_bad() is None


@pytest.mark.django_db
def test_what_is_written_while_the_trail_is_read_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    write(3)
    plain = audit._digest

    def meanwhile(row: AuditEntry, before: str) -> str:
        monkeypatch.setattr(audit, "_digest", plain)
        write(2)
        return plain(row, before)

    monkeypatch.setattr(audit, "_digest", meanwhile)
    assert audit.first_bad() is None
    assert AuditEntry.objects.count() == 5


@pytest.mark.django_db
def test_a_row_behind_the_head_is_named() -> None:
    write(3)
    AuditHead.objects.update(number=2, digest=AuditEntry.objects.get(number=2).digest)
    fault = audit.first_bad()
    assert fault is not None
    assert (fault.number, "added behind row 2" in fault.said) == (3, True)


@pytest.mark.django_db
def test_no_row_is_changed_or_deleted_through_the_models(operator: Operator) -> None:
    write(3)
    row = AuditEntry.objects.get(number=2)
    row.why = "something else"
    tries: list[Callable[[], Any]] = [
        row.save,
        row.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.filter(number=2).update(why="x"),
        lambda: AuditEntry.objects.bulk_update([row], ["why"]),
        lambda: AuditEntry.objects.update_or_create(number=2, defaults={"why": "x"}),
    ]
    for attempt in tries:
        with pytest.raises(NeverChanged):
            attempt()
    assert audit.first_bad() is None
    assert AuditEntry.objects.count() == 3


def _edit(chance: random.Random) -> int:
    number = chance.randint(1, ROWS)
    edits: list[tuple[str, str | int]] = [
        ("action", "x"), ("result", "x"), ("run", 99), ("who", "x"), ("origin", "x"), ("target", "x"), ("why", "x"), ("salt", "x"),
        ("salt", ""), ("facts", "{}"), ("seal", "0" * 64), ("digest", "0" * 64), ("time", "2020-01-01 00:00:00"),
    ]  # fmt: skip
    column, value = chance.choice(edits)
    sql(f"UPDATE audit_entry SET {column} = %s WHERE number = %s", value, number)  # noqa: S608
    return number


def _delete(chance: random.Random) -> int:
    number = chance.randint(1, ROWS)
    sql("DELETE FROM audit_entry WHERE number = %s", number)
    if chance.random() < 0.5:  # and closes the gap
        sql("UPDATE audit_entry SET number = -number WHERE number > %s", number)
        sql("UPDATE audit_entry SET number = -number - 1 WHERE number < 0")
    return number


def _swap(chance: random.Random) -> int:
    one, other = sorted(chance.sample(range(1, ROWS + 1), 2))
    for old, new in ((one, 1000), (other, one), (1000, other)):
        sql("UPDATE audit_entry SET number = %s WHERE number = %s", new, old)
    return one


def _cut_off(chance: random.Random) -> int:
    number = chance.randint(2, ROWS)
    sql("DELETE FROM audit_entry WHERE number >= %s", number)
    return number


@pytest.mark.django_db
def test_a_thousand_edits_deletions_swaps_and_cuts_are_all_found_and_named() -> None:
    write(ROWS)
    assert audit.first_bad() is None
    chance, kinds = random.Random(8), (_edit, _delete, _swap, _cut_off)
    found = 0
    for number in range(1000):
        with transaction.atomic():
            first = kinds[number % len(kinds)](chance)
            fault = audit.first_bad()
            found += fault is not None and fault.number == first
            transaction.set_rollback(True)
    assert found == 1000
    assert audit.first_bad() is None


@pytest.mark.django_db
def test_a_cut_with_a_head_written_anew_is_found_by_the_head_that_was_sent_outside() -> None:
    write(20)
    outside = audit.head()
    write(5)
    sql("DELETE FROM audit_entry WHERE number > 15")
    last = AuditEntry.objects.get(number=15)
    sql("UPDATE audit_head SET number = 15, digest = %s", last.digest)
    assert audit.first_bad() is None  # nothing here knows better
    fault = audit.first_bad(outside=[outside])
    assert fault is not None
    assert fault.number == 16
    write(10)  # and the trail grew again, over the place
    assert audit.first_bad() is None
    fault = audit.first_bad(outside=[outside])
    assert fault is not None
    assert fault.number == 20


@pytest.mark.django_db
def test_whoever_has_the_database_alone_cannot_write_a_row_that_holds(settings: Settings) -> None:
    write(5)
    honest = settings.AUDIT_KEY
    settings.AUDIT_KEY = "a guess of somebody who has the database and the code"
    write(1)
    settings.AUDIT_KEY = honest
    fault = audit.first_bad()
    assert fault is not None
    assert fault.number == 6


@pytest.mark.django_db
def test_persons_are_taken_out_after_their_time_and_the_chain_holds(operator: Operator) -> None:
    write(10, by=operator)
    cut = timezone.now() + timedelta(seconds=1)
    assert audit.erase(timezone.now() - timedelta(days=1)) == 0
    assert audit.erase(cut) == 10
    assert audit.first_bad() is None
    assert not AuditEntry.objects.filter(number__lte=10).exclude(who="", origin="", target="", why="").exists()
    write(3, by=operator)
    sql("UPDATE audit_entry SET who = '', origin = '', target = '', why = '', facts = '{}', salt = '' WHERE number = 13")
    fault = audit.first_bad()  # nobody may do that by hand where it was not done by the rule
    assert fault is not None
    assert fault.number == 13


@pytest.mark.django_db
def test_a_name_put_into_an_erased_row_is_found(operator: Operator) -> None:
    write(4, by=operator)
    audit.erase(timezone.now() + timedelta(seconds=1))
    sql("UPDATE audit_entry SET who = 'somebody else' WHERE number = 2")
    fault = audit.first_bad()
    assert fault is not None
    assert fault.number == 2


@pytest.mark.django_db(transaction=True)
def test_those_who_write_at_once_make_one_chain() -> None:
    def writer() -> None:
        try:
            write(15)
        finally:
            connection.close()

    threads = [threading.Thread(target=writer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert AuditEntry.objects.count() == 60
    assert audit.first_bad() is None


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_was_not_recorded() -> None:
    write(2)
    with transaction.atomic():
        audit.record("something", by=None, target="that did not happen")
        transaction.set_rollback(True)
    write(1)
    assert AuditEntry.objects.count() == 3
    assert audit.first_bad() is None


@pytest.mark.django_db
def test_the_command_says_that_it_is_whole_or_names_the_first_bad_row() -> None:
    write(5)
    out = io.StringIO()
    call_command("audit", "verify", stdout=out)
    assert "The audit trail is whole: 5 rows" in out.getvalue()
    out = io.StringIO()
    call_command("audit", "head", stdout=out)
    head = out.getvalue().strip()
    call_command("audit", "verify", "--head", head, stdout=io.StringIO())
    sql("UPDATE audit_entry SET why = 'x' WHERE number = 3")
    with pytest.raises(CommandError, match=r"First bad row: 3\."):
        call_command("audit", "verify", stdout=io.StringIO())
    with pytest.raises(CommandError, match="is no head"):
        call_command("audit", "verify", "--head", "5", stdout=io.StringIO())


@pytest.mark.django_db
def test_secrets_do_not_get_in() -> None:
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    audit.record("x", by=None, target=f"target {key}", why=f"why {key}", facts={"f": key}, origin=key)
    row = AuditEntry.objects.values().get()
    assert key not in str(row)
    assert "[secret]" in row["why"]


@pytest.mark.django_db
def test_a_refusal_is_recorded_and_a_permission_is_not(operator: Operator) -> None:
    require(operator, "release", "pre-production")
    assert not AuditEntry.objects.exists()
    with pytest.raises(Forbidden):
        require(operator, "release", "production")
    row = AuditEntry.objects.get()
    assert (row.who, row.action, row.target, row.result) == ("operator", "release", "production", "refused")
    assert "one has to be a releaser" in row.why


@pytest.mark.django_db
def test_signing_in_and_out_and_failing_to_are_recorded_with_the_address(operator: Operator) -> None:
    client, door = Client(REMOTE_ADDR="203.0.113.5"), reverse("people:sign-in")
    client.post(door, {"username": "operator", "password": "wrong"})
    client.post(door, {"username": "my secret pass word", "password": "wrong"})
    client.post(door, {"username": "operator", "password": "operator-long-enough"})
    client.post(reverse("people:sign-out"))
    rows = [(row.action, row.who, row.target, row.result) for row in AuditEntry.objects.order_by("number")]
    assert rows == [
        ("sign in", "", "operator", "refused"),
        ("sign in", "", "a name that nobody has", "refused"),
        ("sign in", "operator", "operator", "ok"),
        ("sign out", "operator", "operator", "ok"),
    ]
    assert {row.origin for row in AuditEntry.objects.all()} == {"203.0.113.5"}


@pytest.mark.django_db
def test_roles_and_tokens_given_by_command_are_recorded() -> None:
    call_command("operator", "jane", "--role", "viewer", stdout=io.StringIO())
    call_command("operator", "jane", "--role", "admin", stdout=io.StringIO())
    call_command("token", "jane", "--days", "3", stdout=io.StringIO())
    rows = list(AuditEntry.objects.order_by("number"))
    assert [row.action for row in rows] == ["let in", "make one-time link", "change role", "issue token"]
    assert rows[2].facts == {"before": "viewer", "now": "admin"}


@pytest.mark.django_db
def test_the_key_is_made_once_and_read_by_its_owner_alone(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR, settings.AUDIT_KEY = tmp_path, ""
    audit._key.cache_clear()
    write(2)
    kept = tmp_path / "audit_key"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert len(kept.read_text()) >= 48
    audit._key.cache_clear()
    assert audit.first_bad() is None
    assert AuditHead.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="the database's own guard is PostgreSQL's; `./console test --postgresql`")
@pytest.mark.parametrize(
    "statement, refused",
    [
        ("UPDATE audit_entry SET why = 'x' WHERE number = 2", True),
        ("UPDATE audit_entry SET action = 'x' WHERE number = 2", True),
        ("UPDATE audit_entry SET number = 99 WHERE number = 3", True),
        ("UPDATE audit_entry SET who = '', origin = '', target = '', why = '', salt = '', facts = '{}', run = 7 WHERE number = 2", True),
        ("DELETE FROM audit_entry WHERE number = 3", True),
        ("UPDATE audit_entry SET who = '', origin = '', target = '', why = '', salt = '', facts = '{}' WHERE number = 2", False),
        ("SELECT 1", False),
    ],
)
def test_the_database_itself_refuses_to_change_or_delete_a_row(operator: Operator, statement: str, refused: bool) -> None:
    write(3, by=operator)
    with connection.cursor() as cursor:
        if refused:
            with pytest.raises(IntegrityError, match="never changed or deleted"), transaction.atomic():
                cursor.execute(statement)
            assert audit.first_bad() is None
        else:
            cursor.execute(statement)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="the database's own guard is PostgreSQL's; `./console test --postgresql`")
@pytest.mark.parametrize(
    "statement, refused",
    [("TRUNCATE audit_entry", True), ("TRUNCATE failed_sign_in, audit_entry CASCADE", True), ("TRUNCATE failed_sign_in", False)],
)
def test_the_database_itself_refuses_to_empty_the_trail(operator: Operator, statement: str, refused: bool) -> None:
    write(3, by=operator)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_is_not_emptied")  # it is off for what empties all between tests
        if refused:
            with pytest.raises(IntegrityError, match="never emptied"), transaction.atomic():
                cursor.execute(statement)
        else:
            cursor.execute(statement)
    assert audit.first_bad() is None
    assert AuditEntry.objects.count() == 3


@pytest.mark.django_db
def test_the_trail_is_verified_once_a_day_and_a_fault_is_told(operator: Operator) -> None:
    assert ("audit trail verified", 86_400) in [(each.name, each.every_seconds) for each in periodic.registered()]
    write(5)
    outside.verify()
    assert not Notification.objects.exists()
    sql("UPDATE audit_entry SET why = 'another reason' WHERE number = 4")
    for _ in range(2):
        with pytest.raises(outside.NotWhole, match="row 4"):
            outside.verify()
    told = Notification.objects.get()  # once
    assert "Row 4" in told.text
