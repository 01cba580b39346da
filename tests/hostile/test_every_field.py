"""Every field of every form and every parameter of every operation, with what is hostile: no 500, nothing executed, nothing leaked.

The fields are read from the code (`fields`), so that a new one joins by itself. The usual suite takes a few strings for each field, drawn
by `SEED`; HOSTILE=all takes every string of the corpus: `HOSTILE=all ./console test tests/hostile/test_every_field.py`. HOSTILE_ONLY is a
pattern of the fields that get any: "POST deployments:plan-new" takes every field of that form, "body code_branch" one of the API.
"""

from __future__ import annotations

import logging
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.signals import got_request_exception
from django.test import Client
from django.urls import path
from django.utils import timezone
from pytest_django.fixtures import Settings

from opsconsole import urls
from people.models import Operator, Role
from runs.models import Plan
from tests.hostile import fields, furnished
from tests.hostile.corpus import strings
from tests.hostile.fields import Form, Operation, Teller
from tests.hostile.furnished import Place
from tests.people.decisions import API, PAGES
from tests.people.test_matrix import operations, pages

CANARY = "opsconsole-canary"
STRINGS = strings(CANARY)
SEED = int(os.environ.get("HOSTILE_SEED", "8"))
EACH = os.environ.get("HOSTILE", "2")  # strings for a field; "all"
ONLY = re.compile(os.environ.get("HOSTILE_ONLY", ""))
pytestmark = [pytest.mark.django_db, pytest.mark.timeout(7200 if EACH == "all" else 600)]
PARTS = sorted({name.partition(":")[0] if ":" in name else name.partition("_")[0] for name in PAGES})
FITS = {  # where a page means something of its own by a name
    "handover:say:until": f"{timezone.now() + timedelta(days=9):%Y-%m-%d}",
    "handover:say:text": "as it is",
    "handover:operate:confirmation": "client-magento-prod",
    "handover:renew:confirmation": "client-magento-prod",
    "deployments:reopen:accept": "on",
    "mfa_authenticate:credential": "",
    "alarms:mute:alarm": "DB CPU Prod",
}
VARIANTS = {  # addresses that do several things
    "access:vpn-change": ("deed", ("suspend", "resume", "disconnect", "reissue", "renew", "review", "revoke")),
    "handover:say": ("what", ("accept", "answer", "withdraw")),
}
LEAKS = ("Traceback (most recent", "root:x:0:0")


