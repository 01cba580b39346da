"""How often the scheduler looks at a server while AWS throttles."""

from __future__ import annotations

import pytest

from access import watching
from access.gateway import observe
from access.models import Seen
from remote.aws import session
from remote.errors import Throttled, Unreachable

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("access.watching.time.monotonic", lambda: now[0])
    monkeypatch.setattr(watching, "_pauses", {})
    Seen.objects.create(name="vpn")
    return now


def looks(clock: list[float], error: Exception | None, *, seconds: int) -> list[tuple[float, bool]]:
    """When it was asked, and whether only once, of a look each fifteen seconds."""
    asked: list[tuple[float, bool]] = []

    def ask() -> None:
        asked.append((clock[0] - 1000, session._once.get()))
        if error:
            raise error

    for _ in range(0, seconds, 15):
        watching.look("vpn", ask, every=15)
        clock[0] += 15
    return asked


def test_a_throttled_look_pauses_ever_longer_and_asks_once(clock: list[float]) -> None:
    found = looks(clock, Throttled("Rate exceeded", "Wait."), seconds=240)
    assert found == [(0, False), (30, True), (90, True), (150, True), (210, True)]
    assert Seen.objects.get(name="vpn").error == "Rate exceeded. Wait."


def test_while_aws_throttles_the_gateways_host_is_not_looked_for(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Exception | None] = [Throttled("Rate exceeded", "Wait."), None]
    hosts: list[float] = []

    def group() -> None:
        if (error := answers.pop(0)) is not None:
            raise error

    monkeypatch.setattr(observe, "observe", group)
    monkeypatch.setattr(observe, "look_at_host", lambda: hosts.append(clock[0]))
    observe.watch()
    assert hosts == []
    clock[0] += 60
    observe.watch()
    assert hosts == [1060]


def test_an_answer_ends_the_pauses(clock: list[float]) -> None:
    looks(clock, Throttled("Rate exceeded", "Wait."), seconds=30)
    clock[0] = 1000
    clock[0] += 60
    assert looks(clock, None, seconds=45) == [(60, True), (75, False), (90, False)]


def test_a_host_that_is_away_is_looked_for_at_each_time(clock: list[float]) -> None:
    assert len(looks(clock, Unreachable("The host does not answer", "Look."), seconds=60)) == 4
