"""What happened is stored once for each key, with the change that it tells of."""

from __future__ import annotations

import pytest
from django.db import transaction

from people.notifications import notify
from people.notifications.models import Notification

pytestmark = pytest.mark.django_db

SAID = {"title": "Prod eb health is in alarm", "text": "Threshold Crossed: …", "url": "/alarms/"}


def test_the_same_key_is_told_once() -> None:
    notify("alarm", **SAID, key="a:1", environment="production")
    notify("alarm", **SAID | {"title": "Again"}, key="a:1")
    notify("alarm", **SAID, key="a:2")
    assert list(Notification.objects.order_by("pk").values_list("title", "key", "environment")) == [
        (SAID["title"], "a:1", "production"),
        (SAID["title"], "a:2", ""),
    ]


def test_nothing_is_told_of_a_change_that_was_taken_back() -> None:
    def change() -> None:
        notify("release", **SAID, key="r:1")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        transaction.atomic(change)()
    assert not Notification.objects.exists()


@pytest.mark.parametrize("url", ["https://elsewhere.example/", "//elsewhere.example/", ""])
def test_it_links_to_the_console_alone(url: str) -> None:
    with pytest.raises(ValueError, match="a path of the console"):
        notify("alarm", **SAID | {"url": url}, key="a:1")


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="“gossip”; there is alarm, release"):
        notify("gossip", **SAID, key="a:1")
