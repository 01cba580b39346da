"""What must reach the worker and be in no database: sealed with a key made of SECRET_KEY, in Redis, for a quarter of an hour at most.

Nothing of it is in the database or in a log. Who has Redis alone cannot read it; where Redis has forgotten it, the run says so and fails.
Where Redis writes an append-only file, the sealed value stays in that file until Redis rewrites it, and in copies of it for as long as
they are kept: who has such a copy and SECRET_KEY can open it, whatever the quarter of an hour says.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from redis.exceptions import RedisError

from live import wire
from remote.errors import Refused, Unreachable

SECONDS = 15 * 60
_GONE = "Begin again from the thing's card: what is handed in is kept for a quarter of an hour and not longer."


def put(content: dict[str, str]) -> str:
    """Its name, by which `take` finds it. Raises Unreachable."""
    name = secrets.token_hex(16)
    try:
        wire.client().set(_place(name), _seal().encrypt(json.dumps(content).encode()), ex=SECONDS)
    except RedisError as error:
        raise Unreachable(f"Redis does not take it: {error}", "Look at /readyz, then hand it in again.") from error
    return name


def take(name: str) -> dict[str, str]:
    """Raises Refused where it is no longer there, Unreachable where nobody can say."""
    try:
        found: Any = wire.client().get(_place(name))
    except RedisError as error:
        raise Unreachable(f"Redis does not answer: {error}", "Look at /readyz.") from error
    try:
        opened: dict[str, str] = json.loads(_seal().decrypt(found or b""))
    except (InvalidToken, ValueError):
        raise Refused("What was handed in is no longer held", _GONE) from None
    return opened


def forget(name: str) -> None:
    """It goes by itself where Redis is away."""
    try:
        wire.client().delete(_place(name))
    except RedisError:
        return


def _place(name: str) -> str:
    return f"sealed:{name}"


def _seal() -> MultiFernet:
    """Opens what was sealed before SECRET_KEY was changed, too."""
    return MultiFernet([_cipher(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _cipher(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"sealed " + key.encode()).digest()))
