"""Pages at size: a generated estate, in which no page asks more questions for more rows. How long they take is the bench `estate`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.conf import settings as configured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from bench._estate import PAGES, document, fill
from deployments import overview, troubles
from estate.models import Host, Resource
from people.models import Operator

pytestmark = pytest.mark.django_db
FEW, MANY = 2, 40  # hosts of each of ten services


def _estate(folder: Path, settings: Settings, hosts: int) -> None:
    settings.ESTATE_FILE = folder / f"estate-{hosts}.yaml"
    text = yaml.safe_dump(document(configured.BASE_DIR / "estate.yaml", hosts), sort_keys=False)
    settings.ESTATE_FILE.write_text(text, encoding="utf-8")


def _asked(client: Client, page: str) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(page)
    assert answer.status_code == 200, page
    return [each["sql"][:300] for each in asked.captured_queries]


def test_no_page_asks_more_for_more_rows(client: Client, viewer: Operator, settings: Settings, tmp_path: Path) -> None:
    client.force_login(viewer)
    asked: dict[int, dict[str, list[str]]] = {}
    for hosts in (FEW, MANY):
        Host.objects.all().delete()
        Resource.objects.all().delete()
        _estate(tmp_path, settings, hosts)
        fill(hosts=hosts, resources=40 * hosts)
        # Of three, for something is asked once and remembered for a while, which may end at any of them.
        asked[hosts] = {page: min((_asked(client, page) for _ in range(3)), key=len) for page in PAGES}
    grown = {page: asked[MANY][page][-3:] for page in PAGES if len(asked[MANY][page]) != len(asked[FEW][page])}
    assert grown == {}


def test_the_front_page_shows_the_hosts_that_are_not_well_first(
    client: Client, viewer: Operator, settings: Settings, tmp_path: Path
) -> None:
    _estate(tmp_path, settings, MANY)
    fill(hosts=MANY, resources=8)
    last = Host.objects.filter(beanstalk="generated-0").order_by("name").last()
    assert last is not None
    Host.objects.filter(pk=last.pk).update(health_status="Severe")
    client.force_login(viewer)
    said = client.get("/").content.decode()
    assert last.name in said
    assert said.count("service-0-") <= overview.SHOWN + 5
    assert f"and {MANY - overview.SHOWN} more" in said


def test_of_many_hosts_that_are_not_well_the_front_page_names_some(
    client: Client, viewer: Operator, settings: Settings, tmp_path: Path
) -> None:
    _estate(tmp_path, settings, MANY)
    fill(hosts=MANY, resources=8)
    Host.objects.filter(beanstalk="generated-0").update(target_state="unhealthy", maintenance="on")
    client.force_login(viewer)
    said = client.get("/").content.decode()
    assert said.count(" is unhealthy") == troubles.NAMED
    assert said.count(f"and {MANY - troubles.NAMED} more") == 2


def test_what_the_web_process_begins_with_is_not_looked_through_for_garbage() -> None:
    """It is some hundred thousand things; looking at all of them holds a request up for as long as three pages take."""
    asked = "import gc, opsconsole.asgi; print(gc.get_freeze_count())"  # in a process of its own: it holds for all that comes after
    done = subprocess.run([sys.executable, "-c", asked], cwd=configured.BASE_DIR, capture_output=True, text=True, check=True, timeout=120)
    assert int(done.stdout) > 0
