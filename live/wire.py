"""The process's connections to Redis for rings and frames: short deadlines, for a person or a running release waits behind them.

Frames go over LIVE_REDIS_URLS, each channel over one of them; everything else, and all of it where none is named, over REDIS_URL.
`keep_alive` is for those that wait long for what comes: a machine that is cut off says nothing, and is given up after some ten seconds.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

_KEEP_ALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}  # s, s, times, ms
_clients: dict[str, redis.Redis] = {}


def client(url: str | None = None) -> redis.Redis:
    """REDIS_URL's, or that of `url`. One retry, for the connection that a restarted Redis has closed.

    A fork may use it: its pool opens connections of its own.
    """
    url = url or settings.REDIS_URL
    if url not in _clients:
        # Nothing is said of the library's version: that costs a trip with each connection, and a fork has a new one.
        _clients[url] = redis.Redis.from_url(
            url,
            socket_timeout=0.5,
            socket_connect_timeout=0.5,
            retry=Retry(NoBackoff(), 1),
            driver_info=None,
            **keep_alive(url),
        )
    return _clients[url]


def shards() -> Sequence[str]:
    """The addresses of those that carry frames."""
    return settings.LIVE_REDIS_URLS or [settings.REDIS_URL]


def shard_of(channel: str) -> str:
    """The address of the one that carries this channel's: the same in every process that has the same list."""
    found = shards()
    return found[crc32(channel.encode()) % len(found)]


def name(url: str) -> str:
    """Of a server, without its password."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else parts.netloc.rpartition("@")[2]


def keep_alive(url: str) -> dict[str, Any]:
    """Options of a connection; none for a unix socket. The kernel that has not all of them does what it can."""
    if url.startswith("unix:"):
        return {}
    options = {getattr(socket, name): value for name, value in _KEEP_ALIVE.items() if hasattr(socket, name)}
    return {"socket_keepalive": True, "socket_keepalive_options": options}
