"""Sends frames on their way to the browsers. A frame is a hint: whoever misses it reads the database.

So nothing here fails when a Redis is away; it is counted.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis
from django.conf import settings

from live.wire import client, name, shard_of

logger = logging.getLogger(__name__)

PREFIX = "live:"
AWAY_SECONDS = 1.0  # after a failure nothing is tried for so long: a writer must not wait for a dead Redis with each chunk
lost = 0  # frames that a Redis did not take, in this process
_away_until: dict[str, float] = {}  # by address; one that took the last frame is not in it


def publish(channel: str, frame: Mapping[str, Any]) -> bool:
    """To all who watch `channel` ("run:418", "now"). Never raises because of Redis; False says that it was lost."""
    return publish_all([channel], frame)


def publish_all(
    channels: Sequence[str], frame: Mapping[str, Any], *, also: Callable[[redis.client.Pipeline], object] | None = None
) -> bool:
    """The same frame on several channels, in one trip to each Redis that carries some of them.

    `also` puts what is to go with it on the trip to REDIS_URL's, which is one of its own where that carries none of them.
    """
    trips: dict[str, list[str]] = {}
    for channel in channels:
        trips.setdefault(shard_of(channel), []).append(channel)
    if also is not None:
        trips.setdefault(settings.REDIS_URL, [])
    text = json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
    taken = True
    for url in sorted(trips, key=lambda each: _away_until.get(each, 0.0)):  # nobody waits behind one that failed the last time
        with_it = also if url == settings.REDIS_URL else None
        taken = (_send(url, trips[url], text, with_it) or not trips[url]) and taken
    return taken


def _send(url: str, channels: Sequence[str], text: str, also: Callable[[redis.client.Pipeline], object] | None) -> bool:
    global lost
    if time.monotonic() < _away_until.get(url, 0.0):
        lost += bool(channels)
        return False
    try:
        with client(url).pipeline(transaction=False) as pipeline:
            for channel in channels:
                pipeline.publish(PREFIX + channel, text)
            if also is not None:
                also(pipeline)
            pipeline.execute()
    except redis.RedisError as error:
        lost += bool(channels)
        _away_until[url] = time.monotonic() + AWAY_SECONDS
        logger.warning("%s took no frame for %s (%s lost so far): %s", name(url), ", ".join(channels) or "nobody", lost, error)
        return False
    _away_until.pop(url, None)
    return True
