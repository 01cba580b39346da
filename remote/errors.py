"""The one tree of errors that the outside world can cause.

    RemoteError
    ├── Refused              it said no: nothing happened, and asking again changes nothing
    │   ├── NotFound         the thing named does not exist
    │   ├── AlreadyExists    the name is taken
    │   ├── Busy             somebody else is at it (Beanstalk: "Must be Ready")
    │   ├── Denied           a permission or a credential is missing
    │   └── HostKeyRefused   the host's key is unknown or has changed
    ├── Throttled            too many calls: nothing happened, try again later
    ├── Unreachable          no connection: nothing happened, try again later
    └── Unanswered           the request went out and no answer came: it may have happened

Each error knows whether it is certain that nothing happened, whether trying again can help, and what a person does next.
"""

from __future__ import annotations


class RemoteError(Exception):
    """Base. `str(error)` names the thing; `next_step` says what to do now; `status` is HTTP's, where it ends a request to us."""

    status = 502
    nothing_happened = False
    try_again = False

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step

    @property
    def told(self) -> str:
        """What went wrong and what to do now, as sentences."""
        said = str(self).rstrip()
        stop = "" if said.endswith((".", "!", "?", ":")) else "."
        return f"{said}{stop} {self.next_step}".strip()


class Refused(RemoteError):
    """The other side said no."""

    status = 422
    nothing_happened = True


class NotFound(Refused):
    """The thing named does not exist there."""


class AlreadyExists(Refused):
    """The name is taken."""

    status = 409


class Busy(Refused):
    """Somebody else is changing the same thing."""

    status = 409
    try_again = True


class Denied(Refused):
    """A permission or a credential is missing or wrong."""

    status = 502


class HostKeyRefused(Refused):
    """The host showed a key that is not the pinned one, or none is pinned."""

    status = 502


class Throttled(RemoteError):
    """Too many calls; nothing happened."""

    status = 503
    nothing_happened = True
    try_again = True


class Unreachable(RemoteError):
    """No connection came about; nothing happened."""

    nothing_happened = True
    try_again = True


class Unanswered(RemoteError):
    """The request went out and no answer came, or the answer was a fault of the other side: it may have happened."""

    status = 504
    try_again = True
