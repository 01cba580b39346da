"""Whether the CDN has the statics that the shop's page names: against the estate in a box, and with answers of our own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.utils import timezone

from estate import inventory
from estate.health import BAD, OK, UNKNOWN, CannotCheck
from estate.models import Resource
from monitoring.board import checks
from remote.errors import Unreachable

pytestmark = pytest.mark.django_db

PAGE = '<link href="/static/version17/frontend/Client/dlm/fr_FR/css/styles-m.css">'


@pytest.fixture
def distributions(db: None) -> None:
    for key, path in (("E1", "/pub/static"), ("E2", "/pub/media")):
        name = f"{path.rpartition('/')[2]}.client.url"
        facts, now = {"origins": [{"path": path}]}, timezone.now()
        Resource.objects.create(kind="distribution", key=key, name=name, source="distributions", facts=facts, first_seen=now, changed=now)


def test_the_distribution_has_what_the_shop_names(sandbox: dict[str, str]) -> None:
    inventory.look([inventory.source("distributions")])
    (found,) = checks.statics()
    assert (found.title, found.state) == ("Statics by static.client.url", OK)
    assert found.said.startswith("It has version")


@pytest.mark.parametrize(
    ("page", "sheet", "state", "words"),
    [
        ((200, PAGE), 200, OK, "It has version17"),
        ((200, PAGE), 404, BAD, "it answers 404 for /version17/frontend/Client/dlm/fr_FR/css/styles-m.css"),
        ((503, "closed"), 200, UNKNOWN, "answers 503, and names no style sheet"),
        ((200, PAGE), None, UNKNOWN, "no connection"),
    ],
)
def test_what_it_says(
    monkeypatch: pytest.MonkeyPatch, distributions: None, page: tuple[int, str], sheet: int | None, state: str, words: str
) -> None:
    def fetch(url: str, *, deadline: float) -> SimpleNamespace:
        if url == "https://www.client.url/":
            return SimpleNamespace(status=page[0], text=page[1])
        assert url == "https://static.client.url/version17/frontend/Client/dlm/fr_FR/css/styles-m.css"
        if sheet is None:
            raise Unreachable("no connection", "Look.")
        return SimpleNamespace(status=sheet, text="")

    monkeypatch.setattr(checks, "fetch", fetch)
    (found,) = checks.statics()
    assert found.state == state
    assert words in found.said


def test_without_a_distribution_it_cannot_be_checked() -> None:
    with pytest.raises(CannotCheck):
        list(checks.statics())
