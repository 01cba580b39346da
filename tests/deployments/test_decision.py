"""What the database's answers mean, and what a configuration builds: without a database and without a configuration."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deployments import panels as deployed_panels
from deployments.strategies import AS_WRITTEN, AWARE, choosing, panels, prebuilt
from deployments.strategies.decision import CONFIG, DB, Answer, decide
from deployments.strategies.preparing import refutation
from people.models import Operator
from runs.models import Effect, Step
from tests import scenery

FINE = Answer(DB, 0, "All modules are up to date.")
NEEDED = Answer(DB, 2, "Declarative Schema is not up to date\nRun 'setup:upgrade' to update your DB schema and data.")
CONFIG_FINE = Answer(CONFIG, 0, "Config files are up to date.")
CONFIG_NEEDED = Answer(CONFIG, 2, "Config files have changed. Run app:config:import or setup:upgrade command to synchronize configuration.")

CONFIGURATION = """# kept
container_commands:
  01_env_php:
    command: install /tmp/env.php app/etc/env.php
  02_setup_upgrade:
    command: sudo -u webapp php bin/magento setup:upgrade --keep-generated
    leader_only: true
  05_static_content:
    command: sudo -u webapp php bin/magento setup:static-content:deploy --force fr_FR
files:
  "/etc/x": {content: "setup:upgrade is only named here"}
"""


@pytest.mark.parametrize(
    ("answers", "decision"),
    [
        ((FINE, CONFIG_FINE), "roll"),
        ((NEEDED, CONFIG_FINE), "window"),
        ((FINE, CONFIG_NEEDED), "window"),
        ((NEEDED, Answer(CONFIG, 1, "")), "window"),
        ((FINE, Answer(CONFIG, 1, "SQLSTATE[HY000] [2002] Connection timed out")), "undecided"),
        ((Answer(DB, 0, "SQLSTATE[HY000]"), CONFIG_FINE), "undecided"),
        ((Answer(DB, 2, "All modules are up to date."), CONFIG_FINE), "undecided"),
        ((Answer(DB, None, ""), CONFIG_FINE), "undecided"),
        ((), "undecided"),
    ],
)
def test_exit_code_and_words_have_to_say_the_same(answers: tuple[Answer, ...], decision: str) -> None:
    assert decide(answers) == decision


def test_the_patch_takes_out_what_builds_and_nothing_else() -> None:
    patch = prebuilt.patch(".ebextensions/40-magento.config", CONFIGURATION)
    gone = [line[1:] for line in patch.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert gone == CONFIGURATION.splitlines()[4:9]
    assert not [line for line in patch.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert prebuilt.patch("x", "container_commands:\n  01_env_php:\n    command: install a b\n") == ""


def _recipe(*lines: str) -> dict[str, list[object]]:
    return {"commands": [{"name": f"0{n}", "command": line, "file": "40-magento.config"} for n, line in enumerate(lines, 1)], "wrong": []}


def test_each_strategy_is_offered_where_it_can_be_taken() -> None:
    target = scenery.target()
    building = choosing.offers(target, _recipe("php bin/magento setup:upgrade"))
    assert choosing.choose(building, "").key == AS_WRITTEN
    with pytest.raises(ValueError, match="still does on every host"):
        choosing.choose(building, AWARE)
    aware, written = building
    assert " ".join((*aware.evidence, aware.refused)).count("01 (40-magento.config)") == 1  # said once in each
    assert " ".join(written.evidence).count("01 (40-magento.config)") == 1
    once = choosing.offers(target, _recipe("install a b"))
    assert choosing.choose(once, "").key == AWARE
    with pytest.raises(ValueError, match="nobody would migrate"):
        choosing.choose(once, AS_WRITTEN)
    with pytest.raises(ValueError, match="There is no strategy “blue-green”"):
        choosing.choose(once, "blue-green")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "answer", "refuted"),
    [
        ("failed", {"command": DB, "rc": 2, "text": NEEDED.text}, True),
        ("failed", {"command": DB, "rc": 143, "text": "", "cancel": "be: it was stopped"}, False),
        ("failed", {}, False),
        ("unknown", {}, False),
        (None, {}, False),
    ],
)
def test_only_the_new_code_s_own_answer_refutes_the_decision(
    releaser: Operator, state: str | None, answer: dict[str, object], refuted: bool
) -> None:
    """Not a step that was given up, aborted before it began, or ran out of its time."""
    facts = {"decision": {"path": "roll", "key": "no-such-artifact"}}
    run = scenery.run(scenery.plan(releaser), releaser, state="failed")
    run.plan.document["facts"] |= facts
    step = Step.objects.create(run=run, position=99, key="confirm", title="Ask", state="failed", said="Stopped before it began.")
    if state:
        said = "be: setup:db:status says “Declarative Schema is not up to date” (exit code 2). The decision was wrong."
        Effect.objects.create(
            run=run, step=step, epoch=1, act="confirm-db", key="confirm-db", kind="magento.ask", state=state, said=said, answer=answer
        )
    (panel,) = panels.of_release(run, facts, releaser, refuted=refutation(run))
    assert panel.context["judged"] == ({"right": False, "said": said.rstrip(".")} if refuted else {})


@pytest.mark.django_db
def test_a_page_asks_once_whether_the_decision_was_refuted(releaser: Operator) -> None:
    run = scenery.run(scenery.plan(releaser), releaser, state="failed")
    run.plan.document["facts"] |= {"decision": {"path": "roll", "key": "no-such-artifact"}, "strategy": AWARE}
    for position, key in enumerate(("deploy-back", "confirm"), 98):
        Step.objects.create(run=run, position=position, key=key, title=key, state="failed", said="It ended badly.")
    with CaptureQueriesContext(connection) as asked:
        shown = deployed_panels.of_release(run, timezone.now(), releaser)
    assert {"deployments/_failure.html", "deployments/_decided.html", "deployments/_if_wrong.html"} <= {each.template for each in shown}
    assert sum("'confirm'" in query["sql"] for query in asked) == 1
