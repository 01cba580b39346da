"""Migrations run while the code of before goes on working: none takes away what it needs, refuses what it writes, or locks a table.

Twice: by what each operation is, and by letting the models of before write and read after each migration.
Exceptions stand in docs/operations.md, with why: before those everything is stopped.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connections, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from people.refusals import RefusalByDatabase

ROOT = Path(settings.BASE_DIR)
HARMLESS = (
    migrations.CreateModel,
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
    migrations.RemoveIndex,
    migrations.RemoveConstraint,
    AddIndexConcurrently,
    RefusalByDatabase,
)


def exceptions() -> set[str]:
    [_, behind] = (ROOT / "docs/operations.md").read_text().split("old code does not survive:\n")
    return set(re.findall(r"^- `([\w.]+)`", behind.split("\n\n")[0], re.MULTILINE))


def ours() -> Iterator[tuple[str, Migration]]:
    """In their order, with "app.name"."""
    loader = MigrationLoader(None)
    for key in _plan(loader):
        if _is_ours(loader.disk_migrations[key]):
            yield ".".join(key), loader.disk_migrations[key]


def _is_ours(migration: Migration) -> bool:
    return (ROOT / type(migration).__module__.partition(".")[0]).is_dir()


def _plan(loader: MigrationLoader) -> list[tuple[str, str]]:
    """Ours, and what they stand on."""
    plan: dict[tuple[str, str], None] = {}
    for leaf in sorted(leaf for leaf in loader.graph.leaf_nodes() if _is_ours(loader.disk_migrations[leaf])):
        plan |= dict.fromkeys(loader.graph.forwards_plan(leaf))
    return list(plan)


def trouble(operation: Operation, made_here: set[str]) -> str:
    """What the operation does to the code of before; "" where nothing. `made_here`: the models that the same migration makes."""
    model = str(getattr(operation, "model_name", "")).lower()
    if isinstance(operation, HARMLESS) or model in made_here:
        return ""
    field: Any = getattr(operation, "field", None)
    match operation:
        case migrations.AddField() if field.null or field.has_db_default() or field.many_to_many:
            return "is unique, and so locks the table while it looks" if field.unique else ""
        case migrations.AddField():
            return "has no default in the database: what old code writes is refused"
        case migrations.AlterField():
            return "" if _only_words(operation) else "may rewrite the table, or refuse what old code writes"
        case migrations.AddIndex():
            return "locks the table against writers: AddIndexInUse does not"
        case migrations.SeparateDatabaseAndState():
            return next(filter(None, (trouble(each, made_here) for each in operation.database_operations)), "")
    return f"{type(operation).__name__} is nothing that old code survives"


def _only_words(operation: migrations.AlterField) -> bool:
    """Choices alone, which the database does not know: the deconstructed field says nothing else that could matter there."""
    return bool(operation.field.choices) and not operation.field.unique and operation.field.remote_field is None


def test_no_operation_breaks_the_code_that_still_runs() -> None:
    found, looked = [], 0
    for name, migration in ours():
        made = {operation.name.lower() for operation in migration.operations if isinstance(operation, migrations.CreateModel)}
        wrong = [said for operation in migration.operations if (said := trouble(operation, made))]
        looked += len(migration.operations)
        if bool(wrong) != (name in exceptions()):
            found.append(f"{name}: {wrong or 'is named as an exception, and is none'}")
    assert looked > 60
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "operation, is_one",
    [
        (migrations.RemoveField("run", "said"), True),
        (migrations.RenameField("run", "said", "told"), True),
        (migrations.DeleteModel("Run"), True),
        (migrations.RunPython(migrations.RunPython.noop), True),
        (migrations.AddField("run", "more", models.TextField(default="")), True),
        (migrations.AddField("run", "more", models.TextField(db_default="")), False),
        (migrations.AddField("run", "more", models.TextField(null=True)), False),
        (migrations.AddField("run", "more", models.TextField(null=True, unique=True)), True),
        (migrations.AddField("new", "more", models.TextField(default="")), False),
        (migrations.AlterField("run", "state", models.CharField(max_length=10, choices=[("a", "b")])), False),
        (migrations.AlterField("run", "said", models.CharField(max_length=10)), True),
        (migrations.AddIndex("run", models.Index(fields=["said"], name="x")), True),
        (AddIndexConcurrently("run", models.Index(fields=["said"], name="x")), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Operation) else str(value),
)
def test_what_breaks_it(operation: Operation, is_one: bool) -> None:
    assert bool(trouble(operation, {"new"})) is is_one


# -- the same, by doing it


@pytest.fixture
def stepwise(tmp_path: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A database of its own, of the kind that the tests run on: nothing is in it yet."""
    main = connections["default"]
    name = str(tmp_path / "steps.sqlite3") if main.vendor == "sqlite" else f"steps_{uuid.uuid4().hex[:12]}"
    with django_db_blocker.unblock():
        if main.vendor != "sqlite":
            with main.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name}")
        connections.settings["steps"] = {**main.settings_dict, "NAME": name, "TEST": dict(main.settings_dict["TEST"])}
        try:
            yield "steps"
        finally:
            connections["steps"].close()
            del connections["steps"]
            del connections.settings["steps"]
            if main.vendor != "sqlite":
                with main.cursor() as cursor:
                    cursor.execute(f"DROP DATABASE {name}")
            main.close()


