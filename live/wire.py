"""The process's one connection to Redis for rings and frames: short deadlines, for a person or a running release waits behind it."""

from __future__ import annotations

import os

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

_client: redis.Redis | None = None
_client_of = 0  # the process that made it: a connection is not shared across a fork


def client() -> redis.Redis:
    """One retry, for the connection that a restarted Redis has closed."""
    global _client, _client_of
    if _client is None or _client_of != os.getpid():
        _client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 1))
        _client_of = os.getpid()
    return _client
