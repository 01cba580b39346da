"""One played command: what it was called with, and how it speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.world import Host, World


@dataclass(slots=True)
class Play:
    """One played command. `out` and `error` send text at once; `killed` tells whether the process has gone meanwhile.

    `settings`: of its environment, what begins with AWS_.
    """

    world: World
    host: Host
    argv: Sequence[str]  # the name first
    cwd: Path
    out: Callable[[str], None]
    error: Callable[[str], None]
    killed: Callable[[], bool]
    settings: Mapping[str, str] = field(default_factory=dict)
