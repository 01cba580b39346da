"""The front page: does it answer its three questions, within its budget, and only to those who may look?"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from deployments.models import Alert
from estate import deadlines
from estate.deadlines import Deadline
from estate.health import Finding
from estate.models import BeanstalkEnvironment, Host, Watched
from estate.reading import current
from monitoring.alarms.models import Alarm, Reading, Tunnel
from monitoring.board.models import CheckSource
from people.models import Operator
from runs import draining
from runs.models import Run
from tests import scenery

pytestmark = pytest.mark.django_db


def page(client: Client, path: str = "/", **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def test_says_that_nothing_has_been_seen(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    said = page(client)
    assert "Nothing of the estate has been seen yet" in said
    assert "Every host answers" not in said


def test_who_may_plan_nothing_reads_why_once_for_each_environment(client: Client, viewer: Operator) -> None:
    scenery.observed()
    client.force_login(viewer)
    said = page(client)
    for environment, who in (("production", "a releaser"), ("pre-production", "an operator")):
        assert said.count(f"to make plans in {environment} one has to be {who}") == 1
    assert "Magento, PIM, Custom Connection, Mirakl-HiPay connector production: not you" in said
    assert "takes a releaser" in said


def test_a_calm_estate(client: Client, releaser: Operator) -> None:
    scenery.observed()
    client.force_login(releaser)
    said = page(client)
    assert "5 of 5" in said
    assert scenery.OLD in said
    assert "Plan a release" in said
    assert "client-magento-preprod has never been seen" in said  # nothing is hidden behind what is well


def test_a_release_is_shown_with_how_long_still(client: Client, viewer: Operator, releaser: Operator) -> None:
    run = scenery.rolling(releaser)
    client.force_login(viewer)
    said = page(client)
    assert f"Run {run.number}" in said
    assert "Deploy the front end" in said
    assert "after run" in said  # and so nothing else can be released there
    assert "maintenance is on" not in said  # which belongs to the run
    assert "hosts out of service" in said  # said, and counted as nothing wrong
    assert f"Run {run.number} is at work there." in said


def test_a_failed_release_is_the_first_thing_that_is_wrong(client: Client, releaser: Operator) -> None:
    run = scenery.failed(releaser)
    client.force_login(releaser)
    said = page(client)
    assert f"Run {run.number} failed" in said
    assert "fe-2 is unhealthy" in said
    assert "2 versions at once" in said
    assert said.index("failed: Release") < said.index("2 versions at once")


def test_a_flag_left_behind_is_wrong_where_nothing_runs(client: Client, viewer: Operator) -> None:
    scenery.observed()
    Host.objects.filter(name="fe-3").update(maintenance="on")
    client.force_login(viewer)
    assert "maintenance is on" in page(client)


def test_one_silent_source_is_said_in_the_bar_of_every_page(client: Client, viewer: Operator) -> None:
    """The newest answer of all sources is fresh all the same: it must not look as if all were well."""
    scenery.observed()
    now = timezone.now()
    Watched.objects.update(answered=now, error="")
    scenery.alarms_read(now)
    client.force_login(viewer)
    for path in ("/bar/", "/", "/deadlines/"):
        assert "not answer" not in page(client, path)
        assert "g-ok" in bar_of(page(client, path))
    silent = Watched.objects.order_by("name")[0]
    Watched.objects.filter(pk=silent.pk).update(answered=now - timedelta(minutes=5), error="AccessDenied")
    for path in ("/bar/", "/", "/deadlines/"):
        said = bar_of(page(client, path))
        assert "1 source does not answer" in said
        assert "g-unknown" in said
        assert "g-ok" not in said
    assert "but for 1 source." in page(client)
    Reading.objects.update(answered=now - timedelta(hours=1), problem="Throttled")
    assert "2 sources do not answer" in bar_of(page(client, "/bar/"))


def test_what_the_health_board_has_proven_to_be_broken_is_wrong_here_too(client: Client, viewer: Operator) -> None:
    scenery.observed()
    now = timezone.now()
    share = Finding("fe-2", "pub/media on fe-2", "bad", "It is not mounted: the host writes to its own disk.")
    row = CheckSource.objects.create(name="Shares on the hosts", tried=now, answered=now, findings=[asdict(share)])
    www, pim = Finding("https://www.client.url/", "www", "bad", "503"), Finding("https://pim.client.url/", "pim.client.url", "bad", "503")
    names = CheckSource.objects.create(name="Public names from outside", tried=now, answered=now, findings=[asdict(www)])
    client.force_login(viewer)
    said = page(client)
    assert "Broken: pub/media on fe-2" in said
    assert "Broken: www" not in said, "the shop's own answers tell of it"
    CheckSource.objects.filter(pk=names.pk).update(findings=[asdict(www), asdict(pim)])
    assert "pub/media on fe-2, pim.client.url." in page(client)
    CheckSource.objects.filter(pk=names.pk).update(findings=[asdict(www)])
    CheckSource.objects.filter(pk=row.pk).update(findings=[asdict(replace(share, title=f"share {n}")) for n in range(6)])
    said = page(client)
    assert "6 things are broken" in said
    assert "share 0, share 1, share 2, share 3 and 2 more." in said
    for change in ({"error": "AccessDenied"}, {"error": "", "answered": now - timedelta(minutes=9)}):
        CheckSource.objects.filter(pk=row.pk).update(**change)
        assert "things are broken" not in page(client), "what is not proven now is not known to be broken"


def bar_of(said: str) -> str:
    start = said.index('<span class="news"')
    return said[start : said.index('<span class="clocks">', start)]


def test_many_silent_sources_are_one_thing_that_is_wrong(client: Client, viewer: Operator) -> None:
    """Where AWS refuses everything, the page does not become a list of all that is asked."""
    scenery.observed()
    now = timezone.now()
    names = ["events:client-magento", "health:client-magento-prod", "inventory:databases", "figures:1"]
    Watched.objects.bulk_create([Watched(name=name) for name in names], ignore_conflicts=True)
    Watched.objects.filter(name__in=names[:3]).update(answered=now - timedelta(minutes=5), error="AccessDenied")
    client.force_login(viewer)
    said = page(client)
    assert "Beanstalk&#x27;s health of the hosts of client-magento-prod does not answer" in said
    assert "The list of databases does not answer" in said
    Watched.objects.filter(name__in=names).update(answered=now - timedelta(minutes=5), error="AccessDenied")
    said = page(client)
    assert f"4 of {Watched.objects.count()} sources do not answer" in said
    assert "CloudWatch&#x27;s figures" in said
    assert said.count("AccessDenied") == 1


def test_what_was_seen_a_while_ago_is_no_light_of_now(client: Client, viewer: Operator) -> None:
    scenery.observed()
    client.force_login(viewer)
    assert "was Ok" not in page(client)
    assert "was" not in lights_of(page(client, "/services/"))
    before = timezone.now() - timedelta(minutes=7)
    Host.objects.update(seen=before, target_seen=before)
    BeanstalkEnvironment.objects.update(seen=before)
    for path in ("/", "/services/", "/services/magento/production/"):
        said = page(client, path)
        assert "was Ok" in said, path
        assert "st-ok" not in lights_of(said), path
    said = page(client)
    assert "was 5 of 5" in said
    assert "out of service" not in said  # nobody knows
    Host.objects.filter(name="fe-3").update(target_state="unhealthy")
    assert "fe-3 was unhealthy" in page(client)  # it stays wrong until it is seen to be well


def lights_of(said: str) -> str:
    """Of the hosts and environments: what each says, with its colour."""
    return " ".join(re.findall(r'<span class="lights">.*?</span></span>', said, re.S))


def test_silence_is_unknown_and_not_well(client: Client, viewer: Operator) -> None:
    scenery.observed()
    Watched.objects.update(answered=timezone.now() - timedelta(minutes=5), error="AWS answers nothing. Check the network.")
    client.force_login(viewer)
    said = page(client)
    assert "does not answer" in said
    assert "Check the network." in said


def test_somebody_else_at_work(client: Client, viewer: Operator) -> None:
    scenery.observed()
    BeanstalkEnvironment.objects.filter(name="client-magento-prod").update(status="Updating")
    client.force_login(viewer)
    assert "Someone else is deploying to client-magento-prod" in page(client)


def test_a_viewer_reads_why_there_is_nothing_to_press(client: Client, viewer: Operator) -> None:
    scenery.observed()
    client.force_login(viewer)
    said = page(client)
    assert "one has to be a releaser" in said
    assert "Plan a release</a>" not in said


def test_what_ends_soon_stands_beside_what_is_wrong(client: Client, viewer: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "_sources", {})
    at = timezone.now()
    near, far = (Deadline(title, "certificate", title, at + timedelta(days=days, hours=1)) for title, days in (("Near", 12), ("Far", 200)))
    undated = Deadline("Undated", "disk", "Undated", None, why="Not seen for long enough.")
    deadlines.register("Certificates", lambda: [undated, near, far])
    deadlines.refresh()
    scenery.observed()
    client.force_login(viewer)
    said = page(client)
    assert 0 < said.index("Near") < said.index("Undated")  # what is known to end comes before what nobody knows
    assert "<b>12</b> d" in said
    assert ">Far<" not in said
    assert "All 3" in said


def test_costs_ten_queries_at_most_whatever_there_is(
    client: Client, releaser: Operator, admin: Operator, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    at = timezone.now()
    scenery.failed(releaser)
    scenery.alarms_read(at)
    name = next(iter(current().alarms))
    Alarm.objects.create(name=name, definition={}, state="ALARM", since=at, changed=at, seen=at, acknowledged_by=releaser)
    Tunnel.objects.create(address="192.0.2.7", link="VPN", connection="vpn-1", up=False, since=at, seen=at)
    Alert.objects.create(
        service="magento", environment="production", kind="flag", title="fe-3 is closed", hosts=["fe-3"], since=at, seen=at
    )
    draining.drain("a new machine", by=admin)
    client.force_login(releaser)
    page(client)
    with django_assert_max_num_queries(10):
        said = page(client)
    for words in (name, "fe-3 is closed", "a new machine", "4 of 5", "Command failed on instance"):
        assert words in said, words


def test_the_live_update_is_the_same_fragment(client: Client, viewer: Operator) -> None:
    scenery.observed()
    client.force_login(viewer)
    fragment = page(client, HX_Request="true")
    assert "<html" not in fragment
    assert "What is wrong?" in fragment


def test_the_environment_that_was_chosen_leads(client: Client, viewer: Operator) -> None:
    scenery.observed()
    client.force_login(viewer)
    assert 'class="topbar production"' in page(client)
    other = page(client, "/?environment=pre-production")
    assert 'class="topbar production"' not in other
    assert other.index("<b>Pre-production</b>") < other.index("<b>Production</b>")


def test_the_bar_names_the_run_that_moves(client: Client, viewer: Operator, releaser: Operator) -> None:
    run = scenery.rolling(releaser)
    client.force_login(viewer)
    assert f"Run {run.number}" in page(client, "/bar/")
    Run.objects.update(holds_lock=False)
    assert f"Run {run.number}" not in page(client, "/bar/")


@pytest.mark.parametrize("path", ["/", "/bar/", "/runs/", "/services/", "/services/magento/production/"])
def test_strangers_are_refused(client: Client, stranger: Operator, path: str) -> None:
    assert client.get(path).status_code == 302  # to the door
    client.force_login(stranger)
    response = client.get(path)
    assert response.status_code == 403
    assert "without a role" in response.content.decode()


def test_only_looking_is_allowed(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    assert client.post("/").status_code == 405
