"""A dashboard in CloudWatch, and the console's poller, over the sandbox's wires."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from django.utils import timezone

from estate.models import Watched
from monitoring.dashboards import watching
from monitoring.dashboards.models import StoredDashboard, Window
from monitoring.dashboards.spans import span_of

PRODUCTION = "client-magento-production"


@pytest.fixture
def cloudwatch(sandbox: dict[str, str]) -> Any:
    return boto3.client("cloudwatch")


@pytest.fixture
def put(cloudwatch: Any) -> Iterator[Callable[..., str]]:
    """Puts a dashboard of these widgets into CloudWatch, for one test."""
    made: list[str] = []

    def one(name: str, *widgets: Any) -> str:
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody=json.dumps({"widgets": list(widgets)}))
        made.append(name)
        return name

    yield one
    there = {each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]}
    if left := sorted(there & set(made)):
        cloudwatch.delete_dashboards(DashboardNames=left)


@pytest.fixture
def poll(db: None, valkey: object, sandbox: dict[str, str]) -> Callable[..., Window]:
    """What the scheduler does, at once: the definitions, then one window."""

    def once(name: str = PRODUCTION, span: str = "1h", *, answered: bool = True) -> Window:
        """With `answered` False CloudWatch is known not to answer: it is tried once."""
        begun, guard = timezone.now(), time.monotonic() + 90
        while True:
            Watched.objects.update(tried=None, not_before=None)
            watching.watch()
            window = watching.want(name, span_of(span))
            Watched.objects.update(tried=None, not_before=None)
            watching.watch()
            window.refresh_from_db()
            if not answered or (window.made is not None and window.made > begun):
                return window
            said = list(Watched.objects.exclude(error="").values_list("name", "error"))
            assert time.monotonic() < guard, said

    return once


@pytest.fixture
def stored(db: None) -> StoredDashboard:
    """A dashboard as it was read before, without asking anybody."""
    widgets = [
        {
            "type": "metric",
            "properties": {"title": "RDS CPU", "metrics": [["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", "prod"]], "period": 60},
        },
        {"type": "text", "properties": {"markdown": "# Shop <script>alert(1)</script>"}},
        {"type": "log", "properties": {"title": "Errors"}},
    ]
    return StoredDashboard.objects.create(name="shop", body=json.dumps({"widgets": widgets}), modified="1", read=timezone.now())
