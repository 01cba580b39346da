"""`/metrics` for Prometheus: how the console itself is. Counts and ages alone: nothing is told here that a stranger should not know.

What is read from the database is the same from every web process; `opsconsole_frames_lost` is this process's own. Rules that watch these:
docs/alerts.yml.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Max, Min, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from deployments.models import Alert
from estate.models import Watched
from live import publish
from opsconsole import health, workers
from runs import spool
from runs.models import Drain, Duty, LogHead, Run

PREFIX = "opsconsole_"


@require_safe
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Console())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Console(Collector):
    """Asked anew each time; what does not answer is said to be down, and its numbers are left out rather than made up."""

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(f"{PREFIX}code", "The version of this process's code", value={"version": settings.CODE_VERSION})
        yield _gauge("frames_lost", "Live frames that a Redis did not take, in this web process", publish.lost)
        yield _gauge("spooled_files", "Files with log lines that wait for the database, on this machine", _spooled())
        yield from _guarded("database_up", "Whether the database answers", _from_database, DatabaseError, InterfaceError)
        frames = GaugeMetricFamily(f"{PREFIX}live_redis_up", "Whether a Redis that carries live frames answers", labels=["shard"])
        for number, answers in enumerate(health.shards().values()):
            frames.add_metric([str(number)], int(answers))
        yield frames
        yield from _guarded("redis_up", "Whether Redis answers", _from_redis, redis.RedisError)


def _guarded(name: str, about: str, read: object, *faults: type[Exception]) -> Iterator[Metric]:
    found: list[Metric] = []
    try:
        found = list(read())  # type: ignore[operator]
        up = 1
    except faults:
        up = 0
    yield _gauge(name, about, up)
    yield from found


def _from_database() -> Iterator[Metric]:
    now = timezone.now()
    counts = dict(Run.objects.values_list("state").annotate(Count("number")).order_by())
    runs = GaugeMetricFamily(f"{PREFIX}runs", "Runs by state", labels=["state"])
    for state in Run.State.values:
        runs.add_metric([state], counts.get(state, 0))
    yield runs
    queued = Run.objects.filter(state=Run.State.QUEUED).aggregate(oldest=Min("created"))["oldest"]
    yield _gauge("run_queued_seconds", "Age of the oldest run that nobody has taken up; 0: none", _age(queued, now))
    yield _gauge("drained", "Whether the console is drained: nothing new begins", int(Drain.objects.filter(is_on=True).exists()))
    ages = GaugeMetricFamily(f"{PREFIX}duty_age_seconds", "How long ago a periodic duty was last done", labels=["duty"])
    failed = GaugeMetricFamily(f"{PREFIX}duty_failed", "Whether a periodic duty failed the last time", labels=["duty"])
    for name, ran, error in Duty.objects.exclude(ran=None).values_list("name", "ran", "error"):
        ages.add_metric([name], _age(ran, now))
        failed.add_metric([name], int(bool(error)))
    yield ages
    yield failed
    oldest = Watched.objects.exclude(answered=None).aggregate(oldest=Min("answered"), newest=Max("answered"))
    yield _gauge("news_age_seconds", "Age of the newest answer of AWS that is stored", _age(oldest["newest"], now))
    yield _gauge(
        "alerts", "Alerts that every page shows, such as a shop that is left in maintenance mode", Alert.objects.filter(ended=None).count()
    )
    yield _gauge("log_bytes", "Characters of all stored logs of runs", LogHead.objects.aggregate(all=Sum("bytes"))["all"] or 0)


def _from_redis() -> Iterator[Metric]:
    with workers.connection() as asked:
        living = [worker for worker in workers.living(asked) if worker.is_fresh]
        yield _gauge("workers", "Workers that have shown themselves lately", len(living))
        yield _gauge("queue_length", "Rings that wait for a worker", workers.queue_length(asked))


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}{name}", about, value=value)


def _age(then: datetime | None, now: datetime) -> float:
    return (now - then).total_seconds() if then else 0.0


def _spooled() -> int:
    folder: Path = spool.folder()
    return sum(1 for _ in folder.glob("*.jsonl")) if folder.is_dir() else 0
