"""The console's button in `bench.first_line`: for each line on its input plans and starts a run of one step with one command on a host.

    python -m bench._first_line_console WORD…

Prints {"began": CLOCK_MONOTONIC in seconds, "run": its number, "cookie": of somebody who is signed in}. The plan is there before the button
is pressed, as in life.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")
django.setup()

from django.test import Client  # noqa: E402

from people.models import Operator, Role  # noqa: E402
from runs import actions  # noqa: E402
from runs.models import Run  # noqa: E402
from runs.plan import Act, Plan, Step  # noqa: E402


def press(argv: tuple[str, ...]) -> None:
    person = Operator.objects.create_user(username="bench", role=Role.RELEASER)
    client = Client()
    client.force_login(person)
    last: int | None = None
    for _ in sys.stdin:
        act = Act("host.command", "command", "fe-1", argv, params={"ip": "fe-1", "instance_id": "i-0"})
        value = Plan("release", "Bench", "magento", "production", uuid.uuid4().hex, (Step("one", "One", (act,)),))
        plan = actions.save_plan(value, by=person)
        while last is not None and Run.objects.get(pk=last).is_active:
            time.sleep(0.02)
        time.sleep(0.3)  # the worker is back at its queue
        began = time.monotonic()
        run = actions.start_run(plan, hash=plan.hash, idempotency_key=uuid.uuid4().hex, by=person)
        last = run.number
        print(json.dumps({"began": began, "run": run.number, "cookie": client.cookies["sessionid"].value}), flush=True)


if __name__ == "__main__":
    press(tuple(sys.argv[1:]))
