"""Every page, whatever is in it: a strict policy, no script or style of its own text, nothing of another origin; and no text makes it fail.

The pages are those of the one table of decisions, so that a new page is held to this without a line here.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.http import StreamingHttpResponse
from django.test import Client

from people import audit
from people.models import Operator, Role
from tests import scenery
from tests.people.decisions import API, PAGES
from tests.people.test_matrix import Scene, address, called, pages

pytestmark = pytest.mark.django_db
# They ask the world before they answer; what they show of it is tested beside them, against the sandbox.
ASK_THE_WORLD = {
    "deployments:gates",
    "deployments:waiting",
    "runs:look",
    "deployments:reopen",
    "deployments:plan-new",
    "deployments:follow",
}
ASK_THE_WORLD |= {"deployments:operation-new", "deployments:start"}
HOSTILE = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'; DROP TABLE run; --", "$(id)", "`id`", "| id", "; id",
    "& id", "../../etc/passwd", "%00", "\u202eevil", "\u2028", "\ufeff", "ﷺ" * 20,
    "\U0001f469\u200d\U0001f467", "٣", "--upload-pack=x", "-oProxyCommand=x", "{{7*7}}", "{% load x %}",
    "${7*7}", "%s%n%x", "\r\nSet-Cookie: a=b", "\u001b]8;;http://evil.example\u0007", "=cmd|'/c calc'!A1", "NaN", "-1", "1e309",
    "9" * 40, "true", "null", "[]", "{}", " ", "", "a" * 5000, "javascript:alert(1)", "http://169.254.169.254/", "\\\\host\\share",
    "C:\\Windows", "İ", "ß", "\u007f", "\ud7ff", "0x41", "1/0", "True",
)  # fmt: skip
SEED = 8


@pytest.fixture
def scene(person: Callable[[str, Role], Operator]) -> Scene:
    owner = person("owner", Role.ADMIN)
    made = scenery.plan(owner)
    run = scenery.run(made, owner, reason=HOSTILE[0])
    scenery.log(run, ("fe-1", HOSTILE[0]), ("fe-1", HOSTILE[1]))
    audit.record("something", by=owner, target=HOSTILE[0], why=HOSTILE[1], facts={"x": HOSTILE[0]})
    known = {
        "person": str(owner.pk),
        "run": str(run.number),
        "plan": str(made.pk),
        "hash": made.hash,
        "environment": "production",
        "booking": "1",
    }
    known |= {"address": "1", "rotation": "1"}
    return Scene({"production": known})


@pytest.fixture
def ruling(admin: Operator) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(admin)
    return client


def asks_the_world(name: str) -> bool:
    return name in ASK_THE_WORLD or name.startswith(("monitoring:", "access:", "deployments:rundeck"))


def shown(client: Client, scene: Scene) -> dict[str, Any]:
    found = {}
    for name, inside in pages().items():
        if name in PAGES and not asks_the_world(name) and PAGES[name].who != "act":
            found[name] = client.get(address(name, inside, scene, "production"))
    return found


def test_every_page_has_the_strict_policy_and_keeps_to_it(ruling: Client, scene: Scene) -> None:
    policy = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == ["'self'"]
    answers, wrong = shown(ruling, scene), []
    for name, answer in answers.items():
        said = answer.headers.get("Content-Security-Policy", "")
        if "default-src 'none'" not in said or "unsafe" in said or "frame-ancestors 'none'" not in said:
            wrong.append(f"{name}: policy {said!r}")
        if isinstance(answer, StreamingHttpResponse) or "text/html" not in answer.headers.get("Content-Type", ""):
            continue
        text = answer.content.decode()
        for script in re.findall(r"<script\b([^>]*)>", text):
            if "src=" not in script and 'type="application/json"' not in script:
                wrong.append(f"{name}: a script without src: {script}")
        if re.search(r"<[a-z][^>]*\s(?:style|on[a-z]+)\s*=", re.sub(r'"[^"]*"', '""', text)):
            wrong.append(f"{name}: an inline style or handler")
        for source in re.findall(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="([^"]*)"', text):
            if not source.startswith("/"):
                wrong.append(f"{name}: loads {source}")
    assert not wrong, "\n".join(wrong)
    assert len([answer for answer in answers.values() if answer.status_code == 200]) > 15


def test_no_page_fails(ruling: Client, scene: Scene) -> None:
    wrong = {name: answer.status_code for name, answer in shown(ruling, scene).items() if answer.status_code == 500}
    assert not wrong


def test_whatever_stands_in_a_form_or_an_address_no_page_fails(ruling: Client, scene: Scene) -> None:
    """Each field of each form with some of the strings, drawn anew for each; `{SEED}` gives the same ones again."""
    chance, wrong = random.Random(SEED), []
    for name, inside in pages().items():
        decided = PAGES.get(name)
        if decided is None or asks_the_world(name):
            continue
        url = address(name, inside, scene, "production")
        fields = [
            *decided.sent,
            "reason",
            "why",
            "name",
            "q",
            "before",
            "run",
            "next",
            "idempotency_key",
            "hash",
            "confirmation",
            "state",
            "host",
        ]
        for text in chance.sample(HOSTILE, 3):
            sent = dict.fromkeys(fields, text)
            for answer in (ruling.get(url, sent), ruling.post(url, sent)) if name != "people:sign-out" else (ruling.get(url, sent),):
                if answer.status_code == 500:
                    wrong.append(f"{name} with {text[:30]!r}: {answer.status_code}")
        if "_auth_user_id" not in ruling.session:  # the page's own doing: a session was ended
            ruling.force_login(Operator.objects.get(username="admin"))
    assert not wrong, "\n".join(wrong)


def test_whatever_stands_in_a_call_of_the_api_none_fails(ruling: Client, scene: Scene) -> None:
    chance, wrong = random.Random(SEED), []
    for operation, decided in API.items():
        if operation in ("GET /plans/{plan_id}", "POST /plans", "POST /operations", "POST /runs"):
            continue  # they ask the world; tests/opsconsole/test_api.py sends them what is hostile
        for text in chance.sample(HOSTILE, 4):
            spoiled = type(decided)(decided.who, decided.action, dict.fromkeys(decided.sent, text), decided.anywhere)
            answer = called(ruling, operation, spoiled, scene, "production")
            if answer.status_code == 500:
                wrong.append(f"{operation} with {text[:30]!r}: {answer.status_code}")
            elif answer.status_code >= 400:
                assert json.loads(answer.content)["detail"]
    assert not wrong, "\n".join(wrong)
