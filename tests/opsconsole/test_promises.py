"""The page of promises: every one of them, with what was last found, and never more than was found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from opsconsole import promises
from people.models import Operator

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def results(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path / "promises.json"


def row(key: str, **more: Any) -> dict[str, Any]:
    found = {
        "runs": 264,
        "violations": 0,
        "not_run": 0,
        "worst_recovery_seconds": 41.5,
        "seed": 7,
        "replay": "",
        "at": "2026-11-23T16:00:00+00:00",
    }
    return {"promise": key, **found, **more}


def test_all_eighteen_are_there_once() -> None:
    assert [promise.key for promise in promises.PROMISES] == [f"P{number}" for number in range(1, 19)]


def test_tests_that_are_named_exist() -> None:
    named = [promise.test for promise in promises.PROMISES if promise.test]
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("text", [None, "", "not json", "[]", "{}", "3", '["x", {}, {"runs": 3}]'])
def test_without_results_nothing_is_kept(results: Path, text: str | None) -> None:
    if text is not None:
        results.write_text(text)
    known = promises.results()
    assert {promises.result_of(promise.key, known).word for promise in promises.PROMISES} == {"not run on this installation"}


@pytest.mark.parametrize(
    ("more", "state", "word"),
    [
        ({}, "ok", "kept"),
        ({"violations": 1}, "bad", "broken"),
        ({"not_run": 3}, "warn", "kept, as far as it was run"),
        ({"runs": 0, "not_run": 3}, "unknown", "not run on this machine"),
        ({"runs": 0}, "unknown", "not run on this machine"),
        ({"runs": "many", "worst_recovery_seconds": "x", "seed": None, "at": "yesterday"}, "unknown", "not run on this machine"),
    ],
)
@pytest.mark.parametrize("as_list", [True, False])
def test_what_is_made_of_a_result(results: Path, more: dict[str, Any], state: str, word: str, as_list: bool) -> None:
    found = row("P1", **more)
    results.write_text(json.dumps([found] if as_list else {"P1": found}))
    result = promises.results()["P1"]
    assert (result.state, result.word) == (state, word)


@pytest.mark.django_db
def test_the_page(client: Client, viewer: Operator, results: Path, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    results.write_text(json.dumps([row("P1", unknown=3), row("P7", violations=2, replay="./console faults --replay P7:12 --seed 7")]))
    client.force_login(viewer)
    assert connection.features.supports_json_field  # Django asks SQLite that once a process
    with django_assert_max_num_queries(6):
        said = client.get("/promises/").content.decode()
    assert all(promise.sentence in said for promise in promises.PROMISES)
    assert "264 points, 0 violations, 3 ended without knowing" in said
    assert said.count("ended without knowing") == 1
    assert "resumed after 41" in said
    assert "./console faults --replay P7:12 --seed 7" in said
    assert said.count("not run on this installation") == 16 + 1
    assert 'href="/promises/"' in client.get("/").content.decode()


@pytest.mark.django_db
def test_who_reads_it(client: Client, viewer: Operator, stranger: Operator, results: Path) -> None:
    assert client.get("/promises/").status_code == 302
    client.force_login(stranger)
    assert client.get("/promises/").status_code == 403
    client.force_login(viewer)
    assert client.post("/promises/").status_code == 405
    assert client.get("/promises/").status_code == 200