@pytest.fixture
def place(person: Callable[[str, Role], Operator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Place]:
    """The working directory is one that has to stay empty; what opens a gate is asked elsewhere."""
    monkeypatch.chdir(tmp_path)
    furnished.nobody_there(monkeypatch)
    furnished.as_observed(monkeypatch)
    logging.disable(logging.ERROR)  # a line for each refusal is most of what it would cost
    yield furnished.furnish(person)
    logging.disable(logging.NOTSET)
    assert not list(tmp_path.rglob(f"*{CANARY}*"))


class Fault:
    """What the last request failed with inside, for whoever has to mend it."""

    def __init__(self) -> None:
        self.said = ""
        got_request_exception.connect(self._hear)

    def _hear(self, **_: Any) -> None:
        kind, error, at = sys.exc_info()
        while at is not None and at.tb_next is not None:
            at = at.tb_next
        self.said = f"{kind.__name__ if kind else ''}: {error!s:.100} ({at.tb_frame.f_code.co_filename}:{at.tb_lineno})" if at else ""

    def taken(self) -> str:
        said, self.said = self.said, ""
        return said


def wrong_with(answer: Any, text: str, fault: Fault) -> str:
    """Why this answer is none to give; "" where it is sound."""
    inside = fault.taken()
    if answer.status_code == 500 or (answer.status_code > 500 and answer.status_code not in (502, 503, 504)):
        return f"{answer.status_code} {inside}"
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    for leak in (*LEAKS, settings.SECRET_KEY):
        if leak.encode() in body:
            return f"leaks {leak}"
    kind = answer.headers.get("Content-Type", "")
    if "text/html" in kind and "<" in text and "alert(1)" in text and text.encode() in body:
        return "is handed back as markup"
    if answer.status_code >= 400 and kind == "application/problem+json" and not answer.json()["detail"]:
        return f"{answer.status_code} without a word"
    where = answer.headers.get("Location", "/")
    if where.startswith(("//", "\\", "http", "javascript")) and not where.startswith(settings.SITE_URL):
        return f"leads to {where[:60]}"
    return ""


def told(what: str, sent: int, begun: float) -> None:
    sys.stdout.write(f"{what}: {sent} requests in {time.process_time() - begun:.1f} s of processor time, {len(STRINGS)} strings\n")


def drawn(name: str) -> list[str]:
    """The strings that this field gets: all, or some that are others for each field and the same each time."""
    if not ONLY.search(name):
        return []
    return STRINGS if EACH == "all" else random.Random(f"{SEED} {name}").sample(STRINGS, int(EACH))


def forms_of(place: Place, part: str) -> Iterator[tuple[Form, Teller]]:
    for page, inside in pages().items():
        if page not in PAGES or (page.partition(":")[0] if ":" in page else page.partition("_")[0]) != part:
            continue
        teller = Teller(place.client_of(page))
        fits = (
            place.fits | _sent(page, place) | {key.rpartition(":")[2]: value for key, value in FITS.items() if key.startswith(f"{page}:")}
        )
        key, several = VARIANTS.get(page, ("", ("",)))
        for one in several:
            there = replace(place, objects=place.objects | {f"{page}:{key}": one}) if one else place
            for form in fields.fields_of(teller, page, there.address(page, inside), fits):
                yield replace(form, page=f"{page} {one}".strip()), teller


def _sent(page: str, place: Place) -> dict[str, Any]:
    """What the decision about the page says has to be sent, with the objects of this place."""
    sent = PAGES[page].sent
    return {name: value for name, value in sent.items() if not (isinstance(value, str) and value.startswith("{"))}


def runs_it(known: set[Any]) -> str:
    """Whether a command of a plan that was made of it would run it."""
    for plan in Plan.objects.exclude(pk__in=known):
        words = [word for step in plan.document["steps"] for act in step["acts"] for word in act["argv"]]
        if any(CANARY in word for word in words):
            return f"stands in a command of “{plan.title}”"
    return ""


@pytest.mark.parametrize("part", PARTS)
def test_no_string_in_any_field_of_a_form_does_harm(place: Place, part: str) -> None:
    fault, wrong, sent, known, begun = Fault(), [], 0, set(Plan.objects.values_list("pk", flat=True)), time.process_time()
    for form, teller in forms_of(place, part):
        for name, fits in form.fields.items():
            for text in drawn(f"{form.name} {name}"):
                sent += 1
                with teller.undone():
                    answer = teller.sent(form.method, form.url, {**fits, name: text})
                    said = wrong_with(answer, text, fault)
                    if not said and form.method == "POST" and CANARY in text and answer.status_code < 400:
                        said = runs_it(known)
                if said:
                    wrong.append(f"{form.name} {name}={text[:60]!a}: {said}")
    told(part, sent, begun)
    assert not wrong, f"{len(wrong)} of {sent}:\n" + "\n".join(wrong[:40])


def test_no_string_in_any_parameter_of_an_operation_does_harm(place: Place) -> None:
    fault, wrong, sent, known, begun = Fault(), [], 0, set(Plan.objects.values_list("pk", flat=True)), time.process_time()
    teller = Teller(place.program)
    for operation, fits in called(place):
        for where, name in operation.parameters:
            for text in drawn(f"{operation.name} {where} {name}"):
                sent += 1
                with teller.undone():
                    answer = fields.call(teller, operation, fits, where, name, text)
                    said = wrong_with(answer, text, fault)
                    if not said and operation.method != "GET" and CANARY in text and answer.status_code < 400:
                        said = runs_it(known)
                if said:
                    wrong.append(f"{operation.name} {where} {name}={text[:60]!a}: {said}")
    told("the API", sent, begun)
    assert not wrong, f"{len(wrong)} of {sent}:\n" + "\n".join(wrong[:40])


def called(place: Place) -> Iterator[tuple[Operation, dict[str, Any]]]:
    """Every operation, with what fits in each of its parameters."""
    document = Client().get("/api/v1/openapi.json").json()
    for operation in fields.described(document):
        key, decided = next((key, each) for key, each in API.items() if fields.same_path(key, operation))
        sent = {name: value for name, value in decided.sent.items() if not (isinstance(value, str) and value.startswith("{"))}
        yield operation, place.objects | place.fits | sent | fields.FITS_API | place.instead.get(key, {})


# -- that nothing is left out


def test_every_field_that_the_source_reads_is_among_them(place: Place) -> None:
    found = {name for part in PARTS for form, _ in forms_of(place, part) for name in form.fields}
    there = fields.asked_in_source()
    assert len(there) > 10
    missing = {path: names - found for path, names in there.items() if names - found}
    assert not missing, f"no page asks for these with what {furnished.__name__} has in it: {missing}"


def test_every_operation_is_among_them(place: Place) -> None:
    assert len(list(called(place))) == len(operations())


def test_a_new_field_joins_by_itself(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that reads one more field, and fails over what is in it."""
    from django.http import HttpRequest, HttpResponse

    def new(request: HttpRequest) -> HttpResponse:
        if request.POST.get("first"):
            return HttpResponse(str(int(request.POST.get("newcomer", "1"))))
        return HttpResponse()

    monkeypatch.setattr(urls, "urlpatterns", [*urls.urlpatterns, path("a-new-page/", new, name="new")])
    from django.urls import clear_url_caches

    clear_url_caches()
    try:
        teller, fault = Teller(place.admin), Fault()
        (form,) = fields.fields_of(teller, "new", "/a-new-page/", {})
        assert list(form.fields) == ["first", "newcomer"]
        answer = teller.sent("POST", form.url, {"first": "1", "newcomer": "$(id)"})
        assert "ValueError" in wrong_with(answer, "$(id)", fault)
    finally:
        monkeypatch.undo()
        clear_url_caches()
