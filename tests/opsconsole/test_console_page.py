"""The page about the console's own processes: it says what is there, what is missing, and what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from opsconsole import sizes
from people.models import Operator
from runs import worker
from runs.models import Drain, Duty, Run
from tests import scenery
from tests.valkey import Valkey

pytestmark = pytest.mark.django_db


def said(client: Client) -> str:
    return " ".join(client.get("/console/").content.decode().split())


def test_an_empty_console_says_what_to_start(client: Client, viewer: Operator, valkey: Valkey) -> None:
    client.force_login(viewer)
    page = said(client)
    assert "No worker has shown itself. Start one" in page
    assert "No scheduler has ever worked. Start one" in page
    assert "no worker takes runs; start one" in page


def test_without_redis_nothing_is_made_up(client: Client, viewer: Operator, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey"
    client.force_login(viewer)
    page = said(client)
    assert "Redis does not answer, and it alone knows the workers" in page
    assert "No worker has shown itself" not in page


def test_each_redis_that_carries_live_frames_is_shown(client: Client, viewer: Operator, valkey: Valkey, settings: Settings) -> None:
    settings.LIVE_REDIS_URLS = [valkey.url, "redis://:harbour-lamp-4@127.0.0.1:1/0"]
    client.force_login(viewer)
    rows = [row for row in said(client).split("<tr") if "Live frames by" in row]
    assert ["127.0.0.1:1<" in row for row in rows] == [False, True]
    assert ["some seconds behind" in row for row in rows] == [False, True]
    assert "harbour" not in said(client)


def test_what_works_where_and_in_which_version(
    client: Client, releaser: Operator, valkey: Valkey, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run = scenery.failed(releaser)
    type(run).objects.filter(pk=run.pk).update(state="unknown", lease_owner="machine-7:99:ab")
    Duty.objects.create(name="scheduler", owner="machine-7:12:ab", ran=timezone.now() - timedelta(seconds=3))
    Duty.objects.create(name="guard", owner="machine-7:12:ab", ran=timezone.now(), error="failed")
    Duty.objects.create(name="alarms", owner="machine-7:12:ab", ran=timezone.now() - timedelta(minutes=5))
    Duty.objects.create(name="audit trail verified", owner="machine-7:12:ab", ran=timezone.now() - timedelta(hours=30))
    with redis.Redis.from_url(settings.REDIS_URL):
        made = worker._worker()
        made.version = "the old one"
        made.register_birth()  # type: ignore[no-untyped-call]
    client.force_login(releaser)
    with django_assert_max_num_queries(12):
        page = said(client)
    for words in (
        "the old one",
        "Several versions work at the same time",
        "machine-7:99:ab",
        "failed; see the scheduler",
        "every 1 min 00 s",
        f"/runs/{run.pk}/",
    ):
        assert words in page
    assert page.count("</svg>late</span>") == 1, "what is done once a day is not late after thirty hours"


def test_who_reads_it(client: Client, viewer: Operator, stranger: Operator, valkey: Valkey) -> None:
    assert client.get("/console/").status_code == 302
    client.force_login(stranger)
    assert client.get("/console/").status_code == 403
    client.force_login(viewer)
    assert client.post("/console/").status_code == 405
    assert client.get("/console/").status_code == 200
    assert 'href="/console/"' in client.get("/").content.decode()


def test_the_drain_is_pressed_said_everywhere_and_lifted(client: Client, admin: Operator, releaser: Operator, valkey: Valkey) -> None:
    run = scenery.run(scenery.plan(releaser), releaser)
    client.force_login(admin)
    assert "off: what is asked for begins" in said(client)
    client.post("/console/drain", {"reason": "the <database> moves"})
    for path in ("/", "/runs/", f"/runs/{run.number}/", "/alerts/", "/services/"):
        page = client.get(path).content.decode()
        assert "The console is drained: nothing new begins." in page, path
        assert "the &lt;database&gt; moves" in page
    assert "Waits: the console is drained." in client.get(f"/runs/{run.number}/").content.decode()
    assert "waits: the console is drained" in client.get("/bar/").content.decode()
    assert "1 run begins or goes on at once" in said(client)
    client.post("/console/lift")
    assert "The console is drained" not in client.get("/").content.decode()
    assert Run.objects.get().state == Run.State.QUEUED


def test_what_grows_is_shown_with_how_much_there_is(client: Client, releaser: Operator, valkey: Valkey) -> None:
    run = scenery.run(scenery.plan(releaser), releaser)
    scenery.log(run, *[("fe-1", "a line")] * 7)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE log_chunk")
    found = {size.name: size for size in sizes.sizes()}
    assert set(found) == set(sizes.TABLES.values())
    assert found["pieces of logs"].rows >= 7
    assert (found["pieces of logs"].bytes is None) is (connection.vendor == "sqlite")
    assert (found["pieces of logs"].kept, found["pieces of logs"].setting) == ("730 days", "KEEP_LOG_DAYS")
    assert found["runs"].kept == "for ever"
    assert f"| sessions, failed sign-ins | {found['sessions'].kept} |" in (settings.BASE_DIR / "docs/operations.md").read_text()
    client.force_login(releaser)
    assert "Pieces of logs" in said(client)


def test_no_end_is_promised_of_what_stands_still(client: Client, admin: Operator, valkey: Valkey) -> None:
    run = scenery.rolling(admin)
    client.force_login(admin)
    pages = ("/bar/", f"/runs/{run.number}/")
    assert all("left" in client.get(path).content.decode() or "ends ≈" in client.get(path).content.decode() for path in pages)
    client.post("/console/drain", {"reason": "a new machine", "everything": "yes"})
    bar, page = (client.get(path).content.decode() for path in pages)
    assert "waits: the console is drained" in bar
    assert " left" not in bar
    assert "Stands still: the console is drained." in page
    assert "ends ≈" not in page
    assert "stands still" in said(client)


def test_who_may_not_drain_reads_why(client: Client, releaser: Operator, valkey: Valkey) -> None:
    client.force_login(releaser)
    assert "one has to be an admin" in said(client)
    client.post("/console/drain", {"reason": "x"})
    assert not Drain.objects.exists()
