"""The console's own health: is this process alive, and is everything there that a release needs?

Open to load balancers, so nothing is told here that a stranger should not know. Ages are in seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from rq import Worker

from runs.models import Duty

SCHEDULER_SECONDS = 30.0  # it works once a second; without it nothing waits or is watched
WORKER_SECONDS = 120.0


@require_safe
@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when a run could be started and finished now, else 503; either way each part says how it is."""
    parts = {"database": _database(), "redis": _redis(), "workers": _workers(), "scheduler": _scheduler()}
    ready = all(part["ok"] for part in parts.values())
    return JsonResponse({"status": "ready" if ready else "not ready", **parts}, status=200 if ready else 503)


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return {"ok": False, "said": "the database does not answer; see DATABASE_URL"}
    return {"ok": True}


def _connection() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=None)


def _redis() -> dict[str, Any]:
    try:
        with _connection() as asked:
            asked.ping()
    except redis.RedisError:
        return {"ok": False, "said": "Redis does not answer; see REDIS_URL"}
    return {"ok": True}


def _workers() -> dict[str, Any]:
    """Those that take runs and have shown themselves lately."""
    try:
        with _connection() as asked:
            beats = [worker.last_heartbeat for worker in Worker.all(connection=asked) if "runs" in worker.queue_names()]
    except redis.RedisError:
        return {"ok": False, "said": "unknown without Redis"}
    now = datetime.now(UTC)
    ages = sorted((now - (beat if beat.tzinfo else beat.replace(tzinfo=UTC))).total_seconds() for beat in beats if beat)
    living = [age for age in ages if age < WORKER_SECONDS]
    said = {} if living else {"said": "no worker takes runs; start one"}
    return {"ok": bool(living), "count": len(living), "age": round(living[0], 1) if living else None, **said}


def _scheduler() -> dict[str, Any]:
    try:
        last = Duty.objects.exclude(ran=None).order_by("-ran").values_list("ran", flat=True).first()
    except (DatabaseError, InterfaceError):
        return {"ok": False, "said": "unknown without the database"}
    if last is None:
        return {"ok": False, "age": None, "said": "the scheduler never ran; start it"}
    age = (timezone.now() - last).total_seconds()
    said = {} if age < SCHEDULER_SECONDS else {"said": "the scheduler does not work; start it"}
    return {"ok": age < SCHEDULER_SECONDS, "age": round(age, 1), **said}
