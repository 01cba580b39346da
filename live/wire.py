"""The process's one connection to Redis for rings and frames: short deadlines, for a person or a running release waits behind it.

`keep_alive` is for those that wait long for what comes: a machine that is cut off says nothing, and is given up after some ten seconds.
"""

from __future__ import annotations

import socket
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

_KEEP_ALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}  # s, s, times, ms
_client: redis.Redis | None = None


def client() -> redis.Redis:
    """One retry, for the connection that a restarted Redis has closed. A fork may use it: its pool opens connections of its own."""
    global _client
    if _client is None:
        # Nothing is said of the library's version: that costs a trip with each connection, and a fork has a new one.
        _client = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=0.5,
            socket_connect_timeout=0.5,
            retry=Retry(NoBackoff(), 1),
            driver_info=None,
            **keep_alive(),
        )
    return _client


def keep_alive() -> dict[str, Any]:
    """Options of a connection; none for a unix socket. The kernel that has not all of them does what it can."""
    if settings.REDIS_URL.startswith("unix:"):
        return {}
    options = {getattr(socket, name): value for name, value in _KEEP_ALIVE.items() if hasattr(socket, name)}
    return {"socket_keepalive": True, "socket_keepalive_options": options}
