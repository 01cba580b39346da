"""Fills the database that the settings name with years of work, and prints {"cookie": …, "run": …}: a session and the run with most lines.

python -m bench._pages_filled SHARE      SHARE 1.0: 50,000 runs, 5,000,000 log lines, 2,000 hosts, 1,000,000 transitions
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from estate.models import BeanstalkEnvironment, BeanstalkEvent, Host, ShopAnswer, Watched  # noqa: E402
from estate.reading import current  # noqa: E402
from monitoring.alarms.models import Alarm, Reading, Transition  # noqa: E402
from people.models import AuditEntry, Operator, Role  # noqa: E402
from runs.models import LogChunk, LogHead, Plan, Run, Step  # noqa: E402

RUNS, LINES, HOSTS, TRANSITIONS = 50_000, 5_000_000, 2_000, 1_000_000
IN_A_CHUNK, PLANS, STEPS, LONGEST = 100, 500, 8, 0.04  # of all lines in the run with most
AT_ONCE = 5_000
LINE = "[2026-11-10T01:54:31.207Z] INFO [14842] AppDeployStage0 generated 66 % of 396.0 MiB in {} ms"
NOW = timezone.now()
chance = random.Random(1)


def store(model: Any, rows: Iterator[Any]) -> None:
    model.objects.bulk_create(rows, batch_size=AT_ONCE)


def plans(by: Operator) -> list[Plan]:
    steps = [
        {"key": f"s{n}", "title": f"Step {n}", "note": "", "seconds": 60, "where": "fe-1", "acts": [], "text": "x" * 3000}
        for n in range(STEPS)
    ]
    targets = current().targets
    made = []
    for number in range(PLANS):
        target = targets[number % len(targets)]
        made.append(
            Plan(
                kind="release",
                title=f"Release {target.service}, r{number}",
                service=target.service,
                environment=target.environment.key,
                lock_group=target.lock_group,
                document={"steps": steps, "facts": {}},
                hash="0" * 64,
                code_version="bench",
                made_by=by,
            )
        )
    return Plan.objects.bulk_create(made)


def runs(made: list[Plan], by: Operator, count: int) -> Iterator[Run]:
    for number in range(1, count + 1):
        plan, began = made[number % len(made)], NOW - timedelta(minutes=20 * (count - number))
        held = number == count
        state = Run.State.RUNNING if held else Run.State.FAILED if number % 17 == 0 else Run.State.SUCCEEDED
        yield Run(
            number=number,
            plan=plan,
            kind="bench" if held else "release",
            title=plan.title,
            service=plan.service,
            environment=plan.environment,
            lock_group=plan.lock_group,
            code_version="bench",
            state=state,
            requested_by=by,
            created=began,
            started=began,
            ended=None if held else began + timedelta(minutes=9),
            holds_lock=held,
            idempotency_key=f"bench-{number}",
            wake_at=0 if not held else 1e12,
            lease_until=1e12 if held else 0,
        )


def steps(count: int) -> Iterator[Step]:
    for run in range(1, count + 1):
        for position in range(1, STEPS + 1):
            yield Step(
                run_id=run,
                position=position,
                key=f"s{position - 1}",
                title=f"Step {position}",
                state=Step.State.DONE if run < count else Step.State.PLANNED,
            )


def chunks(share: int, count: int, longest: int) -> Iterator[LogChunk]:
    """`share` lines each, `longest` in the last run."""
    for run in range(1, count + 1):
        lines = longest if run == count else share
        for first in range(1, lines + 1, IN_A_CHUNK):
            text = "\n".join(LINE.format(number) for number in range(first, first + IN_A_CHUNK))
            yield LogChunk(run_id=run, seq_first=first, seq_last=first + IN_A_CHUNK - 1, host=f"fe-{first % 4}", time=NOW, text=text)


def hosts(count: int) -> Iterator[Host]:
    """Twelve behind each tier that is released to; the others are those of other services, and of those that have gone in years."""
    tiers = [(target, tier) for target in current().targets for tier in target.tiers]
    for number in range(count):
        target, tier = tiers[number % len(tiers)]
        known = number < 12 * len(tiers)
        yield Host(
            instance_id=f"i-{number:017x}",
            name=f"{tier.key}-{number}",
            environment=target.environment.key,
            service=target.service,
            tier=tier.key,
            beanstalk=tier.beanstalk if known else f"other-{number % 200}",
            private_ip=f"10.0.{number // 250}.{number % 250 + 1}",
            zone="eu-west-3a",
            state="running",
            health_status="Ok",
            version="r417-3f80d2b",
            target_state="healthy",
            maintenance="off",
            maintenance_seen=NOW,
            seen=NOW,
            gone=None if number % 4 else NOW - timedelta(days=number % 900),
        )


def transitions(count: int) -> Iterator[Transition]:
    names = [*current().alarms] or ["one"]
    for number in range(count):
        yield Transition(
            alarm=names[number % len(names)],
            at=NOW - timedelta(seconds=90 * (count - number)),
            kind=Transition.Kind.STATE,
            old="OK" if number // len(names) % 2 else "ALARM",
            new="ALARM" if number // len(names) % 2 else "OK",
            summary="Alarm updated",
            reason="Threshold Crossed: 3 out of the last 3 datapoints were greater than the threshold (70.0).",
        )


def audit(count: int) -> Iterator[AuditEntry]:
    """Numbers far from those that are written meanwhile: the chain is not what is measured."""
    for number in range(1_000_000, 1_000_000 + count):
        yield AuditEntry(
            number=number,
            time=NOW - timedelta(minutes=5 * (1_000_000 + count - number)),
            action="effect",
            result="done",
            run=number % 50_000,
            who="viewer",
            target="beanstalk.update on client-magento-prod",
            why="deployed",
            seal="0" * 64,
            digest="0" * 64,
        )


def estate() -> None:
    names = {tier.beanstalk for target in current().targets for tier in target.tiers}
    facts = {"application": "client", "version": "r417-3f80d2b", "status": "Ready", "health": "Green", "health_status": "Ok", "seen": NOW}
    store(BeanstalkEnvironment, (BeanstalkEnvironment(name=name, **facts) for name in names))
    events = [(name, number) for name in sorted(names) for number in range(5_000)]
    store(
        BeanstalkEvent,
        (
            BeanstalkEvent(environment=name, time=NOW - timedelta(minutes=n), severity="INFO", message="Done", digest=f"{name}{n}"[-64:])
            for name, n in events
        ),
    )
    shops = [target for target in current().targets if target.shop]
    store(
        ShopAnswer,
        (
            ShopAnswer(service=t.service, environment=t.environment.key, time=NOW - timedelta(seconds=n), state="open", seconds=0.4)
            for t in shops
            for n in range(20_000)
        ),
    )
    store(Watched, (Watched(name=f"beanstalk:{name}", tried=NOW, answered=NOW) for name in sorted(names)))
    Reading.objects.create(through=NOW, answered=NOW)
    store(Alarm, (Alarm(name=name, definition={}, state="OK", since=NOW, changed=NOW, seen=NOW) for name in current().alarms))


def main(share: float) -> None:
    call_command("migrate", verbosity=0)
    viewer = Operator.objects.create_user(username="viewer", password="long-enough-for-it", role=Role.ADMIN)  # noqa: S106
    count, lines = round(RUNS * share), round(LINES * share)
    longest = round(lines * LONGEST / IN_A_CHUNK) * IN_A_CHUNK
    each = max(IN_A_CHUNK, (lines - longest) // count // IN_A_CHUNK * IN_A_CHUNK)
    store(Run, runs(plans(viewer), viewer, count))
    store(Step, steps(count))
    store(LogChunk, chunks(each, count, longest))
    store(LogHead, (LogHead(run_id=number, next_seq=1 + (longest if number == count else each)) for number in range(1, count + 1)))
    store(Host, hosts(round(HOSTS * max(share, 0.1))))
    store(Transition, transitions(round(TRANSITIONS * share)))
    store(AuditEntry, audit(round(RUNS * 4 * share)))
    estate()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = Client()
    client.force_login(viewer)
    print(json.dumps({"cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}", "run": count}))


if __name__ == "__main__":
    main(float(sys.argv[1]))
