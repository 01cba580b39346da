"""Rows of several small tables in one statement: a page that shows a little of everything asks once, not once for each of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db.models import Field, JSONField, Model, QuerySet, Value
from django.db.models.functions import JSONArray


def together(first: QuerySet[Any], *others: QuerySet[Any]) -> tuple[list[Any], ...]:
    """The rows of each, as instances, in the order of their model. For tables of some dozens of rows: each row travels as JSON."""
    wanted = (first, *others)
    head, *tail = (_as_json(rows, place) for place, rows in enumerate(wanted))
    found: tuple[list[Any], ...] = tuple([] for _ in wanted)
    for place, values in head.union(*tail, all=True):
        found[place].append(_instance(wanted[place], values))
    for rows, instances in zip(wanted, found, strict=True):
        for name in reversed(rows.model._meta.ordering):
            instances.sort(key=partial(_sorted_by, name.lstrip("-")), reverse=name.startswith("-"))
    return found


def _sorted_by(name: str, row: Model) -> tuple[bool, Any]:
    value = getattr(row, name)
    return value is not None, value


def _as_json(rows: QuerySet[Any], place: int) -> QuerySet[Any, Any]:
    columns = [field.attname for field in rows.model._meta.concrete_fields]
    return rows.order_by().values_list(Value(place), JSONArray(*columns))


def _instance(rows: QuerySet[Any], values: Sequence[Any]) -> Model:
    fields = rows.model._meta.concrete_fields
    made: Model = rows.model.from_db(rows.db, [field.attname for field in fields], list(map(_value, fields, values)))
    return made


def _value(field: Field[Any, Any], raw: Any) -> Any:
    """SQLite writes times without their zone, which is UTC, and JSON within JSON as text."""
    if isinstance(field, JSONField):
        return json.loads(raw) if isinstance(raw, str) else raw
    value = field.to_python(raw)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
