"""Hostile names in every field where a name can be given: nothing is executed, nothing leaks, nothing is answered with 500."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.test import Client, RequestFactory
from django.utils import timezone

from deployments.live import LABEL
from deployments.models import Booking, Release
from estate import validators
from estate.models import BeanstalkEnvironment, Host
from people.forms import SignInForm
from people.models import FailedSignIn, Operator
from remote.errors import Refused
from remote.git import Mirror
from remote.git.names import check_commit
from runs.models import Plan, Run
from tests import scenery
from tests.deployments.repositories import Repository
from tests.hostile.corpus import ORDINARY, strings

CANARY = "opsconsole-canary"
STRINGS = strings(CANARY)
SAMPLE = STRINGS[::40]


@pytest.fixture(autouse=True)
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The working directory is a folder that must stay without the file that an executed string would make."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not list(tmp_path.rglob(f"*{CANARY}*"))


def _is_sound(answer: Any, sent: str) -> None:
    body = answer.content.decode("utf-8", "replace")
    assert answer.status_code < 500 or answer.status_code in (502, 503, 504), (sent[:80], answer.status_code)
    for leak in ("Traceback (most recent", settings.SECRET_KEY, "root:x:0:0"):
        assert leak not in body, (sent[:80], leak)
    if "text/html" in answer.headers.get("Content-Type", "") and "<" in sent and "alert(1)" in sent:
        assert sent not in body, sent


def test_there_are_more_than_a_thousand_and_the_ordinary_ones_pass() -> None:
    assert len(set(STRINGS)) > 1000
    for name in ORDINARY:
        assert validators.branch_name(name) == name


@pytest.mark.parametrize(
    "check", [validators.branch_name, validators.vpn_name, validators.instance_id, validators.idempotency_key, validators.job_arguments]
)
def test_what_a_validator_lets_through_is_plain_text(check: Callable[[str], str]) -> None:
    answers = [(text, *_judged(check, text)) for text in STRINGS]
    passed = [text for _, text, _ in answers if text is not None]
    for sent, text, said in answers:
        assert text is not None or said, sent
        assert not any(ord(char) < 32 for char in said), sent
    for text in passed:
        assert text.isascii()
        assert not set(text) & set(";|&$`'\"\\<>(){}*?!~^#\n\r\t\0"), text
    assert len(passed) < len(STRINGS) / 4


def _judged(check: Callable[[str], str], text: str) -> tuple[str | None, str]:
    try:
        return check(text), ""
    except ValidationError as refused:
        return None, refused.messages[0]


def test_no_ref_but_a_whole_commit_reaches_git() -> None:
    for text in STRINGS:
        with pytest.raises(Refused):
            check_commit(text)
    assert check_commit("a" * 40)


def test_git_itself_is_asked_for_those_alone_that_can_be_branches(tmp_path: Path) -> None:
    origin = Repository(tmp_path / "origin")
    origin.commit({"a": b"1"})
    mirror = Mirror(tmp_path / "mirror.git", str(origin.path), allow_file=True)
    assert mirror.heads("master")
    asked = [text for text in STRINGS if _can_be_branch(text)]
    assert len(asked) < 60
    for text in asked:
        with pytest.raises(Refused):  # there is none of that name
            mirror.heads(text)


def _can_be_branch(text: str) -> bool:
    try:
        validators.branch_name(text)
    except ValidationError:
        return False
    return text != "master"


@pytest.mark.django_db
@pytest.mark.parametrize(("field", "texts"), [("code_branch", STRINGS), ("configuration_branch", SAMPLE)], ids=["all", "sample"])
def test_branches_by_the_api(client: Client, releaser: Operator, field: str, texts: list[str]) -> None:
    """Both are judged by the validator, which has met all of them. An empty one is one that was not given."""
    client.force_login(releaser)
    sent = {"service": "magento", "environment": "production"}
    for text in filter(None, texts):
        answer = client.post("/api/v1/plans", json.dumps(sent | {field: text}), content_type="application/json")
        assert 400 <= answer.status_code < 500 or answer.status_code in (502, 504), (text[:80], answer.status_code)
        assert answer.json()["detail"]
        _is_sound(answer, text)
    assert not Plan.objects.exists()
    assert not Release.objects.exists()


@pytest.mark.django_db
def test_names_in_addresses_and_bodies(client: Client, releaser: Operator) -> None:
    client.force_login(releaser)
    scenery.observed()
    plan = scenery.plan(releaser)
    run = scenery.run(plan, releaser)
    for text in SAMPLE:
        body = {
            "service": text,
            "environment": text,
            "operation": text,
            "strategy": text,
            "hash": text,
            "plan": text,
            "due": text,
            "note": text,
        }
        for path in ("plans", "operations", "runs", f"plans/{plan.pk}/approvals", f"plans/{plan.pk}/bookings"):
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            answer = client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)
            assert 400 <= answer.status_code < 500, (path, text[:80], answer.status_code)
            _is_sound(answer, text)
        for path in ("runs/", f"runs/{run.number}/", "services/", f"api/v1/runs/{run.number}/log", "api/v1/runs", "api/v1/bookings"):
            asked = {"contains": text, "host": text, "service": text, "environment": text, "state": text, "before": text, "cursor": text}
            _is_sound(client.get(f"/{path}", asked), text)
    assert Run.objects.count() == 1
    assert not Booking.objects.exists()


@pytest.mark.django_db
def test_forms_of_pages(client: Client, releaser: Operator) -> None:
    client.force_login(releaser)
    scenery.observed()
    plan = scenery.plan(releaser)
    for text in STRINGS[::120]:
        posted = {"code_branch": text, "config_branch": text, "release": text, "relaunch_of": text}
        answer = client.post("/services/magento/production/plan/", posted)
        assert answer.status_code in (400, 413, 422), (text[:80], answer.status_code)
        _is_sound(answer, text)
        posted = {"hash": text, "confirmation": text, "idempotency_key": text, "reason": text, "note": text, "when": "at", "due": text}
        for path in ("start", "approve", "break-glass", "book"):
            answer = client.post(f"/plans/{plan.pk}/{path}/", posted)
            assert answer.status_code in (302, 400, 403, 409, 422), (path, text[:80], answer.status_code)
            _is_sound(answer, text)
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_user_names_at_the_door(client: Client, rf: RequestFactory) -> None:
    """The form has all of them, the page a few: it refuses to guess on after some."""
    request = rf.post("/sign-in/")
    for text in STRINGS:
        form = SignInForm(request, data={"username": text, "password": "not-the-password"})
        assert not form.is_valid()
        assert form.errors
    FailedSignIn.objects.all().delete()
    for text in SAMPLE:
        answer = client.post("/sign-in/", {"username": text, "password": "not-the-password"})
        assert answer.status_code in (200, 400, 429), (text[:80], answer.status_code)
        _is_sound(answer, text)
    FailedSignIn.objects.all().delete()
    Operator.objects.create_user(username="jane", password="jane-long-enough")
    assert client.post("/sign-in/", {"username": "jane", "password": "jane-long-enough"}).status_code == 302


@pytest.mark.django_db
def test_labels_and_words_that_aws_might_answer(client: Client, viewer: Operator, releaser: Operator) -> None:
    """What comes from outside is shown as text, and no label is taken for a release that is none."""
    client.force_login(viewer)
    scenery.observed()
    run = scenery.failed(releaser) if not Host.objects.exists() else scenery.run(scenery.plan(releaser), releaser)
    for text in STRINGS:
        assert LABEL.match(text) is None, text
    for text in STRINGS[::120]:
        clean = text.replace("\0", "")
        Host.objects.filter(name="fe-2").update(version=clean[:100], causes=[clean], target_reason=clean[:200])
        BeanstalkEnvironment.objects.update(causes=[clean], health_status=clean[:20])
        scenery.event("client-magento-prod", timezone.now(), clean[:500] or "-", "ERROR")
        for path in ("/services/magento/production/", f"/runs/{run.number}/", "/"):
            answer = client.get(path)
            assert answer.status_code == 200
            _is_sound(answer, clean)
