"""Which TCP ports of an address answer, as seen from a host that is reached by SSH: the way of connections through a gateway."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from remote.errors import RemoteError
from remote.ssh.runner import Runner

PATIENCE = 3  # seconds for which a port may take to answer
DEADLINE = PATIENCE + 8.0  # seconds, with the way to the host that asks
_SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class Port:
    """`state`: open, closed (refused, or no answer in time) or unknown: it could not be asked, `said` has why."""

    number: int
    state: str
    said: str = ""


def ports(runner: Runner, via: str, address: str, numbers: Sequence[int]) -> list[Port]:
    """Asked side by side by netcat on `via`; opens each connection and closes it at once, sends nothing."""
    if not numbers:
        return []
    with ThreadPoolExecutor(min(_SIDE_BY_SIDE, len(numbers)), "ports") as pool:
        return list(pool.map(lambda number: _port(runner, via, address, number), numbers))


def _port(runner: Runner, via: str, address: str, number: int) -> Port:
    try:
        found = runner.probe(via, ("nc", "-z", "-w", str(PATIENCE), address, str(number)), deadline=DEADLINE)
    except RemoteError as error:
        return Port(number, "unknown", error.told)
    if found.rc == 0:
        return Port(number, "open")
    if found.rc == 1:
        return Port(number, "closed", f"no answer within {PATIENCE} s, or refused")
    said = (found.err or found.out).decode("utf-8", "replace").strip()
    missing = ". Is netcat installed there?" if found.rc == 127 else ""
    return Port(number, "unknown", f"nc on {via} ended with {found.rc}: {said[:200]}{missing}")
