"""Sends frames on their way to the browsers. A frame is a hint: whoever misses it reads the database.

So nothing here fails when Redis is away; it is counted.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis

from live.wire import client

logger = logging.getLogger(__name__)

PREFIX = "live:"
AWAY_SECONDS = 1.0  # after a failure nothing is tried for so long: a writer must not wait for a dead Redis with each chunk
lost = 0  # frames that Redis did not take, in this process
_away_until = 0.0


def publish(channel: str, frame: Mapping[str, Any]) -> bool:
    """To all who watch `channel` ("run:418", "now"). Never raises because of Redis; False says that it was lost."""
    return publish_all([channel], frame)


def publish_all(
    channels: Sequence[str], frame: Mapping[str, Any], *, also: Callable[[redis.client.Pipeline], object] | None = None
) -> bool:
    """The same frame on several channels, in one trip; `also` puts what is to go with it on the same."""
    global lost, _away_until
    if time.monotonic() < _away_until:
        lost += 1
        return False
    try:
        text = json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
        with client().pipeline(transaction=False) as pipeline:
            for channel in channels:
                pipeline.publish(PREFIX + channel, text)
            if also is not None:
                also(pipeline)
            pipeline.execute()
    except redis.RedisError as error:
        lost += 1
        _away_until = time.monotonic() + AWAY_SECONDS
        logger.warning("Redis took no frame for %s (%s lost so far): %s", channels[0], lost, error)
        return False
    return True
