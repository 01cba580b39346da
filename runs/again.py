"""What “Go on from this step” would do: what is tried again, and what is done and is not. From the database; nothing is asked or changed.

What a kind of effect has to say of a second attempt is registered from above: Beanstalk, for one, never deploys to one host alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from runs.models import Effect, Step

_whole: dict[str, str] = {}


def register(kind: str, sentence: str) -> None:
    """`sentence` has a {target}."""
    _whole[kind] = sentence


@dataclass(frozen=True, slots=True)
class Again:
    tried: tuple[str, ...]  # targets whose effect failed: these alone are tried again
    asked: tuple[str, ...]  # targets whose effect is in doubt: asked first; begun only where it certainly did not happen
    kept: tuple[str, ...]  # targets where all is done: not repeated
    said: tuple[str, ...]  # what the kinds say of it


def again(step: Step) -> Again:
    """One query."""
    rows = list(step.effects.exclude(state=Effect.State.REPLACED).order_by("target", "pk"))
    failed = [row for row in rows if row.state == Effect.State.FAILED]
    doubtful = [row for row in rows if row.state not in (*Effect.FINISHED, Effect.State.FAILED)]
    left = {row.target for row in (*failed, *doubtful)}
    return Again(
        tried=_names(failed),
        asked=_names(doubtful),
        kept=_names([row for row in rows if row.target not in left]),
        said=tuple(dict.fromkeys(_whole[row.kind].format(target=row.target) for row in failed if row.kind in _whole)),
    )


def _names(rows: list[Effect]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.target for row in rows))
