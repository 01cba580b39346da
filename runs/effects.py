"""What the engine asks of an effect, and the register of those who know how.

The packages above register their kinds when the app starts (`register`); the engine looks them up by the act's `kind`. Every kind has a
probe: a question to the world, never to memory. An effect without a probe is not finished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from runs.plan import Act


@dataclass(frozen=True, slots=True)
class Done:
    """The world proves that it happened and went well. `said` is one line for a person, `answer` goes into the effect's row."""

    said: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The world proves that it happened and went wrong, or was refused."""

    said: str
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """It is under way. `ask_again` is how many seconds to wait before the next probe (0: at once, the probe itself followed it).

    Not `certain`: nothing of it is to be seen, and the request may still arrive.
    """

    said: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    ask_again: float = 1.0
    certain: bool = True


@dataclass(frozen=True, slots=True)
class NotDone:
    """Certain: the world proves that it did not happen."""

    said: str = ""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """Nothing proves it either way: a person decides."""

    why: str


Finding = Done | Failed | Running | NotDone | CannotTell


class Out(Protocol):
    """Where output goes: bytes as they come from one host. Redacted, numbered, stored, then shown (`runs.log.Writer`)."""

    def write(self, data: bytes, *, offset: int | None = None) -> None:
        """`offset`: the byte offset behind `data` in the host's log file; stored with the lines, so that none is read twice."""

    def line(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What an effect may know of the run that it belongs to.

    `epoch` is the fencing number of whoever works on it. `intent_at` is when the effect's intent was committed (in a probe: what happened
    before is not ours); `again_at`, when it was committed once more, since nothing had come of it. `answer` is what is known so far, with
    "offset": up to this byte the host's log file is stored in ours. `cancelled` answers whether the person asked to abort meanwhile.
    """

    run: int
    epoch: int
    facts: Mapping[str, Any]
    intent_at: datetime
    answer: Mapping[str, Any]
    out: Callable[[str], Out]  # by the host's name
    cancelled: Callable[[], bool]
    patience: float  # seconds for which a probe may follow what is running before it must come back
    pressed_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)  # the run: tells it from one of its number in a database that begins anew
    key: str = ""  # the effect's: unique in the run, and only there; another one for another attempt
    attempt: int = 1
    again_at: datetime | None = None

    @property
    def asked_at(self) -> datetime:
        """When the last request was about to be made: only so long after it can a request no longer arrive."""
        return self.again_at or self.intent_at

    @property
    def reference(self) -> str:
        """Names what it leaves in the world. No other effect of any run has it, nor one of a database in which the numbers began anew."""
        return f"opsconsole-run-{self.run}-{self.pressed_at:%Y%m%d%H%M%S}-{self.key}"


class Kind(Protocol):
    """One way to change the world."""

    def probe(self, act: Act, context: Context) -> Finding:
        """Reads only, with a deadline. May follow running output for up to `context.patience` seconds."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        """One outside call with a deadline shorter than half a lease, or a start on the runner. Raises RemoteError.

        The answer is merged into the effect's row. The engine calls `probe` afterwards; nothing is done until that says so.
        """

    def cancel(self, act: Act, context: Context) -> str:
        """Stops it where that is possible; says in a sentence what it stopped and what it left. Raises RemoteError."""


_kinds: dict[str, Kind] = {}


def register(name: str, kind: Kind) -> None:
    if name in _kinds:
        raise ValueError(f"the effect {name} is registered twice")
    _kinds[name] = kind


def kind_of(act: Act) -> Kind:
    """Raises LookupError where nobody registered that kind (a plan of other code)."""
    try:
        return _kinds[act.kind]
    except KeyError:
        raise LookupError(f"nobody here knows the effect {act.kind}") from None


def kinds() -> Mapping[str, Kind]:
    return dict(_kinds)
