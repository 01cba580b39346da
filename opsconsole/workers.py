"""The workers as Redis knows them: who takes runs, since when, when each was last heard of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import redis
from django.conf import settings
from rq import Worker
from rq.worker import BaseWorker

from runs import doorbell

FRESH_SECONDS = 3.0 * doorbell.BEAT_SECONDS  # two beats may be late on a busy machine; whoever misses three is not there, or cannot work
ANOTHER_VERSIONS_SECONDS = 120.0  # its beat is not known here: before this version an idle worker showed itself every 45 s


@dataclass(frozen=True, slots=True)
class Living:
    """`age` in seconds since it was last heard of."""

    name: str
    machine: str
    pid: int
    version: str
    age: float
    since: datetime | None
    busy: bool

    @property
    def is_fresh(self) -> bool:
        return self.age < (FRESH_SECONDS if self.version == settings.CODE_VERSION else ANOTHER_VERSIONS_SECONDS)

    @property
    def silence(self) -> str:
        return f"not heard of for {int(self.age)} s"


def connection(url: str | None = None) -> redis.Redis:
    """REDIS_URL's, or that of `url`, with short deadlines: pages wait for it."""
    return redis.Redis.from_url(url or settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=None)


def living(asked: redis.Redis) -> list[Living]:
    """The ones heard of last come first; RQ forgets one that is not heard of for some eighty seconds. Raises redis.RedisError."""
    now = datetime.now(UTC)
    found = [
        _living(worker, beat, now)
        for worker in Worker.all(connection=asked)
        if doorbell.QUEUE in worker.queue_names() and (beat := _in_utc(worker.last_heartbeat))
    ]
    return sorted(found, key=lambda each: each.age)


def queue_length(asked: redis.Redis) -> int:
    """Rings that nobody has taken yet; several may be for one run. Raises redis.RedisError."""
    return int(asked.llen(f"rq:queue:{doorbell.QUEUE}"))


def _living(worker: BaseWorker, beat: datetime, now: datetime) -> Living:
    return Living(
        name=worker.name,
        machine=worker.hostname or "",
        pid=worker.pid or 0,
        version=worker.version,
        age=(now - beat).total_seconds(),
        since=_in_utc(worker.birth_date),
        busy=worker.get_state() == "busy",
    )


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
