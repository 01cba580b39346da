"""A look by the scheduler at one server. While AWS throttles, each asks once, and pauses twice as long as before, up to a minute.

The pauses are this process's own, by a clock that nobody sets: whoever becomes the scheduler after it begins without any.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from access.models import Seen
from access.place import NotConfigured
from remote.aws.session import without_retries
from remote.errors import RemoteError, Throttled

_LONGEST = 60.0  # seconds
_pauses: dict[str, _Pause] = {}


@dataclass(frozen=True, slots=True)
class _Pause:
    length: float
    until: float  # by time.monotonic


def is_pausing(name: str) -> bool:
    return name in _pauses


def look(name: str, ask: Callable[[], object], *, every: float) -> None:
    """An answer that does not come is stored as such in row `name`; the page says how old the last one is."""
    pause = _pauses.get(name)
    if pause and time.monotonic() < pause.until:
        return
    try:
        with without_retries(when=pause is not None):
            ask()
    except Throttled as error:
        length = min(2 * (pause.length if pause else every), _LONGEST)
        _pauses[name] = _Pause(length, time.monotonic() + length)
        _failed(name, error)
    except RemoteError as error:
        _pauses.pop(name, None)
        _failed(name, error)
    except NotConfigured:
        return
    else:
        _pauses.pop(name, None)


def _failed(name: str, error: RemoteError) -> None:
    Seen.objects.filter(name=name).update(error=error.told)
