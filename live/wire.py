"""The process's one connection to Redis for rings and frames: short deadlines, for a person or a running release waits behind it."""

from __future__ import annotations

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

_client: redis.Redis | None = None


def client() -> redis.Redis:
    """One retry, for the connection that a restarted Redis has closed. A fork may use it: its pool opens connections of its own."""
    global _client
    if _client is None:
        # Nothing is said of the library's version: that costs a trip with each connection, and a fork has a new one.
        _client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 1), driver_info=None
        )
    return _client
