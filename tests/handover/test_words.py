"""What a check says of what it saw: of that alone which was asked, in numbers and plurals that are right."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handover.checks.monitors import widget_shows
from handover.checks.seen import aged, counted
from handover.observed import Observed
from remote.aws.found import Found

LOADS = ["Load Average"] * 3
WIDGET = Found("widget", "w", "Stats", {"metrics": ["Requests Sum", *LOADS], "period": 3600})
SEEN = Observed({"widget": (WIDGET,)})


def test_a_widget_is_told_by_what_was_asked() -> None:
    assert widget_shows(SEEN, title="Stats", metrics=["Requests Sum"]).said == "“Stats”: Requests Sum"
    assert widget_shows(SEEN, title="Stats", facts={"period": 3600}).said == "“Stats”: Requests Sum, 3 × Load Average; period 3600"
    wrong = widget_shows(SEEN, title="Stats", metrics=["Requests Sum"], facts={"period": 60})
    assert (wrong.agrees, wrong.said) == (False, "“Stats”: Requests Sum; period 3600; 60 expected")


def test_a_metric_that_is_named_several_times_has_to_be_there_as_often() -> None:
    assert widget_shows(SEEN, title="Stats", metrics=LOADS).agrees
    short = widget_shows(SEEN, title="Stats", metrics=[*LOADS, "Load Average"])
    assert (short.agrees, short.said) == (False, "“Stats”: missing Load Average")


@pytest.mark.parametrize(
    ("age", "words"),
    [(timedelta(seconds=-3), "0 min old"), (timedelta(minutes=12), "12 min old"), (timedelta(hours=30), "30 h old"),
     (timedelta(days=4, hours=3), "4 d old")],
)  # fmt: skip
def test_an_age_is_told_in_the_unit_that_says_something(age: timedelta, words: str) -> None:
    assert aged(age) == words


def test_one_is_no_plural() -> None:
    assert [counted("node", 1), counted("node", 2), counted("node", 0)] == ["1 node", "2 nodes", "No nodes"]
