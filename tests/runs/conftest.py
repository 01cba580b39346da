from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from people.models import Operator
from runs import actions, effects, plan, work
from runs.models import Run
from tests.runs.world import World, planned

Start = Callable[..., Run]


@pytest.fixture(autouse=True)
def quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LEASE_SECONDS = 5.0
    settings.TICK_SECONDS = 10.0
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"  # the engine needs none
    monkeypatch.setattr(work, "FIRST_PAUSE", 0.01)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setitem(effects._kinds, "scripted", made)
    return made


@pytest.fixture
def start(releaser: Operator) -> Start:
    def begin(*steps: plan.Step, **more: Any) -> Run:
        made = actions.save_plan(planned(*steps), by=releaser)
        return actions.start_run(made, hash=made.hash, idempotency_key=uuid.uuid4().hex, by=releaser, **more)

    return begin
