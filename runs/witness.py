"""What the console remembers beside its database: how far each run had come. So it sees that a database is an old one put back.

The number of a run's last change (`Run.revision`) is written behind each change, into DATA_DIR and into Redis. A database that knows less
of a run than these do was restored: what the run did since the backup is not in it, and doing "the rest" would do it again. Nothing is ever
concluded from a witness that knows less.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection
from django.db.models import F, Max

from live.wire import client
from runs.models import Effect, Run, Step
from runs.plan import Plan

logger = logging.getLogger(__name__)

KEY, HIGHEST = "witness", "highest"
FORWARD = 1_000_000  # a fence on a host may stand at any number that was given since the backup
_NUMBER = struct.Struct("<q")
_lock = threading.Lock()


def saw(run: int, revision: int) -> None:
    """After the commit. Neither a full disk nor a lost Redis may hinder a run: a witness is a help."""
    try:
        with _lock, _open(os.O_RDWR | os.O_CREAT) as file:
            if _read(file, run) < revision:
                os.pwrite(file, _NUMBER.pack(revision), run * _NUMBER.size)
    except OSError as error:
        logger.warning("what run %s has done is not noted on the disk: %s", run, error)


def saw_too(pipeline: redis.client.Pipeline, run: int, revision: int) -> None:
    """Redis, on the trip of the frame that tells the pages."""
    pipeline.zadd(KEY, {str(run): revision, HIGHEST: run}, gt=True)


def ahead(run: int, revision: int) -> int | None:
    """The change that was seen of a run whose database knows of `revision` alone; None where nothing more was seen.

    Nothing is proven by it before the database was read once more, behind this: a change may have been made since `revision` was read.
    """
    seen = max(_on_disk(run), _in_redis(str(run)))
    return seen if seen > revision else None


def doubt(run: Run, seen: int, why: str = "") -> None:
    """The run's state is not that of the world. All that may have been done since is asked of the world before anything else is done.

    Inside a transaction that holds the run's row. A person reads what is found, and decides.
    """
    plan = Plan.from_json(run.plan.document)
    known = {row.act for row in Effect.objects.filter(run=run)}
    for step, planned in zip(run.steps.order_by("position"), plan.steps, strict=True):
        if step.state in Step.FINISHED:
            continue
        began = run.started or run.created
        Effect.objects.filter(step=step, state=Effect.State.PLANNED).update(state=Effect.State.INTENT)
        Effect.objects.bulk_create(
            Effect(run=run, step=step, act=act.key, key=act.key, kind=act.kind, target=act.target, epoch=run.epoch, intent_at=began)
            for act in planned.acts
            if act.key not in known
        )
        Step.objects.filter(pk=step.pk).update(state=Step.State.UNKNOWN, started=step.started or began)
    said = why or (
        f"The database is older than this run: it knows {run.revision} of its changes, and {seen} were seen. It was put back from a backup."
    )
    said += " What the run has done since is not known here; look what is found in the world, then decide."
    changes = {"state": Run.State.UNKNOWN, "said": said, "revision": seen + 1, "epoch": F("epoch") + FORWARD}
    Run.objects.filter(pk=run.pk).update(**changes, lease_owner="", lease_until=0)


def doubted(epoch: int) -> bool:
    """By a run's fencing number: the database has been older than this run, so what the run says of itself is not all that it did."""
    return epoch >= FORWARD


def skip_used_numbers() -> None:
    """The next run gets a number that none has had: what a run leaves in the world bears its number.

    Inside the transaction that makes it. Costs nothing but a look where the database is as new as the witnesses.
    """
    seen = max(_highest_on_disk(), _in_redis(HIGHEST))
    if seen <= (Run.objects.aggregate(highest=Max("number"))["highest"] or 0):
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("UPDATE sqlite_sequence SET seq = max(seq, %s) WHERE name = 'run'", [seen])
            cursor.execute(
                "INSERT INTO sqlite_sequence SELECT 'run', %s WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'run')", [seen]
            )
        else:
            sequence = "pg_get_serial_sequence('run', 'number')"
            cursor.execute(f"SELECT setval({sequence}, greatest(nextval({sequence}), %s))", [seen])


def place() -> Path:
    """Eight bytes for each run, at its number."""
    return Path(settings.DATA_DIR) / "witness"


@contextmanager
def _open(how: int) -> Iterator[int]:
    file = os.open(place(), how, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def _read(file: int, run: int) -> int:
    found = os.pread(file, _NUMBER.size, run * _NUMBER.size)
    return int(_NUMBER.unpack(found)[0]) if len(found) == _NUMBER.size else 0


def _on_disk(run: int) -> int:
    try:
        with _open(os.O_RDONLY) as file:
            return _read(file, run)
    except OSError:
        return 0


def _highest_on_disk() -> int:
    try:
        return max(0, place().stat().st_size // _NUMBER.size - 1)
    except OSError:
        return 0


def _in_redis(name: str) -> int:
    try:
        return int(client().zscore(KEY, name) or 0)
    except redis.RedisError:
        return 0
