"""Each way in which AWS can answer, over a real socket: what leaves `remote.aws` and what it is certain of."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from remote import errors
from remote.aws import beanstalk, faults, storage
from remote.aws.session import Patience
from tests.remote.conftest import aim_at

QUICK = Patience(connect=0.5, read=0.3)


@dataclass
class Answers:
    """What the played AWS says to every request: a status and a body, or silence, or a closed connection."""

    status: int = 200
    body: str = ""
    silent: bool = False
    requests: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def error(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    said = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said.requests.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if said.silent:
                said.released.wait(10)
                return
            self.send_response(said.status)
            self.send_header("Content-Length", str(len(said.body.encode())))
            self.end_headers()
            self.wfile.write(said.body.encode())

        def do_PUT(self) -> None:
            """S3 takes every file; only questions meet what is played."""
            said.requests.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_HEAD(self) -> None:
            self.send_response(said.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    aim_at(f"http://127.0.0.1:{server.server_address[1]}", monkeypatch)
    yield said
    said.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def update() -> object:
    return beanstalk.update("client-magento-prod", "r418-a91c3e7", patience=QUICK)


def look() -> object:
    return beanstalk.environments("client-magento", patience=QUICK)


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (
            400,
            "InvalidParameterValue",
            "Environment named client-magento-prod is in an invalid state for this operation. Must be Ready.",
            errors.Busy,
        ),
        (
            400,
            "InvalidParameterValue",
            "Environment named client-magento-prod is in an invalid state for this operation. Must be pending deployment.",
            errors.Refused,
        ),
        (400, "InvalidParameterValue", "No Environment found for EnvironmentName = 'client-magento-prod'.", errors.NotFound),
        (400, "InvalidParameterValue", "No Application Version named 'r418-a91c3e7' found.", errors.NotFound),
        (400, "InvalidParameterValue", "Application Version r418-a91c3e7 already exists.", errors.AlreadyExists),
        (400, "InvalidParameterCombination", "Not both.", errors.Refused),
        (400, "Throttling", "Rate exceeded", errors.Throttled),
        (403, "AccessDenied", "User is not authorized", errors.Denied),
        (403, "SignatureDoesNotMatch", "Signature expired", errors.Denied),
        (403, "InsufficientPrivilegesException", "no", errors.Denied),
        (500, "InternalFailure", "sorry", errors.Unanswered),
        (503, "ServiceUnavailable", "sorry", errors.Unanswered),
    ],
)
def test_an_answer_becomes_one_error(answers: Answers, status: int, code: str, message: str, expected: type[errors.RemoteError]) -> None:
    answers.error(status, code, message)
    with pytest.raises(errors.RemoteError) as caught:
        update()
    assert type(caught.value) is expected
    assert message in str(caught.value)
    assert caught.value.next_step
    assert len(answers.requests) == 1, "a change is sent once"


@pytest.mark.parametrize(
    "code, said, next_step",
    [
        ("InvalidClientTokenId", "The security token included in the request is invalid.", "does not take the console's key"),
        ("SignatureDoesNotMatch", "The request signature we calculated does not match", "does not take the console's key"),
        ("SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z", "clock differs"),
        ("InvalidSignatureException", "The request signature we calculated does not match", "does not take the console's key"),
        ("InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z", "clock differs"),
        ("AuthFailure", "AWS was not able to validate the provided access credentials", "does not take the console's key"),
        ("AuthFailure", "Not authorized for images: [ami-0a1b2c3d4e5f60718]", "its policy in IAM"),
        ("AccessDenied", "User is not authorized to perform", "its policy in IAM"),
    ],
)
def test_a_key_that_is_not_good_is_told_from_a_right_that_is_missing(answers: Answers, code: str, said: str, next_step: str) -> None:
    answers.error(403, code, said)
    with pytest.raises(errors.Denied) as caught:
        update()
    assert next_step in caught.value.next_step


def test_an_accepted_update_names_version_and_environment(answers: Answers) -> None:
    answers.body = (
        "<UpdateEnvironmentResponse><UpdateEnvironmentResult><EnvironmentName>client-magento-prod</EnvironmentName>"
        "<VersionLabel>r418-a91c3e7</VersionLabel><Status>Updating</Status><Health>Grey</Health>"
        "<AbortableOperationInProgress>true</AbortableOperationInProgress></UpdateEnvironmentResult></UpdateEnvironmentResponse>"
    )
    environment = beanstalk.update("client-magento-prod", "r418-a91c3e7", patience=QUICK)
    assert (environment.version, environment.status, environment.abortable) == ("r418-a91c3e7", "Updating", True)
    assert "VersionLabel=r418-a91c3e7" in answers.requests[0]


def test_a_question_is_asked_three_times_and_a_change_once(answers: Answers) -> None:
    answers.error(500, "InternalFailure", "sorry")
    with pytest.raises(errors.Unanswered):
        look()
    assert len(answers.requests) == 3


@pytest.mark.parametrize("call, next_step", [(update, faults.CHECK_WORLD), (look, faults.ASK_AGAIN)])
def test_silence_may_have_happened_where_something_was_to_change(answers: Answers, call: Callable[[], object], next_step: str) -> None:
    answers.silent = True
    with pytest.raises(errors.Unanswered) as caught:
        call()
    assert not caught.value.nothing_happened
    assert caught.value.next_step == next_step


def test_a_page_of_html_is_no_answer(answers: Answers) -> None:
    answers.status, answers.body = 200, "<html><p>not aws"
    for call, next_step in ((update, faults.CHECK_WORLD), (look, faults.ASK_AGAIN)):
        with pytest.raises(errors.Unanswered) as caught:
            call()
        assert caught.value.next_step == next_step


@pytest.mark.parametrize("status", [503, 429])
def test_of_what_was_uploaded_nobody_says_that_nothing_was_changed(answers: Answers, tmp_path: Path, status: int) -> None:
    """The question whether it is there is one that changes nothing; what was done before it may have."""
    answers.status = status
    (tmp_path / "bundle.zip").write_text("PK")
    with pytest.raises(errors.Unanswered, match="it was sent") as caught:
        storage.put("bucket", "key", tmp_path / "bundle.zip", "0" * 64)
    assert len(answers.requests) == 1
    assert not caught.value.nothing_happened
    assert caught.value.next_step == faults.CHECK_WORLD


def test_nobody_there_means_that_nothing_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        aim_at(f"http://127.0.0.1:{unused.getsockname()[1]}", monkeypatch)
        with pytest.raises(errors.Unreachable) as caught:
            update()
    assert caught.value.nothing_happened
    assert caught.value.try_again


def test_no_credentials_is_said_in_words(answers: Answers, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    with pytest.raises(errors.Denied, match="no AWS credentials"):
        update()
    assert answers.requests == []
