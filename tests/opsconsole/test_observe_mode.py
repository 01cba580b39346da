"""The first day: the console runs with the file that `./console init` proposed, of an account whose hosts do not answer.

Somebody who may do everything presses every button of every page: each draws a plan that says what it would do, or says why not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from estate import inventory, maintenance, observe, reading
from estate.models import Host, Resource
from monitoring.alarms.models import Alarm
from people.models import Operator
from remote import observing
from runs import doors
from runs.models import Plan, Run
from tests import scenery
from tests.estate import other_account

pytestmark = pytest.mark.django_db(transaction=True)
# What concerns the console alone: people, one's own channels and sessions, the drain, the colours; what somebody says or notes.
OWN = ("/people/", "/account/", "/notifications/", "/sign-out/", "/console/", "/theme", "/handover/claims/", "/audit/", "/by-hand/")
SOURCES = ("machines", "databases", "distributions", "volumes", "certificates")


@dataclass
class Button:
    words: str
    disabled: bool
    action: str
    title: str
    told_by: str  # the id of what describes it


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)


class Forms(HTMLParser):
    """The forms of a page that change something, as a browser would find them, and the text of everything that has an id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.texts: dict[str, str] = {}
        self._form: Form | None = None
        self._in_button = False
        self._open: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attributes}
        if tag not in ("input", "br", "link", "meta", "use", "rect", "line", "path", "circle", "img", "hr"):
            self._open.append((tag, told.get("id", "")))
        if tag == "form" and told.get("method") == "post":
            self._form = Form(told.get("action", ""))
            self.forms.append(self._form)
        if self._form is None:
            return
        if tag in ("input", "textarea", "select") and told.get("name"):
            self._form.fields[told["name"]] = told.get("value") or "1"
        if tag == "button" and told.get("type", "submit") == "submit":
            self._in_button = True
            action = told.get("formaction", self._form.action)
            self._form.buttons.append(Button("", "disabled" in told, action, told.get("title", ""), told.get("aria-describedby", "")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and any(name == tag for name, _ in self._open) and self._open.pop()[0] != tag:
            pass
        self._in_button = self._in_button and tag != "button"
        self._form = None if tag == "form" else self._form

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name:
                self.texts[name] = self.texts.get(name, "") + data
        if self._in_button and self._form:
            self._form.buttons[-1].words += data


@pytest.fixture
def second(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another one: other names, other counts, another region; none of its hosts answers."""
    settings.SSH_BROKER = ""
    (tmp_path / "ssh_config").write_text("Host *\n  HostName 127.0.0.1\n  Port 9\n")
    monkeypatch.setenv("SSH_CONFIG", str(tmp_path / "ssh_config"))
    with other_account.running(monkeypatch):
        yield tmp_path / "estate.yaml"


@pytest.fixture
def console(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of the account. Everything of it has been looked at once, as the scheduler does."""
    path: Path = request.getfixturevalue(request.param)
    call_command("propose", str(path))
    settings.ESTATE_FILE = path
    monkeypatch.setattr(reading, "_known", None)
    monkeypatch.setattr(observe, "publish", lambda channel, frame: None)
    caches = (doors.door, doors.runner, maintenance._runner)
    for cache in caches:
        cache.cache_clear()
    observe.watch()
    for source in map(inventory.source, SOURCES):
        inventory.keep(source, source.read())
    now = timezone.now()
    scenery.alarms_read(now)
    for name in reading.current().alarms:
        Alarm.objects.create(name=name, definition={}, state="ALARM", since=now, changed=now, seen=now)
    yield request.param
    for cache in caches:
        cache.cache_clear()


def pages() -> list[str]:
    """Those on which something can be done; of what there is many times, one of each kind."""
    cards = {row.kind: row for row in Resource.objects.filter(gone=None)}
    return [
        "/", "/services/", "/alarms/", "/access/", "/access/exposure/", "/health/", "/deadlines/", "/estate/", "/handover/", "/runs/",
        *(f"/services/{target.service}/{target.environment.key}/" for target in reading.current().targets),
        *(reverse("alarms:detail", args=(name,)) for name in list(reading.current().alarms)[:2]),
        *(reverse("handover:resource", args=(kind, row.key)) for kind, row in cards.items()),
        *(f"/by-hand/{key}/" for key in reading.current().by_hand),
    ]  # fmt: skip


@pytest.mark.parametrize("console", ["second"], indirect=True)
def test_every_button_says_what_it_would_do_and_none_does_it(console: str, admin: Operator, client: Client) -> None:
    assert observing.is_on()
    assert Host.objects.exists()
    client.force_login(admin)
    pressed, refused = set(), set()
    for page in pages():
        answer = client.get(page, follow=True)
        assert answer.status_code == 200, page
        said = Forms(answer.content.decode())
        text = answer.content.decode()
        assert "Observes only</span>" in text  # in the bar, on a phone too
        assert "<b>Observes only</b>: nothing" in text
        for form in said.forms:
            for button in form.buttons:
                if button.action.startswith(OWN):
                    continue
                if button.disabled:
                    why = f"{button.title} {said.texts.get(button.told_by, '')} {answer.content.decode() if not button.told_by else ''}"
                    assert "observes only" in why, f"{page}: “{button.words}” is shut and does not say why"
                    refused.add(_shape(button.action))
                else:
                    _press(client, button, form)
                    pressed.add(_shape(button.action))
    assert Run.objects.count() == 0
    assert pressed, "no plan can be drawn"
    assert refused, "nothing is shut"
    assert {"operation", "mute"} <= set(Plan.objects.values_list("kind", flat=True))
    for plan in Plan.objects.all():
        _is_told_and_shut(client, plan)


def _press(client: Client, button: Button, form: Form) -> None:
    """It draws a plan and leads to its page; or it says in words what is missing."""
    plans = Plan.objects.count()
    answer = client.post(button.action, form.fields)
    if answer.status_code == 302 and Plan.objects.count() > plans:
        return
    assert answer.status_code != 403, f"“{button.words.strip()}” is open, and refuses: {button.action}"
    shown = client.get(answer.headers["Location"]) if answer.status_code == 302 else answer
    assert shown.status_code < 500 or shown.status_code == 502, (button.action, shown.status_code)
    assert re.search(r'role="(alert|status)"|class="messages?|banner', shown.content.decode()), button.action


def _is_told_and_shut(client: Client, plan: Plan) -> None:
    """The plan's page has its commands; its button is shut, and says why; whoever presses it all the same is refused."""
    where = reverse("alarms:plan" if plan.kind in ("alarm", "mute") else "deployments:plan", args=(plan.pk,))
    shown = client.get(where)
    assert shown.status_code == 200, where
    text = shown.content.decode()
    for step in plan.document["steps"]:
        for act in step["acts"]:
            assert not act["argv"] or any(word in text for word in act["argv"][:3]), (plan.title, act["argv"])
    starts = [form for form in Forms(text).forms if form.action.endswith(("/start/", "/start"))]
    assert all(button.disabled for form in starts for button in form.buttons), where
    for form in starts:
        client.post(form.action, form.fields)
    assert Run.objects.count() == 0, plan.title


def _shape(action: str) -> str:
    return re.sub(r"[0-9a-f-]{36}|[^/]*\d[^/]*", "…", action)


def test_the_forms_of_a_page_are_found_as_a_browser_finds_them() -> None:
    page = """<form method="post" action="/a/"><input name="x" value="7"><p id="why">it <b>observes only</b></p>
    <button type="submit" disabled aria-describedby="why">Do it</button></form><form><button>Find</button></form>"""
    (form,) = Forms(page).forms
    assert (form.action, form.fields) == ("/a/", {"x": "7"})
    assert form.buttons == [Button("Do it", True, "/a/", "", "why")]
    assert Forms(page).texts["why"] == "it observes only"
