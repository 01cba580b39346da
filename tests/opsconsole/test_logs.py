"""The processes' logs: one object a line, with the request and the run that they are about."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from structlog.contextvars import bound_contextvars

from opsconsole import logs


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What is logged meanwhile, as JSON."""
    how = logs.configuration("json", "INFO")["formatters"]["json"]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(logs.configuration("json", "INFO")["filters"]["links"]["()"]())
    handler.setFormatter(how["()"](**{name: value for name, value in how.items() if name != "()"}))
    logging.root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.root.removeHandler(handler)


def test_one_object_a_line_with_run_and_level(lines: Callable[[], list[dict[str, Any]]]) -> None:
    with bound_contextvars(run=418):
        logging.getLogger("runs.engine").warning("fe-1 says “no”\nand more: %s", 3)
    (said,) = lines()
    assert (said["message"], said["run"], said["level"], said["logger"]) == ("fe-1 says “no”\nand more: 3", 418, "warning", "runs.engine")
    assert said["timestamp"].endswith("Z")


def test_a_fault_stands_in_its_line(lines: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        raise ValueError("of a test")
    except ValueError:
        logging.getLogger("runs").exception("it broke")
    (said,) = lines()
    assert "ValueError: of a test" in said["exception"]


def test_a_link_for_one_download_is_in_no_line(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("django.request").warning("%s: %s", "Gone", "/access/get/a-secret_of-43/")
    logging.getLogger("django.request").warning("%s: %s", "Gone", "/access/vpn/jane.doe/download/")
    assert [line["message"] for line in lines()] == ["Gone: /access/get/[secret]/", "Gone: /access/vpn/jane.doe/download/"]
    assert settings.LOGGING["handlers"]["stderr"]["filters"] == ["links"]


def test_a_call_whose_arguments_do_not_fit_is_no_fault_of_the_program(
    lines: Callable[[], list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    record = logging.LogRecord("library", logging.WARNING, __file__, 1, "%d of %d", ("one",), None)
    assert logs.WithoutLinks().filter(record)
    handler = logging.StreamHandler(io.StringIO())
    handler.addFilter(logs.WithoutLinks())
    handler.handle(record)
    assert "Logging error" in capsys.readouterr().err


def test_the_setting_is_one_that_logging_takes() -> None:
    for form in ("text", "json"):
        assert logs.configuration(form, "INFO")["handlers"]["stderr"]["formatter"] == form
    assert settings.LOGGING["handlers"]["stderr"]["formatter"] in ("text", "json")


def test_the_server_speaks_as_everything_else_does() -> None:
    """uvicorn sets its own logging up before it loads the console."""
    begin = "import django, logging, uvicorn; uvicorn.Config('opsconsole.asgi:application'); django.setup()"
    begin += "; print(logging.getLogger('uvicorn.access').hasHandlers())"
    speak = "logging.getLogger('uvicorn.error').info('Started server process [%d]', 7, extra={'color_message': 'Started'})"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "opsconsole.settings", "SECRET_KEY": "only-for-tests", "LOG_FORMAT": "json"}
    argv = [sys.executable, "-c", f"{begin}; {speak}"]
    done = subprocess.run(argv, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60, check=True)
    quiet = [each.replace("application')", "application', log_level='error')") for each in argv]
    silent = subprocess.run(quiet, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60, check=True)
    assert silent.stderr == "", "as loud as uvicorn was told to be"
    [said] = [json.loads(line) for line in done.stderr.splitlines()]
    assert (said["message"], said["logger"], said["level"]) == ("Started server process [7]", "uvicorn.error", "info")
    assert done.stdout == "False\n", "the paths of one-time links are secrets"


@pytest.mark.parametrize(
    ("given", "kept"), [("", False), ("proxy-1234567", True), ("short", False), ("a b\nc-longer", False), ("x" * 65, False)]
)
def test_every_answer_has_the_id_of_its_request(given: str, kept: bool) -> None:
    answers = [Client().get("/healthz", headers={"X-Request-ID": given} if given else {}) for _ in range(2)]
    assert all(len(answer["X-Request-ID"]) >= 8 for answer in answers)
    assert (answers[0]["X-Request-ID"] == answers[1]["X-Request-ID"]) is kept
    assert (answers[0]["X-Request-ID"] == given) is kept


def test_lines_of_a_request_bear_its_id(lines: Callable[[], list[dict[str, Any]]]) -> None:
    answer = Client().get("/nowhere/")
    of_requests = [line for line in lines() if line["logger"] == "django.request"]
    assert of_requests
    assert {line["request"] for line in of_requests} == {answer["X-Request-ID"]}
