"""The server's share, in one process: the figures of a dashboard and an empty view, behind the same middleware and sign-in, in turns.

Prints {"figures": p95, "empty": p95} in seconds.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import django
from django.http import HttpRequest, HttpResponse
from django.urls import path


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def main(name: str, user: str, rounds: int) -> None:
    django.setup()
    from django.test import Client  # noqa: PLC0415 (after Django is set up)

    from opsconsole import urls  # noqa: PLC0415 (after Django is set up)
    from people.models import Operator  # noqa: PLC0415 (after Django is set up)
    from people.views import may_view  # noqa: PLC0415 (after Django is set up)

    urls.urlpatterns.append(path("empty", may_view(empty)))
    client = Client(headers={"host": "localhost"})
    client.force_login(Operator.objects.get(username=user))
    figures: list[float] = []
    nothing: list[float] = []
    for _ in range(rounds):
        figures.append(_seconds(client, f"/monitoring/{name}/figures?span=1d"))
        nothing.append(_seconds(client, "/empty"))
    print(json.dumps({"figures": _p95(figures), "empty": _p95(nothing)}))


def _seconds(client: Any, address: str) -> float:
    begun = time.perf_counter()
    answer = client.get(address)
    seconds = time.perf_counter() - begun
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    return seconds


def _p95(seconds: list[float]) -> float:
    warm = sorted(seconds[len(seconds) // 10 :])
    return warm[int(0.95 * len(warm))]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
