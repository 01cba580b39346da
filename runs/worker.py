"""The worker: RQ's, but for what it may call, whom it survives, and what it does when Redis goes away.

- A job is one listed function with one whole number. Callbacks, instances, webhooks, retries and repeats that somebody wrote into Redis are
  not looked at: Redis is a doorbell, and nobody gets in by ringing it.
- The work-horse dies with its parent. RQ's would go on alone, beside the one that takes over.
- What takes long to import is imported once, before the fork; no database connection is carried across it. The fork is made before there is
  a job for it (`runs.spare`).
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import os
import random
import signal
import time
from contextlib import suppress
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from redis import Redis
from rq import Queue, Worker, worker_registration
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer

from live.wire import client, keep_alive
from remote.aws import session
from remote.errors import RemoteError
from runs import doorbell, engine, spare
from runs.spare import Spare

logger = logging.getLogger(__name__)

MAY_CALL = frozenset({doorbell.TICK})
_RQ_EARLIER = 15  # seconds by which RQ's idle worker is earlier than its time to live
_PR_SET_PDEATHSIG = 1


class NotAllowed(Exception):
    """A job in Redis asks for something that no worker does."""


class TickJob(Job):
    """A job as it is allowed to be, whatever stands in Redis."""

    def restore(self, raw_data: Any) -> Any:
        restored = super().restore(raw_data)
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []
        self.retries_left = self.repeats_left = None
        self._dependency_ids = []
        return restored

    @property
    def instance(self) -> None:
        return None

    @instance.setter
    def instance(self, value: object) -> None:
        """None is ever used."""

    def perform(self) -> Any:
        arguments, named = self.args, self.kwargs
        if self.func_name not in MAY_CALL or named or len(arguments) != 1 or type(arguments[0]) is not int:
            raise NotAllowed(f"the job {self.id} asks for {self.func_name!r}")
        return super().perform()


class TickWorker(Worker):
    """One tick at a time, each in a fork; the next fork waits already."""

    job_class = TickJob
    max_connection_wait_time = 5.0  # after an outage of a minute RQ would wait for another one
    asked_to_end = False
    _spare: Spare | None = None

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> tuple[Job, Queue] | None:
        if self._spare is None:
            connections.close_all()
            parent = os.getpid()
            self._spare = spare.fork(lambda: self._become_ready(parent), self._work_as_horse)
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        waiting, self._spare = self._spare, None
        if waiting is None:
            raise RuntimeError("a job was taken without a work-horse for it")
        self._horse_pid = waiting.pid
        with suppress(BrokenPipeError):  # it has died; whoever waits for it finds that
            waiting.send(job.id, self.execution.id if self.execution else "")

    def _become_ready(self, parent: int) -> None:
        """What a tick does first is done for the first time now: connecting, and touching the pages that are the parent's, too."""
        _die_with(parent)
        random.seed()
        with suppress(DatabaseError, InterfaceError):
            engine.rehearse()
        with suppress(redis.RedisError):
            self.connection.ping()
            client().ping()

    def _work_as_horse(self, job_id: str, execution_id: str) -> None:
        for connection in connections.all(initialized_only=True):
            if not connection.is_usable():
                connection.close()
        job = self.job_class.fetch(job_id, connection=self.connection, serializer=self.serializer)
        execution = Execution.fetch(execution_id, job_id, connection=self.connection)
        self.execution = execution
        self.main_work_horse(job, self.queues[0])

    def perform_job(self, *job: Any) -> bool:
        """A work-horse ends without what Python does at the end of a process: handlers that send later are asked to send now."""
        try:
            return bool(super().perform_job(*job))
        finally:
            logging.shutdown()

    def handle_exception(self, job: Job, *fault: Any) -> None:
        """RQ would put the traceback into its words: here it is the record's own, for whoever reads that."""
        logger.error("the job %s met a fault in the code", job.id, exc_info=fault)

    def teardown(self) -> None:
        waiting, self._spare = self._spare, None
        if waiting is not None:
            waiting.end()
        super().teardown()  # type: ignore[no-untyped-call]

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]
        signal.signal(signal.SIGTERM, lambda *_: engine.hand_over())

    def request_stop(self, signum: Any, frame: Any) -> None:
        """The tick that runs hands its run over, and then this ends."""
        self.asked_to_end = True
        if self.horse_pid:
            os.kill(self.horse_pid, signal.SIGTERM)
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Also to a Redis that does not know this worker any more: it lost everything, or heard nothing of it for too long."""
        if not self.connection.sismember(self.redis_workers_keys, self.key):
            with self.connection.pipeline() as again:
                again.hset(self.key, mapping={**self.serialize(), "state": self.get_state()})
                worker_registration.register(self, again)
                again.execute()
        super().heartbeat(timeout, pipeline)

    def maintain_heartbeats(self, job: Job, execution: Any) -> None:
        """Redis may be away while a tick works: that is no reason to end it."""
        try:
            super().maintain_heartbeats(job, execution)
        except redis.RedisError as error:
            logger.warning("Redis is away while run %s is worked on: %s", job.args, error)


def work(*, burst: bool = False) -> None:
    """Until asked to end. Comes back by itself when Redis does: a lost Redis has cost nothing but the wait."""
    _import_what_takes_long()
    wait = 0.5
    with suppress(StopRequested):  # asked to end between two of them
        worker = None
        while worker is None or not worker.asked_to_end:
            began = time.monotonic()
            try:
                worker = _worker()
                worker.work(burst=burst, logging_level="WARNING")
                if burst:
                    return
            except redis.RedisError as error:  # also where it was asked to end, and could not sign off
                logger.warning("no Redis: %s; trying again in %.1f s", error, wait)
            if worker is None or not worker.asked_to_end:
                wait = 0.5 if time.monotonic() - began > 30 else min(2 * wait, 10.0)
                time.sleep(wait)


def _worker() -> TickWorker:
    connection = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, **keep_alive(settings.REDIS_URL))
    queue = Queue(doorbell.QUEUE, connection=connection, serializer=JSONSerializer, job_class=TickJob)
    worker = TickWorker(
        [queue],
        connection=connection,
        serializer=JSONSerializer,
        job_class=TickJob,
        job_monitoring_interval=doorbell.BEAT_SECONDS,
        worker_ttl=doorbell.BEAT_SECONDS + _RQ_EARLIER,
    )
    worker.version = settings.CODE_VERSION  # RQ would tell its own
    return worker


def _die_with(parent: int) -> None:
    """The kernel kills this process when its parent ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it had ended before the line above
        os._exit(75)


def _import_what_takes_long() -> None:
    """Clients of AWS, the door to the hosts, and what Django makes when a query is first asked; the effects are there already."""
    try:
        session.prepare()
    except RemoteError as error:
        logger.warning("no clients of AWS could be made beforehand: %s", error)
    importlib.import_module("remote.ssh.client")
    importlib.import_module("runs.tasks")
    try:
        engine.rehearse()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the database is away: %s", error)
    connections.close_all()
    gc.collect()
    gc.freeze()  # the collector of a fork does not touch, and so does not copy, what is shared with the parent
