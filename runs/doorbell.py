"""Rings: at the pages that watch a run (look again), and at the workers (there is something to do). Both may get lost without harm.

With the first goes the note of how far the run has come (`runs.witness`).
"""

from __future__ import annotations

import logging

import redis
from rq import Queue
from rq.serializers import JSONSerializer

from live.publish import publish_all
from live.wire import client
from runs import witness

logger = logging.getLogger(__name__)

QUEUE = "runs"
TICK = "runs.tasks.tick"
BEAT_SECONDS = 4  # so often does a worker show itself in Redis, idle or at work


def channel(number: int) -> str:
    return f"run:{number}"


def state_changed(number: int, revision: int) -> None:
    """`revision` goes up with each change of the run: a page that has it need not look."""
    frame = {"kind": "state", "run": number, "version": revision}
    witness.saw(number, revision)
    publish_all([channel(number), "now"], frame, also=lambda pipeline: witness.saw_too(pipeline, number, revision))


def ring(number: int) -> bool:
    """Asks any worker to take the run up. False where Redis is away: the scheduler asks again."""
    try:
        # No result, no retry, no timeout of RQ's: the run's own deadlines and its lease decide.
        queue().enqueue(TICK, number, job_timeout=-1, result_ttl=0, failure_ttl=3600, description=f"run {number}")
    except redis.RedisError as error:
        logger.warning("no worker could be rung for run %s: %s", number, error)
        return False
    return True


def queue() -> Queue:
    """The queue of ticks."""
    return Queue(QUEUE, connection=client(), serializer=JSONSerializer)
