"""The deadlines board and its API: one list, honest about what cannot be read; and the sources that Beanstalk feeds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from estate import deadlines
from estate.deadlines import CannotCheck, Deadline
from estate.models import BeanstalkEnvironment
from monitoring.dashboards.models import StoredDashboard
from monitoring.deadlines import sources
from people.models import Operator
from remote.errors import Throttled

pytestmark = pytest.mark.django_db


def refused() -> list[Deadline]:
    raise Throttled("AWS wants a pause.", "Wait.")


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "_sources", {})
    now = timezone.now()
    found = [
        Deadline("far", "certificate", "Certificate of *.client.url", now + timedelta(days=90), why="Nobody renews it by itself."),
        Deadline("near", "quota", "<b>Versions</b>", now + timedelta(days=2)),
        Deadline("lost", "disk", "Disk of fe-1", None, why="No reading."),
    ]
    deadlines.register("Some", lambda: found)
    deadlines.register("Refused", refused)
    deadlines.refresh()


def test_the_board_sorts_narrows_and_says_what_it_cannot_check(listed: None, client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    page = client.get("/deadlines/").content.decode()
    assert page.index("Disk of fe-1") < page.index("&lt;b&gt;Versions") < page.index("Certificate of")
    assert "Cannot check" in page
    assert "AWS wants a pause. Wait." in page
    narrowed = client.get("/deadlines/?light=bad&kind=quota", headers={"HX-Request": "true"}).content.decode()
    assert "&lt;b&gt;Versions" in narrowed
    assert "Certificate of" not in narrowed
    assert "<html" not in narrowed
    assert "Nothing fits this choice" in client.get("/deadlines/?kind=nonsense").content.decode()


def test_strangers_and_other_methods_are_refused(listed: None, client: Client, viewer: Operator, stranger: Operator) -> None:
    assert client.get("/deadlines/").status_code == 302
    assert client.get("/api/v1/deadlines").status_code == 401
    client.force_login(stranger)
    assert client.get("/deadlines/").status_code == 403
    assert client.get("/api/v1/deadlines").status_code == 403
    client.force_login(viewer)
    assert client.post("/deadlines/").status_code == 405


def test_the_api_pages_through_the_same_list(listed: None, client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    first = client.get("/api/v1/deadlines?limit=2").json()
    assert [each["key"] for each in first["items"]] == ["lost", "near"]
    assert first["items"][0]["days_left"] is None
    assert first["cannot_check"][0]["source"] == "Refused"
    rest = client.get("/api/v1/deadlines", {"cursor": first["next"]}).json()
    assert [each["key"] for each in rest["items"]] == ["far"]
    assert rest["next"] is None
    assert client.get("/api/v1/deadlines?limit=0").status_code == 422


def test_platforms_end_and_an_unknown_one_says_so() -> None:
    with pytest.raises(CannotCheck, match="No Beanstalk environment"):
        list(sources.platforms())
    now = timezone.now()
    for name, platform in (("old", "64bit Amazon Linux 2018.03 v2.9.1 running PHP 7.1"), ("odd", "64bit Windows Server 2019")):
        BeanstalkEnvironment.objects.create(
            name=name, application="a", version="1", status="Ready", health="Green", health_status="Ok", platform=platform, seen=now
        )
    odd, old = sources.platforms()
    assert odd.due is None
    assert old.light(now) == "bad"


def test_the_quota_counts_what_beanstalk_has(sandbox: dict[str, str]) -> None:
    (found,) = sources.versions_quota()
    assert "of 1000 versions" in found.why
    assert not found.why.startswith("0 of")
    assert found.due is not None
    assert found.due > timezone.now()


def test_the_api_shows_dashboards_and_figures(client: Client, viewer: Operator, stranger: Operator) -> None:
    body = '{"widgets": [{"type": "metric", "properties": {"title": "CPU", "metrics": [["AWS/RDS", "CPUUtilization"]]}}]}'
    StoredDashboard.objects.create(name="shop", body=body, modified="1", read=timezone.now())
    assert client.get("/api/v1/dashboards").status_code == 401
    client.force_login(stranger)
    assert client.get("/api/v1/dashboards").status_code == 403
    client.force_login(viewer)
    (item,) = client.get("/api/v1/dashboards").json()["items"]
    assert item["widgets"][0]["lines"][0]["metric"] == "CPUUtilization"
    assert client.get("/api/v1/dashboards/shop").json() == item
    assert client.get("/api/v1/dashboards/shop/figures?span=1h").json()["lines"] is None
    assert client.get("/api/v1/dashboards/shop/figures?span=never").status_code == 422
    assert client.get("/api/v1/dashboards/none").status_code == 404
