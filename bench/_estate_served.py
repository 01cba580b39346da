"""Each page in one process on the database that DATABASE_URL names, and an empty view behind the same sign-in, in turns.

Prints {page: [p95, p95 of the empty view]} in seconds.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module

from django.urls import path

from bench._dashboard_served import _p95, _seconds, empty
from bench._estate import PAGES, SERVICES, fill


def main(hosts: int, resources: int, rounds: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")
    import_module("opsconsole.asgi")  # as the web process begins
    from django.core.management import call_command  # noqa: PLC0415 (after Django is set up)
    from django.test import Client  # noqa: PLC0415 (after Django is set up)

    from opsconsole import urls  # noqa: PLC0415 (after Django is set up)
    from people.models import Operator, Role  # noqa: PLC0415 (after Django is set up)
    from people.views import may_view  # noqa: PLC0415 (after Django is set up)

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    fill(hosts=hosts // SERVICES, resources=resources)
    urls.urlpatterns.append(path("empty", may_view(empty)))
    client = Client(headers={"host": "localhost"})
    client.force_login(Operator.objects.create_user(username="bench", password="bench-long-enough", role=Role.VIEWER))  # noqa: S106
    found: dict[str, tuple[float, float]] = {}
    for page in PAGES:
        ours: list[float] = []
        nothing: list[float] = []
        for _ in range(rounds):
            ours.append(_seconds(client, page))
            nothing.append(_seconds(client, "/empty"))
        found[page] = _p95(ours), _p95(nothing)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:4]))
