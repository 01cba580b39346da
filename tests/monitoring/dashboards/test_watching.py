"""One poller: the page follows CloudWatch, however many look; what CloudWatch does not say leaves the last that it said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from estate.models import Watched
from monitoring.dashboards import document, pages, queries, watching
from monitoring.dashboards.figures import unpacked
from monitoring.dashboards.models import StoredDashboard, Window
from monitoring.dashboards.spans import span_of
from people.models import Operator
from remote.aws import balancer, dashboards, session
from tests.box import Control
from tests.monitoring.dashboards.conftest import PRODUCTION
from tests.monitoring.dashboards.test_body import metric

pytestmark = pytest.mark.django_db
Poll = Callable[..., Window]
Put = Callable[..., str]


@contextmanager
def counted() -> Iterator[list[str]]:
    """The calls that go out to AWS, by clients that were made before."""
    calls: list[str] = []

    def count(model: Any, **_: Any) -> None:
        calls.append(model.name)

    clients = list(session._clients.values())
    for each in clients:
        each.meta.events.register("before-call", count, unique_id="counted")
    yield calls
    for each in clients:
        each.meta.events.unregister("before-call", unique_id="counted")


def figures(window: Window) -> dict[str, Any]:
    assert window.figures is not None, Watched.objects.filter(name=watching.row_of(window)).values_list("error", flat=True)
    return unpacked(bytes(window.figures))


def newest(window: Window, widget: str) -> list[Any]:
    lines = [line for line in figures(window)["lines"] if line["widget"] == widget]
    return [next((value for value in reversed(line["values"]) if value is not None), None) for line in lines]


def test_the_document_s_seven_widgets_have_figures_under_true_names(poll: Poll, cloudwatch: Any) -> None:
    window = poll()
    row = document.production()
    assert row is not None
    assert row.name == PRODUCTION
    dashboard = watching.read(row)
    assert [each.differs for each in document.compared(dashboard)] == [()] * 7
    lines = {line["key"] for line in figures(window)["lines"] if any(value is not None for value in line["values"])}
    missing = [line.label for widget in dashboard.widgets for line in widget.shown if line.key not in lines]
    assert missing == []
    assert not any(line.get("said") for line in figures(window)["lines"])


def test_the_page_follows_what_changes_in_cloudwatch(poll: Poll, put: Put, cloudwatch: Any) -> None:
    name = put("follows", metric(["Console/Tests", "Follows", "Of", "a"], period=60, stat="Maximum", title="First"))
    cloudwatch.put_metric_data(Namespace="Console/Tests", MetricData=[_point("a", 7.0), _point("b", 3.0)])
    assert newest(poll(name), "w0") == [7]
    put("follows", metric(["Console/Tests", "Follows", "Of", "b"], period=60, stat="Maximum", title="Second, and longer"))
    window = poll(name)
    assert [widget.title for widget in watching.read(StoredDashboard.objects.get(name=name)).widgets] == ["Second, and longer"]
    assert newest(window, "w0") == [3]


def test_a_change_within_the_second_of_the_reading_is_seen_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudWatch's date and the size are the same before and after it."""
    bodies = iter(['{"widgets": [1]}', '{"widgets": [2]}', '{"widgets": [3]}'])
    changed = timezone.now()
    monkeypatch.setattr(dashboards, "dashboards", lambda **_: [dashboards.Entry("shop", changed.replace(microsecond=0), 16)])
    monkeypatch.setattr(dashboards, "dashboard_body", lambda *_, **__: next(bodies))
    for asked in ("target_groups", "load_balancers"):
        monkeypatch.setattr(balancer, asked, lambda **_: [])
    seen = []
    for seconds in (0, 5, 60, 120):
        monkeypatch.setattr(timezone, "now", lambda at=changed + timedelta(seconds=seconds): at)
        subject = watching._definitions()
        subject.keep(subject.ask())
        seen.append(StoredDashboard.objects.get().body[-3])
    assert seen == ["1", "2", "3", "3"], "once it is settled it is not read again"


def test_expressions_are_worked_out_by_cloudwatch(poll: Poll, put: Put, cloudwatch: Any) -> None:
    of = ["Console/Tests", "Follows", "Of"]
    cloudwatch.put_metric_data(Namespace="Console/Tests", MetricData=[_point("c", 10.0), _point("d", 4.0)])
    sums = [[*of, "c", {"id": "m1", "visible": False}], [*of, "d", {"id": "m2"}], [{"expression": "m1 / m2", "label": "ratio"}]]
    broken = [[*of, "c", {"id": "m1"}], [{"expression": "m1 + nothing"}]]
    window = poll(put("sums", metric(*sums, period=60, stat="Maximum"), metric(*broken, period=60, stat="Maximum")))
    assert newest(window, "w0") == [4, 2.5]
    assert newest(window, "w1")[0] == 10
    assert "nothing" in figures(window)["lines"][-1]["said"]


