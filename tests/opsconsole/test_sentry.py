"""What a Sentry is told of a fault, read where it arrives; and that nobody waits for one that is away."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from sentry_sdk.transport import HttpTransport
from structlog.contextvars import bound_contextvars

from opsconsole.sentry import only_what_is_told
from tests.sentry import Intake, listening

KNOWN = "secret-that-the-console-has"
FIELDS = {"event_id", "timestamp", "platform", "level", "logger", "release", "server_name", "exception", "tags", "sdk"}
Web = tuple[httpx.Client, Intake]


def environment(folder: Path, dsn: str) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
        "SITE_URL": "http://ops.client.url",
        "ALLOWED_HOSTS": "127.0.0.1,ops.client.url",
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'console.sqlite3'}",
        "CODE_VERSION": "r418",
        "RUNDECK_TOKEN": KNOWN,
        "SENTRY_DSN": dsn,
    }


@contextmanager
def served(folder: Path, dsn: str) -> Iterator[httpx.Client]:
    """The console by uvicorn, with a page that fails."""
    address = str(folder / "web.sock")
    (folder / "staticfiles").mkdir()
    argv = [sys.executable, "-m", "uvicorn", "tests.opsconsole.faulty:application", "--uds", address, "--log-level", "warning"]
    env = environment(folder, dsn) | {"DJANGO_SETTINGS_MODULE": "tests.opsconsole.faulty_settings"}
    with (
        subprocess.Popen(argv, cwd=settings.BASE_DIR, env=env) as process,
        httpx.Client(base_url="http://127.0.0.1", transport=httpx.HTTPTransport(uds=address), timeout=60) as client,
    ):
        try:
            deadline = time.monotonic() + 100
            while not answers(client):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield client
        finally:
            process.terminate()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def listened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with listening() as intake, served(tmp_path_factory.mktemp("web"), intake.dsn) as client:
        yield client, intake


@pytest.fixture
def web(listened: Web) -> Web:
    """One console for all of them; each has waited for all that it caused."""
    client, intake = listened
    intake.raw.clear()
    return client, intake


@pytest.fixture
def away() -> Iterator[str]:
    """The DSN of a Sentry that refuses: a port that is nobody else's, where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://key@127.0.0.1:{taken.getsockname()[1]}/7"


def run(code: str, folder: Path, dsn: str) -> subprocess.CompletedProcess[str]:
    begin = "import logging, os, sys, django; django.setup(); told = logging.getLogger('runs')\n"
    argv = [sys.executable, "-c", begin + code]
    env = environment(folder, dsn)
    return subprocess.run(argv, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, check=False, timeout=100)


def fail(client: httpx.Client) -> httpx.Response:
    return client.post(
        "/fails/access/get/secret-of-the-path/?token=secret-of-the-query",
        data={"password": "secret-of-the-form"},
        headers={"X-Request-ID": "request-4711", "Authorization": "Bearer secret-of-a-token", "X-Secret": "secret-of-a-header"}
        | {"Cookie": "sessionid=secret-of-a-cookie"},
    )


def test_a_fault_of_a_page_is_told_without_what_stood_around_it(web: Web) -> None:
    client, intake = web
    assert fail(client).status_code == 500
    [event] = intake.until(1)
    assert b"secret-" not in intake.raw[0]
    assert set(event) == FIELDS
    assert event["tags"] == {"request": "request-4711"}
    assert (event["release"], event["server_name"], event["level"], event["logger"]) == (
        "r418",
        "ops.client.url",
        "error",
        "django.request",
    )
    cause, fault = event["exception"]["values"]
    assert (cause["type"], cause["value"]) == ("LookupError", "no host has [secret]")
    assert (fault["type"], fault["value"]) == ("Faulty", f"[secret] at /access/get/[secret]/, {len(everything())} characters")
    place = fault["stacktrace"]["frames"][-1]
    assert (place["module"], place["function"], place["in_app"]) == ("tests.opsconsole.faulty", "fails", True)
    assert place["lineno"] > 1
    assert {name for frame in fault["stacktrace"]["frames"] for name in frame} <= {"filename", "module", "function", "lineno", "in_app"}
    assert not place["filename"].startswith("/")


def everything() -> str:
    return "secret-of-a-local-variable secret-of-the-form secret-of-a-header secret-of-the-path"


def test_once_is_enough_and_words_or_a_stranger_are_no_fault(web: Web) -> None:
    client, intake = web
    assert client.get("/", headers={"Host": "stranger.example"}).status_code == 400
    assert client.get("/nowhere/").status_code in (302, 404)
    assert client.get("/tells/").text == "well"
    fail(client)
    assert [event["exception"]["values"][-1]["value"][:10] for event in intake.until(2)] == ["told twice", "[secret] a"]
    assert intake.events[0]["logger"] == "runs"


def test_no_request_waits_for_a_sentry_that_hangs(web: Web) -> None:
    client, intake = web
    intake.answers.clear()
    assert [fail(client).status_code for _ in range(5)] == [500] * 5
    intake.until(1)
    assert (len(intake.raw), intake.waiting) == (1, 1), "the first one still waits for its answer"
    intake.answers.set()
    assert len({event["event_id"] for event in intake.until(5)}) == 5


