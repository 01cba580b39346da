"""The inventory: rows of what was answered, named errors of what was not, and few calls."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from botocore.client import BaseClient
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from estate import inventory
from estate.inventory import Source
from estate.models import Resource, Watched
from remote.aws import storage
from remote.aws.found import Found
from remote.errors import Denied
from tests import box

pytestmark = pytest.mark.django_db
COLD, A_MINUTE = 120, 15  # calls of AWS


def source(*found: Found, fails: bool = False) -> Source:
    def read() -> list[Found]:
        if fails:
            raise Denied("rds describe-db-instances: not authorized (AccessDenied)", "Check the policy.")
        return list(found)

    return Source("things", ("thing",), 60.0, read)


def thing(id_: str, **facts: Any) -> Found:
    return Found("thing", id_, id_.upper(), facts)


def test_what_is_there_is_kept_and_what_vanishes_is_gone_and_comes_back() -> None:
    inventory.keep(source(), [thing("a", size=1), thing("b")])
    inventory.keep(source(), [thing("a", size=2)])
    a, b = Resource.objects.get(key="a"), Resource.objects.get(key="b")
    assert (a.facts, a.gone) == ({"size": 2}, None)
    assert a.changed > a.first_seen
    assert b.gone is not None
    inventory.keep(source(), [thing("a", size=2), thing("b")])
    assert Resource.objects.get(key="b").gone is None


def test_the_same_again_changes_nothing() -> None:
    inventory.keep(source(), [thing("a", size=1)])
    before = Resource.objects.get(key="a").changed
    assert not inventory.keep(source(), [thing("a", size=1)]).changed
    assert Resource.objects.get(key="a").changed == before


def test_what_an_earlier_version_knew_by_another_id_goes_on_with_its_row() -> None:
    long = "x" * 400
    inventory.keep(source(), [thing("a", size=1), thing(long)])
    before = {row.pk: row.first_seen for row in Resource.objects.all()}
    now = [
        Found("thing", "one#a", "A", {"size": 1}, was="a"),
        Found("thing", "two#a", "A", {}, was="a"),
        Found("thing", "one#x", "X", {}, was=long),
    ]
    assert inventory.keep(source(), now).changed
    rows = {row.key: row for row in Resource.objects.all()}
    assert set(rows) == {"one#a", "two#a", "one#x"}
    assert {rows[key].pk: rows[key].first_seen for key in ("one#a", "one#x")} == before
    assert not [row for row in rows.values() if row.gone]
    assert not inventory.keep(source(), now).changed


def test_two_of_one_id_are_named_and_the_first_is_shown() -> None:
    news = inventory.keep(source(), [thing("a", size=1), thing("a", size=2), thing("b")])
    assert "Two of kind thing are called a" in news.wrong
    assert Resource.objects.get(key="a").facts == {"size": 1}
    assert Resource.objects.count() == 2


def test_two_of_one_name_are_both_shown() -> None:
    inventory.keep(source(), [Found("thing", "1", "same", {}), Found("thing", "2", "same", {})])
    assert Resource.objects.filter(name="same").count() == 2


def test_what_is_too_long_or_has_no_letter_is_kept_as_it_can_be() -> None:
    """A name tag, an address of Terraform's: whoever writes them has no limit in mind."""
    odd = [Found("thing", "x" * 5000 + end, "n\0" * 400, {"said": ["a\0b"], "a\0": "\\u0000"}) for end in "ab"]
    assert inventory.keep(source(), odd).wrong == ""
    one, two = Resource.objects.order_by("key")
    assert len(one.key) == len(two.key) == len(one.name) == 300
    assert "\0" not in one.key + one.name + str(one.facts)
    assert one.facts["said"] == ["a\ufffdb"]
    assert not inventory.keep(source(), odd).changed


def test_a_refusal_keeps_what_was_known_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    inventory.look([source(thing("a"))], every=0)
    inventory.look([source(fails=True)], every=0)
    row = Watched.objects.get(name="inventory:things")
    assert "not authorized" in row.error
    assert "Check the policy" in row.error
    assert row.answered is not None
    assert Resource.objects.get(key="a").gone is None


def test_what_failed_is_asked_at_the_next_look_where_somebody_mended_something(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = source(thing("a"), fails=True)
    monkeypatch.setattr(inventory, "_registered", [refused])
    inventory.look([refused], every=3600)
    answering = source(thing("a"))
    inventory.look([answering], every=3600)
    assert not Resource.objects.exists()  # it is not its turn
    inventory.ask_again()
    inventory.look([answering], every=3600)
    assert Resource.objects.get().key == "a"


def test_a_bad_state_is_named_once_and_the_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"bad.tfstate": b'{"version": 4, ', "good.tfstate": b'{"version": 4, "serial": 7, "lineage": "a", "resources": []}'}
    monkeypatch.setattr(storage, "bucket_names", lambda: ["client-terraform-remote-state-storage"])
    monkeypatch.setattr(storage, "keys", lambda bucket, *, limit: list(states))
    monkeypatch.setattr(storage, "get", lambda bucket, key, *, limit: states[key])
    inventory.look([inventory.source("Terraform")], every=0)
    bad = Resource.objects.get(key__endswith="bad.tfstate")
    assert bad.facts["unknown"].startswith("is no whole JSON")
    assert inventory.errors()["Terraform"].count("bad.tfstate") == 1
    assert Resource.objects.get(key__endswith="good.tfstate").facts["serial"] == 7


def test_statements_do_not_grow_with_rows(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    many = [thing(str(number), size=number) for number in range(400)]
    with django_assert_max_num_queries(8):
        inventory.keep(source(), many)
    with django_assert_max_num_queries(4):
        inventory.keep(source(), many)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Every call that leaves for AWS, by service and operation."""
    calls: Counter[str] = Counter()
    made = BaseClient._make_api_call  # type: ignore[attr-defined]

    def count(self: Any, operation: str, arguments: Any) -> Any:
        calls[f"{self.meta.service_model.service_name}:{operation}"] += 1
        return made(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", count)
    return calls


def test_the_whole_estate_in_few_calls(sandbox: dict[str, str], counted: Counter[str]) -> None:
    spent: dict[str, int] = {}
    for each in inventory.OF_AWS:
        before = counted.total()
        each.read()
        spent[each.name] = counted.total() - before
    assert counted.total() <= COLD, spent
    each_minute = sum(spent[each.name] * 60 / each.every for each in inventory.OF_AWS)
    assert each_minute <= A_MINUTE, spent


def test_half_is_denied_each_named_and_the_rest_is_shown(sandbox: dict[str, str]) -> None:
    control = box.Control(sandbox)
    denied = {"databases": "rds", "caches": "elasticache", "certificates": "acm", "names": "route53", "distributions": "cloudfront"}
    try:
        for service in denied.values():
            control.fault("access-denied", times=-1, service=service)
        inventory.look([each for each in inventory.OF_AWS if each.name != "Beanstalk"], every=0)
    finally:
        control.clear()
        control.close()
    errors = inventory.errors()
    assert set(denied) <= set(errors)
    assert all("AccessDenied" in errors[name] or "not authorized" in errors[name] or "403" in errors[name] for name in denied), errors
    assert not Resource.objects.filter(kind="database").exists()
    assert Resource.objects.filter(kind="subnet").count() >= 6
    assert Resource.objects.filter(kind="terraform").exists()


def test_when_it_was_asked_is_said() -> None:
    inventory.look([source(thing("a"))], every=0)
    row = Watched.objects.get(name="inventory:things")
    assert row.answered is not None
    assert row.answered <= timezone.now()
