"""The processes' logs: one object a line, with the request and the run that they are about."""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from structlog.contextvars import bound_contextvars

from opsconsole import logs


@pytest.fixture
def as_json(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """After the capture: a handler keeps the stream that it finds."""
    before = (logging.root.handlers[:], logging.root.level)
    logging.config.dictConfig(logs.configuration("json", "INFO"))
    yield
    logging.config.dictConfig(settings.LOGGING)
    logging.root.handlers[:], logging.root.level = before[0], before[1]


def test_one_object_a_line_with_run_and_level(as_json: None, capfd: pytest.CaptureFixture[str]) -> None:
    with bound_contextvars(run=418):
        logging.getLogger("runs.engine").warning("fe-1 says “no”\nand more: %s", 3)
    (line,) = capfd.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["message"], said["run"], said["level"], said["logger"]) == ("fe-1 says “no”\nand more: 3", 418, "warning", "runs.engine")
    assert said["timestamp"].endswith("Z")


def test_a_fault_stands_in_its_line(as_json: None, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("of a test")
    except ValueError:
        logging.getLogger("runs").exception("it broke")
    (line,) = capfd.readouterr().err.splitlines()
    assert "ValueError: of a test" in json.loads(line)["exception"]


@pytest.mark.parametrize(
    ("given", "kept"), [("", False), ("proxy-1234567", True), ("short", False), ("a b\nc-longer", False), ("x" * 65, False)]
)
def test_every_answer_has_the_id_of_its_request(given: str, kept: bool) -> None:
    answers = [Client().get("/healthz", headers={"X-Request-ID": given} if given else {}) for _ in range(2)]
    assert all(len(answer["X-Request-ID"]) >= 8 for answer in answers)
    assert (answers[0]["X-Request-ID"] == answers[1]["X-Request-ID"]) is kept
    assert (answers[0]["X-Request-ID"] == given) is kept


def test_lines_of_a_request_bear_its_id(as_json: None, capfd: pytest.CaptureFixture[str]) -> None:
    answer = Client().get("/nowhere/")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["request"] for line in lines if "request" in line] == [answer["X-Request-ID"]] * len(lines)
