"""The baseline of `bench.first_line`: a bare RQ job that runs the command over a warm connection and publishes what it prints.

python -m bench._first_line_plain worker     RQ's own forking worker
python -m bench._first_line_plain press      for each line on its input enqueues one job; prints when (CLOCK_MONOTONIC, seconds)
uvicorn bench._first_line_plain:application  hands what is published to its websockets
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from typing import Any

import redis
import redis.asyncio
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from remote.ssh.client import Door

CHANNEL = "lines"


def job(host: str, argv: list[str]) -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    for number, data in enumerate(Door(os.environ["SSH_BROKER"]).stream(host, argv), 1):
        client.publish(CHANNEL, f"{number} {number}\n{data.decode()}")


def press(argv: list[str]) -> None:
    queue = Queue("plain", connection=redis.Redis.from_url(os.environ["REDIS_URL"]), serializer=JSONSerializer)
    for _ in sys.stdin:
        began = time.monotonic()
        queue.enqueue("bench._first_line_plain.job", "fe-1", argv)
        print(began, flush=True)


def work() -> None:
    importlib.import_module("bench._first_line_plain")  # by the name that the job has, before the fork
    connection = redis.Redis.from_url(os.environ["REDIS_URL"])
    Worker(["plain"], connection=connection, serializer=JSONSerializer).work(logging_level="ERROR")


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    client = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)
    async with client, client.pubsub() as subscription:
        await subscription.subscribe(CHANNEL)
        while True:
            message = await subscription.get_message(timeout=60)
            if message and message["type"] == "subscribe":
                await send({"type": "websocket.accept"})
            elif message:
                await send({"type": "websocket.send", "text": message["data"].decode()})


if __name__ == "__main__":
    work() if sys.argv[1] == "worker" else press(sys.argv[2:])
