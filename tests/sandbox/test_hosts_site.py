from __future__ import annotations

import re
import shutil

import pytest

from sandbox.hosts import site
from sandbox.world import Fault
from tests.sandbox.hosts_fixtures import Ground, ground

__all__ = ["ground"]


def status(ground: Ground, path: str, host: str = "fe-1") -> int:
    return site.answer(ground.world, ground.host(host), path, {}).status


def body(ground: Ground, path: str, host: str = "fe-1") -> str:
    return site.answer(ground.world, ground.host(host), path, {}).body.decode()


def test_a_page_names_its_release_and_links_statics_that_are_there(ground: Ground) -> None:
    page = body(ground, "/")
    assert ground.repositories.label in page
    links = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(links) == 3
    assert {status(ground, link) for link in links} == {200}


def test_maintenance_closes_pages_but_neither_statics_nor_the_health_check(ground: Ground) -> None:
    (ground.host().app / "var/.maintenance.flag").touch()
    answer = site.answer(ground.world, ground.host(), "/catalogue.html?p=2", {})
    assert answer.status == 503
    assert b"Service Temporarily Unavailable" in answer.body
    assert "Retry-After" not in answer.headers
    assert status(ground, "/pub/health_check.php") == 200
    assert status(ground, "/static/version1/frontend/Client/dlm/fr_FR/css/styles-m.css") == 200
    assert status(ground, "/static/version1/nosuch.css") == 503
    assert status(ground, "/", "fe-2") == 200


def test_a_static_file_is_found_under_any_version_and_not_otherwise(ground: Ground) -> None:
    assert status(ground, "/static/version99/frontend/Client/dlm/fr_FR/css/styles-m.css") == 200
    assert status(ground, "/pub/static/frontend/Client/dlm/fr_FR/css/styles-m.css") == 200
    assert status(ground, "/static/version99/nosuch.css") == 404
    assert status(ground, "/static/.htaccess") == 404


@pytest.mark.parametrize("path", ["/static/../../app/etc/env.php", "/static/%2e%2e/%2e%2e/app/etc/env.php", "/media/..%2f..%2findex.php"])
def test_nothing_outside_a_share_is_served(ground: Ground, path: str) -> None:
    assert status(ground, path) == 404
    assert status(ground, "/media/catalog/product/d/l/dlm-001.jpg") == 200


def test_a_missing_version_is_an_error_of_pages_alone(ground: Ground) -> None:
    (ground.host().app / "pub/static/deployed_version.txt").unlink()
    assert "There has been an error processing your request" in body(ground, "/")
    assert status(ground, "/") == 500
    assert status(ground, "/pub/health_check.php") == 200


@pytest.mark.parametrize("kind", ["database-down", "cache-down"])
def test_a_database_or_cache_that_is_away_fails_the_health_check(ground: Ground, kind: str) -> None:
    ground.world.faults.add(Fault(kind, "fe-1", -1))
    assert (status(ground, "/"), status(ground, "/pub/health_check.php")) == (500, 500)
    assert (status(ground, "/", "fe-2"), status(ground, "/pub/health_check.php", "fe-2")) == (200, 200)
    ground.world.faults.clear(kind)
    assert status(ground, "/pub/health_check.php") == 200


def test_missing_secrets_fail_the_health_check(ground: Ground) -> None:
    (ground.host().app / "app/etc/env.php").unlink()
    assert status(ground, "/pub/health_check.php") == 500


def test_the_backend_is_on_the_back_office_only(ground: Ground) -> None:
    assert "Welcome, please sign in" in body(ground, "/backend/admin", "be")
    assert status(ground, "/backend/admin", "fe-1") == 404


def test_between_two_releases_there_is_nothing(ground: Ground) -> None:
    shutil.rmtree(ground.host().app)
    assert status(ground, "/") == 404
