"""The console's side of `bench.log`, each in a process with the console's environment:

prepare         a database with a run in it and somebody who is signed in; prints {"run": …, "cookie": …}
write RUN       for each line "COUNT RATE" on its input writes so many lines by the console's own writer (RATE 0: as fast as it goes),
                and prints the number of the last
"""

from __future__ import annotations

import json
import os
import sys
import uuid

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from bench._log_lines import lines  # noqa: E402
from people.models import Operator, Role  # noqa: E402
from runs import actions, reading  # noqa: E402
from runs.log import Log  # noqa: E402
from runs.plan import Act, Plan, Step  # noqa: E402


def prepare() -> None:
    call_command("migrate", verbosity=0)
    person = Operator.objects.create_user(username="bench", role=Role.RELEASER)
    steps = (Step("one", "One", (Act("none", "one", "fe-1"),)),)
    plan = actions.save_plan(Plan("release", "Bench", "magento", "production", uuid.uuid4().hex, steps), by=person)
    run = actions.start_run(plan, hash=plan.hash, idempotency_key=uuid.uuid4().hex, by=person)
    client = Client()
    client.force_login(person)
    print(json.dumps({"run": run.number, "cookie": client.cookies["sessionid"].value}))


def write(run: int) -> None:
    with Log(run) as log:
        out = log.out("fe-1")
        for asked in sys.stdin:
            count, rate = asked.split()
            for line in lines(int(count), float(rate)):
                out.write(line)
            log.flush()
            print(reading.last_number(run), flush=True)


if __name__ == "__main__":
    prepare() if sys.argv[1] == "prepare" else write(int(sys.argv[2]))