def test_a_deleted_dashboard_is_said_to_be_gone(poll: Poll, put: Put, cloudwatch: Any) -> None:
    name = put("short-lived", metric(["N", "M"]))
    poll(name)
    cloudwatch.delete_dashboards(DashboardNames=[name])
    poll()
    row = StoredDashboard.objects.get(name=name)
    assert row.gone is not None
    assert "no longer has this dashboard" in pages.happened(row, span_of("1h"), timezone.now())["said"][0]


def test_when_cloudwatch_does_not_answer_the_last_figures_stay_and_the_page_says_why(
    poll: Poll, sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch, client: Client, viewer: Operator
) -> None:
    before = poll()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens there
    after = poll(answered=False)
    assert after.made == before.made
    assert bytes(after.figures or b"") == bytes(before.figures or b"")
    client.force_login(viewer)
    assert client.get(f"/monitoring/{PRODUCTION}/figures?span=1h").status_code == 200
    said = client.get(f"/monitoring/{PRODUCTION}/happened?span=1h").json()["said"]
    assert "cloudwatch" in " ".join(said)
    assert client.get("/monitoring/").status_code == 200


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("throttle", {"operation": "GetMetricData", "seconds": "0"}, "Rate exceeded"),
        ("access-denied", {"service": "monitoring"}, "not authorized"),
        ("aws-slow", {"operation": "GetMetricData", "seconds": "3"}, "get-metric-data"),
    ],
)
def test_whatever_cloudwatch_refuses_the_page_has_what_it_last_said(
    kind: str,
    options: dict[str, str],
    words: str,
    poll: Poll,
    sandbox: dict[str, str],
    client: Client,
    viewer: Operator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = poll()
    for module in (watching, queries):
        monkeypatch.setattr(module, "_PATIENCE", session.Patience(connect=1.0, read=0.3))
    control = Control(sandbox)
    try:
        control.fault(kind, times=-1, **options)
        after = poll(answered=False)
    finally:
        control.clear()
        control.close()
    assert (after.made, bytes(after.figures or b"")) == (before.made, bytes(before.figures or b""))
    client.force_login(viewer)
    assert words in " ".join(client.get(f"/monitoring/{PRODUCTION}/happened?span=1h").json()["said"])
    assert client.get(f"/monitoring/{PRODUCTION}/figures?span=1h").status_code == 200


@pytest.mark.parametrize("viewers", [1, 200])
def test_cloudwatch_is_asked_as_often_for_one_viewer_as_for_200(
    viewers: int, poll: Poll, client: Client, viewer: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Minutes in which the scheduler ticks and everybody looks: one call of figures a minute, whoever looks."""
    poll(span="12h")
    client.force_login(viewer)
    start, minutes = timezone.now() + timedelta(minutes=2), 3
    monkeypatch.setattr(timezone, "now", lambda: start - timedelta(minutes=1))
    watching.watch()  # what was changed a moment ago is read once more
    with counted() as calls:
        for second in range(0, 60 * minutes, 20):
            at = start + timedelta(seconds=second)
            monkeypatch.setattr(timezone, "now", lambda at=at: at)
            for _ in range(1 if second % 60 else viewers):
                assert client.get(f"/monitoring/{PRODUCTION}/figures?span=12h").status_code == 200
            watching.watch()
    assert calls.count("GetMetricData") == minutes
    assert calls.count("ListDashboards") == minutes
    assert "GetDashboard" not in calls


def test_old_wishes_make_room_and_nobody_polls_what_nobody_wants(stored: StoredDashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_WINDOWS", 3)
    for minute in range(5):
        watching.want("shop", span_of(f"{1764000000 + 60 * minute}-1764003600"))
    assert Window.objects.count() == 3
    Window.objects.update(wanted=timezone.now() - timedelta(minutes=6))
    assert watching._windows(timezone.now()) == []
    watching.want("shop", span_of("1h"))
    assert len(watching._windows(timezone.now())) == 1


def _point(of: str, value: float) -> dict[str, Any]:
    return {
        "MetricName": "Follows",
        "Dimensions": [{"Name": "Of", "Value": of}],
        "Value": value,
        "Timestamp": timezone.now() - timedelta(seconds=90),
    }


def test_the_last_failure_of_what_nobody_looks_at_is_forgotten(stored: StoredDashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("estate.observe.look", lambda subjects: None)
    rows = [watching.row_of(watching.want("shop", span_of(span))) for span in ("1h", "3h")]
    Watched.objects.bulk_create(Watched(name=name, error="AccessDenied") for name in rows)
    Window.objects.filter(span="1h").update(wanted=timezone.now() - timedelta(hours=1))
    watching.watch()
    assert list(Watched.objects.filter(name__in=rows).values_list("name", flat=True)) == rows[1:]
