"""One call of `bin/magento`: where, with what, and how it speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.world import Host, World

_SLICE = 0.1  # real seconds: how soon a killed command stops


class Killed(Exception):
    """The process that plays `php` on the host has gone."""


@dataclass(slots=True)
class Call:
    world: World
    host: Host
    app: Path
    argv: list[str]  # the command's name first
    write: Callable[[str], None]
    killed: Callable[[], bool]

    @property
    def static(self) -> Path:
        return self.app / "pub/static"

    @property
    def options(self) -> list[str]:
        return self.argv[1:]

    def line(self, *lines: str) -> None:
        for line in lines:
            self.write(f"{line}\n")

    def error(self, *lines: str) -> None:
        self.line(*lines)

    def sleep(self, simulated_seconds: float) -> None:
        left = simulated_seconds
        while left > 0:
            if self.killed():
                raise Killed
            piece = min(left, max(_SLICE * self.world.clock.speed, simulated_seconds / 1000))
            self.world.clock.sleep(piece)
            left -= piece
        if self.killed():
            raise Killed

    def shown(self, path: Path) -> str:
        """The path as the host has it."""
        return "/" + str(path.relative_to(self.host.root))
