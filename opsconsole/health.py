"""The console's own health: is this process alive, and is everything there that a release needs?

Open to load balancers, so nothing is told here that a stranger should not know. Ages are in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from live import wire
from opsconsole import workers
from runs.models import Duty

INSIDE = frozenset({"/healthz", "/readyz", "/metrics"})
SCHEDULER_SECONDS = 30.0  # it works once a second; without it nothing waits or is watched


class ByAnyName:
    """Who asks how the console is, asks a machine by its address, or by a name that only containers know: they are not in ALLOWED_HOSTS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in INSIDE:
            request.META["HTTP_HOST"] = urlsplit(settings.SITE_URL).netloc
        return self._get_response(request)


@require_safe
@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when a run could be started and finished now, else 503; either way each part says how it is."""
    found = parts()
    ready = all(part["ok"] for part in found.values())
    told = {"status": "ready" if ready else "not ready", **found, "frames": _frames()}
    return JsonResponse(told, status=200 if ready else 503)


def parts() -> dict[str, dict[str, Any]]:
    """Each with `ok`, and with `said` where it is not."""
    return {"database": _database(), "redis": _redis(), "workers": _workers(), "scheduler": _scheduler()}


def shards() -> dict[str, bool]:
    """Each Redis that carries live frames, by its name, and whether it answers. All are asked at once, for one may be cut off."""
    with ThreadPoolExecutor(len(wire.shards())) as pool:
        return dict(zip(map(wire.name, wire.shards()), pool.map(_answers, wire.shards()), strict=True))


def _answers(url: str) -> bool:
    try:
        with workers.connection(url) as asked:
            asked.ping()
    except redis.RedisError:
        return False
    return True


def _frames() -> dict[str, Any]:
    """No release needs them, and a web process without some is better than none: they do not make it unready."""
    answers = list(shards().values())
    said = f"{answers.count(False)} of {len(answers)} Redis that carry live frames do not answer: what is shown comes from the database"
    where = "LIVE_REDIS_URLS" if settings.LIVE_REDIS_URLS else "REDIS_URL"
    return {"ok": True} if all(answers) else {"ok": False, "said": f"{said}; see {where}"}


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return {"ok": False, "said": "the database does not answer; see DATABASE_URL"}
    return {"ok": True}


def _redis() -> dict[str, Any]:
    return {"ok": True} if _answers(settings.REDIS_URL) else {"ok": False, "said": "Redis does not answer; see REDIS_URL"}


def _workers() -> dict[str, Any]:
    """Those that take runs and have shown themselves lately."""
    try:
        with workers.connection() as asked:
            known = workers.living(asked)
    except redis.RedisError:
        return {"ok": False, "said": "unknown without Redis"}
    fresh = [worker for worker in known if worker.is_fresh]
    silence = f": the last one was heard of {int(known[0].age)} s ago" if known else ""
    said = {} if fresh else {"said": f"no worker takes runs{silence}; start one"}
    return {"ok": bool(fresh), "count": len(fresh), "age": round(known[0].age, 1) if known else None, **said}


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
