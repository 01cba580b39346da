"""django-rq's own pages can requeue and delete jobs, and show what they hold: they are nowhere in the console, for nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from people.models import Operator


def patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from patterns(each)
        else:
            yield each


def test_no_address_leads_to_code_of_a_queue() -> None:
    modules = {pattern.callback.__module__ for pattern in patterns(get_resolver())}
    assert "runs.views" in modules
    assert not [module for module in modules if module.split(".")[0] in ("django_rq", "rq")]


@pytest.mark.parametrize("name", ["rq_home", "rq_jobs", "rq_requeue_all", "rq_delete_job", "rq_home_json"])
def test_their_names_are_unknown(name: str) -> None:
    for known_as in (name, f"django_rq:{name}"):
        with pytest.raises(NoReverseMatch):
            reverse(known_as)
    assert reverse("runs:list") == "/runs/"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/django-rq/", "/rq/", "/django-rq/queues/0/", "/admin/django_rq/", "/django-rq/stats.json"])
def test_the_addresses_where_they_usually_are_lead_nowhere(client: Client, admin: Operator, path: str) -> None:
    client.force_login(admin)
    assert client.get(path).status_code == 404
    assert client.get("/runs/").status_code == 200
