"""What each way to stop a release leaves of the database, which a migration-aware one migrates in a step of its own, or not at all."""

from __future__ import annotations

import pytest

from deployments import stopping
from runs.models import Plan, Run, Step

WINDOW = ("preflight", "curtain-on", "deploy-back", "migrate", "deploy-front", "curtain-off")
ROLL = ("preflight", "deploy-back", "confirm", "deploy-front")


def left(keys: tuple[str, ...], current: str, strength: str) -> str:
    at = keys.index(current)
    states = [Step.State.DONE if n < at else Step.State.INTENT if n == at else Step.State.PLANNED for n in range(len(keys))]
    titles = {"deploy-back": "Deploy the back office", "deploy-front": "Deploy the front end"}
    steps = [Step(key=key, title=titles.get(key, key), state=state) for key, state in zip(keys, states, strict=True)]
    run = Run(plan=Plan(document={"facts": {"strategy": "migration-aware", "label": "new", "previous_label": "old"}}))
    return " ".join(stopping.of_release(run, steps)[strength])


@pytest.mark.parametrize(
    ("keys", "current", "strength", "said"),
    [
        (WINDOW, "deploy-back", "after_step", "old still on the front end; the database has not been migrated for new."),
        (WINDOW, "migrate", "after_step", "the database is migrated for new."),
        (WINDOW, "migrate", "abort", "what of the migration has run is not taken back"),
        (WINDOW, "deploy-front", "after_step", "new everywhere, its migration included."),
        (ROLL, "deploy-back", "after_step", "the database fits both, by what it answered."),
        (ROLL, "deploy-front", "after_step", "new everywhere."),
    ],
)
def test_the_database_is_said_to_be_as_it_is(keys: tuple[str, ...], current: str, strength: str, said: str) -> None:
    assert said in left(keys, current, strength)


@pytest.mark.parametrize("keys", [WINDOW, ROLL])
def test_no_leader_migrates_while_it_is_deployed(keys: tuple[str, ...]) -> None:
    assert "leader" not in left(keys, "deploy-back", "abort")
