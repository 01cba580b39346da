"""What a drawing is made of: things as nodes and boxes of a size, lines between them, and how a thing is told in two lines. Values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from handover.checks.seen import counted
from handover.estate_rows import card_of
from handover.relations import Id, Thing

MOST = 14  # drawn in one box or column; the rest are counted
NODE, ROW, HEAD, PAD, GAP = 28, 34, 30, 10, 14


@dataclass(frozen=True, slots=True)
class Node:
    """`light` is the state that was observed: ok, warn, bad or unknown."""

    id: str
    url: str
    label: str
    sub: str
    light: str
    x: int
    y: int
    width: int
    height: int = NODE


@dataclass(frozen=True, slots=True)
class Box:
    id: str
    title: str
    x: int
    y: int
    width: int
    height: int
    nodes: tuple[Node, ...] = ()
    more: int = 0  # hosts that are not drawn

    @property
    def more_y(self) -> int:
        return self.y + self.height - 8


class Head(NamedTuple):
    title: str
    x: int
    y: int
    more: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """`path`: as SVG writes it. `sources` and `target` are ids of nodes and boxes."""

    path: str
    sources: str
    target: str
    said: str
    light: str
    may: bool


class Place(NamedTuple):
    """Where lines begin and end: the middle of its sides."""

    x: int
    y: int
    width: int
    middle: int


def id_of(of: Id) -> str:
    return "/".join(of)


def box(id_: str, title: str, rows: Sequence[Thing], x: int, y: int, width: int, *, more: int = 0) -> Box:
    """`more`: so many have not been read."""
    nodes = tuple(node(row, x + PAD, y + HEAD + number * ROW, width - 2 * PAD) for number, row in enumerate(rows[:MOST]))
    more += len(rows) - len(nodes)
    return Box(id_, title, x, y, width, height_of(len(nodes), more), nodes, more)


def height_of(nodes: int, more: int) -> int:
    return HEAD + max(nodes, 1) * ROW + (ROW // 2 if more else 0)


def node(row: Thing, x: int, y: int, width: int, *, label: str = "", sub: str = "", of: Id | None = None) -> Node:
    """`of`: what it is, where that is no thing of its own."""
    most, small = (width - 14) // 6, (width - 14) // 5
    url = card_of(row.kind)(row.key)
    return Node(id_of(of or row.id), url, (label or row.called)[:most], _sub(row, sub)[:small], _light(row), x, y, width)


def _sub(row: Thing, said: str) -> str:
    """What is not as it should be comes first, in words: a colour says it to some."""
    fact, good = _GOOD.get(row.kind, ("", None))
    state = str(row.facts.get(fact, "")) or "state unknown"
    said = said or about(row)
    return said if good is None or state == good else f"{state} · {said}"


def about(row: Thing) -> str:
    return _ABOUT[row.kind](row) if row.kind in _ABOUT else row.key


def _of_ports(row: Thing) -> str:
    ports = row.facts.get("ports", ())
    return f"{row.facts.get('type', '')}, port{'' if len(ports) == 1 else 's'} {', '.join(map(str, ports))}"


def _of_tunnels(row: Thing) -> str:
    tunnels = row.facts.get("tunnels", ())
    return f"{sum(tunnel['status'] == 'UP' for tunnel in tunnels)} of {len(tunnels)} tunnels up"


def _of_targets(row: Thing) -> str:
    targets = row.facts.get("targets", {})
    healthy = sum(state == "healthy" for state in targets.values())
    return f"{healthy} of {counted('target', len(targets))} healthy" if targets else "no targets"


_ABOUT: Mapping[str, Callable[[Thing], str]] = {
    "instance": lambda row: f"{row.facts.get('private_ip', '')} {row.facts.get('type', '')}",
    "database": lambda row: f"{row.facts.get('class', '')}{', Multi-AZ' if row.facts.get('multi_az') else ''}",
    "cache": lambda row: f"{counted('node', row.facts.get('nodes', 0))}, failover {row.facts.get('failover', '')}",
    "ipsec-link": _of_tunnels,
    "distribution": lambda row: str(row.facts.get("status", "")),
    "load-balancer": _of_ports,
    "target-group": _of_targets,
}
_GOOD = {
    "instance": ("state", "running"),
    "database": ("status", "available"),
    "cache": ("status", "available"),
    "nat-gateway": ("state", "available"),
}


def _light(row: Thing) -> str:
    if row.kind == "ipsec-link":
        statuses = {tunnel["status"] for tunnel in row.facts.get("tunnels", ())}
        return "ok" if statuses == {"UP"} else "warn" if "UP" in statuses else "bad" if statuses else "unknown"
    if row.kind == "target-group":
        healthy = [state == "healthy" for state in row.facts.get("targets", {}).values()]
        return "unknown" if not healthy else "ok" if all(healthy) else "warn" if any(healthy) else "bad"
    if row.kind in _GOOD:
        fact, good = _GOOD[row.kind]
        return "ok" if row.facts.get(fact) == good else "warn"
    return "ok"
