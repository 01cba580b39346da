"""Rows of several tables in one statement are the rows that each table gives by itself, whatever stands in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from estate.models import BeanstalkEvent, DeadlineSource, Watched
from estate.together import together

pytestmark = pytest.mark.django_db
AT = datetime(2026, 10, 25, 0, 59, 59, 123456, tzinfo=UTC)


def values(row: object) -> dict[str, object]:
    return {name: value for name, value in vars(row).items() if name != "_state"}


def test_they_are_the_same_rows_in_the_same_order(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    Watched.objects.create(name="b", answered=AT, error="“ä” 'said' \"so\"\n", failures=3)
    Watched.objects.create(name="a")
    deadlines = [{"key": "1", "due": None, "title": "\u00e9", "days": 2.5, "nested": [True, {"x": "[]"}]}]
    DeadlineSource.objects.create(name="Certificates", tried=AT, deadlines=deadlines)
    for second in (2, 1, 3):
        BeanstalkEvent.objects.create(
            environment="e", time=AT + timedelta(seconds=second), severity="INFO", message="m", digest=str(second)
        )
    wanted = (
        Watched.objects.filter(failures__gte=3),
        DeadlineSource.objects.all(),
        BeanstalkEvent.objects.all(),
        Watched.objects.filter(name="c"),
    )
    with django_assert_num_queries(1):
        found = together(*wanted)
    assert [[values(row) for row in rows] for rows in found] == [[values(row) for row in rows] for rows in wanted]
    found[0][0].error = "changed"
    found[0][0].save()
    assert Watched.objects.get(name="b").error == "changed"
