"""The pages: works, wrong method, stranger refused, bad input; a release on the axis; a table and a CSV behind each chart."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitoring.dashboards import pages, watching
from monitoring.dashboards.definition import Line
from monitoring.dashboards.figures import packed
from monitoring.dashboards.models import StoredDashboard, Window
from monitoring.dashboards.queries import requests
from monitoring.dashboards.spans import span_of
from people.models import Operator
from remote.aws.metrics import Series
from runs.models import Run
from tests import scenery

pytestmark = pytest.mark.django_db
PAGES = ("", "figures", "happened", "w0/", "w0.csv")


@pytest.fixture
def window(stored: StoredDashboard) -> Window:
    """Three points, one of them a gap."""
    now, span = timezone.now(), span_of("1h")
    window = watching.want("shop", span)
    (request,) = requests(watching.read(stored), span, now)
    points = tuple((request.end - timedelta(minutes=minutes), value) for minutes, value in ((5, 40.0), (3, 42.5)))
    Window.objects.filter(pk=window.pk).update(
        made=now, figures=packed(watching.read(stored), span, now, [(request, [Series("w0_0", "CPU", points)])])
    )
    return Window.objects.get(pk=window.pk)


@pytest.mark.parametrize("page", PAGES)
def test_pages_work_for_viewers_by_get_alone_and_for_nobody_else(
    page: str, window: Window, client: Client, viewer: Operator, stranger: Operator
) -> None:
    address = f"/monitoring/shop/{page}?span=1h"
    assert client.get(address).status_code == 302
    client.force_login(stranger)
    assert client.get(address).status_code == 403
    client.force_login(viewer)
    assert client.get(address).status_code == 200
    assert client.post(address).status_code == 405


def test_an_alarm_widget_names_its_alarms(client: Client, viewer: Operator) -> None:
    """Their states are drawn by the page's script, from what the lanes are drawn from."""
    arn = "arn:aws:cloudwatch:eu-west-3:123456789012:alarm:DB CPU Prod"
    widgets = [{"type": "alarm", "properties": {"title": "Ring", "alarms": [arn]}}, {"type": "alarm", "properties": {"title": "None"}}]
    StoredDashboard.objects.create(name="rings", body=json.dumps({"widgets": widgets}), modified="1", read=timezone.now())
    client.force_login(viewer)
    page = client.get("/monitoring/rings/").content.decode()
    assert '<dd data-alarm="DB CPU Prod">' in page
    assert page.count("data-alarm=") == 1
    assert "It names no alarm." in page


def test_the_page_says_what_it_does_not_draw_and_shows_text_as_text(window: Window, client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    page = client.get("/monitoring/shop/").content.decode()
    assert "a widget of the kind “log”" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


def test_another_body_is_another_dashboard_however_soon_it_came(window: Window, client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    assert "a widget of the kind “log”" in client.get("/monitoring/shop/").content.decode()
    other = {"widgets": [{"type": "explorer", "properties": {"title": "Errors"}}]}
    StoredDashboard.objects.update(body=json.dumps(other))  # put twice in the same second: the time of its change is the same
    assert "a widget of the kind “explorer”" in client.get("/monitoring/shop/").content.decode()


@pytest.mark.parametrize("span", ["yesterday", "2-1", "<script>"])
def test_a_bad_span_is_said_and_the_usual_one_is_shown(span: str, window: Window, client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    answer = client.get("/monitoring/shop/", {"span": span})
    assert answer.status_code == 200
    assert "Shown over the usual span" in answer.content.decode()
    assert client.get("/monitoring/shop/figures", {"span": span}).status_code == 400


def test_an_absolute_span_comes_from_the_form_in_the_estate_s_zone(window: Window, client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    answer = client.get("/monitoring/shop/", {"from": "2026-11-24T02:00", "to": "2026-11-24T03:00"})
    assert answer["Location"] == "/monitoring/shop/?span=1795482000-1795485600"
    assert client.get("/monitoring/shop/", {"from": "x", "to": ""}, follow=True).status_code == 200


def test_what_is_not_there_is_not_found_in_words(window: Window, client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    for address in ("/monitoring/other/", "/monitoring/other/figures", "/monitoring/shop/w9/", "/monitoring/shop/w1.csv"):
        assert client.get(address).status_code == 404


def test_without_any_dashboard_the_page_says_what_to_do(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    assert "has not been read yet" in client.get("/monitoring/").content.decode()


def test_figures_are_sent_once_and_not_again(window: Window, client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    first = client.get("/monitoring/shop/figures?span=1h")
    assert first["Content-Encoding"] == "gzip"
    assert client.get("/monitoring/shop/figures?span=1h", headers={"If-None-Match": first["ETag"]}).status_code == 304
    waiting = client.get("/monitoring/shop/figures?span=3h")
    assert (waiting.status_code, waiting.json()) == (202, {"waiting": True, "said": ""})


def test_the_table_and_the_csv_have_the_same_figures_and_a_gap_is_empty(window: Window, client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    lines = client.get("/monitoring/shop/w0.csv?span=1h").content.decode().splitlines()
    assert lines[0] == "time (UTC),CPUUtilization (%)"
    with_values = [line.partition(",")[2] for line in lines[1:]]
    assert [value for value in with_values if value] == ["40", "42.5"]
    assert "" in with_values
    table = client.get("/monitoring/shop/w0/?span=1h").content.decode()
    assert "42.5" in table
    assert "no data" in table


def test_releases_stand_on_the_axis_with_their_result(window: Window, client: Client, viewer: Operator, releaser: Operator) -> None:
    now = timezone.now()
    run = scenery.run(
        scenery.plan(releaser), releaser, state=Run.State.SUCCEEDED, started=now - timedelta(minutes=40), ended=now - timedelta(minutes=20)
    )
    client.force_login(viewer)
    (change,) = client.get("/monitoring/shop/happened?span=1h").json()["changes"]
    assert change["label"] == "r418"
    assert change["release"]
    assert change["state"] == "succeeded"
    assert change["to"] - change["from"] == 20 * 60
    assert client.get(change["url"]).status_code == 200
    Run.objects.filter(pk=run.pk).update(ended=now - timedelta(minutes=70), started=now - timedelta(minutes=90))
    assert client.get("/monitoring/shop/happened?span=1h").json()["changes"] == []


def test_labels_tell_lines_apart_and_no_more() -> None:
    def line(metric: str, of: str, statistic: str = "Average") -> Line:
        return Line("k", f"{metric} {of}", namespace="AWS/X", metric=metric, dimensions={"Of": of}, statistic=statistic)

    assert pages.short_labels([line("RequestCount", "alb", "Sum"), line("Latency", "alb")], {}) == ["RequestCount", "Latency"]
    assert pages.short_labels([line("CPU", "redis-1"), line("CPU", "redis-2")], {"redis-2": "second"}) == ["redis-1", "second"]
    assert pages.short_labels([line("CPU", "a", "Sum"), line("CPU", "a"), line("CPU", "b")], {}) == ["a Sum", "a Average", "b Average"]
    assert pages.legend(["HTTPCode_Backend_3XX", "HTTPCode_Backend_5XX"]) == ["Backend_3XX", "Backend_5XX"]
    assert pages.legend(["fe-1", "fe-2"]) == ["fe-1", "fe-2"]
    assert pages.legend(["one alone_of_its_kind"]) == ["one alone_of_its_kind"]