@pytest.mark.timeout(600)
def test_the_models_of_before_go_on_writing_and_reading_after_each_migration(stepwise: str) -> None:
    connection = connections[stepwise]
    loader = MigrationLoader(connection)
    done: list[tuple[str, str]] = []
    tried = 0
    state = ProjectState()
    for key in _plan(loader):
        migration = loader.graph.nodes[key]
        touched = {str(getattr(operation, "model_name", "")).lower() for operation in migration.operations} - {""}
        before = state.clone()
        state = MigrationExecutor(connection).migrate([key], plan=[(migration, False)], state=state)
        done.append(key)
        if not _is_ours(migration) or ".".join(key) in exceptions():
            continue
        for name in sorted(touched):
            if (migration.app_label, name) in before.models:
                tried += 1
                old: Any = before.apps.get_model(migration.app_label, name)
                written = _written(old, stepwise)
                assert old.objects.using(stepwise).filter(pk=written.pk).update(**_unchanged(written)) == 1
                assert old.objects.using(stepwise).get(pk=written.pk).pk == written.pk
    assert len(done) > 40
    assert tried >= 3


@pytest.mark.timeout(600)
def test_each_migration_can_be_taken_back_with_rows_in_its_tables_and_be_done_again(stepwise: str) -> None:
    """The way back after an upgrade that was none: what newer code has written stays, but for what only it knew."""
    connection = connections[stepwise]
    executor = MigrationExecutor(connection)
    executor.recorder.ensure_schema()
    taken_back, kept, state = 0, 0, ProjectState()
    for key in _plan(executor.loader):
        migration = executor.loader.graph.nodes[key]
        if not _is_ours(migration) or migration.initial:  # before an app's first one there was no version with it
            state = executor.apply_migration(state, migration)
            continue
        before, without = state.clone(), _schema(connection)
        state = executor.apply_migration(state, migration)
        done = _schema(connection)
        named = {str(getattr(operation, "model_name", getattr(operation, "name", ""))).lower() for operation in migration.operations}
        made = [state.apps.get_model(*each) for each in sorted(state.models) if each[0] == migration.app_label and each[1] in named]
        rows = [_written(model, stepwise) for model in made]
        executor.unapply_migration(before.clone(), migration)
        assert _schema(connection) == without, f"{'.'.join(key)} leaves something behind"
        taken_back += 1
        for row in rows:
            if (migration.app_label, row._meta.model_name) in before.models:
                old: Any = before.apps.get_model(migration.app_label, row._meta.model_name)
                assert old.objects.using(stepwise).get(pk=row.pk).pk == row.pk
                kept += 1
        executor.apply_migration(before.clone(), migration)
        assert _schema(connection) == done, f"{'.'.join(key)} is another one the second time"
    assert taken_back > 20
    assert kept >= 3


def _schema(connection: Any) -> dict[str, Any]:
    """All that a migration can leave behind: tables with their columns, in any order, indexes, and on PostgreSQL what refuses."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            return {name: sorted(sql[:-1].partition("(")[2].split(", ")) for name, sql in cursor.fetchall()}
        found: dict[str, Any] = {}
        for what, asked in _ON_POSTGRESQL.items():
            cursor.execute(asked)
            found[what] = sorted(cursor.fetchall())
        return found


_ON_POSTGRESQL = {
    "columns": "SELECT table_name, column_name, data_type, is_nullable, coalesce(column_default, '') FROM information_schema.columns"
    " WHERE table_schema = 'public'",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace",
    "triggers": "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT proname, '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
}


def _written(model: Any, using: str) -> Any:
    """A row with what the model has to have, and the rows that it stands on."""
    values = {field.name: _something(field, using) for field in model._meta.concrete_fields if not field.null and not field.has_default()}
    key = model._meta.pk
    return model.objects.using(using).create(
        **{name: value for name, value in values.items() if name != key.name or not isinstance(key, models.AutoField)}
    )


def _something(field: Any, using: str) -> Any:
    if field.remote_field is not None:
        return _written(field.remote_field.model, using)
    match field:
        case models.DateTimeField():
            return timezone.now()
        case models.BooleanField():
            return False
        case models.IntegerField() | models.FloatField():
            return 1
        case models.UUIDField():
            return uuid.uuid4()
        case models.JSONField():
            return {}
    return uuid.uuid4().hex[: field.max_length or 32]


def _unchanged(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key}