def test_no_request_waits_for_a_sentry_that_is_away(tmp_path: Path, away: str) -> None:
    with served(tmp_path, away) as client:
        assert [fail(client).status_code for _ in range(3)] == [500] * 3
        assert answers(client)


def test_what_ends_a_process_is_told_before_it_ends(tmp_path: Path, intake: Intake) -> None:
    done = run("raise ValueError(os.environ['RUNDECK_TOKEN'])", tmp_path, intake.dsn)
    assert done.returncode == 1
    assert "ValueError" in done.stderr
    [event] = intake.events
    assert (event["level"], event["exception"]["values"][0]["value"], event["tags"]) == ("fatal", "[secret]", {})
    run("sys.exit(3)", tmp_path, intake.dsn)
    assert len(intake.events) == 1, "who ends on purpose has no fault"


def test_the_end_of_a_process_waits_for_no_sentry(tmp_path: Path, intake: Intake, away: str) -> None:
    intake.answers.clear()
    code = "import time; began = time.monotonic()\n"
    code += "import atexit; atexit._clear(); atexit.register(lambda: print(time.monotonic() - began)); atexit.register(logging.shutdown)\n"
    code += "raise ValueError"
    done = run(code, tmp_path, intake.dsn)
    assert done.returncode == 1
    assert intake.waiting == 1
    assert float(done.stdout) < HttpTransport.TIMEOUT, "the SDK itself would have waited for so long"
    done = run("raise ValueError", tmp_path, away)
    assert done.returncode == 1


def test_what_waits_in_a_process_is_not_sent_by_its_fork_too(tmp_path: Path, intake: Intake) -> None:
    intake.answers.clear()
    code = "import select\n"
    code += "for number in range(3): told.error('', exc_info=ValueError(f'parent {number}'))\n"
    code += "print('forking', flush=True); sys.stdin.readline()\n"
    code += "pid = os.fork()\n"
    code += "if not pid: told.error('', exc_info=ValueError('child')); logging.shutdown(); os._exit(0)\n"
    code += "os.waitpid(pid, 0); print('waited', flush=True); sys.stdin.readline(); logging.shutdown()"
    argv = [sys.executable, "-c", "import logging, os, sys, django; django.setup(); told = logging.getLogger('runs')\n" + code]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, cwd=settings.BASE_DIR, env=environment(tmp_path, intake.dsn), **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "forking\n"
        intake.until(1)
        print(file=process.stdin, flush=True)
        assert process.stdout.readline() == "waited\n"
        intake.answers.set()
        intake.until(4)
        print(file=process.stdin, flush=True)
    said = [event["exception"]["values"][0]["value"] for event in intake.events]
    assert said[:2] == ["parent 0", "child"]
    assert sorted(said) == ["child", "parent 0", "parent 1", "parent 2"]


def test_without_a_dsn_the_sdk_is_not_there(tmp_path: Path) -> None:
    code = "import opsconsole.asgi, runs.worker, runs.reconcile; print('sentry_sdk' in sys.modules)"
    asked = [run(code, tmp_path, dsn) for dsn in ("", "https://key@sentry.client.url/7", "no address")]
    assert [done.stdout for done in asked[:2]] == ["False\n", "True\n"]
    assert "SENTRY_DSN" in asked[2].stderr, "refused before anything starts"
    assert asked[2].returncode == 1


def test_whatever_an_sdk_collects_leaves_only_what_is_told() -> None:
    frame = {
        "filename": "a.py",
        "function": "f",
        "lineno": 3,
        "vars": {"x": "1"},
        "context_line": "x = 1",
        "pre_context": ["y"],
        "abs_path": "/a.py",
    }
    event: Any = {
        "event_id": "0" * 32, "level": "error", "user": {"id": "jane"}, "request": {"url": "/"}, "breadcrumbs": {"values": [{}]},
        "contexts": {"trace": {}}, "extra": {"x": 1}, "modules": {"django": "5.2"}, "logentry": {"message": "x"}, "transaction": "/x",
        "threads": {"values": [{}]}, "environment": "production", "tags": {"user": "jane"},
        "exception": {"values": [{"type": "E", "value": "x" * 1000, "mechanism": {"data": 1}, "stacktrace": {"frames": [frame]}}]},
    }  # fmt: skip
    with bound_contextvars(request="r-1", run=418, person="jane"):
        told: Any = only_what_is_told(event, {})
    assert set(told) == {"event_id", "level", "exception", "tags", "sdk"}
    assert told["tags"] == {"request": "r-1", "run": "418"}
    [fault] = told["exception"]["values"]
    assert set(fault) == {"type", "module", "value", "stacktrace"}
    assert len(fault["value"]) == 500
    [place] = fault["stacktrace"]["frames"]
    assert set(place) == {"filename", "module", "function", "lineno", "in_app"}
    assert only_what_is_told({"message": "words alone"}, {}) is None
